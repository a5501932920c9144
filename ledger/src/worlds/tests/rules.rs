//! The published rules, case by case.

use alloy_primitives::{Address, B256, U256};
use bitdust_types::{Amount, Epoch, system};

use super::ledger::*;
use crate::worlds::{
    Build, Claimants, IWorlds, Place, Standing,
    layout::{self, Claim, List},
    limits::{CLAIMS_PER_ACCOUNT_MAX, GRACE_EPOCHS, PAGE_MAX, SEQUENCE_STEP_MAX, WORLD_FEE},
};

const UNTIL: u64 = 1 + TERM;

fn renew(at: Place) -> IWorlds::renewClaimCall {
    IWorlds::renewClaimCall { world: WORLD, x: at.x, y: at.y, z: at.z }
}

fn release(at: Place) -> IWorlds::releaseClaimCall {
    IWorlds::releaseClaimCall { world: WORLD, x: at.x, y: at.y, z: at.z }
}

fn transfer(at: Place, to: Address) -> IWorlds::transferClaimCall {
    IWorlds::transferClaimCall { world: WORLD, x: at.x, y: at.y, z: at.z, to }
}

fn access(build: u8, guests: Vec<Address>, compactors: Vec<Address>) -> IWorlds::setAccessCall {
    IWorlds::setAccessCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, build, guests, compactors }
}

fn compacted(sequence: u64) -> IWorlds::setCompactedCall {
    let root = manifest(sequence);
    IWorlds::setCompactedCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, manifest: root, sequence }
}

fn rule(ledger: &Ledger, claimants: Claimants, price: u128, limit: u32) -> IWorlds::setWorldCall {
    IWorlds::setWorldCall {
        world: WORLD,
        dataset: ledger.world(WORLD).dataset,
        whoMayClaim: claimants as u8,
        price: U256::from(price),
        claimsPerAccount: limit,
    }
}

fn home(ledger: &Ledger) -> Claim {
    ledger.record(layout::claim(WORLD, HOME))
}

#[test]
fn a_world_costs_its_fee_and_a_claim_its_price_and_the_contract_keeps_nothing() {
    let mut ledger = Ledger::with_world();
    assert_eq!(ledger.balance(person(0)), FUNDS - WORLD_FEE);
    assert_eq!(ledger.balance(system::SHARES), WORLD_FEE);
    ledger.claim(1, HOME);
    assert_eq!(ledger.balance(person(1)), FUNDS - PRICE);
    assert_eq!(ledger.balance(person(0)), FUNDS - WORLD_FEE + PRICE);
    assert_eq!(ledger.balance(system::WORLDS), 0);
    // A creator pays itself.
    ledger.claim(0, place(0, 0, 0));
    assert_eq!(ledger.balance(person(0)), FUNDS - WORLD_FEE + PRICE);
    // A claim can be free.
    let free = rule(&ledger, Claimants::Everybody, 0, LIMIT);
    ledger.ok(person(0), 0, free);
    let call = ledger.claim_call(2, place(1, 0, 0));
    ledger.ok(person(2), 0, call);
    assert_eq!(ledger.balance(person(2)), FUNDS);
    let paid: Vec<U256> = ledger.events::<IWorlds::Claimed>().iter().map(|claimed| claimed.paid).collect();
    assert_eq!(paid, [U256::from(PRICE), U256::from(PRICE), U256::ZERO]);
    ledger.laws().unwrap();
}

#[test]
fn a_new_creator_sets_the_rules_and_is_paid() {
    let mut ledger = Ledger::with_world();
    ledger.ok(person(0), 0, IWorlds::transferWorldCall { world: WORLD, to: person(3) });
    ledger.claim(1, HOME);
    assert_eq!(ledger.balance(person(3)), FUNDS + PRICE);
    let call = rule(&ledger, Claimants::Creator, PRICE, LIMIT);
    ledger.send(person(0), 0, call.clone()).unwrap_err();
    ledger.ok(person(3), 0, call);
    assert_eq!(ledger.world(WORLD).creator, person(3));
}

