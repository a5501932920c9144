//! One replica of a location's edits: what has arrived, what it amounts to.
//!
//! The graph keeps a *base* (the newest version that was folded), the operations on top of it in the order in which they
//! arrived (the log, always parents first), and the merged result, kept up to date with each one. It is told nothing about
//! time and does no IO: a shell persists what [`Graph::log`] yields before it tells anybody, and reads it back by
//! [`Graph::replay`].
//!
//! **Invariant:** the merged result is a function of base, owners and the set of operations in the log, not of their order.
//!
//! Read next: `authority` (what is dropped), `merge` (which write wins), [`fold`] (versions), `pending`.

pub mod fold;

mod authority;
mod draft;
mod merge;
mod past;
mod pending;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bitdust_proof::blob::root;
use bitdust_types::{Address, Root};

use super::{AccessId, Body, Checked, Claim, Invalid, OpHash, limits};
use crate::{block::BlockId, chunk::Chunk, place::CHUNK_VOXELS};
use authority::{Act, Authority, List, Revocation, Standing};
use merge::Merged;
use past::Past;
use pending::Pending;

pub use authority::Dropped;
pub use draft::DraftError;
pub use fold::{Fold, FoldError, Folded};
pub use merge::Stamp;

/// What became of an operation that nobody may refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is in the log and counts.
    Applied,
    /// It is in the log, so that others may build on it, and does not count for now.
    Dropped(Dropped),
    /// It waits for these parents; for none if it waits for the ledger to show its author's ownership.
    Pending(Vec<OpHash>),
    /// It is here already.
    Known,
    /// It is at or below the horizon of the base: either part of the base, or too late for it.
    TooOld,
    /// No room: it is welcome after the next fold.
    Full,
}

/// An operation in the log.
#[derive(Clone, Debug)]
struct Node {
    op: Checked,
    /// Places of those parents that are in the log; the others are in the base.
    parents: Vec<u32>,
    /// Lists in force at this point: those in its past and itself that none of them supersedes.
    lists: Arc<[AccessId]>,
    dropped: Option<Dropped>,
}

impl Node {
    fn depth(&self) -> u64 {
        self.op.statement().depth
    }

    fn stamp(&self) -> Stamp {
        Stamp { depth: self.depth(), author: self.op.author(), hash: self.op.hash() }
    }

    fn act(&self, at: u32) -> Act<'_> {
        Act {
            author: self.op.author(),
            access: self.op.statement().access,
            body: self.op.body(),
            at: Some(at),
            hash: Some(self.op.hash()),
        }
    }
}

/// What the log's operations take of the bounds.
#[derive(Clone, Debug, Default)]
struct Usage {
    ops: usize,
    size_bytes: usize,
    strangers: u32,
    strangers_bytes: usize,
    by_author: BTreeMap<Address, u32>,
}

/// A replica.
#[derive(Clone, Debug)]
pub struct Graph {
    claim: Claim,
    base: Folded,
    /// The base's operations by hash, as places in `base`.
    base_index: BTreeMap<OpHash, u32>,
    log: Vec<Node>,
    index: BTreeMap<OpHash, u32>,
    heads: BTreeSet<OpHash>,
    authority: Authority,
    standing: Standing,
    merged: Merged,
    usage: Usage,
    pending: Pending,
}

impl Graph {
    /// The graph of a location that nobody has changed.
    pub fn new(claim: Claim) -> Result<Self, Invalid> {
        claim.access.check()?;
        let base = Folded::unchanged(&claim);
        Ok(Self::on_base(claim.clone(), vec![claim.owner], base))
    }

    /// A graph on a version that was loaded, with the ledger's owners by term and the log's operations in order. What the
    /// log holds against the rules is left out.
    pub fn replay(
        claim: Claim,
        owners: &[Address],
        base: Folded,
        log: impl IntoIterator<Item = Checked>,
    ) -> Result<Self, FoldError> {
        base.check_for(&claim, owners)?;
        let mut graph = Self::on_base(claim, owners.to_vec(), base);
        for op in log {
            _ = graph.insert(op);
        }
        Ok(graph)
    }

