//! The journal's promise on a disk that loses what wasn't synced.

use proptest::prelude::*;

use super::*;
use crate::disk::{FaultyDisk, Loss};

const PATH: &str = "uploads/journal";

#[derive(Clone, Debug)]
enum Op {
    Append(usize),
    Sync,
    /// Keeps the last so many records.
    Compact(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![5 => (0..2000usize).prop_map(Op::Append), 3 => Just(Op::Sync), 1 => (0..4usize).prop_map(Op::Compact)]
}

fn open(disk: &FaultyDisk) -> Result<(Journal, Vec<Vec<u8>>), Error> {
    Journal::open(Arc::new(disk.clone()), Path::new(PATH))
}

/// What the writer knows: the records of each possible file, and how many of them are promised.
#[derive(Clone, Debug, Default)]
struct Known {
    records: Vec<Vec<u8>>,
    promised: usize,
    /// The records that a compaction under way would leave.
    compacting: Option<Vec<Vec<u8>>>,
}

impl Known {
    fn work(&mut self, disk: &FaultyDisk, ops: &[Op]) -> Result<(), Error> {
        let (mut journal, found) = open(disk)?;
        assert!(found.is_empty());
        for (number, op) in ops.iter().enumerate() {
            match op {
                Op::Append(len) => {
                    let record = vec![number as u8; *len];
                    self.records.push(record.clone());
                    journal.append(&record)?;
                }
                Op::Sync => {
                    journal.sync()?;
                    self.promised = self.records.len();
                }
                Op::Compact(keep) => {
                    let kept = self.records[self.records.len().saturating_sub(*keep)..].to_vec();
                    self.compacting = Some(kept.clone());
                    journal.compact(&kept)?;
                    *self = Known { promised: kept.len(), records: kept, compacting: None };
                }
            }
        }
        Ok(())
    }

    fn allows(&self, found: &[Vec<u8>]) -> bool {
        let old = found.len() >= self.promised && self.records.starts_with(found);
        old || self.compacting.as_deref() == Some(found)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 256, ..ProptestConfig::default() })]

    #[test]
    fn synced_records_are_replayed_and_torn_ones_cut_off(ops in prop::collection::vec(op(), 1..14), seed: u64) {
        let whole = FaultyDisk::new(1 << 20);
        Known::default().work(&whole, &ops).unwrap();
        for step in 0..=whole.steps() {
            for loss in [Loss::Nothing, Loss::Everything, Loss::Torn(seed), Loss::Torn(seed ^ step)] {
                let disk = FaultyDisk::new(1 << 20);
                disk.cut_power_at(step);
                let mut known = Known::default();
                let _ = known.work(&disk, &ops);
                let disk = disk.restart(loss);
                let (mut journal, found) = open(&disk).unwrap();
                prop_assert!(known.allows(&found), "step {step}, {loss:?}: {} records found, {known:?}", found.len());
                // What was replayed is acted upon: it must survive the next cut too.
                let replayed = open(&disk.snapshot(Loss::Everything)).unwrap().1;
                prop_assert_eq!(&replayed, &found, "step {}, {:?}", step, loss);
                journal.append(b"after").unwrap();
                journal.sync().unwrap();
                drop(journal);
                let again = open(&disk.restart(Loss::Everything)).unwrap().1;
                prop_assert_eq!(again, [found, vec![b"after".to_vec()]].concat());
            }
        }
    }
}

#[test]
fn rot_in_a_promised_record_is_an_error_that_names_it() {
    let disk = FaultyDisk::new(1 << 20);
    let (mut journal, _) = open(&disk).unwrap();
    for record in [b"first", b"other", b"third"] {
        journal.append(record).unwrap();
        journal.sync().unwrap();
    }
    let second = 8 + 20 + 5;
    disk.rot(Path::new(PATH), second + 22, 4);
    let error = open(&disk.restart(Loss::Nothing)).unwrap_err();
    assert!(
        matches!(&error, Error::Rot { offset, place, .. } if *offset == second && place == Path::new(PATH)),
        "{error}"
    );
}

#[test]
fn a_foreign_file_is_refused_and_kept() {
    let disk = FaultyDisk::new(1 << 20);
    disk.create_dir_all(Path::new("uploads")).unwrap();
    disk.create(Path::new(PATH)).unwrap().write_at(0, b"somebody's notes").unwrap();
    assert!(matches!(open(&disk), Err(Error::Foreign { .. })));
    assert_eq!(disk.bytes(Path::new(PATH)).unwrap(), b"somebody's notes");
}

#[test]
fn a_full_disk_leaves_the_journal_usable() {
    let disk = FaultyDisk::new(1 << 20);
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(b"kept").unwrap();
    journal.sync().unwrap();
    disk.set_capacity(0);
    assert!(matches!(journal.append(&[1; 9000]), Err(Error::DiskFull { .. })));
    assert!(matches!(journal.compact(&[vec![1; 9000]]), Err(Error::DiskFull { .. })));
    disk.set_capacity(1 << 20);
    journal.append(b"later").unwrap();
    journal.sync().unwrap();
    let found = open(&disk.restart(Loss::Everything)).unwrap().1;
    assert_eq!(found, [b"kept".to_vec(), b"later".to_vec()]);
}

#[test]
fn a_failed_sync_ends_the_journal() {
    let disk = FaultyDisk::new(1 << 20);
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(b"lost").unwrap();
    disk.fail_sync(0);
    assert!(journal.sync().is_err());
    assert!(matches!(journal.sync(), Err(Error::Broken { .. })));
    assert!(matches!(journal.append(b"more"), Err(Error::Broken { .. })));
    assert!(open(&disk.restart(Loss::Everything)).unwrap().1.is_empty());
}
