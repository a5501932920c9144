//! How surfaces answer light: one material for everything in the world, one for the sky.
//!
//! Both are small shaders of our own. The scene is lit by one sun (or moon), a sky and a ground, which a handful of
//! instructions compute; a physically based material costs several times as much on a software renderer and would show no
//! difference on cubes. Bevy's shadow maps are used as they are.

use bevy::{
    asset::{RenderAssetUsages, embedded_asset},
    image::ImageSampler,
    mesh::MeshVertexBufferLayoutRef,
    pbr::{MaterialPipeline, MaterialPipelineKey},
    prelude::*,
    render::{
        RenderApp,
        mesh::allocator::MeshAllocatorSettings,
        render_resource::{
            AsBindGroup, Extent3d, RenderPipelineDescriptor, ShaderType, SpecializedMeshPipelineError,
            TextureDimension, TextureFormat, TextureViewDescriptor, TextureViewDimension,
        },
    },
    shader::{ShaderRef, load_shader_library},
};
use bitdust_world::content::{TEXTURE_EDGE, Texture};

use crate::{
    model::sky::{linear, srgb},
    play::Blocks,
};

/// Bytes of a buffer that meshes share. Bevy makes one of up to half a gibibyte grow by half at a time: while it does, old and
/// new one are both there, and a third of the new one is empty. Beside each buffer it keeps a table of 131,072 pieces, 4 MiB,
/// so that many small ones cost as much.
const MESH_BUFFER_BYTES: u64 = 32 * 1024 * 1024;
/// Versions of a picture, each half as wide as the one before: 16, 8, 4, 2 and 1 pixels.
const PICTURE_LEVELS: u32 = 5;

/// Makes both materials known, and one instance of each kind.
pub struct MaterialsPlugin;

/// The light as shaders read it; `light.wgsl` explains the fields.
#[derive(Clone, Copy, Debug, Default, ShaderType, PartialEq)]
#[expect(missing_docs, reason = "explained in the shader")]
pub struct LightUniform {
    pub sun: Vec4,
    pub caster: Vec4,
    pub direct: Vec4,
    pub up: Vec4,
    pub down: Vec4,
    pub zenith: Vec4,
    pub horizon: Vec4,
    pub glow: Vec4,
    pub haze: Vec4,
    pub origin: IVec4,
}

/// What a [`VoxelMaterial`] is for; the numbers are the shader's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum What {
    /// Solid voxels.
    Ground = 0,
    /// Liquids, seen through.
    Water = 1,
    /// Crossed planes, seen from both sides.
    Plant = 2,
    /// The coarse lattice.
    Land = 3,
    /// People.
    Figure = 4,
    /// Solid voxels, seen through.
    Glass = 5,
}

/// Everything that stands in the world.
#[derive(Asset, AsBindGroup, TypePath, Clone, Debug)]
#[bind_group_data(Sides)]
pub struct VoxelMaterial {
    /// The light.
    #[uniform(0)]
    pub light: LightUniform,
    /// What is drawn, in the first part.
    #[uniform(1)]
    pub what: UVec4,
    /// What faces show that have pictures, one to a layer.
    #[texture(2, dimension = "2d_array")]
    #[sampler(3)]
    pub pictures: Option<Handle<Image>>,
}

/// Whether surfaces have two sides.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sides {
    two: bool,
}

impl From<&VoxelMaterial> for Sides {
    fn from(material: &VoxelMaterial) -> Self {
        Sides { two: material.what.x == What::Water as u32 || material.what.x == What::Plant as u32 }
    }
}

impl VoxelMaterial {
    /// For this purpose, in the dark until the light is set.
    pub fn new(what: What, pictures: Option<Handle<Image>>) -> Self {
        VoxelMaterial { light: LightUniform::default(), what: UVec4::new(what as u32, 0, 0, 0), pictures }
    }
}

impl Material for VoxelMaterial {
    fn fragment_shader() -> ShaderRef {
        "embedded://bitdust_viewer/scene/voxel.wgsl".into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        let seen_through = self.what.x == What::Water as u32 || self.what.x == What::Glass as u32;
        if seen_through { AlphaMode::Blend } else { AlphaMode::Opaque }
    }

    fn specialize(
        _: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        _: &MeshVertexBufferLayoutRef,
        key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        if key.bind_group_data.two {
            descriptor.primitive.cull_mode = None;
        }
        Ok(())
    }
}

/// The sky.
#[derive(Asset, AsBindGroup, TypePath, Clone, Debug, Default)]
pub struct SkyMaterial {
    /// The light.
    #[uniform(0)]
    pub light: LightUniform,
}

impl Material for SkyMaterial {
    fn vertex_shader() -> ShaderRef {
        "embedded://bitdust_viewer/scene/sky.wgsl".into()
    }

    fn fragment_shader() -> ShaderRef {
        "embedded://bitdust_viewer/scene/sky.wgsl".into()
    }

    fn enable_prepass() -> bool {
        false
    }

    fn enable_shadows() -> bool {
        false
    }

    fn specialize(
        _: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        _: &MeshVertexBufferLayoutRef,
        _: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        // It is seen from inside.
        descriptor.primitive.cull_mode = None;
        Ok(())
    }
}

/// The instances that everything shares: changing their light changes the scene's.
#[derive(Resource, Clone, Debug)]
#[expect(missing_docs, reason = "named after what they are for")]
pub struct Materials {
    pub ground: Handle<VoxelMaterial>,
    pub water: Handle<VoxelMaterial>,
    pub plant: Handle<VoxelMaterial>,
    pub land: Handle<VoxelMaterial>,
    pub figure: Handle<VoxelMaterial>,
    pub glass: Handle<VoxelMaterial>,
    pub sky: Handle<SkyMaterial>,
}

