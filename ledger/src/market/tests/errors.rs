//! Every refusal: how to meet it, that it changes nothing, and that its words are its own.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolError, SolInterface};
use bitdust_types::{
    amount::GIB,
    limits::{DATASETS_PER_OWNER_MAX, OFFERS_MAX, SLOTS_PER_SUPPLIER_MAX},
    system,
};

use super::world::*;
use crate::{
    contract::Stop,
    market::{
        IMarket::{self, *},
        explain,
        layout::{self, Supplier},
        record_proof_input,
    },
};

/// Meets one refusal in a world of its own and answers the error's bytes.
type Case = fn(&mut World) -> Bytes;

const STRANGER: u64 = 2;

fn raw(world: &mut World, caller: Address, value: u128, is_static: bool, input: &[u8]) -> Bytes {
    match world.raw(caller, value, is_static, input) {
        Err(Stop::Revert(data)) => data,
        other => panic!("not refused: {other:?}"),
    }
}

fn offer(world: &mut World, change: fn(&mut Offer)) -> Bytes {
    let mut offer = standard_offer();
    change(&mut offer);
    world.refusal(supplier(0), 0, registerOfferCall { offer })
}

fn create(world: &mut World, change: fn(&mut CreateParams)) -> Bytes {
    let mut params = standard_dataset(0);
    change(&mut params);
    world.refusal(customer(0), 0, createDatasetCall { params })
}

fn revise(world: &mut World, change: fn(&mut reviseCall)) -> Bytes {
    let id = world.held_dataset();
    let mut call = world.revision(id, GIB, &[]);
    change(&mut call);
    world.refusal(customer(0), 0, call)
}

/// A promise of a free slot by supplier 0 for a target of 1 GiB, sent as a takeover by a stranger.
fn take(world: &mut World, change: fn(&mut World, B256) -> HoldSig) -> Bytes {
    let id = world.create(customer(0), 10u128.pow(20), standard_dataset(0));
    let call = world.revision(id, GIB, &[]);
    world.ok(customer(0), 0, call);
    let sig = change(world, id);
    world.refusal(customer(STRANGER), 0, takeoverCall { dataset: id, slot: sig.slot, sig })
}

fn writer(world: &mut World, quota: u64, expiry: u64) -> B256 {
    let id = world.held_dataset();
    let set = setWriterCall { dataset: id, writer: customer(1), quotaBytes: quota, expiryEpoch: expiry };
    world.ok(customer(0), 0, set);
    id
}

fn verdict(world: &mut World, epoch: u64, number: u64, failed: &[u16]) -> Bytes {
    raw(world, system::SYSTEM, 0, false, &record_proof_input(supplier(number), epoch, seed(epoch), failed))
}

fn calls() -> Vec<([u8; 4], Case)> {
    vec![
        (UnknownFunction::SELECTOR, |w| raw(w, customer(0), 0, false, &[1, 2, 3, 4])),
        (UnknownFunction::SELECTOR, |w| raw(w, customer(0), 0, false, &[])),
        (BadArguments::SELECTOR, |w| raw(w, customer(0), 0, false, &endCall::SELECTOR)),
        (BadArguments::SELECTOR, |w| {
            // A list that claims 2^64 entries.
            let id = w.held_dataset();
            let mut input = w.revision(id, GIB, &[]).abi_encode();
            let length = input.len() - 32;
            input[length..].copy_from_slice(&U256::from(u64::MAX).to_be_bytes::<32>());
            raw(w, customer(0), 0, false, &input)
        }),
        (NotPayable::SELECTOR, |w| w.refusal(customer(0), 1, withdrawOfferCall {})),
        (NotPayable::SELECTOR, |w| w.refusal(customer(0), 1, offerCountCall {})),
        (ReadOnly::SELECTOR, |w| raw(w, supplier(0), 0, true, &depositCollateralCall {}.abi_encode())),
        (NotSystem::SELECTOR, |w| raw(w, customer(0), 0, false, &record_proof_input(supplier(0), 1, seed(1), &[]))),
        (AmountTooLarge::SELECTOR, |w| {
            w.refusal(customer(0), 0, priceCall { rate: u128::MAX, bytesHeld: u64::MAX, epochs: 2 })
        }),
        (BrokenPromise::SELECTOR, |w| {
            let id = w.held_dataset();
            let mut record = w.supplier(supplier(0));
            record.reserved = 0;
            w.poke(layout::supplier(supplier(0)), &record);
            w.refusal(customer(0), 0, endCall { dataset: id })
        }),
        (WrongEpoch::SELECTOR, |w| verdict(w, 9, 0, &[])),
        (OutsideWindow::SELECTOR, |w| verdict(w, 1, 0, &[])),
        (AlreadyProven::SELECTOR, |w| {
            w.held_dataset();
            w.goto(2, 2);
            w.prove(0, &[]).unwrap();
            verdict(w, 2, 0, &[])
        }),
        (NothingDue::SELECTOR, |w| {
            w.goto(1, 2);
            verdict(w, 1, 0, &[])
        }),
        (BadVerdict::SELECTOR, |w| {
            w.held_dataset();
            w.goto(2, 2);
            verdict(w, 2, 0, &[8])
        }),
        (BadVerdict::SELECTOR, |w| {
            w.held_dataset();
            w.goto(2, 2);
            verdict(w, 2, 0, &[3, 3])
        }),
    ]
}

