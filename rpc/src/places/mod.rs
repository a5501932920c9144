//! Chunks of a world over HTTP: what a server needs of the node, and the bytes both sides speak.
//!
//! ```text
//! POST /worlds/{id}/chunks     body: a ChunksRequest as JSON; answers frames in the order in which they are ready
//! ```
//!
//! A frame is its length (4 bytes, little endian) and a [`Frame`] in Borsh. Every chunk asked for is answered by exactly one
//! frame, the most urgent ones as early as they can be had; then the answer ends. Before that one, a chunk that isn't there by
//! its deadline may have a [`Frame::StandIn`]. A caller that hangs up ends the work.

use std::pin::Pin;

use alloy_primitives::{Address, B256};
use bitdust_types::Root;
use bitdust_world::{ChunkPos, LocationPos};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::{Buf as _, Bytes, BytesMut};
use futures::Stream;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Chunks in one request: a view of 384 m begins with about 7,000, asked for in portions so that the nearest can change.
pub const CHUNKS_MAX: usize = 512;
/// Bytes of a request: 512 chunks of three numbers and a hash.
pub const REQUEST_BYTES_MAX: usize = 256 << 10;
/// Bytes of a frame: a packed chunk of 60 KiB and what is said about it.
pub const FRAME_BYTES_MAX: usize = 64 << 10;
/// Bytes of a reason.
const REASON_BYTES_MAX: usize = 512;

/// Frames on their way.
pub type FrameStream = Pin<Box<dyn Stream<Item = Frame> + Send>>;

/// What the node does with chunks.
#[async_trait::async_trait]
pub trait Places: Send + Sync + 'static {
    /// Answers every chunk of the request by one frame.
    async fn chunks(&self, world: B256, request: ChunksRequest) -> Result<FrameStream, Failure>;
}

/// Chunks that somebody wants to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChunksRequest {
    /// Which; the most urgent first.
    pub chunks: Vec<WantedChunk>,
    /// Whether the caller shows generated terrain in place of chunks that aren't there in time, and wants to be told.
    #[serde(default = "yes")]
    pub stand_in: bool,
}

fn yes() -> bool {
    true
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedChunk {
    /// Where.
    pub pos: ChunkPos,
    /// The hash of what the caller has; nothing is sent if that is the current version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<Root>,
    /// In so many milliseconds it will be seen.
    #[serde(default)]
    pub deadline_ms: u32,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Frame {
    /// The chunk's current bytes.
    Chunk {
        /// Where.
        pos: ChunkPos,
        /// Hash of its voxels, as the location's manifest and edits give it.
        hash: Root,
        /// The location's version.
        sequence: u64,
        /// Who had it.
        source: Source,
        /// Packed (`bitdust_world::pack`).
        packed: Vec<u8>,
    },
    /// What the caller has is current.
    Same {
        /// Where.
        pos: ChunkPos,
    },
    /// As the generator makes it: the caller can do that as well.
    Generated {
        /// Where.
        pos: ChunkPos,
        /// Whether nobody has claimed the whole location, so that all its chunks are the generator's.
        unclaimed: bool,
    },
    /// It can't be had now.
    Failed {
        /// Where.
        pos: ChunkPos,
        /// Why.
        reason: String,
    },
    /// Not in time: show what the generator makes of the place. The current version follows in this answer.
    StandIn {
        /// Where.
        pos: ChunkPos,
    },
}

/// Where a chunk came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Source {
    /// A supplier of the location's dataset, by its account.
    Supplier([u8; 20]),
    /// Another player's node.
    Player,
    /// The node's own disk or memory.
    Cache,
    /// Made from the seed.
    Generator,
    /// Decoded from the shards of other suppliers than the one that should have had it.
    Rebuilt,
}

impl Source {
    /// A supplier.
    pub fn supplier(account: Address) -> Self {
        Source::Supplier(account.into_array())
    }
}

/// Bytes that are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no row of chunk frames: {0}")]
pub struct NotAFrame(String);

impl Frame {
    /// Where the chunk is.
    pub fn pos(&self) -> ChunkPos {
        match self {
            Frame::Chunk { pos, .. }
            | Frame::Same { pos }
            | Frame::Generated { pos, .. }
            | Frame::StandIn { pos }
            | Frame::Failed { pos, .. } => *pos,
        }
    }

    /// Whether it is the last word on its chunk.
    pub fn is_final(&self) -> bool {
        !matches!(self, Frame::StandIn { .. })
    }

    /// The location that the chunk lies in.
    pub fn location(&self) -> LocationPos {
        self.pos().location()
    }

    /// A failure; a long reason is cut.
    pub fn failed(pos: ChunkPos, reason: impl std::fmt::Display) -> Self {
        let mut reason = reason.to_string();
        while reason.len() > REASON_BYTES_MAX {
            reason.pop();
        }
        Frame::Failed { pos, reason }
    }

    /// Its bytes with their length before them.
    pub fn encode(&self) -> Bytes {
        let mut bytes = vec![0; 4];
        // Writing to memory can't fail.
        let _ = self.serialize(&mut bytes);
        let length = u32::try_from(bytes.len() - 4).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes.into()
    }

    /// Takes the first frame from what has been received; `None` if it is not complete yet.
    pub fn take(received: &mut BytesMut) -> Result<Option<Frame>, NotAFrame> {
        let Some(head) = received.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*head) as usize;
        if length == 0 || length > FRAME_BYTES_MAX {
            return Err(NotAFrame(format!("a frame of {length} bytes, where 1 to {FRAME_BYTES_MAX} are allowed")));
        }
        if received.len() < 4 + length {
            return Ok(None);
        }
        received.advance(4);
        let body = received.split_to(length);
        borsh::from_slice(&body).map(Some).map_err(|error| NotAFrame(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_whatever_pieces_they_arrive_in() {
        let pos = ChunkPos::new(-1, i64::MAX, 7);
        let frames = [
            Frame::Chunk {
                pos,
                hash: Root([3; 32]),
                sequence: 9,
                source: Source::Supplier([5; 20]),
                packed: vec![1; 60 << 10],
            },
            Frame::Same { pos },
            Frame::Generated { pos, unclaimed: true },
            Frame::failed(pos, "é".repeat(5000)),
            Frame::StandIn { pos },
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        for piece in [1, 3, 1000, bytes.len()] {
            let (mut received, mut seen) = (BytesMut::new(), Vec::new());
            for part in bytes.chunks(piece) {
                received.extend_from_slice(part);
                while let Some(frame) = Frame::take(&mut received).unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames);
            assert!(received.is_empty());
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        for bytes in [&[0, 0, 0, 0][..], &[255, 255, 255, 255, 1], &[1, 0, 0, 0, 9]] {
            assert!(Frame::take(&mut BytesMut::from(bytes)).is_err(), "{bytes:?}");
        }
    }
}
