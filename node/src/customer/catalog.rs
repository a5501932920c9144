//! Datasets as the ledger has them, and their manifests from the suppliers.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use bitdust_ledger::market::view::{DatasetInfo, OfferInfo, SlotInfo, WriterInfo};
use bitdust_market::{
    customer::Record,
    manifest::{Manifest, Replay, entry::SecretKey},
};
use bitdust_types::{Address, Bytes, DatasetId, Epoch, Height, Root};
use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Dataset, Shared,
    remote::{RemoteError, SupplierRef},
};
use crate::chain_api::{ChainReader, look};

/// While a manifest is being fetched, another slot is asked after this time, so that a dead supplier costs little.
const ANOTHER_AFTER: Duration = Duration::from_millis(400);

/// A dataset on the ledger.
#[derive(Clone, Debug)]
pub struct DatasetState {
    /// The dataset.
    pub info: DatasetInfo,
    /// Its slots.
    pub slots: Vec<SlotInfo>,
    /// Windows that each slot's supplier has missed in a row.
    pub missed: Vec<u64>,
    /// Offers of the slots' suppliers.
    pub offers: Vec<Option<OfferInfo>>,
    /// Peer ids of the slots' suppliers, which outlive their offers.
    pub peers: Vec<Option<Bytes>>,
    /// Its writers.
    pub writers: Vec<WriterInfo>,
    /// The height that this was read at.
    pub height: Height,
    /// Its epoch.
    pub epoch: Epoch,
}

impl DatasetState {
    /// Whether an account is the owner or a writer.
    pub fn may_write(&self, account: Address) -> bool {
        self.info.owner == account || self.writers.iter().any(|writer| writer.writer == account)
    }

    /// Who holds a slot; `None` if nobody does. A holder may have withdrawn its offer: it serves what it holds all the same.
    pub fn holder(&self, slot: u16) -> Option<SupplierRef> {
        let account = self.slots.get(usize::from(slot))?.supplier?;
        let peer = self.peers.get(usize::from(slot))?.as_ref()?;
        Some(SupplierRef { account, peer: peer.to_vec() })
    }

    /// Slots of the dataset.
    pub fn slot_numbers(&self) -> std::ops::Range<u16> {
        0..u16::from(self.info.layout.n())
    }
}