fn suppliers() -> Vec<([u8; 4], Case)> {
    vec![
        (OfferHasExpired::SELECTOR, |w| offer(w, |o| o.validUntil = 1)),
        (BadOffer::SELECTOR, |w| offer(w, |o| o.capacityBytes = 0)),
        (BadOffer::SELECTOR, |w| offer(w, |o| o.maxTermEpochs = 0)),
        (BadOffer::SELECTOR, |w| offer(w, |o| o.maxTermEpochs = 3651)),
        (BadOffer::SELECTOR, |w| offer(w, |o| o.region = "x".repeat(33))),
        (BadOffer::SELECTOR, |w| offer(w, |o| o.peerId = Bytes::new())),
        (BadOffer::SELECTOR, |w| offer(w, |o| o.peerId = vec![1; 65].into())),
        (OfferStillValid::SELECTOR, |w| w.refusal(customer(0), 0, pruneOfferCall { supplier: supplier(0) })),
        (NoOffer::SELECTOR, |w| w.refusal(customer(0), 0, withdrawOfferCall {})),
        (NoOffer::SELECTOR, |w| w.refusal(customer(0), 0, pruneOfferCall { supplier: customer(0) })),
        (TooManyOffers::SELECTOR, |w| {
            w.poke(layout::offer_count(), &OFFERS_MAX);
            w.refusal(customer(0), 0, registerOfferCall { offer: standard_offer() })
        }),
        (InsufficientCollateral::SELECTOR, |w| w.refusal(supplier(0), 0, withdrawCollateralCall { amount: U256::MAX })),
        (NothingSent::SELECTOR, |w| w.refusal(supplier(0), 0, depositCollateralCall {})),
        (NotSupplier::SELECTOR, |w| {
            let id = w.held_dataset();
            w.refusal(supplier(1), 0, declareFaultCall { dataset: id, slot: 0 })
        }),
        (SeedIsKnown::SELECTOR, |w| {
            let id = w.held_dataset();
            w.goto(2, 1);
            w.refusal(supplier(0), 0, declareFaultCall { dataset: id, slot: 0 })
        }),
    ]
}

