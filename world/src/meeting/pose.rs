//! How a body stands, and its 24 bytes on the wire.
//!
//! A pose travels ten times a second to every neighbour, so it carries only the lower 16 bits of its chunk's coordinates: a
//! receiver, who knows from the `Hello` where the sender was, adds the rest. That is unambiguous within a million metres.

use borsh::{BorshDeserialize, BorshSerialize};

use super::position::Position;
use crate::ChunkPos;

/// How a body stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stance {
    /// Where its feet are.
    pub position: Position,
    /// Where it looks: 65,536 are a whole turn, 0 north, rising eastwards.
    pub yaw: u16,
    /// From -127 (down) to 127 (up).
    pub pitch: i8,
    /// What it does.
    pub mode: Mode,
}

/// What a body does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Mode {
    /// Stands.
    #[default]
    Standing,
    /// Walks or runs.
    Walking,
    /// Is in the air.
    Falling,
    /// Swims.
    Swimming,
    /// Flies.
    Flying,
    /// Sits.
    Sitting,
}

/// A stance at a time of its sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pose {
    /// Counts the sender's poses, wrapping.
    pub sequence: u16,
    /// The sender's clock in milliseconds, wrapping. Only differences mean something.
    pub at_ms: u32,
    /// The lower bits of the chunk.
    pub chunk: [i16; 3],
    /// As in [`Position`].
    pub local: [u16; 3],
    /// As in [`Stance`].
    pub yaw: u16,
    /// As in [`Stance`].
    pub pitch: i8,
    /// As in [`Stance`].
    pub mode: Mode,
}

impl Pose {
    /// A stance for the wire.
    pub fn new(stance: &Stance, sequence: u16, at_ms: u64) -> Self {
        Pose {
            sequence,
            at_ms: at_ms as u32,
            chunk: low_bits(stance.position.chunk),
            local: stance.position.local,
            yaw: stance.yaw,
            pitch: stance.pitch,
            mode: stance.mode,
        }
    }

    /// The stance of a sender who was last in this chunk.
    pub fn stance(&self, last: ChunkPos) -> Stance {
        let position = Position { chunk: nearest_chunk(self.chunk, last), local: self.local };
        Stance { position, yaw: self.yaw, pitch: self.pitch, mode: self.mode }
    }
}

/// The lower 16 bits of a chunk's coordinates.
pub(super) fn low_bits(chunk: ChunkPos) -> [i16; 3] {
    [chunk.x as i16, chunk.y as i16, chunk.z as i16]
}

/// Of all chunks with these lower bits the nearest to another.
pub(super) fn nearest_chunk(low: [i16; 3], near: ChunkPos) -> ChunkPos {
    let own = low_bits(near);
    let [x, y, z]: [i64; 3] = std::array::from_fn(|i| i64::from(low[i].wrapping_sub(own[i])));
    near.offset(x, y, z)
}
