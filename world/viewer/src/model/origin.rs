//! The floating origin: scenes are drawn in metres from a chunk near the player.
//!
//! An `f32` tells millimetres apart only within some kilometres, and the world is 2⁶⁴ metres wide. So everything that is drawn
//! knows its place in whole chunks, and the scene's zero moves along with the player, in steps: each step moves every entity,
//! which is cheap, but not so cheap that it should happen in every frame.

use bitdust_world::{ChunkPos, body::Position};

/// The player may be so many chunks from the scene's zero, along any axis, before it follows: 16 × 32 m, at which distance
/// neighbouring `f32` are 0.06 mm apart.
pub const STRAY_CHUNKS: i64 = 16;

/// The zero that a scene should have now: the old one while the player is near it, otherwise the player's own chunk.
pub fn follow(origin: ChunkPos, player: ChunkPos) -> ChunkPos {
    let strays = chunks_between(origin, player).iter().any(|distance| distance.unsigned_abs() > STRAY_CHUNKS as u64);
    if strays { player } else { origin }
}

/// Where a chunk's corner is drawn.
pub fn of_chunk(origin: ChunkPos, chunk: ChunkPos) -> [f32; 3] {
    chunks_between(origin, chunk).map(|chunks| (chunks * 32) as f32)
}

/// Where a point is drawn.
pub fn of_position(origin: ChunkPos, position: &Position) -> [f32; 3] {
    let corner = chunks_between(origin, position.chunk).map(|chunks| (chunks * 32) as f64);
    [0, 1, 2].map(|axis| (corner[axis] + position.local[axis]) as f32)
}

/// Chunks from one to the other along each axis, the shorter way around the world. Chunks wrap at ± 2⁵⁸, where voxels
/// wrap at ± 2⁶³.
pub fn chunks_between(from: ChunkPos, to: ChunkPos) -> [i64; 3] {
    to.since(from).map(|chunks| chunks.wrapping_shl(5) >> 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: i64 = i64::MAX >> 5;

    #[test]
    fn scenes_look_the_same_wherever_they_are() {
        for base in [ChunkPos::new(0, 0, 0), ChunkPos::new(31_250_000_000_000, 3, -9), ChunkPos::new(END, 0, -END - 1)]
        {
            let neighbour = ChunkPos::new((base.x + 2) << 5 >> 5, base.y - 1, base.z + 3);
            let wrapped = neighbour.origin().chunk();
            assert_eq!(of_chunk(base, wrapped), [64.0, -32.0, 96.0], "{base}");
            let position = Position::new(base, [40.5, -1.0, 0.25]);
            assert_eq!(of_position(base, &position), [40.5, -1.0, 0.25], "{base}");
        }
    }

    #[test]
    fn the_zero_follows_only_a_player_who_strays() {
        let origin = ChunkPos::new(END - 3, 0, 0);
        let player = |x: i64| ChunkPos::new(x, 0, 0);
        assert_eq!(follow(origin, player(END - 3 - STRAY_CHUNKS)), origin);
        // Beyond the end of the world, 8 chunks further.
        assert_eq!(follow(origin, player(-END - 1 + 4)), origin);
        let far = player(END - 4 - STRAY_CHUNKS);
        assert_eq!(follow(origin, far), far);
    }
}
