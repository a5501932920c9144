//! What a supplier lets in, and the reason it gives for each refusal.

use k256::ecdsa::SigningKey;

use super::*;
use crate::access::sign_access;

const DATASET: DatasetId = DatasetId([1; 32]);
const PEER: &[u8] = b"supplier's peer id";
const GIB: u64 = 1 << 30;

fn key(number: u8) -> SigningKey {
    SigningKey::from_slice(&[number; 32]).unwrap()
}

fn account(number: u8) -> Address {
    signing::address_of(key(number).verifying_key())
}

fn grains(grains: u128) -> Amount {
    Amount::from_grains(grains)
}

/// Everything is fine: the owner is account 1, a writer account 2, the supplier account 9.
fn facts() -> Facts {
    Facts {
        chain_id: 45439,
        height: 100,
        epoch: 10,
        dataset: Some(DatasetFacts {
            owner: account(1),
            payer: account(1),
            writers: vec![WriterFacts { account: account(2), expiry_epoch: 12 }],
            slots: 8,
            public: false,
            end_epoch: 50,
            ended: false,
            price_cap: grains(2000),
            escrow: grains(1_000_000),
            slot_bytes: GIB,
        }),
        slot: SlotFacts::default(),
        own: OwnFacts {
            account: account(9),
            offer_live: true,
            price: Some(grains(1000)),
            term_epochs_max: 100,
            capacity_bytes: 10 * GIB,
            held_bytes: GIB,
            collateral_free: grains(1_000_000),
            disk_free_bytes: 5 * GIB,
        },
    }
}

fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = facts();
    change(&mut facts);
    facts
}

fn dataset(facts: &mut Facts) -> &mut DatasetFacts {
    facts.dataset.as_mut().unwrap()
}

fn token(signer: u8, slot: u16, peer: &[u8], valid_until: u64) -> AccessToken {
    sign_access(&key(signer), 45439, DATASET, slot, peer, valid_until).unwrap()
}

#[test]
fn who_may_open_what() {
    let open = |facts: &Facts, slot, token: Option<AccessToken>| {
        facts.open(DATASET, slot, PEER, token.as_ref()).map_err(|refusal| refusal.code)
    };
    let good = facts();
    assert_eq!(open(&good, 3, Some(token(1, 3, PEER, 110))), Ok(Right::Write(account(1))));
    assert_eq!(open(&good, 3, Some(token(2, 3, PEER, 110))), Ok(Right::Write(account(2))));
    let denied = Err(Code::NotAuthorised);
    assert_eq!(open(&good, 3, None), denied, "private");
    assert_eq!(open(&with(|facts| dataset(facts).public = true), 3, None), Ok(Right::Read));
    assert_eq!(open(&good, 3, Some(token(3, 3, PEER, 110))), denied, "a stranger");
    assert_eq!(open(&good, 3, Some(token(1, 4, PEER, 110))), denied, "for another slot");
    assert_eq!(open(&good, 3, Some(token(1, 3, b"another", 110))), denied, "for another supplier");
    assert_eq!(open(&good, 3, Some(token(1, 3, PEER, 99))), denied, "expired");
    assert_eq!(open(&good, 3, Some(token(1, 3, PEER, 100))), Ok(Right::Write(account(1))), "the last height");
    assert_eq!(open(&good, 3, Some(token(1, 3, PEER, 101 + ACCESS_HEIGHTS_MAX))), denied, "too long");
    assert_eq!(open(&with(|facts| facts.epoch = 13), 3, Some(token(2, 3, PEER, 110))), denied, "a former writer");
    let mut torn = token(1, 3, PEER, 110);
    torn.signature = [0xff; 65];
    assert_eq!(open(&good, 3, Some(torn)), denied, "no signature at all");
    assert_eq!(open(&good, 8, Some(token(1, 8, PEER, 110))), Err(Code::UnknownDataset), "no such slot");
    assert_eq!(open(&with(|facts| facts.dataset = None), 3, None), Err(Code::UnknownDataset));
}

#[test]
fn what_may_be_written() {
    let write = |facts: &Facts| facts.admit_write(DATASET, 3).map_err(|refusal| refusal.code);
    assert_eq!(write(&facts()), Ok(()));
    assert_eq!(write(&with(|facts| facts.slot.supplier = account(8))), Err(Code::SlotTaken));
    let reapable = |facts: &mut Facts| facts.slot = SlotFacts { supplier: account(8), reapable: true, ..facts.slot };
    assert_eq!(write(&with(reapable)), Ok(()));
    assert_eq!(write(&with(|facts| facts.own.offer_live = false)), Err(Code::NoOffer));
    assert_eq!(write(&with(|facts| facts.own.term_epochs_max = 39)), Err(Code::Term));
    assert_eq!(write(&with(|facts| facts.own.term_epochs_max = 40)), Ok(()));
    assert_eq!(write(&with(|facts| facts.epoch = 50)), Err(Code::Ended));
    assert_eq!(write(&with(|facts| facts.epoch = 49)), Ok(()));
    assert_eq!(write(&with(|facts| dataset(facts).ended = true)), Err(Code::Ended));
    // What this supplier holds already goes on without an offer and whatever the term.
    let mine = with(|facts| {
        facts.slot.supplier = account(9);
        facts.slot.end_epoch = 50;
        facts.own.offer_live = false;
        facts.own.term_epochs_max = 0;
    });
    assert_eq!(write(&mine), Ok(()));
    // But a dataset that was renewed meanwhile doesn't bind it for longer.
    let renewed = |offer_live| {
        let mut facts = Facts { own: OwnFacts { offer_live, ..mine.own }, ..mine.clone() };
        dataset(&mut facts).end_epoch = 51;
        facts
    };
    assert_eq!(write(&renewed(false)), Err(Code::NoOffer));
    assert_eq!(write(&renewed(true)), Ok(()));
}

