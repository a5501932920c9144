//! What does a world's creator publish?
//!
//! A [`WorldDef`] is everything that makes one world differ from another: seed and parameters of the terrain, rules of
//! claiming, places worth a visit, and [`Content`]: block types, items, texts, signs, doors, triggers. It is data kept in the
//! market like any other; the creator takes no part in what the players do. [`WorldDef::id`] hashes what can never change
//! (creator, name, seed, generator, parameters), so that content may be revised while the world stays the same one.
//!
//! **Between edits the world is still.** There are no timers, no creatures, nothing that flows or grows, and no shared
//! state that triggers change: all of those need somebody whose word counts, and there is no such machine. What a
//! trigger does (a door that opens, a mark, an item) happens in the [`Play`] of the player who caused it, on that
//! player's machine; two players at one door may see it open and closed. Marks are therefore worth something to their
//! holder only, and nobody may rely on another player's.
//!
//! Bytes are borsh behind a magic and a version, refused unless they are exactly what we would write ourselves. People write
//! JSON ([`WorldDef::from_json`]), in which colours are `"#rrggbb"`, positions `[x, y, z]` and blocks have names. Errors
//! of both kinds name the place in that document.
//!
//! **Invariant:** every list, map and text has a bound in [`limits`], checked before memory is taken for it.
//! **Invariant:** [`Play::handle`] ends: within one event no trigger fires twice.

pub mod limits;

mod def;
mod id;
mod invalid;
mod name;
mod parts;
mod shapes;

mod author;
mod check;
mod quest;

pub(crate) mod bounded;
#[cfg(test)]
mod tests;

pub use author::{Authoring, ReadParams};
pub use def::{Builders, Claimers, Featured, Rules, WorldDef};
pub use id::{ParseWorldIdError, WorldId};
pub use invalid::{Invalid, Problem};
pub use name::Name;
pub use parts::{Action, Condition, Content, Door, Item, Quest, Text, Trigger, When};
pub use quest::{Effect, Event, Play};
pub use shapes::{Area, BlockType, Face, Fill, ModelBox, Structure, TEXTURE_EDGE, Texture};
