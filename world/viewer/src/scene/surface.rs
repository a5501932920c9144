//! From a chunk's neighbourhood to what a graphics card is fed with.
//!
//! `bitdust_world::mesh` finds the rectangles; here they get colours. Ambient occlusion goes into the fourth part of a
//! colour, so that the shader darkens what comes from the sky and leaves sunlight alone.

use std::cell::RefCell;

use bevy::{
    asset::RenderAssetUsages,
    mesh::{Indices, PrimitiveTopology},
    prelude::*,
};
use bitdust_world::{
    BlockId, Chunk,
    block::{self, Kind},
    mesh::{Around, Face, Mesher, Neighbourhood, Plant, Quad},
};

use crate::model::{palette::Palette, residency::Job};

/// How open to the sky a corner is with ambient occlusion 0 to 3.
const OPEN: [f32; 4] = [0.42, 0.64, 0.82, 1.0];
/// The fourth part of the colour of what shines by itself; see `voxel.wgsl`.
const SHINES: f32 = 2.0;

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
    let kinds = palette.kinds();
    let chunks: Around = std::array::from_fn(|i| job.around[i].as_deref());
    if is_hidden(&chunks, palette) {
        return Surfaces::default();
    }
    let mesh = SCRATCH.with_borrow_mut(|(mesher, neighbourhood)| {
        if job.level == 0 {
            neighbourhood.fill(&chunks);
        } else {
            *neighbourhood = Neighbourhood::coarse(1 << job.level.min(3), &chunks, kinds);
        }
        mesher.mesh(neighbourhood, kinds)
    });
    let mut surfaces = Surfaces::default();
    let mut finish = |vertices: Vertices| {
        surfaces.bytes += vertices.bytes();
        vertices.mesh()
    };
    let ground = finish(Vertices::of(&mesh.opaque, mesh.scale, |block, face| colour(palette, block, face)));
    let water = finish(Vertices::of(&mesh.liquid, mesh.scale, |block, face| colour(palette, block, face)));
    let glass = finish(Vertices::of(&mesh.transparent, mesh.scale, |block, face| glass_colour(palette, block, face)));
    let plants = finish(Vertices::of_plants(&mesh.plants, palette));
    Surfaces { ground, water, plants, glass, ..surfaces }
}

/// Most chunks are air, or rock in rock: they show nothing, and needn't be looked at voxel by voxel.
fn is_hidden(chunks: &Around, palette: &Palette) -> bool {
    let uniform = |chunk: Option<&Chunk>| chunk.and_then(Chunk::as_uniform).map(|block| palette.kind(block));
    match uniform(chunks[13]) {
        Some(Kind::Air) => true,
        Some(kind) if kind.is_opaque() => {
            [4, 10, 12, 14, 16, 22].into_iter().all(|side| uniform(chunks[side]).is_some_and(Kind::is_opaque))
        }
        _ => false,
    }
}

/// Linear, with what shines marked.
fn colour(palette: &Palette, block: BlockId, face: Face) -> [f32; 4] {
    let [r, g, b] = palette.colour(block, face == Face::Up);
    let shines = matches!(block, block::LANTERN | block::LAVA);
    [r, g, b, if shines { SHINES } else { 1.0 }]
}

/// Linear, with how much hides what is behind.
fn glass_colour(palette: &Palette, block: BlockId, face: Face) -> [f32; 4] {
    let [r, g, b] = palette.colour(block, face == Face::Up);
    [r, g, b, if block == block::GLASS { 0.22 } else { 0.95 }]
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
    positions: Vec<[f32; 3]>,
    normals: Vec<[f32; 3]>,
    colours: Vec<[f32; 4]>,
    indices: Vec<u32>,
}

impl Vertices {
    fn of(quads: &[Quad], scale: u8, paint: impl Fn(BlockId, Face) -> [f32; 4]) -> Self {
        let mut vertices = Vertices::default();
        vertices.positions.reserve(4 * quads.len());
        vertices.normals.reserve(4 * quads.len());
        vertices.colours.reserve(4 * quads.len());
        vertices.indices.reserve(6 * quads.len());
        for quad in quads {
            let first = vertices.positions.len() as u32;
            let [r, g, b, a] = paint(quad.block, quad.face);
            vertices.positions.extend(widened(quad.positions(scale), quad.face));
            vertices.normals.extend([quad.face.normal().map(f32::from); 4]);
            vertices.colours.extend([0, 1, 2, 3].map(|corner| {
                let open = if a > 1.0 { 1.0 } else { OPEN[usize::from(quad.light(corner))] };
                [r, g, b, a * open]
            }));
            vertices.indices.extend(quad.triangles().map(|corner| first + corner));
        }
        vertices
    }

    fn of_plants(plants: &[Plant], palette: &Palette) -> Self {
        let mut vertices = Vertices::default();
        for plant in plants {
            let [r, g, b] = palette.colour(plant.block, true);
            let shape = shape(plant.block);
            let mut plane = |corners: [[f32; 3]; 4]| {
                let first = vertices.positions.len() as u32;
                vertices.positions.extend(corners);
                vertices.normals.extend([[0.0, 1.0, 0.0]; 4]);
                vertices.colours.extend([[r, g, b, shape]; 4]);
                vertices.indices.extend([0, 1, 2, 0, 2, 3].map(|corner| first + corner));
            };
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

    fn bytes(&self) -> usize {
        // Position, normal, colour.
        self.positions.len() * (12 + 12 + 16) + self.indices.len() * 4
    }

    fn mesh(self) -> Option<Mesh> {
        if self.indices.is_empty() {
            return None;
        }
        let mesh = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
            .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, self.positions)
            .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, self.normals)
            .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, self.colours)
            .with_inserted_indices(Indices::U32(self.indices));
        Some(mesh)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bitdust_world::ChunkPos;

    use super::*;
    use crate::model::residency::Neighbourhood as Chunks;

    fn surfaces_of(chunk: Chunk, level: u8) -> Surfaces {
        let mut around = Chunks::default();
        around[13] = Some(Arc::new(chunk));
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
        assert_eq!(made.bytes(), 4 * (6 * 3 + 3) * 40 + 6 * (6 * 3 + 3) * 4);
    }

    #[test]
    fn air_and_buried_rock_show_nothing() {
        assert_eq!(surfaces_of(Chunk::default(), 0).bytes(), 0);
        let rock = Some(Arc::new(Chunk::uniform(block::STONE)));
        let around: Chunks = std::array::from_fn(|_| rock.clone());
        assert_eq!(
            surfaces(&Job { pos: ChunkPos::new(0, 0, 0), level: 0, ticket: 1, around }, &Palette::default()).bytes(),
            0
        );
        assert_eq!(corners(&surfaces_of(Chunk::uniform(block::STONE), 2).ground), 24, "next to nothing known");
    }
}