    /// Takes an operation from anybody: our own player, gossip, a log.
    pub fn insert(&mut self, op: Checked) -> Result<Inserted, Invalid> {
        let hash = op.hash();
        let inserted = self.try_insert(op)?;
        if matches!(inserted, Inserted::Applied | Inserted::Dropped(_)) {
            let mut ready = self.pending.take_waiting_for(&hash);
            while let Some(op) = ready.pop() {
                let hash = op.hash();
                // Whoever sent an invalid one is no longer known here; it just leaves.
                if matches!(self.try_insert(op), Ok(Inserted::Applied | Inserted::Dropped(_))) {
                    ready.extend(self.pending.take_waiting_for(&hash));
                }
            }
        }
        Ok(inserted)
    }

    /// The ledger shows a new owner: the next term begins. The former owner's list stays in force until the new owner
    /// writes one of the new term, which then drops all that it had not seen and does not allow.
    pub fn change_owner(&mut self, owner: Address) {
        self.authority.owners.push(owner);
        for op in self.pending.take_all() {
            _ = self.insert(op);
        }
    }

    /// What the ledger said first.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The number of the present owner.
    pub fn term(&self) -> u32 {
        self.authority.owners.len() as u32 - 1
    }

    /// Owners by term.
    pub fn owners(&self) -> &[Address] {
        &self.authority.owners
    }

    /// The version that the log lies on.
    pub fn base(&self) -> &Folded {
        &self.base
    }

    /// Operations on top of the base in causal order, to be written to segments. Only ever appended to, until a fold.
    pub fn log(&self) -> impl ExactSizeIterator<Item = &Checked> {
        self.log.iter().map(|node| &node.op)
    }

    /// What a log's operation counts for.
    pub fn dropped(&self, hash: &OpHash) -> Option<Dropped> {
        self.index.get(hash).and_then(|at| self.log[*at as usize].dropped)
    }

    /// Operations that no other names as a parent.
    pub fn heads(&self) -> &BTreeSet<OpHash> {
        &self.heads
    }

    /// Whether an operation is in the log or in the base's horizon.
    pub fn contains(&self, hash: &OpHash) -> bool {
        self.index.contains_key(hash) || self.base_index.contains_key(hash)
    }

    /// The depth of an operation in the log or in the base's horizon.
    pub fn depth(&self, hash: &OpHash) -> Option<u64> {
        let in_log = self.index.get(hash).map(|at| self.log[*at as usize].depth());
        in_log.or_else(|| self.base_index.get(hash).map(|at| self.base.depth_of(*at)))
    }

    /// Parents that pending operations wait for.
    pub fn missing(&self) -> BTreeSet<OpHash> {
        self.pending.missing().collect()
    }

    /// How many operations wait, and their bytes.
    pub fn pending(&self) -> (usize, usize) {
        (self.pending.len(), self.pending.size_bytes())
    }

    /// Access lists in force: those that count and that no other supersedes. Several after concurrent changes.
    pub fn lists_in_force(&self) -> BTreeSet<AccessId> {
        self.authority.in_force(self.standing.lists.clone())
    }

    /// What a list says.
    pub fn list(&self, id: &AccessId) -> Option<&super::AccessList> {
        self.authority.lists.get(id).map(|list| &list.list)
    }

    /// Revocations that count, by key.
    pub fn revocations(&self) -> &BTreeMap<Address, Vec<OpHash>> {
        &self.standing.revocations
    }

    /// Whether somebody may fold: the present owner, or a compactor of a list in force that is not revoked. Versions by
    /// others are not to be followed.
    pub fn may_fold(&self, who: Address) -> bool {
        let revocations = self.revocations().get(&who).map_or(&[][..], Vec::as_slice);
        let is_free = |list: &List| revocations.iter().all(|hash| list.list.lifted.binary_search(hash).is_ok());
        let lists = self.lists_in_force();
        self.authority.owners.last() == Some(&who)
            || lists
                .iter()
                .filter_map(|id| self.authority.lists.get(id))
                .any(|list| list.list.compactors.binary_search(&who).is_ok() && is_free(list))
    }

    /// The block at a voxel, if the edits on top of the base decide it.
    pub fn block(&self, voxel: u32) -> Option<BlockId> {
        self.merged.block(voxel)
    }

