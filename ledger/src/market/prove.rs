//! The verdict on a supplier's proof, entered by a system transaction.
//!
//! One proof counts for all of the supplier's slots: the count of proven epochs goes up by one, whatever it holds.
//! Only the slots in which a sample failed are touched one by one, and there are at most as many as samples. They are on
//! probation from then on, until the next proof ([`super::probation`]).

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};
use bitdust_proof::sample;
use bitdust_types::system;

use super::{
    abi::IMarket,
    fenwick,
    layout::{self, Dataset, Leaf, Slot, Supplier},
    money, probation,
    reap::{self, Reason},
    settle,
};
use crate::contract::call::{Call, Stop, refuse};

/// A failed sample costs the slot's reserve one part in 20.
const SLASH_DIVISOR: u128 = 20;

/// Enters a verdict.
pub fn record(call: &mut Call<'_>, args: &IMarket::recordProofCall) -> Result<(), Stop> {
    let (who, epoch) = (args.supplier, args.epoch);
    let mut supplier: Supplier = call.load(layout::supplier(who))?;
    let due = check(call, &supplier, args)?;
    let ordinary = call.params.samples;
    let extras = probation::draw(call, who, &supplier, epoch, args.seed, ordinary)?;
    // Both are at most the ordinary samples, of which there are at most 40.
    let samples = ordinary + extras.len() as u16;
    check_verdict(&args.failed, samples)?;
    let offsets = sample::offsets(args.seed, who, epoch, due, usize::from(ordinary));
    let mut failed: BTreeMap<u32, (Leaf, u16)> = BTreeMap::new();
    for number in &args.failed {
        let (index, leaf) = match number.checked_sub(ordinary) {
            Some(extra) => {
                let extra = &extras[usize::from(extra)];
                (extra.index, extra.leaf.clone())
            }
            None => {
                let (index, leaf, _) = fenwick::locate(call, who, &supplier, epoch, offsets[usize::from(*number)])?;
                (index, leaf)
            }
        };
        failed.entry(index).or_insert((leaf, 0)).1 += 1;
    }
    let previous = supplier.last_proven;
    supplier.enter_proof(epoch);
    call.save(layout::supplier(who), &supplier);
    call.log(&IMarket::Proved {
        supplier: who,
        epoch,
        provenEpochs: supplier.proven,
        samples,
        // At most as many as samples, a u16.
        failedSamples: args.failed.len() as u16,
        dueBytes: due,
    });
    let mut watched = Vec::new();
    for (index, (leaf, count)) in failed {
        if fail(call, who, previous, index, &leaf, count)? {
            watched.push(index);
        }
    }
    probation::replace(call, who, supplier.proven, &watched)?;
    Ok(())
}

/// Answers the bytes that are due.
fn check(call: &Call<'_>, supplier: &Supplier, args: &IMarket::recordProofCall) -> Result<u64, Stop> {
    let (who, epoch) = (args.supplier, args.epoch);
    if call.caller() != system::SYSTEM {
        return Err(refuse(IMarket::NotSystem { caller: call.caller() }));
    }
    if epoch != call.epoch {
        return Err(refuse(IMarket::WrongEpoch { given: epoch, epoch: call.epoch }));
    }
    let (first, last) = (call.params.window_first, call.params.window_last);
    if !(first..=last).contains(&call.index) {
        return Err(refuse(IMarket::OutsideWindow { blockInEpoch: call.index, first, last }));
    }
    if supplier.last_proven >= epoch {
        return Err(refuse(IMarket::AlreadyProven { supplier: who, epoch }));
    }
    match fenwick::due(supplier, epoch) {
        Some(due) if due > 0 => Ok(due),
        _ => Err(refuse(IMarket::NothingDue { supplier: who, epoch })),
    }
}

/// Whether the verdict lists samples that were drawn, each once.
fn check_verdict(failed: &[u16], samples: u16) -> Result<(), Stop> {
    let ascending = failed.windows(2).all(|pair| pair[0] < pair[1]);
    match failed.last() {
        Some(last) if !ascending || *last >= samples => {
            Err(refuse(IMarket::BadVerdict { sample: U256::from(*last), samples: U256::from(samples) }))
        }
        _ => Ok(()),
    }
}

/// Enters the failure of a slot: no pay for this epoch and a twentieth of its reserve; the whole reserve and the slot
/// itself if it had failed in the supplier's proof before this one. Answers whether the slot is on probation now.
fn fail(
    call: &mut Call<'_>,
    who: Address,
    previous_proof: u64,
    index: u32,
    leaf: &Leaf,
    samples: u16,
) -> Result<bool, Stop> {
    let (id, number, epoch): (B256, u16, u64) = (leaf.dataset, leaf.slot, call.epoch);
    let at = layout::slot(id, number);
    let mut slot: Slot = call.load(at)?;
    // The slot was left, or taken anew, since the epoch began: its leaf is sampled, but nobody is bound to it. Outside
    // of its term nothing is paid, so nothing is lost.
    if slot.supplier != who || slot.index != index || epoch > slot.end || epoch < slot.due_from {
        return Ok(false);
    }
    if slot.anchor == epoch {
        slot.anchor_failed = true;
    } else {
        slot.failures += 1;
    }
    let second = slot.last_failed != 0 && slot.last_failed >= previous_proof;
    let slashed = if second { slot.reserve } else { slot.reserve / SLASH_DIVISOR };
    call.log(&IMarket::SampleFailed {
        dataset: id,
        slot: number,
        supplier: who,
        epoch,
        samples,
        slashed: U256::from(slashed),
        freed: second,
    });
    let mut dataset: Dataset = call.load(layout::dataset(id))?;
    if second {
        settle::settle(call, id, number, &mut slot)?;
        let how = reap::Release { reason: Reason::FailedTwice, penalty: slashed, finder_fee: 0 };
        reap::release(call, id, &mut dataset, number, slot, how)?;
    } else {
        slot.last_failed = epoch;
        slot.reserve -= slashed;
        dataset.escrow = money::add(dataset.escrow, slashed)?;
        call.save(at, &slot);
        let mut supplier: Supplier = call.load(layout::supplier(who))?;
        supplier.reserved = money::sub(supplier.reserved, slashed, "a slot's reserve is part of the pool")?;
        call.save(layout::supplier(who), &supplier);
    }
    call.save(layout::dataset(id), &dataset);
    Ok(!second)
}
