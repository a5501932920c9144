//! The book of slots: which ordered lists of blobs this supplier has promised, and which blobs nobody needs any more.
//!
//! A list enters the book with a promise, before the hold is signed. From then on it is kept while any of these is true:
//! - its promise may still be used: the hold's last height hasn't passed, and the dataset has no newer revision (the Market
//!   takes promises for the newest one only);
//! - the ledger names it as what this supplier holds;
//! - it is *leaving*: it was one of the former until some epoch, and that epoch's samples may still be asked for. It goes
//!   when that epoch is proved or over.
//!
//! Blobs that no list names are *staged*: they arrived for a list that isn't promised yet. They wait
//! [`STAGED_HEIGHTS`] and are then deleted, so that an upload can be resumed after a crash of either side, and an upload
//! that never ends costs a bounded amount of disk.
//!
//! A blob belongs to the datasets whose lists name it or that have staged it: nobody else reads it, and nobody else names it
//! in a list without having sent its bytes. After a restart what is staged is nobody's, until whoever knows its root asks for
//! it again: a root that was in no promised list was never shown to anybody.
//!
//! **Invariant:** every change that must survive is answered as [`Note`]s; the caller makes them durable before it acts on
//! them: notes of a new promise before the signature, notes of removed lists before their blobs are deleted. The book itself
//! touches no disk.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
};

use bitdust_proof::sum::SumTree;
use bitdust_types::{Amount, DatasetId, Root, SlotRoot, limits::BLOBS_PER_SLOT_MAX};
use borsh::{BorshDeserialize, BorshSerialize};

use super::blob_store::Note;
use crate::wire::{BlobRef, Code, Commit, KeptList, Refusal};

/// Lists kept of one slot at once. A customer needs two (held and next); the rest is room for revisions within one epoch.
pub const LISTS_PER_SLOT_MAX: usize = 64;
/// Heights for which an unnamed blob is kept: as long as a promise is good, and again.
pub const STAGED_HEIGHTS: u64 = 1200;
/// Staged bytes of one slot: 512 shards of 10 MiB, twice what a customer gathers before it commits.
pub const STAGED_BYTES_PER_SLOT_MAX: u64 = 5 << 30;

const NOTE_PREFIX: &[u8] = b"book/";

/// Whose a staged blob is that a restart has found: no dataset's id is zero.
const NOBODY: DatasetId = DatasetId([0; 32]);

type SlotKey = (DatasetId, u16);

/// One list in the book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Kept {
    /// Revision.
    pub number: u64,
    /// Root of the list.
    pub root: SlotRoot,
    /// Bytes of the list.
    pub bytes: u64,
    /// Rate of its latest promise.
    pub rate: Amount,
    /// Last height at which its latest promise can reach the ledger.
    pub promised_until: u64,
    /// Whether the ledger has it, as far as was seen.
    pub held: bool,
    /// The last epoch that may sample it, once it is neither held nor promised.
    pub leaving: Option<u64>,
    /// The list.
    pub blobs: Vec<BlobRef>,
    /// Bytes of those blobs that no other list of its slot named when it was entered. Not written: it is counted anew.
    #[borsh(skip)]
    fresh_bytes: u64,
}

/// What the ledger says of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Revision and root of the list that this supplier holds; `None` if somebody else holds the slot, or nobody.
    pub held: Option<(u64, SlotRoot)>,
    /// The dataset's newest revision: a promise for an older one can't be used any more.
    pub revision: u64,
}

/// A list that fits, ready to be promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    dataset: DatasetId,
    slot: u16,
    number: u64,
    root: SlotRoot,
    bytes: u64,
    blobs: Vec<BlobRef>,
}

impl Proposal {
    /// Bytes of the list.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What is to be done after a look at the ledger: first the notes, durably, then the deletions. A crash in between leaves
/// blobs that no list names, which count as staged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Notes to write.
    pub notes: Vec<Note>,
    /// Blobs to delete.
    pub delete: Vec<Root>,
}

#[derive(Clone, Copy, Debug)]
struct Staged {
    slot: SlotKey,
    len: u64,
    height: u64,
    /// Uploads under way.
    uploads: u32,
    /// Whether its bytes are on the disk already.
    stored: bool,
}

/// A slot whose lists name a blob, and how often they do.
#[derive(Clone, Copy, Debug)]
struct Namer {
    slot: SlotKey,
    times: u32,
}

