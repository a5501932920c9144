//! Scripts: every step read, every mistake named with its line.

use proptest::prelude::*;

use super::{Action, Problem, SCRIPT_BYTES_MAX, STEPS_MAX, Script};
use crate::VoxelPos;

fn one(text: &str) -> Action {
    let mut steps = Script::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(steps.len(), 1, "{text}");
    steps.remove(0).action
}

#[test]
fn every_step_is_understood() {
    let pos = VoxelPos::new(1, -2, 1_000_000_000_000_000);
    let at = "1 -2 1000000000000000";
    let cases = [
        (format!("goto {at}"), Action::Goto(pos)),
        ("fly 1 0 -0.5 30 60".into(), Action::Fly { direction: [1.0, 0.0, -0.5], speed: 30.0, seconds: 60.0 }),
        ("look 90 -12.5".into(), Action::Look { yaw: 90.0, pitch: -12.5 }),
        ("\twait 0.25  ".into(), Action::Wait(0.25)),
        (format!("place {at} stone brick"), Action::Place(pos, "stone brick".into())),
        (format!("break {at}"), Action::Break(pos)),
        (format!("use {at}"), Action::Use(pos)),
        ("say  hello, you".into(), Action::Say("hello, you".into())),
        ("screenshot out/a b.png".into(), Action::Screenshot("out/a b.png".into())),
        ("expect mark found-the-key".into(), Action::ExpectMark("found-the-key".into())),
        ("expect text \"a \"quoted\" word\"".into(), Action::ExpectText("a \"quoted\" word".into())),
        ("set time 06:30".into(), Action::SetTime(390)),
        ("debug on".into(), Action::Debug(true)),
        ("debug off".into(), Action::Debug(false)),
    ];
    for (text, action) in cases {
        assert_eq!(one(&text), action, "{text}");
    }
    let steps = Script::parse("# first\n\n  wait 1\n   # more\ndebug on\n").unwrap();
    assert_eq!(steps.iter().map(|step| step.line).collect::<Vec<_>>(), [3, 5]);
}

#[test]
fn nonsense_is_named_with_its_place_and_what_is_allowed() {
    let cases = [
        ("jump 1", 1, 1, "'jump' is not a step; these are: goto"),
        ("wait 1\n  goto 1 2", 2, 11, "a whole number (a voxel's coordinate) is missing; write: goto X Y Z"),
        ("goto 1 2 x", 1, 10, "'x' is not a whole number"),
        ("goto 1 2.5 3", 1, 8, "'2.5' is not a whole number"),
        ("goto 1 2 9223372036854775808", 1, 10, "is not a whole number"),
        ("goto 1 2 3 4", 1, 12, "nothing may follow here, but '4' does; write: goto X Y Z"),
        ("wait -1", 1, 6, "a time from 0 to 3600 seconds"),
        ("wait NaN", 1, 6, "a time from 0 to 3600 seconds"),
        ("wait inf", 1, 6, "a time from 0 to 3600 seconds"),
        ("fly 0 0 0 1 1", 1, 5, "is not a direction"),
        ("fly 1 0 0 201 1", 1, 11, "a speed from 0.1 to 200 m/s"),
        ("look 0 91", 1, 8, "a pitch from -90 to 90"),
        ("place 1 2 3", 1, 12, "a block's name is missing"),
        ("say", 1, 4, "a text is missing; write: say TEXT"),
        ("say ä\u{1b}[2J", 1, 5, "a control character"),
        ("expect luck", 1, 8, "'luck' is not mark or text"),
        ("expect mark The-Key", 1, 13, "'The-Key' is not a mark's name"),
        ("expect text hello", 1, 13, "a text in quotes"),
        ("expect text \"", 1, 13, "a text in quotes"),
        ("expect text \"\"", 1, 13, "a text in quotes"),
        ("set clock 1", 1, 5, "'clock' is not time"),
        ("set time 24:00", 1, 10, "a time from 00:00 to 23:59"),
        ("set time +1:00", 1, 10, "a time from 00:00 to 23:59"),
        ("debug maybe", 1, 7, "'maybe' is not on or off"),
    ];
    for (text, line, column, message) in cases {
        let error = Script::parse(text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
}

#[test]
fn length_is_bounded() {
    let error = Script::parse(&" ".repeat(SCRIPT_BYTES_MAX + 1)).unwrap_err();
    assert!(matches!(error.problem, Problem::TooLarge { .. }));
    assert_eq!(Script::parse(&"wait 1\n".repeat(STEPS_MAX)).unwrap().len(), STEPS_MAX);
    let error = Script::parse(&"wait 1\n".repeat(STEPS_MAX + 1)).unwrap_err();
    assert!(matches!(error.problem, Problem::TooManySteps { .. }));
    let error = Script::parse(&format!("say {}", "a".repeat(501))).unwrap_err();
    assert!(matches!(error.problem, Problem::TextTooLong { bytes: 501, .. }));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_fail(text in "(?s)((goto|fly|say|expect|set|place)?[ -~\u{80}-\u{2fff}\t\n\"]{0,30}){0,5}") {
        if let Err(error) = Script::parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
