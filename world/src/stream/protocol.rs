//! What a scheduler is told, and what it asks of the node.
//!
//! A report of bytes is a report of *checked* bytes: hashing is heavy, so the node does it on its worker pool and tells the
//! verdict. The scheduler itself never sees a chunk.

use bitdust_types::{Address, Root};

use crate::{
    place::{ChunkPos, LocationPos},
    stream::{choice::Source, job::FetchId, located::Located, tally::Origin, wants::Want},
};

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The client's wants, in place of all earlier ones. In the order of [`Wants::plan`](super::Wants::plan). What was
    /// delivered a moment ago isn't fetched again: the list crossed with it.
    Replace(Vec<Want>),
    /// More wants, by somebody who lacks them whatever was delivered before.
    Want(Vec<Want>),
    /// No longer wanted.
    Cancel(Vec<ChunkPos>),
    /// A location's current version and holders, as asked for or as gossip brought it.
    Located(LocationPos, Located),
    /// The ledger says that a location isn't what it was: it is looked for again, and nothing that is asked for from now on
    /// is delivered until it is found.
    Outdated(LocationPos),
    /// They couldn't be found out. That a place is nobody's is [`Located::unclaimed`], not this.
    NotLocated(LocationPos),
    /// Players nearby that are likely to have chunks of a location.
    Players(LocationPos, Vec<Address>),
    /// One holder of a [`Source::Column`] has sent its shard, proved to be right.
    Part(FetchId, Address),
    /// A request is over.
    Answered(FetchId, Answer),
    /// The generator made a chunk that hashes to this.
    Generated(ChunkPos, Root),
    /// Time went by.
    Tick,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The node has the chunk, so many bytes packed, and held it against its hash.
    Chunk {
        /// Packed.
        bytes: u32,
    },
    /// The holder doesn't have it.
    Absent,
    /// The bytes don't hash to what they should: by whom, where several were asked.
    Wrong {
        /// The liar.
        by: Option<Address>,
    },
    /// No answer will come: by whose fault, where several were asked.
    Failed {
        /// The holder that couldn't be reached, or refused.
        by: Option<Address>,
    },
}

/// Why a holder is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It sent bytes that don't match the manifest's hash.
    WrongBytes,
}

/// What the node must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Find out a location's version and holders.
    Resolve(LocationPos),
    /// Read a chunk, hold it against its hash, and report.
    Fetch {
        /// For the report.
        fetch: FetchId,
        /// Which chunk.
        chunk: ChunkPos,
        /// What it must hash to.
        hash: Root,
        /// Where.
        source: Source,
    },
    /// Call off a request: nothing is expected of it any more.
    Abandon(FetchId),
    /// Make a chunk, and report its hash.
    Generate(ChunkPos),
    /// Hand the chunk that was just reported to the client.
    Deliver {
        /// Which.
        chunk: ChunkPos,
        /// Where it came from.
        origin: Origin,
        /// It only stands in for the current version, which isn't there yet.
        provisional: bool,
    },
    /// The chunk that stood in is the current version after all.
    Confirm(ChunkPos),
    /// A location has a newer version: these chunks differ from the one before.
    Changed(LocationPos, Vec<ChunkPos>),
    /// Tell people, and whoever keeps scores, about a holder.
    Blame {
        /// Who.
        holder: Address,
        /// On account of which chunk.
        chunk: ChunkPos,
        /// Why.
        reason: Reason,
    },
}

/// What a scheduler may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether generated terrain may stand in for chunks that don't arrive in time.
    pub stand_in: bool,
}
