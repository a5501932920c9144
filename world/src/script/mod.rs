//! What should a scripted player do?
//!
//! A script is a text of one step per line for bots and for the viewer without a window. Empty lines and those that
//! begin with `#` say nothing. Parsing is all that happens here; bots and the viewer perform the steps.
//!
//! ```text
//! goto X Y Z                        walk until the feet are in this voxel
//! fly DX DY DZ SPEED SECONDS        fly in a direction, SPEED in m/s
//! look YAW PITCH                    degrees; yaw 0 is north, 90 east; pitch 90 is up
//! wait SECONDS
//! place X Y Z BLOCK                 a block's name, such as: place 1 2 3 stone brick
//! break X Y Z
//! use X Y Z                         a sign, a door, a lever
//! say TEXT
//! screenshot FILE
//! expect mark NAME                  fails unless the player has this mark now
//! expect text "TEXT"                fails unless a shown text contains this in its title or body
//! set time HH:MM
//! debug on|off
//! ```
//!
//! `place` keeps the block's name, since a world's content can name more blocks than this crate knows.

mod invalid;
mod parse;
#[cfg(test)]
mod tests;

pub use invalid::{Invalid, Problem};

use crate::VoxelPos;

/// Bytes of a script: 4,096 lines of 64.
pub const SCRIPT_BYTES_MAX: usize = 256 * 1024;
/// Steps of a script. With an hour each it still ends.
pub const STEPS_MAX: usize = 4096;
/// Seconds that one step can take: an hour.
pub const SECONDS_MAX: f64 = 3600.0;
/// Fastest flight in m/s.
pub const SPEED_MAX: f64 = 200.0;
/// Bytes of a text in a step: what one chat message carries.
pub const TEXT_BYTES_MAX: usize = crate::meeting::limits::CHAT_BYTES_MAX;

/// One step and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its line, counted from 1.
    pub line: u32,
    /// What to do.
    pub action: Action,
}

/// What a scripted player does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Walk until the feet are in this voxel.
    Goto(VoxelPos),
    /// Fly straight.
    Fly {
        /// East, up, south; of any length but none.
        direction: [f64; 3],
        /// In m/s, above 0.
        speed: f64,
        /// For how long.
        seconds: f64,
    },
    /// Turn the head.
    Look {
        /// Degrees from -360 to 360: 0 north, 90 east.
        yaw: f64,
        /// Degrees from -90 (down) to 90 (up).
        pitch: f64,
    },
    /// Do nothing for so many seconds.
    Wait(f64),
    /// Place a block.
    Place(VoxelPos, String),
    /// Break a block.
    Break(VoxelPos),
    /// Use a voxel.
    Use(VoxelPos),
    /// Say something to those around.
    Say(String),
    /// Write a picture to this file.
    Screenshot(String),
    /// Fail unless the player has this mark.
    ExpectMark(String),
    /// Fail unless a text containing this was shown.
    ExpectText(String),
    /// Set the time of day, in minutes from midnight.
    SetTime(u16),
    /// Show or hide the debug panel.
    Debug(bool),
}

/// A player's script.
pub struct Script;

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// [`Invalid`] names line and column, what is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Vec<Step>, Invalid> {
        parse::script(text)
    }
}

impl Step {
    /// The same step around another origin: scripts that belong to a quest are written around its anchor.
    pub fn moved(mut self, anchor: VoxelPos) -> Self {
        match &mut self.action {
            Action::Goto(pos) | Action::Place(pos, _) | Action::Break(pos) | Action::Use(pos) => {
                *pos = pos.offset(anchor.x, anchor.y, anchor.z);
            }
            _ => {}
        }
        self
    }
}