#[test]
fn rules_may_change_while_the_content_that_stands_has_ended() {
    let mut ledger = Ledger::with_world();
    let dataset = ledger.world(WORLD).dataset;
    ledger.end(0, dataset);
    let call = rule(&ledger, Claimants::Everybody, 5, 1);
    ledger.ok(person(0), 0, call.clone());
    let dataset = ledger.dataset(0, 1, 5);
    ledger.ok(person(0), 0, IWorlds::setWorldCall { dataset, ..call });
    assert_eq!(ledger.world(WORLD).dataset, dataset);
}

#[test]
fn who_may_claim_is_the_creators_to_say() {
    // (rule, on the list, is the creator) → may claim
    let cases = [
        (Claimants::Everybody, false, false, true),
        (Claimants::Everybody, false, true, true),
        (Claimants::Listed, false, false, false),
        (Claimants::Listed, true, false, true),
        (Claimants::Listed, false, true, true),
        (Claimants::Creator, true, false, false),
        (Claimants::Creator, false, true, true),
    ];
    for (rules, listed, creator, expected) in cases {
        let mut ledger = Ledger::with_world();
        let call = rule(&ledger, rules, PRICE, LIMIT);
        ledger.ok(person(0), 0, call);
        let who = u64::from(!creator);
        if listed {
            ledger.ok(person(0), 0, IWorlds::allowCall { world: WORLD, account: person(who), allowed: true });
        }
        let standing = ledger.ask(IWorlds::standingOfCall { world: WORLD, account: person(who) });
        assert_eq!((standing.claims, standing.allowed, standing.mayClaim), (0, listed, expected), "{rules:?}");
        let seen = ledger.view().account(WORLD, person(who)).unwrap().unwrap();
        assert_eq!((seen.claims, seen.allowed, seen.may_claim), (0, listed, expected), "{rules:?}");
        let call = ledger.claim_call(who, HOME);
        assert_eq!(ledger.send(person(who), PRICE, call).is_ok(), expected, "{rules:?}");
    }
}

#[test]
fn who_is_struck_off_the_list_keeps_and_renews_its_claims() {
    let mut ledger = Ledger::with_world();
    let call = rule(&ledger, Claimants::Listed, PRICE, LIMIT);
    ledger.ok(person(0), 0, call);
    let allow = |allowed| IWorlds::allowCall { world: WORLD, account: person(1), allowed };
    ledger.ok(person(0), 0, allow(true));
    ledger.claim(1, HOME);
    ledger.ok(person(0), 0, allow(false));
    ledger.goto(UNTIL);
    ledger.ok(person(1), PRICE, renew(HOME));
    let call = ledger.claim_call(1, place(0, 0, 0));
    ledger.send(person(1), PRICE, call).unwrap_err();
    ledger.laws().unwrap();
}

#[test]
fn a_claim_lasts_its_term_then_its_grace_then_it_is_anybodys() {
    let mut ledger = Ledger::with_claim();
    let claim = |ledger: &Ledger| ledger.view().claim(WORLD, HOME).unwrap().unwrap();
    let first = claim(&ledger);
    assert_eq!((first.start, first.until), (Epoch(1), Epoch(UNTIL)));
    let cases = [
        (UNTIL, Standing::Held),
        (UNTIL + 1, Standing::Grace),
        (UNTIL + GRACE_EPOCHS, Standing::Grace),
        (UNTIL + GRACE_EPOCHS + 1, Standing::Lapsed),
        (u64::MAX, Standing::Lapsed),
    ];
    for (epoch, standing) in cases {
        assert_eq!(first.standing(Epoch(epoch)), standing, "epoch {epoch}");
    }
    // The last block of the grace, and the first after it.
    let call = ledger.claim_call(2, HOME);
    ledger.goto(UNTIL + GRACE_EPOCHS);
    ledger.height += ledger.params.epoch_blocks - 1;
    ledger.send(person(2), PRICE, call.clone()).unwrap_err();
    ledger.height += 1;
    ledger.ok(person(2), PRICE, call);
    let second = claim(&ledger);
    assert_eq!((second.owner, second.start), (person(2), Epoch(UNTIL + GRACE_EPOCHS + 1)));
    let released = ledger.events::<IWorlds::ClaimReleased>();
    assert_eq!(released.len(), 1);
    assert_eq!((released[0].owner, released[0].lapsed, released[0].by), (person(1), true, person(2)));
    assert!(ledger.view().claims_of(person(1)).unwrap().is_empty());
    ledger.laws().unwrap();
}

