//! The rules as they are told in the sign of [`edits`](super::super), computed from whole sets of ancestors, slowly.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use bitdust_types::Address;

use super::super::*;
use crate::block::BlockId;

struct Rules<'a> {
    owners: &'a [Address],
    ops: BTreeMap<OpHash, &'a Checked>,
    /// All operations in the past of each, without itself.
    past: BTreeMap<OpHash, BTreeSet<OpHash>>,
    /// Term and content of each list, the claim's included.
    lists: BTreeMap<AccessId, (u32, &'a AccessList)>,
    /// Lists and revocations that count.
    standing_lists: BTreeSet<AccessId>,
    standing_revocations: Vec<&'a Checked>,
}

impl Rules<'_> {
    fn is_in_past(&self, op: &Checked, list: &AccessId) -> bool {
        !self.ops.contains_key(&OpHash(list.0)) || self.past[&op.hash()].contains(&OpHash(list.0))
    }

    /// Whether a list had seen an operation.
    fn had_seen(&self, list: &AccessId, op: &Checked) -> bool {
        self.past.get(&OpHash(list.0)).is_some_and(|past| past.contains(&op.hash()))
    }

    fn supersedes(&self, newer: &AccessId, older: &AccessId) -> bool {
        let [newer_term, older_term] = [newer, older].map(|list| self.lists[list].0);
        let is_after = self.ops.get(&OpHash(newer.0)).is_some_and(|op| self.is_in_past(op, older));
        newer != older && (newer_term > older_term || (newer_term == older_term && is_after))
    }

    fn has_right(&self, list: &AccessId, op: &Checked) -> bool {
        let (term, list) = self.lists[list];
        let owner = self.owners[term as usize];
        match op.body() {
            Body::Revoke { key, .. } => list.may_revoke(owner, op.author(), *key),
            _ => list.may_build(owner, op.author()),
        }
    }

    fn is_dropped(&self, op: &Checked) -> bool {
        let access = op.statement().access;
        let is_void = !self.standing_lists.contains(&access);
        let is_superseded = self.standing_lists.iter().any(|newer| {
            self.supersedes(newer, &access)
                && !self.had_seen(newer, op)
                && !self.is_in_past(op, newer)
                && !self.has_right(newer, op)
        });
        let (term, list) = self.lists[&access];
        let is_revoked = self.standing_revocations.iter().any(|revocation| {
            let Body::Revoke { key, seen } = revocation.body() else { return false };
            let past = &self.past[&revocation.hash()];
            let is_spared = seen
                .iter()
                .any(|head| past.contains(head) && (*head == op.hash() || self.past[head].contains(&op.hash())));
            let is_above =
                self.owners[term as usize] == op.author() && term >= self.lists[&revocation.statement().access].0;
            *key == op.author() && !is_spared && !list.lifted.contains(&revocation.hash()) && !is_above
        });
        is_void || is_superseded || is_revoked
    }
}

/// What a graph without folds must show.
pub fn by_definition<'a>(
    claim: &Claim,
    owners: &[Address],
    log: impl Iterator<Item = &'a Checked>,
) -> BTreeMap<u32, BlockId> {
    let ops: BTreeMap<OpHash, &Checked> = log.map(|op| (op.hash(), op)).collect();
    let mut by_depth: Vec<&Checked> = ops.values().copied().collect();
    by_depth.sort_by_key(|op| op.statement().depth);
    let mut past: BTreeMap<OpHash, BTreeSet<OpHash>> = BTreeMap::new();
    for op in &by_depth {
        let parents = &op.statement().parents;
        let all = parents.iter().flat_map(|parent| past[parent].iter().chain([parent])).copied().collect();
        past.insert(op.hash(), all);
    }
    let mut lists = BTreeMap::from([(claim.access_id(), (0, &claim.access))]);
    for op in ops.values() {
        if let Body::Access { term, list } = op.body() {
            lists.insert(AccessId(op.hash().0), (*term, list));
        }
    }
    let (standing_lists, standing_revocations) = Default::default();
    let mut rules = Rules { owners, ops, past, lists, standing_lists, standing_revocations };
    let mut by_term: Vec<AccessId> = rules.lists.keys().copied().collect();
    by_term.sort_by_key(|id| Reverse(rules.lists[id].0));
    for id in by_term {
        let term = rules.lists[&id].0;
        let is_void = rules.ops.get(&OpHash(id.0)).is_some_and(|op| {
            rules.standing_lists.iter().any(|other| rules.lists[other].0 > term && !rules.had_seen(other, op))
        });
        if !is_void {
            rules.standing_lists.insert(id);
        }
    }
    let mut revocations: Vec<&Checked> =
        rules.ops.values().filter(|op| matches!(op.body(), Body::Revoke { .. })).copied().collect();
    revocations.sort_by_key(|op| {
        let term = rules.lists[&op.statement().access].0;
        (Reverse(term), owners[term as usize] != op.author(), op.statement().depth, op.hash())
    });
    for op in revocations {
        if !rules.is_dropped(op) {
            rules.standing_revocations.push(op);
        }
    }
    let mut blocks: BTreeMap<u32, (Stamp, BlockId)> = BTreeMap::new();
    for op in by_depth {
        let Body::Place(writes) = op.body() else { continue };
        if rules.is_dropped(op) {
            continue;
        }
        let stamp = Stamp { depth: op.statement().depth, author: op.author(), hash: op.hash() };
        for (voxel, block) in writes {
            let best = blocks.entry(*voxel).or_insert((stamp, *block));
            if best.0 < stamp {
                *best = (stamp, *block);
            }
        }
    }
    blocks.into_iter().map(|(voxel, (_, block))| (voxel, block)).collect()
}
