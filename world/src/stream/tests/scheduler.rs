//! The scheduler, input by input.

use bitdust_types::{Address, Root};
use proptest::prelude::*;

use super::network::{player, root, supplier};
use crate::{
    place::{ChunkPos, LocationPos},
    stream::*,
};

const HERE: LocationPos = LocationPos::new(0, 0, 0);
const RULES: Rules = Rules { stand_in: false };

fn want(index: u16, deadline_ms: u32) -> Want {
    Want { chunk: HERE.chunk(index), deadline_ms }
}

/// Version `sequence` of a place of which every chunk was changed, 2 of 4, no players.
fn built(sequence: u64) -> Located {
    let chunk = |index: u64| Expected { hash: root(sequence << 32 | index), kept: Kept::Slot((index % 2) as u16) };
    located(sequence, (0..512).map(chunk).collect(), &[])
}

fn located(sequence: u64, chunks: Vec<Expected>, players: &[Address]) -> Located {
    let slots = (0..4).map(|slot| Some(supplier(slot))).collect();
    Located::new(sequence, chunks, 2, slots, players.to_vec()).expect("a sound manifest")
}

/// A scheduler that wants some chunks of a place that it knows, and whose disk is empty.
fn waiting(rules: Rules, located: Located, wants: &[Want]) -> (Scheduler, Vec<(FetchId, Source)>) {
    let mut scheduler = Scheduler::new(rules);
    let effects = scheduler.handle(0, Input::Replace(wants.to_vec()));
    assert_eq!(effects.iter().filter(|effect| **effect == Effect::Resolve(HERE)).count(), 1, "{effects:?}");
    let effects = scheduler.handle(10, Input::Located(HERE, located));
    let mut fetches = Vec::new();
    for (fetch, source) in fetched(&effects) {
        assert_eq!(source, Source::Cache);
        fetches.extend(fetched(&scheduler.handle(10, Input::Answered(fetch, Answer::Absent))));
    }
    (scheduler, fetches)
}

fn fetched(effects: &[Effect]) -> Vec<(FetchId, Source)> {
    let fetch = |effect: &Effect| match effect {
        Effect::Fetch { fetch, source, .. } => Some((*fetch, source.clone())),
        _ => None,
    };
    effects.iter().filter_map(fetch).collect()
}

fn from_supplier(slot: u16) -> Source {
    Source::Supplier { slot, holder: supplier(slot) }
}

#[test]
fn a_chunk_comes_from_the_disk_or_else_from_its_slot() {
    let (mut scheduler, fetches) = waiting(RULES, built(1), &[want(3, 1_000)]);
    assert_eq!(fetches.len(), 1);
    assert_eq!(fetches[0].1, from_supplier(1));
    let effects = scheduler.handle(150, Input::Answered(fetches[0].0, Answer::Chunk { bytes: 3_000 }));
    let chunk = HERE.chunk(3);
    assert_eq!(effects, [Effect::Deliver { chunk, origin: Origin::Supplier, provisional: false }]);
    assert_eq!(scheduler.tally().from(Origin::Supplier), Count { chunks: 1, bytes: 3_000 });
    assert_eq!((scheduler.wanted(), scheduler.fetching()), (0, 0));
    // A list that crossed with the delivery fetches nothing; one that comes later does.
    assert_eq!(scheduler.handle(200, Input::Replace(vec![want(3, 800)])), []);
    scheduler.handle(5_000, Input::Tick);
    assert_eq!(fetched(&scheduler.handle(5_000, Input::Replace(vec![want(3, 0)])))[0].1, Source::Cache);
}

