//! From lines to steps.

use super::{Action, Invalid, Problem, SCRIPT_BYTES_MAX, SECONDS_MAX, SPEED_MAX, STEPS_MAX, Step, TEXT_BYTES_MAX};
use crate::{VoxelPos, content::Name};

/// Reads a whole script.
pub(super) fn script(text: &str) -> Result<Vec<Step>, Invalid> {
    let whole = |problem| Invalid { line: 0, column: 0, problem };
    if text.len() > SCRIPT_BYTES_MAX {
        return Err(whole(Problem::TooLarge { bytes: text.len(), max: SCRIPT_BYTES_MAX }));
    }
    let mut steps = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        let mut line = Line { number, text, at: 0, usage: "" };
        line.skip_spaces();
        if line.rest().is_empty() || line.rest().starts_with('#') {
            continue;
        }
        if steps.len() == STEPS_MAX {
            return Err(line.invalid(line.at, Problem::TooManySteps { max: STEPS_MAX }));
        }
        steps.push(Step { line: number, action: line.action()? });
    }
    Ok(steps)
}

/// Reads what follows a step's first word.
type Read<'a> = fn(&mut Line<'a>) -> Result<Action, Invalid>;

/// A line and how far it was read.
struct Line<'a> {
    number: u32,
    text: &'a str,
    /// The byte where reading goes on.
    at: usize,
    /// The form of the step that is being read.
    usage: &'static str,
}

impl<'a> Line<'a> {
    fn action(&mut self) -> Result<Action, Invalid> {
        let (start, word) = self.peek();
        self.at = start + word.len();
        let (usage, read): (_, Read<'a>) = match word {
            "goto" => ("goto X Y Z", |line| line.position().map(Action::Goto)),
            "fly" => ("fly DX DY DZ SPEED SECONDS", Self::fly),
            "look" => ("look YAW PITCH", |line| {
                let yaw = line.number("a yaw from -360 to 360", -360.0, 360.0)?;
                Ok(Action::Look { yaw, pitch: line.number("a pitch from -90 to 90", -90.0, 90.0)? })
            }),
            "wait" => ("wait SECONDS", |line| line.seconds().map(Action::Wait)),
            "place" => {
                ("place X Y Z BLOCK", |line| Ok(Action::Place(line.position()?, line.remainder("a block's name")?)))
            }
            "break" => ("break X Y Z", |line| line.position().map(Action::Break)),
            "use" => ("use X Y Z", |line| line.position().map(Action::Use)),
            "say" => ("say TEXT", |line| line.remainder("a text").map(Action::Say)),
            "screenshot" => ("screenshot FILE", |line| line.remainder("a file's name").map(Action::Screenshot)),
            "expect" => ("expect mark NAME, or expect text \"TEXT\"", Self::expect),
            "set" => ("set time HH:MM", Self::set_time),
            "debug" => ("debug on, or debug off", |line| match line.word("on or off")? {
                (_, "on") => Ok(Action::Debug(true)),
                (_, "off") => Ok(Action::Debug(false)),
                (at, other) => Err(line.other(at, other, "on or off")),
            }),
            other => return Err(self.invalid(start, Problem::UnknownStep(cut(other)))),
        };
        self.usage = usage;
        let action = read(self)?;
        match self.peek() {
            (_, "") => Ok(action),
            (at, found) => Err(self.invalid(at, Problem::Extra { found: cut(found), usage })),
        }
    }

    fn fly(&mut self) -> Result<Action, Invalid> {
        let start = self.peek().0;
        let wanted = "a part of a direction from -1000 to 1000";
        let mut direction = [0.0; 3];
        for part in &mut direction {
            *part = self.number(wanted, -1000.0, 1000.0)?;
        }
        if direction.iter().all(|part| part.abs() < 1e-6) {
            return Err(self.other(start, "0 0 0", "a direction"));
        }
        let speed = self.number("a speed from 0.1 to 200 m/s", 0.1, SPEED_MAX)?;
        Ok(Action::Fly { direction, speed, seconds: self.seconds()? })
    }

