//! Datasets: opening, funding, lengthening, lending the right to write, ending.

use alloy_primitives::{Address, B256, U256, keccak256};
use bitdust_types::{
    Layout,
    limits::{DATASETS_PER_OWNER_MAX, TERM_EPOCHS_MAX, WRITERS_PER_DATASET_MAX},
};

use super::{
    abi::IMarket,
    hold,
    layout::{self, Dataset, ENDED, LIVE, Offer, PUBLIC, Slot, Writer},
    money, reap, settle,
};
use crate::contract::call::{Call, Stop, refuse};

/// A dataset's name: keccak256(owner ‖ payer ‖ salt (4 bytes) ‖ chain id (8 bytes)).
pub fn dataset_id(owner: Address, payer: Address, salt: u32, chain_id: u64) -> B256 {
    let mut bytes = Vec::with_capacity(52);
    bytes.extend_from_slice(owner.as_slice());
    bytes.extend_from_slice(payer.as_slice());
    bytes.extend_from_slice(&salt.to_be_bytes());
    bytes.extend_from_slice(&chain_id.to_be_bytes());
    keccak256(bytes)
}

/// A dataset that is in use.
pub fn live(call: &mut Call<'_>, id: B256) -> Result<Dataset, Stop> {
    let dataset: Dataset = call.load(layout::dataset(id))?;
    match dataset.status {
        LIVE => Ok(dataset),
        ENDED => Err(refuse(IMarket::DatasetHasEnded { dataset: id })),
        _ => Err(refuse(IMarket::NoSuchDataset { dataset: id })),
    }
}

/// Refuses when the term's last epoch is over.
pub fn within_term(call: &Call<'_>, id: B256, dataset: &Dataset) -> Result<(), Stop> {
    if call.epoch > dataset.end {
        return Err(refuse(IMarket::TermIsOver { dataset: id, endEpoch: dataset.end, epoch: call.epoch }));
    }
    Ok(())
}

/// Binds a sum of the escrow to slots. The sum over all slots is checked at once, so that a refusal names what the
/// whole transaction lacks.
pub fn bind_escrow(dataset: &mut Dataset, needed: u128) -> Result<(), Stop> {
    let available = dataset.escrow;
    dataset.escrow = available.checked_sub(needed).ok_or_else(|| {
        refuse(IMarket::InsufficientEscrow { needed: U256::from(needed), available: U256::from(available) })
    })?;
    Ok(())
}

/// Opens a dataset.
pub fn create(call: &mut Call<'_>, given: &IMarket::CreateParams) -> Result<B256, Stop> {
    if Layout::new(given.k, given.n).is_err() {
        return Err(refuse(IMarket::BadLayout { k: given.k, n: given.n }));
    }
    if given.visibility > PUBLIC {
        return Err(refuse(IMarket::BadVisibility { given: given.visibility }));
    }
    if !(1..=TERM_EPOCHS_MAX).contains(&given.termEpochs) {
        return Err(refuse(IMarket::BadTerm { epochs: given.termEpochs, limit: TERM_EPOCHS_MAX }));
    }
    if given.owner.is_zero() {
        return Err(refuse(IMarket::NoOwner {}));
    }
    let payer = call.caller();
    let id = dataset_id(given.owner, payer, given.salt, call.params.chain_id);
    if call.load::<Dataset>(layout::dataset(id))?.status != 0 {
        return Err(refuse(IMarket::DatasetExists { dataset: id }));
    }
    let list = list_of(given.owner, payer);
    let count: u32 = call.load(layout::owned_count(given.owner, list))?;
    if count >= DATASETS_PER_OWNER_MAX {
        let limit = u64::from(DATASETS_PER_OWNER_MAX);
        return Err(refuse(IMarket::TooManyDatasets { owner: given.owner, limit }));
    }
    call.save(layout::owned_at(given.owner, list, count), &id);
    call.save(layout::owned_count(given.owner, list), &(count + 1));
    let dataset = Dataset {
        owner: given.owner,
        k: given.k,
        n: given.n,
        visibility: given.visibility,
        status: LIVE,
        payer,
        listed: count,
        start: call.epoch,
        end: call.epoch + given.termEpochs,
        price_cap: given.priceCap,
        escrow: call.value()?,
        ..Dataset::default()
    };
    call.save(layout::dataset(id), &dataset);
    call.log(&IMarket::DatasetCreated {
        dataset: id,
        owner: dataset.owner,
        payer,
        k: dataset.k,
        n: dataset.n,
        visibility: dataset.visibility,
        startEpoch: dataset.start,
        endEpoch: dataset.end,
        priceCap: dataset.price_cap,
        escrow: U256::from(dataset.escrow),
    });
    Ok(id)
}