#[test]
fn the_nearest_deadline_goes_first() {
    // Slot 0 takes few requests at once: of many wants, those with the nearest deadlines are asked for.
    let wants: Vec<Want> = (0..200).map(|number| want(number * 2, 10_000 - u32::from(number) * 10)).collect();
    let (mut scheduler, fetches) = waiting(RULES, built(1), &wants);
    let first = fetches.len();
    assert!((4..64).contains(&first), "{first} requests at once");
    // Each answer makes room for the most urgent of those that wait.
    let effects = scheduler.handle(100, Input::Answered(fetches[0].0, Answer::Chunk { bytes: 1 }));
    let next: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Fetch { chunk, .. } => Some(chunk.index()),
            _ => None,
        })
        .collect();
    assert_eq!(next.first(), Some(&398), "{next:?}");
}

#[test]
fn an_overdue_answer_is_asked_for_elsewhere_and_the_first_one_counts() {
    let (mut scheduler, fetches) = waiting(RULES, built(1), &[want(0, 300)]);
    let mut effects = Vec::new();
    let mut now_ms = 10;
    while effects.is_empty() && now_ms < 3_000 {
        now_ms += 50;
        effects = scheduler.handle(now_ms, Input::Tick);
    }
    assert!((400..700).contains(&now_ms), "a hedge after {now_ms} ms");
    let hedges = fetched(&effects);
    let Source::Column { needed: 2, holders } = &hedges[0].1 else { panic!("{effects:?}") };
    assert!(holders.len() == 3 && !holders.contains(&(0, supplier(0))), "{holders:?}");
    let effects = scheduler.handle(now_ms + 100, Input::Answered(hedges[0].0, Answer::Chunk { bytes: 9 }));
    assert!(effects.contains(&Effect::Abandon(fetches[0].0)), "{effects:?}");
    assert!(effects.contains(&Effect::Deliver { chunk: HERE.chunk(0), origin: Origin::Column, provisional: false }));
    assert_eq!((scheduler.tally().hedges, scheduler.tally().late(Cause::Answer)), (1, 1));
    assert_eq!(scheduler.fetching(), 0);
    // What arrives after that is nobody's.
    assert_eq!(scheduler.handle(2_000, Input::Answered(fetches[0].0, Answer::Chunk { bytes: 9 })), []);
}

#[test]
fn who_is_on_probation_is_tried_with_a_chunk_that_others_are_asked_for_as_well() {
    let (mut scheduler, fetches) = waiting(RULES, built(1), &[want(0, 3_000)]);
    assert_eq!(fetches[0].1, from_supplier(0));
    // It says nothing, and others are quicker.
    let hedge = (60..2_500).step_by(50).find_map(|now_ms| {
        let hedge = fetched(&scheduler.handle(now_ms, Input::Tick)).pop()?.0;
        scheduler.handle(now_ms + 40, Input::Answered(hedge, Answer::Chunk { bytes: 9 }));
        Some(hedge)
    });
    assert!(hedge.is_some() && scheduler.wanted() == 0);
    // Later it gets the next chunk of its slot, and so do the others; and no other chunk meanwhile.
    let effects = scheduler.handle(4_000, Input::Want(vec![want(2, 6_000), want(4, 6_000)]));
    let caches: Vec<FetchId> = fetched(&effects).into_iter().map(|(fetch, _)| fetch).collect();
    let asked = |scheduler: &mut Scheduler, now_ms, cache| {
        fetched(&scheduler.handle(now_ms, Input::Answered(cache, Answer::Absent)))
    };
    let [first, second] = [0, 1].map(|at: usize| asked(&mut scheduler, 4_001, caches[at]));
    assert_eq!(first[0].1, from_supplier(0));
    assert!(matches!(first[1].1, Source::Column { needed: 2, .. }), "{first:?}");
    assert!(second.len() == 1 && matches!(second[0].1, Source::Column { .. }), "{second:?}");
    // An answer, and it is one of them again.
    scheduler.handle(4_200, Input::Answered(first[0].0, Answer::Chunk { bytes: 9 }));
    let effects = scheduler.handle(4_300, Input::Want(vec![want(6, 6_000)]));
    let next = asked(&mut scheduler, 4_301, fetched(&effects)[0].0);
    assert!(next.len() == 1 && next[0].1 == from_supplier(0), "{next:?}");
}

