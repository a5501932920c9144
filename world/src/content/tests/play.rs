//! Quests played through, in the right order and in wrong ones.

use proptest::prelude::*;

use super::{first_steps, with_content};
use crate::{
    VoxelPos,
    content::{Content, Effect, Event, Name, Play, WorldId, limits},
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn content(text: &str) -> Content {
    with_content(text).unwrap_or_else(|error| panic!("{error}")).content
}

fn newcomer() -> Play {
    Play::new(WorldId([1; 32]))
}

#[test]
fn marks_that_grant_each_other_come_to_an_end() {
    let content = content(
        r#"{ "areas": { "a": { "from": [0, 0, 0], "to": [1, 1, 1] }, "b": { "from": [9, 0, 0], "to": [9, 0, 0] } },
             "triggers": [
               { "name": "in-a", "on": { "enter": "a" }, "then": [ { "grant": "m" }, { "teleport": [9, 0, 0] } ] },
               { "name": "in-b", "on": { "enter": "b" }, "then": [ { "remove": "n" }, { "teleport": [0, 0, 0] } ] },
               { "name": "m", "on": { "mark": "m" }, "then": [ { "grant": "n" }, { "remove": "m" } ] },
               { "name": "n", "on": { "mark": "n" }, "then": [ { "grant": "m" }, { "remove": "n" } ] } ] }"#,
    );
    let mut play = newcomer();
    let effects = play.handle(&content, Event::Entered(VoxelPos::new(0, 0, 0)));
    let there = |pos| Effect::Teleport(pos);
    assert_eq!(
        effects,
        [
            Effect::Granted(name("m")),
            there(VoxelPos::new(9, 0, 0)),
            Effect::Granted(name("n")),
            Effect::Removed(name("m")),
            Effect::Removed(name("n")),
            there(VoxelPos::new(0, 0, 0)),
            Effect::Granted(name("m")),
        ]
    );
}