/// Adds what was sent to a dataset's escrow.
pub fn fund(call: &mut Call<'_>, id: B256) -> Result<(), Stop> {
    let amount = call.value()?;
    if amount == 0 {
        return Err(refuse(IMarket::NothingSent {}));
    }
    let mut dataset = live(call, id)?;
    dataset.escrow = money::add(dataset.escrow, amount)?;
    call.save(layout::dataset(id), &dataset);
    call.log(&IMarket::Funded {
        dataset: id,
        from: call.caller(),
        amount: U256::from(amount),
        escrow: U256::from(dataset.escrow),
    });
    Ok(())
}

/// Lengthens the term. A slot follows if its supplier's offer still stands and covers the slot's rate and the longer
/// term, because nobody is bound for longer than it agreed to; another keeps its end, and its supplier may sign anew.
pub fn renew(call: &mut Call<'_>, id: B256, extra: u64) -> Result<(), Stop> {
    let mut dataset = live(call, id)?;
    owner_or_payer(call, &dataset)?;
    within_term(call, id, &dataset)?;
    let term = (dataset.end - call.epoch).saturating_add(extra);
    if extra == 0 || term > TERM_EPOCHS_MAX {
        return Err(refuse(IMarket::BadTerm { epochs: if extra == 0 { 0 } else { term }, limit: TERM_EPOCHS_MAX }));
    }
    dataset.escrow = money::add(dataset.escrow, call.value()?)?;
    dataset.end = call.epoch + term;
    let mut needed = 0;
    for number in 0..u16::from(dataset.n) {
        let at = layout::slot(id, number);
        let mut slot: Slot = call.load(at)?;
        if slot.supplier.is_zero() || !follows(call, &slot, term)? {
            continue;
        }
        settle::settle(call, id, number, &mut slot)?;
        dataset.escrow = money::add(dataset.escrow, slot.deposit)?;
        slot.end = dataset.end;
        slot.deposit = hold::deposit_for(&slot, call.epoch)?;
        needed = money::add(needed, slot.deposit)?;
        call.save(at, &slot);
        call.log(&IMarket::SlotRenewed {
            dataset: id,
            slot: number,
            supplier: slot.supplier,
            endEpoch: slot.end,
            deposit: U256::from(slot.deposit),
        });
    }
    bind_escrow(&mut dataset, needed)?;
    call.save(layout::dataset(id), &dataset);
    call.log(&IMarket::Renewed { dataset: id, endEpoch: dataset.end, escrow: U256::from(dataset.escrow) });
    Ok(())
}

fn follows(call: &mut Call<'_>, slot: &Slot, term: u64) -> Result<bool, Stop> {
    let offer: Offer = call.load(layout::offer(slot.supplier))?;
    let stands = offer.listed != 0 && offer.valid_until >= call.height;
    Ok(stands && slot.end >= call.epoch && offer.term_max >= term && offer.price <= slot.rate)
}

