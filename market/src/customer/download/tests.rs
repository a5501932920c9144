//! Downloads against suppliers that are slow, wrong or gone: what is asked of whom, and when it is hopeless.

use std::collections::BTreeMap;

use bitdust_types::{Layout, layout::SLAB_PLAIN_BYTES};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::wire::READ_BYTES_MAX;

fn fetch(k: u8, direct: &[u8], sources: &[u8]) -> Fetch {
    Fetch::new(Need { k, direct: direct.to_vec(), sources: sources.to_vec() })
}

proptest! {
    #[test]
    fn windows_cover_exactly_and_stay_small(k in 1u8..12, plain in 1u64..SLAB_PLAIN_BYTES, a: u64, b: u64) {
        let layout = Layout::new(k, k + 2).unwrap();
        let shape = SlabShape::new(layout, plain).unwrap();
        let (a, b) = (a % (plain + 1), b % (plain + 1));
        let range = a.min(b)..a.max(b);
        let mut at = range.start;
        for window in windows(shape, range.clone()) {
            prop_assert_eq!(window.start, at);
            prop_assert!(window.end > window.start);
            at = window.end;
            let plan = ReadPlan::new(shape, window).unwrap();
            let column = plan.column();
            prop_assert!(column.end - column.start <= READ_BYTES_MAX);
            prop_assert!(column.end <= shape.shard_bytes());
        }
        if range.start < range.end {
            prop_assert_eq!(at, range.end);
        }
    }

    /// Whoever fails, hangs or answers, in any order: a window ends as soon as it can, and only gives up when fewer than
    /// k can still answer.
    #[test]
    fn a_window_ends_when_it_can(
        k in 1u8..5,
        spare in 0u8..5,
        direct in vec(any::<prop::sample::Index>(), 1..5),
        fates in vec(0u8..3, 10),
        order in vec(any::<prop::sample::Index>(), 40),
    ) {
        let n = k + spare;
        let mut direct: Vec<u8> = direct.iter().map(|index| index.index(usize::from(k)) as u8).collect();
        direct.sort_unstable();
        direct.dedup();
        let sources: Vec<u8> = (0..n).collect();
        // 0: answers, 1: fails, 2: hangs for ever.
        let fate: BTreeMap<u8, u8> = sources.iter().map(|slot| (*slot, fates[usize::from(*slot)])).collect();
        let mut fetch = fetch(k, &direct, &sources);
        let (mut now, mut running, mut asked_ever) = (0, Vec::new(), Vec::new());
        for pick in order {
            let asked = fetch.ask(now, 100);
            for slot in &asked {
                prop_assert!(!asked_ever.contains(slot), "slot {} was asked twice", slot);
            }
            asked_ever.extend(&asked);
            running.extend(asked.into_iter().filter(|slot| fate[slot] != 2));
            if fetch.progress() != Progress::Waiting {
                break;
            }
            if running.is_empty() {
                now += 100;
            } else {
                let slot = running.remove(pick.index(running.len()));
                if fate[&slot] == 0 { fetch.have(slot) } else { fetch.failed(slot) }
            }
        }
        let good = |slot: &u8| fate[slot] == 0;
        let possible = direct.iter().all(good) || sources.iter().filter(|slot| good(slot)).count() >= usize::from(k);
        match fetch.progress() {
            Progress::Direct => prop_assert!(direct.iter().all(good)),
            Progress::Rebuild(shards) => {
                prop_assert_eq!(shards.len(), usize::from(k));
                prop_assert!(shards.iter().all(good));
            }
            Progress::Hopeless { .. } => prop_assert!(!possible),
            // Only somebody who hangs for ever can keep it waiting, and only if the others don't suffice.
            Progress::Waiting => prop_assert!(!possible && fate.values().any(|fate| *fate == 2)),
        }
    }
}

#[test]
fn a_small_read_asks_one_supplier() {
    let mut fetch = fetch(4, &[2], &[0, 1, 2, 3, 4, 5]);
    assert_eq!(fetch.ask(0, 100), [2]);
    assert!(fetch.ask(99, 100).is_empty());
    fetch.have(2);
    assert_eq!(fetch.progress(), Progress::Direct);
    assert!(fetch.ask(1000, 100).is_empty(), "nobody is asked once it is done");
}

#[test]
fn a_slow_answer_is_hedged_and_whoever_is_first_wins() {
    let mut fetch = fetch(2, &[0, 1], &[0, 1, 2, 3]);
    assert_eq!(fetch.ask(0, 100), [0, 1]);
    fetch.have(0);
    assert_eq!(fetch.ask(100, 100), [2], "one hedge for the one that is late");
    assert!(fetch.ask(150, 100).is_empty());
    assert_eq!(fetch.ask(200, 100), [3], "the hedge is late, too");
    assert_eq!(fetch.late(), [1, 2]);
    fetch.have(3);
    assert_eq!(fetch.progress(), Progress::Rebuild(vec![0, 3]));
}

#[test]
fn a_failed_shard_is_replaced_at_once() {
    let mut fetch = fetch(2, &[0, 1], &[0, 1, 2, 3]);
    fetch.ask(0, 100);
    fetch.failed(1);
    assert_eq!(fetch.ask(1, 100), [2]);
    fetch.failed(2);
    assert_eq!(fetch.ask(2, 100), [3]);
    fetch.failed(3);
    assert!(matches!(fetch.progress(), Progress::Hopeless { have: 0, need: 2 }));
}

#[test]
fn a_small_read_falls_back_to_k_others() {
    let mut fetch = fetch(3, &[1], &[0, 1, 2, 3, 4]);
    assert_eq!(fetch.ask(0, 100), [1]);
    fetch.failed(1);
    assert_eq!(fetch.ask(1, 100), [0, 2, 3]);
}

#[test]
fn what_counts_as_slow_follows_what_was_seen() {
    let mut latencies = Latencies::default();
    assert_eq!(latencies.slow_ms(), SLOW_MS_AT_FIRST);
    (0..100).for_each(|took| latencies.note(100 + took));
    assert_eq!(latencies.slow_ms(), 195);
    (0..LATENCIES_KEPT).for_each(|_| latencies.note(1));
    assert_eq!(latencies.slow_ms(), SLOW_MS_LEAST);
}
