//! The shapes of content: areas, boxes of blocks, and what a creator's own blocks look like.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{bounded, limits};
use crate::{
    VoxelPos,
    block::{BlockId, Kind},
};

/// Pixels along an edge of a texture, and parts of a voxel along an edge of a model.
pub const TEXTURE_EDGE: u8 = 16;

/// A box of voxels. It may lie across the ends of the range, like any distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Area {
    /// The corner with the lowest coordinates.
    pub from: VoxelPos,
    /// Voxels along each edge, from 1.
    pub size: [u16; 3],
}

impl Area {
    /// From two corners, both inside. `None` if `to` lies below `from` or the box is too long along an edge.
    pub fn between(from: VoxelPos, to: VoxelPos) -> Option<Self> {
        let edges = to.since(from).map(|d| d.checked_add(1).and_then(|edge| u16::try_from(edge).ok()));
        let [Some(x), Some(y), Some(z)] = edges else { return None };
        [x, y, z].iter().all(|edge| (1..=limits::EDGE_MAX).contains(edge)).then_some(Area { from, size: [x, y, z] })
    }

    /// Whether a voxel lies inside.
    pub fn contains(&self, pos: VoxelPos) -> bool {
        pos.since(self.from).iter().zip(self.size).all(|(d, edge)| (0..i64::from(edge)).contains(d))
    }

    /// Voxels inside.
    pub fn volume(&self) -> u64 {
        self.size.iter().map(|edge| u64::from(*edge)).product()
    }

    /// All voxels inside.
    pub fn voxels(self) -> impl Iterator<Item = VoxelPos> {
        let [w, h, d] = self.size.map(i64::from);
        (0..h).flat_map(move |y| (0..d).flat_map(move |z| (0..w).map(move |x| self.from.offset(x, y, z))))
    }

    /// Whether a voxel inside lies on the box's skin.
    fn on_skin(&self, pos: VoxelPos) -> bool {
        pos.since(self.from).iter().zip(self.size).any(|(d, edge)| *d == 0 || *d == i64::from(edge) - 1)
    }
}

/// A box of one block that the creator's places contain. Later boxes replace what earlier ones put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Structure {
    /// Where.
    pub area: Area,
    /// Of what.
    pub block: BlockId,
    /// All of it or its skin.
    pub fill: Fill,
}

/// Which voxels of a box are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Fill {
    /// All.
    Solid,
    /// Those on its skin: four walls, floor and ceiling.
    Hollow,
}

impl Structure {
    /// The voxels it puts.
    pub fn voxels(self) -> impl Iterator<Item = VoxelPos> {
        self.area.voxels().filter(move |pos| self.fill == Fill::Solid || self.area.on_skin(*pos))
    }
}

/// A block of the world's own.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockType {
    /// From [`crate::block::FIRST_CUSTOM`] on; stored chunks name it, so it keeps its meaning in all revisions.
    pub id: BlockId,
    /// What builders see, different from every other block's.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::TITLE_BYTES_MAX }>")]
    pub name: String,
    /// How it behaves.
    pub kind: Kind,
    /// Its upper face.
    pub top: Face,
    /// Its other faces.
    pub side: Face,
    /// Its shape, if it isn't what its kind looks like. Bodies go by the kind.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::MODEL_BOXES_MAX }>")]
    pub model: Vec<ModelBox>,
}

/// What a face looks like.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Face {
    /// Red, green and blue (sRGB).
    Colour([u8; 3]),
    /// A picture.
    Texture(Texture),
}

/// 16 × 16 pixels, rows from the top, each red, green, blue (sRGB) and opacity.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Texture(pub Box<[u8; limits::TEXTURE_BYTES]>);

/// A box within a voxel, in sixteenths of its edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ModelBox {
    /// The corner with the lowest coordinates, each from 0 to 15.
    pub from: [u8; 3],
    /// The opposite corner, each above `from` and at most 16.
    pub to: [u8; 3],
    /// Its colour, if not that of the block's faces.
    pub colour: Option<[u8; 3]>,
}
