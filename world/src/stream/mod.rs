//! What to fetch next, and from whom.
//!
//! Two halves that meet at a list of [`Want`]s. The client knows where the player is, how fast it moves and how far it
//! sees: [`Wants`] turns that into chunks with deadlines, the nearest first, those ahead long before they come into view.
//! The node knows where chunks are kept: [`Scheduler`] turns wants into reads of its own disk, of players nearby and of
//! suppliers, and into generated chunks where the terrain is what the generator makes of it.
//!
//! Goal: whatever the player can see is there, in its current version, before it can be seen (no *holes*), while every second
//! supplier dies. Non-goals: this module opens no connection, checks no hash and packs no chunk; the node does, and reports.
//!
//! The order of messages, for a chunk of a place that somebody built:
//! 1. the client's [`Input::Replace`] with its deadline → [`Effect::Resolve`] of its location;
//! 2. [`Input::Located`]: the manifest's hash of every chunk, who holds which slot, players nearby;
//! 3. [`Effect::Fetch`] from the disk, else from a player, else from the supplier of its slot, else decoded from k others;
//! 4. [`Input::Answered`], the bytes having been held against the hash by the node → [`Effect::Deliver`]. A holder whose
//!    bytes didn't match is named in an [`Effect::Blame`] and asked no more for a while.
//!
//! **Invariant:** nothing is delivered as current whose hash isn't the manifest's.
//! **Invariant:** every table has a bound (see the constants below), whatever players, suppliers and clients do.
//!
//! Read `view.rs`, `wants.rs`, then `protocol.rs`, `scheduler.rs`, `choice.rs`, `holders.rs`.

mod view;
mod wants;

mod choice;
mod holders;
mod job;
mod located;
mod places;
mod protocol;
mod scheduler;
mod tally;

#[cfg(test)]
mod tests;

pub use choice::Source;
pub use job::FetchId;
pub use located::{Expected, Invalid, Kept, Located};
pub use protocol::{Answer, Effect, Input, Reason, Rules};
pub use scheduler::Scheduler;
pub use tally::{Cause, Count, Origin, Tally};
pub use view::View;
pub use wants::{Status, Want, Wants, held_max};

/// No view reaches further: (2 × 1,024 / 32)² × π / 4 × 12 layers are 39,000 chunks, what a large machine draws.
pub const DISTANCE_M_MAX: u32 = 1024;
/// How far up and down a view reaches: from the bottom of a valley to a mountain's top, 12 layers of chunks. The depths
/// below and the sky above cost as much as land does, and show nothing.
pub const VERTICAL_M: u32 = 192;

/// A scheduler's wants. The largest view's chunks and what is fetched ahead of it; the rest of a longer list waits for the
/// next one. At about 300 bytes a job: 15 MiB.
pub const WANTS_MAX: usize = 48 * 1024;
/// Locations that a scheduler knows at once. A view of 1,024 m touches (2 × 1,024 / 256 + 1)² × 3 = 243; at 512 × 36 bytes of
/// manifest each: 5 MiB.
pub const LOCATIONS_MAX: usize = 288;
/// Suppliers and players that a scheduler remembers: 30 slots of 243 locations hardly share fewer, and those that aren't in
/// use are forgotten first. At about 250 bytes each: 1 MiB.
pub const HOLDERS_MAX: usize = 4096;
/// Players that are asked for the chunks of one location.
pub const PLAYERS_MAX: usize = 16;
/// Slots of a dataset: shards of one Reed–Solomon code over GF(2⁸).
pub const SLOTS_MAX: usize = 255;
/// Reads under way at once: 512 × 60 KiB are at most 30 MiB on their way.
pub const FETCHES_MAX: usize = 512;
