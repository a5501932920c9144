//! Where a body is, to a 64th of a metre, anywhere in the range of voxels.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{ChunkPos, VoxelPos, place::CHUNK_EDGE};

/// Steps of a metre.
const PER_METRE: i64 = 64;
/// Steps of a chunk's edge.
const PER_CHUNK: i64 = PER_METRE * CHUNK_EDGE;
/// Chunks beyond which a distance only says "far": a million metres, whose square fits.
const FAR_CHUNKS: i64 = 1 << 15;

/// A point: a chunk and where in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Position {
    /// The chunk.
    pub chunk: ChunkPos,
    /// From its corner with the lowest coordinates, in 64ths of a metre, each below 2048.
    pub local: [u16; 3],
}

impl Position {
    /// The point so many metres from a chunk's corner; what is not a number counts as 0, and nothing is further away than a
    /// million metres.
    pub fn from_metres(origin: ChunkPos, metres: [f64; 3]) -> Self {
        // Casts from floats saturate, and make 0 of what is not a number.
        let steps = metres.map(|m| ((m * PER_METRE as f64).floor() as i64).clamp(-(1 << 26), 1 << 26));
        let [x, y, z] = steps.map(|s| s.div_euclid(PER_CHUNK));
        Position { chunk: origin.offset(x, y, z), local: steps.map(|s| s.rem_euclid(PER_CHUNK) as u16) }
    }

    /// The middle of a voxel's floor: where feet stand.
    pub fn standing_in(voxel: VoxelPos) -> Self {
        let [x, y, z] = voxel.within().map(|v| u16::from(v) * PER_METRE as u16);
        Position { chunk: voxel.chunk(), local: [x + PER_METRE as u16 / 2, y, z + PER_METRE as u16 / 2] }
    }

    /// Whether it is in the form that every point has exactly one of.
    pub fn is_canonical(&self) -> bool {
        self.local.iter().all(|steps| i64::from(*steps) < PER_CHUNK)
    }

    /// The voxel that it lies in.
    pub fn voxel(self) -> VoxelPos {
        let [x, y, z] = self.local.map(|steps| i64::from(steps) / PER_METRE);
        self.chunk.origin().offset(x, y, z)
    }

    /// How far it is from `origin` to here, in 64ths of a metre; of far things only that they are far.
    pub fn since(self, origin: Self) -> [i64; 3] {
        let chunks = self.chunk.since(origin.chunk).map(|d| d.clamp(-FAR_CHUNKS, FAR_CHUNKS));
        std::array::from_fn(|i| chunks[i] * PER_CHUNK + i64::from(self.local[i]) - i64::from(origin.local[i]))
    }

    /// How far it is from a chunk's corner to here, in metres.
    pub fn metres_from(self, origin: ChunkPos) -> [f64; 3] {
        self.since(Position { chunk: origin, local: [0; 3] }).map(|steps| steps as f64 / PER_METRE as f64)
    }

    /// The square of the distance, comparable with [`squared`].
    pub fn distance_squared(self, other: Self) -> i64 {
        self.since(other).iter().map(|d| d * d).sum()
    }
}

/// The square of so many metres, in 64ths of a metre.
pub(super) const fn squared(metres: i64) -> i64 {
    metres * metres * PER_METRE * PER_METRE
}
