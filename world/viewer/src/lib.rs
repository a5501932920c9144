//! What does a world look like, and what can a player do in it?
//!
//! Draws what `bitdust-world` computes and what a node delivers. The thinking is in plain modules ([`args`], [`script`],
//! [`model`]); bevy's part is one plugin per file, each with its systems: [`play`] (link, input, walking, building, scripts),
//! [`scene`] (chunks, far land, sky, people), [`screen`] (hud, chat, map, menus), [`shell`] (window or picture, exit).
//! [`source`] is the seam to wherever the world comes from.
//!
//! **Invariant:** no frame waits for a network, a disk or a chunk.
//! **Invariant:** no `f32` holds a position in the world; only offsets from the scene's zero (see [`model::origin`]).

pub mod args;
pub mod script;

pub mod model;
pub mod source;

pub mod play;
pub mod scene;
pub mod screen;
pub mod shell;

mod game;
#[cfg(test)]
mod walk_tests;

pub use game::{Start, run};
