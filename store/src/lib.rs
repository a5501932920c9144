//! How do bytes survive on this machine?
//!
//! - [`chain`]: blocks, state and tree in RocksDB, one synced batch per block.
//! - [`volume`]: a supplier's blobs in volume files, with their index in a [`table`].
//! - [`table`]: small ordered tables of opaque keys and values with durable batches: index, slot book, node's memory.
//! - [`journal`]: the customer's upload journal.
//! - [`disk`]: the disk they stand on, and its test double that loses whatever wasn't synced.
//!
//! **Invariant:** whatever a call here acknowledged survives kill -9 and a power cut. Nothing torn is served: every byte
//! read back is held against a checksum.
//! **Invariant:** no IO leaves this crate but to the disk, and no other crate names RocksDB.
//!
//! All calls block; the node runs them on its blocking threads.

pub mod chain;
mod database;
pub mod disk;
mod error;
mod frames;
pub mod journal;
pub mod table;
pub mod volume;

pub use database::Memory;
pub use error::{Error, Invalid};
