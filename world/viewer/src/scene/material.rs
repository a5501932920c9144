//! How surfaces answer light: one material for everything in the world, one for the sky.
//!
//! Both are small shaders of our own. The scene is lit by one sun (or moon), a sky and a ground, which a handful of
//! instructions compute; a physically based material costs several times as much on a software renderer and would show no
//! difference on cubes. Bevy's shadow maps are used as they are.

use bevy::{
    asset::embedded_asset,
    mesh::MeshVertexBufferLayoutRef,
    pbr::{MaterialPipeline, MaterialPipelineKey},
    prelude::*,
    render::render_resource::{AsBindGroup, RenderPipelineDescriptor, ShaderType, SpecializedMeshPipelineError},
    shader::{ShaderRef, load_shader_library},
};

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
    pub fn new(what: What) -> Self {
        VoxelMaterial { light: LightUniform::default(), what: UVec4::new(what as u32, 0, 0, 0) }
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
        let mut voxel = |what| app.world_mut().resource_mut::<Assets<VoxelMaterial>>().add(VoxelMaterial::new(what));
        let [ground, water, plant, land, figure, glass] =
            [What::Ground, What::Water, What::Plant, What::Land, What::Figure, What::Glass].map(&mut voxel);
        let sky = app.world_mut().resource_mut::<Assets<SkyMaterial>>().add(SkyMaterial::default());
        app.insert_resource(Materials { ground, water, plant, land, figure, glass, sky });
    }
}
