//! A dataset's manifest after replay: its files, its slabs, and the order of every slot's list.
//!
//! **Order of a slot's list.** Slabs' shards and revision blobs in the order in which they were added. A delta drops the
//! slabs that it names, appends its new slabs, then itself. A snapshot makes all earlier revision blobs unnecessary, so it
//! drops them too. Nothing is ever inserted or moved: a supplier that lags behind by any number of revisions reaches the
//! newest list by removals and appends only.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bitdust_types::{DatasetId, Root, SlabId};

use super::{
    Invalid, SNAPSHOT_EVERY,
    entry::{Change, FileEntry, OwnerDelta, RepairDelta, SecretKey, Segment, SlabEntry},
};
use crate::wire::BlobRef;

/// One place in every slot's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Slot j holds the slab's shard j.
    Slab(SlabId),
    /// Every slot holds the same revision blob.
    Revision(BlobRef),
}

/// How much of a slab is still part of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlabUsage {
    /// Plaintext bytes that some file uses.
    pub live_bytes: u64,
    /// Plaintext bytes that none does.
    pub dead_bytes: u64,
}

/// All that is known of a dataset's content at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    dataset: DatasetId,
    number: u64,
    head: Option<BlobRef>,
    since_snapshot: u32,
    repair_root: SecretKey,
    slabs: BTreeMap<SlabId, SlabEntry>,
    by_plain: HashMap<Root, SlabId>,
    order: Vec<Item>,
    files: BTreeMap<String, FileEntry>,
}

