//! From the head on the ledger back to the nearest snapshot, then forward again.
//!
//! The caller fetches what [`Replay::wanted`] names, verifies that it hashes to that root, and hands it to
//! [`Replay::feed`]. The walk is bounded: a chain longer than [`SNAPSHOT_EVERY`] without a snapshot is refused, so a
//! malicious writer can't send a reader on an endless journey.

use bitdust_types::{DatasetId, Root};

use super::{
    Invalid, SNAPSHOT_EVERY,
    blob::RevisionBlob,
    entry::{Change, OwnerDelta},
    seal::ManifestKeys,
    state::Manifest,
};
use crate::wire::BlobRef;

/// A walk through a dataset's revisions.
#[derive(Debug)]
pub struct Replay {
    dataset: DatasetId,
    wanted: Option<Root>,
    /// Revision that the wanted blob must have.
    number: u64,
    /// Newest first.
    found: Vec<(BlobRef, RevisionBlob)>,
}

impl Replay {
    /// Begins at revision `number`, whose blob has the root `head`.
    pub fn new(dataset: DatasetId, number: u64, head: Root) -> Self {
        Replay { dataset, wanted: Some(head), number, found: Vec::new() }
    }

    /// The blob to fetch next; `None` when the walk has reached a snapshot.
    pub fn wanted(&self) -> Option<Root> {
        self.wanted
    }

    /// Takes the bytes of the wanted blob. The caller has verified their root.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Invalid> {
        let Some(root) = self.wanted else { return Ok(()) };
        let blob = RevisionBlob::decode(bytes)?;
        let chain = |reason: String| Err(Invalid::Chain { root, reason });
        if blob.dataset != self.dataset {
            return Err(Invalid::Dataset { expected: self.dataset, found: blob.dataset });
        }
        if blob.number != self.number {
            return chain(format!("it is revision {}, where {} was due", blob.number, self.number));
        }
        if self.found.len() as u32 >= SNAPSHOT_EVERY {
            return chain(format!("{SNAPSHOT_EVERY} revisions without a snapshot"));
        }
        if blob.number == 1 && !blob.snapshot {
            return chain("the first revision must be a snapshot".to_owned());
        }
        self.wanted = (!blob.snapshot).then_some(blob.prev);
        self.number = blob.number - 1;
        self.found.push((BlobRef { root, len: bytes.len() as u64 }, blob));
        Ok(())
    }

    /// Opens the seals and applies the deltas, oldest first.
    pub fn finish(self, keys: &ManifestKeys) -> Result<Manifest, Invalid> {
        if let Some(root) = self.wanted {
            return Err(Invalid::Chain { root, reason: "it wasn't fetched".to_owned() });
        }
        let mut manifest: Option<Manifest> = None;
        for (blob_ref, blob) in self.found.into_iter().rev() {
            let delta = OwnerDelta::decode(&keys.open_owner(&blob.owner)?)?;
            let mut base = match manifest.take() {
                Some(base) if !blob.snapshot => base,
                _ => Manifest::new(self.dataset, delta.repair_root.clone()),
            };
            base.set_number(blob.number - 1);
            let change =
                Change { files: delta.files, tombstones: delta.tombstones, slabs: delta.slabs, dropped: delta.dropped };
            let mut next = base.with_change(&change, blob.snapshot)?;
            next.adopt(blob_ref);
            manifest = Some(next);
        }
        manifest.ok_or(Invalid::Delta { number: 0, reason: "the dataset has no revision".to_owned() })
    }
}
