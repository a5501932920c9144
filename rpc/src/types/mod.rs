//! The JSON of our own namespaces, one file each, and in [`eth`] how Ethereum's JSON is made from the ledger's facts.
//!
//! Field names are camelCase. Amounts are decimal strings of grains, ids and bytes hexadecimal with `0x`, everything else
//! plain numbers. Core types are converted to these by the node; nothing here is hashed or stored.

pub mod eth;
pub mod ledger;
pub mod market;
pub mod meet;
pub mod node;
pub mod storage;
pub mod supplier;
pub mod world;
