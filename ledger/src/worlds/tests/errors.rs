//! Every refusal: how to meet it, that it changes nothing, and that its words are its own.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolError, SolInterface};

use super::ledger::*;
use crate::{
    contract::Stop,
    worlds::{
        IWorlds::{self, *},
        Place, explain, layout,
        limits::{
            CLAIMS_PER_ACCOUNT_MAX, CLAIMS_PER_WORLD_MAX, GRACE_EPOCHS, SEQUENCE_STEP_MAX, WORLD_FEE, WORLDS_MAX,
        },
    },
};

/// Meets one refusal on a ledger of its own, where person 0 made a world and person 1 claims its [`HOME`].
type Case = fn(&mut Ledger) -> Bytes;

const CREATOR: u64 = 0;
const OWNER: u64 = 1;
const STRANGER: u64 = 2;
const NEW: B256 = B256::repeat_byte(1);
const FREE: Place = Place { x: i64::MIN, y: i64::MAX, z: -1 };

fn raw(ledger: &mut Ledger, value: u128, is_static: bool, input: &[u8]) -> Bytes {
    match ledger.raw(person(STRANGER), value, is_static, input) {
        Err(Stop::Revert(data)) => data,
        other => panic!("not refused: {other:?}"),
    }
}

fn create(ledger: &mut Ledger, change: fn(&mut createWorldCall)) -> Bytes {
    let mut call = ledger.new_world(STRANGER, NEW);
    change(&mut call);
    ledger.refusal(person(STRANGER), WORLD_FEE, call)
}

fn set(ledger: &mut Ledger, who: u64, change: fn(&mut setWorldCall)) -> Result<(), Bytes> {
    let mut call = rules(ledger);
    change(&mut call);
    match ledger.raw(person(who), 0, false, &call.abi_encode()) {
        Ok(_) => Ok(()),
        Err(Stop::Revert(data)) => Err(data),
        Err(other) => panic!("{other:?}"),
    }
}

/// The call that leaves all rules as they are.
fn rules(ledger: &Ledger) -> setWorldCall {
    let world = ledger.world(WORLD);
    setWorldCall {
        world: WORLD,
        dataset: world.dataset,
        whoMayClaim: world.claimants,
        price: U256::from(world.price),
        claimsPerAccount: world.per_account,
    }
}

fn claim(ledger: &mut Ledger, who: u64, at: Place, change: fn(&mut Ledger, &mut claimCall)) -> Bytes {
    let mut call = ledger.claim_call(who, at);
    change(ledger, &mut call);
    ledger.refusal(person(who), PRICE, call)
}

fn compacted(sequence: u64) -> setCompactedCall {
    let root = manifest(sequence);
    setCompactedCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, manifest: root, sequence }
}

fn renew(at: Place) -> renewClaimCall {
    renewClaimCall { world: WORLD, x: at.x, y: at.y, z: at.z }
}

fn release(at: Place) -> releaseClaimCall {
    releaseClaimCall { world: WORLD, x: at.x, y: at.y, z: at.z }
}

fn transfer(to: Address) -> transferClaimCall {
    transferClaimCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, to }
}

fn access(guests: Vec<Address>, compactors: Vec<Address>) -> setAccessCall {
    setAccessCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, build: 1, guests, compactors }
}

fn crowd(count: u64) -> Vec<Address> {
    (0..count).map(person).collect()
}

/// The claim of [`HOME`] ends with this epoch.
const UNTIL: u64 = 1 + TERM;

