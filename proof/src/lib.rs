//! Are these the bytes that were promised?
//!
//! One code for all who ask: the supplier that proves, the validator that judges, the customer that reads. From the
//! bottom up: [`blob`] is the BLAKE3 tree over one blob's bytes, [`sum`] the tree over the blobs of one slot whose nodes
//! carry byte counts, [`sample`] draws the bytes to be shown, [`answer`] joins them into what a supplier sends each
//! epoch, and [`list`] is the Keccak-256 tree over the lists in a block's header.
//!
//! This crate owns blake3, bao-tree and rs_merkle. It does no IO (readers are passed in), knows no clock and draws no
//! randomness of its own.
//!
//! **Invariant:** a verifier's work and memory are bounded by the size of the proof it was given, and no input makes it
//! panic.

pub mod answer;
pub mod blob;
mod invalid;
pub mod list;
pub mod sample;
pub mod sum;

pub use answer::{Answer, SupplierProof, verify_answer};
pub use blob::{BlobHasher, ChainingValue, ChunkProof, Outboard};
pub use invalid::Invalid;
pub use sum::{SumPath, SumTree};
