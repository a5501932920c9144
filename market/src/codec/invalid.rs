//! The verdicts of the codec on shards, ranges and shapes that others gave.

use bitdust_types::SlabId;

/// Why bytes are not the slab that was asked for, or a request makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A slab can't hold so much.
    #[error("a slab holds at most {max} plain bytes, {got} were given: split them over several slabs")]
    TooLong {
        /// Bytes given.
        got: u64,
        /// Bytes that fit.
        max: u64,
    },
    /// The manifest names another number of roots than the layout has shards.
    #[error("{got} roots are named for a layout of {want} shards")]
    RootCount {
        /// Roots given.
        got: usize,
        /// Shards of the layout.
        want: u8,
    },
    /// There is no shard of this index.
    #[error("shard {index} does not exist: the layout has {n}, counted from 0")]
    Index {
        /// The index given.
        index: u8,
        /// Shards of the layout.
        n: u8,
    },
    /// The same shard was given twice.
    #[error("shard {index} was given twice")]
    Twice {
        /// The shard.
        index: u8,
    },
    /// A shard, or a part of one, has another length than the shape demands.
    #[error("shard {index} has {got} bytes where {want} belong")]
    Length {
        /// The shard.
        index: u8,
        /// Bytes given.
        got: u64,
        /// Bytes that belong there.
        want: u64,
    },
    /// Fewer shards than are needed.
    #[error("{have} shards are not enough, {need} are needed: ask further suppliers")]
    TooFew {
        /// Shards given.
        have: usize,
        /// Shards needed.
        need: usize,
    },
    /// Shards whose bytes are not those that the owner committed to. Nothing was decoded from them.
    #[error("shards {indices:?} are not the bytes that were promised: their suppliers' copies are damaged or forged")]
    Roots {
        /// Every such shard among those used, in rising order.
        indices: Vec<u8>,
    },
    /// A part of a shard whose bytes or path do not lead to its root.
    #[error("shard {index}: {reason}")]
    Piece {
        /// The shard.
        index: u8,
        /// What is wrong.
        reason: bitdust_proof::Invalid,
    },
    /// A unit that the owner's key does not open although its shards are right: wrong key, salt, slab id or shape.
    #[error("unit {unit} of slab {slab} does not open: the manifest's key, salt or length is not this slab's")]
    Seal {
        /// The slab.
        slab: SlabId,
        /// The first such unit.
        unit: u64,
    },
    /// A range that is empty, reversed or reaches behind the slab's end.
    #[error("range {start}..{end} is empty or not inside the slab's {len} bytes")]
    Range {
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// Plain bytes of the slab.
        len: u64,
    },
    /// The pieces given do not cover a unit, neither from its own shard nor from `k` others.
    #[error("unit {unit} is neither in the piece of its own shard nor in pieces of {k} shards: fetch more")]
    Uncovered {
        /// The unit.
        unit: u64,
        /// Shards needed without its own.
        k: u8,
    },
    /// A shard made anew does not have the root that the owner committed to, although its sources do: the mask key, or the
    /// commitment itself, is wrong.
    #[error(
        "rebuilt shard {index} has another root than the owner committed to: the repair key or the manifest is wrong"
    )]
    Rebuilt {
        /// The shard.
        index: u8,
    },
}