/// The book. See the module's documentation.
#[derive(Debug, Default)]
pub struct Book {
    lists: BTreeMap<SlotKey, Vec<Kept>>,
    /// Which slots' kept lists name a blob: nearly always one.
    named: HashMap<Root, Vec<Namer>>,
    /// One entry for each dataset that has sent a blob.
    staged: BTreeMap<(Root, DatasetId), Staged>,
    staged_bytes: BTreeMap<SlotKey, u64>,
}

impl Book {
    /// Key prefix of this book's notes.
    pub const NOTE_PREFIX: &'static [u8] = NOTE_PREFIX;

    /// The book after a restart: the notes as they were written, and every blob in the store. Blobs that no list names
    /// count as staged at `height`.
    ///
    /// # Errors
    /// A note that can't be read, with its key: the index is damaged and the operator must know.
    pub fn load(notes: &[(Vec<u8>, Vec<u8>)], blobs: &[(Root, u64)], height: u64) -> Result<Self, String> {
        let mut book = Book::default();
        for (key, value) in notes {
            let slot = read_key(key).ok_or_else(|| format!("note {} is no key of the book", hex(key)))?;
            let kept: Kept = borsh::from_slice(value).map_err(|error| format!("note {}: {error}", hex(key)))?;
            book.insert(slot, kept);
        }
        for (root, len) in blobs {
            if !book.named.contains_key(root) {
                // Whose it was isn't known any more; it counts for no slot's limit.
                let staged = Staged { slot: (NOBODY, 0), len: *len, height, uploads: 0, stored: true };
                book.staged.insert((*root, NOBODY), staged);
            }
        }
        Ok(book)
    }

    /// The lists kept of a slot, oldest first.
    pub fn lists(&self, dataset: DatasetId, slot: u16) -> &[Kept] {
        self.lists.get(&(dataset, slot)).map_or(&[], Vec::as_slice)
    }

    /// Every slot with a list in the book.
    pub fn slots(&self) -> impl Iterator<Item = (DatasetId, u16)> {
        self.lists.keys().copied()
    }

    /// The list with this root.
    pub fn find(&self, dataset: DatasetId, slot: u16, root: &SlotRoot) -> Option<&Kept> {
        self.lists(dataset, slot).iter().find(|kept| kept.root == *root)
    }

    /// What [`crate::wire::Request::Inventory`] is answered with.
    pub fn inventory(&self, dataset: DatasetId, slot: u16) -> Vec<KeptList> {
        self.lists(dataset, slot)
            .iter()
            .map(|kept| KeptList {
                number: kept.number,
                root: kept.root,
                bytes: kept.bytes,
                // Bounded by BLOBS_PER_SLOT_MAX, 2^20.
                blobs: kept.blobs.len() as u32,
                held: kept.held,
            })
            .collect()
    }

    /// Bytes that have arrived or been announced, but that no list names yet.
    pub fn staged_bytes(&self) -> u64 {
        self.staged.values().map(|staged| staged.len).sum()
    }

    /// Whether a dataset's readers may have a blob: one of its lists names it, or its bytes were sent for one. An upload that
    /// has only begun shows nothing: the blob may be another dataset's.
    pub fn may_read(&self, dataset: DatasetId, root: &Root) -> bool {
        self.is_named_by(dataset, root) || self.staged.get(&(*root, dataset)).is_some_and(|staged| staged.stored)
    }

    /// Whether a dataset may name a blob that is on the disk without sending it again: it may read it, or nobody's it is.
    pub fn may_name(&self, dataset: DatasetId, root: &Root) -> bool {
        self.may_read(dataset, root) || self.staged.contains_key(&(*root, NOBODY))
    }

    /// Bytes of a slot that wait for the ledger: staged, or in promised lists alone that it may never hold.
    pub fn waiting_bytes(&self, dataset: DatasetId, slot: u16) -> u64 {
        let promised = self.lists(dataset, slot).iter().filter(|kept| !kept.held && kept.leaving.is_none());
        let promised = promised.map(|kept| kept.fresh_bytes).fold(0, u64::saturating_add);
        self.staged_bytes.get(&(dataset, slot)).copied().unwrap_or(0).saturating_add(promised)
    }

    /// Counts a blob that is on the disk and that a list will name. Asking again only renews its time.
    ///
    /// # Errors
    /// [`Code::TooLarge`] when the slot has too many staged bytes.
    pub fn stage(&mut self, dataset: DatasetId, slot: u16, blob: BlobRef, height: u64) -> Result<(), Refusal> {
        if let Some(staged) = self.announce(dataset, slot, blob, height)? {
            staged.stored = true;
            self.staged.remove(&(blob.root, NOBODY));
        }
        Ok(())
    }