/// Lends, changes or takes back the right to revise.
pub fn set_writer(call: &mut Call<'_>, args: &IMarket::setWriterCall) -> Result<(), Stop> {
    let id = args.dataset;
    let mut dataset = live(call, id)?;
    if call.caller() != dataset.owner {
        return Err(refuse(IMarket::NotOwner { caller: call.caller(), owner: dataset.owner }));
    }
    let found = find_writer(call, id, &dataset, args.writer)?.map(|(place, _)| place);
    let place = match (found, args.quotaBytes) {
        (None, 0) => return Err(refuse(IMarket::NotWriter { caller: args.writer, dataset: id })),
        (Some(place), 0) => {
            dataset.writers -= 1;
            let last: Writer = call.load(layout::writer(id, dataset.writers))?;
            call.save(layout::writer(id, place), &last);
            call.save(layout::writer(id, dataset.writers), &Writer::default());
            None
        }
        (Some(place), _) => Some(place),
        (None, _) if u32::from(dataset.writers) >= WRITERS_PER_DATASET_MAX => {
            return Err(refuse(IMarket::TooManyWriters { limit: u64::from(WRITERS_PER_DATASET_MAX) }));
        }
        (None, _) => {
            dataset.writers += 1;
            Some(dataset.writers - 1)
        }
    };
    if let Some(place) = place {
        let writer = Writer { account: args.writer, expiry: args.expiryEpoch, quota: args.quotaBytes, used: 0 };
        call.save(layout::writer(id, place), &writer);
    }
    call.save(layout::dataset(id), &dataset);
    call.log(&IMarket::WriterSet {
        dataset: id,
        writer: args.writer,
        quotaBytes: args.quotaBytes,
        expiryEpoch: args.expiryEpoch,
    });
    Ok(())
}

/// A writer's place and record.
pub fn find_writer(
    call: &mut Call<'_>,
    id: B256,
    dataset: &Dataset,
    who: Address,
) -> Result<Option<(u8, Writer)>, Stop> {
    for place in 0..dataset.writers {
        let writer: Writer = call.load(layout::writer(id, place))?;
        if writer.account == who {
            return Ok(Some((place, writer)));
        }
    }
    Ok(None)
}

/// Settles and frees all slots, and refunds what is left to the payer.
pub fn end(call: &mut Call<'_>, id: B256) -> Result<(), Stop> {
    let mut dataset = live(call, id)?;
    owner_or_payer(call, &dataset)?;
    for number in 0..u16::from(dataset.n) {
        let mut slot: Slot = call.load(layout::slot(id, number))?;
        if slot.supplier.is_zero() {
            continue;
        }
        settle::settle(call, id, number, &mut slot)?;
        // A supplier that has died meanwhile owes the same as if it had been reaped.
        let (reason, penalty) = match reap::verdict(call, &dataset, &slot)? {
            reap::Verdict::Missed { penalty } => (reap::Reason::WindowsMissed, penalty),
            _ => (reap::Reason::Ended, 0),
        };
        reap::release(call, id, &mut dataset, number, slot, reap::Release { reason, penalty, finder_fee: 0 })?;
    }
    let refund = std::mem::take(&mut dataset.escrow);
    call.pay(dataset.payer, refund)?;
    #[cfg(test)]
    call.pay(dataset.payer, crate::contract::planted::grain(crate::contract::planted::Place::Refund))?;
    dataset.status = ENDED;
    unlist(call, &dataset)?;
    call.save(layout::dataset(id), &dataset);
    call.log(&IMarket::Ended { dataset: id, by: call.caller(), payer: dataset.payer, refund: U256::from(refund) });
    Ok(())
}

/// Datasets that others pay for have a list of their own, so that strangers can't fill the owner's.
fn list_of(owner: Address, payer: Address) -> u8 {
    u8::from(owner != payer)
}

/// The last dataset of the list takes the freed place.
fn unlist(call: &mut Call<'_>, dataset: &Dataset) -> Result<(), Stop> {
    let (owner, list) = (dataset.owner, list_of(dataset.owner, dataset.payer));
    let count: u32 = call.load(layout::owned_count(owner, list))?;
    let last = count.saturating_sub(1);
    if dataset.listed != last {
        let moved: B256 = call.load(layout::owned_at(owner, list, last))?;
        let mut other: Dataset = call.load(layout::dataset(moved))?;
        other.listed = dataset.listed;
        call.save(layout::dataset(moved), &other);
        call.save(layout::owned_at(owner, list, dataset.listed), &moved);
    }
    call.save(layout::owned_at(owner, list, last), &B256::ZERO);
    call.save(layout::owned_count(owner, list), &last);
    Ok(())
}

fn owner_or_payer(call: &Call<'_>, dataset: &Dataset) -> Result<(), Stop> {
    let caller = call.caller();
    if caller != dataset.owner && caller != dataset.payer {
        return Err(refuse(IMarket::NotOwnerOrPayer { caller, owner: dataset.owner, payer: dataset.payer }));
    }
    Ok(())
}