fn datasets() -> Vec<([u8; 4], Case)> {
    vec![
        (BadLayout::SELECTOR, |w| create(w, |p| p.k = 3)),
        (BadLayout::SELECTOR, |w| create(w, |p| p.k = 0)),
        (BadLayout::SELECTOR, |w| create(w, |p| p.n = 65)),
        (BadVisibility::SELECTOR, |w| create(w, |p| p.visibility = 2)),
        (BadTerm::SELECTOR, |w| create(w, |p| p.termEpochs = 0)),
        (BadTerm::SELECTOR, |w| create(w, |p| p.termEpochs = u64::MAX)),
        (BadTerm::SELECTOR, |w| {
            let id = w.held_dataset();
            w.refusal(customer(0), 0, renewCall { dataset: id, extraEpochs: u64::MAX })
        }),
        (NoOwner::SELECTOR, |w| create(w, |p| p.owner = Address::ZERO)),
        (DatasetExists::SELECTOR, |w| {
            let id = w.held_dataset();
            w.ok(customer(0), 0, endCall { dataset: id });
            create(w, |_| {})
        }),
        (NoSuchDataset::SELECTOR, |w| w.refusal(customer(0), 5, fundCall { dataset: B256::ZERO })),
        (NoSuchDataset::SELECTOR, |w| w.refusal(customer(0), 0, pendingCall { dataset: B256::ZERO, slot: 0 })),
        (DatasetHasEnded::SELECTOR, |w| {
            let id = w.held_dataset();
            w.ok(customer(0), 0, endCall { dataset: id });
            w.refusal(customer(0), 5, fundCall { dataset: id })
        }),
        (TermIsOver::SELECTOR, |w| {
            let id = w.held_dataset();
            w.goto(12, 0);
            let call = w.revision(id, GIB, &[]);
            w.refusal(customer(0), 0, call)
        }),
        (TermIsOver::SELECTOR, |w| {
            let id = w.held_dataset();
            w.goto(12, 0);
            w.refusal(customer(0), 0, renewCall { dataset: id, extraEpochs: 5 })
        }),
        (TooManyDatasets::SELECTOR, |w| {
            w.poke(layout::owned_count(customer(0), 0), &DATASETS_PER_OWNER_MAX);
            create(w, |_| {})
        }),
        (NotOwner::SELECTOR, |w| {
            let id = w.held_dataset();
            let set = setWriterCall { dataset: id, writer: customer(1), quotaBytes: 1, expiryEpoch: 1 };
            w.refusal(customer(1), 0, set)
        }),
        (NotOwnerOrPayer::SELECTOR, |w| {
            let id = w.held_dataset();
            w.refusal(customer(1), 0, endCall { dataset: id })
        }),
        (NotWriter::SELECTOR, |w| {
            let id = w.held_dataset();
            let call = w.revision(id, GIB, &[]);
            w.refusal(customer(1), 0, call)
        }),
        (WriterHasExpired::SELECTOR, |w| {
            let id = writer(w, GIB, 1);
            w.goto(2, 0);
            let call = w.revision(id, GIB, &[]);
            w.refusal(customer(1), 0, call)
        }),
        (WriterQuotaExceeded::SELECTOR, |w| {
            let id = writer(w, 1000, 5);
            let call = w.revision(id, GIB + 600, &[]);
            w.ok(customer(1), 0, call);
            let call = w.revision(id, GIB + 1001, &[]);
            w.refusal(customer(1), 0, call)
        }),
        (ShrinkNeedsOwner::SELECTOR, |w| {
            let id = writer(w, GIB, 5);
            let call = w.revision(id, GIB - 1, &[]);
            w.refusal(customer(1), 0, call)
        }),
        (TooManyWriters::SELECTOR, |w| {
            let id = w.held_dataset();
            let set = |n| setWriterCall { dataset: id, writer: customer(n), quotaBytes: 1, expiryEpoch: 1 };
            (100..116).for_each(|n| _ = w.ok(customer(0), 0, set(n)));
            w.refusal(customer(0), 0, set(116))
        }),
        (WrongNumber::SELECTOR, |w| revise(w, |call| call.number += 1)),
        (WrongRootCount::SELECTOR, |w| revise(w, |call| call.roots.push(B256::ZERO))),
        (TooManyHolds::SELECTOR, |w| {
            revise(w, |call| {
                let hold = HoldSig { slot: 0, supplier: supplier(0), rate: 1, validUntil: 1, signature: Bytes::new() };
                call.holds = vec![hold; 3];
            })
        }),
        (SlotTooLarge::SELECTOR, |w| revise(w, |call| call.bytesPerSlot = 1 << 60)),
        (InsufficientEscrow::SELECTOR, |w| {
            let id = w.create(customer(0), 1, standard_dataset(0));
            let call = w.revision(id, GIB, &[(0, 0)]);
            w.refusal(customer(0), 0, call)
        }),
    ]
}

