//! The shelf of announcements: its bounds, its order of giving way, and what time does to it.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn key(number: u64) -> RecordKey {
    RecordKey::new(&number.to_le_bytes())
}

fn record(number: u64, publisher: PeerId) -> Record {
    let mut record = Record::new(key(number), vec![1]);
    record.publisher = Some(publisher);
    record
}

fn announcement(number: u64, provider: PeerId) -> ProviderRecord {
    ProviderRecord::new(key(number), provider, Vec::new())
}

#[test]
fn a_full_shelf_keeps_the_nearest_records_and_all_of_its_own() {
    let (local, other) = (PeerId::random(), PeerId::random());
    let mut shelf = Shelf::new(local);
    let total = RECORDS_MAX as u64 + 500;
    let mut distances: Vec<_> = (0..total).map(|number| (shelf.distance(&key(number)), number)).collect();
    distances.sort();
    shelf.put(record(1 << 40, local)).unwrap();
    for number in 0..total {
        let _ = shelf.put(record(number, other));
    }
    assert_eq!(shelf.kept.len(), RECORDS_MAX);
    for (rank, (_, number)) in distances.iter().enumerate() {
        assert_eq!(shelf.get(&key(*number)).is_some(), rank < RECORDS_MAX, "rank {rank}");
    }
    assert!(shelf.get(&key(1 << 40)).is_some());
}

#[test]
fn a_key_has_one_record_whoever_published_it() {
    let (local, other) = (PeerId::random(), PeerId::random());
    let mut shelf = Shelf::new(local);
    shelf.put(record(1, other)).unwrap();
    shelf.put(record(1, local)).unwrap();
    assert_eq!(shelf.records().count(), 1);
    shelf.put(record(1, other)).unwrap();
    assert_eq!(shelf.records().count(), 1);
    assert_eq!(shelf.get(&key(1)).unwrap().publisher, Some(other));
    assert!(matches!(shelf.put(Record::new(key(2), vec![0; RECORD_BYTES_MAX + 1])), Err(Error::ValueTooLarge)));
}

#[test]
fn old_things_are_forgotten() {
    let (mut shelf, now) = (Shelf::new(PeerId::random()), Instant::now());
    let mut old = record(1, PeerId::random());
    old.expires = Some(now);
    shelf.put(old).unwrap();
    shelf.put(record(2, PeerId::random())).unwrap();
    let provider = PeerId::random();
    let mut stale = announcement(1, provider);
    stale.expires = Some(now);
    shelf.add_provider(stale).unwrap();
    shelf.expire(now + Duration::from_secs(1));
    assert_eq!((shelf.kept.len(), shelf.announced_total, shelf.announced.len(), shelf.providers.len()), (1, 0, 0, 0));
}

#[test]
fn one_peer_announces_so_many_keys_and_one_key_has_so_many_providers() {
    let (mut shelf, greedy) = (Shelf::new(PeerId::random()), PeerId::random());
    for number in 0..KEYS_PER_PROVIDER as u64 {
        shelf.add_provider(announcement(number, greedy)).unwrap();
    }
    assert!(shelf.add_provider(announcement(1 << 40, greedy)).is_err());
    shelf.add_provider(announcement(1 << 40, PeerId::random())).unwrap();
    shelf.remove_provider(&key(0), &greedy);
    shelf.add_provider(announcement(1 << 40, greedy)).unwrap();
    for _ in 2..PROVIDERS_PER_KEY {
        shelf.add_provider(announcement(1 << 40, PeerId::random())).unwrap();
    }
    assert!(shelf.add_provider(announcement(1 << 40, PeerId::random())).is_err());
    assert_eq!(shelf.providers(&key(1 << 40)).len(), PROVIDERS_PER_KEY);
}

proptest! {
    /// The counts are those of what is there, whatever comes and goes.
    #[test]
    fn counts_are_right(steps in proptest::collection::vec((any::<bool>(), 0..6_u64, 0..5_usize), 0..200)) {
        let peers: Vec<_> = (0..5).map(|_| PeerId::random()).collect();
        let mut shelf = Shelf::new(peers[0]);
        for (adds, number, peer) in steps {
            if adds {
                shelf.add_provider(announcement(number, peers[peer])).unwrap();
            } else {
                shelf.remove_provider(&key(number), &peers[peer]);
            }
            prop_assert_eq!(shelf.announced_total, shelf.providers.values().map(Vec::len).sum::<usize>());
            for peer in &peers[1..] {
                let there = shelf.providers.values().flatten().filter(|record| record.provider == *peer).count();
                prop_assert_eq!(shelf.announced.get(peer).copied().unwrap_or(0), there);
            }
        }
    }
}
