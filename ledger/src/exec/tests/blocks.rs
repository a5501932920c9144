//! Plain blocks: transfers, fees, receipts, limits.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use bitdust_types::system;

use super::super::*;
use crate::{
    fee::next_base_fee,
    testing::{FUNDS, TestChain, account},
};

#[test]
fn transfers_move_value_and_fees_go_where_they_should() {
    let mut chain = TestChain::new();
    let proposer = chain.proposal().proposer;
    let tx = chain.transfer(1, 0, account(50), 700);
    let (block, outcome) = chain.advance(vec![tx.clone()], vec![]);
    let receipt = &outcome.receipts[0];
    assert_eq!((receipt.success, receipt.gas_used, receipt.cumulative_gas), (true, 21_000, 21_000));
    assert_eq!((receipt.tx_hash, receipt.from, receipt.to), (tx.hash(), account(1), Some(account(50))));
    assert_eq!(block.header.gas_used, 21_000);
    let (base, tip) = (u128::from(block.header.base_fee), 1_000_000_000);
    assert_eq!(receipt.effective_gas_price, base + tip);
    assert_eq!(chain.balance(account(50)), U256::from(700));
    assert_eq!(chain.balance(account(1)), U256::from(FUNDS - 700 - 21_000 * (base + tip)));
    assert_eq!(chain.balance(system::SHARES), U256::from(21_000 * base));
    assert_eq!(chain.balance(proposer), U256::from(21_000 * tip));
}

#[test]
fn the_base_fee_follows_the_gas_used() {
    let mut chain = TestChain::new();
    let floor = chain.params.base_fee_min;
    let (empty, _) = chain.advance(vec![], vec![]);
    assert_eq!(empty.header.base_fee, floor);
    // 800 transfers: 16.8 of 30 million gas, above the target of 15.
    let txs: Vec<_> = (0..800).map(|n| chain.transfer(n % 10, n / 10, account(60), 1)).collect();
    let (full, _) = chain.advance(txs, vec![]);
    assert_eq!(full.header.gas_used, 800 * 21_000);
    let (next, _) = chain.advance(vec![], vec![]);
    assert_eq!(next.header.base_fee, next_base_fee(&chain.params, floor, 800 * 21_000, 30_000_000));
    assert!(next.header.base_fee > floor);
}

#[test]
fn bad_candidates_are_left_out_and_the_rest_goes_on() {
    let mut chain = TestChain::new();
    let good = chain.transfer(1, 0, account(50), 1);
    let gap = chain.transfer(2, 1, account(50), 1);
    let poor = chain.transfer(99, 0, account(50), 1);
    let rich = chain.transfer(3, 0, account(50), FUNDS);
    let again = good.clone();
    let (block, _) = chain.advance(vec![gap, poor, good.clone(), rich, again], vec![]);
    assert_eq!(block.txs, vec![good.raw().clone()]);
}

#[test]
fn a_block_takes_no_more_gas_and_bytes_than_it_may() {
    let mut chain = TestChain::new();
    // 1,000,000 gas each by limit, though 21,000 by use: the last ones don't fit their limit any more.
    let txs: Vec<_> = (0..1500).map(|n| chain.transfer(n % 10, n / 10, account(60), 1)).collect();
    let (block, outcome) = chain.advance(txs, vec![]);
    assert!(outcome.gas_used <= chain.params.gas_limit && block.txs.len() > 1300, "{} txs", block.txs.len());
    let mut chain = TestChain::with_params(ChainParams { gas_limit: 1 << 32, ..chain.params });
    let big = |n: u64| {
        let tx = alloy_consensus::TxEip1559 {
            chain_id: chain.params.chain_id,
            nonce: n / 10,
            gas_limit: 10_000_000,
            max_fee_per_gas: 2_000_000_000,
            to: TxKind::Call(account(60)),
            input: vec![1; 120_000].into(),
            ..Default::default()
        };
        tx::decode_and_check(&chain.params, &crate::testing::signed(&crate::testing::key(n % 10), tx)).unwrap()
    };
    let txs: Vec<_> = (0..30).map(big).collect();
    let (block, _) = chain.advance(txs, vec![]);
    assert_eq!(block.txs.len(), 17, "17 × 120 KB in 2 MiB");
}

#[test]
fn contracts_are_made_called_and_kept() {
    let mut chain = TestChain::new();
    // PUSH1 42, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN
    let code = super::evm_code::creation(&[0x60, 42, 0x60, 0, 0x52, 0x60, 32, 0x60, 0, 0xf3]);
    let (_, outcome) = chain.advance(vec![chain.tx(1, 0, TxKind::Create, U256::ZERO, code)], vec![]);
    let made = outcome.receipts[0].contract_address.unwrap();
    assert_eq!(made, account(1).create(0));
    chain.advance(vec![], vec![]);
    let asked = Call { to: Some(made), ..Call::default() };
    let answer = call(&chain.state, &chain.params, &chain.head, &asked).unwrap();
    assert_eq!(U256::from_be_slice(&answer.output), U256::from(42));
}

