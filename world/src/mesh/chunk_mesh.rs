//! What a mesher makes: rectangles and plants, in cells of a chunk.

use bitdust_proof::blob;
use bitdust_types::Root;

use super::{occlusion, planes::Axis};
use crate::BlockId;

/// A direction that a face looks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// East, +x.
    East,
    /// West, -x.
    West,
    /// Up, +y.
    Up,
    /// Down, -y.
    Down,
    /// South, +z.
    South,
    /// North, -z.
    North,
}

impl Face {
    /// All of them.
    pub const ALL: [Face; 6] = [Face::East, Face::West, Face::Up, Face::Down, Face::South, Face::North];

    /// One step that way.
    pub const fn normal(self) -> [i8; 3] {
        match self {
            Face::East => [1, 0, 0],
            Face::West => [-1, 0, 0],
            Face::Up => [0, 1, 0],
            Face::Down => [0, -1, 0],
            Face::South => [0, 0, 1],
            Face::North => [0, 0, -1],
        }
    }

    pub(super) const fn axis(self) -> Axis {
        match self {
            Face::East | Face::West => Axis::X,
            Face::Up | Face::Down => Axis::Y,
            Face::South | Face::North => Axis::Z,
        }
    }

    /// Whether it looks towards larger coordinates.
    pub(super) const fn is_positive(self) -> bool {
        matches!(self, Face::East | Face::Up | Face::South)
    }

    /// Whether the corners 0, 1, 2, 3 run counterclockwise for who looks at the face. u × v is +z for faces across z,
    /// but
    /// -x and -y for the others.
    const fn runs_counterclockwise(self) -> bool {
        matches!(self, Face::West | Face::Down | Face::South)
    }
}

/// A rectangle of equal faces. Its corners are (u0, v0), (u1, v0), (u1, v1), (u0, v1), where u runs along x, for faces
/// to east and west along z, and v along y, for faces up and down along z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quad {
    /// The cell with the lowest coordinates.
    pub cell: [u8; 3],
    /// Where it looks to.
    pub face: Face,
    /// Cells along u.
    pub width: u8,
    /// Cells along v.
    pub height: u8,
    /// What it is a face of.
    pub block: BlockId,
    /// How light each corner is, 0 to 3, two bits each, corner 0 lowest.
    pub corners: u8,
    /// It is the surface of a liquid, or reaches up to one: its upper edge lies 1/8 m lower.
    pub lowered: bool,
}

impl Quad {
    /// How light a corner is: 0 (dark) to 3.
    pub const fn light(&self, corner: usize) -> u8 {
        occlusion::value(self.corners, corner)
    }

    /// The corners, in voxels from the chunk's lowest corner.
    pub fn positions(&self, scale: u8) -> [[f32; 3]; 4] {
        let axis = self.face.axis();
        let [x, y, z] = self.cell.map(i32::from);
        let (width, height) = (i32::from(self.width), i32::from(self.height));
        let depth = i32::from(self.face.is_positive());
        let corner = |du: i32, dv: i32| match axis {
            Axis::X => [x + depth, y + dv, z + du],
            Axis::Y => [x + du, y + depth, z + dv],
            Axis::Z => [x + du, y + dv, z + depth],
        };
        let corners = [corner(0, 0), corner(width, 0), corner(width, height), corner(0, height)];
        corners.map(|corner| {
            let [x, mut y, z] = corner.map(|at| (at * i32::from(scale)) as f32);
            // Of a face to the side only the upper edge is lowered; a liquid's lower face never is.
            if self.lowered && corner[1] > i32::from(self.cell[1]) {
                y -= LOWERED_BY;
            }
            [x, y, z]
        })
    }

    /// The corners' numbers in two triangles, counterclockwise for who looks at the face. The edge between the two
    /// joins the lighter pair of corners, so that a dark corner looks the same wherever it is.
    pub const fn triangles(&self) -> [u32; 6] {
        let straight = self.light(0) + self.light(2) >= self.light(1) + self.light(3);
        match (straight, self.face.runs_counterclockwise()) {
            (true, true) => [0, 1, 2, 0, 2, 3],
            (true, false) => [0, 2, 1, 0, 3, 2],
            (false, true) => [1, 2, 3, 1, 3, 0],
            (false, false) => [1, 3, 2, 1, 0, 3],
        }
    }

    fn to_bytes(self) -> [u8; 10] {
        let [x, y, z] = self.cell;
        let [low, high] = self.block.0.to_le_bytes();
        [x, y, z, self.face as u8, self.width, self.height, low, high, self.corners, self.lowered.into()]
    }
}

/// How much lower than its voxel a liquid's surface lies, in metres.
const LOWERED_BY: f32 = 0.125;

/// Two crossed planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plant {
    /// Where.
    pub cell: [u8; 3],
    /// Which.
    pub block: BlockId,
}

impl Plant {
    /// The corners of both planes, in voxels from the chunk's lowest corner: for each, two at the foot, then two at the
    /// top in the other direction.
    pub fn positions(&self) -> [[[f32; 3]; 4]; 2] {
        let [x, y, z] = self.cell.map(f32::from);
        let (near, far) = (0.15, 0.85);
        let plane = |from: [f32; 2], to: [f32; 2]| {
            [[from, to], [to, from]].map(|pair| pair.map(|[dx, dz]| [x + dx, z + dz])).concat()
        };
        let raise = |corners: Vec<[f32; 2]>| {
            let at = |number: usize| [corners[number][0], y + if number < 2 { 0.0 } else { 1.0 }, corners[number][1]];
            [at(0), at(1), at(2), at(3)]
        };
        [raise(plane([near, near], [far, far])), raise(plane([near, far], [far, near]))]
    }
}

/// What a chunk looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkMesh {
    /// Voxels along an edge of a cell.
    pub scale: u8,
    /// Cubes and leaves.
    pub opaque: Vec<Quad>,
    /// Glass: to be drawn after what is opaque.
    pub transparent: Vec<Quad>,
    /// Liquids: to be drawn after what is opaque, from both sides.
    pub liquid: Vec<Quad>,
    /// Plants; none in coarse chunks.
    pub plants: Vec<Plant>,
}

impl Default for ChunkMesh {
    fn default() -> Self {
        ChunkMesh { scale: 1, opaque: Vec::new(), transparent: Vec::new(), liquid: Vec::new(), plants: Vec::new() }
    }
}

impl ChunkMesh {
    /// Nothing to draw.
    pub const fn is_empty(&self) -> bool {
        self.opaque.is_empty() && self.transparent.is_empty() && self.liquid.is_empty() && self.plants.is_empty()
    }

    /// All rectangles; a plant counts as two.
    pub const fn quad_count(&self) -> usize {
        self.opaque.len() + self.transparent.len() + self.liquid.len() + 2 * self.plants.len()
    }

    /// Names it: BLAKE3 of everything in it, in order.
    pub fn hash(&self) -> Root {
        let mut bytes = vec![self.scale];
        for quads in [&self.opaque, &self.transparent, &self.liquid] {
            bytes.extend((quads.len() as u32).to_le_bytes());
            bytes.extend(quads.iter().flat_map(|quad| quad.to_bytes()));
        }
        bytes.extend(self.plants.iter().flat_map(|Plant { cell: [x, y, z], block }| {
            let [low, high] = block.0.to_le_bytes();
            [*x, *y, *z, low, high]
        }));
        blob::root(&bytes)
    }
}