fn calls() -> Vec<([u8; 4], Case)> {
    vec![
        (UnknownFunction::SELECTOR, |l| raw(l, 0, false, &[1, 2, 3, 4])),
        (UnknownFunction::SELECTOR, |l| raw(l, 0, false, &[])),
        (BadArguments::SELECTOR, |l| raw(l, 0, false, &renewClaimCall::SELECTOR)),
        (BadArguments::SELECTOR, |l| {
            // A coordinate of more than 64 bits.
            let mut input = renew(HOME).abi_encode();
            input[4 + 32] = 1;
            raw(l, 0, false, &input)
        }),
        (BadArguments::SELECTOR, |l| {
            // A list that claims 2^64 entries.
            let mut input = access(vec![], vec![]).abi_encode();
            let length = input.len() - 32;
            input[length..].copy_from_slice(&U256::from(u64::MAX).to_be_bytes::<32>());
            raw(l, 0, false, &input)
        }),
        (BadArguments::SELECTOR, |l| {
            // A name that isn't UTF-8.
            let mut input = l.new_world(STRANGER, NEW).abi_encode();
            let name = input.len() - 32;
            input[name] = 0xff;
            raw(l, WORLD_FEE, false, &input)
        }),
        (NotPayable::SELECTOR, |l| raw(l, 1, false, &release(HOME).abi_encode())),
        (NotPayable::SELECTOR, |l| raw(l, 1, false, &worldFeeCall {}.abi_encode())),
        (ReadOnly::SELECTOR, |l| raw(l, 0, true, &renew(HOME).abi_encode())),
        (AmountTooLarge::SELECTOR, |l| create(l, |call| call.price = U256::MAX)),
        (AmountTooLarge::SELECTOR, |l| set(l, CREATOR, |call| call.price = U256::MAX).unwrap_err()),
        (BrokenPromise::SELECTOR, |l| {
            let mut world = l.world(WORLD);
            world.claims = 0;
            l.poke(layout::world(WORLD), &world);
            l.refusal(person(OWNER), 0, release(HOME))
        }),
    ]
}

fn worlds() -> Vec<([u8; 4], Case)> {
    vec![
        (NoSuchWorld::SELECTOR, |l| claim(l, OWNER, FREE, |_, call| call.world = NEW)),
        (NoSuchWorld::SELECTOR, |l| l.refusal(person(0), 0, worldCall { world: NEW })),
        (NoSuchWorld::SELECTOR, |l| l.refusal(person(0), 0, claimsCall { world: NEW, from: 0, count: 1 })),
        (NoSuchWorld::SELECTOR, |l| l.refusal(person(0), 0, accessOfCall { world: NEW, x: 0, y: 0, z: 0 })),
        (NoSuchWorld::SELECTOR, |l| {
            l.refusal(person(0), 0, allowCall { world: NEW, account: person(1), allowed: true })
        }),
        (WorldExists::SELECTOR, |l| create(l, |call| call.world = WORLD)),
        (TooManyWorlds::SELECTOR, |l| {
            l.poke(layout::world_count(), &WORLDS_MAX);
            create(l, |_| {})
        }),
        (BadName::SELECTOR, |l| create(l, |call| call.name = String::new())),
        (BadName::SELECTOR, |l| create(l, |call| call.name = "x".repeat(65))),
        (NameHasControls::SELECTOR, |l| create(l, |call| call.name = "two\nlines".into())),
        (BadRule::SELECTOR, |l| create(l, |call| call.whoMayClaim = 3)),
        (BadRule::SELECTOR, |l| set(l, CREATOR, |call| call.whoMayClaim = 255).unwrap_err()),
        (BadTerm::SELECTOR, |l| create(l, |call| call.termEpochs = 0)),
        (BadTerm::SELECTOR, |l| create(l, |call| call.termEpochs = 3651)),
        (BadClaimLimit::SELECTOR, |l| create(l, |call| call.claimsPerAccount = CLAIMS_PER_ACCOUNT_MAX + 1)),
        (BadClaimLimit::SELECTOR, |l| set(l, CREATOR, |call| call.claimsPerAccount = u32::MAX).unwrap_err()),
        (WrongFee::SELECTOR, |l| {
            let call = l.new_world(STRANGER, NEW);
            l.refusal(person(STRANGER), WORLD_FEE - 1, call)
        }),
        (WrongFee::SELECTOR, |l| {
            let call = l.new_world(STRANGER, NEW);
            l.refusal(person(STRANGER), WORLD_FEE + 1, call)
        }),
        (NotCreator::SELECTOR, |l| set(l, OWNER, |_| {}).unwrap_err()),
        (NotCreator::SELECTOR, |l| l.refusal(person(OWNER), 0, transferWorldCall { world: WORLD, to: person(OWNER) })),
        (NotCreator::SELECTOR, |l| {
            l.refusal(person(OWNER), 0, allowCall { world: WORLD, account: person(OWNER), allowed: true })
        }),
        (NoAccount::SELECTOR, |l| l.refusal(person(CREATOR), 0, transferWorldCall { world: WORLD, to: Address::ZERO })),
        (NoAccount::SELECTOR, |l| l.refusal(person(OWNER), 0, transfer(Address::ZERO))),
        (NoAccount::SELECTOR, |l| l.refusal(person(OWNER), 0, access(vec![Address::ZERO], vec![]))),
    ]
}