#[test]
fn a_liar_is_named_and_asked_no_more() {
    let wants: Vec<Want> = (0..4).map(|number| want(number * 2, 5_000)).collect();
    let (mut scheduler, fetches) = waiting(RULES, built(1), &wants);
    let effects = scheduler.handle(100, Input::Answered(fetches[0].0, Answer::Wrong { by: None }));
    let blame = Effect::Blame { holder: supplier(0), chunk: HERE.chunk(0), reason: Reason::WrongBytes };
    assert!(effects.contains(&blame), "{effects:?}");
    assert!(matches!(fetched(&effects)[0].1, Source::Column { .. }), "{effects:?}");
    let effects = scheduler.handle(60_000, Input::Want(vec![want(100, 5_000)]));
    let effects = scheduler.handle(60_000, Input::Answered(fetched(&effects)[0].0, Answer::Absent));
    assert!(matches!(&fetched(&effects)[0].1, Source::Column { holders, .. } if holders.iter().all(|at| at.0 != 0)));
    // Only somebody who was asked can be named.
    let (mut scheduler, fetches) = waiting(RULES, built(1), &wants);
    let by = Some(supplier(3));
    scheduler.handle(100, Input::Answered(fetches[0].0, Answer::Wrong { by }));
    assert_eq!(scheduler.tally().blamed, 0);
}

#[test]
fn a_player_nearby_is_asked_before_a_supplier_and_once() {
    let chunks = (0..512).map(|index| Expected { hash: root(index), kept: Kept::Slot(0) }).collect();
    let (mut scheduler, fetches) = waiting(RULES, located(1, chunks, &[player(0), player(1)]), &[want(0, 5_000)]);
    assert_eq!(fetches[0].1, Source::Player(player(0)));
    let next = fetched(&scheduler.handle(50, Input::Answered(fetches[0].0, Answer::Absent)));
    assert_eq!(next[0].1, Source::Player(player(1)));
    let next = fetched(&scheduler.handle(80, Input::Answered(next[0].0, Answer::Failed { by: None })));
    assert_eq!(next[0].1, from_supplier(0));
}

#[test]
fn terrain_is_generated_where_the_manifest_says_so_or_is_none() {
    let unclaimed = Located::unclaimed();
    let natural = (0..512).map(|index| Expected { hash: root(index), kept: Kept::Generated }).collect();
    for place in [unclaimed, located(1, natural, &[])] {
        let mut scheduler = Scheduler::new(RULES);
        scheduler.handle(0, Input::Replace(vec![want(7, 1_000)]));
        let chunk = HERE.chunk(7);
        assert_eq!(scheduler.handle(10, Input::Located(HERE, place)), [Effect::Generate(chunk)]);
        let effects = scheduler.handle(20, Input::Generated(chunk, root(7)));
        assert_eq!(effects, [Effect::Deliver { chunk, origin: Origin::Generator, provisional: false }]);
        assert_eq!(scheduler.tally().from(Origin::Generator), Count { chunks: 1, bytes: 0 });
    }
}

#[test]
fn a_manifest_that_claims_another_generator_gets_no_chunk_called_current() {
    let natural = (0..512).map(|index| Expected { hash: root(index), kept: Kept::Generated }).collect();
    let mut scheduler = Scheduler::new(RULES);
    scheduler.handle(0, Input::Replace(vec![want(7, 1_000)]));
    scheduler.handle(10, Input::Located(HERE, located(1, natural, &[])));
    let chunk = HERE.chunk(7);
    let effects = scheduler.handle(20, Input::Generated(chunk, root(8)));
    assert_eq!(effects, [Effect::Deliver { chunk, origin: Origin::Generator, provisional: true }]);
    for now_ms in (50..20_000).step_by(50) {
        assert_eq!(scheduler.handle(now_ms, Input::Replace(vec![want(7, 0)])), [], "at {now_ms} ms");
    }
    assert_eq!(scheduler.tally().disagreed, 1);
}

