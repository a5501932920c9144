//! The plan, held against a search of everything around the player.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::{
    place::{ChunkPos, VoxelPos},
    stream::*,
};

fn view(at: VoxelPos, velocity_mm_s: [i64; 3], distance_m: u32) -> View {
    View { at, velocity_mm_s, look: None, distance_m }
}

#[test]
fn a_view_is_a_sphere_cut_off_above_and_below() {
    for at in [VoxelPos::new(0, 0, 0), VoxelPos::new(i64::MAX, i64::MIN, 1 << 50)] {
        let small = view(at, [0; 3], 160);
        let seen: BTreeSet<_> = small.visible().collect();
        // 4/3 π 160³ / 32³
        assert!((480..570).contains(&seen.len()), "{}", seen.len());
        assert!(seen.iter().all(|chunk| small.sees(*chunk)));
        let large = view(at, [0; 3], 384);
        let layers: BTreeSet<_> = large.visible().map(|chunk| chunk.origin().since(at)[1] >> 5).collect();
        assert_eq!(layers.len(), 12);
        assert!((4_500..5_300).contains(&large.visible().count()), "{}", large.visible().count());
    }
}

#[test]
fn a_deadline_is_when_the_player_will_see_it() {
    let at = VoxelPos::new(0, 16, 16);
    // Its middle is 416 m east, 256 m outside a view of 160 m.
    let chunk = ChunkPos::new(12, 0, 0);
    let east = |speed| view(at, [speed, 0, 0], 160);
    assert_eq!(east(32_000).deadline_ms(chunk, 10_000), Some(7_500));
    assert_eq!(east(32_000).deadline_ms(chunk, 7_000), None);
    assert_eq!(east(-32_000).deadline_ms(chunk, 100_000), None);
    assert_eq!(east(0).deadline_ms(chunk, 100_000), None);
    assert_eq!(east(0).deadline_ms(ChunkPos::new(2, 0, 0), 1), Some(0));
    // Just outside it may be seen soon, whatever the course: 16 m at a run.
    assert_eq!(east(-32_000).deadline_ms(ChunkPos::new(5, 0, 0), 10_000), Some(1_600));
    // A chunk that the course passes by at a distance is never seen.
    assert_eq!(east(32_000).deadline_ms(ChunkPos::new(12, 0, 12), 100_000), None);
}

#[test]
fn what_is_in_front_and_near_comes_first() {
    let mut wants = Wants::default();
    let look = View { look: Some([0.0, 0.0, -2.0]), ..view(VoxelPos::new(16, 16, 16), [0, 0, -8_000], 96) };
    let plan = wants.plan(&look, &|_| Status::Missing);
    assert_eq!(plan[0].chunk, ChunkPos::new(0, 0, 0));
    let place = |chunk| plan.iter().position(|want| want.chunk == chunk).expect("it is in view");
    assert!(place(ChunkPos::new(0, 0, -2)) < place(ChunkPos::new(0, 0, 2)));
    assert!(place(ChunkPos::new(0, 0, -1)) < place(ChunkPos::new(0, 0, -2)));
    assert!(plan.is_sorted_by_key(|want| want.deadline_ms));
    assert!(plan.last().is_some_and(|want| want.deadline_ms > 0));
}