/// Reads a dataset from the ledger.
///
/// # Errors
/// There is none by this id.
pub fn read(chain: &dyn ChainReader, id: DatasetId) -> Result<DatasetState> {
    look(chain, |view, height| {
        let known = view.dataset(id)?;
        let info = known.with_context(|| format!("the ledger has no dataset {id} at height {height}"))?;
        let slots = view.slots(id)?;
        let (mut missed, mut offers, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for (number, slot) in (0u16..).zip(&slots) {
            missed.push(view.missed_windows(id, number, height)?);
            offers.push(match slot.supplier {
                Some(supplier) => view.offer(supplier)?,
                None => None,
            });
            peers.push(match slot.supplier {
                Some(supplier) => view.peer_id(supplier)?,
                None => None,
            });
        }
        let writers = view.writers(id)?;
        let epoch = chain.params().epoch_of(height);
        Ok(DatasetState { info, slots, missed, offers, peers, writers, height, epoch })
    })
}

impl Dataset {
    /// Reads the dataset from the ledger and points the lanes at its holders. Lanes of free slots stay as they are. Whoever has
    /// lost a slot since the last time counts as having failed.
    pub(crate) fn refresh(&self, shared: &Shared) -> Result<DatasetState> {
        let state = read(&*shared.chain, self.id)?;
        for slot in state.slot_numbers() {
            if state.slots[usize::from(slot)].supplier.is_some() {
                self.lanes.set(slot, state.holder(slot));
            }
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for (slot, info) in state.slot_numbers().zip(&state.slots) {
            let lost = match info.supplier {
                Some(supplier) => held.insert(slot, supplier).filter(|before| *before != supplier),
                None => held.remove(&slot),
            };
            // The owner's end of a dataset is no supplier's fault.
            if let Some(lost) = lost.filter(|_| !state.info.ended) {
                shared.note_failure(lost);
            }
        }
        drop(held);
        Ok(state)
    }

    /// The newest manifest.
    pub(crate) async fn manifest(&self, shared: &Shared) -> Result<Arc<Manifest>> {
        let mut cached = self.manifest.lock().await;
        let state = self.refresh(shared)?;
        if let Some(manifest) = cached.as_ref()
            && manifest.number() == state.info.number
            && manifest.head().map(|head| head.root).unwrap_or_default() == state.info.head
        {
            return Ok(manifest.clone());
        }
        let manifest = Arc::new(self.fetch(shared, &state).await?);
        *cached = Some(manifest.clone());
        Ok(manifest)
    }

    /// What a revision of ours has made newest.
    pub(crate) async fn adopt(&self, manifest: Arc<Manifest>) {
        *self.manifest.lock().await = Some(manifest);
    }

    async fn fetch(&self, shared: &Shared, state: &DatasetState) -> Result<Manifest> {
        if state.info.number == 0 {
            return self.first(shared).await;
        }
        let mut replay = Replay::new(self.id, state.info.number, state.info.head);
        while let Some(root) = replay.wanted() {
            let bytes = self.blob(shared, state, root).await.with_context(|| {
                format!("revision {} of dataset {}: its manifest can't be fetched", state.info.number, self.id)
            })?;
            replay.feed(&bytes)?;
        }
        let keys = shared.manifest_keys(&state.info);
        let opened = tokio::task::spawn_blocking(move || replay.finish(&keys)).await?;
        opened.with_context(|| format!("the manifest of dataset {}", self.id))
    }

    /// The manifest of a dataset without a revision: only its repair root is to be chosen, once.
    async fn first(&self, shared: &Shared) -> Result<Manifest> {
        let id = self.id;
        let root = shared.logbook.decide(move |uploads| match uploads.repair_root(id) {
            Some(root) => (root.clone(), None),
            None => {
                let repair_root = SecretKey::from(rand::random::<[u8; 32]>());
                let record = Record::RepairRoot { dataset: id, repair_root: repair_root.clone() };
                uploads.apply(&record);
                (repair_root, Some(record))
            }
        });
        Ok(Manifest::new(id, root.await?))
    }

    /// A whole blob that every slot has, from whoever answers first.
    async fn blob(&self, shared: &Shared, state: &DatasetState, root: Root) -> Result<Vec<u8>> {
        let mut waiting: Vec<u16> = state.slot_numbers().filter(|slot| self.lanes.holder(*slot).is_some()).collect();
        // Not always the same supplier; which one doesn't matter.
        let turn = usize::from(rand::random::<u16>()) % waiting.len().max(1);
        waiting.rotate_left(turn);
        waiting.sort_by_key(|slot| self.is_suspect(shared, *slot));
        let mut waiting = waiting.into_iter();
        let mut running = FuturesUnordered::new();
        let mut errors: Vec<String> = Vec::new();
        loop {
            let next = waiting.next();
            let exhausted = next.is_none();
            if let Some(slot) = next {
                running.push(async move { (slot, self.blob_from(shared, slot, root).await) });
            }
            let patience = async {
                if exhausted {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(ANOTHER_AFTER).await;
            };
            tokio::select! {
                answer = running.next() => match answer {
                    Some((_, Ok(bytes))) => return Ok(bytes),
                    Some((slot, Err(error))) => {
                        self.suspect(shared, slot);
                        errors.push(error.to_string());
                    }
                    None if exhausted => {
                        let known = if errors.is_empty() { "nobody holds a slot".to_owned() } else { errors.join("; ") };
                        return Err(anyhow!("no supplier has blob {root}: {known}"));
                    }
                    None => {}
                },
                () = patience => {}
            }
        }
    }

    async fn blob_from(&self, shared: &Shared, slot: u16, root: Root) -> Result<Vec<u8>, RemoteError> {
        let mut remote = self.lanes.take(shared, slot).await?;
        let bytes = match remote.whole(root).await {
            Err(error) if error.is_line() => {
                remote = self.lanes.reopen(shared, slot).await?;
                remote.whole(root).await?
            }
            other => other?,
        };
        self.lanes.give_back(slot, remote);
        Ok(bytes)
    }
}
