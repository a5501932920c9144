//! The verdicts: every way in which bytes, paths or proofs that somebody else made can be wrong.

use bitdust_types::{Root, SlotRoot};

/// A verdict on somebody's proof or bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The offset lies behind the end of what was promised.
    #[error("offset {offset} is not below the length of {len} bytes: ask for bytes inside the blob")]
    Offset {
        /// The byte asked for.
        offset: u64,
        /// Bytes there are.
        len: u64,
    },
    /// The range is empty, reversed or reaches behind the end.
    #[error("range {start}..{end} is empty or not inside the {len} bytes of the blob")]
    Range {
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// Bytes there are.
        len: u64,
    },
    /// A chunk has another length than its position demands.
    #[error("the chunk at offset {offset} has {got} bytes where {want} belong")]
    ChunkLength {
        /// First byte of the chunk.
        offset: u64,
        /// Bytes received.
        got: usize,
        /// Bytes that belong there.
        want: u64,
    },
    /// A path has another number of steps than the tree's shape demands, or than any tree may have.
    #[error("the path has {got} steps where the tree has {want}")]
    PathLength {
        /// Steps received.
        got: usize,
        /// Steps that belong there.
        want: usize,
    },
    /// The bytes and their path do not lead to the root of the blob.
    #[error("the bytes at offset {offset} are not those of blob {root}")]
    Blob {
        /// The blob promised.
        root: Root,
        /// Where the difference was noticed.
        offset: u64,
    },
    /// The blob and its path do not lead to the slot's root.
    #[error("blob {leaf} does not lie at offset {offset} of slot root {root}")]
    Slot {
        /// The slot's root.
        root: SlotRoot,
        /// The blob shown.
        leaf: Root,
        /// The offset in the slot's bytes.
        offset: u64,
    },
    /// Byte counts that add up to more than 64 bits can hold.
    #[error("the byte counts add up to more than 2^64 - 1")]
    SumOverflow,
    /// Encoded bytes end too early, go on too long or hold an impossible value.
    #[error("{what} can't be decoded: {why}")]
    Encoding {
        /// What was being decoded.
        what: &'static str,
        /// The reason.
        why: String,
    },
    /// More than the limit.
    #[error("{what} has {got}, more than the limit of {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// What it has.
        got: u64,
        /// What it may have.
        max: u64,
    },
    /// The supplier itself says that it can't show the sample.
    #[error("the supplier answers that it does not have the sampled bytes")]
    Miss,
}
