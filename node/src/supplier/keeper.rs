//! The book of slots behind a lock, with its notes and deletions made durable.
//!
//! One lock covers book, notebook and deletions: a commit that names a blob and the upkeep that would delete it can't
//! overlap. Everything that holds it blocks on the disk, so it is only called from blocking threads ([`Keeper::with`]).

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use bitdust_market::{
    supplier::{BlobStore, Book, Notebook, Standing, book::Kept},
    wire::{BlobRef, Code, Commit, KeptList, Refusal},
};
use bitdust_types::{Amount, DatasetId, Epoch, Root, SlotRoot, U256};

use super::{Supplier, Trouble, decision};
use crate::chain_api::look;

/// Book, notebook and store of one supplier. Clones share them.
#[derive(Clone)]
pub struct Keeper {
    inner: Arc<Inner>,
}

struct Inner {
    book: Mutex<Book>,
    store: Arc<dyn BlobStore>,
    notebook: Arc<dyn Notebook>,
}

impl Keeper {
    /// Reads the book back.
    pub fn open(
        store: Arc<dyn BlobStore>,
        notebook: Arc<dyn Notebook>,
        blobs: &[(Root, u64)],
        height: u64,
    ) -> Result<Self> {
        let mut notes = notebook.notes().context("reading the book of slots")?;
        notes.retain(|(key, _)| key != decision::KEY);
        let book = Book::load(&notes, blobs, height)
            .map_err(|reason| anyhow!("the book of slots is damaged: {reason}; restore it from a copy"))?;
        for (dataset, slot) in book.slots() {
            for kept in book.lists(dataset, slot) {
                for blob in &kept.blobs {
                    if store.len(blob.root)? != Some(blob.len) {
                        tracing::error!(%dataset, slot, root = %blob.root, "a promised blob is not on the disk");
                    }
                }
            }
        }
        Ok(Keeper { inner: Arc::new(Inner { book: Mutex::new(book), store, notebook }) })
    }

    /// The disk.
    pub fn store(&self) -> &Arc<dyn BlobStore> {
        &self.inner.store
    }

    /// Staged bytes and the number of slots.
    pub fn sizes(&self) -> (u64, usize) {
        self.locked(|book| (book.staged_bytes(), book.slots().count()))
    }

    /// Lists of one slot.
    pub fn inventory(&self, dataset: DatasetId, slot: u16) -> Vec<KeptList> {
        self.locked(|book| book.inventory(dataset, slot))
    }

    /// The blobs of a list.
    pub fn list(&self, dataset: DatasetId, slot: u16, root: &SlotRoot) -> Option<Vec<BlobRef>> {
        self.locked(|book| book.find(dataset, slot, root).map(|kept| kept.blobs.clone()))
    }

    /// Whether a dataset's readers may have a blob.
    pub fn may_read(&self, dataset: DatasetId, root: &Root) -> bool {
        self.locked(|book| book.may_read(dataset, root))
    }

    /// Whether a dataset may name a blob that is on the disk without sending it again.
    pub fn may_name(&self, dataset: DatasetId, root: &Root) -> bool {
        self.locked(|book| book.may_name(dataset, root))
    }

    /// Bytes of a slot that the ledger doesn't hold yet.
    pub fn waiting_bytes(&self, dataset: DatasetId, slot: u16) -> u64 {
        self.locked(|book| book.waiting_bytes(dataset, slot))
    }

    /// Counts a blob that is about to arrive; [`Keeper::arrived`] is to follow.
    pub fn expect(&self, dataset: DatasetId, slot: u16, blob: BlobRef, height: u64) -> Result<(), Refusal> {
        self.locked(|book| book.expect(dataset, slot, blob, height))
    }

    /// An upload has ended, well or not.
    pub fn arrived(&self, dataset: DatasetId, slot: u16, blob: BlobRef, height: u64, stored: bool) {
        self.locked(|book| book.arrived(dataset, slot, blob, height, stored));
    }

    /// Counts a blob that is on the disk already.
    pub fn stage(&self, dataset: DatasetId, slot: u16, blob: BlobRef, height: u64) -> Result<(), Refusal> {
        self.locked(|book| book.stage(dataset, slot, blob, height))
    }

