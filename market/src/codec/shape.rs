//! How long everything about one slab is. See `bitdust_types::layout` for where units lie.

use bitdust_types::{
    Layout,
    layout::{SLAB_PLAIN_BYTES, UNIT_BYTES, UNIT_PLAIN_BYTES, ciphertext_bytes, unit_bytes, unit_count},
};

use super::Invalid;

/// The layout of a slab and its length; all other lengths follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabShape {
    layout: Layout,
    plain_bytes: u64,
}

impl SlabShape {
    /// A slab of so many plain bytes, at most [`SLAB_PLAIN_BYTES`].
    pub fn new(layout: Layout, plain_bytes: u64) -> Result<Self, Invalid> {
        if plain_bytes > SLAB_PLAIN_BYTES {
            return Err(Invalid::TooLong { got: plain_bytes, max: SLAB_PLAIN_BYTES });
        }
        Ok(SlabShape { layout, plain_bytes })
    }

    /// The erasure code.
    pub fn layout(self) -> Layout {
        self.layout
    }

    /// Bytes before sealing.
    pub fn plain_bytes(self) -> u64 {
        self.plain_bytes
    }

    /// Bytes after sealing.
    pub fn ciphertext_bytes(self) -> u64 {
        ciphertext_bytes(self.plain_bytes)
    }

    /// Bytes of each shard.
    pub fn shard_bytes(self) -> u64 {
        self.layout.shard_bytes(self.ciphertext_bytes())
    }

    /// Units of 64 KiB, the last of which may be shorter.
    pub fn units(self) -> u64 {
        unit_count(self.ciphertext_bytes())
    }

    /// Ciphertext bytes of a unit.
    pub fn unit_bytes(self, unit: u64) -> u64 {
        unit_bytes(self.ciphertext_bytes(), unit)
    }

    /// Where a unit's plain bytes lie in the slab.
    pub fn unit_plain(self, unit: u64) -> std::ops::Range<u64> {
        let start = unit * UNIT_PLAIN_BYTES;
        start.min(self.plain_bytes)..(start + UNIT_PLAIN_BYTES).min(self.plain_bytes)
    }

    /// Rows of units, each of which takes 64 KiB of every shard (the last may take fewer).
    pub fn rows(self) -> u64 {
        self.shard_bytes().div_ceil(UNIT_BYTES)
    }

    /// `k` as a length in memory.
    pub(super) fn k(self) -> usize {
        usize::from(self.layout.k())
    }

    /// `n` as a length in memory.
    pub(super) fn n(self) -> usize {
        usize::from(self.layout.n())
    }
}
