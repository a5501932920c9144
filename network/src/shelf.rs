//! What this node keeps for others: records and announcements of providers, all in memory, all bounded.
//!
//! A record is kept only after the application has judged it (`records.rs`); here it only finds its place. When the
//! shelf is full, the record whose key is farthest from this node gives way to a nearer one, because the nearest nodes
//! are those that are asked (Kademlia, Maymounkov and Mazières 2002). Announcements are counted in total, by key and by
//! provider, and a provider can only announce itself, so no single peer fills the shelf.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, btree_map},
    iter,
    time::Instant,
};

use libp2p::{
    PeerId,
    kad::{
        KBucketDistance as Distance, KBucketKey, ProviderRecord, Record, RecordKey,
        store::{Error, RecordStore, Result},
    },
};

use crate::{address_book::ADDRESSES_MAX, records::OWN_RECORDS_MAX};

/// Bytes of a record's value.
pub const RECORD_BYTES_MAX: usize = 1 << 10;
/// Records kept for others: 4096 × (1 KiB and about 200 bytes around it) is 5 MiB.
const RECORDS_MAX: usize = 4096;
/// Bytes of a provider key: a hash or a short name.
pub(crate) const PROVIDER_KEY_BYTES_MAX: usize = 64;
/// Announcements kept for others: 16384 × (64 of key, 8 addresses of at most 256 bytes) is 34 MiB at worst.
const PROVIDERS_MAX: usize = 16384;
/// Providers remembered for one key. A supplier is found through the ledger's offers too, so not all must fit.
pub(crate) const PROVIDERS_PER_KEY: usize = 128;
/// Keys that one peer may announce here, and that this node may announce: the places a player has cached and visits.
const KEYS_PER_PROVIDER: usize = 256;
/// Bytes of one address of a provider; one through a relay has about 100.
const PROVIDER_ADDRESS_BYTES_MAX: usize = 256;

type Records = BTreeMap<Distance, Record>;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Shelf {
    local: KBucketKey<PeerId>,
    /// Records of this node's application, at most [`OWN_RECORDS_MAX`]. A key is here or in `kept`, never in both.
    own: Records,
    /// Records of others, the nearest first.
    kept: Records,
    providers: HashMap<RecordKey, Vec<ProviderRecord>>,
    /// Announcements in `providers`, by who announced.
    announced: HashMap<PeerId, usize>,
    announced_total: usize,
    /// What this node announces itself, by key.
    provided: BTreeMap<Vec<u8>, ProviderRecord>,
}

impl Shelf {
    pub(crate) fn new(local: PeerId) -> Self {
        Shelf {
            local: local.into(),
            own: Records::new(),
            kept: Records::new(),
            providers: HashMap::new(),
            announced: HashMap::new(),
            announced_total: 0,
            provided: BTreeMap::new(),
        }
    }

    /// Forgets what is too old.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.kept.retain(|_, record| !record.is_expired(now));
        let announced = &mut self.announced;
        let mut gone = 0;
        self.providers.retain(|_, of_key| {
            of_key.retain(|record| {
                let stays = !record.is_expired(now);
                if !stays {
                    gone += 1;
                    count_down(announced, &record.provider);
                }
                stays
            });
            !of_key.is_empty()
        });
        self.announced_total -= gone;
    }

    fn distance(&self, key: &RecordKey) -> Distance {
        KBucketKey::new(key.clone()).distance(&self.local)
    }

    fn is_own(&self, record: &Record) -> bool {
        record.publisher.as_ref() == Some(self.local.preimage())
    }

    /// Makes room for a record at `distance`, if it is nearer than another.
    fn make_room(&mut self, distance: Distance) -> Result<()> {
        if self.kept.len() < RECORDS_MAX || self.kept.contains_key(&distance) {
            return Ok(());
        }
        match self.kept.last_key_value() {
            Some((farthest, _)) if distance < *farthest => {
                self.kept.pop_last();
                Ok(())
            }
            _ => Err(Error::MaxRecords),
        }
    }
}