fn datasets() -> Vec<([u8; 4], Case)> {
    vec![
        (NoSuchDataset::SELECTOR, |l| create(l, |call| call.dataset = NEW)),
        (NoSuchDataset::SELECTOR, |l| set(l, CREATOR, |call| call.dataset = NEW).unwrap_err()),
        (NoSuchDataset::SELECTOR, |l| claim(l, OWNER, FREE, |_, call| call.dataset = B256::ZERO)),
        (DatasetIsOver::SELECTOR, |l| {
            claim(l, OWNER, FREE, |l, call| {
                call.dataset = l.dataset(OWNER, 1, 1);
                l.goto(3);
            })
        }),
        (DatasetIsOver::SELECTOR, |l| claim(l, OWNER, FREE, |l, call| l.end(OWNER, call.dataset))),
        (DatasetIsPrivate::SELECTOR, |l| claim(l, OWNER, FREE, |l, call| call.dataset = l.dataset(OWNER, 0, 100))),
        (DatasetIsPrivate::SELECTOR, |l| {
            let dataset = l.dataset(OWNER, 0, 100);
            let call = setClaimDatasetCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, dataset };
            l.refusal(person(OWNER), 0, call)
        }),
        (NotDatasetOwner::SELECTOR, |l| claim(l, OWNER, FREE, |l, call| call.dataset = l.dataset(STRANGER, 1, 100))),
        (NotDatasetOwner::SELECTOR, |l| {
            let mut call = l.new_world(CREATOR, NEW);
            call.whoMayClaim = 1;
            l.refusal(person(STRANGER), WORLD_FEE, call)
        }),
        (NotDatasetOwner::SELECTOR, |l| {
            // After a transfer the former owner's dataset stays until the new owner names its own; the former's is refused.
            let dataset = l.record::<layout::Claim>(layout::claim(WORLD, HOME)).dataset;
            l.ok(person(OWNER), 0, transfer(person(STRANGER)));
            let call = setClaimDatasetCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, dataset };
            l.refusal(person(STRANGER), 0, call)
        }),
    ]
}

