//! Promises: how a slot gets a supplier, and how its held state follows its target.
//!
//! A promise is the supplier's EIP-712 signature over dataset, slot, the target's number, bytes and root, a rate and a
//! last height. The message is put together from the ledger's own target, so that a signature over anything else simply
//! names somebody else.
//!
//! A promise is used once: within a tenancy it must be for a newer revision or run longer than the last one, and after a
//! slot was left it must run longer than any that was used before. Otherwise anybody could bind a supplier to a slot
//! that it has given up, by sending its old signature again.

use alloy_primitives::{Address, B256, U256};
use bitdust_types::{limits::SLOTS_PER_SUPPLIER_MAX, signing};

use super::{
    abi::{Hold, IMarket, hold_digest},
    datasets::{self, bind_escrow},
    fenwick::{self, Content},
    layout::{self, Barrier, Dataset, Offer, Slot, Supplier},
    money, reap, settle,
};
use crate::contract::{
    call::{Call, Stop, refuse},
    words::{Words, unpack},
};

/// Recovering a signer costs what the EVM's own precompile asks.
const SIGNATURE_GAS: u64 = 3_000;
/// A reserve covers at least so many epochs of the slot's price.
const RESERVE_EPOCHS_MIN: u64 = 30;

/// Who asks for a slot to be held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The owner or a writer, who may agree to any rate up to the cap and to any supplier.
    Author,
    /// Anybody with the supplier's signature.
    Anyone,
}

/// Brings one slot to its target.
pub fn hold(call: &mut Call<'_>, id: B256, sig: &IMarket::HoldSig) -> Result<(), Stop> {
    let mut dataset = datasets::live(call, id)?;
    let caller = call.caller();
    let author = caller == dataset.owner
        || datasets::find_writer(call, id, &dataset, caller)?.is_some_and(|(_, writer)| writer.expiry >= call.epoch);
    let needed = bind(call, id, &mut dataset, sig, if author { By::Author } else { By::Anyone })?;
    bind_escrow(&mut dataset, needed)?;
    call.save(layout::dataset(id), &dataset);
    Ok(())
}

/// Gives a free or reapable slot to another supplier.
pub fn takeover(call: &mut Call<'_>, id: B256, number: u16, sig: &IMarket::HoldSig) -> Result<(), Stop> {
    if sig.slot != number {
        return Err(refuse(IMarket::SlotMismatch { asked: number, signed: sig.slot }));
    }
    let mut dataset = datasets::live(call, id)?;
    let slot = slot_of(call, id, &dataset, number)?;
    if !slot.supplier.is_zero() && matches!(reap::verdict(call, &dataset, &slot)?, reap::Verdict::Alive { .. }) {
        return Err(refuse(IMarket::SlotIsTaken { slot: number, supplier: slot.supplier }));
    }
    let needed = bind(call, id, &mut dataset, sig, By::Anyone)?;
    bind_escrow(&mut dataset, needed)?;
    call.save(layout::dataset(id), &dataset);
    Ok(())
}

/// A slot's record.
pub fn slot_of(call: &mut Call<'_>, id: B256, dataset: &Dataset, number: u16) -> Result<Slot, Stop> {
    if number >= u16::from(dataset.n) {
        return Err(refuse(IMarket::NoSuchSlot { slot: number, n: dataset.n }));
    }
    call.load(layout::slot(id, number))
}

/// What must be bound to a slot that was settled in `epoch`: its price until the end of its term, and the current epoch
/// at the price of its start, unless no proof of it can be paid any more.
pub fn deposit_for(slot: &Slot, epoch: u64) -> Result<u128, Stop> {
    let ahead = money::price(slot.rate, slot.bytes, slot.end.saturating_sub(epoch))?;
    let current = if slot.anchor_done { 0 } else { money::price(slot.prev_rate, slot.prev_bytes, 1)? };
    money::add(ahead, current)
}

