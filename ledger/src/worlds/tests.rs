//! The Worlds beside a real Market, over a map in memory.

mod errors;
mod laws;
mod ledger;
mod model;
mod rules;
mod wire;
