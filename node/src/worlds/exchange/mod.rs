//! Edits between those who have a place open, without anybody in between: each gives the other what it lacks.
//!
//! The fault: gossip is lost while meshes form, when lines break, when a network is cut in two; and an edit that rests on one
//! that was lost has to wait. The cure: two who have the same place open compare what they have
//! ([`bitdust_world::edits::Session`]) and send the difference: when a place is opened, when gossip brought something that has
//! to wait for its parents, when a line stands again after it was gone, while edits aren't kept by suppliers yet, and every
//! so often.
//!
//! # Order of words
//! Whoever has the place open says so in the network ([`key`]); others find it there, or hear it speak in the place's gossip.
//! On a stream of [`Protocol::EDITS`](bitdust_network::Protocol::EDITS):
//! ```text
//! caller → Call { world, pos, claim, turn }   a turn: version, newest head, at most two messages about edits
//! callee → Answer::Turn(turn)                 or Elsewhere (the place isn't open here) or Busy
//! caller → Turn … callee → Answer::Turn … until the caller has nothing more to say and ends the stream
//! ```
//! Who learns that the other is on a newer version, or knows a newer head, reads it from the suppliers; who is behind sends
//! nothing until then.
//!
//! **Invariant:** a peer's edit enters the graph only through [`Session::handle`](bitdust_world::edits::Session::handle): its
//! bytes, signature, past and rights are checked, and whoever sends what everybody refuses is named and shut out.
//! **Invariant:** what one peer can make this node do is bounded, see [`door`]; whom this node calls, and how often, see
//! [`company`].

pub mod company;
pub mod door;
pub mod talk;
pub mod wire;

use bitdust_types::{B256, keccak256};
use bitdust_world::{LocationPos, location::head_key};

/// Under which key those who have a place open are found.
pub fn key(world: B256, pos: LocationPos) -> [u8; 32] {
    keccak256([&b"bitdust edits\x01"[..], &head_key(&world.0, pos).0].concat()).0
}