#[test]
fn what_was_lost_is_asked_for_again_and_what_is_held_is_not() {
    let mut wants = Wants::default();
    let still = view(VoxelPos::new(0, 0, 0), [0; 3], 96);
    let all = wants.plan(&still, &|_| Status::Missing);
    assert_eq!(wants.plan(&still, &|_| Status::Provisional), all);
    assert_eq!(wants.plan(&still, &|_| Status::Held), []);
    // Nothing is looked at again: all are known to be held.
    assert_eq!(wants.plan(&still, &|chunk| panic!("{chunk} was asked about")), []);
    let lost = all[3].chunk;
    wants.recheck(lost);
    let again = wants.plan(&still, &|_| Status::Missing);
    assert_eq!(again.iter().map(|want| want.chunk).collect::<Vec<_>>(), [lost]);
    // What was wished for while the network was slow is still wished for when it looks quicker.
    let flying = view(VoxelPos::new(0, 0, 0), [30_000, 0, 0], 96);
    let mut wants = Wants::default();
    wants.set_latency_ms(1_000);
    let all_ahead = wants.plan(&flying, &|_| Status::Missing);
    wants.set_latency_ms(100);
    assert_eq!(wants.plan(&flying, &|_| Status::Missing), all_ahead);
    assert!(all_ahead.last().is_some_and(|last| last.deadline_ms > 10_000));
    assert!(Wants::default().plan(&flying, &|_| Status::Missing).last().is_some_and(|last| last.deadline_ms <= 5_000));
    // Far away everything is forgotten, and back again it is asked for again.
    let mut wants = Wants::default();
    wants.plan(&still, &|chunk| if chunk == lost { Status::Missing } else { Status::Held });
    let away = view(VoxelPos::new(5_000, 0, 0), [0; 3], 96);
    wants.plan(&away, &|_| Status::Missing);
    let forgotten: BTreeSet<_> = wants.forget(&away).into_iter().collect();
    assert!(still.visible().all(|chunk| chunk == lost || forgotten.contains(&chunk)));
    assert_eq!(wants.held(), 0);
    let back: Vec<_> = wants.plan(&still, &|_| Status::Missing);
    assert_eq!(back, all);
}

/// A step of a player: time, change of velocity, now and then a jump to elsewhere.
fn courses() -> impl Strategy<Value = Vec<([i64; 3], Option<[i64; 3]>, bool)>> {
    let velocity = [-40_000_i64..40_000, -20_000_i64..20_000, -40_000_i64..40_000];
    let jump = proptest::option::weighted(0.1, [-2_000_i64..2_000, -400_i64..400, -2_000_i64..2_000]);
    proptest::collection::vec((velocity, jump, any::<bool>()), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the player moved, the plan holds everything that it sees and lacks, and all that it is about to see.
    #[test]
    fn a_plan_lacks_nothing(
        start in prop_oneof![Just([0, 0, 0]), Just([1_000_000_000_000_000, 7, -1]), Just([i64::MAX, i64::MIN, 0])],
        distance_m in 40_u32..140,
        course in courses(),
    ) {
        let mut wants = Wants::default();
        let mut at = VoxelPos::new(start[0], start[1], start[2]);
        let (mut held, mut wished) = (BTreeSet::new(), BTreeSet::new());
        for (velocity, jump, arrives) in course {
            let [x, y, z] = jump.unwrap_or(velocity.map(|speed| speed / 1000 / 2));
            at = at.offset(x, y, z);
            let view = view(at, velocity, distance_m);
            let status = |chunk: ChunkPos| if held.contains(&chunk) { Status::Held } else { Status::Missing };
            let plan = wants.plan(&view, &status);
            let asked: BTreeSet<_> = plan.iter().map(|want| want.chunk).collect();
            prop_assert_eq!(asked.len(), plan.len());
            prop_assert!(asked.is_disjoint(&held));
            for want in &plan {
                // A wish stands, though the player has turned away meanwhile.
                let within_ms = if wished.contains(&want.chunk) { 15_000 } else { 5_000 };
                prop_assert_eq!(view.deadline_ms(want.chunk, within_ms), Some(want.deadline_ms));
            }
            wished.extend(asked.iter().copied());
            for chunk in view.visible() {
                prop_assert!(asked.contains(&chunk) || held.contains(&chunk), "{} is in view and not asked for", chunk);
            }
            // What will be in view from places along the course, if it is kept.
            for tenths in [10, 25, 49] {
                let [x, y, z] = velocity.map(|speed| speed * tenths / 10_000);
                for chunk in (View { at: at.offset(x, y, z), ..view }).visible() {
                    let due = view.deadline_ms(chunk, 5_000).is_some();
                    prop_assert!(!due || asked.contains(&chunk) || held.contains(&chunk), "{} will be in view", chunk);
                }
            }
            if arrives {
                held.extend(asked);
            }
            for chunk in wants.forget(&view) {
                prop_assert!(!view.sees(chunk));
                held.remove(&chunk);
            }
            prop_assert!(wants.held() <= held_max(distance_m));
        }
    }
}
