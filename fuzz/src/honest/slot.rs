//! One slot as its supplier keeps it: blobs, their trees, the tree over them.

use std::sync::LazyLock;

use bitdust_proof::{Answer, BlobHasher, ChunkProof, Outboard, SumTree, blob};
use bitdust_types::Root;

use super::noise;

/// Lengths on both sides of a chunk (1 KiB) and a group (16 KiB), and an odd number of blobs, so that some are alone.
const LENGTHS: [usize; 7] = [1, 1024, 1025, 16_384, 16_385, 70_000, 5000];

/// One blob.
pub struct Blob {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their tree.
    pub outboard: Outboard,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let mut hasher = BlobHasher::new();
        hasher.update(&bytes);
        let (_, _, outboard) = hasher.finish();
        Blob { bytes, outboard }
    }

    /// Its root.
    pub fn root(&self) -> Root {
        self.outboard.root()
    }

    /// Its length.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// No blob here is.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Fills `buffer` with the bytes from `at` on.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        buffer.copy_from_slice(&self.bytes[at as usize..at as usize + buffer.len()]);
        Ok(())
    }

    /// The proof of the chunk with byte `offset`.
    pub fn chunk(&self, offset: u64) -> ChunkProof {
        blob::prove_chunk(&self.outboard, self.len(), offset, |at, buffer| self.read(at, buffer)).expect("honest bytes")
    }
}

/// The slot.
pub struct Slot {
    /// In the slot's order.
    pub blobs: Vec<Blob>,
    /// Over all of them.
    pub tree: SumTree,
}

impl Slot {
    /// The answer to the sample at `offset`.
    pub fn answer(&self, offset: u64) -> Answer {
        let (index, inside, sum) = self.tree.prove(offset).expect("inside the slot");
        let blob = &self.blobs[index];
        Answer::Hit { leaf_root: blob.root(), leaf_len: blob.len(), sum, chunk: blob.chunk(inside) }
    }
}

/// The slot that all targets hold foreign proofs against.
pub static SLOT: LazyLock<Slot> = LazyLock::new(|| {
    let blobs: Vec<Blob> = LENGTHS.iter().map(|len| Blob::new(noise(*len, *len as u64))).collect();
    let leaves: Vec<(Root, u64)> = blobs.iter().map(|blob| (blob.root(), blob.len())).collect();
    Slot { blobs, tree: SumTree::new(&leaves).expect("the lengths fit") }
});
