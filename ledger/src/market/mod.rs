//! The Market: who sells space to whom, at which price, proven by what, paid when?
//!
//! A native system contract at [`bitdust_types::system::MARKET`]. Its rules are written against
//! [`crate::contract::host::Host`], so the same code runs in a block, in `eth_call` and over a map in tests. `docs/market-rule.md` publishes the rule by which
//! anybody recomputes what a supplier earned.
//!
//! **Invariant:** the contract's balance = Σ escrow of datasets + Σ deposits of slots + Σ pools of suppliers.
//! **Invariant:** a supplier's pool = free + Σ reserves of its slots.
//! **Invariant:** a slot's deposit covers its price up to the end of its term, so that no settlement can fail.
//! **Invariant:** the work of a call is bounded by n ≤ 64 slots or by the number of samples, whatever time has passed.
//!
//! Read next: [`layout`] (what is stored), [`settle`] (the rule of payment), [`fenwick`] (what is sampled), [`view`]
//! (how to read it all from outside).

pub mod abi;
pub mod explain;

pub mod fenwick;
pub mod layout;

mod money;

mod datasets;
mod entry;
mod hold;
mod offers;
mod prove;
mod query;
mod reap;
mod revise;
pub mod settle;

mod probation;
pub mod samples;
pub mod view;

#[cfg(test)]
mod tests;

pub use abi::{Hold, IMarket, hold_digest};
pub use entry::{call, record_proof_input};
pub use explain::explain;
pub use samples::{Sample, judge};
pub use view::MarketView;
