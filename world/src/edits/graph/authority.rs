//! Which lists and revocations count, and what they drop. The rules are those in the sign of [`edits`](super::super).
//!
//! Everything here is a function of the set of operations, never of the order in which they came: lists are weighed by
//! term, revocations by (term, owner first, depth, hash), and each by those weighed before it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use bitdust_types::Address;

use super::{
    super::{AccessId, AccessList, Body, OpHash},
    Node,
    past::Past,
};

/// Why an operation's effects don't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It relies on a list that is void, or is one: a list by an earlier term's owner that a later term's had not seen.
    VoidList(AccessId),
    /// It does not know of this list, which supersedes the one that it relies on and does not give the right.
    Superseded(AccessId),
    /// Its author's key was revoked by this operation.
    Revoked(OpHash),
}

/// A known access list.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub term: u32,
    pub list: AccessList,
    /// Lists of the same term in its past. Those of earlier terms are superseded by their term.
    pub superseded: BTreeSet<AccessId>,
    /// The list's operation in the log and its past; none for lists of the base.
    pub live: Option<(u32, Past)>,
    /// Whether a list of the base counts; decided when it was folded.
    pub counts_in_base: bool,
}

/// A known revocation.
#[derive(Clone, Debug)]
pub(super) struct Revocation {
    pub key: Address,
    /// The term of the list that it relied on.
    pub term: u32,
    /// The revocation in the log, and what of the log it leaves: what was seen and its past. None for those of the base,
    /// which leave nothing that is still in the log.
    pub live: Option<(u32, Past)>,
}

/// All lists and revocations that a replica knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Authority {
    /// Owners by term.
    pub owners: Vec<Address>,
    pub lists: BTreeMap<AccessId, List>,
    pub revocations: BTreeMap<OpHash, Revocation>,
}

/// Which of them count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub lists: BTreeSet<AccessId>,
    /// Of these, the ones that supersede a known list.
    newer: BTreeMap<AccessId, Vec<AccessId>>,
    /// By the key that they revoke.
    pub revocations: BTreeMap<Address, Vec<OpHash>>,
}

/// What is judged: an operation in the log, or one that its author is about to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act<'a> {
    pub author: Address,
    pub access: AccessId,
    pub body: &'a Body,
    /// The place in the log.
    pub at: Option<u32>,
    pub hash: Option<OpHash>,
}

impl Authority {
    pub fn owner(&self, term: u32) -> Option<Address> {
        self.owners.get(term as usize).copied()
    }

    /// Whether `newer` supersedes `older`.
    pub fn supersedes(&self, newer: &List, older_id: &AccessId) -> bool {
        newer.superseded.contains(older_id) || self.lists.get(older_id).is_some_and(|older| older.term < newer.term)
    }

    /// Removes superseded lists from a set.
    pub fn in_force(&self, mut ids: BTreeSet<AccessId>) -> BTreeSet<AccessId> {
        if ids.len() > 1 {
            let all = ids.clone();
            ids.retain(|id| {
                !all.iter().filter_map(|other| self.lists.get(other)).any(|other| self.supersedes(other, id))
            });
        }
        ids
    }

    /// Whether a list gives an author the right to a body.
    pub fn gives_right(&self, list: &List, author: Address, body: &Body) -> bool {
        let Some(owner) = self.owner(list.term) else { return false };
        match body {
            Body::Place(_) | Body::Note { .. } => list.list.may_build(owner, author),
            Body::Revoke { key, .. } => list.list.may_revoke(owner, author, *key),
            Body::Access { term, .. } => *term >= list.term && self.owner(*term) == Some(author),
        }
    }

    /// Decides which lists and revocations count, among all or among those `within` a part of the log.
    pub fn judge(&self, nodes: &[Node], within: Option<&Past>) -> Standing {
        let mut standing = Standing::default();
        let mut lists: Vec<_> = self.lists.iter().filter(|(_, list)| is_within(&list.live, within)).collect();
        lists.sort_by_key(|(id, list)| (Reverse(list.term), **id));
        for (id, list) in lists {
            let is_void = match &list.live {
                None => !list.counts_in_base,
                Some((at, _)) => standing.lists.iter().filter_map(|other| self.lists.get(other)).any(|other| {
                    other.term > list.term && !other.live.as_ref().is_some_and(|(_, past)| past.contains(*at))
                }),
            };
            if !is_void {
                standing.lists.insert(*id);
            }
        }
        for id in self.lists.keys() {
            let newer = standing.lists.iter().filter(|newer| self.supersedes(&self.lists[newer], id));
            standing.newer.insert(*id, newer.copied().collect());
        }
        self.judge_revocations(&mut standing, nodes, within);
        standing
    }

    /// Decides which revocations count where the lists have been decided.
    pub fn judge_revocations(&self, standing: &mut Standing, nodes: &[Node], within: Option<&Past>) {
        standing.revocations.clear();
        let mut revocations: Vec<_> =
            self.revocations.iter().filter(|(_, revocation)| is_within(&revocation.live, within)).collect();
        revocations.sort_by_cached_key(|(hash, revocation)| {
            let live = revocation.live.as_ref().map(|(at, _)| {
                let node = &nodes[*at as usize];
                (self.owner(revocation.term) != Some(node.op.author()), node.depth())
            });
            (Reverse(revocation.term), live, **hash)
        });
        for (hash, revocation) in revocations {
            let counts = match &revocation.live {
                None => true,
                Some((at, _)) => self.verdict(standing, nodes[*at as usize].act(*at)).is_none(),
            };
            if counts {
                standing.revocations.entry(revocation.key).or_default().push(*hash);
            }
        }
    }

    /// Why an act does not count, if it doesn't.
    pub fn verdict(&self, standing: &Standing, act: Act<'_>) -> Option<Dropped> {
        if let (Body::Access { .. }, Some(hash)) = (act.body, act.hash) {
            let id = AccessId(hash.0);
            return (!standing.lists.contains(&id)).then_some(Dropped::VoidList(id));
        }
        if !standing.lists.contains(&act.access) {
            return Some(Dropped::VoidList(act.access));
        }
        let spares = |live: &Option<(u32, Past)>| match (live, act.at) {
            (Some((_, past)), Some(at)) => past.contains(at),
            _ => false,
        };
        let list = &self.lists[&act.access];
        for id in standing.newer.get(&act.access).into_iter().flatten() {
            let newer = &self.lists[id];
            if !spares(&newer.live) && !self.gives_right(newer, act.author, act.body) {
                return Some(Dropped::Superseded(*id));
            }
        }
        let is_owner = self.owner(list.term) == Some(act.author);
        for hash in standing.revocations.get(&act.author).into_iter().flatten() {
            let revocation = &self.revocations[hash];
            let is_lifted = list.list.lifted.binary_search(hash).is_ok();
            let is_above = is_owner && list.term >= revocation.term;
            if !spares(&revocation.live) && !is_lifted && !is_above {
                return Some(Dropped::Revoked(*hash));
            }
        }
        None
    }
}

fn is_within(live: &Option<(u32, Past)>, within: Option<&Past>) -> bool {
    match (live, within) {
        (Some((at, _)), Some(within)) => within.contains(*at),
        _ => true,
    }
}
