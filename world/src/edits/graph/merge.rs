//! Which write wins at each voxel: the one with the highest stamp.
//!
//! A base write within the horizon keeps its stamp here, so that a late operation competes with it as if nothing had been
//! folded. Base writes below the horizon need none: every operation that can still arrive is deeper.

use std::collections::{BTreeMap, BTreeSet};

use bitdust_types::Address;

use super::{
    super::{Body, OpHash},
    Node,
};
use crate::block::BlockId;

/// What decides between two writes: depth, then author, then hash. No clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The operation's depth. A write's depth is above that of all it has in its past.
    pub depth: u64,
    /// Who signed.
    pub author: Address,
    /// The operation.
    pub hash: OpHash,
}

/// A note of the base, with its stamp unless it is below the horizon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseNote {
    pub stamp: Option<Stamp>,
    pub text: String,
}

/// The winners among all writes that count.
#[derive(Clone, Debug, Default)]
pub(super) struct Merged {
    /// Stamps of base writes within the horizon.
    pub base_stamps: BTreeMap<u32, Stamp>,
    pub base_notes: BTreeMap<u32, BaseNote>,
    /// The winner's place in the log, where one wins over the base.
    blocks: BTreeMap<u32, (u32, BlockId)>,
    notes: BTreeMap<u32, u32>,
    /// Voxels whose block or note changed since somebody asked.
    changed: BTreeSet<u32>,
}

impl Merged {
    pub fn new(base_stamps: BTreeMap<u32, Stamp>, base_notes: BTreeMap<u32, BaseNote>) -> Self {
        Merged { base_stamps, base_notes, ..Merged::default() }
    }

    /// Lets an operation's writes compete, those alone that `is_asked`.
    pub fn offer(&mut self, nodes: &[Node], at: u32, is_asked: impl Fn(u32) -> bool) {
        let stamp = nodes[at as usize].stamp();
        match nodes[at as usize].op.body() {
            Body::Place(writes) => {
                for (voxel, block) in writes.iter().filter(|(voxel, _)| is_asked(*voxel)) {
                    let is_beaten = self.base_stamps.get(voxel).is_some_and(|base| *base > stamp)
                        || self.blocks.get(voxel).is_some_and(|(other, _)| nodes[*other as usize].stamp() > stamp);
                    if !is_beaten {
                        self.blocks.insert(*voxel, (at, *block));
                        self.changed.insert(*voxel);
                    }
                }
            }
            Body::Note { voxel, .. } if is_asked(*voxel) => {
                let is_beaten = self.base_notes.get(voxel).is_some_and(|base| base.stamp > Some(stamp))
                    || self.notes.get(voxel).is_some_and(|other| nodes[*other as usize].stamp() > stamp);
                if !is_beaten {
                    self.notes.insert(*voxel, at);
                    self.changed.insert(*voxel);
                }
            }
            _ => {}
        }
    }

    /// Decides again at the voxels that these operations write, after the verdict on them has changed.
    pub fn decide_again(&mut self, nodes: &[Node], ops: &[u32]) {
        let mut voxels = BTreeSet::new();
        for at in ops {
            match nodes[*at as usize].op.body() {
                Body::Place(writes) => voxels.extend(writes.iter().map(|(voxel, _)| *voxel)),
                Body::Note { voxel, .. } => _ = voxels.insert(*voxel),
                _ => {}
            }
        }
        if voxels.is_empty() {
            return;
        }
        for voxel in &voxels {
            self.blocks.remove(voxel);
            self.notes.remove(voxel);
        }
        for (at, node) in (0..).zip(nodes) {
            if node.dropped.is_none() {
                self.offer(nodes, at, |voxel| voxels.contains(&voxel));
            }
        }
        self.changed.append(&mut voxels);
    }

    /// The block that wins over the base's, if one does.
    pub fn block(&self, voxel: u32) -> Option<BlockId> {
        self.blocks.get(&voxel).map(|(_, block)| *block)
    }

    /// Winners in a range of voxels, rising.
    pub fn blocks(&self, range: std::ops::Range<u32>) -> impl Iterator<Item = (u32, BlockId)> {
        self.blocks.range(range).map(|(voxel, (_, block))| (*voxel, *block))
    }

    /// Winners with their places in the log.
    pub fn winners(&self) -> impl Iterator<Item = (u32, u32)> {
        self.blocks.iter().map(|(voxel, (at, _))| (*voxel, *at))
    }

    /// Notes that win over the base's, with their places in the log.
    pub fn note_winners(&self) -> impl Iterator<Item = (u32, u32)> {
        self.notes.iter().map(|(voxel, at)| (*voxel, *at))
    }

    /// All texts, the base's included.
    pub fn notes<'a>(&'a self, nodes: &'a [Node]) -> BTreeMap<u32, &'a str> {
        let base = self.base_notes.iter().map(|(voxel, note)| (*voxel, note.text.as_str()));
        let newer = self.notes.iter().filter_map(|(voxel, at)| match nodes[*at as usize].op.body() {
            Body::Note { text, .. } => Some((*voxel, text.as_str())),
            _ => None,
        });
        let mut notes: BTreeMap<u32, &str> = base.chain(newer).collect();
        notes.retain(|_, text| !text.is_empty());
        notes
    }

    pub fn mark_changed(&mut self, voxels: impl IntoIterator<Item = u32>) {
        self.changed.extend(voxels);
    }

    pub fn take_changed(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.changed)
    }
}
