//! A viewer's script: the steps of any scripted player (`bitdust_world::script`), and those that need a screen.
//!
//! Parsed whole before anything runs, so that nonsense on the last line is reported before the first step.

use bitdust_world::{
    VoxelPos,
    script::{self, Action, SCRIPT_BYTES_MAX, STEPS_MAX, Script},
};
use thiserror::Error;

use crate::source::{Deed, Gesture};

/// Every step, for people.
pub const STEPS: &str = "\
goto X Y Z                     walk there
fly DX DY DZ SPEED SECONDS     in a direction, in metres per second
look YAW PITCH                 degrees: 0 north, 90 east; 90 up
wait SECONDS
place X Y Z BLOCK
break X Y Z
say TEXT
screenshot FILE
set time HH:MM
debug on|off                   the panel with numbers
at X Y Z                       be there at once
wait chunks                    until everything visible is there
select BLOCK                   into the hand
gesture NAME                   wave, point, cheer or bow
screen NAME                    none, pause, inventory, chat, map, travel, journal, land or settings
land DEED                      look, claim, renew, open or close where the player stands
land welcome|dismiss NAME      who may build there, of those that the last look showed
hud on|off                     everything that lies over the picture
expect block X Y Z BLOCK       or the script fails
expect near X Y Z METRES       or the script fails
expect land WHOSE              nobody, you or other, as it was looked up last";

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// What any scripted player can do.
    Player(Action),
    /// Be there at once.
    At(VoxelPos),
    /// Do nothing until everything visible is there.
    WaitChunks,
    /// A block of this name into the hand.
    Select(String),
    /// With the hands.
    Gesture(Gesture),
    /// Opens a screen by name.
    Screen(ScreenName),
    /// Everything that lies over the picture.
    Hud(bool),
    /// A block of this name is there, or the script fails.
    ExpectBlock(VoxelPos, String),
    /// Or fail.
    ExpectNear(VoxelPos, f64),
    /// About the land that the player stands on; done when the answer is there.
    Land(Deed),
    /// The same about somebody of this name, who is let in (`true`) or out.
    Admit(String, bool),
    /// Or fail.
    ExpectLand(Whose),
}

/// Whose land it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they mean what they say")]
pub enum Whose {
    Nobody,
    You,
    Other,
}

/// Screens that a script can open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they mean what they say")]
pub enum ScreenName {
    None,
    Pause,
    Inventory,
    Chat,
    Map,
    Travel,
    Journal,
    Land,
    Settings,
}

/// A script that makes no sense.
#[derive(Debug, Error, PartialEq)]
pub enum Invalid {
    /// A line of a viewer's step.
    #[error("line {line}: {problem}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A line of any player's step.
    #[error(transparent)]
    Player(#[from] script::Invalid),
    /// Too long to be read.
    #[error("a script has at most {STEPS_MAX} steps and {} KiB", SCRIPT_BYTES_MAX / 1024)]
    TooLong,
}

/// A step and the line that it stands on.
pub type Numbered = (usize, Step);

/// Parses a whole script.
pub fn parse(text: &str) -> Result<Vec<Numbered>, Invalid> {
    if text.len() > SCRIPT_BYTES_MAX {
        return Err(Invalid::TooLong);
    }
    let mut steps = vec![];
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let words: Vec<&str> = line.split_whitespace().collect();
        match own(&words) {
            Some(Ok(step)) => steps.push((number, step)),
            Some(Err(problem)) => return Err(Invalid::Line { line: number, problem }),
            None => {
                let read = Script::parse(line).map_err(|invalid| script::Invalid { line: number as u32, ..invalid })?;
                steps.extend(read.into_iter().map(|step| (number, Step::Player(step.action))));
            }
        }
        if steps.len() > STEPS_MAX {
            return Err(Invalid::TooLong);
        }
    }
    Ok(steps)
}