/// Makes the slot's held state its target on the supplier's word. Answers what the escrow must bind for it; the old
/// deposit went back to the escrow. Saves slot and supplier; the caller binds the escrow and saves the dataset.
pub fn bind(
    call: &mut Call<'_>,
    id: B256,
    dataset: &mut Dataset,
    sig: &IMarket::HoldSig,
    by: By,
) -> Result<u128, Stop> {
    let number = sig.slot;
    let mut slot = slot_of(call, id, dataset, number)?;
    if dataset.number == 0 {
        return Err(refuse(IMarket::NothingToHold { dataset: id }));
    }
    let term = dataset.end.saturating_sub(call.epoch);
    if term == 0 {
        return Err(refuse(IMarket::TermIsOver { dataset: id, endEpoch: dataset.end, epoch: call.epoch }));
    }
    let root: B256 = call.load(layout::target(id, number))?;
    check_signature(call, id, dataset, root, sig)?;
    let newcomer = slot.supplier != sig.supplier;
    let cap = if by == By::Author || newcomer { dataset.price_cap } else { slot.rate.min(dataset.price_cap) };
    if sig.rate > cap {
        return Err(refuse(IMarket::RateAboveCap { slot: number, rate: sig.rate, cap }));
    }
    if newcomer {
        vacate(call, id, dataset, number, slot)?;
        slot = admit(call, id, dataset, sig, by, term)?;
    } else {
        if dataset.number <= slot.number && sig.validUntil <= slot.promised_until {
            return Err(stale(sig, slot.promised_until));
        }
        settle::settle(call, id, number, &mut slot)?;
        dataset.escrow = money::add(dataset.escrow, slot.deposit)?;
        if slot.end < call.epoch {
            restart(call, &mut slot)?;
        }
    }
    commit_bytes(call, dataset, &mut slot, root, sig)?;
    slot.deposit = deposit_for(&slot, call.epoch)?;
    call.save(layout::slot(id, number), &slot);
    log(call, id, number, &slot);
    Ok(slot.deposit)
}

/// Sends the slot's present supplier off, if it may be.
fn vacate(call: &mut Call<'_>, id: B256, dataset: &mut Dataset, number: u16, mut slot: Slot) -> Result<(), Stop> {
    if slot.supplier.is_zero() {
        return Ok(());
    }
    let (reason, penalty) = match reap::verdict(call, dataset, &slot)? {
        reap::Verdict::Alive { .. } => {
            return Err(refuse(IMarket::SlotIsTaken { slot: number, supplier: slot.supplier }));
        }
        reap::Verdict::Missed { penalty } => (reap::Reason::WindowsMissed, penalty),
        reap::Verdict::TermOver => (reap::Reason::TermOver, 0),
    };
    settle::settle(call, id, number, &mut slot)?;
    reap::release(call, id, dataset, number, slot, reap::Release { reason, penalty, finder_fee: 0 })
}

/// A slot's record at the start of a tenancy: the new supplier must have a standing offer that covers it.
fn admit(
    call: &mut Call<'_>,
    id: B256,
    dataset: &Dataset,
    sig: &IMarket::HoldSig,
    by: By,
    term: u64,
) -> Result<Slot, Stop> {
    let who = sig.supplier;
    let offer: Offer = call.load(layout::offer(who))?;
    if offer.listed == 0 {
        return Err(refuse(IMarket::NoOffer { supplier: who }));
    }
    if offer.valid_until < call.height {
        let (valid_until, height) = (offer.valid_until, call.height);
        return Err(refuse(IMarket::OfferHasExpired { supplier: who, validUntil: valid_until, height }));
    }
    if term > offer.term_max {
        return Err(refuse(IMarket::TermAboveOffer { slot: sig.slot, epochs: term, limit: offer.term_max }));
    }
    let barrier: Barrier = call.load(layout::barrier(who, id, sig.slot))?;
    if barrier.set && sig.validUntil <= barrier.promised_until {
        return Err(stale(sig, barrier.promised_until));
    }
    if by == By::Anyone {
        refuse_second_slot(call, id, dataset, who)?;
    }
    let mut supplier: Supplier = call.load(layout::supplier(who))?;
    let needed = U256::from(supplier.total) + U256::from(dataset.bytes);
    if needed > U256::from(offer.capacity) {
        let capacity = U256::from(offer.capacity);
        return Err(refuse(IMarket::CapacityExceeded { supplier: who, needed, capacity }));
    }
    let place = (id, sig.slot);
    let Ok(index) = fenwick::insert(call, who, &mut supplier, call.epoch, place, Content::default())? else {
        let limit = u64::from(SLOTS_PER_SUPPLIER_MAX);
        return Err(refuse(IMarket::TooManySlots { supplier: who, limit }));
    };
    supplier.slots += 1;
    call.save(layout::supplier(who), &supplier);
    Ok(Slot {
        supplier: who,
        index,
        egress: offer.egress,
        anchor: call.epoch,
        base: supplier.proven,
        anchor_done: supplier.has_proven(call.epoch) == Some(true),
        ..Slot::default()
    })
}

/// A slot whose own term had run out (the dataset was renewed without it) and whose supplier signs again: nothing is due
/// for the current epoch, neither pay nor proof.
fn restart(call: &mut Call<'_>, slot: &mut Slot) -> Result<(), Stop> {
    let supplier: Supplier = call.load(layout::supplier(slot.supplier))?;
    slot.anchor_done = supplier.has_proven(call.epoch) == Some(true);
    (slot.prev_rate, slot.prev_bytes) = (0, 0);
    slot.due_from = call.epoch + 1;
    Ok(())
}