#[test]
fn a_claim_is_renewed_from_half_of_its_term_until_its_grace_is_over() {
    for (epoch, until) in [
        (UNTIL - TERM / 2 - 1, None),
        (UNTIL - TERM / 2, Some(UNTIL + TERM)),
        (UNTIL, Some(UNTIL + TERM)),
        // In the grace a whole term is bought, and it begins now.
        (UNTIL + 1, Some(UNTIL + 1 + TERM)),
        (UNTIL + GRACE_EPOCHS, Some(UNTIL + GRACE_EPOCHS + TERM)),
        (UNTIL + GRACE_EPOCHS + 1, None),
    ] {
        let mut ledger = Ledger::with_claim();
        ledger.ok(person(1), 0, access(1, vec![person(2)], vec![]));
        ledger.goto(epoch);
        let before = home(&ledger);
        let renewed = ledger.send(person(1), PRICE, renew(HOME));
        assert_eq!(renewed.is_ok(), until.is_some(), "epoch {epoch}: {renewed:?}");
        // Nothing but the end changes.
        assert_eq!(home(&ledger), Claim { until: until.unwrap_or(UNTIL), ..before });
        if until.is_some() {
            assert_eq!(ledger.balance(person(0)), FUNDS - WORLD_FEE + 2 * PRICE);
            ledger.send(person(1), PRICE, renew(HOME)).expect_err("twice in one epoch");
        }
        ledger.laws().unwrap();
    }
}

#[test]
fn no_claim_reaches_further_than_one_term_and_a_half() {
    let mut ledger = Ledger::with_claim();
    for epoch in 1..60 {
        ledger.goto(epoch);
        let _ = ledger.send(person(1), PRICE, renew(HOME));
        assert!(home(&ledger).until <= epoch + TERM + TERM / 2, "epoch {epoch}");
    }
    assert!(home(&ledger).until > 59);
}

#[test]
fn the_price_of_today_is_paid_and_the_term_stays() {
    let mut ledger = Ledger::with_claim();
    let call = rule(&ledger, Claimants::Everybody, 3, LIMIT);
    ledger.ok(person(0), 0, call);
    ledger.goto(UNTIL);
    ledger.ok(person(1), 3, renew(HOME));
    assert_eq!(home(&ledger).until, UNTIL + TERM);
}

#[test]
fn a_released_location_is_free_at_once_and_leaves_nothing_but_its_revision() {
    let mut ledger = Ledger::with_world();
    let words = |ledger: &Ledger| ledger.storage.keys().filter(|(contract, _)| *contract == system::WORLDS).count();
    let before = words(&ledger);
    ledger.claim(1, HOME);
    let people: Vec<Address> = (0..64).map(|n| Address::with_last_byte(n + 1)).collect();
    ledger.ok(person(1), 0, access(1, people.clone(), people[..8].to_vec()));
    ledger.ok(person(1), 0, compacted(1));
    ledger.ok(person(1), 0, release(HOME));
    assert!(ledger.gas < 600_000, "clearing everything costs {} gas", ledger.gas);
    assert_eq!(words(&ledger), before + 1);
    assert_eq!(home(&ledger), Claim { revision: 2, ..Claim::default() });
    assert_eq!(ledger.view().access(WORLD, HOME).unwrap(), None);
    ledger.claim(2, HOME);
    assert_eq!(home(&ledger).revision, 3, "no list of the location is ever named by the same number");
    assert_eq!(home(&ledger).sequence, 0, "a new claim's versions count from its own beginning");
    ledger.laws().unwrap();
}