#[test]
fn what_fits_on_the_disk() {
    let put = |facts: &Facts, len, staged| facts.admit_put(len, staged).map_err(|refusal| refusal.code);
    let good = facts();
    assert_eq!(put(&good, 5 * GIB, 0), Ok(()));
    assert_eq!(put(&good, 5 * GIB + 1, 0), Err(Code::Full));
    assert_eq!(put(&good, GIB, 8 * GIB), Ok(()));
    assert_eq!(put(&good, GIB, 8 * GIB + 1), Err(Code::Full));
    assert_eq!(put(&good, GIB, u64::MAX), Err(Code::Full));
}

#[test]
fn no_byte_is_taken_that_the_escrow_doesnt_cover() {
    let cover = |facts: &Facts, len, waiting| facts.admit_cover(DATASET, len, waiting).map_err(|refusal| refusal.code);
    let short = Err(Code::Escrow);
    let with_escrow = |escrow| with(|facts| dataset(facts).escrow = grains(escrow));
    // 40 epochs of one GiB at 1000 grains.
    assert_eq!(cover(&with_escrow(40_000), GIB, 0), Ok(()));
    assert_eq!(cover(&with_escrow(39_999), GIB, 0), short);
    assert_eq!(cover(&with_escrow(0), 1 << 20, 0), short);
    // What an upload left behind doesn't stop the next one, but nobody fills the disk on one shard's cover.
    assert_eq!(cover(&with_escrow(40_000), GIB, 3 * GIB), Ok(()));
    assert_eq!(cover(&with_escrow(40_000), GIB, 3 * GIB + (1 << 24)), short);
    assert_eq!(cover(&with_escrow(40_000), 1, u64::MAX), short);
    // Beside what is held already, which its own deposit pays.
    let mine = |escrow, slot_bytes| {
        with(|facts| {
            let (supplier, bytes) = (account(9), GIB);
            facts.slot = SlotFacts { supplier, bytes, deposit: grains(40_000), rate: grains(1000), ..facts.slot };
            (dataset(facts).escrow, dataset(facts).slot_bytes) = (grains(escrow), slot_bytes);
        })
    };
    assert_eq!(cover(&mine(40_000, GIB), GIB, 0), Ok(()));
    assert_eq!(cover(&mine(39_999, GIB), GIB, 0), short);
    assert_eq!(cover(&mine(0, GIB / 2), GIB / 2, 0), Ok(()), "the dataset has shrunk to half of what is held");
}

#[test]
fn what_is_worth_a_promise() {
    let commit = |facts: &Facts, bytes, rate| {
        facts.admit_commit(DATASET, 3, bytes, grains(rate)).map_err(|refusal| refusal.code)
    };
    let good = facts();
    assert_eq!(commit(&good, GIB, 1000), Ok(()));
    assert_eq!(commit(&good, GIB, 999), Err(Code::Rate));
    assert_eq!(commit(&good, GIB, 2000), Ok(()));
    assert_eq!(commit(&good, GIB, 2001), Err(Code::Rate));
    // 40 epochs of one GiB at 1000 grains.
    assert_eq!(commit(&with(|facts| dataset(facts).escrow = grains(40_000)), GIB, 1000), Ok(()));
    assert_eq!(commit(&with(|facts| dataset(facts).escrow = grains(39_999)), GIB, 1000), Err(Code::Escrow));
    // Twice as many epochs of collateral.
    assert_eq!(commit(&with(|facts| facts.own.collateral_free = grains(80_000)), GIB, 1000), Ok(()));
    assert_eq!(commit(&with(|facts| facts.own.collateral_free = grains(79_999)), GIB, 1000), Err(Code::Collateral));
    assert_eq!(commit(&good, u64::MAX, 2000), Err(Code::Escrow));
    let mine = |change: fn(&mut Facts)| {
        with(|facts| {
            facts.slot = SlotFacts {
                supplier: account(9),
                reapable: false,
                deposit: grains(30_000),
                reserve: grains(50_000),
                rate: grains(700),
                bytes: GIB,
                end_epoch: 50,
            };
            dataset(facts).escrow = grains(10_000);
            facts.own.collateral_free = grains(30_000);
            change(facts);
        })
    };
    assert_eq!(commit(&mine(|_| ()), GIB, 1000), Ok(()), "what is bound to the slot already counts");
    assert_eq!(commit(&mine(|_| ()), GIB, 700), Ok(()), "the rate agreed holds although the price rose");
    assert_eq!(commit(&mine(|_| ()), GIB, 699), Err(Code::Rate));
    let withdrawn = mine(|facts| facts.own = OwnFacts { price: None, offer_live: false, ..facts.own });
    assert_eq!(commit(&withdrawn, GIB, 700), Ok(()), "the rate agreed outlives the offer");
    assert_eq!(commit(&withdrawn, GIB, 699), Err(Code::Rate), "an offer that is gone is no gift");
    assert_eq!(commit(&mine(|facts| dataset(facts).escrow = grains(9_999)), GIB, 1000), Err(Code::Escrow));
    assert_eq!(commit(&mine(|facts| facts.own.collateral_free = grains(29_999)), GIB, 1000), Err(Code::Collateral));
}

#[test]
fn a_reserve_covers_thirty_epochs_at_least() {
    assert_eq!(reserve(grains(10), GIB, 1), Some(grains(300)));
    assert_eq!(reserve(grains(10), GIB, 15), Some(grains(300)));
    assert_eq!(reserve(grains(10), GIB, 16), Some(grains(320)));
    assert_eq!(reserve(grains(u128::MAX), GIB, 1), None);
}