#[test]
fn a_stand_in_is_replaced_only_if_it_is_wrong() {
    for right in [true, false] {
        let mut scheduler = Scheduler::new(Rules { stand_in: true });
        let chunk = HERE.chunk(0);
        scheduler.handle(0, Input::Replace(vec![want(0, 1_000)]));
        assert_eq!(scheduler.handle(700, Input::Tick), []);
        assert_eq!(scheduler.handle(760, Input::Tick), [Effect::Generate(chunk)]);
        let made = if right { root(1 << 32) } else { root(99) };
        let effects = scheduler.handle(770, Input::Generated(chunk, made));
        assert_eq!(effects, [Effect::Deliver { chunk, origin: Origin::Generator, provisional: true }]);
        let effects = scheduler.handle(900, Input::Located(HERE, built(1)));
        if right {
            assert_eq!(effects, [Effect::Confirm(chunk)]);
            assert_eq!((scheduler.tally().confirmed, scheduler.tally().stale), (1, 0));
        } else {
            let effects = scheduler.handle(900, Input::Answered(fetched(&effects)[0].0, Answer::Chunk { bytes: 5 }));
            assert_eq!(effects, [Effect::Deliver { chunk, origin: Origin::Cache, provisional: false }]);
            assert_eq!((scheduler.tally().confirmed, scheduler.tally().stale), (0, 1));
        }
    }
}

#[test]
fn a_newer_version_calls_off_what_changed_and_an_older_one_is_ignored() {
    let (mut scheduler, fetches) = waiting(RULES, built(2), &[want(0, 5_000), want(1, 5_000)]);
    assert_eq!(scheduler.handle(50, Input::Located(HERE, built(1))), []);
    // Chunk 1 stays as it was.
    let mut chunks: Vec<Expected> = (0..512).filter_map(|index| built(3).expected(index)).collect();
    chunks[1] = built(2).expected(1).expect("it has 512 chunks");
    let effects = scheduler.handle(100, Input::Located(HERE, located(3, chunks, &[])));
    let changed = (0..512).filter(|index| *index != 1).map(|index| HERE.chunk(index)).collect();
    assert!(effects.contains(&Effect::Changed(HERE, changed)), "{effects:?}");
    assert!(effects.contains(&Effect::Abandon(fetches[0].0)) && !effects.contains(&Effect::Abandon(fetches[1].0)));
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Fetch { chunk, hash, .. } => Some((*chunk, *hash)),
        _ => None,
    });
    assert_eq!(asked, Some((HERE.chunk(0), root(3 << 32))));
}

#[test]
fn what_the_ledger_says_is_old_is_looked_for_again_first() {
    let (mut scheduler, fetches) = waiting(RULES, built(2), &[want(0, 5_000)]);
    scheduler.handle(50, Input::Answered(fetches[0].0, Answer::Chunk { bytes: 9 }));
    // Somebody else asks for what was just delivered: it is fetched again.
    assert_eq!(fetched(&scheduler.handle(60, Input::Want(vec![want(0, 0)])))[0].1, Source::Cache);
    scheduler.handle(60, Input::Cancel(vec![HERE.chunk(0)]));
    assert_eq!(scheduler.handle(70, Input::Outdated(HERE)), [Effect::Resolve(HERE)]);
    assert_eq!(scheduler.handle(80, Input::Outdated(HERE)), []);
    assert_eq!(scheduler.handle(80, Input::Want(vec![want(0, 0)])), []);
    // The claim lapsed, and its successor's first version has a lower number.
    let effects = scheduler.handle(90, Input::Located(HERE, built(1)));
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Fetch { hash, .. } => Some(*hash),
        _ => None,
    });
    assert_eq!(asked, Some(root(1 << 32)));
}

