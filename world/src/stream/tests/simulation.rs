//! A player flies through places that others built while suppliers die: no visible chunk may ever be missing.
//!
//! The long flights have a view of 160 m (about 520 chunks), so that ten kilometres take seconds of a test's time; one
//! shorter flight has the view of 384 m (about 4,900 chunks) that players have.

use super::network::{Network, Setting, supplier};
use crate::{place::VoxelPos, stream::*};

const FAR: VoxelPos = VoxelPos::new(1_000_000_000_000_000, 80, -1_000_000_000_000_000);

fn flight(setting: Setting, metres: f64) -> Network {
    let mut network = Network::new(setting);
    network.arrive();
    network.fly(metres);
    let tally = network.scheduler.tally();
    let summary = format!(
        "seed {} from {} at {} m/s: {} holes in {} samples, {} requests for {} held, {tally:?}",
        setting.seed,
        setting.start,
        setting.speed_m_s,
        network.holes,
        network.samples,
        network.requests,
        network.wants.held(),
    );
    println!("{summary}");
    assert_eq!(network.holes, 0, "{summary}");
    network
}

#[test]
fn ten_kilometres_at_30_m_s() {
    for (seed, start) in [(1, Setting::default().start), (2, FAR)] {
        let network = flight(Setting { seed, start, ..Setting::default() }, 10_000.0);
        let tally = network.scheduler.tally();
        assert!(tally.from(Origin::Supplier).chunks > 0 && tally.from(Origin::Column).chunks > 0);
        assert_eq!(tally.from(Origin::Generator).chunks, 0);
    }
}

#[test]
fn ten_kilometres_at_8_m_s() {
    for (seed, start) in [(3, Setting::default().start), (4, FAR)] {
        flight(Setting { seed, start, speed_m_s: 8.0, ..Setting::default() }, 10_000.0);
    }
}

/// Whoever doesn't answer is noticed later the further away all are.
#[test]
fn ten_kilometres_where_everybody_is_far_away() {
    for (seed, one_way_ms) in [(6, 100), (7, 150)] {
        flight(Setting { seed, one_way_ms, ..Setting::default() }, 10_000.0);
    }
}

#[test]
fn twenty_other_networks() {
    for seed in 100..120 {
        flight(Setting { seed, players: seed as u16 % 3, ..Setting::default() }, 1_500.0);
    }
}

/// All eight suppliers have as much to do as they can when four are gone. Nothing that could be foreseen comes in the last second.
#[test]
fn a_view_of_384_m_at_30_m_s() {
    for (seed, one_way_ms) in [(5, 50), (0, 100), (1, 100), (2, 150)] {
        let network = flight(Setting { seed, one_way_ms, distance_m: 384, ..Setting::default() }, 2_400.0);
        assert!(network.client.len() <= held_max(384));
        let early_ms = &network.early_ms;
        println!("the least early of {} chunks by {:?} ms", early_ms.len(), early_ms.first());
        assert!(early_ms.len() > 20_000 && early_ms[0] > 1_000, "the latest: {:?}", &early_ms[..10]);
    }
}

#[test]
fn liars_are_named_and_nobody_sees_their_bytes() {
    let network = flight(Setting { seed: 6, liars: 2, deaths: false, ..Setting::default() }, 2_000.0);
    assert_eq!(network.blamed, [supplier(0), supplier(1)].into());
    // Both are left alone afterwards: they are caught a few times at most, by requests that were under way already.
    assert!(network.scheduler.tally().blamed < 40, "{:?}", network.scheduler.tally());
}

#[test]
fn players_nearby_take_load_off_suppliers() {
    let network = flight(Setting { seed: 7, players: 3, ..Setting::default() }, 2_000.0);
    let tally = network.scheduler.tally();
    assert!(tally.from(Origin::Player).chunks > 2 * tally.from(Origin::Supplier).chunks, "{tally:?}");
}

#[test]
fn terrain_that_nobody_changed_costs_no_bytes() {
    let network = flight(Setting { seed: 8, built_one_in: 3, edited_one_in: 10, ..Setting::default() }, 2_000.0);
    let tally = network.scheduler.tally();
    let fetched = tally.from(Origin::Supplier).chunks + tally.from(Origin::Column).chunks;
    let generated = tally.from(Origin::Generator);
    assert!(generated.chunks > 15 * fetched && generated.bytes == 0, "{tally:?}");
}

#[test]
fn generated_terrain_stands_in_for_chunks_that_are_late() {
    // A player that appears somewhere sees everything at once; one chunk in four was changed by somebody.
    let rules = Rules { stand_in: true };
    let mut network = Network::new(Setting { seed: 9, rules, edited_one_in: 4, deaths: false, ..Setting::default() });
    (0..4).for_each(|_| network.frame());
    let shown = network.client.len() as u64;
    assert!(shown > 500, "after 0.2 s only {shown} chunks are shown");
    network.arrive();
    let tally = network.scheduler.tally();
    assert!(tally.confirmed > 2 * tally.stale && tally.stale > 0, "{tally:?}");
    assert_eq!(tally.late(Cause::Location) + tally.late(Cause::Answer) + tally.late(Cause::Turn), 0, "{tally:?}");
    assert!(tally.late(Cause::Unforeseen) > 0);
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let network = flight(Setting { seed, liars: 1, players: 1, ..Setting::default() }, 500.0);
        (network.scheduler.tally().clone(), network.requests, network.client.len())
    };
    assert_eq!(run(10), run(10));
    assert_ne!(run(10), run(11));
}
