//! The chain database over reopening: state, history, tree, undecided blocks, logs.

use std::collections::BTreeMap;

use bitdust_ledger::{
    Bloom, Log, LogData,
    receipt::{self, ReceiptKind},
    state::{Account, StateDiff, StateReader},
    tree::{self, TreeReader, TreeUpdate},
};
use bitdust_types::{Address, Bytes, U256};
use proptest::prelude::*;

use super::*;

const KEPT: u64 = 4;

fn open(dir: &Path) -> ChainStore {
    ChainStore::open(dir, &Memory::default(), ChainOptions { tree_versions: KEPT }).unwrap()
}

/// A block with everything it did, as execution would hand it over.
struct Made {
    block: Block,
    receipts: Vec<Receipt>,
    diff: StateDiff,
    tree: TreeUpdate,
}

impl Made {
    fn commit(&self) -> Commit<'_> {
        let Made { block, receipts, diff, tree } = self;
        Commit { block, certificate: b"certificate", receipts, diff, tree }
    }
}

fn make(store: &ChainStore, diff: StateDiff, receipts: Vec<Receipt>) -> Made {
    let tip = store.tip();
    let height = tip.map_or(0, |tip| tip.height + 1);
    let view = store.view().unwrap();
    let tree = tree::update(&view, height, &diff).unwrap();
    let header = Header {
        chain_id: 45439,
        height,
        parent: tip.map(|tip| tip.id).unwrap_or_default(),
        timestamp_ms: 1000 * height,
        proposer: Address::repeat_byte(1),
        reveal: B256::repeat_byte(2),
        state_root: tip.map(|tip| tip.state_root()).unwrap_or_default(),
        tx_root: B256::ZERO,
        receipts_root: receipt::root(&receipts),
        proofs_root: B256::ZERO,
        logs_bloom: receipt::bloom(&receipts),
        gas_used: 0,
        gas_limit: 30_000_000,
        base_fee: 7,
        validators_hash: B256::ZERO,
        next_validators_hash: B256::ZERO,
    };
    let txs = vec![Bytes::from(height.to_be_bytes().to_vec())];
    Made { block: Block { header, txs, proofs: Vec::new() }, receipts, diff, tree }
}

fn add(store: &ChainStore, diff: StateDiff, receipts: Vec<Receipt>) -> Made {
    let made = make(store, diff, receipts);
    if made.block.header.height == 0 {
        store.commit_genesis(&made.commit()).unwrap();
    } else {
        store.commit(&made.commit()).unwrap();
    }
    made
}

