//! A chunk: 32³ voxels, one block id each.
//!
//! Order of voxels: `x` fastest, then `z`, then `y`, so that a horizontal layer is contiguous. A chunk of one block only
//! (air above the ground, stone below) takes no memory beyond its id.

use bitdust_proof::blob::root;
use bitdust_types::Root;

use crate::{block::BlockId, place::CHUNK_VOXELS};

/// 32³ voxels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk(Voxels);

#[derive(Clone, Debug)]
enum Voxels {
    Uniform(BlockId),
    Mixed(Box<[BlockId; CHUNK_VOXELS]>),
}

impl PartialEq for Voxels {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Voxels::Uniform(a), Voxels::Uniform(b)) => a == b,
            (Voxels::Mixed(a), Voxels::Mixed(b)) => a == b,
            (Voxels::Uniform(one), Voxels::Mixed(all)) | (Voxels::Mixed(all), Voxels::Uniform(one)) => {
                all.iter().all(|block| block == one)
            }
        }
    }
}

impl Eq for Voxels {}

impl Default for Chunk {
    fn default() -> Self {
        Chunk::uniform(BlockId::AIR)
    }
}

/// The place of a voxel in a chunk's order, from its coordinates within the chunk, each below 32.
pub const fn index_of(x: u8, y: u8, z: u8) -> usize {
    ((y & 31) as usize) << 10 | ((z & 31) as usize) << 5 | (x & 31) as usize
}

impl Chunk {
    /// One block everywhere.
    pub const fn uniform(block: BlockId) -> Self {
        Chunk(Voxels::Uniform(block))
    }

    /// From all voxels in order.
    pub fn from_voxels(voxels: Box<[BlockId; CHUNK_VOXELS]>) -> Self {
        let first = voxels[0];
        if voxels.iter().all(|block| *block == first) { Chunk::uniform(first) } else { Chunk(Voxels::Mixed(voxels)) }
    }

    /// The block that the whole chunk is known to consist of. `None` if it is mixed, or was and hasn't been rebuilt.
    pub const fn as_uniform(&self) -> Option<BlockId> {
        match self.0 {
            Voxels::Uniform(block) => Some(block),
            Voxels::Mixed(_) => None,
        }
    }

    /// All voxels in order, if the chunk is mixed.
    pub fn as_mixed(&self) -> Option<&[BlockId; CHUNK_VOXELS]> {
        match &self.0 {
            Voxels::Uniform(_) => None,
            Voxels::Mixed(voxels) => Some(voxels),
        }
    }

    /// The block at coordinates within the chunk, each below 32.
    pub fn get(&self, x: u8, y: u8, z: u8) -> BlockId {
        match &self.0 {
            Voxels::Uniform(block) => *block,
            Voxels::Mixed(voxels) => voxels[index_of(x, y, z)],
        }
    }

    /// Puts a block at coordinates within the chunk, each below 32.
    pub fn set(&mut self, x: u8, y: u8, z: u8, block: BlockId) {
        if self.as_uniform() != Some(block) {
            self.make_mixed()[index_of(x, y, z)] = block;
        }
    }

    /// All voxels in order, to be changed.
    pub fn make_mixed(&mut self) -> &mut [BlockId; CHUNK_VOXELS] {
        if let Voxels::Uniform(block) = self.0 {
            self.0 = Voxels::Mixed(Box::new([block; CHUNK_VOXELS]));
        }
        match &mut self.0 {
            Voxels::Mixed(voxels) => voxels,
            Voxels::Uniform(_) => unreachable!("it was just made mixed"),
        }
    }

    /// Names the content: BLAKE3 of all ids in order, two bytes each, little endian. It depends on nothing but the voxels,
    /// so a chunk from a supplier, from a player and from the generator can be held against each other.
    pub fn hash(&self) -> Root {
        let mut bytes = Vec::with_capacity(2 * CHUNK_VOXELS);
        match &self.0 {
            Voxels::Uniform(block) => bytes.extend(std::iter::repeat_n(block.0.to_le_bytes(), CHUNK_VOXELS).flatten()),
            Voxels::Mixed(voxels) => bytes.extend(voxels.iter().flat_map(|block| block.0.to_le_bytes())),
        }
        root(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block;

    #[test]
    fn content_is_what_counts_not_how_it_is_kept() {
        let mut mixed = Chunk::uniform(block::STONE);
        mixed.set(1, 2, 3, block::DIRT);
        assert_eq!(mixed.get(1, 2, 3), block::DIRT);
        assert_ne!(mixed, Chunk::uniform(block::STONE));
        assert_ne!(mixed.hash(), Chunk::uniform(block::STONE).hash());
        mixed.set(1, 2, 3, block::STONE);
        assert!(mixed.as_uniform().is_none());
        assert_eq!(mixed, Chunk::uniform(block::STONE));
        assert_eq!(mixed.hash(), Chunk::uniform(block::STONE).hash());
    }
}