#[test]
fn anybody_prunes_a_lapsed_claim_and_its_owner_gives_back_any() {
    for (epoch, who, may) in [
        (1, 1, true),
        (UNTIL + 1, 1, true),
        (UNTIL + GRACE_EPOCHS, 2, false),
        (UNTIL + GRACE_EPOCHS + 1, 2, true),
        (UNTIL + GRACE_EPOCHS + 1, 1, true),
    ] {
        let mut ledger = Ledger::with_claim();
        ledger.goto(epoch);
        assert_eq!(ledger.send(person(who), 0, release(HOME)).is_ok(), may, "epoch {epoch}");
        ledger.laws().unwrap();
    }
}

#[test]
fn the_limit_counts_what_one_has_and_binds_what_one_gets() {
    let mut ledger = Ledger::with_world();
    for x in 0..i64::from(LIMIT) {
        ledger.claim(1, place(x, 0, 0));
    }
    let call = ledger.claim_call(1, HOME);
    ledger.send(person(1), PRICE, call.clone()).unwrap_err();
    ledger.ok(person(1), 0, release(place(1, 0, 0)));
    ledger.ok(person(1), PRICE, call);
    // A lower limit takes nothing away.
    let lower = rule(&ledger, Claimants::Everybody, PRICE, 1);
    ledger.ok(person(0), 0, lower);
    assert_eq!(ledger.view().claims_in(WORLD, person(1)).unwrap().len(), 3);
    ledger.ok(person(1), 0, release(HOME));
    let call = ledger.claim_call(1, HOME);
    ledger.send(person(1), PRICE, call).unwrap_err();
    // 0 closes the world for newcomers.
    let closed = rule(&ledger, Claimants::Everybody, PRICE, 0);
    ledger.ok(person(0), 0, closed);
    let call = ledger.claim_call(2, HOME);
    ledger.send(person(2), PRICE, call).unwrap_err();
    let open = rule(&ledger, Claimants::Everybody, PRICE, CLAIMS_PER_ACCOUNT_MAX);
    ledger.ok(person(0), 0, open);
    ledger.claim(2, HOME);
    ledger.laws().unwrap();
}

#[test]
fn a_transfer_takes_the_term_along_and_the_former_owners_friends_out() {
    let mut ledger = Ledger::with_claim();
    ledger.ok(person(1), 0, access(2, vec![person(3)], vec![person(4)]));
    ledger.ok(person(4), 0, compacted(5));
    let former = home(&ledger);
    ledger.ok(person(1), 0, transfer(HOME, person(2)));
    let expected = Claim { owner: person(2), build: 0, guests: 0, compactors: 0, revision: 3, ..former.clone() };
    assert_eq!(home(&ledger), expected);
    assert_eq!(ledger.record::<Address>(layout::member(WORLD, HOME, List::Compactors, 0)), Address::ZERO);
    ledger.send(person(4), 0, compacted(6)).unwrap_err();
    ledger.send(person(1), 0, release(HOME)).unwrap_err();
    // The new owner goes on with data of its own.
    let dataset = ledger.dataset(2, 1, 50);
    ledger.ok(person(2), 0, IWorlds::setClaimDatasetCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z, dataset });
    ledger.ok(person(2), 0, compacted(6));
    assert_eq!((home(&ledger).dataset, home(&ledger).sequence), (dataset, 6));
    // To oneself: nothing moves but the revision.
    ledger.ok(person(2), 0, transfer(HOME, person(2)));
    assert_eq!(home(&ledger).revision, 4);
    ledger.laws().unwrap();
}

