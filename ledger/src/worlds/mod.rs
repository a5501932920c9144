//! The Worlds: who published which world, by which rules is a place in it claimed, whose is it, until when?
//!
//! A native system contract at [`bitdust_types::system::WORLDS`], built as [`crate::market`] is. It names data and keeps
//! none: a world's content and a location's voxels are datasets of the Market, which it looks at (owner, visibility, term)
//! before it names them. Voxels, edits and heads never come here; a claim changes at compaction only. `docs/claims.md`
//! publishes the rules.
//!
//! **Invariant:** the contract's balance is zero after every call: what comes with a call leaves with it.
//! **Invariant:** a location has at most one claim, and each claim stands once in its world's list and once in its owner's.
//! **Invariant:** nobody gets a claim beyond the limit per account that holds when it is got.
//! **Invariant:** a location's access revision never repeats, whoever owns it; within a claim the sequence only grows.
//! **Invariant:** a call's work is bounded by 64 guests and 8 compactors of two access lists, whatever time has passed.
//!
//! Read next: [`layout`] (what is stored), [`term`] (when a claim is over), [`view`] (how to read it all from outside).

pub mod abi;
pub mod explain;

pub mod layout;
pub mod limits;
pub mod rights;
pub mod term;

mod content;
mod entry;
mod lists;

mod access;
mod claims;
mod registry;

mod query;
pub mod view;

#[cfg(test)]
mod tests;

pub use abi::IWorlds;
pub use entry::call;
pub use explain::explain;
pub use layout::Place;
pub use rights::{Build, Claimants};
pub use term::Standing;
pub use view::WorldsView;
