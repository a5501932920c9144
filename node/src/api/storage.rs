//! `storage_`: the files of this node's owner, and the datasets they lie in.

use std::sync::{Arc, atomic::Ordering};

use bitdust_ledger::market::view::DatasetInfo;
use bitdust_market::manifest::{FileEntry, Manifest};
use bitdust_rpc::{
    Code, Failure,
    api::StorageServer,
    jsonrpsee::core::async_trait,
    objects::{DeleteReport, Terms},
    types::storage::{
        Listing, ObjectInfo, ObjectStat, OwnDataset, RestoreReport, ShardFault, SlabInfo, StorageStatus, VerifyReport,
    },
};
use bitdust_types::{Amount, DatasetId, Layout};

use super::{Api, internal, objects::unavailable, rejected};
use crate::customer::{
    CreateDataset, Customer, salt_of,
    shelves::{Found, Shelves},
};

/// Objects on a page of a listing, at most.
const PAGE_MAX: u32 = 10_000;
/// A dataset is used for new files as long as its term has at least this many epochs to go.
const EPOCHS_LEFT_MIN: u64 = 3;
/// Names of default datasets that are tried: each is used until its term ends.
const GENERATIONS_MAX: u32 = 1024;

#[async_trait]
impl StorageServer for Api {
    async fn storage_status(&self) -> Result<StorageStatus, Failure> {
        let mut status = StorageStatus {
            fetched_bytes: self.fetched_bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            ..StorageStatus::default()
        };
        let shelves = self.customer()?.shelves().await.map_err(internal)?;
        status.datasets = (shelves.readable.len() + shelves.unreadable.len()) as u64;
        let kept: u64 = shelves.readable.iter().flat_map(|shelf| shelf.manifest.files()).map(|file| file.bytes).sum();
        for (_, file) in shelves.list("", None, usize::MAX) {
            status.objects += 1;
            status.bytes += file.bytes;
        }
        // Older copies are paid for like what was removed.
        status.dead_bytes = kept.saturating_sub(status.bytes);
        for shelf in &shelves.readable {
            status.dead_bytes += shelf.manifest.usage().values().map(|usage| usage.dead_bytes).sum::<u64>();
        }
        status.warnings = shelves.warnings();
        Ok(status)
    }

    async fn storage_ls(
        &self,
        prefix: Option<String>,
        after: Option<String>,
        limit: Option<u32>,
    ) -> Result<Listing, Failure> {
        let limit = limit.unwrap_or(1000).clamp(1, PAGE_MAX) as usize;
        let prefix = prefix.unwrap_or_default();
        let shelves = self.customer()?.shelves().await.map_err(internal)?;
        let found = shelves.list(&prefix, after.as_deref(), limit + 1);
        let more = found.len() > limit;
        let listed = found.into_iter().take(limit);
        let objects: Vec<ObjectInfo> =
            listed.map(|(shelf, file)| object_info(&shelf.info, &shelf.manifest, file)).collect();
        let next = objects.last().filter(|_| more).map(|last| last.path.clone());
        Ok(Listing { objects, next, warnings: shelves.warnings() })
    }

    async fn storage_stat(&self, path: String) -> Result<ObjectStat, Failure> {
        let Found { info, manifest, file } = self.find(&path, None).await?;
        let slots = self.chain.market(|view, _| Ok(view.slots(info.id)?)).map_err(internal)?;
        let held = slots.iter().filter(|slot| slot.supplier.is_some() && slot.number == info.number).count();
        let slabs = file.segments.iter().filter_map(|segment| {
            let slab = manifest.slab(&segment.slab)?;
            Some(SlabInfo {
                slab: slab.id,
                offset: segment.offset,
                bytes: segment.len,
                shard_bytes: slab.shard_bytes(),
                roots: slab.roots.clone(),
            })
        });
        Ok(ObjectStat {
            k: info.layout.k(),
            n: info.layout.n(),
            slots_held: held as u16,
            slabs: slabs.collect(),
            object: object_info(&info, &manifest, &file),
        })
    }

    async fn storage_rm(&self, path: String) -> Result<DeleteReport, Failure> {
        self.remove(&path).await
    }

    async fn storage_verify(&self, path: String) -> Result<VerifyReport, Failure> {
        let id = self.find(&path, None).await?.info.id;
        let found = self.customer()?.verify(id, &path).await.map_err(unavailable)?;
        self.fetched_bytes.fetch_add(found.report.fetched_bytes, Ordering::Relaxed);
        let slots = self.chain.market(|view, _| Ok(view.slots(id)?)).map_err(internal)?;
        let slab = found.file.segments.first().map(|segment| segment.slab).unwrap_or_default();
        let holder = |slot: u16| slots.get(usize::from(slot)).and_then(|slot| slot.supplier);
        let mut faults: Vec<ShardFault> = found
            .slots
            .iter()
            .map(|(slot, reason)| ShardFault { slab, slot: *slot, supplier: holder(*slot), reason: reason.clone() })
            .collect();
        for (supplier, reason) in &found.report.failed {
            let slot = slots.iter().position(|slot| slot.supplier == Some(*supplier)).unwrap_or_default() as u16;
            faults.push(ShardFault { slab, slot, supplier: Some(*supplier), reason: reason.clone() });
        }
        Ok(VerifyReport {
            path,
            healthy: found.intact && faults.is_empty() && found.shards_present == found.shards,
            readable: found.intact,
            shards: found.shards,
            good: found.shards_present,
            faults,
            bytes_fetched: found.report.fetched_bytes,
        })
    }