fn address(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn account(balance: u64) -> Account {
    Account { nonce: 1, balance: U256::from(balance), code_hash: bitdust_types::keccak256([]) }
}

fn log(address: Address, topics: &[u8]) -> Log {
    let topics = topics.iter().map(|topic| B256::repeat_byte(*topic)).collect();
    Log { address, data: LogData::new_unchecked(topics, Bytes::from_static(b"data")) }
}

fn receipt(tx: u8, logs: Vec<Log>) -> Receipt {
    Receipt {
        tx_hash: B256::repeat_byte(tx),
        index: 0,
        kind: ReceiptKind::Transaction,
        from: address(1),
        to: None,
        contract_address: None,
        success: true,
        gas_used: 21_000,
        cumulative_gas: 21_000,
        effective_gas_price: 8,
        logs,
        output: Bytes::new(),
    }
}

/// What one block does: for each account (and slot) a new number; 0 removes.
type Change = (u8, Option<u8>, u64);
type State = BTreeMap<(u8, Option<u8>), u64>;

fn diff(changes: &[Change]) -> StateDiff {
    let mut diff = StateDiff::default();
    for &(at, slot, number) in changes {
        match slot {
            None => drop(diff.accounts.insert(address(at), (number > 0).then(|| account(number)))),
            Some(slot) => drop(diff.storage.insert((address(at), U256::from(slot)), U256::from(number))),
        }
    }
    diff
}

fn check(reader: &dyn StateReader, state: &State, context: &str) {
    for at in 0..4u8 {
        let expected = state.get(&(at, None)).map(|number| account(*number));
        assert_eq!(reader.account(address(at)).unwrap(), expected, "{context}, account {at}");
        for slot in 0..4u8 {
            let expected = U256::from(state.get(&(at, Some(slot))).copied().unwrap_or(0));
            assert_eq!(reader.storage(address(at), U256::from(slot)).unwrap(), expected, "{context}, {at} {slot}");
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change = (0..4u8, prop::option::of(0..4u8), 0..3u64);
    prop::collection::vec(prop::collection::vec(change, 0..6), 2..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn state_and_its_last_versions_are_readable_over_reopening(blocks in changes()) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut states: Vec<State> = Vec::new();
        let mut roots = Vec::new();
        for (height, changes) in blocks.iter().enumerate() {
            let made = add(&store, diff(changes), Vec::new());
            let mut state = states.last().cloned().unwrap_or_default();
            for &(at, slot, number) in changes {
                state.insert((at, slot), number);
            }
            state.retain(|_, number| *number > 0);
            states.push(state);
            roots.push(made.tree.root);
            if height % 5 == 4 {
                drop(store);
                store = open(dir.path());
            }
            let tip = store.tip().unwrap();
            prop_assert_eq!((tip.height, tip.id, tip.state_root()), (height as u64, made.block.id(), made.tree.root));
            let view = store.view().unwrap();
            check(&view, &states[height], "the newest state");
            for past in 0..=height as u64 {
                let Some(reader) = view.at(past) else {
                    prop_assert!(past + KEPT <= height as u64, "version {past} of {height} is gone");
                    continue;
                };
                prop_assert!(past + KEPT > height as u64);
                check(&reader, &states[past as usize], &format!("state {past} of {height}"));
                prop_assert_eq!(tree::root(&view, past).unwrap(), Some(roots[past as usize]));
                let proof = tree::prove(&view, past, address(1), &[U256::from(2)]).unwrap();
                let slots = tree::verify_proof(roots[past as usize], address(1), &[U256::from(2)], &proof).unwrap().1;
                let expected = states[past as usize].get(&(1, Some(2))).copied().unwrap_or(0);
                prop_assert_eq!(slots, [U256::from(expected)]);
            }
            prop_assert!(view.at(height as u64 + 1).is_none());
        }
    }
}

#[test]
fn dropped_versions_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let count = |column: Column| store.database.page(column.name(), &[], &[], 100_000).unwrap().len();
    add(&store, diff(&[(1, None, 5), (1, Some(1), 5), (2, None, 1)]), Vec::new());
    for round in 1..100 {
        add(&store, diff(&[(1, None, round), (1, Some(1), round % 3)]), Vec::new());
    }
    // Two keys change with each version; a version of a tree of three keys has at most a handful of nodes.
    let kept = KEPT as usize;
    assert!(count(Column::TreeNodes) <= 8 * (kept + 1), "{} nodes", count(Column::TreeNodes));
    assert!(count(Column::TreeValues) <= 3 * (kept + 1), "{} values", count(Column::TreeValues));
    assert!(count(Column::TreeStale) <= 8 * (kept + 1), "{} stale entries", count(Column::TreeStale));
    let view = store.view().unwrap();
    let tip = view.tip().unwrap();
    assert_eq!(view.value(&tree::account_key(address(2)), tip.height).unwrap(), Some(account(1).to_bytes().to_vec()));
}

#[test]
fn a_view_does_not_change_while_blocks_are_committed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.view().unwrap().tip(), None);
    add(&store, diff(&[(1, None, 5)]), Vec::new());
    let view = store.view().unwrap();
    let made = add(&store, diff(&[(1, None, 6), (2, None, 7)]), Vec::new());
    assert_eq!(view.tip().unwrap().height, 0);
    assert_eq!(view.account(address(1)).unwrap(), Some(account(5)));
    assert_eq!(view.account(address(2)).unwrap(), None);
    assert_eq!(view.block_hash(1).unwrap(), B256::ZERO);
    assert!(view.at(1).is_none());
    let now = store.view().unwrap();
    assert_eq!(now.block_hash(1).unwrap(), B256::from(made.block.id()));
    assert_eq!(now.account(address(1)).unwrap(), Some(account(6)));
}