fn slots() -> Vec<([u8; 4], Case)> {
    vec![
        (NoSuchSlot::SELECTOR, |w| {
            let id = w.held_dataset();
            w.refusal(customer(0), 0, reapCall { dataset: id, slot: 2 })
        }),
        (SlotMismatch::SELECTOR, |w| {
            let id = w.held_dataset();
            let sig = w.promise(id, 0, 0, 1, GIB);
            w.refusal(customer(0), 0, takeoverCall { dataset: id, slot: 1, sig })
        }),
        (NothingToHold::SELECTOR, |w| {
            let id = w.create(customer(0), 1, standard_dataset(0));
            let sig = w.promise(id, 0, 0, 0, 0);
            w.refusal(customer(0), 0, holdCall { dataset: id, sig })
        }),
        (SlotIsTaken::SELECTOR, |w| {
            let id = w.held_dataset();
            let sig = w.promise(id, 0, 2, 1, GIB);
            w.refusal(customer(0), 0, takeoverCall { dataset: id, slot: 0, sig })
        }),
        (SlotIsTaken::SELECTOR, |w| {
            let id = w.held_dataset();
            let call = w.revision(id, GIB, &[(0, 2)]);
            w.refusal(customer(0), 0, call)
        }),
        (SlotIsFree::SELECTOR, |w| {
            let id = w.create(customer(0), 1, standard_dataset(0));
            w.refusal(customer(0), 0, reapCall { dataset: id, slot: 0 })
        }),
        (NotReapable::SELECTOR, |w| {
            let id = w.held_dataset();
            w.refusal(customer(0), 0, reapCall { dataset: id, slot: 0 })
        }),
        (HoldHasExpired::SELECTOR, |w| take(w, |w, id| w.signed(0, id, 0, 1, GIB, RATE, w.height - 1))),
        (HoldIsStale::SELECTOR, |w| {
            let id = w.held_dataset();
            let sig = w.signed(0, id, 0, 1, GIB, RATE, w.height + 1);
            w.refusal(customer(0), 0, holdCall { dataset: id, sig })
        }),
        (BadHoldSignature::SELECTOR, |w| take(w, |w, id| w.signed(0, id, 0, 2, GIB, RATE, 999))),
        (BadHoldSignature::SELECTOR, |w| take(w, |w, id| w.signed(0, id, 0, 1, GIB + 1, RATE, 999))),
        (BadHoldSignature::SELECTOR, |w| {
            take(w, |w, id| HoldSig { signature: Bytes::new(), ..w.signed(0, id, 0, 1, GIB, RATE, 999) })
        }),
        (BadHoldSignature::SELECTOR, |w| {
            take(w, |w, id| HoldSig { rate: RATE + 1, ..w.signed(0, id, 0, 1, GIB, RATE, 999) })
        }),
        (BadHoldSignature::SELECTOR, |w| {
            take(w, |w, id| HoldSig { supplier: Address::ZERO, ..w.signed(0, id, 0, 2, GIB, RATE, 999) })
        }),
        (RateAboveCap::SELECTOR, |w| take(w, |w, id| w.signed(0, id, 0, 1, GIB, u128::MAX, 999))),
        (NoOffer::SELECTOR, |w| {
            w.ok(supplier(0), 0, withdrawOfferCall {});
            take(w, |w, id| w.signed(0, id, 0, 1, GIB, RATE, 999))
        }),
        (OfferHasExpired::SELECTOR, |w| {
            let offer = Offer { validUntil: w.height, ..standard_offer() };
            w.ok(supplier(0), 0, registerOfferCall { offer });
            w.height += 1;
            take(w, |w, id| w.signed(0, id, 0, 1, GIB, RATE, 999))
        }),
        (TermAboveOffer::SELECTOR, |w| {
            w.ok(supplier(0), 0, registerOfferCall { offer: Offer { maxTermEpochs: 9, ..standard_offer() } });
            take(w, |w, id| w.signed(0, id, 0, 1, GIB, RATE, 999))
        }),
        (CapacityExceeded::SELECTOR, |w| {
            w.ok(supplier(0), 0, registerOfferCall { offer: Offer { capacityBytes: GIB - 1, ..standard_offer() } });
            take(w, |w, id| w.signed(0, id, 0, 1, GIB, RATE, 999))
        }),
        (InsufficientCollateral::SELECTOR, |w| {
            let amount = U256::from(1000 * 10u128.pow(18) - 29 * RATE);
            w.ok(supplier(0), 0, withdrawCollateralCall { amount });
            take(w, |w, id| w.signed(0, id, 0, 1, GIB, RATE, 999))
        }),
        (TooManySlots::SELECTOR, |w| {
            let record = w.supplier(supplier(0));
            let full = Supplier { leaves: SLOTS_PER_SUPPLIER_MAX, ..record };
            w.poke(layout::supplier(supplier(0)), &full);
            take(w, |w, id| w.signed(0, id, 0, 1, GIB, RATE, 999))
        }),
        (AlreadyHoldsSlot::SELECTOR, |w| {
            let id = w.held_dataset();
            w.goto(2, 0);
            w.ok(supplier(1), 0, declareFaultCall { dataset: id, slot: 1 });
            let sig = w.promise(id, 1, 0, 1, GIB);
            w.refusal(customer(STRANGER), 0, takeoverCall { dataset: id, slot: 1, sig })
        }),
    ]
}

