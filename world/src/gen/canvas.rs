//! A chunk being drawn on: writes outside of it fall away, so that whatever crosses its border is drawn by each chunk
//! for itself.

use crate::{
    block::{BlockId, Kind},
    chunk::index_of,
    place::CHUNK_VOXELS,
};

/// A chunk's voxels, addressed by metres from the chunk's lowest corner east and south, and by metres above the sea.
pub(super) struct Canvas<'a> {
    voxels: &'a mut [BlockId; CHUNK_VOXELS],
    bottom: i32,
}

impl<'a> Canvas<'a> {
    /// The chunk's lowest layer lies `bottom` metres above the sea.
    pub(super) fn new(voxels: &'a mut [BlockId; CHUNK_VOXELS], bottom: i32) -> Self {
        Canvas { voxels, bottom }
    }

    /// Whether any of the layers from `low` to `high` lie in the chunk.
    pub(super) fn has_layers(&self, low: i32, high: i32) -> bool {
        high >= self.bottom && low < self.bottom + 32
    }

    /// The voxel, if it lies in the chunk.
    fn at(&mut self, x: i32, y: i32, z: i32) -> Option<&mut BlockId> {
        let inside = 0..32;
        let y = y - self.bottom;
        (inside.contains(&x) && inside.contains(&y) && inside.contains(&z))
            .then(|| &mut self.voxels[index_of(x as u8, y as u8, z as u8)])
    }

    /// Puts a block, whatever was there.
    pub(super) fn put(&mut self, x: i32, y: i32, z: i32, block: BlockId) {
        if let Some(voxel) = self.at(x, y, z) {
            *voxel = block;
        }
    }

    /// Puts a block where only air or plants were.
    pub(super) fn grow(&mut self, x: i32, y: i32, z: i32, block: BlockId) {
        if let Some(voxel) = self.at(x, y, z)
            && matches!(voxel.kind(), Kind::Air | Kind::Plant)
        {
            *voxel = block;
        }
    }

    /// Puts wood: also where leaves were.
    pub(super) fn grow_wood(&mut self, x: i32, y: i32, z: i32, block: BlockId) {
        if let Some(voxel) = self.at(x, y, z)
            && matches!(voxel.kind(), Kind::Air | Kind::Plant | Kind::Leaves)
        {
            *voxel = block;
        }
    }
}
