//! From a chunk's neighbourhood to what a graphics card is fed with.
//!
//! `bitdust_world::mesh` finds the rectangles; here they get colours, and blocks with a model their boxes. Ambient occlusion
//! goes into the fourth part of a colour, so that the shader darkens what comes from the sky and leaves sunlight alone.
//!
//! A corner takes 16 bytes: its place (8), where its face looks (4), its colour (4). A wide view has millions of
//! them, which the device keeps for as long as they are seen. Places are in parts of [`SCALE`], which goes into the transform.

use std::cell::RefCell;

use bevy::{
    asset::RenderAssetUsages,
    math::bounding::Aabb3d,
    mesh::{Indices, MeshVertexAttribute, PrimitiveTopology, VertexAttributeValues, VertexFormat},
    prelude::*,
};
use bitdust_world::{
    BlockId, Chunk,
    block::{self, Kind},
    mesh::{Around, Face, Mesher, Neighbourhood, Plant, Quad},
};

use crate::model::{
    packed::PackedChunk,
    palette::Palette,
    residency::{Job, Neighbourhood as Chunks},
    sky::Srgb,
};

/// Parts of a metre that a corner's place is told in: whole metres and sixteenths are exact, and 32,767 of them are
/// a little more than a chunk.
const STEPS_PER_M: f32 = 992.0;
/// The metres that the device's 1 stands for in a corner's place: what the transform of a chunk's meshes is scaled by.
pub const SCALE: f32 = i16::MAX as f32 / STEPS_PER_M;
/// How open to the sky a corner is with ambient occlusion 0 to 3, in steps of the fourth part.
const OPEN: [f32; 4] = [13.0 / 32.0, 20.0 / 32.0, 26.0 / 32.0, 1.0];
/// The fourth part of the colour of what shines by itself; see `voxel.wgsl`.
const SHINES: f32 = 2.0;
/// What is added to the fourth part where a face has a picture, whose number is then the first part.
const PICTURE: f32 = 3.0;
/// A plant whose planes show a picture.
const PICTURE_PLANT: f32 = 7.0;
/// Steps of the fourth part, which ends below 8.
const FOURTH_STEPS: f32 = 32.0;

/// Bevy's position in parts of 32,767. It is three numbers to the shader, and four to the format.
const POSITION: MeshVertexAttribute =
    MeshVertexAttribute { format: VertexFormat::Snorm16x4, ..Mesh::ATTRIBUTE_POSITION };
/// Bevy's normal in parts of 127: six directions need no more.
const NORMAL: MeshVertexAttribute = MeshVertexAttribute { format: VertexFormat::Snorm8x4, ..Mesh::ATTRIBUTE_NORMAL };
/// Bevy's colour: three parts as screens take them, which the shader makes linear, and the fourth in [`FOURTH_STEPS`].
const COLOUR: MeshVertexAttribute = MeshVertexAttribute { format: VertexFormat::Unorm8x4, ..Mesh::ATTRIBUTE_COLOR };

/// The meshes of a chunk; `None` for what it doesn't have.
#[derive(Debug, Default)]
pub struct Surfaces {
    /// Cubes and leaves.
    pub ground: Option<Mesh>,
    /// Liquids.
    pub water: Option<Mesh>,
    /// Plants.
    pub plants: Option<Mesh>,
    /// Glass, and what else is seen through.
    pub glass: Option<Mesh>,
    bytes: usize,
}