#[test]
fn every_refusal_is_met_by_name_and_has_words_of_its_own() {
    let mut met: BTreeSet<[u8; 4]> = BTreeSet::new();
    let mut words: BTreeMap<String, [u8; 4]> = BTreeMap::new();
    let tables = [calls(), suppliers(), datasets(), slots()];
    for (place, (selector, case)) in tables.into_iter().flatten().enumerate() {
        // `raw` holds storage, balances and logs before and after the refusal against each other.
        let data = case(&mut World::with_suppliers());
        let said = explain(&data).unwrap_or_else(|| panic!("case {place}: {data} has no words"));
        assert_eq!(data[..4], selector, "case {place} was refused otherwise: {said}");
        assert!(said.len() > 30 && !said.contains("refused the call"), "case {place}: {said}");
        met.insert(selector);
        words.insert(said, selector);
    }
    let never: Vec<_> = IMarket::IMarketErrors::selectors().filter(|selector| !met.contains(selector)).collect();
    assert!(never.is_empty(), "errors never met: {never:02x?}");
}

#[test]
fn foreign_bytes_have_no_words() {
    for data in [&[][..], &[1, 2, 3], &[0; 36], &NothingSent::SELECTOR[..3]] {
        assert_eq!(explain(data), None, "{data:?}");
    }
}

#[test]
fn views_answer_under_staticcall() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    let mut view = |input: Vec<u8>| world.raw(customer(0), 0, true, &input).unwrap();
    let offers = offersCall::abi_decode_returns(&view(offersCall { from: 1, count: 2 }.abi_encode())).unwrap();
    assert_eq!(offers.len(), 2);
    let info = datasetCall::abi_decode_returns(&view(datasetCall { dataset: id }.abi_encode())).unwrap();
    assert_eq!((info.k, info.n, info.number, info.owner), (1, 2, 1, customer(0)));
    let slot = slotCall::abi_decode_returns(&view(slotCall { dataset: id, slot: 1 }.abi_encode())).unwrap();
    assert_eq!((slot.supplier, slot.bytesHeld, slot.endEpoch), (supplier(1), GIB, 11));
    let held = slotsOfCall { supplier: supplier(1), from: 0, count: 10 }.abi_encode();
    assert_eq!(slotsOfCall::abi_decode_returns(&view(held)).unwrap()[0].dataset, id);
    let who = supplierCall::abi_decode_returns(&view(supplierCall { supplier: supplier(1) }.abi_encode())).unwrap();
    assert_eq!((who.totalBytes, who.slots, who.reserved), (GIB, 1, U256::from(30 * RATE)));
    let ids = datasetsOfCall { owner: customer(0), from: 0, count: u64::MAX }.abi_encode();
    assert_eq!(datasetsOfCall::abi_decode_returns(&view(ids)).unwrap(), [id]);
    let missing = offerCall::abi_decode_returns(&view(offerCall { supplier: customer(0) }.abi_encode())).unwrap();
    assert!(!missing.exists);
}
