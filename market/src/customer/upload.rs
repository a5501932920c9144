//! What an upload must remember: the journal's records and what follows from them.
//!
//! A slab's id, key and salt are drawn once, written to the journal, and synced before its first byte leaves. When the same
//! bytes are put again into the same dataset, before the revision that names them is final, the same id, key and salt are
//! used; so the shards have the same roots, and the suppliers' answer to `Has` tells which of them needn't be sent again.
//!
//! A key is never used for two different plaintexts: it is found by dataset, layout and the hash of the plaintext.

use std::collections::{BTreeMap, HashMap};

use bitdust_types::{Address, DatasetId, Layout, Root, SlabId, signing};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::manifest::{SlabEntry, entry::SecretKey};

/// A slab before it is encoded.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PlannedSlab {
    /// Dataset.
    pub dataset: DatasetId,
    /// Drawn at random.
    pub id: SlabId,
    /// `K_o`.
    pub key: SecretKey,
    /// First 19 bytes of the units' nonces.
    pub salt: [u8; 19],
    /// Plain bytes.
    pub plain_bytes: u64,
    /// BLAKE3 of the plaintext.
    pub plain_hash: Root,
    /// Data shards and shards in all.
    pub layout: Layout,
}

/// One record of the upload journal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Record {
    /// A new dataset's repair root, until its first revision carries it.
    RepairRoot {
        /// Dataset.
        dataset: DatasetId,
        /// The root.
        repair_root: SecretKey,
    },
    /// Who was chosen for a slot that the ledger shows as free.
    Placed {
        /// Dataset.
        dataset: DatasetId,
        /// Slot.
        slot: u16,
        /// Supplier's account.
        #[borsh(serialize_with = "signing::write_address", deserialize_with = "signing::read_address")]
        supplier: Address,
    },
    /// Synced before the first byte of the slab leaves.
    Planned(PlannedSlab),
    /// The slab has been encoded.
    Encoded {
        /// Slab.
        id: SlabId,
        /// BLAKE3 of the ciphertext.
        ciphertext: Root,
        /// Roots of the n shards.
        roots: Vec<Root>,
    },
    /// A supplier has said that it stored a shard. A hint only: the supplier is asked again after a restart.
    Stored {
        /// Slab.
        id: SlabId,
        /// Slot.
        slot: u16,
    },
    /// A revision naming these slabs is final: the manifest remembers them from now on.
    Final {
        /// Dataset.
        dataset: DatasetId,
        /// Revision.
        number: u64,
        /// Slabs.
        slabs: Vec<SlabId>,
    },
}

impl Record {
    /// Canonical bytes.
    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        borsh::to_vec(self)
    }

    /// Reads what [`Record::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        borsh::from_slice(bytes)
    }
}

/// A slab on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlabProgress {
    /// Id, key, salt.
    pub planned: PlannedSlab,
    /// Hash of the ciphertext and roots of the shards, once encoded.
    pub encoded: Option<(Root, Vec<Root>)>,
    /// Per slot: whether its supplier has the shard, as far as is known.
    pub stored: Vec<bool>,
}

impl SlabProgress {
    fn new(planned: PlannedSlab) -> Self {
        let slots = usize::from(planned.layout.n());
        SlabProgress { planned, encoded: None, stored: vec![false; slots] }
    }

    /// Slots whose shard is still to be sent.
    pub fn missing(&self) -> Vec<u16> {
        // At most 64 slots.
        self.stored.iter().enumerate().filter(|(_, stored)| !**stored).map(|(slot, _)| slot as u16).collect()
    }

    /// What the manifest will say; `None` before the slab is encoded.
    pub fn entry(&self) -> Option<SlabEntry> {
        let (ciphertext, roots) = self.encoded.clone()?;
        Some(SlabEntry {
            id: self.planned.id,
            key: self.planned.key.clone(),
            salt: self.planned.salt,
            plain_bytes: self.planned.plain_bytes,
            plain_hash: self.planned.plain_hash,
            layout: self.planned.layout,
            ciphertext,
            roots,
        })
    }
}

/// Everything on its way, rebuilt from the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uploads {
    slabs: BTreeMap<SlabId, SlabProgress>,
    by_plain: HashMap<(DatasetId, Layout, Root), SlabId>,
    repair_roots: BTreeMap<DatasetId, SecretKey>,
    placed: BTreeMap<(DatasetId, u16), Address>,
}

