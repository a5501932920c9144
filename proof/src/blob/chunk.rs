//! One chunk with the siblings on its way to the root: what a sample shows.
//!
//! A proof has no room for choices. The blob's length and the chunk's index fix the number of siblings and the side of
//! each, the chunk's number is hashed with it, and only the top node is hashed as a root: so for given root, length and
//! offset there is exactly one proof that passes.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use bitdust_types::Root;

use super::{CHUNK_BYTES, GROUP_BYTES, Outboard, left_leaves, parent, subtree};
use crate::Invalid;

/// Most siblings that a chunk can have: 2^64 bytes are 2^54 chunks.
pub const CHUNK_PROOF_STEPS_MAX: usize = 54;

/// The bytes of one chunk and the values of its siblings, lowest first.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkProof {
    /// The chunk: 1024 bytes, fewer at the end of the blob.
    pub bytes: Vec<u8>,
    /// Sibling values from the chunk up to the root.
    pub path: Vec<[u8; 32]>,
}

/// The proof of the chunk that holds byte `offset`. Reads one group of 16 KiB through `read(offset, buffer)`.
///
/// # Errors
/// `InvalidInput` if `len` is not the outboard's or `offset` lies outside; `InvalidData` if what was read is not what the
/// root promised (a rotten disk); else what `read` gives.
pub fn prove_chunk(
    outboard: &Outboard,
    len: u64,
    offset: u64,
    mut read: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
) -> io::Result<ChunkProof> {
    if len != outboard.blob_bytes() || offset >= len {
        let why = format!("offset {offset} of {len} bytes; the outboard is for {} bytes", outboard.blob_bytes());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let start = offset / GROUP_BYTES * GROUP_BYTES;
    let mut group = vec![0; GROUP_BYTES.min(len - start) as usize];
    read(start, &mut group)?;
    let mut path = Vec::new();
    let bytes = descend(start, &group, (offset - start) / CHUNK_BYTES, &mut path).to_vec();
    path.reverse();
    path.extend(outboard.siblings(start / GROUP_BYTES));
    let proof = ChunkProof { bytes, path };
    verify_chunk(outboard.root(), len, offset, &proof).map_err(|invalid| {
        io::Error::new(io::ErrorKind::InvalidData, format!("stored bytes are damaged: {invalid}"))
    })?;
    Ok(proof)
}

/// Holds a chunk and its path against the root of a blob of `len` bytes; `offset` is any byte in the chunk.
pub fn verify_chunk(root: Root, len: u64, offset: u64, proof: &ChunkProof) -> Result<(), Invalid> {
    if offset >= len {
        return Err(Invalid::Offset { offset, len });
    }
    let chunk = offset / CHUNK_BYTES;
    let start = chunk * CHUNK_BYTES;
    let want = CHUNK_BYTES.min(len - start);
    if proof.bytes.len() as u64 != want {
        return Err(Invalid::ChunkLength { offset: start, got: proof.bytes.len(), want });
    }
    let sides = sides(len.div_ceil(CHUNK_BYTES), chunk);
    if sides.len() != proof.path.len() {
        return Err(Invalid::PathLength { got: proof.path.len(), want: sides.len() });
    }
    let value = if sides.is_empty() {
        *blake3::hash(&proof.bytes).as_bytes()
    } else {
        let mut value = subtree(start, &proof.bytes);
        let steps = sides.len();
        for (i, (sibling, side)) in proof.path.iter().zip(sides.iter().rev()).enumerate() {
            let top = i + 1 == steps;
            value = match side {
                Side::Left => parent(&value, sibling, top),
                Side::Right => parent(sibling, &value, top),
            };
        }
        value
    };
    if value == root.0 { Ok(()) } else { Err(Invalid::Blob { root, offset: start }) }
}

/// On which side of its parent a node on the way lies.
enum Side {
    Left,
    Right,
}

/// The sides of the nodes on the way from the root down to a chunk.
fn sides(chunks: u64, chunk: u64) -> Vec<Side> {
    let (mut chunks, mut chunk) = (chunks, chunk);
    let mut sides = Vec::with_capacity(CHUNK_PROOF_STEPS_MAX);
    while chunks > 1 {
        let left = left_leaves(chunks);
        if chunk < left {
            sides.push(Side::Left);
            chunks = left;
        } else {
            sides.push(Side::Right);
            (chunks, chunk) = (chunks - left, chunk - left);
        }
    }
    sides
}

/// Walks down inside a group, pushing the values beside the way, to the bytes of one of its chunks.
fn descend<'a>(start: u64, bytes: &'a [u8], chunk: u64, path: &mut Vec<[u8; 32]>) -> &'a [u8] {
    let (mut start, mut bytes, mut chunk) = (start, bytes, chunk);
    while bytes.len() as u64 > CHUNK_BYTES {
        let left_chunks = left_leaves((bytes.len() as u64).div_ceil(CHUNK_BYTES));
        let left_bytes = left_chunks * CHUNK_BYTES;
        let (left, right) = bytes.split_at(left_bytes as usize);
        if chunk < left_chunks {
            path.push(subtree(start + left_bytes, right));
            bytes = left;
        } else {
            path.push(subtree(start, left));
            (start, bytes, chunk) = (start + left_bytes, right, chunk - left_chunks);
        }
    }
    bytes
}
