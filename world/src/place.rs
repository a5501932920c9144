//! Coordinates: voxels, chunks of 32³ voxels, locations of 8³ chunks.
//!
//! `x` points east, `y` up, `z` south; a voxel is a cube of one metre. Positions are `i64` and wrap around at the ends of
//! the range, so that there is no place where arithmetic fails. Sea level is y = 0.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Voxels along an edge of a chunk.
pub const CHUNK_EDGE: i64 = 32;
/// Voxels of a chunk.
pub const CHUNK_VOXELS: usize = 32 * 32 * 32;
/// Chunks along an edge of a location.
pub const LOCATION_EDGE: i64 = 8;
/// Chunks of a location.
pub const LOCATION_CHUNKS: usize = 8 * 8 * 8;
/// Voxels along an edge of a location.
pub const LOCATION_VOXELS: i64 = CHUNK_EDGE * LOCATION_EDGE;

macro_rules! positions {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize,
            Deserialize,
        )]
        pub struct $name {
            /// East.
            pub x: i64,
            /// Up.
            pub y: i64,
            /// South.
            pub z: i64,
        }

        impl $name {
            /// From its three coordinates.
            pub const fn new(x: i64, y: i64, z: i64) -> Self {
                $name { x, y, z }
            }

            /// The position so far away, wrapping around at the ends of the range.
            pub const fn offset(self, dx: i64, dy: i64, dz: i64) -> Self {
                $name { x: self.x.wrapping_add(dx), y: self.y.wrapping_add(dy), z: self.z.wrapping_add(dz) }
            }

            /// How far it is from `origin` to here, wrapping around.
            pub const fn since(self, origin: Self) -> [i64; 3] {
                [self.x.wrapping_sub(origin.x), self.y.wrapping_sub(origin.y), self.z.wrapping_sub(origin.z)]
            }

            /// The three coordinates, each in eight bytes, big endian.
            pub fn to_bytes(self) -> [u8; 24] {
                let mut bytes = [0; 24];
                bytes[..8].copy_from_slice(&self.x.to_be_bytes());
                bytes[8..16].copy_from_slice(&self.y.to_be_bytes());
                bytes[16..].copy_from_slice(&self.z.to_be_bytes());
                bytes
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "({}, {}, {})", self.x, self.y, self.z)
            }
        }
    )* };
}

positions! {
    /// A voxel.
    VoxelPos;
    /// A chunk: the voxels from 32 times its position on.
    ChunkPos;
    /// A location: the chunks from 8 times its position on.
    LocationPos;
}

impl VoxelPos {
    /// The chunk that the voxel lies in.
    pub const fn chunk(self) -> ChunkPos {
        ChunkPos::new(self.x >> 5, self.y >> 5, self.z >> 5)
    }

    /// Where in its chunk: each coordinate from 0 to 31.
    pub const fn within(self) -> [u8; 3] {
        [(self.x & 31) as u8, (self.y & 31) as u8, (self.z & 31) as u8]
    }
}

impl ChunkPos {
    /// The voxel with the lowest coordinates.
    pub const fn origin(self) -> VoxelPos {
        VoxelPos::new(self.x.wrapping_mul(32), self.y.wrapping_mul(32), self.z.wrapping_mul(32))
    }

    /// The location that the chunk lies in.
    pub const fn location(self) -> LocationPos {
        LocationPos::new(self.x >> 3, self.y >> 3, self.z >> 3)
    }

    /// Its number in its location, from 0 to 511: the bits of its coordinates interleaved (Morton order), so that
    /// neighbours in space are mostly neighbours in the location's data.
    pub const fn index(self) -> u16 {
        spread(self.x & 7) | spread(self.y & 7) << 1 | spread(self.z & 7) << 2
    }
}

impl LocationPos {
    /// The chunk with a number from 0 to 511.
    pub const fn chunk(self, index: u16) -> ChunkPos {
        let index = index & 511;
        ChunkPos::new(
            self.x.wrapping_mul(8).wrapping_add(gather(index)),
            self.y.wrapping_mul(8).wrapping_add(gather(index >> 1)),
            self.z.wrapping_mul(8).wrapping_add(gather(index >> 2)),
        )
    }

    /// All of its chunks in the order of their numbers.
    pub fn chunks(self) -> impl Iterator<Item = ChunkPos> {
        (0..LOCATION_CHUNKS as u16).map(move |index| self.chunk(index))
    }
}

/// Bits 0, 1, 2 to bits 0, 3, 6.
const fn spread(bits: i64) -> u16 {
    let bits = bits as u16;
    bits & 1 | (bits & 2) << 2 | (bits & 4) << 4
}

/// Bits 0, 3, 6 to bits 0, 1, 2.
const fn gather(bits: u16) -> i64 {
    (bits & 1 | bits >> 2 & 2 | bits >> 4 & 4) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_one_number_in_its_location() {
        for location in [LocationPos::new(0, 0, 0), LocationPos::new(-1, 2, -3), LocationPos::new(1 << 55, 0, -1)] {
            let mut seen = std::collections::BTreeSet::new();
            for (index, chunk) in (0..).zip(location.chunks()) {
                assert_eq!((chunk.location(), chunk.index()), (location, index));
                assert!(seen.insert(chunk));
            }
            assert_eq!(seen.len(), LOCATION_CHUNKS);
        }
    }

    #[test]
    fn voxels_lie_in_their_chunks_at_both_ends_of_the_range() {
        for x in [i64::MIN, i64::MIN + 31, -33, -32, -1, 0, 31, 32, i64::MAX] {
            let voxel = VoxelPos::new(x, x, x);
            let [a, b, c] = voxel.within();
            assert_eq!(voxel.chunk().origin().offset(a.into(), b.into(), c.into()), voxel);
        }
    }
}
