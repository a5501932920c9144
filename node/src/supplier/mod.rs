//! The supplier at work: serves the shard protocol, keeps its promises on disk, proves every epoch, and keeps its offer and
//! collateral on the ledger.
//!
//! The decisions are `bitdust_market::supplier`'s; here are the tasks that carry them out:
//! - [`serve`]: one task per stream, in and out of the store;
//! - [`keeper`]: the book behind a lock, its notes and deletions made durable;
//! - [`proving`]: each epoch's proof, in a lane of its own;
//! - [`offering`]: the offer and the collateral, as the operator's [`decision`] has them;
//! - [`collecting`]: the pay for what was proved, and the collateral of slots whose term is over;
//! - [`facts`]: what admission needs to know, read from the ledger.
//!
//! **Invariant:** a signed hold leaves only after every blob of its list and the list itself are durable.

pub mod collecting;
pub mod decision;
pub mod facts;
pub mod keeper;
pub mod offering;
pub mod proving;
pub mod serve;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use bitdust_market::supplier::{BlobStore, Notebook, Usage};
use bitdust_network::Handle;
use bitdust_types::{Address, Amount, B256, Epoch, Root};
use tokio::task::JoinSet;

use crate::chain_api::{ChainReader, ProofSink, TxSender, look};
use decision::Decisions;
use keeper::Keeper;

/// What the supplier asks for when it offers for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferTerms {
    /// Price per GiB and epoch.
    pub price: Amount,
    /// Price per GiB read.
    pub egress: Amount,
    /// Bytes offered in all.
    pub capacity_bytes: u64,
    /// Longest term in epochs.
    pub term_epochs_max: u64,
    /// Collateral to keep in the pool.
    pub collateral: Amount,
    /// Where it is.
    pub region: String,
    /// Who runs it; zero to say nothing.
    pub operator: B256,
    /// For how many heights an offer is valid before it is renewed.
    pub valid_heights: u64,
}

/// What a supplier is made of.
pub struct Parts {
    /// The chain.
    pub chain: Arc<dyn ChainReader>,
    /// The supplier's account.
    pub sender: Arc<dyn TxSender>,
    /// Where its proofs go.
    pub proofs: Arc<dyn ProofSink>,
    /// Its peer id, as its offer and its customers' tokens name it.
    pub peer: Vec<u8>,
    /// Its disk.
    pub store: Arc<dyn BlobStore>,
    /// Its book of slots.
    pub notebook: Arc<dyn Notebook>,
    /// Every blob that is on the disk, as the store lists them after opening.
    pub blobs: Vec<(Root, u64)>,
    /// Its terms.
    pub terms: OfferTerms,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes of blobs received.
    pub received_bytes: AtomicU64,
    /// Bytes of blobs sent.
    pub sent_bytes: AtomicU64,
    /// Holds signed.
    pub holds: AtomicU64,
    /// Proofs submitted.
    pub proofs: AtomicU64,
    /// Samples answered with a miss.
    pub misses: AtomicU64,
    /// Requests refused.
    pub refusals: AtomicU64,
}

/// How a supplier stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplierStatus {
    /// Its account.
    pub account: Address,
    /// Its disk.
    pub usage: Usage,
    /// Bytes that arrived for lists that aren't promised yet.
    pub staged_bytes: u64,
    /// Slots in its book.
    pub slots: usize,
    /// Bytes of blobs received since the start.
    pub received_bytes: u64,
    /// Bytes of blobs sent since the start.
    pub sent_bytes: u64,
    /// Holds signed since the start.
    pub holds: u64,
    /// Proofs submitted since the start.
    pub proofs: u64,
    /// Samples missed since the start.
    pub misses: u64,
    /// Requests refused since the start.
    pub refusals: u64,
    /// The last proof since the start.
    pub last_proof: Option<LastProof>,
    /// What is wrong, if anything: shown before it costs money, until it is right again.
    pub warnings: Vec<String>,
}

/// A proof that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastProof {
    /// Its epoch.
    pub epoch: Epoch,
    /// Samples in it that the disk couldn't answer.
    pub misses: u16,
}

/// What may be wrong: one warning each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// A proof can't be made or sent.
    Proof,
    /// Samples of the last proof can't be shown.
    Samples,
    /// The book of slots lags behind the ledger.
    Book,
    /// The offer or the collateral isn't on the ledger as it should be.
    Offer,
    /// What was earned can't be collected.
    Pay,
}

