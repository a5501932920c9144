//! The published rules, case by case.

use alloy_primitives::U256;
use bitdust_types::{Amount, DatasetId, Height, amount::GIB, limits::OFFERS_MAX, system};

use super::world::*;
use crate::market::{IMarket, layout};

fn settled(world: &World) -> Vec<(u64, u64, u64, u64, u128)> {
    let part = |e: &IMarket::Settled| (e.fromEpoch, e.toEpoch, e.provenEpochs, e.failedEpochs, e.paid.to::<u128>());
    world.events().iter().map(part).collect()
}

#[test]
fn a_proven_epoch_is_paid_at_the_price_of_its_start_and_one_percent_goes_to_the_shares() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    let before = world.balance(supplier(0));
    world.prove(0, &[]).unwrap_err();
    world.goto(2, 0);
    world.prove(0, &[]).unwrap();
    world.goto(3, 0);
    world.prove(0, &[]).unwrap();
    let paid = world.ok(customer(2), 0, IMarket::settleCall { dataset: id });
    assert_eq!(paid, U256::from(2 * RATE));
    assert_eq!(settled(&world), [(2, 3, 2, 0, 2 * RATE)]);
    assert_eq!(world.balance(supplier(0)) - before, 2 * RATE - 2 * RATE / 100);
    assert_eq!(world.balance(system::SHARES), 2 * RATE / 100);
    assert_eq!(world.balance(supplier(1)), before, "who proves nothing earns nothing");
}

#[test]
fn bytes_added_in_an_epoch_count_from_the_next_whether_the_proof_comes_before_or_after() {
    for proof_first in [true, false] {
        let mut world = World::with_suppliers();
        let id = world.held_dataset();
        world.goto(2, 2);
        if proof_first {
            world.prove(0, &[]).unwrap();
        }
        let revise = world.revision(id, 3 * GIB, &[(0, 0)]);
        world.ok(customer(0), 0, revise);
        if !proof_first {
            world.prove(0, &[]).unwrap();
        }
        world.goto(3, 2);
        world.prove(0, &[]).unwrap();
        let paid = world.ok(customer(0), 0, IMarket::settleCall { dataset: id });
        let sum: u128 = settled(&world).iter().map(|part| part.4).sum();
        assert_eq!(sum, RATE + 3 * RATE, "proof first: {proof_first}");
        assert!(paid <= U256::from(sum));
        world.laws().unwrap();
    }
}

#[test]
fn nothing_is_paid_behind_the_end_of_the_term_however_late_one_settles() {
    // Settled later than the bitmap reaches back, the epoch of the promise counts as the first proven: one is lost.
    for (late, paid) in [(11, 10), (12, 10), (200, 10), (256, 10), (300, 9), (700, 9)] {
        let mut world = World::with_suppliers();
        let id = world.held_dataset();
        for epoch in 2..=late {
            world.goto(epoch, 2);
            world.prove(0, &[]).unwrap();
        }
        world.ok(customer(0), 0, IMarket::settleCall { dataset: id });
        let sum: u128 = settled(&world).iter().map(|part| part.4).sum();
        assert_eq!(sum, paid * RATE, "settled in epoch {late}");
        assert_eq!(world.slot(id, 0).deposit, (10 - paid) * RATE);
        world.laws().unwrap();
    }
}

#[test]
fn a_slot_left_alone_for_longer_than_the_bitmap_is_never_paid_too_much() {
    // Held in epoch 1 with 1 GiB, changed to 5 GiB in epoch 2 before its proof, then left alone for 400 epochs.
    for proven_in_2 in [true, false] {
        let mut world = World::with_suppliers();
        let params = IMarket::CreateParams { termEpochs: 900, ..standard_dataset(1) };
        let id = world.create(customer(0), 100 * 10u128.pow(18), params);
        let revise = world.revision(id, GIB, &[(0, 0)]);
        world.ok(customer(0), 0, revise);
        world.goto(2, 2);
        let revise = world.revision(id, 5 * GIB, &[(0, 0)]);
        world.ok(customer(0), 0, revise);
        let first = if proven_in_2 { 2 } else { 3 };
        for epoch in first..402 {
            world.goto(epoch, 2);
            world.prove(0, &[]).unwrap();
        }
        world.ok(customer(0), 0, IMarket::settleCall { dataset: id });
        let sum: u128 = settled(&world).iter().map(|part| part.4).sum();
        // With the bit of epoch 2 lost, one epoch is paid at the lower price in both cases.
        let exact = if proven_in_2 { RATE + 399 * 5 * RATE } else { 399 * 5 * RATE };
        let lost = if proven_in_2 { 0 } else { 4 * RATE };
        assert_eq!(sum, exact - lost, "proven in epoch 2: {proven_in_2}");
        world.laws().unwrap();
    }
}

