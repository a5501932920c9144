//! `storage_`: the files of this node's owner, and the datasets they lie in.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use bitdust_market::manifest::Manifest;
use bitdust_rpc::{
    Code, Failure,
    api::StorageServer,
    jsonrpsee::core::async_trait,
    objects::{DeleteReport, Terms},
    types::storage::{Listing, ObjectInfo, ObjectStat, OwnDataset, ShardFault, SlabInfo, StorageStatus, VerifyReport},
};
use bitdust_types::{Amount, DatasetId, Layout};

use super::{Api, internal, objects::unavailable, rejected};
use crate::customer::{CreateDataset, Customer, salt_of};

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
        for (_, manifest) in self.manifests().await? {
            status.datasets += 1;
            status.objects += manifest.file_count() as u64;
            status.bytes += manifest.files().map(|file| file.bytes).sum::<u64>();
            status.dead_bytes += manifest.usage().values().map(|usage| usage.dead_bytes).sum::<u64>();
        }
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
        let mut objects: BTreeMap<String, ObjectInfo> = BTreeMap::new();
        for (id, manifest) in self.manifests().await? {
            let wanted = manifest
                .files()
                .filter(|file| file.path.starts_with(&prefix) && after.as_ref().is_none_or(|after| file.path > *after));
            let public = self.is_public(id)?;
            for file in wanted.take(limit + 1) {
                objects.insert(file.path.clone(), object_info(id, &manifest, file, public));
            }
        }
        let more = objects.len() > limit;
        let objects: Vec<ObjectInfo> = objects.into_values().take(limit).collect();
        let next = objects.last().filter(|_| more).map(|last| last.path.clone());
        Ok(Listing { objects, next })
    }

    async fn storage_stat(&self, path: String) -> Result<ObjectStat, Failure> {
        let (id, _, public, file) = self.find(&path, None).await?;
        let manifest = self.customer()?.manifest(id).await.map_err(unavailable)?;
        let (info, slots) = self.chain.market(|view, _| Ok((view.dataset(id)?, view.slots(id)?))).map_err(internal)?;
        let info = info.ok_or_else(|| Failure::internal(format!("dataset {id} is gone")))?;
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
            object: object_info(id, &manifest, &file, public),
        })
    }

    async fn storage_rm(&self, path: String) -> Result<DeleteReport, Failure> {
        self.remove(&path).await
    }

    async fn storage_verify(&self, path: String) -> Result<VerifyReport, Failure> {
        let (id, _, _, _) = self.find(&path, None).await?;
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
        let mut datasets = Vec::new();
        for (id, manifest) in self.manifests().await? {
            let (info, slots) =
                self.chain.market(|view, _| Ok((view.dataset(id)?, view.slots(id)?))).map_err(internal)?;
            let Some(info) = info else { continue };
            let held = slots.iter().filter(|slot| slot.supplier.is_some() && slot.number == info.number).count();
            let sums = slots.iter().try_fold(info.escrow, |sum, slot| sum.checked_add(slot.deposit));
            datasets.push(OwnDataset {
                id,
                k: info.layout.k(),
                n: info.layout.n(),
                public: info.is_public(),
                revision: info.number,
                objects: manifest.file_count() as u64,
                bytes: manifest.files().map(|file| file.bytes).sum(),
                slot_bytes: info.bytes_per_slot,
                slots_held: held as u16,
                escrow: sums.unwrap_or_default(),
                end_epoch: info.end.0,
            });
        }
        Ok(datasets)
    }
}

impl Api {
    /// This node's datasets that go on.
    pub(super) fn own_datasets(&self) -> Result<Vec<DatasetId>, Failure> {
        let account = self.customer()?.account();
        self.chain
            .market(|view, _| {
                let mut going_on = Vec::new();
                for id in view.datasets_of(account)? {
                    if view.dataset(id)?.is_some_and(|info| !info.ended && info.number > 0) {
                        going_on.push(id);
                    }
                }
                Ok(going_on)
            })
            .map_err(internal)
    }

    /// Whether anybody may read a dataset.
    fn is_public(&self, id: DatasetId) -> Result<bool, Failure> {
        let info = self.chain.market(|view, _| Ok(view.dataset(id)?)).map_err(internal)?;
        Ok(info.is_some_and(|info| info.is_public()))
    }

    async fn manifests(&self) -> Result<Vec<(DatasetId, Arc<Manifest>)>, Failure> {
        let customer = self.customer()?;
        let mut manifests = Vec::new();
        for id in self.own_datasets()? {
            manifests.push((id, customer.manifest(id).await.map_err(unavailable)?));
        }
        Ok(manifests)
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

fn object_info(
    id: DatasetId,
    manifest: &Manifest,
    file: &bitdust_market::manifest::FileEntry,
    public: bool,
) -> ObjectInfo {
    ObjectInfo {
        path: file.path.clone(),
        bytes: file.bytes,
        modified_ms: file.modified_ms,
        dataset: id,
        revision: manifest.number(),
        public,
    }
}