    async fn storage_datasets(&self) -> Result<Vec<OwnDataset>, Failure> {
        self.own_datasets(&self.customer()?.shelves().await.map_err(internal)?)
    }

    async fn storage_restore(&self) -> Result<RestoreReport, Failure> {
        let customer = self.customer()?;
        let shelves = customer.shelves().await.map_err(internal)?;
        let objects = shelves.list("", None, usize::MAX);
        Ok(RestoreReport {
            account: customer.account(),
            height: self.chain.tip().height.0,
            datasets: self.own_datasets(&shelves)?,
            objects: objects.len() as u64,
            bytes: objects.iter().map(|(_, file)| file.bytes).sum(),
            warnings: shelves.warnings(),
        })
    }
}

impl Api {
    /// Datasets that are in use or over, whether they can be read or not.
    fn own_datasets(&self, shelves: &Shelves) -> Result<Vec<OwnDataset>, Failure> {
        let over = shelves.over.iter().map(|info| (info, Err(format!("its term ended with epoch {}", info.end))));
        let unreadable = shelves.unreadable.iter().map(|one| (&one.info, Err(one.reason.clone())));
        let readable = shelves.readable.iter().map(|shelf| (&shelf.info, Ok(&shelf.manifest)));
        readable.chain(unreadable).chain(over).map(|(info, read)| self.own_dataset(info, read)).collect()
    }

    fn own_dataset(&self, info: &DatasetInfo, read: Result<&Arc<Manifest>, String>) -> Result<OwnDataset, Failure> {
        let slots = self.chain.market(|view, _| Ok(view.slots(info.id)?)).map_err(internal)?;
        let held = slots.iter().filter(|slot| slot.supplier.is_some() && slot.number == info.number).count();
        let sums = slots.iter().try_fold(info.escrow, |sum, slot| sum.checked_add(slot.deposit));
        let manifest = read.as_ref().ok();
        Ok(OwnDataset {
            id: info.id,
            k: info.layout.k(),
            n: info.layout.n(),
            public: info.is_public(),
            revision: info.number,
            objects: manifest.map_or(0, |manifest| manifest.file_count() as u64),
            bytes: manifest.map_or(0, |manifest| manifest.files().map(|file| file.bytes).sum()),
            slot_bytes: info.bytes_per_slot,
            // At most 64.
            slots_held: held as u16,
            escrow: sums.unwrap_or_default(),
            end_epoch: info.end.0,
            problem: read.err(),
        })
    }

    /// The dataset for new files under these terms: the one in use, or a new one.
    pub(super) async fn dataset_for(&self, customer: &Arc<Customer>, terms: &Terms) -> Result<DatasetId, Failure> {
        let defaults = &self.config.customer;
        let layout = Layout::new(terms.k.unwrap_or(defaults.k), terms.n.unwrap_or(defaults.n))
            .map_err(|error| Failure::params(error.to_string(), "choose k and n so that k <= n"))?;
        let public = terms.public.unwrap_or(false);
        let term_epochs = terms.epochs.unwrap_or(defaults.term_epochs);
        let price_cap: Amount = defaults.price_cap.parse().map_err(internal)?;
        // Two puts must not both make the dataset that neither has found.
        let _making = self.making_datasets.lock().await;
        for generation in 0..GENERATIONS_MAX {
            let name = format!("{} of {} public={public} number {generation}", layout.k(), layout.n());
            let id = customer.dataset_id(salt_of(&name));
            let (info, epoch) = self
                .chain
                .market(|view, height| Ok((view.dataset(id)?, self.chain.params().epoch_of(height))))
                .map_err(internal)?;
            match info {
                Some(info) if info.ended || info.end.0 < epoch.0 + EPOCHS_LEFT_MIN => {}
                Some(_) => return Ok(id),
                None => {
                    self.enough_suppliers(layout, price_cap)?;
                    let salt = salt_of(&name);
                    let wanted = CreateDataset { layout, term_epochs, price_cap, deposit: Amount::ZERO, public, salt };
                    return customer.create(&wanted).await.map(|(id, _)| id).map_err(rejected);
                }
            }
        }
        Err(Failure::new(Code::LimitExceeded, "every dataset of this kind has ended", "choose another k and n"))
    }

    /// Says early, before anything is paid, that there are too few suppliers.
    fn enough_suppliers(&self, layout: Layout, price_cap: Amount) -> Result<(), Failure> {
        let offers = self.chain.market(|view, height| {
            let live = view.offers()?.into_iter().filter(|offer| offer.valid_until > height);
            Ok(live.filter(|offer| offer.price_per_gib_epoch <= price_cap).count())
        });
        let offers = offers.map_err(internal)?;
        if offers < usize::from(layout.n()) {
            return Err(Failure::new(
                Code::NotEnoughSuppliers,
                format!(
                    "{} of {} needs {} suppliers, but {offers} offer space for at most {price_cap}",
                    layout.k(),
                    layout.n(),
                    layout.n()
                ),
                "choose a smaller n, raise price_cap in config.toml, or wait for more suppliers",
            ));
        }
        Ok(())
    }
}

fn object_info(info: &DatasetInfo, manifest: &Manifest, file: &FileEntry) -> ObjectInfo {
    ObjectInfo {
        path: file.path.clone(),
        bytes: file.bytes,
        modified_ms: file.modified_ms,
        dataset: info.id,
        revision: manifest.number(),
        public: info.is_public(),
    }
}
