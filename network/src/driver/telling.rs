//! What this node tells the nodes nearest to a key: who provides it, and records. Both are repeated, a few at a time, so
//! that a node with many of them floods neither itself nor others.

use std::time::Instant;

use bytes::Bytes;
use libp2p::{
    PeerId,
    kad::{PeerRecord, QueryId, Quorum, Record, RecordKey, store::RecordStore as _},
};
use tokio::sync::oneshot;

use super::Driver;
use crate::{error::Error, queries::Query, records::Found, shelf::RECORD_BYTES_MAX};

/// Announcements and records that are repeated at the same time; each asks some twenty nodes.
const REPEATS_AT_ONCE: usize = 16;

impl Driver {
    pub(super) fn provide(&mut self, key: Vec<u8>, reply: oneshot::Sender<Result<(), Error>>) {
        if self.queries.asked() >= self.limits.queries {
            let _ = reply.send(Err(Error::Busy { what: "searches in the network" }));
            return;
        }
        match self.swarm.behaviour_mut().kademlia.start_providing(RecordKey::new(&key)) {
            Ok(id) => {
                self.provided.insert(key);
                self.queries.add(id, Query::Provide { reply });
            }
            Err(_) => {
                let _ = reply.send(Err(Error::Busy { what: "keys that this node provides" }));
            }
        }
    }

    pub(super) fn unprovide(&mut self, key: &[u8]) {
        self.provided.remove(key);
        self.again.retain(|other| other != key);
        self.swarm.behaviour_mut().kademlia.stop_providing(&RecordKey::new(&key));
    }

    pub(super) fn put_record(&mut self, key: [u8; 32], value: Bytes, reply: oneshot::Sender<Result<usize, Error>>) {
        let existing = self.record(&key);
        if !self.records.accepts_own(&key, &value, existing.as_deref()) {
            let _ = reply.send(Err(Error::RecordRefused));
        } else if self.queries.asked() >= self.limits.queries {
            let _ = reply.send(Err(Error::Busy { what: "searches in the network" }));
        } else if !self.records.has_room_for(&key) {
            let _ = reply.send(Err(Error::Busy { what: "records that this node repeats" }));
        } else {
            match self.tell_record(key, &value) {
                Some(id) => {
                    self.records.keep(key, value, Instant::now());
                    self.queries.add(id, Query::Put { reply });
                }
                None => {
                    let _ = reply.send(Err(Error::Busy { what: "records that this node repeats" }));
                }
            }
        }
    }

    pub(super) fn forget_record(&mut self, key: [u8; 32]) {
        self.records.forget(&key);
        // Only if it is still ours; a newer one of somebody else stays.
        self.swarm.behaviour_mut().kademlia.remove_record(&RecordKey::new(&key));
    }

    pub(super) fn get_records(&mut self, key: [u8; 32], reply: oneshot::Sender<Result<Vec<Bytes>, Error>>) {
        if self.queries.asked() >= self.limits.queries {
            let _ = reply.send(Err(Error::Busy { what: "searches in the network" }));
            return;
        }
        let id = self.swarm.behaviour_mut().kademlia.get_record(RecordKey::new(&key));
        self.queries.add(id, Query::Records { key, found: Found::default(), reply });
    }

    /// A search has come upon a value.
    pub(super) fn record_found(&mut self, id: QueryId, found: PeerRecord) {
        let Some((key, findings)) = self.queries.records(&id) else { return };
        if found.record.value.len() > RECORD_BYTES_MAX || found.record.key.as_ref() != key.as_slice() {
            tracing::debug!(peer = ?found.peer, "a record that cannot be one is left out");
            return;
        }
        let enough = findings.take(found.record.value, |value| self.records.is_valid(key, value));
        if enough && let Some(mut query) = self.swarm.behaviour_mut().kademlia.query_mut(&id) {
            query.finish();
        }
    }

    /// A peer asks us to keep a record.
    pub(super) fn record_arrived(&mut self, sender: PeerId, record: Record) {
        let Ok(key) = <[u8; 32]>::try_from(record.key.as_ref()) else {
            tracing::debug!(%sender, "record refused: its key is not 32 bytes");
            return;
        };
        if record.value.len() > RECORD_BYTES_MAX {
            tracing::debug!(%sender, bytes = record.value.len(), "record refused: too long");
            return;
        }
        let local = self.shared.local;
        let shelf = self.swarm.behaviour_mut().kademlia.store_mut();
        let existing = shelf.get(&record.key);
        let same = existing.as_ref().is_some_and(|existing| existing.value == record.value);
        if same && existing.as_ref().is_some_and(|existing| existing.publisher == Some(local)) {
            return;
        }
        let existing = existing.map(|existing| existing.into_owned().value);
        // The same again only gets older later.
        if !same && !self.records.accepts(sender, &key, &record.value, existing.as_deref(), Instant::now()) {
            tracing::debug!(%sender, "record refused: not valid, not newer, or too many at once");
            return;
        }
        if let Err(error) = shelf.put(record) {
            tracing::debug!(%sender, %error, "record not kept");
        }
    }

    /// Repeats what is due, as long as not too much is under way.
    pub(super) fn repeat(&mut self, now: Instant) {
        while self.queries.repeating() < REPEATS_AT_ONCE
            && let Some(key) = self.again.pop_front()
        {
            if let Ok(id) = self.swarm.behaviour_mut().kademlia.start_providing(RecordKey::new(&key)) {
                self.queries.add(id, Query::Repeat);
            }
        }
        let places = REPEATS_AT_ONCE.saturating_sub(self.queries.repeating());
        for (key, value) in self.records.due(places, now) {
            if self.record(&key).is_some_and(|existing| existing != value) {
                // Somebody has told us a newer one: theirs is repeated from now on, by those who keep it.
                self.records.forget(&key);
            } else if let Some(id) = self.tell_record(key, &value) {
                self.queries.add(id, Query::Repeat);
            }
        }
    }

    /// Tells everything again soon: while few peers were known it didn't reach those that are nearest to its key.
    pub(super) fn repeat_all(&mut self, now: Instant) {
        if self.again.is_empty() {
            self.again.extend(self.provided.iter().cloned());
        }
        self.records.hurry(now);
    }

    /// Tells all announcements again, because there is another address now at which this node is reached: those made before
    /// don't have it, and of a hidden node they had none at all.
    pub(super) fn announce_anew(&mut self) {
        self.again = self.provided.iter().cloned().collect();
    }

    fn record(&mut self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let shelf = self.swarm.behaviour_mut().kademlia.store_mut();
        shelf.get(&RecordKey::new(key)).map(|record| record.into_owned().value)
    }

    fn tell_record(&mut self, key: [u8; 32], value: &Bytes) -> Option<QueryId> {
        let record = Record::new(RecordKey::new(&key), value.to_vec());
        // All that can be told are told; the answer says how many.
        self.swarm.behaviour_mut().kademlia.put_record(record, Quorum::All).ok()
    }
}
