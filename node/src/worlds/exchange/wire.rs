//! What is said on a stream about edits. Frames of borsh, each at most [`FRAME_BYTES_MAX`] bytes.

use bitdust_world::{
    LocationPos,
    edits::{Message, limits::MESSAGE_BYTES_MAX, sync::Misconduct},
    location::HEAD_BYTES_MAX,
};
use borsh::{BorshDeserialize, BorshSerialize};

use super::super::keeper::Keeps;

/// Messages of a turn: an answer to a summary is a batch and a summary, to a batch a summary; so two at most.
pub const MESSAGES_MAX: usize = 2;
/// Bytes of a frame: a batch (224 KiB at most), a summary (8 KiB), a head and what holds them together.
pub const FRAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX + (12 << 10) + HEAD_BYTES_MAX;

/// What one says before it is the other's turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Turn {
    /// The version that the speaker's edits lie on.
    pub sequence: u64,
    /// The newest head that it knows, in canonical bytes.
    pub head: Option<Vec<u8>>,
    /// Whether it brings edits of the place to the suppliers.
    pub keeps: Keeps,
    /// Messages about edits ([`Message`]), in canonical bytes.
    pub messages: Vec<Vec<u8>>,
}

/// The first frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Call {
    /// The world's id.
    pub world: [u8; 32],
    /// The location.
    pub pos: LocationPos,
    /// Names the claim that the caller knows (`AccessId` of its first list): after a transfer two may differ for a block.
    pub claim: [u8; 32],
    /// The caller's first turn.
    pub turn: Turn,
}

/// What the callee says.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// Its turn.
    Turn(Turn),
    /// The place isn't open here.
    Elsewhere,
    /// Not now.
    Busy,
}

impl Turn {
    /// The messages, each held against its bounds.
    pub fn messages(&self) -> Result<Vec<Message>, Misconduct> {
        if self.messages.len() > MESSAGES_MAX {
            return Err(Misconduct::Oversized("more than two messages in one turn"));
        }
        self.messages.iter().map(|bytes| Message::decode(bytes)).collect()
    }

    /// Bytes that are looked at.
    pub fn bytes(&self) -> usize {
        self.messages.iter().map(Vec::len).sum()
    }
}
