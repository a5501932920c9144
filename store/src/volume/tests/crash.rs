//! Power cuts at every step of a workload, with every kind of loss: what was acknowledged is there, nothing torn is.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    /// Puts blobs of these lengths and persists them together.
    Put(Vec<usize>),
    /// Puts a blob and gives up before persisting it.
    Abandon(usize),
    /// Deletes the blob with this number, counted round over all that were put.
    Delete(usize),
    Compact,
}

/// What the outside world was told.
#[derive(Default)]
struct Promises {
    blobs: BTreeMap<Root, Vec<u8>>,
    put: Vec<Root>,
    /// Held, for sure.
    acknowledged: BTreeSet<Root>,
    /// Gone, for sure.
    deleted: BTreeSet<Root>,
}

fn op() -> impl Strategy<Value = Op> {
    let len = prop_oneof![0..3000usize, 10_000..40_000usize];
    prop_oneof![
        4 => prop::collection::vec(len.clone(), 1..4).prop_map(Op::Put),
        1 => len.prop_map(Op::Abandon),
        2 => (0..20usize).prop_map(Op::Delete),
        1 => Just(Op::Compact),
    ]
}

impl Promises {
    /// Does the work until an error (the power is off) ends it.
    fn work(&mut self, volumes: &Volumes, ops: &[Op]) -> Result<(), BlobError> {
        for op in ops {
            match op {
                Op::Put(lens) => self.put(volumes, lens)?,
                Op::Abandon(len) => drop(stage(volumes, &self.fresh(*len).1)?),
                Op::Delete(number) => {
                    if let Some(&root) = self.put.get(number % self.put.len().max(1)) {
                        self.acknowledged.remove(&root);
                        volumes.delete(&[root])?;
                        self.deleted.insert(root);
                    }
                }
                Op::Compact => drop(volumes.compact_one()?),
            }
        }
        Ok(())
    }

    fn put(&mut self, volumes: &Volumes, lens: &[usize]) -> Result<(), BlobError> {
        let mut staged = Vec::new();
        for len in lens {
            let (root, data) = self.fresh(*len);
            self.put.push(root);
            staged.push(stage(volumes, &data)?);
        }
        let roots: Vec<Root> = staged.iter().map(Staged::root).collect();
        volumes.persist(staged)?;
        self.acknowledged.extend(roots);
        Ok(())
    }

    /// A blob that was never put. Numbered, so that no two are alike.
    fn fresh(&mut self, len: usize) -> (Root, Vec<u8>) {
        let number = self.blobs.len() as u64;
        let data = [&number.to_le_bytes()[..], &bytes(number, len)].concat();
        let root = hash(&data).0;
        self.blobs.insert(root, data.clone());
        (root, data)
    }

    fn check(&self, volumes: &Volumes, context: &str) {
        for root in &self.acknowledged {
            let data = read(volumes, *root).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert!(data == self.blobs[root], "{context}: other bytes under {root}");
        }
        for (root, _) in volumes.page(None, 1000).unwrap() {
            volumes.verify(root).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert!(self.blobs.contains_key(&root), "{context}: a blob nobody put");
            assert!(!self.deleted.contains(&root), "{context}: {root} was deleted");
        }
    }
}

fn disk(holes: bool) -> FaultyDisk {
    let disk = FaultyDisk::new(64 << 20);
    if holes { disk } else { disk.without_holes() }
}

/// Cuts the power at `step`, restarts with `loss`, and looks; then works on, cuts again and looks again.
fn crash_at(ops: &[Op], holes: bool, step: u64, loss: Loss) {
    let context = format!("power cut at step {step}, {loss:?}, holes {holes}, {ops:?}");
    let first = disk(holes);
    first.cut_power_at(step);
    let mut promises = Promises::default();
    if let Ok((volumes, _)) = open_with(&first, options()) {
        let _ = promises.work(&volumes, ops);
    }
    let second = first.restart(loss);
    let (volumes, opened) = open_with(&second, options()).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(opened.damaged.is_empty(), "{context}: {opened:?}");
    promises.check(&volumes, &context);
    // What opening put right must itself survive the next cut.
    promises.check(&open(&second.snapshot(Loss::Everything)).0, &context);
    promises.work(&volumes, &[Op::Put(vec![5000, 20_000]), Op::Compact]).unwrap();
    promises.check(&volumes, &context);
    drop(volumes);
    let (volumes, _) = open(&second.restart(Loss::Everything));
    promises.check(&volumes, &context);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_and_nothing_torn_is_served(
        ops in prop::collection::vec(op(), 2..7),
        holes: bool,
        seed: u64,
    ) {
        let whole = disk(holes);
        let (volumes, _) = open(&whole);
        Promises::default().work(&volumes, &ops).unwrap();
        for step in 0..=whole.steps() {
            for loss in [Loss::Nothing, Loss::Everything, Loss::Torn(seed), Loss::Torn(seed ^ step)] {
                crash_at(&ops, holes, step, loss);
            }
        }
    }
}
