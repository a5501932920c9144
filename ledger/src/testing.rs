//! What this crate's tests share: a chain in memory with keys, and bugs that can be planted to see a check fail.

use std::cell::Cell;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use bitdust_types::{Amount, ChainParams, Validator, ValidatorSet, signing};
use k256::ecdsa::SigningKey;

use crate::{
    Genesis,
    beacon::HashChain,
    block::{Block, Header},
    error::Error,
    exec::{self, Ctx, Outcome, Proposal},
    prove::Prove,
    state::{Overlay, StateReader},
    tx::{self, CheckedTx},
};

/// A bug of one grain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A system contract's payment brings one grain too many.
    PayGrain,
    /// The base fee's receiver gets one grain too many.
    FeeGrain,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// True if the bug is planted on this thread.
pub fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Runs something with a bug planted.
pub fn with_bug<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
    PLANTED.set(Some(bug));
    let result = run();
    PLANTED.set(None);
    result
}

/// The key of a test account.
pub fn key(number: u64) -> SigningKey {
    SigningKey::from_slice(keccak256(number.to_be_bytes()).as_slice()).unwrap()
}

/// The address of a test account.
pub fn account(number: u64) -> Address {
    signing::address_of(key(number).verifying_key())
}

/// Signs a transaction of type 2 with room for gas and fees.
pub fn signed(key: &SigningKey, tx: TxEip1559) -> Bytes {
    let bytes = signing::sign(key, tx.signature_hash()).unwrap();
    let signature = Signature::from_raw_array(&bytes).unwrap();
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

/// A chain in memory.
pub struct TestChain {
    pub params: ChainParams,
    pub validators: ValidatorSet,
    pub state: Overlay<'static>,
    pub head: Header,
    pub chains: Vec<(Address, HashChain, u64)>,
    /// Stand-in for the tree's root, which these tests don't need: any value works if all agree.
    pub state_root: B256,
}

/// Accounts 0 to 9 have this much.
pub const FUNDS: u128 = 1_000_000 * bitdust_types::amount::GRAINS_PER_DUST;

impl TestChain {
    /// Accounts 0..10 are funded; 100 and 101 are validators.
    pub fn new() -> Self {
        Self::with_params(ChainParams::devnet(30, 1000))
    }

    pub fn with_params(params: ChainParams) -> Self {
        let mut genesis = Genesis::new(params.clone(), 1_700_000_000_000);
        let mut chains = Vec::new();
        for number in [100, 101] {
            let chain = HashChain::new(keccak256([number as u8]), 5000);
            genesis = genesis.with_validator(Validator::new(key(number).verifying_key(), 1), chain.tip());
            chains.push((account(number), chain, 0));
        }
        for number in 0..10 {
            genesis = genesis.with_balance(account(number), Amount::from_grains(FUNDS));
        }
        let built = genesis.build().unwrap();
        let mut state = Overlay::in_memory();
        state.push(built.diff);
        TestChain {
            params,
            validators: built.validators,
            state,
            head: built.header,
            chains,
            state_root: B256::repeat_byte(7),
        }
    }

    pub fn ctx(&self) -> Ctx<'_> {
        Ctx {
            params: &self.params,
            state: &self.state,
            parent: &self.head,
            parent_id: self.head.id(),
            state_root: self.state_root,
            validators: &self.validators,
            now_ms: None,
        }
    }

    /// The next proposal: validators take turns.
    pub fn proposal(&self) -> Proposal {
        let (proposer, chain, used) = &self.chains[(self.head.height % 2) as usize];
        Proposal { proposer: *proposer, timestamp_ms: self.head.timestamp_ms + 1000, reveal: chain.value(used + 1) }
    }

    pub fn build(&self, txs: Vec<CheckedTx>, proofs: Vec<Prove>) -> Result<(Block, Outcome), Error> {
        exec::build(&self.ctx(), &self.proposal(), txs, proofs)
    }

    /// Builds, applies, compares, and moves on.
    pub fn advance(&mut self, txs: Vec<CheckedTx>, proofs: Vec<Prove>) -> (Block, Outcome) {
        let (block, outcome) = self.build(txs, proofs).unwrap();
        let applied = exec::apply(&self.ctx(), &Block::decode(&block.encode()).unwrap()).unwrap();
        assert_eq!(applied, outcome, "apply and build disagree at height {}", block.header.height);
        self.chains[(self.head.height % 2) as usize].2 += 1;
        self.head = block.header.clone();
        self.state.push(outcome.diff.clone());
        self.state.push_block(self.head.height, self.head.id().into());
        (block, outcome)
    }

    /// A checked transaction from a test account, with its next nonce plus `ahead`.
    pub fn tx(&self, from: u64, ahead: u64, to: TxKind, value: U256, input: Bytes) -> CheckedTx {
        let nonce = self.state.account(account(from)).unwrap().map_or(0, |account| account.nonce) + ahead;
        let tx = TxEip1559 {
            chain_id: self.params.chain_id,
            nonce,
            gas_limit: 1_000_000,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to,
            value,
            input,
            ..TxEip1559::default()
        };
        tx::decode_and_check(&self.params, &signed(&key(from), tx)).unwrap()
    }

    pub fn transfer(&self, from: u64, ahead: u64, to: Address, value: u128) -> CheckedTx {
        self.tx(from, ahead, TxKind::Call(to), U256::from(value), Bytes::new())
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.state.account(address).unwrap().map_or(U256::ZERO, |account| account.balance)
    }

    /// All coins there are.
    pub fn supply(&self) -> U256 {
        self.state.diff().accounts.values().flatten().map(|account| account.balance).sum()
    }
}