#[test]
fn a_failed_sample_costs_the_epoch_and_a_twentieth_and_a_second_one_the_slot() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    let reserve = world.slot(id, 0).reserve;
    assert_eq!(reserve, 30 * RATE);
    let escrow = world.dataset(id).escrow;
    world.goto(2, 2);
    world.prove(0, &[3, 5]).unwrap();
    assert_eq!(world.slot(id, 0).reserve, reserve - reserve / 20);
    assert_eq!(world.dataset(id).escrow, escrow + reserve / 20);
    world.goto(3, 2);
    world.prove(0, &[]).unwrap();
    world.goto(4, 2);
    world.prove(0, &[0]).unwrap();
    assert_eq!(world.slot(id, 0).supplier, supplier(0), "a clean proof lay between");
    world.goto(5, 2);
    world.prove(0, &[7]).unwrap();
    let slot = world.slot(id, 0);
    assert!(slot.supplier.is_zero());
    assert_eq!(settled(&world), [(2, 5, 4, 3, RATE)]);
    let freed: Vec<IMarket::SlotFreed> = world.events();
    assert_eq!((freed[0].reason, freed[0].reserveReleased), (5, U256::ZERO));
    let failed: Vec<IMarket::SampleFailed> = world.events();
    assert_eq!(failed.iter().map(|e| (e.samples, e.freed)).collect::<Vec<_>>(), [(2, false), (1, false), (1, true)]);
    assert_eq!(world.slot(id, 1).supplier, supplier(1), "others lose nothing");
    world.laws().unwrap();
}

#[test]
fn a_missed_proof_between_two_failures_is_no_way_out() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    world.goto(2, 2);
    world.prove(0, &[1]).unwrap();
    world.goto(4, 2);
    world.prove(0, &[1]).unwrap();
    assert!(world.slot(id, 0).supplier.is_zero());
}

#[test]
fn three_missed_windows_free_a_slot_two_do_not() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    let reap = || IMarket::reapCall { dataset: id, slot: 0 };
    // Epochs 2, 3 and 4 are missed; the last window closes after block 6 of epoch 4.
    world.goto(4, 6);
    assert!(world.send(customer(2), 0, reap()).unwrap_err().contains("2 of 3 windows"));
    assert_eq!(world.view().missed_windows(DatasetId::from(id), 0, Height(world.height)).unwrap(), 2);
    world.goto(4, 7);
    let (finder, free) = (world.balance(customer(2)), world.supplier(supplier(0)).free);
    world.ok(customer(2), 0, reap());
    // (k + 1) × egress price × bytes, out of the reserve of 30 × RATE; the finder's fee exceeds it all.
    let penalty = 2 * 3 * RATE;
    assert_eq!(world.supplier(supplier(0)).free, free + 30 * RATE - penalty);
    assert_eq!(world.balance(customer(2)) - finder, penalty);
    let freed: Vec<IMarket::SlotFreed> = world.events();
    assert_eq!((freed[0].reason, freed[0].penalty), (3, U256::from(penalty)));
    world.laws().unwrap();
}

#[test]
fn a_supplier_that_returns_in_time_is_not_reaped() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    world.goto(4, 2);
    world.prove(0, &[]).unwrap();
    world.goto(6, 7);
    let why = world.send(customer(2), 0, IMarket::reapCall { dataset: id, slot: 0 }).unwrap_err();
    assert!(why.contains("2 of 3 windows"), "{why}");
}

#[test]
fn a_vacant_slot_is_taken_over_by_another_supplier_without_the_owner() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    world.goto(4, 7);
    let own = world.promise(id, 0, 1, 1, GIB);
    let take = |sig| IMarket::takeoverCall { dataset: id, slot: 0, sig };
    assert!(world.send(customer(2), 0, take(own)).unwrap_err().contains("holds slot 1"));
    let sig = world.promise(id, 0, 2, 1, GIB);
    world.ok(customer(2), 0, take(sig));
    assert_eq!(world.slot(id, 0).supplier, supplier(2));
    world.goto(5, 2);
    world.prove(2, &[]).unwrap();
    world.ok(customer(2), 0, IMarket::settleCall { dataset: id });
    assert_eq!(settled(&world), [(5, 5, 1, 0, RATE)]);
    world.laws().unwrap();
}

#[test]
fn a_fault_is_declared_before_the_seed_or_after_the_proof() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    let declare = |slot| IMarket::declareFaultCall { dataset: id, slot };
    world.goto(2, 1);
    assert!(world.send(supplier(0), 0, declare(0)).unwrap_err().contains("seed of epoch 2 is known"));
    world.prove(0, &[]).unwrap();
    world.ok(supplier(0), 0, declare(0));
    world.goto(3, 0);
    world.ok(supplier(1), 0, declare(1));
    let penalties: Vec<_> = world.events::<IMarket::SlotFreed>().iter().map(|e| (e.reason, e.penalty)).collect();
    assert_eq!(penalties, [(4, U256::from(6 * RATE)); 2]);
    assert_eq!(settled(&world), [(2, 2, 1, 0, RATE)]);
    world.laws().unwrap();
}

