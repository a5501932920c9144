//! Water lies as water does.

use super::{PLACES, generator};

#[test]
fn water_never_stands_as_a_wall() {
    let (mut wet, mut high) = (0, 0);
    for seed in 2..6u64 {
        let generator = generator(seed);
        for at in 0..72i64 {
            let (x0, z0) = PLACES[(at % 6) as usize];
            let (x, z) = (x0.wrapping_add(at / 6 * 431), z0.wrapping_add(at % 7 * 613));
            const EDGE: usize = 120;
            let (sites, _) = generator.ground.area(x, z, EDGE, EDGE);
            for at in 0..EDGE * EDGE {
                let Some(level) = sites[at].water else { continue };
                wet += 1;
                high += usize::from(level > 3);
                let beside = [(at % EDGE + 1 < EDGE).then_some(at + 1), (at + EDGE < EDGE * EDGE).then_some(at + EDGE)];
                let before = [(at % EDGE > 0).then(|| at - 1), (at >= EDGE).then(|| at - EDGE)];
                for other in beside.into_iter().chain(before).flatten() {
                    let place = format!("seed {seed}: {} m east and {} m south of ({x}, {z})", at % EDGE, at / EDGE);
                    match sites[other].water {
                        Some(next) => assert!((next - level).abs() <= 1, "{place}: levels {level} and {next}"),
                        None => {
                            let shore = sites[other].height;
                            assert!(shore >= level, "{place}: water at {level} beside ground at {shore}");
                        }
                    }
                }
            }
        }
    }
    assert!(wet > 100_000 && high > 1_000, "{wet} columns of water, {high} of them above the sea: too few to judge");
}

#[test]
fn rivers_run_downhill_to_the_sea_or_a_lake() {
    for seed in 1..5 {
        let generator = generator(seed);
        for (x, z) in PLACES {
            assert!(generator.ground.land.rivers_run_downhill(x, z), "seed {seed}, ({x}, {z})");
        }
    }
}
