//! The chain as this node keeps it: executes, commits and answers, over [`bitdust_store::ChainStore`].
//!
//! A block gets here in three ways: this node builds it ([`Chain::propose`]), a validator's peer proposes it
//! ([`Chain::check`]), or it was decided already and arrives with its certificate ([`Chain::import`]). Only
//! [`Chain::commit`] makes it part of the chain. All of these block their thread on execution and disk; async callers go
//! through `spawn_blocking`.
//!
//! **Invariant:** bytes of a block are synced before this node votes for it or proposes it; what a block does is written
//! in one synced batch.

pub mod application;
mod early;
pub mod follow;
pub mod ingress;
pub mod proposer;
pub mod reading;
pub mod sender;
pub mod serve;
mod shells;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{B256, keccak256};
use anyhow::{Context as _, Result, anyhow, bail};
use bitdust_consensus::{Certificate, proposer::may_propose};
use bitdust_ledger::{
    Block, CheckedTx, Error as LedgerError, Genesis, Header, Invalid, beacon,
    exec::{self, Ctx, Outcome, Proposal},
    pool::{Pool, PoolLimits, ProofLane},
    tree,
};
use bitdust_store::chain::{ChainStore, Commit, Undecided, View};
use bitdust_types::{
    BlockId, ChainParams, Height, ValidatorSet,
    limits::{BLOCK_BODY_BYTES_MAX, PROOFS_PER_BLOCK_MAX},
};
use tokio::sync::watch;

pub use proposer::Proposer;

/// Executed blocks of the next height that are kept in memory: one per round, and a few forged ones. Another is executed
/// again if it is decided after all.
const CANDIDATES_MAX: usize = 8;

/// The newest block.
#[derive(Clone, Debug)]
pub struct Tip {
    /// Its height.
    pub height: Height,
    /// Its id.
    pub id: BlockId,
    /// Its header.
    pub header: Header,
    /// Root of the state after it.
    pub state_root: B256,
}

/// A block with what it does, waiting for a decision.
struct Candidate {
    block: Block,
    outcome: Outcome,
}

/// Why a decided block was not imported.
#[derive(Debug)]
pub enum ImportError {
    /// The block or its certificate is not what it claims to be.
    Forged(String),
    /// This machine failed.
    Own(anyhow::Error),
}

/// One network's chain on this machine.
pub struct Chain {
    params: ChainParams,
    genesis_id: BlockId,
    validators: ValidatorSet,
    store: ChainStore,
    pool: Mutex<Pool>,
    proofs: Mutex<ProofLane>,
    candidates: Mutex<HashMap<BlockId, Arc<Candidate>>>,
    tip: watch::Sender<Arc<Tip>>,
}

impl Chain {
    /// Opens the chain, beginning with genesis if the store is empty.
    pub fn open(store: ChainStore, genesis: &Genesis) -> Result<Arc<Self>> {
        let built = genesis.build().context("building the genesis block")?;
        let block = Block { header: built.header, txs: Vec::new(), proofs: Vec::new() };
        let update = tree::update(&store.view()?, 0, &built.diff)?;
        store.commit_genesis(&Commit {
            block: &block,
            certificate: &[],
            receipts: &[],
            diff: &built.diff,
            tree: &update,
        })?;
        let tip = read_tip(&store)?;
        tracing::info!(height = %tip.height, block = %tip.id, "the chain is open");
        Ok(Arc::new(Chain {
            params: genesis.params.clone(),
            genesis_id: block.id(),
            validators: built.validators,
            store,
            pool: Mutex::new(Pool::new(PoolLimits::default())),
            proofs: Mutex::new(ProofLane::default()),
            candidates: Mutex::new(HashMap::new()),
            tip: watch::Sender::new(Arc::new(tip)),
        }))
    }

    /// The network's parameters.
    pub fn params(&self) -> &ChainParams {
        &self.params
    }

    /// Id of the genesis block.
    pub fn genesis_id(&self) -> BlockId {
        self.genesis_id
    }

    /// Who decides the block of a height. Today the validators of genesis decide every block.
    pub fn validators(&self, _height: u64) -> &ValidatorSet {
        &self.validators
    }

    /// The newest block.
    pub fn tip(&self) -> Arc<Tip> {
        self.tip.borrow().clone()
    }

    /// The newest block, with notice of each further one.
    pub fn watch_tip(&self) -> watch::Receiver<Arc<Tip>> {
        self.tip.subscribe()
    }

    /// The database, for reading.
    pub fn store(&self) -> &ChainStore {
        &self.store
    }