impl Manifest {
    /// A dataset without any revision.
    pub fn new(dataset: DatasetId, repair_root: SecretKey) -> Self {
        Manifest {
            dataset,
            number: 0,
            head: None,
            since_snapshot: 0,
            repair_root,
            slabs: BTreeMap::new(),
            by_plain: HashMap::new(),
            order: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// The dataset.
    pub fn dataset(&self) -> DatasetId {
        self.dataset
    }

    /// The newest revision; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The newest revision's blob.
    pub fn head(&self) -> Option<BlobRef> {
        self.head
    }

    /// The root that each slab's `K_r` is derived from.
    pub fn repair_root(&self) -> &SecretKey {
        &self.repair_root
    }

    /// All files by path.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.values()
    }

    /// Number of files.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// A file.
    pub fn file(&self, path: &str) -> Option<&FileEntry> {
        self.files.get(path)
    }

    /// The files at or below a path; all for the empty path.
    pub fn list<'a>(&'a self, below: &'a str) -> impl Iterator<Item = &'a FileEntry> {
        let below = below.trim_end_matches('/');
        // All paths that begin with `below` are neighbours in the map.
        self.files
            .range(below.to_owned()..)
            .map(|(_, file)| file)
            .take_while(move |file| file.path.starts_with(below))
            .filter(move |file| {
                below.is_empty() || file.path.len() == below.len() || file.path.as_bytes()[below.len()] == b'/'
            })
    }

    /// A slab.
    pub fn slab(&self, id: &SlabId) -> Option<&SlabEntry> {
        self.slabs.get(id)
    }

    /// All slabs by id.
    pub fn slabs(&self) -> impl Iterator<Item = &SlabEntry> {
        self.slabs.values()
    }

    /// The slab with exactly these plaintext bytes, if there is one: putting them again needs no new slab.
    pub fn slab_with_plain(&self, plain_hash: &Root) -> Option<&SlabEntry> {
        self.by_plain.get(plain_hash).and_then(|id| self.slabs.get(id))
    }

    /// The segments that hold bytes `start..end` of a file, cut to that range.
    pub fn segments(&self, file: &FileEntry, start: u64, end: u64) -> Vec<Segment> {
        let mut found = Vec::new();
        let mut at = 0;
        for segment in &file.segments {
            let (from, to) = (start.max(at), end.min(at + segment.len));
            if from < to {
                found.push(Segment { slab: segment.slab, offset: segment.offset + (from - at), len: to - from });
            }
            at += segment.len;
        }
        found
    }

    /// Live and dead bytes of every slab. Bytes that two files share count once.
    pub fn usage(&self) -> BTreeMap<SlabId, SlabUsage> {
        let mut used: BTreeMap<SlabId, Vec<(u64, u64)>> = BTreeMap::new();
        for segment in self.files.values().flat_map(|file| &file.segments) {
            used.entry(segment.slab).or_default().push((segment.offset, segment.offset + segment.len));
        }
        let measure = |slab: &SlabEntry| {
            let mut spans = used.remove(&slab.id).unwrap_or_default();
            spans.sort_unstable();
            let (mut live_bytes, mut covered) = (0, 0);
            for (start, end) in spans {
                live_bytes += end.saturating_sub(start.max(covered));
                covered = covered.max(end);
            }
            SlabUsage { live_bytes, dead_bytes: slab.plain_bytes.saturating_sub(live_bytes) }
        };
        let mut measure = measure;
        self.slabs.values().map(|slab| (slab.id, measure(slab))).collect()
    }

    /// Slabs that no file uses, except those in `keep` (an unfinished put's).
    pub fn unused_slabs(&self, keep: &BTreeSet<SlabId>) -> Vec<SlabId> {
        self.usage()
            .into_iter()
            .filter(|(id, usage)| usage.live_bytes == 0 && !keep.contains(id))
            .map(|(id, _)| id)
            .collect()
    }

    /// Slabs of which less than half is alive, but something: rewriting them pays.
    pub fn sparse_slabs(&self) -> Vec<SlabId> {
        let sparse = |usage: &SlabUsage| usage.live_bytes > 0 && usage.live_bytes < usage.dead_bytes;
        self.usage().into_iter().filter(|(_, usage)| sparse(usage)).map(|(id, _)| id).collect()
    }

    /// The places of every slot's list.
    pub fn order(&self) -> &[Item] {
        &self.order
    }

    /// The list of one slot, as the ledger's slot root commits to it.
    pub fn slot_list(&self, slot: u16) -> Vec<BlobRef> {
        self.order.iter().filter_map(|item| self.blob_of(item, slot)).collect()
    }

    /// The blob that one slot holds at one place; `None` if the dataset has no such slot.
    pub fn blob_of(&self, item: &Item, slot: u16) -> Option<BlobRef> {
        match item {
            Item::Revision(blob) => Some(*blob),
            Item::Slab(id) => {
                let slab = self.slabs.get(id)?;
                Some(BlobRef { root: *slab.roots.get(usize::from(slot))?, len: slab.shard_bytes() })
            }
        }
    }

    /// Whether the next revision should be a snapshot.
    pub fn snapshot_due(&self) -> bool {
        self.number == 0 || self.since_snapshot + 1 >= SNAPSHOT_EVERY
    }

    /// The manifest after a change, without the new revision's own blob, which can be made only from it; complete it with
    /// [`Manifest::adopt`].
    pub fn with_change(&self, change: &Change, snapshot: bool) -> Result<Manifest, Invalid> {
        let mut next = self.clone();
        next.number += 1;
        next.apply(change)?;
        next.since_snapshot += 1;
        if snapshot {
            next.since_snapshot = 0;
            next.order.retain(|item| matches!(item, Item::Slab(_)));
        }
        Ok(next)
    }

    /// The revision that the next change follows: a walk that begins at a snapshot doesn't know those before it.
    pub(super) fn set_number(&mut self, number: u64) {
        self.number = number;
    }

    /// Appends the revision's own blob.
    pub fn adopt(&mut self, blob: BlobRef) {
        self.head = Some(blob);
        self.order.push(Item::Revision(blob));
    }

    /// The two deltas that say what `change` says, or everything for a snapshot (`self` is then the changed manifest).
    pub fn deltas(&self, change: &Change, snapshot: bool) -> (OwnerDelta, RepairDelta) {
        let repair_root = self.repair_root.clone();
        let owner = if snapshot {
            OwnerDelta {
                repair_root: repair_root.clone(),
                // A snapshot's slabs stand in the order of the lists, from which a reader rebuilds that order.
                slabs: self
                    .order
                    .iter()
                    .filter_map(|item| match item {
                        Item::Slab(id) => self.slabs.get(id).cloned(),
                        Item::Revision(_) => None,
                    })
                    .collect(),
                dropped: Vec::new(),
                files: self.files.values().cloned().collect(),
                tombstones: Vec::new(),
            }
        } else {
            OwnerDelta {
                repair_root: repair_root.clone(),
                slabs: change.slabs.clone(),
                dropped: change.dropped.clone(),
                files: change.files.clone(),
                tombstones: change.tombstones.clone(),
            }
        };
        let repair = RepairDelta {
            repair_root,
            slabs: owner.slabs.iter().map(SlabEntry::for_repair).collect(),
            dropped: owner.dropped.clone(),
        };
        (owner, repair)
    }

    fn apply(&mut self, change: &Change) -> Result<(), Invalid> {
        let number = self.number;
        let fail = |reason: String| Err(Invalid::Delta { number, reason });
        for path in &change.tombstones {
            self.files.remove(path);
        }
        let dropped: BTreeSet<SlabId> = change.dropped.iter().copied().collect();
        for id in &dropped {
            let Some(slab) = self.slabs.remove(id) else {
                return fail(format!("it drops slab {id}, which isn't there"));
            };
            self.by_plain.remove(&slab.plain_hash);
        }
        if !dropped.is_empty() {
            self.order.retain(|item| !matches!(item, Item::Slab(id) if dropped.contains(id)));
        }
        for slab in &change.slabs {
            if self.slabs.insert(slab.id, slab.clone()).is_some() {
                return fail(format!("it adds slab {} a second time", slab.id));
            }
            self.by_plain.insert(slab.plain_hash, slab.id);
            self.order.push(Item::Slab(slab.id));
        }
        for file in &change.files {
            self.files.insert(file.path.clone(), file.clone());
        }
        // Only what changed can have broken a reference, unless slabs were dropped.
        let broken = |file: &FileEntry| file.segments.iter().any(|segment| !self.holds(segment));
        let suspect = if dropped.is_empty() {
            change.files.iter().find(|file| broken(file))
        } else {
            self.files.values().find(|file| broken(file))
        };
        match suspect {
            Some(file) => fail(format!("file {} lies in a slab that isn't there", file.path)),
            None => Ok(()),
        }
    }

    fn holds(&self, segment: &Segment) -> bool {
        self.slabs.get(&segment.slab).is_some_and(|slab| segment.offset + segment.len <= slab.plain_bytes)
    }
}
