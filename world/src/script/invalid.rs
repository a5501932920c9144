//! What can be wrong with a script.

use std::fmt;

/// A verdict on a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The line, counted from 1; 0 if it is about the whole script.
    pub line: u32,
    /// The column, counted from 1 in characters.
    pub column: u32,
    /// What is wrong there.
    pub problem: Problem,
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "script: {}", self.problem),
            line => write!(f, "script, line {line}, column {}: {}", self.column, self.problem),
        }
    }
}

/// What is wrong, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The script is too long.
    #[error("{bytes} bytes are more than the {max} allowed")]
    TooLarge {
        /// Given.
        bytes: usize,
        /// Allowed.
        max: usize,
    },
    /// The script has too many steps.
    #[error("more than {max} steps; split the script")]
    TooManySteps {
        /// Allowed.
        max: usize,
    },
    /// Not a step.
    #[error(
        "'{0}' is not a step; these are: goto, fly, look, wait, place, break, use, say, screenshot, expect, set, debug"
    )]
    UnknownStep(String),
    /// Something that has to follow is missing.
    #[error("{wanted} is missing; write: {usage}")]
    Missing {
        /// What should stand here.
        wanted: &'static str,
        /// The step's form.
        usage: &'static str,
    },
    /// Something else stands there.
    #[error("'{found}' is not {wanted}; write: {usage}")]
    Other {
        /// What stands here.
        found: String,
        /// What should stand here.
        wanted: &'static str,
        /// The step's form.
        usage: &'static str,
    },
    /// Something stands after a step's end.
    #[error("nothing may follow here, but '{found}' does; write: {usage}")]
    Extra {
        /// What stands here.
        found: String,
        /// The step's form.
        usage: &'static str,
    },
    /// A text too long.
    #[error("a text of {bytes} bytes, at most {max} are allowed")]
    TextTooLong {
        /// Given.
        bytes: usize,
        /// Allowed.
        max: usize,
    },
}
