//! What people said, and the line being written.
//!
//! **Invariant:** both are bounded; what came from others is cut to length and cleaned of control characters before it is kept.

use std::collections::VecDeque;

/// Lines kept.
pub const LINES_MAX: usize = 100;
/// Characters of a line.
pub const LINE_CHARS_MAX: usize = 240;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 32;
/// Seconds that a line stays on the screen while nobody chats.
pub const SHOWN_S: f32 = 12.0;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Who said it; empty for the program itself.
    pub from: String,
    /// What.
    pub text: String,
    /// Seconds since the program's start.
    pub at_s: f32,
}

/// What people said.
#[derive(Clone, Debug, Default)]
pub struct Log(VecDeque<Line>);

impl Log {
    /// Somebody said something.
    pub fn push(&mut self, from: &str, text: &str, at_s: f32) {
        let (from, text) = (clean(from, NAME_CHARS_MAX), clean(text, LINE_CHARS_MAX));
        if text.is_empty() {
            return;
        }
        if self.0.len() == LINES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Line { from, text, at_s });
    }

    /// The newest lines that a player sees now, oldest first: all of them while chatting, otherwise only recent ones.
    pub fn shown(&self, now_s: f32, chatting: bool, lines: usize) -> Vec<&Line> {
        let mut shown: Vec<&Line> =
            self.0.iter().rev().take_while(|line| chatting || now_s - line.at_s < SHOWN_S).take(lines).collect();
        shown.reverse();
        shown
    }
}

/// A line being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft(String);

impl Draft {
    /// What is written so far.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Appends what was typed, as far as it fits.
    pub fn write(&mut self, typed: &str) {
        let room = LINE_CHARS_MAX.saturating_sub(self.0.chars().count());
        self.0.extend(typed.chars().filter(|c| !c.is_control()).take(room));
    }

    /// Takes back the last character.
    pub fn erase(&mut self) {
        self.0.pop();
    }

    /// The line, if it says anything; the draft is empty afterwards.
    pub fn send(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.0);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Starts again with this text.
    pub fn replace(&mut self, text: &str) {
        self.0.clear();
        self.write(text);
    }
}

/// Foreign text as it may be shown: one line, no control characters, so long at most.
pub fn clean(text: &str, chars_max: usize) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(chars_max);
    visible.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_the_newest_lines() {
        let mut log = Log::default();
        for i in 0..3 * LINES_MAX {
            log.push("flood", &format!("{i}"), i as f32);
        }
        let shown = log.shown(0.0, true, usize::MAX);
        assert_eq!(shown.len(), LINES_MAX);
        assert_eq!(shown[LINES_MAX - 1].text, format!("{}", 3 * LINES_MAX - 1));
    }

    #[test]
    fn old_lines_leave_the_screen_but_not_the_log() {
        let mut log = Log::default();
        log.push("a", "early", 0.0);
        log.push("b", "late", 20.0);
        let texts = |lines: Vec<&Line>| lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(log.shown(21.0, false, 8)), ["late"]);
        assert_eq!(texts(log.shown(21.0, true, 8)), ["early", "late"]);
        assert!(log.shown(99.0, false, 8).is_empty());
    }

    #[test]
    fn foreign_text_is_cut_and_cleaned() {
        let mut log = Log::default();
        log.push(&"n".repeat(999), &format!("a\nb\u{7}{}", "x".repeat(999)), 0.0);
        log.push("quiet", " \n ", 0.0);
        let shown = log.shown(0.0, true, 9);
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].from.chars().count(), NAME_CHARS_MAX);
        assert_eq!(shown[0].text.chars().count(), LINE_CHARS_MAX);
        assert!(shown[0].text.starts_with("a b x"));
    }

    #[test]
    fn a_draft_is_written_erased_and_sent_once() {
        let mut draft = Draft::default();
        draft.write(" grüß dich\n");
        draft.erase();
        assert_eq!(draft.send(), Some("grüß dic".into()));
        assert_eq!(draft.send(), None);
        draft.write(&"y".repeat(9999));
        assert_eq!(draft.text().len(), LINE_CHARS_MAX);
    }
}