impl Surfaces {
    /// What has to be uploaded.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The meshes of a job.
pub fn surfaces(job: &Job, palette: &Palette) -> Surfaces {
    thread_local! {
        static SCRATCH: RefCell<(Mesher, Neighbourhood)> = RefCell::default();
    }
    if is_hidden(&job.around, palette) {
        return Surfaces::default();
    }
    let kinds = palette.kinds();
    let cell = 1 << job.level.min(3);
    let chunks = unpacked(&job.around, cell);
    let chunks: Around = chunks.each_ref().map(Option::as_ref);
    let mesh = SCRATCH.with_borrow_mut(|(mesher, neighbourhood)| {
        if cell == 1 {
            neighbourhood.fill(&chunks);
        } else {
            *neighbourhood = Neighbourhood::coarse(cell, &chunks, kinds);
        }
        mesher.mesh(neighbourhood, kinds)
    });
    let mut surfaces = Surfaces::default();
    let mut finish = |vertices: Vertices| {
        surfaces.bytes += vertices.bytes();
        vertices.mesh()
    };
    // From far off a picture is its mean colour.
    let fine = job.level == 0;
    let mut ground = Vertices::of(&mesh.opaque, mesh.scale, |block, face| colour(palette, block, face, fine));
    let (models, plants): (Vec<Plant>, Vec<Plant>) =
        mesh.plants.iter().partition(|plant| !palette.model(plant.block).is_empty());
    ground.add_models(&models, palette);
    let ground = finish(ground);
    let water = finish(Vertices::of(&mesh.liquid, mesh.scale, |block, face| colour(palette, block, face, false)));
    let glass =
        finish(Vertices::of(&mesh.transparent, mesh.scale, |block, face| glass_colour(palette, block, face, fine)));
    let plants = finish(Vertices::of_plants(&plants, palette));
    Surfaces { ground, water, plants, glass, ..surfaces }
}

/// Most chunks are air, or rock in rock: they show nothing, and needn't be looked at voxel by voxel.
fn is_hidden(around: &Chunks, palette: &Palette) -> bool {
    let uniform = |i: usize| around[i].as_deref().and_then(PackedChunk::as_uniform).map(|block| palette.kind(block));
    match uniform(13) {
        Some(Kind::Air) => true,
        Some(kind) if kind.is_opaque() => {
            [4, 10, 12, 14, 16, 22].into_iter().all(|side| uniform(side).is_some_and(Kind::is_opaque))
        }
        _ => false,
    }
}

/// The chunk in the middle, and of each around it what is looked at from there, with cells of so many voxels an edge: one
/// voxel, or of coarse cells the nearest and one voxel beyond, since what a cell shows depends on what lies open beside it.
fn unpacked(around: &Chunks, cell: u8) -> [Option<Chunk>; 27] {
    let reach = if cell == 1 { 1 } else { cell + 1 };
    let span = |step: usize| match step {
        0 => 32 - reach..32,
        1 => 0..32,
        _ => 0..reach,
    };
    std::array::from_fn(|i| Some(around[i].as_ref()?.unpack_part([span(i % 3), span(i / 9), span(i / 3 % 3)])))
}

/// What a corner shows: three parts that are a colour, or a picture's number, and what the fourth says of them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Paint {
    three: Srgb,
    fourth: f32,
}

impl Paint {
    const fn colour(three: Srgb, fourth: f32) -> Self {
        Paint { three, fourth }
    }

    /// The number of a picture, of which there are [`PICTURES_MAX`](crate::model::palette::PICTURES_MAX).
    const fn picture(number: u16, fourth: f32) -> Self {
        Paint { three: [number as u8, 0, 0], fourth }
    }

    /// In the light of a corner. What shines isn't darkened; beside the number of a picture only the rest is.
    fn lit(self, open: f32) -> Self {
        let (base, own) = if self.fourth >= PICTURE { (PICTURE, self.fourth - PICTURE) } else { (0.0, self.fourth) };
        Paint { fourth: base + if own > 1.0 { own } else { own * open }, ..self }
    }

    fn packed(self) -> [u8; 4] {
        let [r, g, b] = self.three;
        [r, g, b, (self.fourth * FOURTH_STEPS).round() as u8]
    }
}

/// A colour, with what shines marked; or the number of a picture.
fn colour(palette: &Palette, block: BlockId, face: Face, fine: bool) -> Paint {
    let upper = face == Face::Up;
    let light = if matches!(block, block::LANTERN | block::LAVA) { SHINES } else { 1.0 };
    match palette.picture(block, upper).filter(|_| fine) {
        Some(number) => Paint::picture(number, PICTURE + light),
        None => Paint::colour(palette.colour(block, upper), light),
    }
}

/// A colour, with how much hides what is behind; or the number of a picture, which says so itself.
fn glass_colour(palette: &Palette, block: BlockId, face: Face, fine: bool) -> Paint {
    let upper = face == Face::Up;
    match palette.picture(block, upper).filter(|_| fine) {
        Some(number) => Paint::picture(number, PICTURE + 1.0),
        None => Paint::colour(palette.colour(block, upper), if block == block::GLASS { 0.22 } else { 0.95 }),
    }
}

