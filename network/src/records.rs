//! Records: small values that the nodes nearest to a key keep for everybody.
//!
//! What a record means is the application's: its [`RecordJudge`] says which values are worth keeping and which of two
//! is newer. A node stores nothing that its judge has not accepted, so a record is replaced only by a newer valid one.
//! Nodes may still hold different versions for a while, after a split of the network for example: a reader is given all
//! versions that it finds and puts the newest one back.
//!
//! A judge checks a signature, which takes time that the swarm's task doesn't have for everybody: the number of values
//! judged per second is bounded, in total and by sender. What is refused for this reason is repeated by its publisher.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use libp2p::PeerId;

/// Records that this node repeats for its application: 256 × 1 KiB.
pub const OWN_RECORDS_MAX: usize = 256;
/// Different values that one search gives.
pub const RECORDS_FOUND_MAX: usize = 20;
/// Different values that one search judges; with the invalid ones that liars near the key may hold.
const RECORDS_JUDGED_MAX: usize = 64;
/// Values judged per second: at 200 µs each (a signature's recovery), 5 % of a core.
const JUDGED_PER_SECOND: usize = 256;
/// Values judged per second for one sender.
const JUDGED_PER_SECOND_AND_PEER: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

/// The application's word on records. It is asked from the swarm's task: it must answer within a fraction of a
/// millisecond and must not block.
pub trait RecordJudge: Send + Sync {
    /// Whether `value` is a valid record under `key` and, if there is an `existing` one, newer than it.
    fn judge(&self, key: &[u8; 32], value: &[u8], existing: Option<&[u8]>) -> bool;
}

#[derive(Debug)]
struct Own {
    value: Bytes,
    due: Instant,
}

/// The judge, what it has been asked lately, and what this node repeats.
pub(crate) struct Records {
    judge: Option<Arc<dyn RecordJudge>>,
    renewal: Duration,
    own: BTreeMap<[u8; 32], Own>,
    judged: usize,
    judged_for: HashMap<PeerId, usize>,
    since: Instant,
}

impl Records {
    pub(crate) fn new(judge: Option<Arc<dyn RecordJudge>>, renewal: Duration, now: Instant) -> Self {
        Records { judge, renewal, own: BTreeMap::new(), judged: 0, judged_for: HashMap::new(), since: now }
    }

    /// Whether a value that `sender` sent should be kept. False without a judge or without time to judge.
    pub(crate) fn accepts(
        &mut self,
        sender: PeerId,
        key: &[u8; 32],
        value: &[u8],
        existing: Option<&[u8]>,
        now: Instant,
    ) -> bool {
        let Some(judge) = &self.judge else { return false };
        if now.saturating_duration_since(self.since) >= SECOND {
            (self.judged, self.since) = (0, now);
            self.judged_for.clear();
        }
        let of_sender = self.judged_for.entry(sender).or_default();
        if self.judged >= JUDGED_PER_SECOND || *of_sender >= JUDGED_PER_SECOND_AND_PEER {
            tracing::debug!(%sender, "record not judged: too many in this second");
            return false;
        }
        self.judged += 1;
        *of_sender += 1;
        judge.judge(key, value, existing)
    }

    /// Whether our application's own value may take the place of an existing one; the same value may.
    pub(crate) fn accepts_own(&self, key: &[u8; 32], value: &[u8], existing: Option<&[u8]>) -> bool {
        let Some(judge) = &self.judge else { return false };
        if existing == Some(value) { judge.judge(key, value, None) } else { judge.judge(key, value, existing) }
    }

    /// Whether a value that a search found is valid; without a judge everything is.
    pub(crate) fn is_valid(&self, key: &[u8; 32], value: &[u8]) -> bool {
        self.judge.as_ref().is_none_or(|judge| judge.judge(key, value, None))
    }

    /// Whether there is a place to repeat one more record.
    pub(crate) fn has_room_for(&self, key: &[u8; 32]) -> bool {
        self.own.len() < OWN_RECORDS_MAX || self.own.contains_key(key)
    }

    pub(crate) fn keep(&mut self, key: [u8; 32], value: Bytes, now: Instant) {
        self.own.insert(key, Own { value, due: now + self.renewal });
    }