#[test]
fn a_location_that_cannot_be_found_is_looked_for_again_and_again() {
    let mut scheduler = Scheduler::new(RULES);
    scheduler.handle(0, Input::Replace(vec![want(0, 1_000)]));
    let mut looks = 0;
    for now_ms in (0..30_000).step_by(50) {
        for effect in scheduler.handle(now_ms, Input::Tick) {
            assert_eq!(effect, Effect::Resolve(HERE));
            looks += 1;
            if looks % 3 > 0 {
                scheduler.handle(now_ms, Input::NotLocated(HERE));
            }
        }
        scheduler.handle(now_ms, Input::Replace(vec![want(0, 0)]));
    }
    assert!((4..20).contains(&looks), "{looks}");
    assert_eq!(scheduler.tally().late(Cause::Location), 1);
}

#[test]
fn what_is_no_longer_wanted_is_called_off() {
    let (mut scheduler, fetches) = waiting(RULES, built(1), &[want(0, 900), want(1, 900), want(2, 900)]);
    assert_eq!(scheduler.handle(20, Input::Cancel(vec![HERE.chunk(0)])), [Effect::Abandon(fetches[0].0)]);
    assert_eq!(scheduler.handle(30, Input::Replace(vec![want(2, 800)])), [Effect::Abandon(fetches[1].0)]);
    assert_eq!((scheduler.wanted(), scheduler.fetching()), (1, 1));
}

#[test]
fn manifests_whose_numbers_make_no_sense_are_refused() {
    let chunk = |slot| Expected { hash: root(1), kept: Kept::Slot(slot) };
    let check = |chunks: usize, slot, k, n: usize| Located::new(1, vec![chunk(slot); chunks], k, vec![None; n], vec![]);
    assert!(check(512, 3, 4, 8).is_ok());
    assert_eq!(check(511, 3, 4, 8), Err(Invalid::Chunks(511)));
    assert_eq!(check(512, 4, 4, 8), Err(Invalid::Slot(4)));
    assert_eq!(check(512, 0, 0, 8), Err(Invalid::Layout { k: 0, n: 8 }));
    assert_eq!(check(512, 0, 9, 8), Err(Invalid::Layout { k: 9, n: 8 }));
    assert_eq!(check(512, 0, 9, 256), Err(Invalid::Layout { k: 9, n: 256 }));
}

