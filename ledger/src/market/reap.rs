//! How a slot becomes free, and what that costs whom.
//!
//! Missed windows and ended terms have no transaction of their own: they are found at the next touch, and anyone may
//! touch a slot with `reap`. Every way out leads through [`release`], which settles money, reserve and tree together.

use alloy_primitives::{Address, B256, U256};

use super::{
    abi::IMarket,
    datasets, fenwick, hold,
    layout::{self, Barrier, Dataset, Slot, Supplier},
    money, offers, settle,
};
use crate::contract::call::{Call, Stop, refuse};

/// So many windows missed in a row free a slot. One or two cost nothing but their pay: a weekend's outage of a day's
/// epochs isn't the loss of data.
pub const MISSED_WINDOWS_MAX: u64 = 3;
/// What a finder gets at most for reaping a slot: 0.001 DUST, above the gas of a reap at the minimum base fee
/// (300,000 gas × 10^9 grains = 0.0003 DUST).
pub const FINDER_FEE_MAX: u128 = 1_000_000_000_000_000;

/// Why a slot was freed, as the log says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The dataset was ended.
    Ended = 1,
    /// The slot's term is over.
    TermOver = 2,
    /// Three windows missed in a row.
    WindowsMissed = 3,
    /// The supplier gave it up.
    FaultDeclared = 4,
    /// Samples failed in two proofs in a row.
    FailedTwice = 5,
}

/// What a look at a slot says about its supplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Bound and alive.
    Alive {
        /// Windows missed in a row so far.
        missed: u64,
    },
    /// Gone: what its reserve owes.
    Missed {
        /// Grains.
        penalty: u128,
    },
    /// The term is over and the supplier was there until the end.
    TermOver,
}

/// How to free a slot.
pub struct Release {
    /// Why.
    pub reason: Reason,
    /// Grains that go from the slot's reserve to the escrow.
    pub penalty: u128,
    /// Most that the caller gets for finding it.
    pub finder_fee: u128,
}

/// Windows that the slot's supplier has missed in a row, up to now and within the slot's term.
pub fn missed_windows(slot: &Slot, supplier: &Supplier, epoch: u64, window_over: bool) -> u64 {
    if slot.due_from == 0 || slot.bytes == 0 {
        return 0;
    }
    let last = if window_over { epoch } else { epoch.saturating_sub(1) };
    last.min(slot.end).saturating_sub(supplier.last_proven.max(slot.due_from - 1))
}

/// Looks at a slot that has a supplier.
pub fn verdict(call: &mut Call<'_>, dataset: &Dataset, slot: &Slot) -> Result<Verdict, Stop> {
    let supplier: Supplier = call.load(layout::supplier(slot.supplier))?;
    let missed = missed_windows(slot, &supplier, call.epoch, call.index > call.params.window_last);
    if missed >= MISSED_WINDOWS_MAX {
        return Ok(Verdict::Missed { penalty: repair_price(dataset, slot)? });
    }
    Ok(if call.epoch > slot.end { Verdict::TermOver } else { Verdict::Alive { missed } })
}

/// Frees a slot whose supplier is gone or whose term is over; anyone may.
pub fn reap(call: &mut Call<'_>, id: B256, number: u16) -> Result<(), Stop> {
    let mut dataset = datasets::live(call, id)?;
    let mut slot = hold::slot_of(call, id, &dataset, number)?;
    if slot.supplier.is_zero() {
        return Err(refuse(IMarket::SlotIsFree { slot: number }));
    }
    let (reason, penalty) = match verdict(call, &dataset, &slot)? {
        Verdict::Alive { missed } => {
            return Err(refuse(IMarket::NotReapable {
                slot: number,
                missedWindows: missed,
                needed: MISSED_WINDOWS_MAX,
                endEpoch: slot.end,
            }));
        }
        Verdict::Missed { penalty } => (Reason::WindowsMissed, penalty),
        Verdict::TermOver => (Reason::TermOver, 0),
    };
    settle::settle(call, id, number, &mut slot)?;
    release(call, id, &mut dataset, number, slot, Release { reason, penalty, finder_fee: FINDER_FEE_MAX })?;
    call.save(layout::dataset(id), &dataset);
    Ok(())
}

