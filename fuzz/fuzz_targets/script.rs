//! A script for a player, as anybody may have written it.

#![no_main]

use bitdust_fuzz::{edits, honest::quest::SCRIPT, memory};
use bitdust_world::{
    VoxelPos,
    script::{Action, SECONDS_MAX, SPEED_MAX, STEPS_MAX, Script, TEXT_BYTES_MAX},
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

/// One line of each kind that the quest's script lacks.
const MORE: &str = "\nfly 1 0 -0.5 30 60\nlook 90 -12.5\nwait 0.25\nplace 1 -2 3 stone brick\nbreak 1 -2 3\nsay hello\n\
    screenshot a picture.png\nexpect mark keeper\nexpect text \"lamp\"\nset time 18:30\ndebug on\n";

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let bytes = edits::foreign(format!("{SCRIPT}{MORE}").as_bytes(), input)?;
    let text = String::from_utf8_lossy(&bytes);
    match memory::for_input(text.len(), || Script::parse(&text)) {
        Ok(steps) => {
            assert!(steps.len() <= STEPS_MAX, "{} steps", steps.len());
            for step in steps {
                check(&step.moved(VoxelPos::new(i64::MAX, 0, i64::MIN)).action);
            }
        }
        Err(invalid) => {
            assert!(invalid.line as usize <= text.lines().count(), "line {} of fewer", invalid.line);
            assert!(invalid.to_string().len() < 1024, "an error that nobody reads to its end");
        }
    }
    Ok(())
}

/// Whatever a script asks for ends, and can be shown.
fn check(action: &Action) {
    match action {
        Action::Fly { direction, speed, seconds } => {
            assert!(direction.iter().all(|part| part.is_finite()) && direction.iter().any(|part| *part != 0.0));
            assert!((0.1..=SPEED_MAX).contains(speed) && (0.0..=SECONDS_MAX).contains(seconds));
        }
        Action::Look { yaw, pitch } => assert!(yaw.abs() <= 360.0 && pitch.abs() <= 90.0),
        Action::Wait(seconds) => assert!((0.0..=SECONDS_MAX).contains(seconds)),
        Action::SetTime(minutes) => assert!(*minutes < 24 * 60),
        Action::Place(_, text)
        | Action::Say(text)
        | Action::Screenshot(text)
        | Action::ExpectMark(text)
        | Action::ExpectText(text) => {
            assert!(!text.is_empty() && text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control));
        }
        Action::Goto(_) | Action::Break(_) | Action::Use(_) | Action::Debug(_) => {}
    }
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