/// How a plant is cut out; the numbers are the shader's.
fn shape(block: BlockId) -> f32 {
    match block {
        block::FLOWER_RED | block::FLOWER_YELLOW | block::FLOWER_BLUE | block::FLOWER_WHITE => 1.0,
        block::DEAD_BUSH => 2.0,
        block::MUSHROOM => 3.0,
        block::LILY => 4.0,
        block::SIGN => 5.0,
        block::REED | block::WHEAT => 6.0,
        _ => 0.0,
    }
}

/// A rectangle a little larger than it is. Where large rectangles meet small ones, corners lie on edges, and rounding would
/// let pixels of what is behind shine through.
fn widened(mut corners: [[f32; 3]; 4], face: Face) -> [[f32; 3]; 4] {
    /// 1/256 of a pixel, as far as rasters tell, at 250 m: 250 m × 2 tan 35° / 720 / 256.
    const BY_M: f32 = 0.002;
    for axis in (0..3).filter(|axis| face.normal()[*axis] == 0) {
        let middle = (corners[0][axis] + corners[2][axis]) / 2.0;
        corners.iter_mut().for_each(|corner| corner[axis] += BY_M.copysign(corner[axis] - middle));
    }
    corners
}

#[derive(Default)]
struct Vertices {
    positions: Vec<[i16; 4]>,
    normals: Vec<[i8; 4]>,
    colours: Vec<[u8; 4]>,
    indices: Vec<u32>,
}

impl Vertices {
    fn of(quads: &[Quad], scale: u8, paint: impl Fn(BlockId, Face) -> Paint) -> Self {
        let mut vertices = Vertices::default();
        vertices.positions.reserve(4 * quads.len());
        vertices.normals.reserve(4 * quads.len());
        vertices.colours.reserve(4 * quads.len());
        vertices.indices.reserve(6 * quads.len());
        for quad in quads {
            let paint = paint(quad.block, quad.face);
            let paints = [0, 1, 2, 3].map(|corner| paint.lit(OPEN[usize::from(quad.light(corner))]));
            let corners = widened(quad.positions(scale), quad.face);
            vertices.add(corners, quad.face.normal(), paints, quad.triangles());
        }
        vertices
    }

    fn of_plants(plants: &[Plant], palette: &Palette) -> Self {
        let mut vertices = Vertices::default();
        for plant in plants {
            let paint = match palette.picture(plant.block, false) {
                Some(number) => Paint::picture(number, PICTURE_PLANT),
                None => Paint::colour(palette.colour(plant.block, true), shape(plant.block)),
            };
            let mut plane = |corners| vertices.add(corners, [0, 1, 0], [paint; 4], [0, 1, 2, 0, 2, 3]);
            if plant.block == block::LILY {
                // A leaf floats; it lies on the lowered surface of the water below.
                let [x, y, z] = plant.cell.map(f32::from);
                let at = |dx: f32, dz: f32| [x + dx, y - 0.1, z + dz];
                plane([at(0.05, 0.05), at(0.05, 0.95), at(0.95, 0.95), at(0.95, 0.05)]);
            } else {
                plant.positions().into_iter().for_each(&mut plane);
            }
        }
        vertices
    }

    /// Blocks with a model: its boxes, whatever lies beside them.
    fn add_models(&mut self, models: &[Plant], palette: &Palette) {
        for Plant { cell, block } in models {
            for part in palette.model(*block) {
                for (face, corners) in part.faces() {
                    let corners =
                        corners.map(|corner| std::array::from_fn(|axis| f32::from(cell[axis]) + corner[axis]));
                    let colour = part.colour.unwrap_or_else(|| palette.colour(*block, face == Face::Up));
                    self.add(corners, face.normal(), [Paint::colour(colour, 1.0); 4], [0, 1, 2, 0, 2, 3]);
                }
            }
        }
    }

    /// A rectangle, and which of its corners make its two triangles.
    fn add(&mut self, corners: [[f32; 3]; 4], normal: [i8; 3], paints: [Paint; 4], triangles: [u32; 6]) {
        let first = self.positions.len() as u32;
        let [x, y, z] = normal.map(|part| part * i8::MAX);
        self.positions.extend(corners.map(|corner| {
            let [x, y, z] = corner.map(|metres| (metres * STEPS_PER_M).round() as i16);
            [x, y, z, 0]
        }));
        self.normals.extend([[x, y, z, 0]; 4]);
        self.colours.extend(paints.map(Paint::packed));
        self.indices.extend(triangles.map(|corner| first + corner));
    }

