//! The pipeline from plain bytes to masked shards, and back from any `k` of them.
//!
//! ```text
//! plain slab ── seal ──> units of 64 KiB ── Reed-Solomon ──> n shards ── mask ──> masked shards ── BLAKE3 ──> roots
//!            (AEAD, K_o)      │                                 (XChaCha20, K_r)
//!                             └──────── BLAKE3 of the ciphertext ───────> K_r
//! ```
//!
//! - [`shape`]: how long everything is. [`seal`], [`erasure`], [`mask`]: the three transformations, each by itself.
//! - [`encode`]: a whole slab forward. [`decode`]: a whole slab back. [`read`]: a range of it, from one supplier if all is
//!   well, from `k` if not. [`rebuild`]: lost shards made again by someone who can't open them.
//! - [`workers`]: the threads. [`work`]: what was done to how many bytes.
//!
//! **Order of work.** Memory is slower than any of the steps, so a byte is fetched as rarely as the protocol allows. `K_r`
//! depends on the hash of the whole ciphertext, hence two passes forward: the first seals a unit from the plain bytes
//! straight into its place in its data shard and hashes it while it is in cache; the second takes 16 KiB of all `n` shards
//! at a time (480 KiB at n = 30) through code, mask and hash. Back is one pass: hash, unmask into scratch, combine, open
//! straight into place. No byte is copied without being transformed.
//!
//! **Invariant:** nothing decoded is handed out before every shard it came from has been held against its root.
//!
//! **Invariant:** the shape, keys and roots come from the owner's manifest. Shards come from anybody.

pub mod decode;
pub mod encode;
pub mod erasure;
mod invalid;
pub mod mask;
pub mod read;
pub mod rebuild;
pub mod seal;
pub mod shape;
#[cfg(test)]
mod tests;
pub mod work;
pub mod workers;

pub use decode::SealedSlab;
pub use encode::{EncodedShard, EncodedSlab, Encoder};
pub use invalid::Invalid;
pub use mask::{MaskKey, RepairRoot};
pub use read::{Piece, ReadPlan, VerifiedPiece, units_of};
pub use rebuild::MaskedSlab;
pub use seal::SealKey;
pub use shape::SlabShape;
pub use work::Work;
pub use workers::Workers;
