//! From a change of the manifest to what each slot must hold next.
//!
//! Order: the changed manifest → both deltas sealed → the revision blob → its root → each slot's list with that blob last →
//! each slot's root and bytes. All slots have the same number of bytes, since the shards of a slab are equally long.

use bitdust_proof::blob;
use bitdust_types::{Root, SlotRoot};

use crate::{
    manifest::{Change, Invalid, Manifest, RevisionBlob, seal::SealKeys},
    supplier::book::sum_tree,
    wire::BlobRef,
};

/// Slabs that one revision adds at most: a commit lists one blob for each, 257 × 40 bytes, and a put of terabytes is proved
/// and paid for as it goes. 256 slabs are 10 GiB.
pub const SLABS_PER_REVISION_MAX: usize = 256;

/// What one slot must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotTarget {
    /// Root of its list.
    pub root: SlotRoot,
    /// Bytes of its list.
    pub bytes: u64,
}

/// A revision that is ready to be sent, committed and written to the ledger.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The manifest as of this revision.
    pub manifest: Manifest,
    /// The revision's blob: the head on the ledger.
    pub blob: BlobRef,
    /// Its bytes, the same for every slot.
    pub blob_bytes: Vec<u8>,
    /// Slot by slot.
    pub targets: Vec<SlotTarget>,
}

impl Revision {
    /// Assembles the revision that follows `current`.
    ///
    /// # Errors
    /// A change that doesn't apply, or manifests too large for one blob.
    pub fn assemble(
        current: &Manifest,
        change: &Change,
        slots: u16,
        keys: &SealKeys,
        rng: &mut impl rand::RngCore,
    ) -> Result<Self, Invalid> {
        let snapshot = current.snapshot_due();
        let mut manifest = current.with_change(change, snapshot)?;
        let (owner, repair) = manifest.deltas(change, snapshot);
        let encode = |what, bytes: Result<Vec<u8>, std::io::Error>| {
            bytes.map_err(|error| Invalid::Bytes { what, reason: error.to_string() })
        };
        let sealed = RevisionBlob {
            dataset: manifest.dataset(),
            number: manifest.number(),
            prev: current.head().map_or(Root([0; 32]), |head| head.root),
            snapshot,
            owner: keys.seal_owner(&encode("owner manifest", borsh::to_vec(&owner))?, rng)?,
            repair: keys.seal_repair(&encode("repair manifest", borsh::to_vec(&repair))?, rng)?,
        };
        let blob_bytes = sealed.encode()?;
        let blob = BlobRef { root: blob::root(&blob_bytes), len: blob_bytes.len() as u64 };
        manifest.adopt(blob);
        let targets = targets(&manifest, slots)?;
        Ok(Revision { manifest, blob, blob_bytes, targets })
    }

    /// The revision's number.
    pub fn number(&self) -> u64 {
        self.manifest.number()
    }

    /// Bytes that every slot holds.
    pub fn bytes(&self) -> u64 {
        self.targets.first().map_or(0, |target| target.bytes)
    }
}

/// Root and bytes of every slot's list, as the manifest has it.
///
/// # Errors
/// Lengths that add up to 2^64, or lists that differ in bytes: a slab with fewer shards than the dataset has slots.
pub fn targets(manifest: &Manifest, slots: u16) -> Result<Vec<SlotTarget>, Invalid> {
    let fail = |reason| Invalid::Delta { number: manifest.number(), reason };
    let mut targets: Vec<SlotTarget> = Vec::with_capacity(usize::from(slots));
    for slot in 0..slots {
        let tree = sum_tree(&manifest.slot_list(slot)).map_err(fail)?;
        let target = SlotTarget { root: tree.root(), bytes: tree.total() };
        if targets.first().is_some_and(|first| first.bytes != target.bytes) {
            return Err(fail(format!("slot {slot} would hold {} bytes, slot 0 {}", target.bytes, targets[0].bytes)));
        }
        targets.push(target);
    }
    Ok(targets)
}

/// How `target` is reached from `base`: which indices of `base` fall away, and what follows after those that stay.
///
/// Lists only ever lose and append, so what stays is found by walking both; for lists unrelated to each other the answer is
/// right too, only long.
pub fn difference(base: &[BlobRef], target: &[BlobRef]) -> (Vec<u32>, Vec<BlobRef>) {
    let mut removed = Vec::new();
    let mut kept = 0;
    for (index, blob) in base.iter().enumerate() {
        if target.get(kept) == Some(blob) {
            kept += 1;
        } else {
            // Lists are bounded by 2^20 blobs.
            removed.push(index as u32);
        }
    }
    (removed, target[kept..].to_vec())
}

#[cfg(test)]
mod tests;