/// The supplier gives a slot up while nobody can know what will be sampled: before the epoch's seed, or after its proof
/// of the epoch.
pub fn declare_fault(call: &mut Call<'_>, id: B256, number: u16) -> Result<(), Stop> {
    let mut dataset = datasets::live(call, id)?;
    let mut slot = hold::slot_of(call, id, &dataset, number)?;
    if slot.supplier.is_zero() || slot.supplier != call.caller() {
        return Err(refuse(IMarket::NotSupplier { caller: call.caller(), supplier: slot.supplier }));
    }
    let supplier: Supplier = call.load(layout::supplier(slot.supplier))?;
    // The block with index m - 1 carries the last reveal, which its own transactions may see.
    let seed_known = call.index + 1 >= call.params.reveals;
    if seed_known && supplier.last_proven != call.epoch {
        return Err(refuse(IMarket::SeedIsKnown {
            epoch: call.epoch,
            blockInEpoch: call.index,
            reveals: call.params.reveals,
        }));
    }
    settle::settle(call, id, number, &mut slot)?;
    let penalty = repair_price(&dataset, &slot)?;
    let release_as = Release { reason: Reason::FaultDeclared, penalty, finder_fee: 0 };
    release(call, id, &mut dataset, number, slot, release_as)?;
    call.save(layout::dataset(id), &dataset);
    Ok(())
}

/// What rebuilding the slot's bytes costs: k shards read and one written, at the supplier's own egress price, from its
/// reserve at most.
pub fn repair_price(dataset: &Dataset, slot: &Slot) -> Result<u128, Stop> {
    let price = money::price(slot.egress, slot.bytes, u64::from(dataset.k) + 1)?;
    Ok(price.min(slot.reserve))
}

/// Frees a slot that was settled just before: its deposit goes back to the escrow, its reserve back to the supplier's
/// pool but for the penalty, its leaf leaves the tree. Saves slot and supplier; the caller saves the dataset.
pub fn release(
    call: &mut Call<'_>,
    id: B256,
    dataset: &mut Dataset,
    number: u16,
    slot: Slot,
    how: Release,
) -> Result<(), Stop> {
    let who = slot.supplier;
    let mut supplier: Supplier = call.load(layout::supplier(who))?;
    let penalty = how.penalty.min(slot.reserve);
    // The dead pay their finder out of their penalty; for an ended term it comes out of what the slot didn't use up.
    let source = if penalty > 0 { penalty } else { slot.deposit };
    let finder_fee = how.finder_fee.min(source);
    supplier.reserved = money::sub(supplier.reserved, slot.reserve, "a slot's reserve is part of the pool")?;
    supplier.free = money::add(supplier.free, slot.reserve - penalty)?;
    dataset.escrow = money::add(dataset.escrow, money::add(penalty, slot.deposit)? - finder_fee)?;
    call.pay(call.caller(), finder_fee)?;

    fenwick::remove(call, who, &mut supplier, call.epoch, slot.index)?;
    supplier.slots = supplier.slots.saturating_sub(1);
    call.save(layout::supplier(who), &supplier);
    if supplier.slots == 0 {
        offers::forget_peer(call, who)?;
    }
    let barrier = Barrier { promised_until: slot.promised_until, set: true };
    call.save(layout::barrier(who, id, number), &barrier);
    call.save(layout::slot(id, number), &Slot::default());
    log(call, id, number, who, &slot, &how, penalty, finder_fee);
    Ok(())
}

fn log(
    call: &mut Call<'_>,
    id: B256,
    number: u16,
    supplier: Address,
    slot: &Slot,
    how: &Release,
    penalty: u128,
    finder_fee: u128,
) {
    call.log(&IMarket::SlotFreed {
        dataset: id,
        slot: number,
        supplier,
        reason: how.reason as u8,
        epoch: call.epoch,
        penalty: U256::from(penalty),
        reserveReleased: U256::from(slot.reserve - penalty),
        depositReturned: U256::from(slot.deposit),
        finder: call.caller(),
        finderFee: U256::from(finder_fee),
    });
}
