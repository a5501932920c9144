//! The tree against a plain list, under random changes over epochs.

use std::{collections::BTreeMap, convert::Infallible};

use alloy_primitives::U256;
use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct Memory(BTreeMap<U256, U256>);

impl Words for Memory {
    type Error = Infallible;
    fn read(&mut self, at: U256) -> Result<U256, Infallible> {
        Ok(self.0.get(&at).copied().unwrap_or_default())
    }
}

impl Store for Memory {
    fn write(&mut self, at: U256, value: U256) {
        self.0.insert(at, value);
    }
}

/// What the naive list keeps of a leaf: its place, its bytes and root now and when the epoch began.
#[derive(Clone, Default)]
struct Plain {
    index: u32,
    now: Content,
    start: Content,
    gone: bool,
}

const WHO: Address = Address::repeat_byte(9);

struct Pair {
    memory: Memory,
    supplier: Supplier,
    epoch: u64,
    list: Vec<Plain>,
    made: u16,
}

impl Pair {
    fn new() -> Self {
        Pair { memory: Memory::default(), supplier: Supplier::default(), epoch: 1, list: Vec::new(), made: 0 }
    }

    fn step(&mut self, kind: u8, pick: usize, bytes: u64) {
        let content = Content { bytes, root: B256::from(U256::from(bytes) + U256::from(self.made)) };
        let alive: Vec<usize> = (0..self.list.len()).filter(|at| !self.list[*at].gone).collect();
        match (kind, alive.is_empty()) {
            (0 | 1, _) | (_, true) => {
                self.made += 1;
                let place = (B256::repeat_byte(1), self.made);
                let Ok(index) = insert(&mut self.memory, WHO, &mut self.supplier, self.epoch, place, content);
                let index = index.expect("far below the limit");
                assert!(
                    self.list.iter().all(|leaf| leaf.index != index || (leaf.gone && leaf.start.bytes == 0)),
                    "leaf {index} is given away while it may still be sampled"
                );
                self.list.push(Plain { index, now: content, ..Plain::default() });
            }
            (2 | 3, _) => {
                let leaf = &mut self.list[alive[pick % alive.len()]];
                leaf.now = content;
                let Ok(()) = update(&mut self.memory, WHO, &mut self.supplier, self.epoch, leaf.index, content);
            }
            (4, _) => {
                let leaf = &mut self.list[alive[pick % alive.len()]];
                (leaf.now, leaf.gone) = (Content::default(), true);
                let Ok(()) = remove(&mut self.memory, WHO, &mut self.supplier, self.epoch, leaf.index);
            }
            _ => {
                self.epoch += 1 + (pick as u64 % 2);
                for leaf in &mut self.list {
                    leaf.start = leaf.now;
                }
            }
        }
    }

    fn check(&mut self) {
        let mut order: Vec<&Plain> = self.list.iter().filter(|leaf| leaf.start.bytes > 0).collect();
        order.sort_by_key(|leaf| leaf.index);
        let total: u64 = order.iter().map(|leaf| leaf.start.bytes).sum();
        assert_eq!(due(&self.supplier, self.epoch), Some(total), "due at the start of epoch {}", self.epoch);
        assert_eq!(self.supplier.total, self.list.iter().map(|leaf| leaf.now.bytes).sum::<u64>(), "total now");
        let mut offset = 0;
        for leaf in order {
            for inside in [0, leaf.start.bytes / 2, leaf.start.bytes - 1] {
                let Ok((index, found, rest)) =
                    locate(&mut self.memory, WHO, &self.supplier, self.epoch, offset + inside);
                assert_eq!((index, rest), (leaf.index, inside), "offset {}", offset + inside);
                assert_eq!(found.at_start(self.epoch), leaf.start);
            }
            offset += leaf.start.bytes;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_tree_equals_a_list_as_of_the_start_of_the_epoch(
        steps in prop::collection::vec((0u8..6, 0usize..64, 0u64..40), 1..80)
    ) {
        let mut pair = Pair::new();
        for (kind, pick, bytes) in steps {
            pair.step(kind, pick, bytes);
            pair.check();
        }
    }
}

#[test]
fn a_past_epoch_is_not_answered() {
    let mut pair = Pair::new();
    pair.step(0, 0, 10);
    pair.step(5, 1, 0);
    pair.step(2, 0, 20);
    assert_eq!(due(&pair.supplier, pair.epoch), Some(10));
    assert_eq!(due(&pair.supplier, pair.epoch + 1), Some(20));
    assert_eq!(due(&pair.supplier, pair.epoch - 1), None);
}

#[test]
fn a_full_tree_says_so() {
    let mut supplier = Supplier { leaves: SLOTS_PER_SUPPLIER_MAX, ..Supplier::default() };
    let Ok(answer) =
        insert(&mut Memory::default(), WHO, &mut supplier, 5, (B256::ZERO, 0), Content { bytes: 1, root: B256::ZERO });
    assert_eq!(answer, Err(Full));
}
