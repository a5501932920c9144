//! The inner values of a blob's tree that a supplier keeps beside the blob.
//!
//! Layout: one pair of chaining values (64 bytes) for each node above the groups, in pre-order (node, left subtree, right
//! subtree), without a length in front. It is the pre-order outboard of Bao with groups of 2^4 chunks. A subtree of `g`
//! groups has `g − 1` nodes, so the pair of a left child follows its parent's and that of a right child lies `left groups`
//! pairs behind it.

use bitdust_types::Root;

use super::{ChainingValue, group_count, left_leaves, parent};
use crate::Invalid;

/// Bytes of a pair.
const PAIR_BYTES: usize = 64;

/// The inner values of one blob's tree, with the root and the length they belong to.
#[derive(Clone, PartialEq, Eq)]
pub struct Outboard {
    root: Root,
    len: u64,
    pairs: Vec<u8>,
}

impl Outboard {
    /// From the values of all groups of a blob of `len` bytes, as [`group_values`](super::group_values) makes them.
    ///
    /// # Panics
    /// If there are not as many values as the blob has groups.
    pub fn from_groups(len: u64, groups: &[ChainingValue]) -> Self {
        assert_eq!(groups.len() as u64, group_count(len), "one value per group of a blob of {len} bytes");
        let mut pairs = vec![0; (groups.len() - 1) * PAIR_BYTES];
        let root = Root(fill(&mut pairs, groups, true));
        Outboard { root, len, pairs }
    }

    /// Bytes that the outboard of a blob of `len` bytes takes.
    pub fn size(len: u64) -> u64 {
        (group_count(len) - 1) * PAIR_BYTES as u64
    }

    /// From bytes that were stored. They are not checked against the root here: whatever is made from wrong ones fails.
    pub fn from_bytes(root: Root, len: u64, pairs: Vec<u8>) -> Result<Self, Invalid> {
        if pairs.len() as u64 != Self::size(len) {
            let why = format!("{} bytes where a blob of {len} bytes has {}", pairs.len(), Self::size(len));
            return Err(Invalid::Encoding { what: "outboard", why });
        }
        Ok(Outboard { root, len, pairs })
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.pairs
    }

    /// The bytes to store, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.pairs
    }

    /// The blob's root.
    pub fn root(&self) -> Root {
        self.root
    }

    /// The blob's length in bytes.
    pub fn blob_bytes(&self) -> u64 {
        self.len
    }

    /// The siblings on the way from a group up to the root, lowest first.
    pub(super) fn siblings(&self, group: u64) -> Vec<ChainingValue> {
        let (mut group, mut groups, mut node) = (group, group_count(self.len), 0);
        let mut siblings = Vec::new();
        while groups > 1 {
            let left = left_leaves(groups);
            let (left_value, right_value) = self.pair(node);
            if group < left {
                siblings.push(right_value);
                (groups, node) = (left, node + 1);
            } else {
                siblings.push(left_value);
                (group, groups, node) = (group - left, groups - left, node + left);
            }
        }
        siblings.reverse();
        siblings
    }

    fn pair(&self, node: u64) -> (ChainingValue, ChainingValue) {
        // The index is inside `pairs`, whose length every constructor has held against `len`.
        let at = node as usize * PAIR_BYTES;
        let mut pair = [[0; 32]; 2];
        pair[0].copy_from_slice(&self.pairs[at..at + 32]);
        pair[1].copy_from_slice(&self.pairs[at + 32..at + PAIR_BYTES]);
        (pair[0], pair[1])
    }
}

impl std::fmt::Debug for Outboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outboard").field("root", &self.root).field("len", &self.len).finish_non_exhaustive()
    }
}

/// Writes the pairs of the subtree over `groups` and returns its value. Depth: the logarithm of the number of groups.
fn fill(pairs: &mut [u8], groups: &[ChainingValue], top: bool) -> ChainingValue {
    if let [group] = groups {
        return *group;
    }
    let left_groups = left_leaves(groups.len() as u64) as usize;
    let (pair, below) = pairs.split_at_mut(PAIR_BYTES);
    let (left_pairs, right_pairs) = below.split_at_mut((left_groups - 1) * PAIR_BYTES);
    let left = fill(left_pairs, &groups[..left_groups], false);
    let right = fill(right_pairs, &groups[left_groups..], false);
    pair[..32].copy_from_slice(&left);
    pair[32..].copy_from_slice(&right);
    parent(&left, &right, top)
}
