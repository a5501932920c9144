//! Versions: everything in the past of some heads becomes the base, and the log begins anew on top of it.
//!
//! The owner or a compactor folds and publishes the version's chunks, its [`Folded`] bytes and the heads; every other
//! replica either folds at the same heads, or loads the [`Folded`] bytes. Both end with equal bytes, so anybody who has the
//! log can check a version. Versions are folded one after another: what the second makes final depends on the first.
//!
//! # What a fold makes final
//! Whether an operation in the past of the heads counts is decided by the lists and revocations in that past alone, for ever.
//! A revocation that was signed at the same time and arrives after the fold does not reach below it. Lists and revocations
//! of the base keep binding everything above.
//!
//! # Operations that arrive late
//! An operation concurrent to the fold merges as if nothing had been folded, because the base keeps for a *horizon* of
//! 1,024 depths the hash, depth, author and lists of each operation, and for each voxel written there, by which one. Below the
//! horizon's *floor* nothing is kept: no operation of that depth or less is accepted any more, so that a write whose stamp
//! is gone would lose anyway. The floor rises further if more than 8,192 operations or 65,536 voxels would have to be kept;
//! the heads themselves are always kept.
//!
//! An operation above the fold that hangs on to a parent below the floor, and all that is built upon it, is refused by
//! everyone; a replica that held it hands it back ([`Fold::orphaned`]), and its author's client makes it again on top. The
//! alternative, to keep a stamp for every voxel ever written, costs 60 bytes for each of 16.7 million voxels of a location
//! that was built by hand from end to end.
//!
//! # What a fold sheds
//! Operations above the fold that the base drops for ever, by a revoked key for instance, leave the log, unless something
//! that counts was built upon them. So a place that was flooded is usable again after a revocation, or a tighter list, and
//! a fold.

mod folded;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{AccessId, Body, Checked, OpHash, limits},
    Act, Graph, Inserted, Node, Stamp,
    merge::Merged,
    past::Past,
};
use crate::block::BlockId;
use folded::{HorizonList, HorizonNote, HorizonOp, HorizonRevocation};

pub use folded::Folded;

/// A new version.
#[derive(Clone, Debug)]
pub struct Fold {
    /// Blocks to write into the former version's chunks.
    pub changes: BTreeMap<u32, BlockId>,
    /// Operations of the log that hung on to something below the horizon, in causal order. Their authors' clients should
    /// make them again.
    pub orphaned: Vec<Checked>,
}

/// Why a version can't be folded or loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// No heads, or too many.
    #[error("a version is folded at 1 to {max} heads, not at {0}", max = limits::FOLD_HEADS_MAX)]
    Heads(usize),
    /// A head has not arrived.
    #[error("the version is folded at {0}, which is unknown here: fetch it from a peer, or load the version's base")]
    Unknown(OpHash),
    /// The bytes are not a base.
    #[error("these are not a base's bytes: {0}")]
    Malformed(String),
    /// The base belongs to another location or claim.
    #[error("the base belongs to another claim than this location's")]
    Elsewhere,
    /// The base knows more owners than the ledger has shown here.
    #[error("the base relies on owner number {0}, whom the ledger has not shown yet: follow the ledger first")]
    Ahead(u32),
}

