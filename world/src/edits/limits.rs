//! Every bound on what a peer can make a replica keep or send, with its arithmetic.
//!
//! Bounds of one operation are verdicts: everybody refuses what exceeds them. Bounds of a replica are not, since which
//! operation comes last differs from replica to replica: an operation that finds the graph full is not invalid, it waits at
//! its author's and comes again after the next fold.

/// Bytes of an operation as it travels. The largest body is 4,096 voxels of 6 bytes (24 KiB); an access list is at most
/// (256 + 16) × 20 + 256 × 32 = 13.3 KiB; the envelope (magic, chain, world, position, 16 parents, depth, list, signature)
/// stays below 1 KiB.
pub const OP_BYTES_MAX: usize = 64 * 1024;
/// Operations that one operation may name as its parents.
pub const PARENTS_MAX: usize = 16;
/// Voxels that one operation may write: a cube of 16.
pub const VOXELS_PER_OP_MAX: usize = 4096;
/// Bytes of a note.
pub const NOTE_BYTES_MAX: usize = 200;
/// Guests that a list may name.
pub const GUESTS_MAX: usize = 256;
/// Compactors that a list may name.
pub const COMPACTORS_MAX: usize = 16;
/// Revocations that a list may lift.
pub const LIFTED_MAX: usize = 256;
/// Heads that a revocation may name as seen.
pub const SEEN_MAX: usize = 16;
/// Concurrent access lists that an operation may have in its past without one that merges them. The owner merges with a
/// new list, which sees up to 16 parents × 16 lists.
pub const LISTS_IN_FORCE_MAX: usize = 16;

/// Operations between two folds. A node takes about 300 bytes beside its body: 20 MiB.
pub const OPS_MAX: usize = 1 << 16;
/// Bytes of operations between two folds: 65,536 edits of one voxel (about 250 bytes each), or 2.8 million voxels in full
/// operations, whose merged map takes about 60 MiB.
pub const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Operations of one author between two folds, a quarter of all.
pub const AUTHOR_OPS_MAX: u32 = 1 << 14;
/// Operations between two folds by those whom their list does not name, where everybody may build: half of all, so that a
/// crowd of fresh keys leaves room for the owner and the guests.
pub const STRANGERS_OPS_MAX: u32 = 1 << 15;
/// Bytes of strangers' operations between two folds.
pub const STRANGERS_BYTES_MAX: usize = LOG_BYTES_MAX / 2;
/// Access lists that a replica knows, those in the base included. They have room of their own, so that the owner has the
/// last word in a full graph. Each keeps its past as bits: 128 × 65,536 bits = 1 MiB. Whoever adds a list makes everybody
/// compare each with each: 16,384 look-ups.
pub const LISTS_MAX: usize = 128;
/// Revocations that a replica knows, those in the base included: 1,024 × 8 KiB = 8 MiB of bits.
pub const REVOCATIONS_MAX: usize = 1024;

/// Operations that wait for parents they name; the oldest leave first.
pub const PENDING_OPS_MAX: usize = 1024;
/// Bytes of operations that wait.
pub const PENDING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Operations of one author that wait.
pub const PENDING_PER_AUTHOR_MAX: u32 = 256;

/// Depths below the deepest folded operation in which late concurrent operations may still hang on to the base. Whoever
/// was away for longer makes his edits again on top of it.
pub const HORIZON_DEPTHS: u64 = 1024;
/// Folded operations of which hash, depth, author and lists are kept for the horizon; 66 bytes each, 0.5 MiB.
pub const HORIZON_OPS_MAX: usize = 8192;
/// Folded writes whose author and depth are kept for the horizon; 8 bytes each, 0.5 MiB.
pub const HORIZON_WRITES_MAX: usize = 1 << 16;
/// Heads that a version may be folded at.
pub const FOLD_HEADS_MAX: usize = 256;
/// Notes in a base; the ones with the lowest stamps leave first. 1,024 × 208 bytes = 208 KiB.
pub const NOTES_MAX: usize = 1024;
/// Bytes of a base as it is stored: lists 128 × 13.4 KiB = 1.7 MiB with 128 × 128 × 2 bytes = 32 KiB of what they supersede,
/// operations of the horizon 8,448 × (66 + 16 × 2 bytes) = 0.8 MiB, writes 0.5 MiB, notes 0.2 MiB, revocations 0.1 MiB.
pub const FOLDED_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Bytes of a message between two replicas: a batch and its framing stay below the 256 KiB of gossip.
pub const MESSAGE_BYTES_MAX: usize = 224 * 1024;
/// Bytes of operations in one batch.
pub const BATCH_BYTES_MAX: usize = 192 * 1024;
/// Operations in one batch, each framed by 4 bytes.
pub const BATCH_OPS_MAX: usize = 1024;
/// Heads and anchors in a summary: 2 × 128 × 32 bytes = 8 KiB.
pub const SUMMARY_HASHES_MAX: usize = 128;
