//! A chain that executes every transaction in a block of its own, with suppliers that work on it.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Signature, TxKind};
use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use bitdust_ledger::{
    CheckedTx, Genesis, Header, Prove,
    beacon::HashChain,
    exec::{self, Call, Ctx, Proposal},
    fee,
    market::{MarketView, view::SupplierInfo},
    precompile,
    state::{Account, EmptyState, StateDiff, StateError, StateReader},
    tx,
    worlds::WorldsView,
};
use bitdust_market::supplier::{BlobStore as _, MemoryStore};
use bitdust_types::{
    Address, Amount, B256, Bytes, ChainParams, Height, U256, Validator, ValidatorSet, keccak256, keys::account_of,
    signing,
};
use k256::ecdsa::SigningKey;
use tokio::{sync::watch, task::JoinSet};
use zeroize::Zeroizing;

use super::network::TestNetwork;
use crate::{
    chain_api::{ChainReader, Included, Look, LookAtWorlds, ProofSink, TxSender, look},
    customer::{Customer, Parts},
    supplier::{self, OfferTerms, Supplier, keeper, offering, proving},
};

/// Blocks of an epoch.
const EPOCH_BLOCKS: u64 = 12;
/// Pause between two blocks without transactions.
const BLOCK_PAUSE: Duration = Duration::from_millis(15);

/// The key of a numbered account. Customers are below 50, suppliers from 50 on.
pub fn key(number: usize) -> SigningKey {
    SigningKey::from_slice(keccak256(number.to_be_bytes()).as_slice()).unwrap()
}

/// The peer id of a numbered supplier.
pub fn peer(number: usize) -> Vec<u8> {
    format!("peer {number}").into_bytes()
}

fn supplier_key(number: usize) -> SigningKey {
    key(50 + number)
}

#[derive(Clone, Default)]
struct State {
    diff: StateDiff,
    ids: std::collections::BTreeMap<u64, B256>,
}

impl StateReader for State {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.diff.accounts.get(&address).copied().flatten())
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        Ok(self.diff.storage.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.diff.code.get(&hash).map_or_else(|| EmptyState.code(hash), |code| Ok(code.clone()))
    }

    fn block_hash(&self, height: u64) -> Result<B256, StateError> {
        Ok(self.ids.get(&height).copied().unwrap_or_default())
    }
}

struct Tip {
    state: State,
    head: Header,
    used: u64,
    proofs: Vec<Prove>,
}

/// The chain.
pub struct TestChain {
    params: ChainParams,
    validators: ValidatorSet,
    reveals: HashChain,
    proposer: Address,
    tip: Mutex<Tip>,
    height: watch::Sender<Height>,
}

impl TestChain {
    fn new() -> Arc<Self> {
        let params = ChainParams::devnet(EPOCH_BLOCKS, 100);
        let validator = key(99);
        let reveals = HashChain::new(keccak256(b"reveals"), 50_000);
        let mut genesis = Genesis::new(params.clone(), 1_700_000_000_000)
            .with_validator(Validator::new(validator.verifying_key(), 1), reveals.tip());
        for number in (0..10).chain(50..60) {
            genesis = genesis.with_balance(account_of(&key(number)), Amount::from_dust(1_000_000).unwrap());
        }
        let built = genesis.build().unwrap();
        let mut state = State::default();
        state.diff.merge(built.diff);
        Arc::new(TestChain {
            params,
            validators: built.validators,
            reveals,
            proposer: account_of(&validator),
            tip: Mutex::new(Tip { state, head: built.header, used: 0, proofs: Vec::new() }),
            height: watch::Sender::new(Height(0)),
        })
    }

