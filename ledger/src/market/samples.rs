//! Which bytes a supplier must show, and which of its answers are wrong.

use alloy_primitives::{Address, B256};
use bitdust_proof::{SupplierProof, sample, verify_answer};
use bitdust_types::{DatasetId, SlotRoot};

use super::{
    fenwick,
    layout::{self, Leaf, Supplier},
    probation,
};
use crate::contract::words::{Record, Words};

/// One byte to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The dataset.
    pub dataset: DatasetId,
    /// The slot's number.
    pub slot: u16,
    /// Its root as of the start of the epoch.
    pub slot_root: SlotRoot,
    /// Its bytes as of the start of the epoch.
    pub slot_bytes: u64,
    /// Place of the byte in the slot, below `slot_bytes`.
    pub offset_in_slot: u64,
}

/// The samples of a supplier in the current epoch, in the order in which a proof answers them: `count` among all that it
/// holds, then as many inside its slots on probation, if there are such. `None` if the supplier's slots have changed in a
/// later epoch; empty if nothing is due.
pub fn draw<W: Words>(
    words: &mut W,
    who: Address,
    epoch: u64,
    seed: B256,
    count: u16,
) -> Result<Option<Vec<Sample>>, W::Error> {
    let supplier = Supplier::load(words, layout::supplier(who))?;
    let Some(due) = fenwick::due(&supplier, epoch) else { return Ok(None) };
    let sample = |leaf: &Leaf, offset_in_slot| {
        let content = leaf.at_start(epoch);
        Sample {
            dataset: leaf.dataset.into(),
            slot: leaf.slot,
            slot_root: content.root.into(),
            slot_bytes: content.bytes,
            offset_in_slot,
        }
    };
    let mut samples = Vec::with_capacity(2 * usize::from(count));
    for offset in sample::offsets(seed, who, epoch, due, usize::from(count)) {
        let (_, leaf, offset_in_slot) = fenwick::locate(words, who, &supplier, epoch, offset)?;
        samples.push(sample(&leaf, offset_in_slot));
    }
    let extras = probation::draw(words, who, &supplier, epoch, seed, count)?;
    samples.extend(extras.iter().map(|extra| sample(&extra.leaf, extra.offset_in_slot)));
    Ok(Some(samples))
}

/// Numbers of the samples that a proof doesn't answer rightly, ascending. A missing answer is a wrong one; answers
/// beyond the samples are not looked at.
pub fn judge(samples: &[Sample], proof: &SupplierProof) -> Vec<u16> {
    (0u16..)
        .zip(samples)
        .filter(|(number, sample)| {
            !proof.answers.get(usize::from(*number)).is_some_and(|answer| {
                verify_answer(sample.slot_root, sample.slot_bytes, sample.offset_in_slot, answer).is_ok()
            })
        })
        .map(|(number, _)| number)
        .collect()
}
