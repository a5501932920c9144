//! Counters for people: where chunks came from, and why some came late.

use serde::{Deserialize, Serialize};

/// Where a chunk came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// This machine's disk.
    Cache,
    /// Made here, being what the manifest says or nobody's.
    Generator,
    /// Another player.
    Player,
    /// The supplier of its slot.
    Supplier,
    /// Decoded from the shards of k other suppliers.
    Column,
}

/// What a chunk was waiting for when its deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It was in view when it was first asked for: a player that has just arrived, or turned faster than it can be foreseen.
    Unforeseen,
    /// The location's manifest.
    Location,
    /// The generator.
    Generator,
    /// Its turn: every holder that could have been asked had as many requests as it could take.
    Turn,
    /// A holder that could be asked at all.
    Holder,
    /// An answer.
    Answer,
}

/// Chunks and their packed bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Chunks.
    pub chunks: u64,
    /// Bytes on the wire, or from the disk; none for generated chunks.
    pub bytes: u64,
}

/// What a scheduler has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    origins: [Count; 5],
    late: [u64; 6],
    /// Chunks that stood in for ones that couldn't be had in time, and were wrong.
    pub stale: u64,
    /// Stand-ins that turned out to be right.
    pub confirmed: u64,
    /// Second requests for a chunk whose first was slow.
    pub hedges: u64,
    /// Requests given up.
    pub timeouts: u64,
    /// Times a holder was named for bytes that didn't match.
    pub blamed: u64,
    /// Chunks that a manifest says are the generator's and that this generator makes otherwise.
    pub disagreed: u64,
}

impl Tally {
    /// Delivered chunks of one origin.
    pub const fn from(&self, origin: Origin) -> Count {
        self.origins[origin as usize]
    }

    /// Chunks that weren't delivered by their deadline, by what they were waiting for then.
    pub const fn late(&self, cause: Cause) -> u64 {
        self.late[cause as usize]
    }

    pub(super) const fn add(&mut self, origin: Origin, bytes: u32) {
        let count = &mut self.origins[origin as usize];
        count.chunks += 1;
        count.bytes += bytes as u64;
    }

    pub(super) const fn add_late(&mut self, cause: Cause) {
        self.late[cause as usize] += 1;
    }
}