    /// Counts a blob whose bytes are about to arrive. Each call is followed by one of [`Book::arrived`].
    ///
    /// # Errors
    /// As [`Book::stage`]; nothing is to follow then.
    pub fn expect(&mut self, dataset: DatasetId, slot: u16, blob: BlobRef, height: u64) -> Result<(), Refusal> {
        if let Some(staged) = self.announce(dataset, slot, blob, height)? {
            staged.uploads = staged.uploads.saturating_add(1);
        }
        Ok(())
    }

    /// An upload has ended, well or not. A blob is forgotten that none of its uploads has brought.
    pub fn arrived(&mut self, dataset: DatasetId, slot: u16, blob: BlobRef, height: u64, stored: bool) {
        let key = (blob.root, dataset);
        if let Some(staged) = self.staged.get_mut(&key) {
            staged.uploads = staged.uploads.saturating_sub(1);
            staged.stored |= stored;
            if staged.uploads == 0 && !staged.stored {
                self.unstage(&blob.root, dataset);
            }
        } else if stored && !self.is_named_by(dataset, &blob.root) {
            // A list named it while it came, and has gone: what is on the disk is looked after all the same.
            *self.staged_bytes.entry((dataset, slot)).or_default() += blob.len;
            let staged = Staged { slot: (dataset, slot), len: blob.len, height, uploads: 0, stored };
            self.staged.insert(key, staged);
        }
    }

    /// Checks a commit against the book and the store, and builds the list.
    ///
    /// `len_of` answers the length of a blob that is in the store.
    ///
    /// # Errors
    /// A base that isn't kept, indices that don't exist, blobs that never arrived, a root or byte count that isn't the
    /// list's, or too many promises.
    pub fn propose(
        &self,
        dataset: DatasetId,
        slot: u16,
        commit: &Commit,
        mut len_of: impl FnMut(&Root) -> Option<u64>,
    ) -> Result<Proposal, Refusal> {
        commit.check()?;
        let base = self.base(dataset, slot, commit)?;
        let mut blobs = without(base, &commit.removed).ok_or_else(|| {
            let text = format!(
                "the list of revision {} has {} blobs; a removed index is beyond",
                commit.base_number,
                base.len()
            );
            Refusal::new(Code::Mismatch, text)
        })?;
        for blob in &commit.added {
            match len_of(&blob.root) {
                Some(len) if len == blob.len => blobs.push(*blob),
                Some(len) => {
                    let text = format!("blob {} has {len} bytes here, not {}", blob.root, blob.len);
                    return Err(Refusal::new(Code::Mismatch, text));
                }
                None => {
                    let text = format!("blob {} isn't here; put it, then commit again", blob.root);
                    return Err(Refusal::new(Code::MissingBlobs, text));
                }
            }
        }
        if blobs.len() as u64 > BLOBS_PER_SLOT_MAX {
            let text = format!("the list would have {} blobs, at most {BLOBS_PER_SLOT_MAX} fit", blobs.len());
            return Err(Refusal::new(Code::TooLarge, text));
        }
        let tree = sum_tree(&blobs).map_err(|text| Refusal::new(Code::Mismatch, text))?;
        if tree.root() != commit.root || tree.total() != commit.bytes {
            let text = format!(
                "the list has root {} and {} bytes, the commit says {} and {}",
                tree.root(),
                tree.total(),
                commit.root,
                commit.bytes
            );
            return Err(Refusal::new(Code::Mismatch, text));
        }
        let lists = self.lists(dataset, slot);
        let again = lists.iter().any(|kept| (kept.number, kept.root) == (commit.number, commit.root));
        if !again && lists.len() >= LISTS_PER_SLOT_MAX {
            let text =
                format!("{} lists of this slot are still promised or sampled; wait for the next epoch", lists.len());
            return Err(Refusal::new(Code::TooManyPromises, text));
        }
        Ok(Proposal { dataset, slot, number: commit.number, root: commit.root, bytes: commit.bytes, blobs })
    }

    /// Enters a proposal. Make the note durable, together with the blobs, before the hold is signed.
    pub fn promise(&mut self, proposal: Proposal, rate: Amount, valid_until: u64) -> Result<Note, String> {
        let key = (proposal.dataset, proposal.slot);
        let lists = self.lists.entry(key).or_default();
        let same = lists.iter_mut().find(|kept| (kept.number, kept.root) == (proposal.number, proposal.root));
        if let Some(kept) = same {
            kept.promised_until = kept.promised_until.max(valid_until);
            kept.rate = rate;
            kept.leaving = None;
            return note(key, kept);
        }
        let kept = Kept {
            number: proposal.number,
            root: proposal.root,
            bytes: proposal.bytes,
            rate,
            promised_until: valid_until,
            held: false,
            leaving: None,
            blobs: proposal.blobs,
            fresh_bytes: 0,
        };
        let written = note(key, &kept)?;
        self.insert(key, kept);
        Ok(written)
    }

