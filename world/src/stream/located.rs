//! What is known of a location: the current version's hash of every chunk, and who keeps it.
//!
//! It is made from the location's manifest, the dataset's slots on the ledger, and what players announce. The manifest was
//! written by a stranger, so a [`Located`] exists only if its numbers make sense.

use bitdust_types::{Address, Root};

use crate::{
    place::LOCATION_CHUNKS,
    stream::{PLAYERS_MAX, SLOTS_MAX},
};

/// Where a chunk's current version comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is what the generator makes of the place: no bytes are kept.
    Generated,
    /// In a frame of the data shard of this slot.
    Slot(u16),
}

/// A chunk as its manifest states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What it must hash to.
    pub hash: Root,
    /// Where it comes from.
    pub kept: Kept,
}

/// A manifest, or its holders, whose numbers don't make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not one entry per chunk.
    #[error("a location's manifest lists {0} chunks in place of 512")]
    Chunks(usize),
    /// No such erasure code.
    #[error("a location's dataset needs {k} of {n} slots; from 1 of 1 to 255 of 255 are possible")]
    Layout {
        /// Shards that a reader needs.
        k: u16,
        /// Slots that there are.
        n: usize,
    },
    /// Data lies in the first k slots.
    #[error("a chunk lies in slot {0}, which holds no data")]
    Slot(u16),
}

/// A location as it was resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    sequence: u64,
    chunks: Vec<Expected>,
    needed: u16,
    slots: Vec<Option<Address>>,
    pub(super) players: Vec<Address>,
}

impl Located {
    /// A place that nobody has claimed, or of which no version was ever published: the generator's alone.
    pub const fn unclaimed() -> Self {
        Located { sequence: 0, chunks: Vec::new(), needed: 0, slots: Vec::new(), players: Vec::new() }
    }

    /// Version `sequence` of a location: what each of its 512 chunks must be in the order of their numbers, how many
    /// shards rebuild one, who holds each slot (`None` where nobody does), and players that are likely to have chunks of it.
    pub fn new(
        sequence: u64,
        chunks: Vec<Expected>,
        needed: u16,
        slots: Vec<Option<Address>>,
        mut players: Vec<Address>,
    ) -> Result<Self, Invalid> {
        if chunks.len() != LOCATION_CHUNKS {
            return Err(Invalid::Chunks(chunks.len()));
        }
        if needed == 0 || usize::from(needed) > slots.len() || slots.len() > SLOTS_MAX {
            return Err(Invalid::Layout { k: needed, n: slots.len() });
        }
        let beyond = chunks.iter().find_map(|chunk| match chunk.kept {
            Kept::Slot(slot) if slot >= needed => Some(slot),
            _ => None,
        });
        if let Some(slot) = beyond {
            return Err(Invalid::Slot(slot));
        }
        players.truncate(PLAYERS_MAX);
        Ok(Located { sequence, chunks, needed, slots, players })
    }

    /// The version; 0 where there is none.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What the chunk must be; `None` where the generator alone decides.
    pub fn expected(&self, index: u16) -> Option<Expected> {
        self.chunks.get(usize::from(index)).copied()
    }

    /// How many shards rebuild a chunk.
    pub const fn needed(&self) -> u16 {
        self.needed
    }

    /// Who holds a slot.
    pub fn holder(&self, slot: u16) -> Option<Address> {
        self.slots.get(usize::from(slot)).copied().flatten()
    }

    /// All slots that somebody holds.
    pub fn holders(&self) -> impl Iterator<Item = (u16, Address)> + '_ {
        (0..).zip(&self.slots).filter_map(|(slot, holder)| Some((slot, (*holder)?)))
    }
}