#[test]
fn one_event_fires_a_bounded_number_of_triggers() {
    let triggers: Vec<_> = (0..limits::TRIGGERS_MAX)
        .map(|i| format!(r#"{{ "name": "t{i}", "on": {{ "use": [0, 0, 0] }}, "then": [ {{ "give": "coin" }} ] }}"#))
        .collect();
    let triggers = triggers.join(",");
    let content = content(&format!(r#"{{ "items": {{ "coin": {{ "title": "Coin" }} }}, "triggers": [{triggers}] }}"#));
    let mut play = newcomer();
    play.handle(&content, Event::Entered(VoxelPos::new(1, 0, 0)));
    assert_eq!(play.handle(&content, Event::Used(VoxelPos::default())).len(), limits::FIRED_PER_EVENT_MAX);
    for _ in 0..20 {
        play.handle(&content, Event::Used(VoxelPos::default()));
    }
    assert_eq!(play.items().next(), Some((&name("coin"), limits::ITEM_COUNT_MAX)));
}

#[test]
fn areas_count_when_they_are_entered_from_outside() {
    let content = content(
        r#"{ "areas": { "a": { "from": [0, 0, 0], "to": [3, 3, 3] } }, "texts": { "hi": { "body": "Hi." } },
             "triggers": [ { "name": "t", "on": { "enter": "a" }, "then": [ { "show": "hi" } ] } ] }"#,
    );
    let mut play = newcomer();
    let shows = [Effect::Show(name("hi"))];
    let mut check = |event, wanted: &[Effect]| assert_eq!(play.handle(&content, event), wanted, "{event:?}");
    check(Event::Moved(VoxelPos::new(3, 3, 3)), &shows);
    check(Event::Moved(VoxelPos::new(2, 3, 3)), &[]);
    check(Event::Moved(VoxelPos::new(4, 3, 3)), &[]);
    check(Event::Moved(VoxelPos::new(0, 0, 0)), &shows);
    check(Event::Entered(VoxelPos::new(0, 0, 0)), &shows);
}

#[test]
fn nothing_happens_out_of_reach_or_before_the_player_is_anywhere() {
    let content = first_steps();
    let sign = VoxelPos::new(2, 0, 2);
    let mut play = newcomer();
    assert_eq!(play.handle(&content, Event::Used(sign)), [Effect::OutOfReach(sign)]);
    play.handle(&content, Event::Entered(sign.offset(limits::REACH + 1, 0, 0)));
    assert_eq!(play.handle(&content, Event::Used(sign)), [Effect::OutOfReach(sign)]);
    play.handle(&content, Event::Moved(sign.offset(limits::REACH, 0, 0)));
    assert!(play.handle(&content, Event::Used(sign)).contains(&Effect::Show(name("welcome"))));
}

#[test]
fn progress_forgets_what_a_revision_took_away() {
    let content = first_steps();
    let mut play = newcomer();
    play.handle(&content, Event::Entered(VoxelPos::new(2, 0, 3)));
    play.handle(&content, Event::Used(VoxelPos::new(2, 0, 2)));
    assert!(play.has_mark("knows-the-tale"));
    let bytes = play.to_bytes().unwrap();
    assert_eq!(Play::decode(&bytes, &content).unwrap(), play);
    assert!(!Play::decode(&bytes, &Content::default()).unwrap().has_mark("knows-the-tale"));
    assert!(Play::decode(&bytes[..bytes.len() - 1], &content).is_err());
    assert!(Play::decode(&vec![0; limits::PLAY_BYTES_MAX + 1], &content).is_err());
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let places =
        [(2, 0, 3), (2, 0, 2), (8, 0, 5), (9, 0, 5), (14, 0, 3), (15, 0, 3), (16, 0, 3), (16, 8, 3), (17, 9, 3)];
    let pos = prop::sample::select(places.map(|(x, y, z)| VoxelPos::new(x, y, z)).to_vec());
    let event = (0..3, pos).prop_map(|(kind, pos)| match kind {
        0 => Event::Entered(pos),
        1 => Event::Moved(pos),
        _ => Event::Used(pos),
    });
    prop::collection::vec(event, 0..60)
}

proptest! {
    #[test]
    fn a_quest_is_the_same_wherever_it_is_placed(events in events(), x: i64, y: i64, z: i64) {
        let moved = |pos: VoxelPos| pos.offset(x, y, z);
        let here = first_steps();
        let there = here.clone().placed_at(VoxelPos::new(x, y, z));
        let (mut one, mut other) = (newcomer(), newcomer());
        for event in events {
            let elsewhere = match event {
                Event::Entered(pos) => Event::Entered(moved(pos)),
                Event::Moved(pos) => Event::Moved(moved(pos)),
                Event::Used(pos) => Event::Used(moved(pos)),
            };
            let expected: Vec<_> = one.handle(&here, event).into_iter().map(|effect| match effect {
                Effect::OutOfReach(pos) => Effect::OutOfReach(moved(pos)),
                effect => effect,
            }).collect();
            prop_assert_eq!(other.handle(&there, elsewhere), expected);
        }
        prop_assert!(one.marks().eq(other.marks()));
    }

    #[test]
    fn progress_survives_being_kept_at_any_time(events in events(), pause in 0usize..60) {
        let content = first_steps();
        let (mut one, mut other) = (newcomer(), newcomer());
        for (i, event) in events.into_iter().enumerate() {
            if i == pause {
                other = Play::decode(&other.to_bytes().unwrap(), &content).unwrap();
            }
            prop_assert_eq!(one.handle(&content, event), other.handle(&content, event));
        }
        prop_assert_eq!(one, other);
    }

    #[test]
    fn no_bytes_make_progress_fail(mut bytes in prop::collection::vec(any::<u8>(), 0..200), valid: bool) {
        if valid {
            bytes.splice(0..0, *b"bdplay\0\0\x01");
        }
        let _ = Play::decode(&bytes, &first_steps());
    }
}