    /// Takes in what the ledger says at a new height: marks what is held, lets go of what is over.
    ///
    /// `standing` answers for one slot; `proved` is whether this supplier's proof of an epoch is on the ledger.
    pub fn observe(
        &mut self,
        height: u64,
        epoch: u64,
        standing: impl Fn(DatasetId, u16) -> Standing,
        proved: impl Fn(u64) -> bool,
    ) -> Result<Upkeep, String> {
        let mut upkeep = Upkeep::default();
        let mut gone = Vec::new();
        for (key, lists) in &mut self.lists {
            let standing = standing(key.0, key.1);
            for kept in lists.iter_mut() {
                let before = (kept.held, kept.leaving);
                kept.held = standing.held == Some((kept.number, kept.root));
                let usable = kept.promised_until >= height && kept.number >= standing.revision;
                let needed = kept.held || usable;
                // It may have been sampled from this very epoch's start on, so this epoch is the last that can ask.
                kept.leaving = if needed { None } else { kept.leaving.or(Some(epoch)) };
                let over = kept.leaving.is_some_and(|last| last < epoch || proved(last));
                if over {
                    gone.push((*key, kept.number, kept.root));
                } else if before != (kept.held, kept.leaving) {
                    upkeep.notes.push(note(*key, kept)?);
                }
            }
        }
        let mut dropped = BTreeSet::new();
        for (key, number, root) in gone {
            upkeep.notes.push(Note { key: write_key(key, number, &root), value: None });
            self.remove(key, number, &root, &mut dropped);
        }
        let stale: Vec<(Root, DatasetId)> = self
            .staged
            .iter()
            .filter(|(_, staged)| staged.uploads == 0 && staged.height.saturating_add(STAGED_HEIGHTS) < height)
            .map(|(key, _)| *key)
            .collect();
        for (root, dataset) in stale {
            self.unstage(&root, dataset);
            if !self.named.contains_key(&root) {
                dropped.insert(root);
            }
        }
        // An upload under way brings its bytes itself.
        let is_free = |root: &Root| self.staged.range(staged_of(root)).all(|(_, staged)| !staged.stored);
        upkeep.delete = dropped.into_iter().filter(is_free).collect();
        Ok(upkeep)
    }

    fn is_named_by(&self, dataset: DatasetId, root: &Root) -> bool {
        self.named.get(root).is_some_and(|namers| namers.iter().any(|namer| namer.slot.0 == dataset))
    }

    /// The entry of a blob that a dataset's list will name; `None` if one does already.
    fn announce(
        &mut self,
        dataset: DatasetId,
        slot: u16,
        blob: BlobRef,
        height: u64,
    ) -> Result<Option<&mut Staged>, Refusal> {
        if self.is_named_by(dataset, &blob.root) {
            return Ok(None);
        }
        let (key, of) = ((dataset, slot), (blob.root, dataset));
        if !self.staged.contains_key(&of) {
            let total = self.staged_bytes.get(&key).copied().unwrap_or(0).saturating_add(blob.len);
            if total > STAGED_BYTES_PER_SLOT_MAX {
                let text = format!(
                    "slot {slot} of {dataset} would have {total} bytes outside of any promised list, above {STAGED_BYTES_PER_SLOT_MAX}; commit first"
                );
                return Err(Refusal::new(Code::TooLarge, text));
            }
            self.staged_bytes.insert(key, total);
            self.staged.insert(of, Staged { slot: key, len: blob.len, height, uploads: 0, stored: false });
        }
        let mut staged = self.staged.get_mut(&of);
        if let Some(staged) = &mut staged {
            staged.height = height;
        }
        Ok(staged)
    }

    fn unstage(&mut self, root: &Root, dataset: DatasetId) {
        if let Some(staged) = self.staged.remove(&(*root, dataset)) {
            self.forget_staged_bytes(&staged);
        }
    }