impl Uploads {
    /// Replays a journal.
    pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut uploads = Uploads::default();
        for record in records {
            uploads.apply(record);
        }
        uploads
    }

    /// Takes in one record. Records about slabs that aren't known are without effect: a compacted journal may hold some.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::RepairRoot { dataset, repair_root } => {
                self.repair_roots.insert(*dataset, repair_root.clone());
            }
            Record::Placed { dataset, slot, supplier } => {
                self.placed.insert((*dataset, *slot), *supplier);
            }
            Record::Planned(planned) => {
                self.by_plain.insert((planned.dataset, planned.layout, planned.plain_hash), planned.id);
                self.slabs.insert(planned.id, SlabProgress::new(planned.clone()));
            }
            Record::Encoded { id, ciphertext, roots } => {
                if let Some(slab) = self.slabs.get_mut(id) {
                    slab.encoded = Some((*ciphertext, roots.clone()));
                }
            }
            Record::Stored { id, slot } => {
                let stored = self.slabs.get_mut(id).and_then(|slab| slab.stored.get_mut(usize::from(*slot)));
                if let Some(stored) = stored {
                    *stored = true;
                }
            }
            Record::Final { dataset, slabs, .. } => {
                for id in slabs {
                    if let Some(slab) = self.slabs.remove(id) {
                        self.by_plain.remove(&(slab.planned.dataset, slab.planned.layout, slab.planned.plain_hash));
                    }
                }
                self.repair_roots.remove(dataset);
            }
        }
    }

    /// The slab for these plain bytes: the one that was begun before a crash, or a new one from `draw`. The record, if
    /// there is one, must be synced before a byte of the slab leaves; it has been applied already.
    pub fn plan(
        &mut self,
        dataset: DatasetId,
        layout: Layout,
        plain_bytes: u64,
        plain_hash: Root,
        draw: impl FnOnce() -> (SlabId, SecretKey, [u8; 19]),
    ) -> (SlabProgress, Option<Record>) {
        let begun = self.by_plain.get(&(dataset, layout, plain_hash)).and_then(|id| self.slabs.get(id));
        if let Some(slab) = begun
            && slab.planned.plain_bytes == plain_bytes
        {
            return (slab.clone(), None);
        }
        let (id, key, salt) = draw();
        let planned = PlannedSlab { dataset, id, key, salt, plain_bytes, plain_hash, layout };
        let record = Record::Planned(planned.clone());
        self.apply(&record);
        (SlabProgress::new(planned), Some(record))
    }

    /// A slab on its way.
    pub fn slab(&self, id: &SlabId) -> Option<&SlabProgress> {
        self.slabs.get(id)
    }

    /// The repair root of a dataset without a revision.
    pub fn repair_root(&self, dataset: DatasetId) -> Option<&SecretKey> {
        self.repair_roots.get(&dataset)
    }

    /// Who was chosen for a slot.
    pub fn placed(&self, dataset: DatasetId, slot: u16) -> Option<Address> {
        self.placed.get(&(dataset, slot)).copied()
    }

    /// The records that rebuild this state: what a compacted journal holds.
    pub fn records(&self) -> Vec<Record> {
        let roots = self.repair_roots.iter();
        let mut records: Vec<Record> =
            roots.map(|(dataset, root)| Record::RepairRoot { dataset: *dataset, repair_root: root.clone() }).collect();
        let placed = self.placed.iter();
        records.extend(placed.map(|((dataset, slot), supplier)| Record::Placed {
            dataset: *dataset,
            slot: *slot,
            supplier: *supplier,
        }));
        for slab in self.slabs.values() {
            let id = slab.planned.id;
            records.push(Record::Planned(slab.planned.clone()));
            if let Some((ciphertext, roots)) = &slab.encoded {
                records.push(Record::Encoded { id, ciphertext: *ciphertext, roots: roots.clone() });
            }
            let stored = slab.stored.iter().enumerate().filter(|(_, stored)| **stored);
            records.extend(stored.map(|(slot, _)| Record::Stored { id, slot: slot as u16 }));
        }
        records
    }
}

#[cfg(test)]
mod tests;