#[test]
fn block_hashes_and_time_are_visible_to_contracts() {
    let mut chain = TestChain::new();
    chain.advance(vec![], vec![]);
    let first = chain.head.id();
    chain.advance(vec![], vec![]);
    // BLOCKHASH(1) at 0, TIMESTAMP at 32, NUMBER at 64
    let code = [0x60, 1, 0x40, 0x60, 0, 0x52, 0x42, 0x60, 32, 0x52, 0x43, 0x60, 64, 0x52, 0x60, 96, 0x60, 0, 0xf3];
    let asked = Call { to: None, data: Bytes::copy_from_slice(&code), ..Call::default() };
    // Creation returns the would-be code: our three words.
    let answer = call(&chain.state, &chain.params, &chain.head, &asked).unwrap();
    let word = |at: usize| U256::from_be_slice(&answer.output[at..at + 32]);
    assert_eq!(word(0), U256::from_be_bytes(first.0));
    assert_eq!(word(32), U256::from(chain.head.timestamp_ms / 1000));
    assert_eq!(word(64), U256::from(2));
}

#[test]
fn only_a_validator_proposes_and_time_moves_on() {
    let chain = TestChain::new();
    let proposal = Proposal { proposer: account(1), ..chain.proposal() };
    let error = build(&chain.ctx(), &proposal, vec![], vec![]).unwrap_err();
    assert_eq!(error, Invalid::Proposer(account(1)).into());
    let late = Proposal { timestamp_ms: 0, ..chain.proposal() };
    let (block, _) = build(&chain.ctx(), &late, vec![], vec![]).unwrap();
    assert_eq!(block.header.timestamp_ms, chain.head.timestamp_ms + 1, "a slow clock doesn't stop the chain");
}

#[test]
fn a_state_that_cannot_be_read_is_no_verdict() {
    struct Broken;
    impl StateReader for Broken {
        fn account(&self, _: Address) -> Result<Option<crate::state::Account>, crate::state::StateError> {
            Err(crate::state::StateError("disk on fire".into()))
        }
        fn storage(&self, _: Address, _: U256) -> Result<U256, crate::state::StateError> {
            Err(crate::state::StateError("disk on fire".into()))
        }
        fn code(&self, _: B256) -> Result<Bytes, crate::state::StateError> {
            Err(crate::state::StateError("disk on fire".into()))
        }
        fn block_hash(&self, _: u64) -> Result<B256, crate::state::StateError> {
            Err(crate::state::StateError("disk on fire".into()))
        }
    }
    /// The chain's state, but the Market's storage is unreadable.
    struct HalfBroken<'a>(&'a dyn StateReader);
    impl StateReader for HalfBroken<'_> {
        fn account(&self, address: Address) -> Result<Option<crate::state::Account>, crate::state::StateError> {
            self.0.account(address)
        }
        fn storage(&self, address: Address, slot: U256) -> Result<U256, crate::state::StateError> {
            if address == system::MARKET { Broken.storage(address, slot) } else { self.0.storage(address, slot) }
        }
        fn code(&self, hash: B256) -> Result<Bytes, crate::state::StateError> {
            self.0.code(hash)
        }
        fn block_hash(&self, height: u64) -> Result<B256, crate::state::StateError> {
            self.0.block_hash(height)
        }
    }
    let chain = TestChain::new();
    let deposit = super::contracts::deposit(&chain, 1, 0, 5);
    let (block, _) = chain.build(vec![deposit], vec![]).unwrap();
    assert_eq!(block.txs.len(), 1);
    let half = HalfBroken(&chain.state);
    for state in [&Broken as &dyn StateReader, &half] {
        let ctx = Ctx { state, ..chain.ctx() };
        assert!(matches!(apply(&ctx, &block), Err(Error::State(_))));
    }
}

/// Prints how many transfers a second go through build and apply; asserts nothing about time.
#[test]
fn many_transfers() {
    let mut chain = TestChain::with_params(ChainParams { gas_limit: 1 << 32, ..ChainParams::devnet(30, 1000) });
    let txs: Vec<_> = (0..5000).map(|n| chain.transfer(n % 10, n / 10, account(1000 + n % 500), 1)).collect();
    let start = std::time::Instant::now();
    let (block, outcome) = chain.build(txs.clone(), vec![]).unwrap();
    let built = start.elapsed();
    let known: std::collections::HashMap<B256, CheckedTx> = txs.into_iter().map(|tx| (tx.hash(), tx)).collect();
    let start = std::time::Instant::now();
    let applied = apply_with(&chain.ctx(), &block, &|hash| known.get(&hash).cloned()).unwrap();
    let with_pool = start.elapsed();
    assert_eq!(applied, outcome);
    let start = std::time::Instant::now();
    assert_eq!(apply(&chain.ctx(), &block).unwrap(), outcome);
    let cold = start.elapsed();
    let rate = |time: std::time::Duration| 5000.0 / time.as_secs_f64();
    println!("transfers/s: build {:.0}, apply {:.0}, with recovery {:.0}", rate(built), rate(with_pool), rate(cold));
    chain.state.push(outcome.diff);
    assert_eq!(block.txs.len(), 5000);
}
