//! One blob: a masked shard or a manifest, named by its BLAKE3 hash.
//!
//! BLAKE3 is a binary tree over chunks of 1 KiB, in which the left subtree of every node is the largest complete one
//! (BLAKE3 paper, section 2.1). So the hash of a blob *is* the root of a Merkle tree over its chunks, and no second tree
//! is needed. Suppliers keep the tree's inner values down to *groups* of 16 KiB, the [`Outboard`]: 64 bytes per group, 0.4 %
//! of the data; what lies below is recomputed from one group's bytes.
//!
//! - [`root`] and [`BlobHasher`] hash a blob; [`group_values`] and [`Outboard::from_groups`] let several threads share it.
//! - [`prove_chunk`] and [`verify_chunk`] show one chunk to someone who knows the root (the epoch's samples).
//! - [`encode_range`] and [`decode_range`] carry a range with what is needed to check it (reads), in the format of Bao
//!   slices with groups of 16 KiB.
//!
//! A root does not tell the blob's length by itself: the length decides the tree's shape, and is checked only through it
//! and through the last chunk. Every length here is therefore expected to come with the same authority as the root (a
//! [sum tree](crate::sum) hashes both).

mod chunk;
mod hasher;
mod outboard;
mod range;
#[cfg(test)]
mod tests;

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use bitdust_types::Root;

pub use chunk::{CHUNK_PROOF_STEPS_MAX, ChunkProof, prove_chunk, verify_chunk};
pub use hasher::BlobHasher;
pub use outboard::Outboard;
pub use range::{decode_range, encode_range, encoded_range_bytes_max};

/// Bytes of a chunk, the leaf of BLAKE3's tree.
pub const CHUNK_BYTES: u64 = blake3::CHUNK_LEN as u64;
/// Bytes of a group of chunks, the leaf of an [`Outboard`]: 16 chunks, which fill the lanes of AVX-512 once.
pub const GROUP_BYTES: u64 = 16 * CHUNK_BYTES;

/// The value of an inner node of BLAKE3's tree.
pub type ChainingValue = [u8; 32];

/// The root of a blob that lies in memory.
pub fn root(bytes: &[u8]) -> Root {
    Root(*blake3::hash(bytes).as_bytes())
}

/// The values of the groups in `bytes`, a part of a blob of `len` bytes that starts at `offset`; one for each group.
///
/// For a blob of one group the value is the root itself, so that [`Outboard::from_groups`] takes either.
///
/// # Panics
/// If `offset` is not a multiple of [`GROUP_BYTES`], `bytes` ends neither on a group nor at `len`, or `values` has another
/// length than there are groups: these are the caller's own, never foreign.
pub fn group_values(len: u64, offset: u64, bytes: &[u8], values: &mut [ChainingValue]) {
    let end = offset + bytes.len() as u64;
    assert!(offset.is_multiple_of(GROUP_BYTES) && end <= len, "a part must lie on groups inside the blob");
    assert!(end == len || end.is_multiple_of(GROUP_BYTES), "a part must end on a group or with the blob");
    let groups = bytes.chunks(GROUP_BYTES as usize);
    assert_eq!(groups.len(), values.len(), "one value per group");
    for (i, (group, value)) in groups.zip(values).enumerate() {
        *value = if len <= GROUP_BYTES {
            *blake3::hash(group).as_bytes()
        } else {
            subtree(offset + i as u64 * GROUP_BYTES, group)
        };
    }
}

/// Groups of a blob; an empty blob has one, which is empty.
fn group_count(len: u64) -> u64 {
    len.div_ceil(GROUP_BYTES).max(1)
}

/// The value of the subtree over `bytes` that starts at `offset` and is not the whole blob.
fn subtree(offset: u64, bytes: &[u8]) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// The value of the node above two subtrees; with `top` it is the blob's root.
fn parent(left: &ChainingValue, right: &ChainingValue, top: bool) -> ChainingValue {
    if top {
        *merge_subtrees_root(left, right, Mode::Hash).as_bytes()
    } else {
        merge_subtrees_non_root(left, right, Mode::Hash)
    }
}

/// Leaves under the left child of a node with `leaves` leaves (at least 2): the largest power of two below it.
fn left_leaves(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}