#[test]
fn the_slot_that_was_given_up_is_sampled_for_the_rest_of_the_epoch_but_costs_nobody() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    world.goto(3, 0);
    world.ok(supplier(0), 0, IMarket::declareFaultCall { dataset: id, slot: 0 });
    // The promise used before can't bind the supplier again, a new one can.
    let old = world.signed(0, id, 0, 1, GIB, RATE, world.height);
    assert!(world.send(customer(0), 0, IMarket::holdCall { dataset: id, sig: old }).unwrap_err().contains("not newer"));
    let new = world.promise(id, 0, 0, 1, GIB);
    world.ok(customer(0), 0, IMarket::holdCall { dataset: id, sig: new });
    let reserve = world.slot(id, 0).reserve;
    world.prove(0, &[0, 1, 2]).unwrap();
    assert_eq!(world.slot(id, 0).reserve, reserve);
    assert!(world.events::<IMarket::SampleFailed>().is_empty());
    world.laws().unwrap();
}

#[test]
fn a_renewal_binds_only_suppliers_whose_offers_cover_it() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    world.ok(supplier(1), 0, IMarket::withdrawOfferCall {});
    world.goto(5, 0);
    world.ok(customer(0), 7, IMarket::renewCall { dataset: id, extraEpochs: 20 });
    assert_eq!((world.slot(id, 0).end, world.slot(id, 1).end), (31, 11));
    assert_eq!(world.dataset(id).end, 31);
    world.laws().unwrap();
    // Slot 1 runs out and its supplier signs again in epoch 20: it is paid from epoch 21 on.
    world.goto(20, 2);
    world.ok(supplier(1), 0, IMarket::registerOfferCall { offer: standard_offer() });
    let sig = world.promise(id, 1, 1, 1, GIB);
    world.ok(customer(0), 0, IMarket::holdCall { dataset: id, sig });
    world.prove(1, &[]).unwrap();
    world.goto(21, 2);
    world.prove(1, &[]).unwrap();
    world.ok(customer(0), 0, IMarket::settleCall { dataset: id });
    assert_eq!(settled(&world), [(21, 21, 1, 0, RATE)]);
    world.laws().unwrap();
}

/// Readers find a holder by its peer id, so it outlives the offer as long as anything is held.
#[test]
fn a_withdrawn_or_pruned_offer_leaves_the_peer_id_until_nothing_is_held() {
    let mut world = World::with_suppliers();
    let peer = standard_offer().peerId;
    let id = world.held_dataset();
    world.ok(supplier(0), 0, IMarket::withdrawOfferCall {});
    assert_eq!(world.view().offer(supplier(0)).unwrap(), None);
    assert_eq!(world.view().peer_id(supplier(0)).unwrap(), Some(peer.clone()));
    assert!(world.send(supplier(0), 0, IMarket::withdrawOfferCall {}).unwrap_err().contains("no offer"));
    // A new offer is a new word about everything.
    let moved = IMarket::Offer { peerId: vec![7; 40].into(), ..standard_offer() };
    world.ok(supplier(0), 0, IMarket::registerOfferCall { offer: moved.clone() });
    assert_eq!(world.view().offer(supplier(0)).unwrap().unwrap().peer_id, moved.peerId);
    world.ok(supplier(0), 0, IMarket::withdrawOfferCall {});
    assert_eq!(world.view().peer_id(supplier(0)).unwrap(), Some(moved.peerId));
    // Who holds nothing leaves nothing, and neither does who has a slot no longer.
    world.ok(supplier(2), 0, IMarket::withdrawOfferCall {});
    assert_eq!(world.view().peer_id(supplier(2)).unwrap(), None);
    world.ok(customer(0), 0, IMarket::endCall { dataset: id });
    assert_eq!(world.view().peer_id(supplier(0)).unwrap(), None);
    assert_eq!(world.view().peer_id(supplier(1)).unwrap(), Some(peer), "its offer stands");
    world.laws().unwrap();
}

#[test]
fn an_ended_dataset_returns_every_grain_that_was_not_earned() {
    let mut world = World::with_suppliers();
    let before = world.balance(customer(0));
    let id = world.held_dataset();
    world.goto(2, 2);
    world.prove(0, &[]).unwrap();
    world.ok(customer(0), 0, IMarket::endCall { dataset: id });
    assert_eq!(world.balance(customer(0)), before - RATE);
    assert_eq!(world.supplier(supplier(0)).free, 1000 * 10u128.pow(18));
    assert!(world.view().datasets_of(customer(0)).unwrap().is_empty());
    world.laws().unwrap();
}