impl RecordStore for Shelf {
    type RecordsIter<'a> = iter::Map<
        iter::Chain<btree_map::Values<'a, Distance, Record>, btree_map::Values<'a, Distance, Record>>,
        fn(&'a Record) -> Cow<'a, Record>,
    >;
    type ProvidedIter<'a> =
        iter::Map<btree_map::Values<'a, Vec<u8>, ProviderRecord>, fn(&'a ProviderRecord) -> Cow<'a, ProviderRecord>>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        let distance = self.distance(key);
        self.own.get(&distance).or_else(|| self.kept.get(&distance)).map(Cow::Borrowed)
    }

    fn put(&mut self, record: Record) -> Result<()> {
        if record.value.len() > RECORD_BYTES_MAX {
            return Err(Error::ValueTooLarge);
        }
        let distance = self.distance(&record.key);
        if self.is_own(&record) {
            if self.own.len() >= OWN_RECORDS_MAX && !self.own.contains_key(&distance) {
                return Err(Error::MaxRecords);
            }
            self.kept.remove(&distance);
            self.own.insert(distance, record);
        } else {
            self.make_room(distance)?;
            self.own.remove(&distance);
            self.kept.insert(distance, record);
        }
        Ok(())
    }

    fn remove(&mut self, key: &RecordKey) {
        let distance = self.distance(key);
        self.own.remove(&distance);
        self.kept.remove(&distance);
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        self.own.values().chain(self.kept.values()).map(Cow::Borrowed)
    }

    fn add_provider(&mut self, mut record: ProviderRecord) -> Result<()> {
        if record.key.as_ref().len() > PROVIDER_KEY_BYTES_MAX {
            return Err(Error::ValueTooLarge);
        }
        if record.provider == *self.local.preimage() {
            let key = record.key.to_vec();
            if self.provided.len() >= KEYS_PER_PROVIDER && !self.provided.contains_key(&key) {
                return Err(Error::MaxProvidedKeys);
            }
            self.provided.insert(key, record);
            return Ok(());
        }
        record.addresses.retain(|address| address.len() <= PROVIDER_ADDRESS_BYTES_MAX);
        record.addresses.truncate(ADDRESSES_MAX);
        if let Some(of_key) = self.providers.get_mut(&record.key) {
            if let Some(old) = of_key.iter_mut().find(|old| old.provider == record.provider) {
                *old = record;
                return Ok(());
            }
            if of_key.len() >= PROVIDERS_PER_KEY {
                return Err(Error::MaxProvidedKeys);
            }
        }
        let of_peer = self.announced.get(&record.provider).copied().unwrap_or(0);
        if self.announced_total >= PROVIDERS_MAX || of_peer >= KEYS_PER_PROVIDER {
            return Err(Error::MaxProvidedKeys);
        }
        self.announced.insert(record.provider, of_peer + 1);
        self.announced_total += 1;
        self.providers.entry(record.key.clone()).or_default().push(record);
        Ok(())
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let own = self.provided.get(key.as_ref()).into_iter();
        own.chain(self.providers.get(key).into_iter().flatten()).cloned().collect()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        self.provided.values().map(Cow::Borrowed)
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        if provider == self.local.preimage() {
            self.provided.remove(key.as_ref());
            return;
        }
        let Some(of_key) = self.providers.get_mut(key) else { return };
        let before = of_key.len();
        of_key.retain(|record| record.provider != *provider);
        if of_key.len() < before {
            self.announced_total -= 1;
            count_down(&mut self.announced, provider);
        }
        if self.providers.get(key).is_some_and(Vec::is_empty) {
            self.providers.remove(key);
        }
    }
}

fn count_down(announced: &mut HashMap<PeerId, usize>, provider: &PeerId) {
    if let Some(of_peer) = announced.get_mut(provider) {
        *of_peer -= 1;
        if *of_peer == 0 {
            announced.remove(provider);
        }
    }
}

#[cfg(test)]
mod tests;