#[test]
fn access_lists_are_replaced_whole_and_numbered() {
    let mut ledger = Ledger::with_claim();
    let people: Vec<Address> = (1..=64).map(Address::with_last_byte).collect();
    ledger.ok(person(1), 0, access(1, people.clone(), people[..8].to_vec()));
    let full = ledger.view().access(WORLD, HOME).unwrap().unwrap();
    assert_eq!((full.revision, full.build, full.guests.len(), full.compactors.len()), (2, Build::Guests, 64, 8));
    assert!(full.may_build(people[63]) && full.may_build(person(1)) && !full.may_build(person(2)));
    assert!(full.may_compact(people[7]) && full.may_compact(person(1)) && !full.may_compact(people[8]));
    ledger.ok(person(1), 0, access(0, vec![people[5]], vec![]));
    let small = ledger.view().access(WORLD, HOME).unwrap().unwrap();
    assert_eq!((small.revision, small.guests.as_slice(), small.compactors.len()), (3, &people[5..6], 0));
    assert!(!small.may_build(people[5]), "a guest of a location where only its owner builds");
    let at = |list, position| layout::member(WORLD, HOME, list, position);
    for position in 1..64 {
        assert_eq!(ledger.record::<Address>(at(List::Guests, position)), Address::ZERO);
    }
    ledger.ok(person(1), 0, access(2, vec![], vec![]));
    assert!(ledger.view().access(WORLD, HOME).unwrap().unwrap().may_build(person(4)));
    let info = ledger.ask(IWorlds::accessOfCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z });
    assert_eq!((info.owner, info.revision, info.build, info.guests.len()), (person(1), 4, 2, 0));
    let logged: Vec<u64> = ledger.events::<IWorlds::AccessSet>().iter().map(|set| set.accessRevision).collect();
    assert_eq!(logged, [2, 3, 4]);
}

#[test]
fn versions_only_grow_and_nobody_ends_them() {
    let mut ledger = Ledger::with_claim();
    ledger.ok(person(1), 0, access(0, vec![], vec![person(2)]));
    ledger.ok(person(2), 0, compacted(1));
    ledger.ok(person(1), 0, compacted(2));
    // A compactor gone mad raises it as far as it may: there is room for as many again and again.
    ledger.ok(person(2), 0, compacted(2 + SEQUENCE_STEP_MAX));
    ledger.ok(person(1), 0, compacted(3 + SEQUENCE_STEP_MAX));
    let seen = ledger.view().claim(WORLD, HOME).unwrap().unwrap();
    assert_eq!(seen.manifest, Some(manifest(3 + SEQUENCE_STEP_MAX).into()));
    assert_eq!(home(&ledger).revision, 2, "compaction is no change of rights");
    let by: Vec<Address> = ledger.events::<IWorlds::Compacted>().iter().map(|log| log.by).collect();
    assert_eq!(by, [person(2), person(1), person(2), person(1)]);
}

#[test]
fn positions_are_any_64_bits() {
    let mut ledger = Ledger::with_world();
    let corners = [place(i64::MIN, i64::MAX, -1), place(i64::MAX, i64::MIN, 0), place(-1, -1, -1)];
    for corner in corners {
        ledger.claim(1, corner);
        assert_eq!(ledger.view().claim(WORLD, corner).unwrap().unwrap().place, corner);
    }
    let listed: Vec<Place> = ledger.view().claims(WORLD, 0, 9).unwrap().iter().map(|claim| claim.place).collect();
    assert_eq!(listed, corners);
    let logged = ledger.events::<IWorlds::Claimed>();
    assert_eq!((logged[0].x, logged[0].y, logged[0].z), (i64::MIN, i64::MAX, -1));
    // Another world's same place is another location.
    assert_eq!(ledger.view().claim(B256::ZERO, corners[0]).unwrap(), None);
}

