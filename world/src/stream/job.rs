//! One wanted chunk on its way, and the requests made for it.

use bitdust_types::{Address, Root};

use crate::{
    place::{ChunkPos, LocationPos},
    stream::{choice::Source, tally::Cause},
};

/// Names a request in effects and answers. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// A chunk by its location, so that the chunks of one location stand together in an ordered map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub location: LocationPos,
    pub index: u16,
}

impl Key {
    pub const fn of(chunk: ChunkPos) -> Self {
        // Positions past the end of the world name chunks at its other end.
        let chunk = chunk.origin().chunk();
        Key { location: chunk.location(), index: chunk.index() }
    }

    pub const fn chunk(self) -> ChunkPos {
        self.location.chunk(self.index).origin().chunk()
    }
}

/// A request under way.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub fetch: FetchId,
    pub source: Source,
    /// Who hasn't answered yet.
    pub waiting: Vec<Address>,
    pub started_at: u64,
    /// When its holders should have answered.
    pub overdue_at: u64,
    /// When another is asked too, if this one hasn't answered: then, or at once.
    pub hedges_at: u64,
    /// When it is given up.
    pub ends_at: u64,
    pub is_overdue: bool,
}

/// A wanted chunk.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub deadline_at: u64,
    /// Its place in the client's list, which orders wants of one deadline.
    pub order: u32,
    /// The list that it was last in.
    pub list: u64,
    pub cause: Cause,
    pub is_late: bool,
    pub cache_asked: bool,
    /// Players that answered that they don't have it, or failed.
    pub without: Vec<Address>,
    /// The generator is at work on it.
    pub generating: bool,
    /// What the generator made of it, and whether the client was given that to stand in.
    pub generated: Option<Root>,
    /// The manifest says that it is the generator's, and it isn't.
    pub disagrees: bool,
    pub attempts: Vec<Attempt>,
    /// Its entry among the timers.
    pub wakes_at: Option<u64>,
    /// Whether it stands in the queue of chunks to be asked for.
    pub queued: bool,
}

impl Job {
    pub const fn new(deadline_at: u64, order: u32, list: u64, unforeseen: bool) -> Self {
        Job {
            deadline_at,
            order,
            list,
            cause: if unforeseen { Cause::Unforeseen } else { Cause::Location },
            is_late: false,
            cache_asked: false,
            without: Vec::new(),
            generating: false,
            generated: None,
            disagrees: false,
            attempts: Vec::new(),
            wakes_at: None,
            queued: false,
        }
    }

    /// What it waits for now; what was in view from the first stays unforeseen.
    pub fn waits_for(&mut self, cause: Cause) {
        if self.cause != Cause::Unforeseen {
            self.cause = cause;
        }
    }
}