#[test]
fn blocks_receipts_and_code_are_found_over_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let code = Bytes::from_static(b"\x60\x00");
    let hash = bitdust_types::keccak256(&code);
    let mut genesis = diff(&[(1, None, 5)]);
    genesis.code.insert(hash, code.clone());
    add(&store, genesis, Vec::new());
    let made = add(&store, StateDiff::default(), vec![receipt(7, vec![]), receipt(8, vec![log(address(3), &[1])])]);
    let id = made.block.id();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.block(1).unwrap().unwrap(), made.block);
    assert_eq!(store.block_bytes(1).unwrap().unwrap(), made.block.encode());
    assert_eq!(store.header(1).unwrap().unwrap(), made.block.header);
    assert_eq!(store.certificate(1).unwrap().unwrap(), b"certificate");
    assert_eq!(store.receipts(1).unwrap().unwrap(), made.receipts);
    assert_eq!((store.height_of(id).unwrap(), store.block_id(1).unwrap()), (Some(1), Some(id)));
    let (place, found) = store.receipt(B256::repeat_byte(8)).unwrap().unwrap();
    assert_eq!((place, found), (TxPlace { height: 1, receipt: 1 }, made.receipts[1].clone()));
    assert_eq!(store.locate(B256::repeat_byte(9)).unwrap(), None);
    assert_eq!((store.block(2).unwrap(), store.header(2).unwrap(), store.receipts(2).unwrap()), (None, None, None));
    let view = store.view().unwrap();
    assert_eq!(view.code(hash).unwrap(), code);
    assert_eq!(view.code(bitdust_types::keccak256([])).unwrap(), Bytes::new());
    assert!(view.code(B256::repeat_byte(1)).is_err());
    store.put_meta("peers", b"somebody").unwrap();
    assert_eq!(store.meta("peers").unwrap().unwrap(), b"somebody");
    assert_eq!(store.meta("tip").unwrap(), None);
}

#[test]
fn only_the_next_block_is_taken_and_the_tip_may_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let genesis = make(&store, diff(&[(1, None, 5)]), Vec::new());
    assert!(matches!(store.commit(&genesis.commit()), Err(Error::NotNext { .. })));
    store.commit_genesis(&genesis.commit()).unwrap();
    store.commit_genesis(&genesis.commit()).unwrap();
    let first = add(&store, diff(&[(1, None, 6)]), Vec::new());
    store.commit(&first.commit()).unwrap();
    let wrong = |change: fn(&mut Header)| {
        let mut made = make(&store, diff(&[(1, None, 9)]), Vec::new());
        change(&mut made.block.header);
        let error = store.commit(&made.commit()).unwrap_err();
        assert!(matches!(error, Error::NotNext { tip: 1, .. }), "{error}");
    };
    wrong(|header| header.height = 3);
    wrong(|header| header.height = 1);
    wrong(|header| header.parent = BlockId([9; 32]));
    wrong(|header| header.state_root = B256::repeat_byte(9));
    assert_eq!(store.tip().unwrap().id, first.block.id());
    check(&store.view().unwrap(), &State::from([((1, None), 6)]), "after refusals");
}

#[test]
fn another_networks_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut other = make(&store, diff(&[(1, None, 5)]), Vec::new());
    add(&store, diff(&[(1, None, 5)]), Vec::new());
    other.block.header.chain_id = 45437;
    let error = store.commit_genesis(&other.commit()).unwrap_err().to_string();
    assert!(error.contains("use another directory or the right network"), "{error}");
    let busy = ChainStore::open(dir.path(), &Memory::default(), ChainOptions::default()).err().unwrap().to_string();
    assert!(busy.contains("stop that node first"), "{busy}");
}

#[test]
fn undecided_blocks_stay_until_their_height_is_decided() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    add(&store, StateDiff::default(), Vec::new());
    let id = |number: u8| BlockId([number; 32]);
    let put = |store: &ChainStore, height, round, number: u8, own| {
        store.put_undecided(&Undecided { height, round, id: id(number), bytes: &[number; 100], own }).unwrap();
    };
    put(&store, 1, 0, 1, true);
    put(&store, 1, 0, 2, true);
    put(&store, 1, 7, 3, false);
    put(&store, 2, 0, 4, true);
    drop(store);
    store = open(dir.path());
    // The first own proposal of a height and round is the only one there ever is.
    assert_eq!(store.own_proposal(1, 0).unwrap(), Some((id(1), vec![1; 100])));
    assert_eq!(store.own_proposal(1, 7).unwrap(), None);
    assert_eq!(store.undecided(id(3)).unwrap(), Some(vec![3; 100]));
    add(&store, StateDiff::default(), Vec::new());
    for number in 1..=3 {
        assert_eq!(store.undecided(id(number)).unwrap(), None);
    }
    assert_eq!(store.own_proposal(1, 0).unwrap(), None);
    assert_eq!(store.own_proposal(2, 0).unwrap(), Some((id(4), vec![4; 100])));
    // Too late: its height is decided.
    put(&store, 1, 9, 5, true);
    assert_eq!(store.undecided(id(5)).unwrap(), None);
    add(&store, StateDiff::default(), Vec::new());
    assert!(store.database.page(Column::Undecided.name(), &[], &[], 10).unwrap().is_empty());
}