/// A running supplier.
pub struct Supplier {
    pub(crate) chain: Arc<dyn ChainReader>,
    pub(crate) sender: Arc<dyn TxSender>,
    pub(crate) proofs: Arc<dyn ProofSink>,
    pub(crate) peer: Vec<u8>,
    pub(crate) keeper: Keeper,
    pub(crate) terms: OfferTerms,
    pub(crate) counters: Counters,
    pub(crate) decisions: Decisions,
    /// Held while the offer is changed: by the operator, or by the task that renews it.
    pub(crate) offering: tokio::sync::Mutex<()>,
    last_proof: Mutex<Option<LastProof>>,
    warnings: Mutex<BTreeMap<Trouble, String>>,
}

impl Supplier {
    /// A supplier with its book read back.
    ///
    /// # Errors
    /// The book can't be read.
    pub fn open(parts: Parts) -> Result<Arc<Self>> {
        let height = parts.chain.height().0;
        let decisions = Decisions::open(parts.notebook.clone())?;
        let keeper = Keeper::open(parts.store, parts.notebook, &parts.blobs, height)?;
        Ok(Arc::new(Supplier {
            chain: parts.chain,
            sender: parts.sender,
            proofs: parts.proofs,
            peer: parts.peer,
            keeper,
            terms: parts.terms,
            counters: Counters::default(),
            decisions,
            offering: tokio::sync::Mutex::default(),
            last_proof: Mutex::default(),
            warnings: Mutex::default(),
        }))
    }

    /// Works until the network or the chain stops.
    ///
    /// # Errors
    /// The shard protocol is served already.
    pub async fn run(self: Arc<Self>, network: Handle) -> Result<()> {
        let mut tasks = JoinSet::new();
        let incoming = network.accept(bitdust_network::Protocol::SHARD)?;
        tasks.spawn(serve::accept(self.clone(), incoming));
        tasks.spawn(proving::run(self.clone()));
        tasks.spawn(offering::run(self.clone()));
        tasks.spawn(keeper::run(self.clone()));
        tasks.spawn(collecting::run(self.clone()));
        tasks.spawn(offering::announce(network));
        // The first to end is the one that noticed that the node stops; dropping the set ends the others.
        tasks.join_next().await;
        Ok(())
    }

    /// How it stands.
    pub fn status(&self) -> SupplierStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (staged_bytes, slots) = self.keeper.sizes();
        SupplierStatus {
            account: self.sender.account(),
            usage: self.keeper.store().usage(),
            staged_bytes,
            slots,
            received_bytes: count(&self.counters.received_bytes),
            sent_bytes: count(&self.counters.sent_bytes),
            holds: count(&self.counters.holds),
            proofs: count(&self.counters.proofs),
            misses: count(&self.counters.misses),
            refusals: count(&self.counters.refusals),
            last_proof: *self.last_proof.lock().unwrap_or_else(PoisonError::into_inner),
            warnings: self.warnings.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect(),
        }
    }

    /// Gives up a slot before the epoch's seed is known, for the price of its repair.
    pub async fn declare_fault(
        &self,
        dataset: bitdust_types::DatasetId,
        slot: u16,
    ) -> Result<crate::chain_api::Included> {
        let call = bitdust_ledger::market::abi::IMarket::declareFaultCall { dataset: dataset.into(), slot };
        let input = alloy_sol_types::SolCall::abi_encode(&call);
        self.sender.transact(bitdust_types::system::MARKET, bitdust_types::U256::ZERO, input.into()).await
    }

    /// Shows a warning until it is cleared or replaced.
    pub(crate) fn warn(&self, trouble: Trouble, text: String) {
        tracing::warn!("{text}");
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).insert(trouble, text);
    }

    /// It is right again.
    pub(crate) fn clear(&self, trouble: Trouble) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).remove(&trouble);
    }

    pub(crate) fn note_proof(&self, proof: LastProof) {
        *self.last_proof.lock().unwrap_or_else(PoisonError::into_inner) = Some(proof);
    }

    /// Facts for one slot, at the newest height.
    pub(crate) fn facts(
        &self,
        dataset: bitdust_types::DatasetId,
        slot: u16,
    ) -> Result<bitdust_market::supplier::Facts> {
        let (account, usage) = (self.sender.account(), self.keeper.store().usage());
        let params = self.chain.params().clone();
        look(&*self.chain, |view, height| facts::read(view, &params, height, account, usage, dataset, slot))
    }
}

#[cfg(test)]
mod tests;