fn claims() -> Vec<([u8; 4], Case)> {
    vec![
        (WrongPrice::SELECTOR, |l| {
            let call = l.claim_call(OWNER, FREE);
            l.refusal(person(OWNER), PRICE - 1, call)
        }),
        (WrongPrice::SELECTOR, |l| {
            l.goto(UNTIL);
            l.refusal(person(OWNER), PRICE + 1, renew(HOME))
        }),
        (WrongPrice::SELECTOR, |l| {
            // The creator raises the price while the claim is under way.
            let call = l.claim_call(OWNER, FREE);
            set(l, CREATOR, |call| call.price = U256::from(PRICE + 5)).unwrap();
            l.refusal(person(OWNER), PRICE, call)
        }),
        (NotAllowed::SELECTOR, |l| {
            set(l, CREATOR, |call| call.whoMayClaim = 1).unwrap();
            claim(l, OWNER, FREE, |_, _| {})
        }),
        (NotAllowed::SELECTOR, |l| {
            set(l, CREATOR, |call| call.whoMayClaim = 2).unwrap();
            l.ok(person(CREATOR), 0, allowCall { world: WORLD, account: person(OWNER), allowed: true });
            claim(l, OWNER, FREE, |_, _| {})
        }),
        (NotAllowed::SELECTOR, |l| {
            set(l, CREATOR, |call| call.whoMayClaim = 1).unwrap();
            l.refusal(person(OWNER), 0, transfer(person(STRANGER)))
        }),
        (TooManyClaims::SELECTOR, |l| {
            (0..2).for_each(|x| l.claim(OWNER, place(x, 0, 0)));
            claim(l, OWNER, FREE, |_, _| {})
        }),
        (TooManyClaims::SELECTOR, |l| {
            (0..3).for_each(|x| l.claim(STRANGER, place(x, 0, 0)));
            l.refusal(person(OWNER), 0, transfer(person(STRANGER)))
        }),
        (WorldIsFull::SELECTOR, |l| {
            let mut world = l.world(WORLD);
            world.claims = CLAIMS_PER_WORLD_MAX;
            l.poke(layout::world(WORLD), &world);
            claim(l, OWNER, FREE, |_, _| {})
        }),
        (IsClaimed::SELECTOR, |l| claim(l, STRANGER, HOME, |_, _| {})),
        (IsClaimed::SELECTOR, |l| claim(l, OWNER, HOME, |_, _| {})),
        (IsClaimed::SELECTOR, |l| {
            l.goto(UNTIL + GRACE_EPOCHS);
            claim(l, STRANGER, HOME, |_, _| {})
        }),
        (NoSuchClaim::SELECTOR, |l| l.refusal(person(OWNER), PRICE, renew(FREE))),
        (NoSuchClaim::SELECTOR, |l| l.refusal(person(OWNER), 0, release(FREE))),
        (NoSuchClaim::SELECTOR, |l| {
            l.refusal(person(OWNER), 0, accessOfCall { world: WORLD, x: FREE.x, y: FREE.y, z: FREE.z })
        }),
        (NotClaimOwner::SELECTOR, |l| {
            l.goto(UNTIL);
            l.refusal(person(STRANGER), PRICE, renew(HOME))
        }),
        (NotClaimOwner::SELECTOR, |l| {
            l.goto(UNTIL + GRACE_EPOCHS);
            l.refusal(person(STRANGER), 0, release(HOME))
        }),
        (NotClaimOwner::SELECTOR, |l| l.refusal(person(CREATOR), 0, release(HOME))),
        (NotClaimOwner::SELECTOR, |l| l.refusal(person(CREATOR), 0, transfer(person(CREATOR)))),
        (NotClaimOwner::SELECTOR, |l| l.refusal(person(STRANGER), 0, access(vec![], vec![]))),
        (NotClaimOwner::SELECTOR, |l| {
            let dataset = l.dataset(STRANGER, 1, 100);
            let call = setClaimDatasetCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, dataset };
            l.refusal(person(STRANGER), 0, call)
        }),
        (ClaimIsOver::SELECTOR, |l| {
            l.goto(UNTIL + GRACE_EPOCHS + 1);
            l.refusal(person(OWNER), PRICE, renew(HOME))
        }),
        (ClaimIsOver::SELECTOR, |l| {
            l.goto(UNTIL + 1);
            l.refusal(person(OWNER), 0, access(vec![], vec![]))
        }),
        (ClaimIsOver::SELECTOR, |l| {
            l.goto(UNTIL + 1);
            l.refusal(person(OWNER), 0, compacted(1))
        }),
        (ClaimIsOver::SELECTOR, |l| {
            l.goto(UNTIL + 1);
            l.refusal(person(OWNER), 0, transfer(person(STRANGER)))
        }),
        (RenewTooEarly::SELECTOR, |l| {
            l.goto(UNTIL - TERM / 2 - 1);
            l.refusal(person(OWNER), PRICE, renew(HOME))
        }),
    ]
}