    fn base<'a>(&'a self, dataset: DatasetId, slot: u16, commit: &Commit) -> Result<&'a [BlobRef], Refusal> {
        if commit.base_number == 0 {
            return Ok(&[]);
        }
        let same = |kept: &&Kept| (kept.number, kept.root) == (commit.base_number, commit.base_root);
        match self.lists(dataset, slot).iter().find(same) {
            Some(kept) => Ok(&kept.blobs),
            None => {
                let text = format!(
                    "revision {} with root {} isn't kept for slot {slot}; ask for the inventory and start from one that is",
                    commit.base_number, commit.base_root
                );
                Err(Refusal::new(Code::UnknownBase, text))
            }
        }
    }

    fn insert(&mut self, key: SlotKey, mut kept: Kept) {
        let mut fresh_bytes = 0u64;
        for blob in &kept.blobs {
            let namers = self.named.entry(blob.root).or_default();
            match namers.iter_mut().find(|namer| namer.slot == key) {
                Some(namer) => namer.times += 1,
                None => {
                    namers.push(Namer { slot: key, times: 1 });
                    fresh_bytes = fresh_bytes.saturating_add(blob.len);
                }
            }
            self.unstage(&blob.root, key.0);
            self.unstage(&blob.root, NOBODY);
        }
        kept.fresh_bytes = fresh_bytes;
        let lists = self.lists.entry(key).or_default();
        let at = lists.partition_point(|other| (other.number, other.root) < (kept.number, kept.root));
        lists.insert(at, kept);
    }

    fn remove(&mut self, key: SlotKey, number: u64, root: &SlotRoot, dropped: &mut BTreeSet<Root>) {
        let Some(lists) = self.lists.get_mut(&key) else { return };
        let Some(at) = lists.iter().position(|kept| kept.number == number && kept.root == *root) else { return };
        let kept = lists.remove(at);
        if lists.is_empty() {
            self.lists.remove(&key);
        }
        for blob in &kept.blobs {
            let Some(namers) = self.named.get_mut(&blob.root) else { continue };
            if let Some(namer) = namers.iter_mut().find(|namer| namer.slot == key) {
                namer.times -= 1;
            }
            namers.retain(|namer| namer.times > 0);
            if namers.is_empty() {
                self.named.remove(&blob.root);
                dropped.insert(blob.root);
            }
        }
    }

    fn forget_staged_bytes(&mut self, staged: &Staged) {
        if let Some(total) = self.staged_bytes.get_mut(&staged.slot) {
            *total = total.saturating_sub(staged.len);
            if *total == 0 {
                self.staged_bytes.remove(&staged.slot);
            }
        }
    }
}

/// The keys of a blob's entries, whosever they are.
fn staged_of(root: &Root) -> RangeInclusive<(Root, DatasetId)> {
    (*root, DatasetId([0; 32]))..=(*root, DatasetId([u8::MAX; 32]))
}

/// The sum tree over a list.
pub fn sum_tree(blobs: &[BlobRef]) -> Result<SumTree, String> {
    let leaves: Vec<(Root, u64)> = blobs.iter().map(|blob| (blob.root, blob.len)).collect();
    SumTree::new(&leaves).map_err(|error| error.to_string())
}

/// `list` without the blobs at these rising indices; `None` if one doesn't exist.
pub fn without(list: &[BlobRef], removed: &[u32]) -> Option<Vec<BlobRef>> {
    if removed.last().is_some_and(|last| *last as usize >= list.len()) {
        return None;
    }
    let mut removed = removed.iter().map(|index| *index as usize).peekable();
    let keep = |(index, blob): (usize, &BlobRef)| if removed.next_if_eq(&index).is_some() { None } else { Some(*blob) };
    Some(list.iter().enumerate().filter_map(keep).collect())
}

fn note(key: SlotKey, kept: &Kept) -> Result<Note, String> {
    let value = borsh::to_vec(kept).map_err(|error| error.to_string())?;
    Ok(Note { key: write_key(key, kept.number, &kept.root), value: Some(value) })
}

/// `book/` ‖ dataset ‖ slot ‖ number ‖ root, integers big-endian, so that notes sort by slot and revision: 79 bytes.
fn write_key(slot: SlotKey, number: u64, root: &SlotRoot) -> Vec<u8> {
    let mut key = NOTE_PREFIX.to_vec();
    key.extend_from_slice(&slot.0.0);
    key.extend_from_slice(&slot.1.to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    key.extend_from_slice(&root.0);
    key
}

fn read_key(key: &[u8]) -> Option<SlotKey> {
    let rest = key.strip_prefix(NOTE_PREFIX)?;
    if rest.len() != 32 + 2 + 8 + 32 {
        return None;
    }
    let dataset: [u8; 32] = rest[..32].try_into().ok()?;
    let slot: [u8; 2] = rest[32..34].try_into().ok()?;
    Some((DatasetId(dataset), u16::from_be_bytes(slot)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(super) mod tests;