    /// All voxels that the edits on top of the base decide.
    pub fn materialize(&self) -> BTreeMap<u32, BlockId> {
        self.merged.blocks(0..super::voxel::VOXEL_END).collect()
    }

    /// Texts by voxel, the base's included.
    pub fn notes(&self) -> BTreeMap<u32, &str> {
        self.merged.notes(&self.log)
    }

    /// Whether edits on top of the base decide a voxel of one chunk, by its index in the location.
    pub fn edits_chunk(&self, chunk_index: u16) -> bool {
        let first = u32::from(chunk_index) << 15;
        self.merged.blocks(first..first + CHUNK_VOXELS as u32).next().is_some()
    }

    /// Names what the edits on top of the base make of one chunk, by its index in the location: equal marks on equal bases
    /// are equal voxels. `None` if they decide none of its voxels.
    pub fn chunk_mark(&self, chunk_index: u16) -> Option<Root> {
        let first = u32::from(chunk_index) << 15;
        let edits = self.merged.blocks(first..first + CHUNK_VOXELS as u32);
        let bytes: Vec<u8> =
            edits.flat_map(|(voxel, block)| (u64::from(voxel) << 16 | u64::from(block.0)).to_le_bytes()).collect();
        (!bytes.is_empty()).then(|| root(&bytes))
    }

    /// Puts the edits of one chunk, by its index in the location, into the base version's chunk.
    pub fn apply_to(&self, chunk_index: u16, chunk: &mut Chunk) {
        let first = u32::from(chunk_index) << 15;
        let mut edits = self.merged.blocks(first..first + CHUNK_VOXELS as u32).peekable();
        if edits.peek().is_some() {
            let voxels = chunk.make_mixed();
            for (voxel, block) in edits {
                voxels[(voxel - first) as usize] = block;
            }
        }
    }

    /// Voxels whose block or note changed since the last call, with the block that the edits decide; `None` where the base
    /// version's shows again.
    pub fn take_changes(&mut self) -> BTreeMap<u32, Option<BlockId>> {
        let changed = self.merged.take_changed();
        changed.into_iter().map(|voxel| (voxel, self.merged.block(voxel))).collect()
    }

    /// Names what all edits amount to: version, blocks, notes, lists in force, revocations. Equal on all replicas that know
    /// the same operations, owners and version.
    pub fn state_hash(&self) -> Root {
        let mut bytes = b"BDS\x01".to_vec();
        let blocks: Vec<(u32, BlockId)> = self.materialize().into_iter().collect();
        let notes: Vec<(u32, &str)> = self.notes().into_iter().collect();
        let revocations: BTreeSet<OpHash> = self.standing.revocations.values().flatten().copied().collect();
        borsh::to_writer(&mut bytes, &(self.base.sequence(), blocks, notes, self.lists_in_force(), revocations))
            .expect("a vector takes any bytes");
        root(&bytes)
    }

    /// Operations of the log from a place on that are neither among `known` nor in the past of any of them, in causal
    /// order, with their places.
    pub fn missing_for(&self, known: &[OpHash], from: u32) -> impl Iterator<Item = (u32, &Checked)> {
        let past = self.past_of(known);
        (0..)
            .zip(&self.log)
            .skip(from as usize)
            .filter(move |(at, _)| !past.contains(*at))
            .map(|(at, node)| (at, &node.op))
    }

    fn on_base(claim: Claim, owners: Vec<Address>, base: Folded) -> Self {
        let mut graph = Graph {
            base_index: base.index(),
            heads: base.heads().iter().copied().collect(),
            authority: base.authority(owners),
            merged: base.merged(),
            log: Vec::new(),
            index: BTreeMap::new(),
            standing: Standing::default(),
            usage: Usage::default(),
            pending: Pending::default(),
            claim,
            base,
        };
        graph.standing = graph.authority.judge(&graph.log, None);
        graph
    }

    /// The log's part of the past of some operations, themselves included.
    fn past_of(&self, tops: &[OpHash]) -> Past {
        let tops = tops.iter().filter_map(|hash| self.index.get(hash)).copied();
        Past::of(tops, |at| &self.log[at as usize].parents)
    }