    fn expect(&mut self) -> Result<Action, Invalid> {
        match self.word("mark or text")? {
            (_, "mark") => {
                let wanted = "a mark's name";
                let (at, name) = self.word(wanted)?;
                Name::new(name).map(|_| Action::ExpectMark(name.to_owned())).ok_or_else(|| self.other(at, name, wanted))
            }
            (_, "text") => {
                let (at, found) = self.peek();
                let text = self.remainder("a text in quotes")?;
                let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                inner
                    .filter(|text| !text.is_empty())
                    .map(|text| Action::ExpectText(text.to_owned()))
                    .ok_or_else(|| self.other(at, found, "a text in quotes"))
            }
            (at, other) => Err(self.other(at, other, "mark or text")),
        }
    }

    fn set_time(&mut self) -> Result<Action, Invalid> {
        match self.word("time")? {
            (_, "time") => {}
            (at, other) => return Err(self.other(at, other, "time")),
        }
        let wanted = "a time from 00:00 to 23:59";
        let (at, text) = self.word(wanted)?;
        let two = |digits: &str, end: u16| {
            let clean = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|number| clean && *number < end)
        };
        let minutes = text.split_once(':').and_then(|(hours, minutes)| Some(two(hours, 24)? * 60 + two(minutes, 60)?));
        minutes.map(Action::SetTime).ok_or_else(|| self.other(at, text, wanted))
    }

    fn position(&mut self) -> Result<VoxelPos, Invalid> {
        Ok(VoxelPos::new(self.coordinate()?, self.coordinate()?, self.coordinate()?))
    }

    fn coordinate(&mut self) -> Result<i64, Invalid> {
        let wanted = "a whole number (a voxel's coordinate)";
        let (at, word) = self.word(wanted)?;
        word.parse().map_err(|_| self.other(at, word, wanted))
    }

    fn seconds(&mut self) -> Result<f64, Invalid> {
        self.number("a time from 0 to 3600 seconds", 0.0, SECONDS_MAX)
    }

    fn number(&mut self, wanted: &'static str, from: f64, to: f64) -> Result<f64, Invalid> {
        let (at, word) = self.word(wanted)?;
        let number = word.parse().ok().filter(|number| (from..=to).contains(number));
        number.ok_or_else(|| self.other(at, word, wanted))
    }

    /// The next word and where it begins.
    fn word(&mut self, wanted: &'static str) -> Result<(usize, &'a str), Invalid> {
        let (at, word) = self.peek();
        if word.is_empty() {
            return Err(self.invalid(at, Problem::Missing { wanted, usage: self.usage }));
        }
        self.at = at + word.len();
        Ok((at, word))
    }

    /// All that is left of the line.
    fn remainder(&mut self, wanted: &'static str) -> Result<String, Invalid> {
        self.skip_spaces();
        let (at, text) = (self.at, self.rest().trim_end());
        self.at = self.text.len();
        if text.is_empty() {
            return Err(self.invalid(at, Problem::Missing { wanted, usage: self.usage }));
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(self.invalid(at, Problem::TextTooLong { bytes: text.len(), max: TEXT_BYTES_MAX }));
        }
        if text.chars().any(char::is_control) {
            return Err(self.other(at, "a control character", wanted));
        }
        Ok(text.to_owned())
    }

    fn peek(&mut self) -> (usize, &'a str) {
        self.skip_spaces();
        let rest = self.rest();
        (self.at, &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())])
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn other(&self, at: usize, found: &str, wanted: &'static str) -> Invalid {
        self.invalid(at, Problem::Other { found: cut(found), wanted, usage: self.usage })
    }

    fn invalid(&self, at: usize, problem: Problem) -> Invalid {
        let column = self.text[..at].chars().count() + 1;
        Invalid { line: self.number, column: u32::try_from(column).unwrap_or(u32::MAX), problem }
    }
}

/// Enough of a word to recognise it, without what would upset a terminal.
fn cut(word: &str) -> String {
    word.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
