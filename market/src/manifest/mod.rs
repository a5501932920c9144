//! What a dataset's owner must remember to get the files back, kept in the dataset itself.
//!
//! Two manifests, both logs of deltas with a snapshot at most every [`SNAPSHOT_EVERY`] revisions:
//! - the *owner* manifest (names, sizes, keys, metadata), sealed to the owner's storage key;
//! - the *repair* manifest (slab ids, layout, lengths, roots; no names), sealed to the repair key.
//!
//! Neither names a supplier: holders are read from the ledger. One revision's two deltas travel in one [`RevisionBlob`],
//! which is the last blob of every slot's list and whose BLAKE3 root is the dataset's head on the ledger. Each names its
//! predecessor, so a reader walks from the head back to the nearest snapshot ([`replay`]).
//!
//! **Invariant:** what [`state::Manifest::slot_list`] computes from the manifest alone is, blob by blob, the list that the
//! slot's root on the ledger commits to.

pub mod blob;
pub mod entry;
pub mod replay;
pub mod seal;
pub mod state;

pub use blob::RevisionBlob;
pub use entry::{Change, FileEntry, OwnerDelta, RepairDelta, RepairSlab, Segment, SlabEntry};
pub use replay::Replay;
pub use state::{Item, Manifest, SlabUsage};

use bitdust_types::{DatasetId, Root};

/// Revisions from one snapshot to the next: a restore reads at most this many blobs.
pub const SNAPSHOT_EVERY: u32 = 32;

/// Why bytes are no manifest of this dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not the canonical bytes.
    #[error("these bytes are no {what}: {reason}")]
    Bytes {
        /// What was expected.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// A field above its limit or malformed.
    #[error("{what}: {reason}")]
    Field {
        /// Which field.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The seal doesn't open.
    #[error("the {0} manifest doesn't open with this key: it was sealed to another one, or it was altered")]
    Seal(&'static str),
    /// A blob of another dataset.
    #[error("the manifest belongs to dataset {found}, not to {expected}")]
    Dataset {
        /// Wanted.
        expected: DatasetId,
        /// Found.
        found: DatasetId,
    },
    /// The chain of revisions is broken.
    #[error("manifest {root} doesn't continue the chain of revisions: {reason}")]
    Chain {
        /// The blob.
        root: Root,
        /// What doesn't fit.
        reason: String,
    },
    /// A delta that doesn't apply to what came before.
    #[error("revision {number} doesn't apply: {reason}")]
    Delta {
        /// The revision.
        number: u64,
        /// Why.
        reason: String,
    },
}

#[cfg(test)]
mod tests;