    pub(crate) fn forget(&mut self, key: &[u8; 32]) {
        self.own.remove(key);
    }

    /// The network was new when these were told: tell them again soon.
    pub(crate) fn hurry(&mut self, now: Instant) {
        for own in self.own.values_mut() {
            own.due = own.due.min(now);
        }
    }

    /// Up to `max` records that are due; the next time is set.
    pub(crate) fn due(&mut self, max: usize, now: Instant) -> Vec<([u8; 32], Bytes)> {
        let renewal = self.renewal;
        let due = self.own.iter_mut().filter(|(_, own)| own.due <= now).take(max);
        due.map(|(key, own)| {
            own.due = now + renewal;
            (*key, own.value.clone())
        })
        .collect()
    }
}

/// The values that one search has found so far.
#[derive(Debug, Default)]
pub(crate) struct Found {
    valid: Vec<Bytes>,
    invalid: Vec<Bytes>,
}

impl Found {
    /// Takes a value in, asking `is_valid` for one that is new. True once the search has found enough.
    pub(crate) fn take(&mut self, value: Vec<u8>, is_valid: impl FnOnce(&[u8]) -> bool) -> bool {
        let value = Bytes::from(value);
        if !self.valid.contains(&value) && !self.invalid.contains(&value) {
            if is_valid(&value) {
                self.valid.push(value);
            } else {
                self.invalid.push(value);
            }
        }
        self.valid.len() >= RECORDS_FOUND_MAX || self.valid.len() + self.invalid.len() >= RECORDS_JUDGED_MAX
    }

    pub(crate) fn into_valid(self) -> Vec<Bytes> {
        self.valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts values whose first byte is over that of the existing one; 0 is never valid.
    struct ByFirstByte;

    impl RecordJudge for ByFirstByte {
        fn judge(&self, _: &[u8; 32], value: &[u8], existing: Option<&[u8]>) -> bool {
            value.first() > existing.and_then(<[u8]>::first).or(Some(&0))
        }
    }

    fn records(now: Instant) -> Records {
        Records::new(Some(Arc::new(ByFirstByte)), Duration::from_secs(10), now)
    }

    #[test]
    fn a_flood_of_records_is_judged_only_so_far() {
        let now = Instant::now();
        let (mut records, flooder, other) = (records(now), PeerId::random(), PeerId::random());
        let accepted = (0..1000).filter(|_| records.accepts(flooder, &[1; 32], &[1], None, now)).count();
        assert_eq!(accepted, JUDGED_PER_SECOND_AND_PEER);
        assert!(records.accepts(other, &[1; 32], &[1], None, now));
        assert!(records.accepts(flooder, &[1; 32], &[1], None, now + SECOND));
        let many = (0..1000).filter(|_| records.accepts(PeerId::random(), &[1; 32], &[1], None, now + SECOND)).count();
        assert_eq!(many, JUDGED_PER_SECOND - 1);
    }

    #[test]
    fn own_records_come_due_a_few_at_a_time() {
        let now = Instant::now();
        let mut records = records(now);
        for number in 0..OWN_RECORDS_MAX {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&(number as u64).to_le_bytes());
            assert!(records.has_room_for(&key));
            records.keep(key, Bytes::from_static(&[1]), now);
        }
        assert!(!records.has_room_for(&[9; 32]));
        assert!(records.due(5, now).is_empty());
        records.hurry(now);
        assert_eq!(records.due(5, now).len(), 5);
        assert_eq!(records.due(1000, now).len(), OWN_RECORDS_MAX - 5);
        assert!(records.due(1000, now).is_empty());
    }

    #[test]
    fn a_search_ends_when_it_has_found_enough() {
        let mut found = Found::default();
        assert!(!found.take(vec![1], |_| true));
        assert!(!found.take(vec![1], |_| panic!("the same value is judged once")));
        for liar in 0..RECORDS_JUDGED_MAX as u8 - 2 {
            assert!(!found.take(vec![2, liar], |_| false));
        }
        assert!(found.take(vec![3], |_| false));
        assert_eq!(found.into_valid(), vec![Bytes::from_static(&[1])]);
    }
}