#[test]
fn many_undecided_blocks_of_one_height_all_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    add(&store, StateDiff::default(), Vec::new());
    for number in 0..300u32 {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        store.put_undecided(&Undecided { height: 1, round: number, id: BlockId(id), bytes: b"", own: true }).unwrap();
    }
    add(&store, StateDiff::default(), Vec::new());
    assert!(store.database.page(Column::Undecided.name(), &[], &[], 10).unwrap().is_empty());
}

#[test]
fn logs_are_found_by_address_topics_and_range() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    add(&store, StateDiff::default(), Vec::new());
    add(&store, StateDiff::default(), vec![receipt(1, vec![log(address(1), &[1, 2]), log(address(2), &[1])])]);
    add(&store, StateDiff::default(), vec![receipt(2, vec![])]);
    add(
        &store,
        StateDiff::default(),
        vec![receipt(3, vec![]), receipt(4, vec![log(address(1), &[]), log(address(1), &[3, 2])])],
    );
    let topic = |number: u8| B256::repeat_byte(number);
    let find = |from, to, addresses: &[u8], topics: &[&[u8]]| {
        let filter = LogFilter {
            from,
            to,
            addresses: addresses.iter().copied().map(address).collect(),
            topics: topics.iter().map(|any| any.iter().copied().map(topic).collect()).collect(),
        };
        let found = store.logs(&filter).unwrap();
        found.iter().map(|log| (log.height, log.receipt, log.log_index)).collect::<Vec<_>>()
    };
    let all = [(1, 0, 0), (1, 0, 1), (3, 1, 0), (3, 1, 1)];
    assert_eq!(find(0, 100, &[], &[]), all);
    assert_eq!(find(2, 100, &[], &[]), all[2..]);
    assert_eq!(find(0, 2, &[], &[]), all[..2]);
    assert_eq!(find(0, 9, &[2], &[]), all[1..2]);
    assert_eq!(find(0, 9, &[1, 2], &[&[1]]), all[..2]);
    assert_eq!(find(0, 9, &[], &[&[], &[2]]), [all[0], all[3]]);
    assert_eq!(find(0, 9, &[], &[&[3, 1], &[2]]), [all[0], all[3]]);
    assert_eq!(find(0, 9, &[], &[&[]]), [all[0], all[1], all[3]]);
    assert_eq!(find(0, 9, &[9], &[]), []);
    assert_eq!(find(50, 60, &[], &[]), []);
    let found = store.logs(&LogFilter { from: 1, to: 1, ..LogFilter::default() }).unwrap();
    assert_eq!((found[0].tx_hash, found[0].block_id), (topic(1), store.block_id(1).unwrap().unwrap()));
    assert_eq!(found[0].log, log(address(1), &[1, 2]));
    let refused = |from, to| store.logs(&LogFilter { from, to, ..LogFilter::default() }).unwrap_err().to_string();
    assert!(refused(5, 4).contains("must not lie behind"));
    assert!(refused(0, LOG_BLOCKS_MAX).contains("ask in parts"));
    assert!(refused(0, u64::MAX).contains("ask in parts"));
    assert_eq!(Bloom::ZERO, store.header(2).unwrap().unwrap().logs_bloom);
}

#[test]
fn logs_with_more_bytes_than_an_answer_holds_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    add(&store, StateDiff::default(), Vec::new());
    // Two logs of which each fills an answer by half, and a little one.
    let half = Bytes::from(vec![7; LOG_BYTES_MAX / 2]);
    for data in [half.clone(), half, Bytes::from_static(&[1])] {
        let log = Log { address: address(1), data: LogData::new_unchecked(Vec::new(), data) };
        add(&store, StateDiff::default(), vec![receipt(1, vec![log])]);
    }
    let logs = |from, to| store.logs(&LogFilter { from, to, ..LogFilter::default() });
    assert_eq!(logs(0, 2).unwrap().len(), 2);
    assert_eq!(logs(2, 3).unwrap().len(), 2);
    assert!(logs(0, 3).unwrap_err().to_string().contains("up to block 3; ask for fewer blocks"));
}
