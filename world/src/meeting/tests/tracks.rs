//! Where others seem to be between two poses, and when they lie.

use proptest::prelude::*;

use super::at;
use crate::{
    ChunkPos,
    meeting::{Pose, Position, Refused, Stance, Track},
};

/// Somebody who walks east with 5 m/s from x = 0, as it is at a time of its own clock.
fn walking(ms: u64) -> Stance {
    let position = Position::from_metres(ChunkPos::default(), [ms as f64 * 0.005, 10.0, 0.0]);
    Stance { position, ..Stance::default() }
}

fn walked(ms: u64) -> Pose {
    Pose::new(&walking(ms), (ms / 100) as u16, ms + 4_000_000_000)
}

fn x(track: &Track, now_ms: u64) -> f64 {
    let seen = track.at(now_ms).unwrap();
    seen.metres[0] + seen.chunk.x as f64 * 32.0
}

#[test]
fn movement_is_smooth_behind_jitter_reordering_loss_and_another_clock() {
    let mut track = Track::default();
    // Arrivals: a clock that is ahead by almost 2^32 ms, 60 to 140 ms of delay, every seventh lost.
    let mut arrivals: Vec<_> = (0..100u64)
        .filter(|i| i % 7 != 3)
        .map(|i| {
            (1_000_000 + i * 100 + 60 + (i * 37) % 80 * u64::from(i % 2 == 0) + 70 * u64::from(i % 5 == 0), i * 100)
        })
        .collect();
    arrivals.sort_unstable();
    let (mut next, mut shown) = (0, Vec::new());
    for now in (1_001_000..1_009_500).step_by(16) {
        while arrivals.get(next).is_some_and(|(arrival, _)| *arrival <= now) {
            track.take(arrivals[next].0, &walked(arrivals[next].1), ChunkPos::default()).unwrap();
            next += 1;
        }
        shown.push((now, x(&track, now)));
    }
    for pair in shown[60..].windows(2) {
        let speed = (pair[1].1 - pair[0].1) / 0.016;
        assert!((0.0..12.0).contains(&speed), "{speed} m/s at {}", pair[1].0);
        let behind = (pair[1].0 - 1_000_000) as f64 * 0.005 - pair[1].1;
        assert!((0.0..2.0).contains(&behind), "{behind} m behind at {}", pair[1].0);
    }
}

#[test]
fn movement_goes_on_for_a_moment_and_stops() {
    let mut track = Track::default();
    for ms in (0..1000).step_by(100) {
        track.take(ms, &walked(ms), ChunkPos::default()).unwrap();
    }
    let rest = x(&track, 10_000);
    assert!((rest - (900.0 + 300.0) * 0.005).abs() < 0.05, "{rest}");
    assert_eq!((track.at(2000).unwrap().stale, track.at(10_000).unwrap().stale), (false, true));
}

#[test]
fn heads_turn_the_shorter_way() {
    let mut track = Track::default();
    for (i, yaw) in [65_000u16, 65_400, 264, 664].into_iter().enumerate() {
        let stance = Stance { yaw, ..at(0, 0, 0) };
        track.take(i as u64 * 100, &Pose::new(&stance, i as u16, i as u64 * 100), ChunkPos::default()).unwrap();
    }
    for now in 0..1000 {
        let yaw = track.at(now).unwrap().yaw;
        assert!((65_000.0..65_536.0).contains(&yaw) || (0.0..=664.0).contains(&yaw), "{yaw} at {now}");
    }
}

#[test]
fn a_jump_is_drawn_as_one_and_who_jumps_on_stands_still() {
    let mut track = Track::default();
    let take = |track: &mut Track, i: u64, stance: Stance| {
        track.take(i * 100, &Pose::new(&stance, i as u16, i * 100), ChunkPos::default())
    };
    take(&mut track, 0, at(0, 0, 0)).unwrap();
    take(&mut track, 1, at(1000, 0, 0)).unwrap();
    for now in 0..2000 {
        assert!(x(&track, now) > 999.0, "in between at {now}");
    }
    take(&mut track, 2, at(0, 0, 0)).unwrap();
    assert_eq!(take(&mut track, 3, at(1000, 0, 0)), Err(Refused::Jump));
    assert!(x(&track, 2000) < 1.0);
    assert_eq!(take(&mut track, 4, at(0, 0, 1)), Ok(()));
}

#[test]
fn a_clock_that_was_set_is_believed_after_a_while() {
    let mut track = Track::default();
    let pose = |i: u64, clock: u64| Pose::new(&at(0, 0, 0), i as u16, clock);
    track.take(0, &pose(0, 0), ChunkPos::default()).unwrap();
    assert_eq!(track.take(100, &pose(1, 0), ChunkPos::default()), Err(Refused::Clock));
    let verdicts: Vec<_> =
        (2..30u64).map(|i| track.take(i * 100, &pose(i, i * 100 + 3_600_000), ChunkPos::default())).collect();
    assert_eq!(verdicts[0], Err(Refused::Clock));
    assert_eq!(verdicts.last(), Some(&Ok(())));
    assert!(verdicts.iter().filter(|verdict| verdict.is_err()).count() <= 11);
}

proptest! {
    #[test]
    fn no_sender_makes_a_track_show_what_is_not_a_place(
        poses in prop::collection::vec((0u64..3000, any::<u16>(), any::<u32>(), any::<[i16; 3]>(), 0u16..2048), 1..80),
    ) {
        let mut track = Track::default();
        let mut now = 0;
        for (wait, sequence, at_ms, chunk, local) in poses {
            now += wait;
            let pose = Pose { sequence, at_ms, chunk, local: [local; 3], ..Pose::new(&at(0, 0, 0), 0, 0) };
            let _ = track.take(now, &pose, ChunkPos::default());
            let seen = track.at(now).unwrap();
            prop_assert!(seen.metres.iter().all(|m| m.abs() < 4000.0), "{:?}", seen);
            prop_assert!((0.0..65_536.0).contains(&seen.yaw));
        }
    }
}