    fn try_insert(&mut self, op: Checked) -> Result<Inserted, Invalid> {
        let statement = op.statement();
        if (statement.chain, statement.world, statement.pos) != (self.claim.chain, self.claim.world, self.claim.pos) {
            return Err(Invalid::Elsewhere);
        }
        if self.contains(&op.hash()) || self.pending.contains(&op.hash()) {
            return Ok(Inserted::Known);
        }
        if statement.depth <= self.base.floor() {
            return Ok(Inserted::TooOld);
        }
        let missing: Vec<OpHash> = statement.parents.iter().filter(|parent| !self.contains(parent)).copied().collect();
        let is_ahead = matches!(statement.body, Body::Access { term, .. } if term > self.term());
        if is_ahead || !missing.is_empty() {
            let is_kept = self.pending.add(op, missing.clone());
            return Ok(if is_kept { Inserted::Pending(missing) } else { Inserted::Full });
        }
        let lists = self.check(&op)?;
        if !self.has_room(&op) {
            return Ok(Inserted::Full);
        }
        Ok(self.admit(op, lists))
    }

    /// The rules that depend on an operation's past alone. Returns the lists in force at its parents.
    fn check(&self, op: &Checked) -> Result<BTreeSet<AccessId>, Invalid> {
        let statement = op.statement();
        let (deepest, lists) = self.at_parents(&statement.parents);
        if deepest.checked_add(1) != Some(statement.depth) {
            return Err(Invalid::Depth { said: statement.depth, is: deepest.saturating_add(1) });
        }
        if lists.len() > limits::LISTS_IN_FORCE_MAX && !matches!(statement.body, Body::Access { .. }) {
            return Err(Invalid::TooManyLists(lists.len()));
        }
        if !lists.contains(&statement.access) {
            return Err(Invalid::NotInForce(statement.access));
        }
        let has_right = self
            .authority
            .lists
            .get(&statement.access)
            .is_some_and(|list| self.authority.gives_right(list, op.author(), &statement.body));
        let is_late = matches!(statement.body, Body::Access { term, .. }
            if lists.iter().any(|id| self.authority.lists.get(id).is_some_and(|list| list.term > term)));
        if !has_right || is_late {
            return Err(Invalid::NoRight { author: op.author(), act: statement.body.act(), access: statement.access });
        }
        Ok(lists)
    }

    /// The largest depth of some known operations, and the lists in force at them.
    fn at_parents(&self, parents: &[OpHash]) -> (u64, BTreeSet<AccessId>) {
        let mut deepest = 0;
        let mut lists = BTreeSet::new();
        for parent in parents {
            if let Some(at) = self.index.get(parent) {
                let node = &self.log[*at as usize];
                deepest = deepest.max(node.depth());
                lists.extend(node.lists.iter().copied());
            } else if let Some(at) = self.base_index.get(parent) {
                deepest = deepest.max(self.base.depth_of(*at));
                lists.extend(self.base.lists_of(*at));
            }
        }
        if parents.is_empty() {
            lists.insert(self.base.claim());
        }
        (deepest, self.authority.in_force(lists))
    }

    /// Whether an operation takes room of the strangers' share: its list doesn't name the author, or it would be dropped.
    fn is_stranger(&self, op: &Checked) -> bool {
        let access = op.statement().access;
        let act = Act { author: op.author(), access, body: op.body(), at: None, hash: Some(op.hash()) };
        let is_named = self.authority.lists.get(&access).is_some_and(|list| {
            self.authority.owner(list.term).is_some_and(|owner| list.list.knows(owner, op.author()))
        });
        !is_named || self.authority.verdict(&self.standing, act).is_some()
    }

    fn has_room(&self, op: &Checked) -> bool {
        let usage = &self.usage;
        match op.body() {
            Body::Access { .. } => self.authority.lists.len() < limits::LISTS_MAX,
            Body::Revoke { .. } => self.authority.revocations.len() < limits::REVOCATIONS_MAX,
            Body::Place(_) | Body::Note { .. } => {
                usage.ops < limits::OPS_MAX
                    && usage.size_bytes + op.size_bytes() <= limits::LOG_BYTES_MAX
                    && usage.by_author.get(&op.author()).is_none_or(|count| *count < limits::AUTHOR_OPS_MAX)
                    && (!self.is_stranger(op)
                        || (usage.strangers < limits::STRANGERS_OPS_MAX
                            && usage.strangers_bytes + op.size_bytes() <= limits::STRANGERS_BYTES_MAX))
            }
        }
    }

