//! The supplier's decisions: whom to serve, what to promise, what to keep, and how to prove it.
//!
//! - [`admission`]: is this customer, this slot and this price acceptable? Facts in, verdict out.
//! - [`book`]: which lists of blobs were promised, which of them the ledger holds, and which blobs may be deleted.
//! - [`prover`]: the epoch's proof from samples, book and disk.
//! - [`blob_store`]: the disk, as a trait; [`memory`] is its double in memory.
//!
//! **Order of a promise.** Admission → every blob of the list is durable ([`blob_store::BlobStore::persist`]: volumes synced,
//! then the index) → the list is in the book, durable too ([`blob_store::Notebook::apply`]) → the hold is signed → the answer
//! leaves.
//!
//! **Invariant:** a blob that some promised, held or still sampled list names is never deleted.

pub mod admission;
pub mod blob_store;
pub mod book;
pub mod memory;
pub mod prover;

pub use admission::{DatasetFacts, Facts, OwnFacts, SlotFacts, WriterFacts};
pub use blob_store::{BlobError, BlobStore, BlobWriter, Note, NoteList, Notebook, Staged, Usage};
pub use book::{Book, Kept, Proposal, Standing, Upkeep};
pub use memory::MemoryStore;
pub use prover::{Proved, SampleRef, prove};