    /// Before the last block of a proof window: waits for the proofs that are due, so that a slow machine misses none.
    async fn wait_for_proofs(&self, suppliers: usize) {
        let next = self.height().next();
        if self.params.index_in_epoch(next) != self.params.window_last {
            return;
        }
        let epoch = self.params.epoch_of(next);
        let lacks = |number: usize| {
            let account = account_of(&supplier_key(number));
            let sent = self.tip.lock().unwrap().proofs.iter().any(|prove| prove.supplier == account);
            let due = look(self, |view, _| {
                let due = view.samples(account, epoch)?.is_some_and(|samples| !samples.is_empty());
                Ok(due && view.supplier(account)?.last_proven != Some(epoch))
            });
            !sent && due.unwrap()
        };
        for _ in 0..2000 {
            if !(0..suppliers).any(lacks) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Makes a block of these transactions and the proofs that wait. Answers the receipts.
    fn block(&self, tip: &mut Tip, txs: Vec<CheckedTx>) -> Vec<bitdust_ledger::Receipt> {
        let ctx = Ctx {
            params: &self.params,
            state: &tip.state,
            parent: &tip.head,
            parent_id: tip.head.id(),
            state_root: B256::repeat_byte(7),
            validators: &self.validators,
            now_ms: None,
        };
        let proposal = Proposal {
            proposer: self.proposer,
            timestamp_ms: tip.head.timestamp_ms + 100,
            reveal: self.reveals.value(tip.used + 1),
        };
        let proofs = std::mem::take(&mut tip.proofs);
        let (block, outcome) = exec::build(&ctx, &proposal, txs, proofs).unwrap();
        tip.used += 1;
        tip.head = block.header;
        tip.state.diff.merge(outcome.diff);
        tip.state.ids.insert(tip.head.height, tip.head.id().into());
        self.height.send_replace(Height(tip.head.height));
        outcome.receipts
    }

    fn balance(&self, address: Address) -> U256 {
        let tip = self.tip.lock().unwrap();
        tip.state.account(address).unwrap().map_or(U256::ZERO, |account| account.balance)
    }
}

#[async_trait]
impl ChainReader for TestChain {
    fn params(&self) -> &ChainParams {
        &self.params
    }

    fn height(&self) -> Height {
        *self.height.borrow()
    }

    async fn above(&self, height: Height) -> Result<Height> {
        let mut watch = self.height.subscribe();
        let newer = watch.wait_for(|now| *now > height).await.context("the chain has stopped")?;
        Ok(*newer)
    }

    fn is_current(&self) -> bool {
        true
    }

    fn look(&self, look: &mut Look<'_>) -> Result<()> {
        let (state, height) = {
            let tip = self.tip.lock().unwrap();
            (tip.state.clone(), Height(tip.head.height))
        };
        look(&MarketView::new(&state, &self.params), height)
    }

    fn base_fee(&self) -> u64 {
        let tip = self.tip.lock().unwrap();
        fee::next_base_fee(&self.params, tip.head.base_fee, tip.head.gas_used, tip.head.gas_limit)
    }

    fn look_at_worlds(&self, look: &mut LookAtWorlds<'_>) -> Result<()> {
        let (state, height) = {
            let tip = self.tip.lock().unwrap();
            (tip.state.clone(), Height(tip.head.height))
        };
        look(&WorldsView::new(&state), height)
    }
}

#[async_trait]
impl ProofSink for TestChain {
    async fn submit(&self, prove: Prove) -> Result<()> {
        self.tip.lock().unwrap().proofs.push(prove);
        Ok(())
    }
}

/// An account on the chain.
pub struct TestSender {
    chain: Arc<TestChain>,
    key: SigningKey,
}

#[async_trait]
impl TxSender for TestSender {
    fn account(&self) -> Address {
        account_of(&self.key)
    }

    fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    async fn transact(&self, to: Address, value: U256, input: Bytes) -> Result<Included> {
        let chain = &self.chain;
        let mut tip = chain.tip.lock().unwrap();
        let call = Call { from: self.account(), to: Some(to), value, data: input.clone(), gas: None };
        let mut header = tip.head.clone();
        header.height += 1;
        let tried = exec::call(&tip.state, &chain.params, &header, &call)?;
        if !tried.success {
            bail!("the transaction would fail: {}", precompile::explain(to, &tried.output).unwrap_or_default());
        }
        let nonce = tip.state.account(self.account())?.map_or(0, |account| account.nonce);
        let tx = TxEip1559 {
            chain_id: chain.params.chain_id,
            nonce,
            gas_limit: chain.params.gas_limit,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(to),
            value,
            input,
            ..TxEip1559::default()
        };
        let signature = Signature::from_raw_array(&signing::sign(&self.key, tx.signature_hash())?)?;
        let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
        let checked = tx::decode_and_check(&chain.params, &raw)?;
        let hash = checked.hash();
        let receipts = chain.block(&mut tip, vec![checked]);
        let receipt = receipts.iter().find(|receipt| receipt.tx_hash == hash).context("the block took it")?;
        if !receipt.success {
            bail!("the transaction failed: {}", precompile::explain(to, &receipt.output).unwrap_or_default());
        }
        let gas_paid = U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price);
        Ok(Included { hash, height: Height(tip.head.height), gas_paid })
    }
}

/// Chain, suppliers, lines.
pub struct World {
    pub chain: Arc<TestChain>,
    pub network: Arc<TestNetwork>,
    pub stores: Vec<MemoryStore>,
    pub suppliers: Vec<Arc<Supplier>>,
    dirs: Mutex<Vec<tempfile::TempDir>>,
    ticking: JoinSet<()>,
    working: JoinSet<()>,
}

impl World {
    /// A world with so many suppliers, all of whom have published their offer.
    pub async fn start(suppliers: usize) -> Self {
        let chain = TestChain::new();
        let mut ticking = JoinSet::new();
        let ticker = chain.clone();
        ticking.spawn(async move {
            loop {
                tokio::time::sleep(BLOCK_PAUSE).await;
                ticker.wait_for_proofs(suppliers).await;
                let ticker = ticker.clone();
                let ticked = tokio::task::spawn_blocking(move || {
                    let mut tip = ticker.tip.lock().unwrap();
                    ticker.block(&mut tip, Vec::new());
                });
                ticked.await.unwrap();
            }
        });
        let stores: Vec<MemoryStore> = (0..suppliers).map(|_| MemoryStore::new(4 << 30)).collect();
        let world = World {
            chain,
            network: TestNetwork::new(),
            stores,
            suppliers: Vec::new(),
            dirs: Mutex::default(),
            ticking,
            working: JoinSet::new(),
        };
        world.restart_suppliers().await
    }