impl Materials {
    /// Sets the light of all.
    pub fn shine(&self, light: LightUniform, voxels: &mut Assets<VoxelMaterial>, skies: &mut Assets<SkyMaterial>) {
        for handle in [&self.ground, &self.water, &self.plant, &self.land, &self.figure, &self.glass] {
            if let Some(mut material) = voxels.get_mut(handle) {
                material.light = light;
            }
        }
        if let Some(mut material) = skies.get_mut(&self.sky) {
            material.light = light;
        }
    }
}

impl Plugin for MaterialsPlugin {
    fn build(&self, app: &mut App) {
        load_shader_library!(app, "light.wgsl");
        embedded_asset!(app, "voxel.wgsl");
        embedded_asset!(app, "sky.wgsl");
        app.add_plugins((MaterialPlugin::<VoxelMaterial>::default(), MaterialPlugin::<SkyMaterial>::default()));
        if let Some(render) = app.get_sub_app_mut(RenderApp) {
            let mut settings = MeshAllocatorSettings::default();
            settings.slab_allocator_settings.max_slab_size = MESH_BUFFER_BYTES;
            settings.slab_allocator_settings.large_threshold = MESH_BUFFER_BYTES / 2;
            render.insert_resource(settings);
        }
        let pictures = app.world().get_resource::<Blocks>().and_then(|blocks| image_of(blocks.0.pictures()));
        let pictures = pictures.map(|image| app.world_mut().resource_mut::<Assets<Image>>().add(image));
        let mut voxel = |what| {
            let material = VoxelMaterial::new(what, pictures.clone());
            app.world_mut().resource_mut::<Assets<VoxelMaterial>>().add(material)
        };
        let [ground, water, plant, land, figure, glass] =
            [What::Ground, What::Water, What::Plant, What::Land, What::Figure, What::Glass].map(&mut voxel);
        let sky = app.world_mut().resource_mut::<Assets<SkyMaterial>>().add(SkyMaterial::default());
        app.insert_resource(Materials { ground, water, plant, land, figure, glass, sky });
    }
}

/// An image with a layer for each picture; none without pictures.
fn image_of(pictures: &[Texture]) -> Option<Image> {
    let layers = u32::try_from(pictures.len()).ok().filter(|layers| *layers > 0)?;
    let edge = u32::from(TEXTURE_EDGE);
    let size = Extent3d { width: edge, height: edge, depth_or_array_layers: layers };
    let (dimension, format) = (TextureDimension::D2, TextureFormat::Rgba8UnormSrgb);
    let mut image = Image::new_uninit(size, dimension, format, RenderAssetUsages::RENDER_WORLD);
    image.data = Some(pictures.iter().flat_map(levels).collect());
    image.texture_descriptor.mip_level_count = PICTURE_LEVELS;
    image.sampler = ImageSampler::nearest();
    // One layer alone would count as a plain image.
    let view = TextureViewDescriptor { dimension: Some(TextureViewDimension::D2Array), ..default() };
    image.texture_view_descriptor = Some(view);
    Some(image)
}

/// A picture and its smaller versions, for whoever sees it from afar. Colours are means in linear light of what isn't seen
/// through.
fn levels(picture: &Texture) -> Vec<u8> {
    let mut bytes = picture.0.to_vec();
    let mut last: Vec<[u8; 4]> =
        picture.0.chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]]).collect();
    let mut edge = usize::from(TEXTURE_EDGE);
    while edge > 1 {
        edge /= 2;
        let at = |x: usize, y: usize| last[y * 2 * edge + x];
        let smaller: Vec<[u8; 4]> = (0..edge * edge)
            .map(|i| {
                let (x, y) = (2 * (i % edge), 2 * (i / edge));
                mean([at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)])
            })
            .collect();
        bytes.extend(smaller.as_flattened());
        last = smaller;
    }
    bytes
}

fn mean(pixels: [[u8; 4]; 4]) -> [u8; 4] {
    let opacity: f32 = pixels.iter().map(|pixel| f32::from(pixel[3])).sum();
    let mut sum = [0.0; 3];
    for [r, g, b, a] in pixels {
        let colour = linear([r, g, b]);
        sum = [0, 1, 2].map(|part| sum[part] + colour[part] * f32::from(a));
    }
    let [r, g, b] = if opacity > 0.0 { srgb(sum.map(|part| part / opacity)) } else { [0; 3] };
    [r, g, b, (opacity / 4.0).round() as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_seen_from_afar_is_the_mean_of_what_is_not_seen_through() {
        let mut pixels = Box::new([0; 16 * 16 * 4]);
        pixels.chunks_exact_mut(8).for_each(|pair| pair[..4].copy_from_slice(&[200, 100, 50, 255]));
        let bytes = levels(&Texture(pixels));
        assert_eq!(bytes.len(), 4 * (256 + 64 + 16 + 4 + 1));
        assert_eq!(bytes[bytes.len() - 4..], [200, 100, 50, 128], "half of it, and none of the holes' black");
    }

    #[test]
    fn every_picture_has_a_layer_and_no_picture_no_image() {
        assert!(image_of(&[]).is_none());
        let pictures: [Texture; 3] = std::array::from_fn(|_| Texture(Box::new([7; 16 * 16 * 4])));
        let image = image_of(&pictures).unwrap();
        assert_eq!(image.texture_descriptor.size.depth_or_array_layers, 3);
        assert_eq!(image.data.map(|data| data.len()), Some(3 * 4 * (256 + 64 + 16 + 4 + 1)));
    }
}