    /// A committed block and its certificate; `None` above the tip, and for genesis, which nobody decided.
    pub fn decided(&self, height: u64) -> Result<Option<(Vec<u8>, Certificate)>> {
        let (Some(bytes), Some(certificate)) = (self.store.block_bytes(height)?, self.store.certificate(height)?)
        else {
            return Ok(None);
        };
        if height == 0 {
            return Ok(None);
        }
        let certificate = Certificate::decode(&certificate)
            .map_err(|error| anyhow!("the stored certificate of block {height} is damaged: {error}"))?;
        Ok(Some((bytes, certificate)))
    }

    /// The block that this validator proposes, synced. The same again for the same height and round.
    pub fn propose(&self, proposer: &Proposer, height: u64, round: u32) -> Result<(BlockId, Vec<u8>)> {
        if let Some(proposed) = self.store.own_proposal(height, round)? {
            return Ok(proposed);
        }
        let tip = self.tip();
        if tip.height.0 + 1 != height {
            bail!("asked to propose block {height} on top of {}", tip.height);
        }
        let view = self.store.view()?;
        let expected = beacon::tip(&view, &self.params, Height(height), proposer.address)?;
        let proposal =
            Proposal { proposer: proposer.address, timestamp_ms: now_ms(), reveal: proposer.reveal(expected)? };
        let base_fee = self.next_base_fee(&tip.header);
        let candidates = lock(&self.pool).best(base_fee, self.params.gas_limit, BLOCK_BODY_BYTES_MAX);
        let proofs = lock(&self.proofs).best(self.params.epoch_of(Height(height)), PROOFS_PER_BLOCK_MAX);
        let ctx = self.context(&tip, &view, None);
        let (block, outcome) = exec::build(&ctx, &proposal, candidates, proofs)?;
        let (id, bytes) = (block.id(), block.encode());
        self.store.put_undecided(&Undecided { height, round, id, bytes: &bytes, own: true })?;
        self.remember(id, Candidate { block, outcome });
        Ok((id, bytes))
    }