/// Nobody but the owner puts two slots of a dataset into one hand: the loss of that hand would cost two shards.
fn refuse_second_slot(call: &mut Call<'_>, id: B256, dataset: &Dataset, who: Address) -> Result<(), Stop> {
    for other in 0..u16::from(dataset.n) {
        // The supplier lies in the low bits of a slot's first word.
        if unpack::<Address>(call.read(layout::slot(id, other))?, 0) == who {
            return Err(refuse(IMarket::AlreadyHoldsSlot { supplier: who, slot: other }));
        }
    }
    Ok(())
}

/// Enters rate, bytes and root, in the slot, the supplier's tree and its collateral.
fn commit_bytes(
    call: &mut Call<'_>,
    dataset: &Dataset,
    slot: &mut Slot,
    root: B256,
    sig: &IMarket::HoldSig,
) -> Result<(), Stop> {
    let who = slot.supplier;
    if slot.bytes == 0 && dataset.bytes > 0 {
        slot.due_from = call.epoch + 1;
    }
    (slot.rate, slot.bytes, slot.number, slot.root) = (sig.rate, dataset.bytes, dataset.number, root);
    slot.end = dataset.end;
    slot.promised_until = slot.promised_until.max(sig.validUntil);
    let offer: Offer = call.load(layout::offer(who))?;
    if offer.listed != 0 && offer.valid_until >= call.height {
        slot.egress = offer.egress;
    }
    let mut supplier: Supplier = call.load(layout::supplier(who))?;
    let content = Content { bytes: dataset.bytes, root };
    fenwick::update(call, who, &mut supplier, call.epoch, slot.index, content)?;

    let epochs = RESERVE_EPOCHS_MIN.max(2 * slot.end.saturating_sub(call.epoch));
    let reserve = money::price(slot.rate, slot.bytes, epochs)?;
    let available = money::add(supplier.free, slot.reserve)?;
    supplier.free = available.checked_sub(reserve).ok_or_else(|| {
        refuse(IMarket::InsufficientCollateral {
            supplier: who,
            needed: U256::from(reserve),
            available: U256::from(available),
        })
    })?;
    let others = money::sub(supplier.reserved, slot.reserve, "a slot's reserve is part of the pool")?;
    supplier.reserved = money::add(others, reserve)?;
    slot.reserve = reserve;
    #[cfg(test)]
    {
        slot.reserve += crate::contract::planted::grain(crate::contract::planted::Place::Reserve);
    }
    call.save(layout::supplier(who), &supplier);
    Ok(())
}

fn check_signature(
    call: &mut Call<'_>,
    id: B256,
    dataset: &Dataset,
    root: B256,
    sig: &IMarket::HoldSig,
) -> Result<(), Stop> {
    if sig.validUntil < call.height {
        let (slot, height) = (sig.slot, call.height);
        return Err(refuse(IMarket::HoldHasExpired { slot, validUntil: sig.validUntil, height }));
    }
    call.use_gas(SIGNATURE_GAS)?;
    let hold = Hold {
        dataset: id,
        slot: sig.slot,
        number: dataset.number,
        bytesHeld: dataset.bytes,
        root,
        rate: sig.rate,
        validUntil: sig.validUntil,
    };
    let digest = hold_digest(call.params.chain_id, &hold);
    let recovered = <&[u8; 65]>::try_from(sig.signature.as_ref())
        .ok()
        .and_then(|bytes| signing::recover(digest, bytes).ok())
        .unwrap_or_default();
    if recovered != sig.supplier || sig.supplier.is_zero() {
        return Err(refuse(IMarket::BadHoldSignature { slot: sig.slot, supplier: sig.supplier, recovered }));
    }
    Ok(())
}

fn stale(sig: &IMarket::HoldSig, last: u64) -> Stop {
    refuse(IMarket::HoldIsStale { slot: sig.slot, validUntil: sig.validUntil, lastValidUntil: last })
}

fn log(call: &mut Call<'_>, id: B256, number: u16, slot: &Slot) {
    call.log(&IMarket::Held {
        dataset: id,
        slot: number,
        supplier: slot.supplier,
        number: slot.number,
        bytesHeld: slot.bytes,
        root: slot.root,
        rate: slot.rate,
        epoch: call.epoch,
        endEpoch: slot.end,
        epochProven: slot.anchor_done,
        deposit: U256::from(slot.deposit),
        reserve: U256::from(slot.reserve),
    });
}
