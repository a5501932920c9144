//! A place that isn't the corner of a voxel: a chunk, and metres within it.
//!
//! **Invariant:** the metres are from 0 to below 32, so that they are as exact at the end of the world as at its origin.

use crate::place::{CHUNK_EDGE, ChunkPos, VoxelPos};

const EDGE_M: f64 = CHUNK_EDGE as f64;

/// A point in space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// The chunk that it lies in.
    pub chunk: ChunkPos,
    /// Metres east, up and south of the chunk's origin, each from 0 to below 32.
    pub local: [f64; 3],
}

impl Position {
    /// The point that lies so many metres from the chunk's origin, whatever chunk that is in.
    pub fn new(chunk: ChunkPos, local: [f64; 3]) -> Self {
        let [x, y, z] = local.map(split);
        let chunk = chunk.offset(x.0, y.0, z.0);
        // Chunks number 2⁵⁹ along an axis: where voxels wrap around, so do they.
        Position { chunk: chunk.origin().chunk(), local: [x.1, y.1, z.1] }
    }

    /// The middle of a voxel's floor: where a body stands in it.
    pub fn on_floor_of(voxel: VoxelPos) -> Self {
        let [x, y, z] = voxel.within().map(f64::from);
        Position { chunk: voxel.chunk(), local: [x + 0.5, y, z + 0.5] }
    }

    /// The voxel that it lies in.
    pub fn voxel(&self) -> VoxelPos {
        let [x, y, z] = self.local.map(|metres| metres as i64);
        self.chunk.origin().offset(x, y, z)
    }

    /// The point so many metres east, up and south of it.
    pub fn moved(self, by: [f64; 3]) -> Self {
        Position::new(self.chunk, [0, 1, 2].map(|axis| self.local[axis] + by[axis]))
    }

    /// Metres from `origin` to here along each axis, the shorter way around the world.
    pub fn since(&self, origin: &Position) -> [f64; 3] {
        let chunks = self.chunk.origin().since(origin.chunk.origin());
        [0, 1, 2].map(|axis| chunks[axis] as f64 + (self.local[axis] - origin.local[axis]))
    }
}

/// Whole chunks, and what remains of one. What isn't a number is no distance.
fn split(metres: f64) -> (i64, f64) {
    if !metres.is_finite() {
        return (0, 0.0);
    }
    let (chunks, rest) = ((metres / EDGE_M).floor() as i64, metres.rem_euclid(EDGE_M));
    // Just below zero the remainder rounds up to a whole chunk.
    if rest >= EDGE_M { (chunks.wrapping_add(1), 0.0) } else { (chunks, rest) }
}