fn access_lists() -> Vec<([u8; 4], Case)> {
    vec![
        (BadBuild::SELECTOR, |l| claim(l, OWNER, FREE, |_, call| call.build = 3)),
        (BadBuild::SELECTOR, |l| {
            let call = setAccessCall { build: 3, ..access(vec![], vec![]) };
            l.refusal(person(OWNER), 0, call)
        }),
        (TooManyAccounts::SELECTOR, |l| l.refusal(person(OWNER), 0, access(crowd(65), vec![]))),
        (TooManyAccounts::SELECTOR, |l| l.refusal(person(OWNER), 0, access(vec![], crowd(9)))),
        (AccountTwice::SELECTOR, |l| l.refusal(person(OWNER), 0, access(vec![person(3), person(3)], vec![]))),
        (AccountTwice::SELECTOR, |l| l.refusal(person(OWNER), 0, access(vec![], vec![person(3); 2]))),
        (NotCompactor::SELECTOR, |l| {
            // A guest is no compactor, and neither is the creator.
            l.ok(person(OWNER), 0, access(vec![person(STRANGER)], vec![]));
            l.refusal(person(CREATOR), 0, compacted(1));
            l.refusal(person(STRANGER), 0, compacted(1))
        }),
        (NotCompactor::SELECTOR, |l| {
            // Named, and struck off again.
            l.ok(person(OWNER), 0, access(vec![], vec![person(STRANGER)]));
            l.ok(person(STRANGER), 0, compacted(1));
            l.ok(person(OWNER), 0, access(vec![], vec![person(3)]));
            l.refusal(person(STRANGER), 0, compacted(2))
        }),
        (NoManifest::SELECTOR, |l| {
            l.refusal(person(OWNER), 0, setCompactedCall { manifest: B256::ZERO, ..compacted(1) })
        }),
        (BadSequence::SELECTOR, |l| l.refusal(person(OWNER), 0, compacted(0))),
        (BadSequence::SELECTOR, |l| {
            l.ok(person(OWNER), 0, compacted(9));
            l.refusal(person(OWNER), 0, compacted(9))
        }),
        (BadSequence::SELECTOR, |l| {
            l.ok(person(OWNER), 0, compacted(9));
            l.refusal(person(OWNER), 0, compacted(9 + SEQUENCE_STEP_MAX + 1))
        }),
    ]
}

#[test]
fn every_refusal_is_met_by_name_and_has_words_of_its_own() {
    let mut met: BTreeSet<[u8; 4]> = BTreeSet::new();
    let mut words: BTreeMap<String, [u8; 4]> = BTreeMap::new();
    let tables = [calls(), worlds(), datasets(), claims(), access_lists()];
    for (number, (selector, case)) in tables.into_iter().flatten().enumerate() {
        // `raw` holds storage, balances and logs before and after the refusal against each other.
        let mut ledger = Ledger::with_claim();
        let data = case(&mut ledger);
        let said = explain(&data).unwrap_or_else(|| panic!("case {number}: {data} has no words"));
        assert_eq!(data[..4], selector, "case {number} was refused otherwise: {said}");
        assert!(said.len() > 30 && !said.contains("refused the call"), "case {number}: {said}");
        met.insert(selector);
        if let Some(other) = words.insert(said.clone(), selector) {
            assert_eq!(other, selector, "case {number}: '{said}' is said of two errors");
        }
    }
    let never: Vec<_> = IWorlds::IWorldsErrors::selectors().filter(|selector| !met.contains(selector)).collect();
    assert!(never.is_empty(), "errors never met: {never:02x?}");
}

#[test]
fn foreign_bytes_have_no_words() {
    for data in [&[][..], &[1, 2, 3], &[0; 36], &NoManifest::SELECTOR[..3]] {
        assert_eq!(explain(data), None, "{data:?}");
    }
}
