//! The tree over the blobs of one slot, whose nodes carry byte counts.
//!
//! A leaf is a blob's root and length. Every node is hashed together with the byte counts of its children, so whoever knows
//! the slot's root and total can find the one blob that holds the `offset`-th byte of the slot, and nobody can show another
//! in its place:
//!
//! ```text
//! leaf(root, len)         = BLAKE3(0x00 ‖ root ‖ len)                                     sum len
//! node(left, right)       = BLAKE3(0x01 ‖ left ‖ left sum ‖ right ‖ right sum)            sum left + right
//! lone(child)             = BLAKE3(0x02 ‖ child ‖ child sum)                              sum child
//! empty                   = BLAKE3(0x03)                                                  sum 0
//! ```
//!
//! Sums are 8 bytes, big endian. Each level joins neighbours from the left; a node without a neighbour is never promoted as
//! it stands but hashed as `lone`, so a tree of `n` leaves has one shape, and no list of leaves is also another's.
//!
//! **Invariant:** in a path that verifies, the blob's position is computed from the hashed sums, never taken from the path.

use borsh::{BorshDeserialize, BorshSerialize};

use bitdust_types::{Root, SlotRoot};

use crate::Invalid;

/// Most steps of a path: 2^20 blobs in a slot (`limits::BLOBS_PER_SLOT_MAX`) are 20 levels; the rest is margin.
pub const SUM_PATH_STEPS_MAX: usize = 24;

const LEAF: u8 = 0;
const NODE: u8 = 1;
const LONE: u8 = 2;
const EMPTY: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    hash: [u8; 32],
    sum: u64,
}

impl Node {
    fn leaf(root: Root, len: u64) -> Self {
        Node { hash: hash(LEAF, &[(&root.0, len)]), sum: len }
    }

    fn join(left: Node, right: Node) -> Result<Self, Invalid> {
        let sum = left.sum.checked_add(right.sum).ok_or(Invalid::SumOverflow)?;
        Ok(Node { hash: hash(NODE, &[(&left.hash, left.sum), (&right.hash, right.sum)]), sum })
    }

    fn lone(child: Node) -> Self {
        Node { hash: hash(LONE, &[(&child.hash, child.sum)]), sum: child.sum }
    }
}

fn hash(prefix: u8, children: &[(&[u8; 32], u64)]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[prefix]);
    for (child, sum) in children {
        hasher.update(*child);
        hasher.update(&sum.to_be_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// One level of a path, from the leaf up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SumStep {
    /// The neighbour lies to the left, with so many bytes.
    Left {
        /// Its hash.
        hash: [u8; 32],
        /// Its bytes.
        sum: u64,
    },
    /// The neighbour lies to the right, with so many bytes.
    Right {
        /// Its hash.
        hash: [u8; 32],
        /// Its bytes.
        sum: u64,
    },
    /// There is no neighbour on this level.
    Lone,
}

/// The way from a blob up to the slot's root.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SumPath {
    /// The levels, lowest first.
    pub steps: Vec<SumStep>,
}

/// The tree over a slot's blobs, in memory: 80 bytes per blob.
#[derive(Clone, Debug)]
pub struct SumTree {
    /// Leaves first, the root alone last; no level at all for an empty slot.
    levels: Vec<Vec<Node>>,
    /// Where each blob ends.
    ends: Vec<u64>,
}

impl SumTree {
    /// Over the blobs `(root, length)` in the slot's order. Fails only if the lengths add up to 2^64 or more.
    pub fn new(blobs: &[(Root, u64)]) -> Result<Self, Invalid> {
        let mut ends = Vec::with_capacity(blobs.len());
        let mut total = 0u64;
        for (_, len) in blobs {
            total = total.checked_add(*len).ok_or(Invalid::SumOverflow)?;
            ends.push(total);
        }
        let mut levels = Vec::new();
        if !blobs.is_empty() {
            let mut level: Vec<Node> = blobs.iter().map(|(root, len)| Node::leaf(*root, *len)).collect();
            while level.len() > 1 {
                let above = level
                    .chunks(2)
                    .map(|pair| match pair {
                        [left, right] => Node::join(*left, *right),
                        lone => Ok(Node::lone(lone[0])),
                    })
                    .collect::<Result<_, _>>()?;
                levels.push(std::mem::replace(&mut level, above));
            }
            levels.push(level);
        }
        Ok(SumTree { levels, ends })
    }

    /// The slot's root.
    pub fn root(&self) -> SlotRoot {
        self.levels.last().map_or_else(empty_root, |level| SlotRoot(level[0].hash))
    }

    /// The slot's bytes.
    pub fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The index of the blob that holds the slot's byte `offset`, the offset in that blob, and the blob's path.
    pub fn prove(&self, offset: u64) -> Result<(usize, u64, SumPath), Invalid> {
        if offset >= self.total() {
            return Err(Invalid::Offset { offset, len: self.total() });
        }
        let index = self.ends.partition_point(|end| *end <= offset);
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        let mut steps = Vec::with_capacity(self.levels.len() - 1);
        let mut at = index;
        for level in &self.levels[..self.levels.len() - 1] {
            steps.push(match level.get(at ^ 1) {
                Some(left) if at % 2 == 1 => SumStep::Left { hash: left.hash, sum: left.sum },
                Some(right) => SumStep::Right { hash: right.hash, sum: right.sum },
                None => SumStep::Lone,
            });
            at /= 2;
        }
        Ok((index, offset - start, SumPath { steps }))
    }
}

/// The root of a slot that holds nothing.
pub fn empty_root() -> SlotRoot {
    SlotRoot(hash(EMPTY, &[]))
}

/// Holds a blob `leaf = (root, length)` against a slot's root and total bytes: does it hold the slot's byte `offset`?
/// Returns the offset inside the blob.
pub fn verify(
    slot_root: SlotRoot,
    total: u64,
    offset: u64,
    leaf: &(Root, u64),
    path: &SumPath,
) -> Result<u64, Invalid> {
    if offset >= total {
        return Err(Invalid::Offset { offset, len: total });
    }
    if path.steps.len() > SUM_PATH_STEPS_MAX {
        return Err(Invalid::PathLength { got: path.steps.len(), want: SUM_PATH_STEPS_MAX });
    }
    let (root, len) = *leaf;
    let mut node = Node::leaf(root, len);
    let mut start = 0u64;
    for step in &path.steps {
        node = match *step {
            SumStep::Left { hash, sum } => {
                start = start.checked_add(sum).ok_or(Invalid::SumOverflow)?;
                Node::join(Node { hash, sum }, node)?
            }
            SumStep::Right { hash, sum } => Node::join(node, Node { hash, sum })?,
            SumStep::Lone => Node::lone(node),
        };
    }
    let inside = offset.checked_sub(start).filter(|inside| *inside < len);
    match inside {
        Some(inside) if node.hash == slot_root.0 && node.sum == total => Ok(inside),
        _ => Err(Invalid::Slot { root: slot_root, leaf: root, offset }),
    }
}

#[cfg(test)]
mod tests;