#[test]
fn a_shortage_of_escrow_names_what_is_missing_over_all_slots() {
    let mut world = World::with_suppliers();
    let id = world.create(customer(0), 5 * RATE, standard_dataset(0));
    let revise = world.revision(id, GIB, &[(0, 0), (1, 1)]);
    let why = world.send(customer(0), 0, revise.clone()).unwrap_err();
    assert!(why.contains(&format!("fund the dataset with {} more", Amount::from_grains(15 * RATE))), "{why}");
    world.ok(customer(1), 15 * RATE, IMarket::fundCall { dataset: id });
    world.ok(customer(0), 0, revise);
    assert_eq!(world.dataset(id).escrow, 0);
}

#[test]
fn a_stranger_cannot_raise_the_rate_of_a_held_slot() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    let revise = world.revision(id, GIB, &[]);
    world.ok(customer(0), 0, revise);
    let sig = world.signed(0, id, 0, 2, GIB, RATE + 1, 10_000);
    let hold = IMarket::holdCall { dataset: id, sig };
    assert!(world.send(supplier(0), 0, hold.clone()).unwrap_err().contains("the most allowed"));
    world.ok(customer(0), 0, hold);
    assert_eq!(world.slot(id, 0).rate, RATE + 1);
}

#[test]
fn lists_have_no_holes_whatever_is_taken_out() {
    let mut world = World::with_suppliers();
    for number in [1, 4, 0] {
        world.ok(supplier(number), 0, IMarket::withdrawOfferCall {});
        let left: Vec<_> = world.view().offers().unwrap().iter().map(|offer| offer.supplier).collect();
        assert!(!left.contains(&supplier(number)));
    }
    let offers = world.view().offers().unwrap();
    assert_eq!(offers.len(), 2);
    assert_eq!(offers[0].region, "eu-north");
    assert_eq!(offers[0].peer_id.len(), 34);
    let ids: Vec<_> = (0..4).map(|salt| world.create(customer(0), 0, standard_dataset(salt))).collect();
    let gift = world.create(customer(1), 0, standard_dataset(9));
    world.ok(customer(0), 0, IMarket::endCall { dataset: ids[1] });
    world.ok(customer(0), 0, IMarket::endCall { dataset: ids[0] });
    let mut left = world.view().datasets_of(customer(0)).unwrap();
    assert_eq!(left.pop(), Some(DatasetId::from(gift)), "gifts come last");
    left.sort();
    let mut should = vec![DatasetId::from(ids[2]), DatasetId::from(ids[3])];
    should.sort();
    assert_eq!(left, should);
}

#[test]
fn a_flooded_list_of_offers_can_be_cleared_of_those_without_collateral() {
    let mut world = World::with_suppliers();
    world.ok(customer(1), 0, IMarket::registerOfferCall { offer: standard_offer() });
    let prune = |who| IMarket::pruneOfferCall { supplier: who };
    assert!(world.send(customer(2), 0, prune(customer(1))).unwrap_err().contains("is valid until"));
    world.poke(layout::offer_count(), &OFFERS_MAX);
    assert!(world.send(customer(2), 0, prune(supplier(0))).unwrap_err().contains("is valid until"));
    world.ok(customer(2), 0, prune(customer(1)));
    assert_eq!(world.view().offer(customer(1)).unwrap(), None);
}

#[test]
fn the_largest_dataset_is_revised_settled_and_ended_within_a_block() {
    // All 64 slots, each held by one of five suppliers that has other slots too; gas as the EVM charges it.
    let mut world = World::with_suppliers();
    let params = IMarket::CreateParams { k: 20, n: 64, ..standard_dataset(0) };
    let id = world.create(customer(0), 100 * 10u128.pow(18), params);
    let holds: Vec<_> = (0..64).map(|slot| (slot, u64::from(slot) % SUPPLIERS)).collect();
    let mut gas = Vec::new();
    for _ in 0..2 {
        let revise = world.revision(id, GIB, &holds);
        world.ok(customer(0), 0, revise);
        gas.push(world.gas);
        world.goto(world.epoch() + 1, 2);
        (0..SUPPLIERS).for_each(|number| world.prove(number, &[]).unwrap());
    }
    world.ok(customer(0), 0, IMarket::settleCall { dataset: id });
    gas.push(world.gas);
    world.ok(customer(0), 0, IMarket::endCall { dataset: id });
    gas.push(world.gas);
    println!("gas of the first revision, the second, settlement and end of 64 slots: {gas:?}");
    assert!(gas.iter().all(|gas| *gas < world.params.gas_limit), "{gas:?} of {}", world.params.gas_limit);
}
