//! Who talks to whom?
//!
//! Players in one place speak directly with each other: who is there, where they stand, what they say. No server knows, and
//! the machines that keep the place take no part. [`Crowd`] is one player's side of it, a state machine that is told the
//! time and what happened, and says what to send, to whom to connect, what to show.
//!
//! **Goals.** The nearest players are seen moving at 10 Hz. What a crowd costs a player is bounded, however many stand there
//! ([`limits`]). Nobody learns the pose of a player who is out of its sight. A player that floods, lies about its position
//! or sends garbage is named, and costs the others little. **Non-goals.** Fairness between cheaters: there is no authority on
//! where a player is, only on what is built. Delivery of chat to people who are out of sight or not connected.
//!
//! **Order of messages.** Places are found by keys in the network's table ([`place_key`]): a player announces itself in
//! every location near it and looks for others there. On a new connection each side sends a `Challenge`; the other answers
//! with `Hello`, in which its account signs for world, both peers, name and challenge. Then, in any order: `Want` (how often
//! to send poses to me), `Pose`, `Chat`, `Gesture`, `Peers` (who else is here, coarsely), and `Bye`. A `Pose` before `Hello`
//! is dropped. The link itself is authenticated by the network, so only `Hello` is signed.
//!
//! **Who sees whom.** Each player wants full rate from the nearest 16 within 64 m and low rate from the next 16 within
//! 160 m; each serves the nearest 24 that want full rate and 24 more at low rate. So both directions are bounded, and a
//! lonely player at the edge of a dense crowd still sees its neighbours, although they have nearer ones. Whom to connect to
//! is learnt by gossip in which each tells the other about the players nearest to the *other*, which brings neighbours
//! together in a few rounds (Jelasity, Montresor and Babaoglu, T-Man, 2009).

pub mod limits;

mod hello;
mod message;
mod peer;
mod pose;
mod position;

mod pace;
mod places;
mod roster;
mod track;

mod crowd;
#[cfg(test)]
mod tests;

pub use crowd::{Channel, Crowd, Effect, Input, Me, Neighbour, NotSent};
pub use hello::{Hello, Look, greeting_hash};
pub use message::{Bye, Gesture, Heard, Invalid, Kind, Message, Rate};
pub use peer::Peer;
pub use places::place_key;
pub use pose::{Mode, Pose, Stance};
pub use position::Position;
pub use track::{Refused, Seen, Track};
