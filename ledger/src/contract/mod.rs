//! What every system contract stands on: the host it asks, the call it runs in, the words its records lie in.
//!
//! A contract decides first and acts last: [`call::Call`] collects writes, payments and logs, and commits them only when
//! the whole call has succeeded, so that a refusal changes nothing even if the host forgets to roll back.
//!
//! **Invariant:** nothing here knows what a contract is for.
//!
//! Read next: [`host`] (what a contract may ask), [`words`] (how records are stored), [`call`] (one call while it runs).

pub mod host;

pub mod words;

pub mod call;
pub(crate) mod money;
pub mod refusal;

#[cfg(test)]
pub(crate) mod planted;

pub use call::Stop;
