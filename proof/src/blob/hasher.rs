//! Hashing a blob as it streams by, keeping the value of each group for the outboard.

use blake3::hazmat::HasherExt;

use bitdust_types::Root;

use super::{ChainingValue, GROUP_BYTES, Outboard};

/// Hashes a blob piece by piece. Memory: 32 bytes per group of 16 KiB.
pub struct BlobHasher {
    /// The group being filled. It is closed only when a byte behind it arrives, since the last one may be the whole blob.
    current: blake3::Hasher,
    current_bytes: u64,
    /// The groups closed so far.
    groups: Vec<ChainingValue>,
}

impl BlobHasher {
    /// For a blob of which nothing has been seen.
    pub fn new() -> Self {
        BlobHasher { current: blake3::Hasher::new(), current_bytes: 0, groups: Vec::new() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) -> &mut Self {
        while !bytes.is_empty() {
            if self.current_bytes == GROUP_BYTES {
                self.groups.push(self.current.finalize_non_root());
                self.current = blake3::Hasher::new();
                self.current.set_input_offset(self.groups.len() as u64 * GROUP_BYTES);
                self.current_bytes = 0;
            }
            let room = (GROUP_BYTES - self.current_bytes) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.current.update(now);
            self.current_bytes += now.len() as u64;
            bytes = later;
        }
        self
    }

    /// Bytes taken so far.
    pub fn bytes(&self) -> u64 {
        self.groups.len() as u64 * GROUP_BYTES + self.current_bytes
    }

    /// The blob's root, its length, and the outboard from which parts of it are proved.
    pub fn finish(mut self) -> (Root, u64, Outboard) {
        let len = self.bytes();
        if self.groups.is_empty() {
            self.groups.push(*self.current.finalize().as_bytes());
        } else {
            self.groups.push(self.current.finalize_non_root());
        }
        let outboard = Outboard::from_groups(len, &self.groups);
        (outboard.root(), len, outboard)
    }
}

impl Default for BlobHasher {
    fn default() -> Self {
        Self::new()
    }
}