/// A step that needs a screen; `None` for every other line.
fn own(words: &[&str]) -> Option<Result<Step, String>> {
    Some(match words {
        ["at", rest @ ..] => match rest {
            [x, y, z] => position(x, y, z).map(Step::At),
            _ => Err("it should read: at X Y Z".into()),
        },
        ["wait", "chunks"] => Ok(Step::WaitChunks),
        ["select", name @ ..] => block(name).map(Step::Select),
        ["gesture", name @ ..] => {
            let gesture = if let [name] = name { Gesture::by_name(name) } else { None };
            gesture.map(Step::Gesture).ok_or_else(|| "there are these gestures: wave, point, cheer, bow".into())
        }
        ["screen", name @ ..] => screen(name).map(Step::Screen),
        ["hud", "on"] => Ok(Step::Hud(true)),
        ["hud", "off"] => Ok(Step::Hud(false)),
        ["hud", ..] => Err("it should read: hud on, or: hud off".into()),
        ["expect", "block", x, y, z, name @ ..] => {
            position(x, y, z).and_then(|at| block(name).map(|block| Step::ExpectBlock(at, block)))
        }
        ["expect", "near", x, y, z, metres] => {
            let metres: Result<f64, _> = metres.parse();
            let metres = metres.ok().filter(|metres| (0.0..=1e6).contains(metres));
            let metres = metres.ok_or_else(|| "the distance is no number from 0 to 1000000".to_owned());
            position(x, y, z).and_then(|at| metres.map(|metres| Step::ExpectNear(at, metres)))
        }
        ["land", how @ ("welcome" | "dismiss"), name @ ..] if !name.is_empty() => {
            Ok(Step::Admit(name.join(" "), *how == "welcome"))
        }
        ["land", name @ ..] => {
            let deed = Deed::PLAIN.into_iter().find(|(_, word)| *name == [*word]).map(|(deed, _)| deed);
            deed.map(Step::Land)
                .ok_or_else(|| "there is: land look, claim, renew, open, close, welcome NAME or dismiss NAME".into())
        }
        ["expect", "land", whose @ ..] => match whose {
            ["nobody"] => Ok(Step::ExpectLand(Whose::Nobody)),
            ["you"] => Ok(Step::ExpectLand(Whose::You)),
            ["other"] => Ok(Step::ExpectLand(Whose::Other)),
            _ => Err("it should read: expect land nobody, you or other".into()),
        },
        ["expect", "block" | "near", ..] => {
            Err("it should read: expect block X Y Z BLOCK, or: expect near X Y Z METRES".into())
        }
        _ => return None,
    })
}

fn screen(name: &[&str]) -> Result<ScreenName, String> {
    Ok(match name {
        ["none"] => ScreenName::None,
        ["pause"] => ScreenName::Pause,
        ["inventory"] => ScreenName::Inventory,
        ["chat"] => ScreenName::Chat,
        ["map"] => ScreenName::Map,
        ["travel"] => ScreenName::Travel,
        ["journal"] => ScreenName::Journal,
        ["land"] => ScreenName::Land,
        ["settings"] => ScreenName::Settings,
        _ => {
            return Err(
                "there are these screens: none, pause, inventory, chat, map, travel, journal, land, settings".into()
            );
        }
    })
}

fn position(x: &str, y: &str, z: &str) -> Result<VoxelPos, String> {
    let whole = |text: &str| text.parse().map_err(|_| format!("{text:?} is no whole number"));
    Ok(VoxelPos::new(whole(x)?, whole(y)?, whole(z)?))
}

/// A block's name: which blocks there are is known once the world is.
fn block(words: &[&str]) -> Result<String, String> {
    if words.is_empty() { Err("the block's name is missing".into()) } else { Ok(words.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sorts_of_steps_are_read() {
        let text = "
            # A first walk.
            at -10 80 9000000000
            look 90 -12.5
            goto 1 2 3
            fly 1 0 0 12 2.5
            wait 1.5
            wait chunks
            select stone brick
            place 1 2 3 oak log
            break 1 2 3
            say hello # everybody
            gesture wave
            screen map
            hud off
            debug on
            set time 17:30
            screenshot a picture.png
            expect block 1 2 3 air
            expect near 0 0 0 12
            land claim
            expect land you";
        let steps: Vec<Step> = parse(text).unwrap().into_iter().map(|(_, step)| step).collect();
        assert_eq!(steps.len(), 20);
        assert_eq!(steps[0], Step::At(VoxelPos::new(-10, 80, 9_000_000_000)));
        assert_eq!(steps[2], Step::Player(Action::Goto(VoxelPos::new(1, 2, 3))));
        assert_eq!(steps[5], Step::WaitChunks);
        assert_eq!(steps[6], Step::Select("stone brick".into()));
        assert_eq!(
            steps[17..],
            [Step::ExpectNear(VoxelPos::new(0, 0, 0), 12.0), Step::Land(Deed::Claim), Step::ExpectLand(Whose::You),]
        );
    }

    #[test]
    fn nonsense_is_reported_with_its_line() {
        let check = |text: &str, line: &str, part: &str| {
            let said = parse(text).expect_err(text).to_string();
            assert!(said.contains(line) && said.contains(part), "{text}: {said}");
        };
        check("wait chunks\n\ndance", "3", "dance");
        check("at 1 2", "line 1", "at X Y Z");
        check("at 1 2 up", "line 1", "\"up\" is no whole number");
        check("\nselect", "line 2", "name is missing");
        check("screen garden", "line 1", "inventory");
        check("hud maybe", "line 1", "hud off");
        check("gesture", "line 1", "bow");
        check("expect near 0 0 0 -1", "line 1", "1000000");
        check("land grab", "line 1", "claim");
        check("expect land mine", "line 1", "nobody");
        check("expect block 1 2", "line 1", "expect block X Y Z BLOCK");
        check(&"wait chunks\n".repeat(STEPS_MAX + 1), "at most", "steps");
        check(&" ".repeat(SCRIPT_BYTES_MAX + 1), "at most", "KiB");
    }
}