impl Graph {
    /// Folds everything in the past of some heads, themselves included, into the next version.
    ///
    /// Whether the heads' author [may](Graph::may_fold) fold is for the caller to check, with the version's signature.
    pub fn fold(&mut self, heads: &[OpHash]) -> Result<Fold, FoldError> {
        if let Some(unknown) = heads.iter().find(|head| !self.contains(head)) {
            return Err(FoldError::Unknown(*unknown));
        }
        let past = self.past_of(heads);
        let heads = self.heads_of(&past, heads);
        if heads.is_empty() || heads.len() > limits::FOLD_HEADS_MAX {
            return Err(FoldError::Heads(heads.len()));
        }
        let (base, changes) = self.folded(&past, heads);
        let next = Graph::on_base(self.claim.clone(), self.authority.owners.clone(), base);
        let mut former = std::mem::replace(self, next);
        let is_shed = self.shed(&former.log);
        let mut orphaned = Vec::new();
        for (at, node) in (0..).zip(former.log) {
            if past.contains(at) || is_shed[at as usize] {
                continue;
            }
            match self.insert(node.op.clone()) {
                Ok(Inserted::Applied | Inserted::Dropped(_) | Inserted::Known) => {}
                _ => {
                    self.pending.take(&node.op.hash());
                    orphaned.push(node.op);
                }
            }
        }
        for op in former.pending.take_all() {
            _ = self.insert(op);
        }
        let voxels = former.merged.winners().map(|(voxel, _)| voxel).chain(changes.keys().copied());
        self.merged.mark_changed(voxels.chain(former.merged.note_winners().map(|(voxel, _)| voxel)));
        self.merged.mark_changed(former.merged.take_changed());
        Ok(Fold { changes, orphaned })
    }

    /// Heads to fold at: the deepest 256 of those that count.
    pub fn heads_to_fold(&self) -> Vec<OpHash> {
        let heads = self.heads.iter().filter(|head| self.dropped(head).is_none());
        let mut heads: Vec<(u64, OpHash)> = heads.filter_map(|head| Some((self.depth(head)?, *head))).collect();
        heads.sort_unstable_by(|a, b| b.cmp(a));
        heads.truncate(limits::FOLD_HEADS_MAX);
        heads.into_iter().map(|(_, hash)| hash).collect()
    }

    /// Which of the former log's operations the new base drops for ever, with nothing built upon them that counts.
    fn shed(&self, log: &[Node]) -> Vec<bool> {
        let mut is_shed = vec![true; log.len()];
        for (at, node) in log.iter().enumerate().rev() {
            let act = Act { at: None, ..node.act(0) };
            let is_final = self.authority.lists.contains_key(&act.access) && !matches!(act.body, Body::Access { .. });
            let is_dropped = is_final && self.authority.verdict(&self.standing, act).is_some();
            if !is_dropped {
                is_shed[at] = false;
            }
            if !is_shed[at] {
                for parent in &node.parents {
                    is_shed[*parent as usize] = false;
                }
            }
        }
        is_shed
    }

    /// The heads of a version: those asked for and the former version's, without those that another is built upon.
    fn heads_of(&self, past: &Past, heads: &[OpHash]) -> BTreeSet<OpHash> {
        let asked = heads.iter().filter(|head| self.index.contains_key(head));
        let mut heads: BTreeSet<OpHash> = asked.chain(self.base.heads()).copied().collect();
        for at in past.iter() {
            for parent in &self.log[at as usize].op.statement().parents {
                heads.remove(parent);
            }
        }
        heads
    }