    /// Whether every corner's number fits into two bytes.
    fn is_small(&self) -> bool {
        self.positions.len() <= usize::from(u16::MAX)
    }

    fn bytes(&self) -> usize {
        // Position, normal, colour.
        self.positions.len() * (8 + 4 + 4) + self.indices.len() * if self.is_small() { 2 } else { 4 }
    }

    /// The box around all corners, as the device sees them: bevy finds that of floats only.
    fn bounds(&self) -> Option<Aabb3d> {
        let parts = |[x, y, z, _]: &[i16; 4]| Vec3::from([x, y, z].map(|part| f32::from(*part) / f32::from(i16::MAX)));
        let mut corners = self.positions.iter().map(parts);
        let first = corners.next()?;
        let (min, max) = corners.fold((first, first), |(min, max), at| (min.min(at), max.max(at)));
        Some(Aabb3d::from_min_max(min, max))
    }

    fn mesh(self) -> Option<Mesh> {
        if self.indices.is_empty() {
            return None;
        }
        let bounds = self.bounds();
        let indices = if self.is_small() {
            Indices::U16(self.indices.into_iter().map(|corner| corner as u16).collect())
        } else {
            Indices::U32(self.indices)
        };
        let mut mesh = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
            .with_inserted_attribute(POSITION, VertexAttributeValues::Snorm16x4(self.positions))
            .with_inserted_attribute(NORMAL, VertexAttributeValues::Snorm8x4(self.normals))
            .with_inserted_attribute(COLOUR, VertexAttributeValues::Unorm8x4(self.colours))
            .with_inserted_indices(indices);
        mesh.final_aabb = bounds;
        Some(mesh)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bitdust_world::{
        ChunkPos,
        content::{BlockType, Content, Face as WorldFace, ModelBox, Texture},
    };

    use super::*;
    use crate::model::palette::PICTURES_MAX;

    fn surfaces_of(chunk: Chunk, level: u8) -> Surfaces {
        let mut around = Chunks::default();
        around[13] = Some(Arc::new(PackedChunk::new(&chunk)));
        surfaces(&Job { pos: ChunkPos::new(0, 0, 0), level, ticket: 1, around }, &Palette::default())
    }

    fn corners(mesh: &Option<Mesh>) -> usize {
        mesh.as_ref().map_or(0, |mesh| mesh.count_vertices())
    }

    #[test]
    fn every_sort_of_block_goes_into_its_own_mesh() {
        let mut chunk = Chunk::default();
        for (x, block) in [block::STONE, block::WATER, block::GLASS, block::FERN, block::LILY].into_iter().enumerate() {
            chunk.set(3 * x as u8, 5, 5, block);
        }
        let made = surfaces_of(chunk, 0);
        assert_eq!([corners(&made.ground), corners(&made.water), corners(&made.glass)], [24; 3]);
        assert_eq!(corners(&made.plants), 8 + 4, "crossed planes, and a leaf that floats");
        assert_eq!(made.bytes(), 4 * (6 * 3 + 3) * 16 + 6 * (6 * 3 + 3) * 2);
    }

    #[test]
    fn air_and_buried_rock_show_nothing() {
        assert_eq!(surfaces_of(Chunk::default(), 0).bytes(), 0);
        let rock = Some(Arc::new(PackedChunk::uniform(block::STONE)));
        let around: Chunks = std::array::from_fn(|_| rock.clone());
        assert_eq!(
            surfaces(&Job { pos: ChunkPos::new(0, 0, 0), level: 0, ticket: 1, around }, &Palette::default()).bytes(),
            0
        );
        assert_eq!(corners(&surfaces_of(Chunk::uniform(block::STONE), 2).ground), 24, "next to nothing known");
    }

    fn own(kind: Kind, side: WorldFace, model: Vec<ModelBox>) -> Palette {
        let top = WorldFace::Colour([255, 255, 255]);
        let block = BlockType { id: OWN, name: "own".into(), kind, top, side, model };
        Palette::new(&Content { blocks: vec![block], ..Content::default() })
    }

    const OWN: BlockId = BlockId(block::FIRST_CUSTOM);

    fn beside_stone(palette: &Palette) -> Surfaces {
        let mut chunk = Chunk::default();
        chunk.set(5, 5, 5, OWN);
        chunk.set(6, 5, 5, block::STONE);
        let mut around = Chunks::default();
        around[13] = Some(Arc::new(PackedChunk::new(&chunk)));
        surfaces(&Job { pos: ChunkPos::new(0, 0, 0), level: 0, ticket: 1, around }, palette)
    }

    #[test]
    fn a_model_is_its_boxes_and_hides_no_neighbour() {
        let chest = ModelBox { from: [1, 0, 2], to: [15, 9, 14], colour: None };
        let lock = ModelBox { from: [7, 7, 1], to: [9, 11, 2], colour: Some([255, 0, 0]) };
        let palette = own(Kind::Cube, WorldFace::Colour([0, 0, 255]), vec![chest, lock]);
        let made = beside_stone(&palette);
        assert_eq!(corners(&made.ground), 4 * (6 + 12), "all of the stone and both boxes");
        assert_eq!([corners(&made.plants), corners(&made.glass)], [0; 2]);
        let mut model = Vertices::default();
        model.add_models(&[Plant { cell: [5, 5, 5], block: OWN }], &palette);
        let low: [i16; 3] =
            std::array::from_fn(|axis| model.positions.iter().map(|corner| corner[axis]).fold(i16::MAX, i16::min));
        assert_eq!(low, [5 * 992 + 62, 5 * 992, 5 * 992 + 62], "a sixteenth is exact");
        assert!(model.colours.contains(&[255, 0, 0, 32]), "the lock is red");
        assert!(model.colours.contains(&[0, 0, 255, 32]), "the chest's sides are blue");
        // Every triangle faces where its normal says.
        for triangle in model.indices.chunks_exact(3) {
            let [a, b, c] = [0, 1, 2].map(|i| {
                let [x, y, z, _] = model.positions[triangle[i] as usize].map(f32::from);
                Vec3::new(x, y, z)
            });
            let [x, y, z, _] = model.normals[triangle[0] as usize].map(f32::from);
            assert!((b - a).cross(c - a).dot(Vec3::new(x, y, z)) > 0.0);
        }
    }

    #[test]
    fn a_face_with_a_picture_carries_its_number_near_and_its_colour_far() {
        let mut pixels = Box::new([0; 16 * 16 * 4]);
        pixels.chunks_exact_mut(4).for_each(|pixel| pixel.copy_from_slice(&[0, 255, 0, 255]));
        let palette = own(Kind::Cube, WorldFace::Texture(Texture(pixels)), vec![]);
        assert_eq!(palette.pictures().len(), 1);
        assert_eq!(colour(&palette, OWN, Face::East, true), Paint::picture(0, PICTURE + 1.0));
        assert_eq!(colour(&palette, OWN, Face::East, false), Paint::colour([0, 255, 0], 1.0));
        assert_eq!(colour(&palette, OWN, Face::Up, true), Paint::colour([255; 3], 1.0), "the top has none");
        assert_eq!(Paint::picture(PICTURES_MAX as u16 - 1, PICTURE_PLANT).packed(), [255, 0, 0, 224]);
    }

    #[test]
    fn a_whole_chunk_fits_into_the_parts_of_its_corners() {
        let whole = surfaces_of(Chunk::uniform(block::STONE), 0).ground.unwrap();
        let bounds = whole.final_aabb.unwrap();
        let (min, max) = (Vec3::from(bounds.min) * SCALE, Vec3::from(bounds.max) * SCALE);
        assert!(min.abs_diff_eq(Vec3::ZERO, 0.003) && max.abs_diff_eq(Vec3::splat(32.0), 0.003), "{min} to {max}");
        // Where faces meet they are a little wider than their voxels, and no darker than the sky lets them be.
        let Some(VertexAttributeValues::Snorm16x4(corners)) = whole.attribute(Mesh::ATTRIBUTE_POSITION) else {
            panic!()
        };
        assert!(corners.iter().all(|[x, y, z, _]| [x, y, z].iter().all(|part| (-2..=32 * 992 + 2).contains(*part))));
        let Some(VertexAttributeValues::Unorm8x4(colours)) = whole.attribute(Mesh::ATTRIBUTE_COLOR) else { panic!() };
        assert!(colours.iter().all(|colour| colour[3] == 32));
    }
}