#[test]
fn lists_have_no_holes_and_come_in_pages() {
    let mut ledger = Ledger::with_world();
    let many = rule(&ledger, Claimants::Everybody, PRICE, 1000);
    ledger.ok(person(0), 0, many);
    let dataset = ledger.dataset(1, 1, 1000);
    for x in 0..130 {
        let claim = IWorlds::claimCall { world: WORLD, x, y: 0, z: 0, dataset, build: 0 };
        ledger.ok(person(1), PRICE, claim);
    }
    let page = |ledger: &mut Ledger, from, count| -> Vec<i64> {
        let found = ledger.ask(IWorlds::claimsCall { world: WORLD, from, count });
        found.iter().map(|claim| claim.x).collect()
    };
    assert_eq!(page(&mut ledger, 0, u64::MAX), (0..PAGE_MAX as i64).collect::<Vec<_>>());
    assert!(ledger.gas < 1_200_000, "a full page costs {} gas", ledger.gas);
    assert_eq!(page(&mut ledger, 128, 100), [128, 129]);
    assert!(page(&mut ledger, 130, 1).is_empty() && page(&mut ledger, u64::MAX, u64::MAX).is_empty());
    // The last takes the place of one that leaves, the last itself leaves none.
    ledger.ok(person(1), 0, release(place(2, 0, 0)));
    ledger.ok(person(1), 0, release(place(128, 0, 0)));
    assert_eq!(page(&mut ledger, 0, 4), [0, 1, 129, 3]);
    assert_eq!(page(&mut ledger, 126, 9), [126, 127]);
    let own = ledger.ask(IWorlds::claimsOfCall { world: WORLD, account: person(1), from: 1, count: 2 });
    assert_eq!(own.iter().map(|claim| claim.x).collect::<Vec<_>>(), [1, 129]);
    let none = ledger.ask(IWorlds::claimsOfCall { world: WORLD, account: person(2), from: 0, count: 100 });
    assert!(none.is_empty());
    ledger.laws().unwrap();
}

#[test]
fn views_answer_what_was_written() {
    let mut ledger = Ledger::with_claim();
    assert_eq!(ledger.ask(IWorlds::worldFeeCall {}), U256::from(WORLD_FEE));
    assert_eq!(ledger.ask(IWorlds::worldCountCall {}), 1);
    let name = "x".repeat(32) + &"ü".repeat(16);
    let call = IWorlds::createWorldCall { name: name.clone(), ..ledger.new_world(2, B256::with_last_byte(9)) };
    ledger.ok(person(2), WORLD_FEE, call);
    let worlds = ledger.ask(IWorlds::worldsCall { from: 0, count: 100 });
    assert_eq!(worlds.len(), 2);
    assert_eq!((worlds[1].name.as_str(), worlds[1].world), (name.as_str(), B256::with_last_byte(9)));
    let info = ledger.ask(IWorlds::worldCall { world: WORLD });
    assert_eq!(info, worlds[0]);
    assert_eq!((info.creator, info.name.as_str()), (person(0), "Green hills 🌳"));
    assert_eq!((info.price, info.termEpochs), (U256::from(PRICE), TERM));
    assert_eq!((info.claimsPerAccount, info.claims, info.whoMayClaim), (LIMIT, 1, 0));
    let claim = ledger.ask(IWorlds::claimOfCall { world: WORLD, x: HOME.x, y: HOME.y, z: HOME.z });
    assert!(claim.exists);
    assert_eq!((claim.claim.owner, claim.claim.z, claim.claim.manifest), (person(1), HOME.z, B256::ZERO));
    let none = ledger.ask(IWorlds::claimOfCall { world: WORLD, x: 7, y: -7, z: 0 });
    assert!(!none.exists && none.claim.owner.is_zero() && none.claim.y == -7);
    let standing = ledger.ask(IWorlds::standingOfCall { world: WORLD, account: person(1) });
    assert_eq!((standing.claims, standing.allowed, standing.mayClaim), (1, false, true));
    let view = ledger.view();
    assert_eq!(view.world(B256::ZERO).unwrap(), None);
    assert_eq!(view.account(B256::ZERO, person(1)).unwrap(), None);
    let seen = view.worlds(0, u32::MAX).unwrap();
    assert_eq!((seen[0].price, seen[0].claimants), (Amount::from_grains(PRICE), Claimants::Everybody));
    assert_eq!(seen[1].name, name);
    assert_eq!(view.claims_of(person(1)).unwrap(), view.claims(WORLD, 0, 1).unwrap());
}