/// Anything that could be said to a scheduler, sensible or not, about a few locations and the first few requests.
fn inputs() -> impl Strategy<Value = Vec<(u64, Input)>> {
    let chunk = || (-1_i64..2, 0_u16..512).prop_map(|(x, index)| LocationPos::new(x, 0, 0).chunk(index));
    let place = || (-1_i64..2).prop_map(|x| LocationPos::new(x, 0, 0));
    let wants = || {
        let want = (chunk(), 0_u32..6_000).prop_map(|(chunk, deadline_ms)| Want { chunk, deadline_ms });
        proptest::collection::vec(want, 0..40)
    };
    let by = || proptest::option::of((0_u16..5).prop_map(supplier));
    let answer = prop_oneof![
        (0_u32..9_000).prop_map(|bytes| Answer::Chunk { bytes }),
        Just(Answer::Absent),
        by().prop_map(|by| Answer::Wrong { by }),
        by().prop_map(|by| Answer::Failed { by }),
    ];
    let versions = (1_u64..4, any::<bool>()).prop_map(|(sequence, is_built)| {
        let kept = |index: u64| if index.is_multiple_of(3) { Kept::Generated } else { Kept::Slot((index % 2) as u16) };
        let chunk = |index: u64| Expected { hash: root(sequence.min(index)), kept: kept(index) };
        if is_built { located(sequence, (0..512).map(chunk).collect(), &[player(0)]) } else { Located::unclaimed() }
    });
    let input = prop_oneof![
        2 => wants().prop_map(Input::Replace),
        2 => wants().prop_map(Input::Want),
        1 => proptest::collection::vec(chunk(), 0..20).prop_map(Input::Cancel),
        3 => (place(), versions).prop_map(|(place, located)| Input::Located(place, located)),
        1 => place().prop_map(Input::NotLocated),
        1 => place().prop_map(Input::Outdated),
        1 => (place(), 0_u16..40).prop_map(|(place, players)| Input::Players(place, (0..players).map(player).collect())),
        2 => (0_u64..300, 0_u16..5).prop_map(|(fetch, holder)| Input::Part(FetchId(fetch), supplier(holder))),
        9 => (0_u64..300, answer).prop_map(|(fetch, answer)| Input::Answered(FetchId(fetch), answer)),
        3 => (chunk(), 0_u64..5).prop_map(|(chunk, hash)| Input::Generated(chunk, root(hash))),
        3 => Just(Input::Tick),
    ];
    proptest::collection::vec((0_u64..700, input), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever it is told, every request ends exactly once, none is under way for a chunk that nobody wants, and when
    /// everything is called off nothing remains.
    #[test]
    fn every_request_ends_once(inputs in inputs(), stand_in in any::<bool>()) {
        let mut scheduler = Scheduler::new(Rules { stand_in });
        let mut open = std::collections::BTreeMap::<FetchId, (ChunkPos, Root)>::new();
        let mut now_ms = 0;
        let all: Vec<ChunkPos> = (-1..2).flat_map(|x| LocationPos::new(x, 0, 0).chunks().collect::<Vec<_>>()).collect();
        for (after_ms, input) in inputs.into_iter().chain([(0, Input::Cancel(all))]) {
            now_ms += after_ms;
            let answered = match &input {
                Input::Answered(fetch, _) => open.remove(fetch).is_some(),
                _ => true,
            };
            for effect in scheduler.handle(now_ms, input) {
                match effect {
                    Effect::Fetch { fetch, chunk, hash, source } => {
                        prop_assert!(open.insert(fetch, (chunk, hash)).is_none());
                        let asked = source.holders();
                        prop_assert!(asked.len() <= 3, "{:?}", asked);
                    }
                    Effect::Abandon(fetch) => prop_assert!(open.remove(&fetch).is_some()),
                    Effect::Deliver { .. } | Effect::Blame { .. } => prop_assert!(answered),
                    _ => {}
                }
            }
            prop_assert_eq!(scheduler.fetching(), open.len());
        }
        prop_assert_eq!((scheduler.wanted(), scheduler.fetching(), scheduler.is_idle()), (0, 0, true));
    }

    #[test]
    fn floods_of_places_and_holders_stay_bounded(seed in any::<u64>()) {
        let mut scheduler = Scheduler::new(RULES);
        for x in 0..2_000_i64 {
            let place = LocationPos::new(x ^ seed as i64 >> 8, 0, 0);
            let chunk = place.chunk(0);
            scheduler.handle(x as u64, Input::Want(vec![Want { chunk, deadline_ms: 500 }]));
            let mut holder = [0; 20];
            holder[..8].copy_from_slice(&x.to_le_bytes());
            let chunks = vec![Expected { hash: root(1), kept: Kept::Slot(0) }; 512];
            let located = Located::new(1, chunks, 1, vec![Some(Address::from(holder)); 3], vec![]).expect("it is sound");
            let effects = scheduler.handle(x as u64, Input::Located(place.chunk(0).location(), located));
            for (fetch, _) in fetched(&effects) {
                scheduler.handle(x as u64, Input::Answered(fetch, Answer::Absent));
            }
        }
        prop_assert!(scheduler.fetching() <= FETCHES_MAX);
        prop_assert!(scheduler.places() <= LOCATIONS_MAX);
    }
}