    /// Judges a block that somebody proposes; a valid one is synced before this returns. Answers its id and whether it
    /// is valid. Bytes that don't decode get an id that no block has: their own hash.
    pub fn check(&self, height: u64, round: u32, bytes: &[u8]) -> Result<(BlockId, bool)> {
        let block = match Block::decode(bytes) {
            Ok(block) => block,
            Err(reason) => {
                tracing::warn!(height, round, %reason, "a proposed block can't be decoded");
                return Ok((BlockId(keccak256(bytes).0), false));
            }
        };
        let id = block.id();
        if self.candidate(id).is_some_and(|known| known.block == block) {
            return Ok((id, true));
        }
        let proposer = block.header.proposer;
        match self.execute(block, round, Some(now_ms())) {
            Ok(candidate) => {
                self.store.put_undecided(&Undecided { height, round, id, bytes, own: false })?;
                self.remember(id, candidate);
                Ok((id, true))
            }
            Err(LedgerError::Invalid(reason)) => {
                tracing::warn!(height, round, %proposer, %reason, "refused a proposed block");
                // A garbled body under a good header must not taint the block that the header belongs to.
                Ok((BlockId(keccak256(bytes).0), false))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes of a block that was proposed or found valid and is not decided.
    pub fn undecided(&self, id: BlockId) -> Result<Option<Vec<u8>>> {
        Ok(self.store.undecided(id)?)
    }

    /// Makes a block final that [`Chain::propose`] or [`Chain::check`] has seen. Durable on return.
    pub fn commit(&self, certificate: &Certificate) -> Result<()> {
        let id = BlockId::from(certificate.block_id);
        if self.tip().id == id {
            return Ok(());
        }
        let candidate = match self.candidate(id) {
            Some(candidate) => candidate,
            None => {
                let bytes = self.store.undecided(id)?.with_context(|| {
                    format!("block {id} of height {} was decided, but its bytes are not here", certificate.height)
                })?;
                let block = Block::decode(&bytes)?;
                Arc::new(self.execute(block, certificate.round, None)?)
            }
        };
        self.commit_candidate(id, &candidate, certificate)
    }

    /// Takes a block that others decided: checks certificate and block, executes and commits it.
    pub fn import(&self, bytes: &[u8], certificate: Certificate) -> Result<(), ImportError> {
        let forged = |reason: String| ImportError::Forged(reason);
        let block = Block::decode(bytes).map_err(|error| forged(error.to_string()))?;
        let (id, height) = (block.id(), block.header.height);
        if certificate.block_id != B256::from(id) || certificate.height != height {
            return Err(forged(format!("the certificate is for {}, the block is {id}", certificate.block_id)));
        }
        certificate
            .verify(self.params.chain_id, self.validators(height))
            .map_err(|error| forged(format!("the certificate of block {height}: {error}")))?;
        if self.tip().height.0 >= height {
            return Ok(());
        }
        match self.execute(block, certificate.round, None) {
            Ok(candidate) => self.commit_candidate(id, &candidate, &certificate).map_err(ImportError::Own),
            Err(LedgerError::Invalid(reason)) => Err(forged(format!("block {height}: {reason}"))),
            Err(error) => Err(ImportError::Own(error.into())),
        }
    }

    fn execute(&self, block: Block, round: u32, now_ms: Option<u64>) -> Result<Candidate, LedgerError> {
        let tip = self.tip();
        let validators = self.validators(block.header.height);
        if !may_propose(validators, block.header.height, round, block.header.proposer) {
            return Err(Invalid::Proposer(block.header.proposer).into());
        }
        let view = self.store.view().map_err(|error| LedgerError::Fault(error.to_string()))?;
        let known = |hash: B256| -> Option<CheckedTx> { lock(&self.pool).get(&hash) };
        let outcome = exec::apply_with(&self.context(&tip, &view, now_ms), &block, &known)?;
        Ok(Candidate { block, outcome })
    }

    fn context<'a>(&'a self, tip: &'a Tip, view: &'a View<'a>, now_ms: Option<u64>) -> Ctx<'a> {
        Ctx {
            params: &self.params,
            state: view,
            parent: &tip.header,
            parent_id: tip.id,
            state_root: tip.state_root,
            validators: self.validators(tip.height.0 + 1),
            now_ms,
        }
    }

    fn commit_candidate(&self, id: BlockId, candidate: &Candidate, certificate: &Certificate) -> Result<()> {
        let Candidate { block, outcome } = candidate;
        let height = block.header.height;
        let update = tree::update(&self.store.view()?, height, &outcome.diff)?;
        self.store.commit(&Commit {
            block,
            certificate: &borsh::to_vec(certificate)?,
            receipts: &outcome.receipts,
            diff: &outcome.diff,
            tree: &update,
        })?;
        lock(&self.pool).on_block(&outcome.diff);
        lock(&self.proofs).on_block(self.params.epoch_of(Height(height)), &outcome.receipts);
        lock(&self.candidates).clear();
        let tip = Tip { height: Height(height), id, header: block.header.clone(), state_root: update.root };
        self.tip.send_replace(Arc::new(tip));
        metrics::gauge!("bitdust_chain_height").set(height as f64);
        metrics::counter!("bitdust_chain_transactions_total").increment(block.txs.len() as u64);
        metrics::counter!("bitdust_chain_proofs_total").increment(block.proofs.len() as u64);
        Ok(())
    }

    fn candidate(&self, id: BlockId) -> Option<Arc<Candidate>> {
        lock(&self.candidates).get(&id).cloned()
    }

    fn remember(&self, id: BlockId, candidate: Candidate) {
        let mut candidates = lock(&self.candidates);
        if candidates.len() >= CANDIDATES_MAX {
            candidates.clear();
        }
        candidates.insert(id, Arc::new(candidate));
    }

    /// Base fee of the block after `parent`, in grains per gas.
    pub fn next_base_fee(&self, parent: &Header) -> u64 {
        bitdust_ledger::fee::next_base_fee(&self.params, parent.base_fee, parent.gas_used, parent.gas_limit)
    }
}

fn read_tip(store: &ChainStore) -> Result<Tip> {
    let tip = store.tip().context("the chain has a block once genesis is committed")?;
    let header = store.header(tip.height)?.context("the newest block has a header")?;
    Ok(Tip { height: Height(tip.height), id: tip.id, header, state_root: tip.state_root() })
}

/// How far this node's clock is ahead of the machine's: see [`set_clock`].
static CLOCK_AHEAD_MS: AtomicI64 = AtomicI64::new(0);

/// Sets this node's clock ahead of the machine's, or behind it. For the whole process, before anything runs.
pub fn set_clock(ahead_ms: i64) {
    CLOCK_AHEAD_MS.store(ahead_ms, Ordering::Relaxed);
}

/// This node's clock, in milliseconds since 1970. Nothing else in a node looks at the time of day.
pub fn now_ms() -> u64 {
    let machine = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    machine.saturating_add_signed(CLOCK_AHEAD_MS.load(Ordering::Relaxed))
}

/// Locks, also after a thread died while it held the lock: what is guarded here is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
