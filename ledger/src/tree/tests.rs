//! The state tree, kept in maps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct Memory {
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    values: BTreeMap<([u8; 32], u64), Option<Vec<u8>>>,
    stale: Vec<(u64, Vec<u8>)>,
}

impl TreeReader for Memory {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.nodes.get(key).cloned())
    }

    fn value(&self, key: &[u8; 32], version_max: u64) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.values.range((*key, 0)..=(*key, version_max)).next_back().and_then(|(_, value)| value.clone()))
    }
}

impl Memory {
    fn apply(&mut self, version: u64, diff: &StateDiff) -> B256 {
        let update = update(self, version, diff).unwrap();
        self.nodes.extend(update.nodes);
        self.values.extend(update.values.into_iter().map(|(key, version, value)| ((key, version), value)));
        self.stale.extend(update.stale);
        assert_eq!(root(self, version).unwrap(), Some(update.root));
        update.root
    }

    /// Forgets every version below `kept`.
    fn prune(&mut self, kept: u64) {
        for (_, key) in self.stale.iter().filter(|(since, _)| *since <= kept) {
            self.nodes.remove(key);
        }
    }
}

fn address(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn account(balance: u64) -> Account {
    Account { nonce: 1, balance: U256::from(balance), ..Account::default() }
}

/// Few keys, so that they are overwritten, removed and made again.
fn diff() -> impl Strategy<Value = StateDiff> {
    let accounts = prop::collection::btree_map(0u8..12, prop::option::of(0u64..5), 0..6);
    let storage = prop::collection::btree_map((0u8..3, 0u64..6), 0u64..3, 0..8);
    (accounts, storage).prop_map(|(accounts, storage)| StateDiff {
        accounts: accounts.into_iter().map(|(number, balance)| (address(number), balance.map(account))).collect(),
        storage: storage
            .into_iter()
            .map(|((number, slot), value)| ((address(number), U256::from(slot)), U256::from(value)))
            .collect(),
        code: BTreeMap::new(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The root depends on what the state is, not on how it came about; every key is proved, present or not; forgetting
    /// old versions harms none of it.
    #[test]
    fn roots_and_proofs_follow_the_contents(diffs in prop::collection::vec(diff(), 1..8)) {
        let mut tree = Memory::default();
        let mut all = StateDiff::default();
        let mut last = B256::ZERO;
        for (version, diff) in (0..).zip(&diffs) {
            last = tree.apply(version, diff);
            all.merge(diff.clone());
        }
        let version = diffs.len() as u64 - 1;
        let mut contents = all.clone();
        contents.accounts.retain(|_, account| account.is_some());
        contents.storage.retain(|_, value| !value.is_zero());
        prop_assert_eq!(Memory::default().apply(0, &contents), last);

        tree.prune(version);
        let slots: Vec<U256> = (0..6).map(U256::from).collect();
        for number in 0..12 {
            let who = address(number);
            let proof = prove(&tree, version, who, &slots).unwrap();
            let (found, values) = verify_proof(last, who, &slots, &proof).unwrap();
            prop_assert_eq!(found, all.accounts.get(&who).copied().flatten());
            for (slot, value) in slots.iter().zip(values) {
                prop_assert_eq!(value, all.storage.get(&(who, *slot)).copied().unwrap_or_default());
            }
            prop_assert!(verify_proof(B256::repeat_byte(1), who, &slots, &proof).is_err());
        }
    }
}

#[test]
fn a_block_that_changes_nothing_has_its_parents_root() {
    let mut tree = Memory::default();
    let diff = StateDiff { accounts: [(address(1), Some(account(5)))].into(), ..StateDiff::default() };
    let first = tree.apply(0, &diff);
    assert_eq!(tree.apply(1, &StateDiff::default()), first);
    let other = StateDiff { accounts: [(address(2), Some(account(6)))].into(), ..StateDiff::default() };
    assert_ne!(tree.apply(2, &other), first);
}

#[test]
fn a_lie_about_a_value_is_noticed() {
    let mut tree = Memory::default();
    let accounts = (0..40).map(|number| (address(number), Some(account(u64::from(number))))).collect();
    let slot = U256::from(3);
    let storage = [((address(1), slot), U256::from(9))].into();
    let root = tree.apply(0, &StateDiff { accounts, storage, code: BTreeMap::new() });
    let honest = prove(&tree, 0, address(1), &[slot]).unwrap();
    let (found, values) = verify_proof(root, address(1), &[slot], &honest).unwrap();
    assert_eq!((found, values), (Some(account(1)), vec![U256::from(9)]));

    let mut richer = honest.clone();
    richer.account.value = Some(account(1_000_000).to_bytes().to_vec());
    let mut denied = honest.clone();
    denied.account.value = None;
    let mut slotless = honest.clone();
    slotless.slots[0].value = None;
    let mut cut = honest.clone();
    cut.account.path.truncate(10);
    let mut fewer = honest.clone();
    fewer.slots.clear();
    for (what, lie) in [("richer", richer), ("denied", denied), ("slot", slotless), ("cut", cut), ("fewer", fewer)] {
        assert!(matches!(verify_proof(root, address(1), &[slot], &lie), Err(Invalid::StateProof { .. })), "{what}");
    }
    assert!(verify_proof(root, address(2), &[slot], &honest).is_err(), "another account");
    assert!(verify_proof(root, address(1), &[U256::from(4)], &honest).is_err(), "another slot");
}

#[test]
fn the_root_is_the_recorded_one() {
    let accounts = [(address(1), Some(account(5))), (address(2), Some(account(6)))].into();
    let storage = [((address(1), U256::from(1)), U256::from(2))].into();
    let root = Memory::default().apply(0, &StateDiff { accounts, storage, code: BTreeMap::new() });
    assert_eq!(root.to_string(), "0x56bb0a9cb6971c7d677371c59e9544013ae624c8457606a2121afe619f4d183c");
}