    /// Checks a commit, enters the list, and makes it durable. Blocks on the disk. The hold may be signed afterwards.
    ///
    /// # Errors
    /// The book's refusals, and [`Code::Internal`] if this machine's disk failed.
    pub fn promise(
        &self,
        dataset: DatasetId,
        slot: u16,
        commit: &Commit,
        rate: Amount,
        valid_until: u64,
    ) -> Result<(), Refusal> {
        let internal = |reason: String| {
            tracing::error!(%dataset, slot, %reason, "a promise could not be written down");
            Refusal::new(Code::Internal, "the promise could not be written down; try again later")
        };
        self.locked(|book| {
            let mut failed = None;
            let length = |root: &Root| {
                if !book.may_name(dataset, root) {
                    return None;
                }
                self.inner.store.len(*root).unwrap_or_else(|error| {
                    failed = Some(error.to_string());
                    None
                })
            };
            let proposal = book.propose(dataset, slot, commit, length);
            if let Some(reason) = failed {
                return Err(internal(reason));
            }
            let note = book.promise(proposal?, rate, valid_until).map_err(internal)?;
            self.inner.notebook.apply(vec![note]).map_err(|error| internal(error.to_string()))
        })
    }

    /// Takes in what the ledger says at a height: notes first, deletions after. Blocks on the disk.
    pub fn upkeep(
        &self,
        height: u64,
        epoch: u64,
        standing: impl Fn(DatasetId, u16) -> Standing,
        proved: impl Fn(u64) -> bool,
    ) -> Result<usize> {
        self.locked(|book| {
            let upkeep = book.observe(height, epoch, standing, proved).map_err(|reason| anyhow!(reason))?;
            if !upkeep.notes.is_empty() {
                self.inner.notebook.apply(upkeep.notes)?;
            }
            if !upkeep.delete.is_empty() {
                self.inner.store.delete(&upkeep.delete)?;
            }
            Ok(upkeep.delete.len())
        })
    }

    /// The slots in the book.
    pub fn slots(&self) -> Vec<(DatasetId, u16)> {
        self.locked(|book| book.slots().collect())
    }

    /// The newest list that the ledger was seen to hold for a slot.
    pub fn held(&self, dataset: DatasetId, slot: u16) -> Option<Kept> {
        self.locked(|book| book.lists(dataset, slot).iter().rev().find(|kept| kept.held).cloned())
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        // A panic in the book leaves at worst a list that was entered and not noted: it is never signed then.
        let mut book = self.inner.book.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut book)
    }
}

/// After each block: marks what is held, deletes what nobody needs any more.
pub async fn run(supplier: Arc<Supplier>) {
    let mut seen = supplier.chain.height();
    loop {
        let working = supplier.clone();
        let done = tokio::task::spawn_blocking(move || look_after(&working)).await;
        match done {
            Ok(Ok(deleted)) => {
                supplier.clear(Trouble::Book);
                if deleted > 0 {
                    tracing::info!(deleted, "deleted blobs that no list names any more");
                }
            }
            Ok(Err(error)) => {
                supplier.warn(Trouble::Book, format!("the book of slots could not be brought up to date: {error:#}"));
            }
            Err(error) => supplier.warn(Trouble::Book, format!("the book of slots' worker stopped: {error}")),
        }
        match supplier.chain.above(seen).await {
            Ok(height) => seen = height,
            Err(_) => return,
        }
    }
}

fn look_after(supplier: &Supplier) -> Result<usize> {
    let account = supplier.sender.account();
    let slots = supplier.keeper.slots();
    let params = supplier.chain.params();
    let (height, standings, bitmap, last) = look(&*supplier.chain, |view, height| {
        let mut standings = std::collections::HashMap::new();
        for (dataset, slot) in &slots {
            let info = view.slot(*dataset, *slot)?.filter(|info| info.supplier == Some(account));
            let held = info.map(|info| (info.number, info.root));
            let revision = view.dataset(*dataset)?.map_or(0, |info| info.number);
            standings.insert((*dataset, *slot), Standing { held, revision });
        }
        let own = view.supplier(account)?;
        Ok((height, standings, own.proven_bitmap, own.last_proven))
    })?;
    // A slot that entered the book while we looked is treated at the next block; its promise keeps it until then.
    let standing = |dataset, slot| standings.get(&(dataset, slot)).copied().unwrap_or_default();
    let proved = |epoch| is_proved(bitmap, last, epoch);
    supplier.keeper.upkeep(height.0, params.epoch_of(height).0, standing, proved)
}

/// Whether an epoch is among the last 256 proved ones.
pub(super) fn is_proved(bitmap: U256, last: Option<Epoch>, epoch: u64) -> bool {
    last.is_some_and(|last| epoch <= last.0 && last.0 - epoch < 256) && bitmap.bit((epoch % 256) as usize)
}
