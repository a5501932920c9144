//! Slots on probation: those in which a sample failed in the supplier's last proof.
//!
//! The fault: a sample fails in one slot among thousands, and the next epoch's samples, spread over all that the supplier
//! holds, will hardly fall into that slot again. So a supplier that lost a slot would pay a twentieth of its reserve now
//! and then, and go on being paid for the rest. The cure: its next proof answers as many samples again, drawn inside the
//! slots that failed in the last one, and a second failure takes the slot and its whole reserve ([`super::prove`]).
//!
//! Each proof writes the list of such slots for the *next* one, however many windows are missed between the two. Several
//! slots share the extra samples evenly, the first ones getting one more where that doesn't come out even, so that a proof
//! stays bounded.
//!
//! **Invariant:** what an epoch's proof must show can be drawn by anybody throughout the epoch, before the proof is entered
//! and after. So a proof leaves the list that it was judged by in place and writes the other of two, by the parity of the
//! supplier's number of proofs; and slots count with what they held when the epoch began.

use alloy_primitives::{Address, B256};
use bitdust_proof::sample;
use bitdust_types::limits::PROBATION_SLOTS_MAX;

use super::layout::{self, Leaf, Supplier};
use crate::contract::words::{Record, Store, Words};

/// A byte to be shown inside a slot on probation.
#[derive(Clone, Debug)]
pub struct Extra {
    /// The slot's leaf in the supplier's tree.
    pub index: u32,
    /// What the leaf says.
    pub leaf: Leaf,
    /// Place of the byte in the slot.
    pub offset_in_slot: u64,
}

/// The samples that a proof of `epoch`, the current one, answers beyond the ordinary ones: `count` of them, or none if no
/// slot is on probation or none of those held anything when the epoch began.
pub fn draw<W: Words>(
    words: &mut W,
    who: Address,
    supplier: &Supplier,
    epoch: u64,
    seed: B256,
    count: u16,
) -> Result<Vec<Extra>, W::Error> {
    // Once this epoch's proof is entered, the list that it was judged by is that of the proof before.
    let proofs_before = supplier.proven - u64::from(supplier.last_proven == epoch && supplier.proven > 0);
    let mut slots = Vec::new();
    for index in listed(words, who, parity(proofs_before))? {
        let leaf = Leaf::load(words, layout::leaf(who, index))?;
        let bytes = leaf.at_start(epoch).bytes;
        if bytes > 0 {
            slots.push((index, leaf, bytes));
        }
    }
    let count = usize::from(count);
    let mut extras = Vec::new();
    for (position, (index, leaf, bytes)) in slots.iter().enumerate() {
        let share = count / slots.len() + usize::from(position < count % slots.len());
        let offsets = sample::offsets_on_probation(seed, who, epoch, *index, *bytes, share);
        let extra = |offset| Extra { index: *index, leaf: leaf.clone(), offset_in_slot: offset };
        extras.extend(offsets.into_iter().map(extra));
    }
    Ok(extras)
}

/// Writes the list that the proof which was just entered, the supplier's `proven`th, leaves for the next one: the leaves of
/// the slots that failed in it.
pub fn replace<S: Store>(store: &mut S, who: Address, proven: u64, failed: &[u32]) -> Result<(), S::Error> {
    let list = parity(proven);
    let before = listed(store, who, list)?.len();
    let kept = failed.len().min(usize::from(PROBATION_SLOTS_MAX));
    for (position, at) in (0..PROBATION_SLOTS_MAX).zip(0..kept.max(before)) {
        failed
            .get(at)
            .filter(|_| at < kept)
            .copied()
            .unwrap_or(0)
            .save(store, layout::probation_at(who, list, position));
    }
    Ok(())
}

/// Which of a supplier's two lists its `proven`th proof writes.
const fn parity(proven: u64) -> u8 {
    (proven % 2) as u8
}

/// Leaves are counted from 1, so that 0 ends the list.
fn listed<W: Words>(words: &mut W, who: Address, parity: u8) -> Result<Vec<u32>, W::Error> {
    let mut list = Vec::new();
    for position in 0..PROBATION_SLOTS_MAX {
        match u32::load(words, layout::probation_at(who, parity, position))? {
            0 => break,
            index => list.push(index),
        }
    }
    Ok(list)
}