    /// The next base, and the blocks in which it differs from the present one.
    fn folded(&self, past: &Past, heads: BTreeSet<OpHash>) -> (Folded, BTreeMap<u32, BlockId>) {
        let standing = self.authority.judge(&self.log, Some(past));
        let mut merged = Merged::new(self.merged.base_stamps.clone(), self.merged.base_notes.clone());
        for at in past.iter() {
            if self.authority.verdict(&standing, self.log[at as usize].act(at)).is_none() {
                merged.offer(&self.log, at, |_| true);
            }
        }
        let changes = merged.blocks(0..super::super::voxel::VOXEL_END).collect();
        let mut stamps = merged.base_stamps.clone();
        stamps.extend(merged.winners().map(|(voxel, at)| (voxel, self.log[at as usize].stamp())));
        let mut horizon = self.base.horizon();
        for at in past.iter() {
            let node = &self.log[at as usize];
            horizon.insert(node.op.hash(), (node.depth(), node.op.author(), node.lists.iter().copied().collect()));
        }

        let deepest = horizon.values().map(|(depth, ..)| *depth).max().unwrap_or(0);
        let floor = floor(self.base.floor(), deepest, &horizon, &stamps);
        horizon.retain(|hash, (depth, ..)| *depth >= floor || heads.contains(hash));
        stamps.retain(|_, stamp| stamp.depth > floor);

        let mut kept: BTreeSet<AccessId> = horizon.values().flat_map(|(.., lists)| lists.iter().copied()).collect();
        if floor == 0 {
            kept.insert(self.base.claim());
        }
        let places: BTreeMap<AccessId, u16> = kept.iter().copied().zip(0..).collect();
        let lists = kept
            .iter()
            .filter_map(|id| self.authority.lists.get(id).map(|list| (id, list)))
            .map(|(id, list)| HorizonList {
                id: *id,
                term: list.term,
                counts: standing.lists.contains(id),
                superseded: list.superseded.iter().filter_map(|id| places.get(id)).copied().collect(),
                list: list.list.clone(),
            })
            .collect();
        let revocations = self
            .authority
            .revocations
            .iter()
            .filter(|(hash, revocation)| {
                standing.revocations.get(&revocation.key).is_some_and(|all| all.contains(hash))
            })
            .map(|(hash, revocation)| HorizonRevocation { hash: *hash, key: revocation.key, term: revocation.term })
            .collect();
        let op_places: BTreeMap<OpHash, u32> = horizon.keys().copied().zip(0..).collect();
        let ops = horizon
            .into_iter()
            .map(|(hash, (depth, author, lists))| HorizonOp {
                hash,
                depth,
                author,
                lists: lists.iter().filter_map(|id| places.get(id)).copied().collect(),
            })
            .collect();
        let base = Folded {
            claim: self.base.claim(),
            sequence: self.base.sequence() + 1,
            floor,
            heads: heads.into_iter().collect(),
            ops,
            lists,
            revocations,
            writes: stamps.iter().map(|(voxel, stamp)| (*voxel, op_places[&stamp.hash])).collect(),
            notes: self.folded_notes(&merged, floor, &op_places),
        };
        (base, changes)
    }

    fn folded_notes(&self, merged: &Merged, floor: u64, op_places: &BTreeMap<OpHash, u32>) -> Vec<HorizonNote> {
        let mut notes = merged.base_notes.clone();
        for (voxel, at) in merged.note_winners() {
            let node = &self.log[at as usize];
            if let Body::Note { text, .. } = node.op.body() {
                notes.insert(voxel, super::merge::BaseNote { stamp: Some(node.stamp()), text: text.clone() });
            }
        }
        for note in notes.values_mut() {
            note.stamp = note.stamp.filter(|stamp| stamp.depth > floor);
        }
        // A note that was taken away matters as long as an older one may still arrive.
        notes.retain(|_, note| note.stamp.is_some() || !note.text.is_empty());
        while notes.len() > limits::NOTES_MAX {
            let Some(oldest) = notes.iter().min_by_key(|(voxel, note)| (note.stamp, **voxel)).map(|(v, _)| *v) else {
                break;
            };
            notes.remove(&oldest);
        }
        notes
            .into_iter()
            .map(|(voxel, note)| HorizonNote {
                voxel,
                op: note.stamp.map(|stamp| op_places[&stamp.hash]),
                text: note.text,
            })
            .collect()
    }
}

/// The lowest depth of which operations are kept.
fn floor(
    former: u64,
    deepest: u64,
    horizon: &BTreeMap<OpHash, (u64, bitdust_types::Address, Vec<AccessId>)>,
    stamps: &BTreeMap<u32, Stamp>,
) -> u64 {
    let mut floor = former.max(deepest.saturating_sub(limits::HORIZON_DEPTHS));
    let mut depths: Vec<u64> = horizon.values().map(|(depth, ..)| *depth).collect();
    depths.sort_unstable_by(|a, b| b.cmp(a));
    if let Some(first_out) = depths.get(limits::HORIZON_OPS_MAX) {
        floor = floor.max(first_out + 1);
    }
    let mut depths: Vec<u64> = stamps.values().map(|stamp| stamp.depth).collect();
    depths.sort_unstable_by(|a, b| b.cmp(a));
    if let Some(first_out) = depths.get(limits::HORIZON_WRITES_MAX) {
        floor = floor.max(*first_out);
    }
    floor
}
