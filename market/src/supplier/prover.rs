//! The epoch's proof: for each sample the chunk with its way up to the slot's root, or *miss*.
//!
//! Every answer is verified with the judge's own code before it is used. What doesn't verify becomes a miss: a false answer
//! costs the same as a miss, and the miss is honest. One rotten sector therefore costs its own sample and no other.

use std::{collections::HashMap, io, sync::Arc};

use bitdust_proof::{Answer, Outboard, SumTree, SupplierProof, blob, verify_answer};
use bitdust_types::{DatasetId, SlotRoot, limits::PROOF_BYTES_MAX};

use super::{blob_store::BlobStore, book::sum_tree};
use crate::wire::BlobRef;

/// One byte to be shown, as the Market draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleRef {
    /// Dataset.
    pub dataset: DatasetId,
    /// Slot.
    pub slot: u16,
    /// The slot's list at the epoch's start.
    pub slot_root: SlotRoot,
    /// Its bytes.
    pub slot_bytes: u64,
    /// The byte.
    pub offset: u64,
}

/// A proof, and why some samples are missing from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proved {
    /// One answer for each sample.
    pub proof: SupplierProof,
    /// Index of each missed sample and the reason, for the operator's log.
    pub misses: Vec<(usize, String)>,
}

/// Builds the proof. `list_of` answers the list with a given root, from the book.
///
/// Blocks on the disk: 16 KiB and one outboard are read for each sample.
pub fn prove(
    samples: &[SampleRef],
    list_of: impl Fn(&SampleRef) -> Option<Vec<BlobRef>>,
    store: &dyn BlobStore,
) -> Proved {
    let mut trees: HashMap<SlotRoot, Option<Arc<Listed>>> = HashMap::new();
    let mut proved = Proved::default();
    // An answer is at least one byte; the rest of the budget shrinks with each.
    let mut room = PROOF_BYTES_MAX.saturating_sub(4 + samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let list = trees
            .entry(sample.slot_root)
            .or_insert_with(|| {
                let blobs = list_of(sample)?;
                let tree = sum_tree(&blobs).ok()?;
                Some(Arc::new(Listed { blobs, tree }))
            })
            .clone();
        let answered = match list {
            None => Err("the book has no list with this root".to_owned()),
            Some(list) => answer(sample, &list, store),
        };
        let answered = answered.and_then(|answer| {
            let size = borsh::object_length(&answer).map_err(|error| error.to_string())?;
            room = room.checked_sub(size).ok_or_else(|| format!("the proof would exceed {PROOF_BYTES_MAX} bytes"))?;
            Ok(answer)
        });
        proved.proof.answers.push(answered.unwrap_or_else(|reason| {
            proved.misses.push((index, reason));
            Answer::Miss
        }));
    }
    proved
}

/// A list and its tree, made once for all samples in it.
struct Listed {
    blobs: Vec<BlobRef>,
    tree: SumTree,
}

fn answer(sample: &SampleRef, list: &Listed, store: &dyn BlobStore) -> Result<Answer, String> {
    let Listed { blobs, tree } = list;
    if tree.root() != sample.slot_root {
        return Err(format!("the list in the book has root {}", tree.root()));
    }
    let (index, offset, sum) = tree.prove(sample.offset).map_err(|error| error.to_string())?;
    let leaf = blobs.get(index).ok_or("the sum tree names a blob that the list lacks")?;
    let pairs = store.outboard(leaf.root).map_err(|error| error.to_string())?;
    let outboard = Outboard::from_bytes(leaf.root, leaf.len, pairs).map_err(|error| error.to_string())?;
    let read = |at: u64, into: &mut [u8]| store.read_at(leaf.root, at, into).map_err(io::Error::from);
    let chunk =
        blob::prove_chunk(&outboard, leaf.len, offset, read).map_err(|error| format!("blob {}: {error}", leaf.root))?;
    let answer = Answer::Hit { leaf_root: leaf.root, leaf_len: leaf.len, sum, chunk };
    verify_answer(sample.slot_root, sample.slot_bytes, sample.offset, &answer).map_err(|error| error.to_string())?;
    Ok(answer)
}

#[cfg(test)]
mod tests;
