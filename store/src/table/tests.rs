//! Both kinds of table against a plain map, and the log table's promise on a faulty disk.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bitdust_market::supplier::blob_store::{Note, Notebook};
use proptest::prelude::*;

use super::*;
use crate::{
    Memory,
    disk::{FaultyDisk, Loss},
};

type Change = (Vec<u8>, Option<Vec<u8>>);
type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn change() -> impl Strategy<Value = Change> {
    let key = prop::collection::vec(0..4u8, 0..4);
    (key, prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..40)))
}

fn batches() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(change(), 0..6), 1..8)
}

fn batch(changes: &[Change]) -> Batch {
    Batch { changes: changes.to_vec() }
}

fn apply(map: &mut Map, changes: &[Change]) {
    for (key, value) in changes.iter().cloned() {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

fn check(table: &dyn Table, map: &Map) {
    let all: Vec<Entry> = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(table.page(&[], None, 1000).unwrap(), all);
    for prefix in [&[][..], &[1], &[3], &[2, 1]] {
        for after in [None, Some(&[][..]), Some(&[0, 3]), Some(&[1, 2]), Some(&[2]), Some(&[3, 3, 3, 3])] {
            for limit in [0, 1, 3] {
                let inside = all.iter().filter(|(key, _)| key.starts_with(prefix));
                let behind = inside.filter(|(key, _)| after.is_none_or(|after| key.as_slice() > after));
                let expected: Vec<Entry> = behind.take(limit).cloned().collect();
                assert_eq!(table.page(prefix, after, limit).unwrap(), expected, "{prefix:?} {after:?} {limit}");
            }
        }
    }
    for (key, value) in &all {
        assert_eq!(table.get(key).unwrap().as_ref(), Some(value));
    }
    assert_eq!(table.get(&[9]).unwrap(), None);
}

fn log_table(disk: &FaultyDisk) -> Result<LogTable, Error> {
    LogTable::open(Arc::new(disk.clone()), Path::new("table"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_log_table_keeps_whole_batches_over_power_cuts(batches in batches(), seed: u64) {
        let whole = FaultyDisk::new(1 << 20);
        let table = log_table(&whole).unwrap();
        let mut map = Map::new();
        for changes in &batches {
            table.apply(batch(changes)).unwrap();
            apply(&mut map, changes);
        }
        check(&table, &map);
        for step in 0..=whole.steps() {
            for loss in [Loss::Nothing, Loss::Everything, Loss::Torn(seed ^ step)] {
                let disk = FaultyDisk::new(1 << 20);
                disk.cut_power_at(step);
                let (mut before, mut after) = (Map::new(), Map::new());
                if let Ok(table) = log_table(&disk) {
                    for changes in &batches {
                        apply(&mut after, changes);
                        if table.apply(batch(changes)).is_err() {
                            break;
                        }
                        before = after.clone();
                    }
                }
                let table = log_table(&disk.restart(loss)).unwrap();
                let found: Map = table.page(&[], None, 1000).unwrap().into_iter().collect();
                prop_assert!(found == before || found == after, "step {step}, {loss:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn a_rocks_table_behaves_like_a_map_over_reopening(batches in batches()) {
        let dir = tempfile::tempdir().unwrap();
        let mut map = Map::new();
        for changes in batches.chunks(3) {
            let tables = RocksTable::open(dir.path(), &Memory::default()).unwrap();
            check(&tables.book, &map);
            for changes in changes {
                tables.book.apply(batch(changes)).unwrap();
                apply(&mut map, changes);
            }
            check(&tables.book, &map);
            prop_assert!(tables.meta.page(&[], None, 1).unwrap().is_empty());
        }
    }
}

#[test]
fn a_log_that_is_mostly_history_is_rewritten() {
    let disk = FaultyDisk::new(64 << 20);
    let table = log_table(&disk).unwrap();
    for round in 0..40u8 {
        let mut batch = Batch::new();
        batch.put(*b"same key", vec![round; 60_000]);
        table.apply(batch).unwrap();
    }
    let len = disk.bytes(Path::new("table")).unwrap().len();
    assert!(len < 1_200_000, "{len} bytes");
    let table = log_table(&disk.restart(Loss::Everything)).unwrap();
    assert_eq!(table.get(b"same key").unwrap(), Some(vec![39; 60_000]));
}

#[test]
fn a_slot_book_answers_its_notes_in_order() {
    let disk = FaultyDisk::new(64 << 20);
    let book = SlotBook::new(Arc::new(log_table(&disk).unwrap()));
    let note =
        |key: u16, value: Option<&[u8]>| Note { key: key.to_be_bytes().to_vec(), value: value.map(<[u8]>::to_vec) };
    book.apply((0..5000).rev().map(|key| note(key, Some(b"old"))).collect()).unwrap();
    book.apply(vec![note(7, None), note(8, Some(b"new"))]).unwrap();
    let notes = SlotBook::new(Arc::new(log_table(&disk.restart(Loss::Everything)).unwrap())).notes().unwrap();
    assert_eq!(notes.len(), 4999);
    assert!(notes.is_sorted());
    assert_eq!(notes[7], (8u16.to_be_bytes().to_vec(), b"new".to_vec()));
}