    /// Ends the suppliers' tasks and starts them again on the same disks.
    pub async fn restart_suppliers(mut self) -> Self {
        self.working.shutdown().await;
        self.suppliers = self.stores.iter().enumerate().map(|(number, store)| self.supplier(number, store)).collect();
        for supplier in &self.suppliers {
            self.working.spawn(proving::run(supplier.clone()));
            self.working.spawn(offering::run(supplier.clone()));
            self.working.spawn(keeper::run(supplier.clone()));
        }
        self.network.serve(self.suppliers.clone());
        let count = self.suppliers.len();
        self.until("every offer is published", || {
            look(&*self.chain, |view, _| Ok(view.offers()?.len() == count)).unwrap()
        })
        .await;
        self
    }

    /// A numbered supplier on a disk, at rest.
    pub fn supplier(&self, number: usize, store: &MemoryStore) -> Arc<Supplier> {
        let sender = TestSender { chain: self.chain.clone(), key: supplier_key(number) };
        Supplier::open(supplier::Parts {
            chain: self.chain.clone(),
            sender: Arc::new(sender),
            proofs: self.chain.clone(),
            peer: peer(number),
            store: Arc::new(store.clone()),
            notebook: Arc::new(store.clone()),
            blobs: store.blobs(),
            terms: OfferTerms {
                price: Amount::from_dust(1).unwrap(),
                egress: Amount::from_dust(1).unwrap(),
                capacity_bytes: 4 << 30,
                term_epochs_max: 1000,
                collateral: Amount::from_dust(1000).unwrap(),
                region: "test".to_owned(),
                operator: B256::ZERO,
                valid_heights: 100_000,
            },
        })
        .unwrap()
    }

    /// A customer of a numbered account with an empty journal.
    pub fn customer(&self, number: usize) -> Arc<Customer> {
        let dir = tempfile::tempdir().unwrap();
        let customer = self.customer_in(number, dir.path());
        self.dirs.lock().unwrap().push(dir);
        customer
    }

    /// A numbered account on the chain.
    pub fn sender(&self, number: usize) -> TestSender {
        TestSender { chain: self.chain.clone(), key: key(number) }
    }

    /// A customer with its journal in a directory.
    pub fn customer_in(&self, number: usize, dir: &Path) -> Arc<Customer> {
        Customer::open(Parts {
            chain: self.chain.clone(),
            sender: Arc::new(self.sender(number)),
            dialer: self.network.clone(),
            surveyor: self.network.clone(),
            storage_secret: Zeroizing::new([number as u8; 32]),
            dir: dir.to_owned(),
            share_loopback: true,
            meeting_ms: 0,
        })
        .unwrap()
    }

    /// Bytes of blobs on all disks.
    pub fn stored_bytes(&self) -> u64 {
        self.stores.iter().map(|store| store.usage().live_bytes).sum()
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.chain.balance(address)
    }

    pub fn supplier_info(&self, number: usize) -> SupplierInfo {
        let account = self.suppliers[number].sender.account();
        look(&*self.chain, |view, _| Ok(view.supplier(account)?)).unwrap()
    }

    /// The number of a supplier's account.
    pub fn number_of(&self, account: Address) -> usize {
        self.suppliers.iter().position(|supplier| supplier.sender.account() == account).unwrap()
    }

    /// Waits for something that blocks bring about; gives up after so many of them that it never will.
    pub async fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let begin = self.chain.height();
        let mut now = begin;
        while !reached() {
            assert!(now.0 < begin.0 + 40 * EPOCH_BLOCKS, "not reached in 40 epochs: {what}");
            now = self.chain.above(now).await.unwrap();
        }
        assert!(!self.ticking.is_empty());
    }
}