    fn count(&mut self, op: &Checked) {
        if matches!(op.body(), Body::Place(_) | Body::Note { .. }) {
            let is_stranger = self.is_stranger(op);
            let usage = &mut self.usage;
            usage.ops += 1;
            usage.size_bytes += op.size_bytes();
            *usage.by_author.entry(op.author()).or_default() += 1;
            if is_stranger {
                usage.strangers += 1;
                usage.strangers_bytes += op.size_bytes();
            }
        }
    }

    /// Appends an operation that was checked, and brings the merged result up to date.
    fn admit(&mut self, op: Checked, lists: BTreeSet<AccessId>) -> Inserted {
        self.count(&op);
        let at = self.log.len() as u32;
        let hash = op.hash();
        let parents: Vec<u32> =
            op.statement().parents.iter().filter_map(|parent| self.index.get(parent)).copied().collect();
        for parent in &op.statement().parents {
            self.heads.remove(parent);
        }
        self.heads.insert(hash);
        self.index.insert(hash, at);
        let own_lists = match op.body() {
            Body::Access { .. } => Arc::from([AccessId(hash.0)]),
            _ => self.share(&parents, &lists),
        };
        self.log.push(Node { op, parents, lists: own_lists, dropped: None });
        let statement = self.log[at as usize].op.statement();
        match statement.body.clone() {
            Body::Access { term, list } => {
                let past = self.past_of(&statement.parents);
                let superseded = lists
                    .iter()
                    .filter_map(|id| self.authority.lists.get(id).map(|list| (id, list)))
                    .filter(|(_, list)| list.term == term)
                    .flat_map(|(id, list)| list.superseded.iter().chain([id]).copied())
                    .collect();
                let live = Some((at, past));
                let list = List { term, list, superseded, live, counts_in_base: false };
                self.authority.lists.insert(AccessId(hash.0), list);
                self.standing = self.authority.judge(&self.log, None);
                self.decide_again();
            }
            Body::Revoke { key, seen } => {
                let past = self.past_of(&statement.parents);
                let tops = seen.iter().filter_map(|hash| self.index.get(hash)).filter(|at| past.contains(**at));
                let spared = Past::of(tops.copied(), |at| &self.log[at as usize].parents);
                let term = self.authority.lists.get(&statement.access).map_or(0, |list| list.term);
                self.authority.revocations.insert(hash, Revocation { key, term, live: Some((at, spared)) });
                self.authority.judge_revocations(&mut self.standing, &self.log, None);
                self.decide_again();
            }
            Body::Place(_) | Body::Note { .. } => {
                let dropped = self.authority.verdict(&self.standing, self.log[at as usize].act(at));
                self.log[at as usize].dropped = dropped;
                if dropped.is_none() {
                    self.merged.offer(&self.log, at, |_| true);
                }
            }
        }
        match self.log[at as usize].dropped {
            None => Inserted::Applied,
            Some(dropped) => Inserted::Dropped(dropped),
        }
    }

    /// A parent's set of lists if it is the same: most operations change no list, so one set serves thousands.
    fn share(&self, parents: &[u32], lists: &BTreeSet<AccessId>) -> Arc<[AccessId]> {
        let is_equal = |other: &&Arc<[AccessId]>| other.iter().eq(lists);
        let of_parents = parents.iter().map(|at| &self.log[*at as usize].lists).find(is_equal);
        of_parents.map_or_else(|| lists.iter().copied().collect(), Arc::clone)
    }

    /// Holds every operation against the lists and revocations that count, after one was added.
    fn decide_again(&mut self) {
        let mut turned = Vec::new();
        for at in 0..self.log.len() as u32 {
            let dropped = self.authority.verdict(&self.standing, self.log[at as usize].act(at));
            let node = &mut self.log[at as usize];
            if node.dropped.is_some() != dropped.is_some() {
                turned.push(at);
            }
            node.dropped = dropped;
        }
        self.merged.decide_again(&self.log, &turned);
    }
}
