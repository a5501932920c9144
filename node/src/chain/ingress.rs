//! What comes in from people and peers: transactions and proofs, checked before they wait in the pool and before they
//! travel on.
//!
//! A gossiped message that no honest node could have taken for good (broken, wrongly signed, for another chain) is
//! rejected, which costs its forwarder; one that is merely late or early is dropped without blame.

use std::{sync::Arc, time::Duration};

use alloy_primitives::B256;
use anyhow::Result;
use bitdust_ledger::{
    Error as LedgerError, Invalid, Prove, exec::admit_proof, pool::Inserted, state::StateReader as _, tx,
};
use bitdust_network::{Event, Events, Gossip, Handle, Published, REMEMBERED, Topic};
use bitdust_types::Epoch;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{Chain, lock};

/// Messages judged at the same time: as many as there are cores to judge them on a small machine.
const JUDGES: usize = 4;
/// A message that went out is repeated after this long, when no peer remembers having seen it any more.
const REPEAT: Duration = REMEMBERED.saturating_add(Duration::from_secs(1));
/// A message that nobody listened to, on a node that has just started, say.
const RETRY: Duration = Duration::from_millis(250);
/// A proof may reach us before the block that opens its window does.
const EARLY_PROOF_PATIENCE: Duration = Duration::from_secs(10);

/// The entrance of one node.
#[derive(Clone)]
pub struct Ingress {
    chain: Arc<Chain>,
    network: Handle,
}

impl Ingress {
    /// The entrance to `chain`, spreading what it takes over `network`.
    pub fn new(chain: Arc<Chain>, network: Handle) -> Self {
        Ingress { chain, network }
    }

    /// Takes a transaction from this node's user: checks it, keeps it and spreads it. Answers its hash.
    pub async fn submit_transaction(&self, raw: Bytes) -> Result<B256, LedgerError> {
        let (chain, bytes) = (self.chain.clone(), raw.clone());
        let hash = blocking(move || chain.admit_transaction(&bytes)).await?;
        let chain = self.chain.clone();
        self.spread(Topic::Transactions, raw, move || chain.pooled(&hash).is_some());
        Ok(hash)
    }

    /// Takes this node's own proof: checks it, keeps it and spreads it.
    pub async fn submit_proof(&self, prove: Prove) -> Result<B256, LedgerError> {
        let (chain, hash, raw) = (self.chain.clone(), prove.hash(), prove.encode());
        let (supplier, epoch) = (prove.supplier, Epoch(prove.epoch));
        match blocking(move || chain.admit_proof(prove)).await {
            // One that waits already is told once more: nobody may have heard it.
            Ok(_) | Err(LedgerError::Invalid(Invalid::ProofTwice { .. })) => {}
            Err(error) => return Err(error),
        }
        let chain = self.chain.clone();
        self.spread(Topic::Proofs, raw.into(), move || lock(&chain.proofs).contains(supplier, epoch));
        Ok(hash)
    }

    /// Judges what peers send, until the network stops.
    pub async fn run(self, mut events: Events) {
        let judges = Arc::new(Semaphore::new(JUDGES));
        while let Some(event) = events.next().await {
            let Event::Gossip(gossip) = event else { continue };
            let Ok(permit) = judges.clone().acquire_owned().await else { return };
            let ingress = self.clone();
            tokio::spawn(async move {
                let early = ingress.judge(gossip).await;
                drop(permit);
                // Waiting for the window must not keep others from being judged.
                if let Some(gossip) = early {
                    ingress.judge_later(gossip).await;
                }
            });
        }
    }

    /// Judges a message; gives it back if it came too early.
    async fn judge(&self, gossip: Gossip) -> Option<Gossip> {
        let (chain, data, topic) = (self.chain.clone(), gossip.data.clone(), gossip.topic);
        let judged = blocking(move || match topic {
            Topic::Transactions => chain.admit_transaction(&data).map(drop),
            Topic::Proofs => Prove::decode(&data).map_err(LedgerError::from).and_then(|prove| chain.admit_proof(prove)),
            // Blocks travel on streams, with their certificates.
            Topic::Blocks => Err(Invalid::Malformed { what: "gossip", reason: "nothing is said here".into() }.into()),
        })
        .await;
        match judged {
            Ok(()) => gossip.reply.accept(),
            // It waits here already and is being repeated: somebody further on may have missed it.
            Err(LedgerError::Invalid(Invalid::TxKnown(_) | Invalid::ProofTwice { .. })) => gossip.reply.accept(),
            Err(LedgerError::Invalid(Invalid::ProofWindow { height, first, .. })) if height < first => {
                return Some(gossip);
            }
            Err(LedgerError::Invalid(Invalid::ProofNothing { .. })) => return Some(gossip),
            Err(LedgerError::Invalid(reason)) if is_forged(&reason) => {
                tracing::warn!(peer = %gossip.forwarder, %reason, "a peer forwarded a forged message");
                gossip.reply.reject(reason.to_string());
            }
            Err(LedgerError::Invalid(reason)) => {
                tracing::debug!(peer = %gossip.forwarder, %reason, "a gossiped message is of no use");
                gossip.reply.ignore();
            }
            Err(error) => {
                tracing::error!(%error, "a gossiped message could not be judged");
                gossip.reply.ignore();
            }
        }
        None
    }

    async fn judge_later(&self, gossip: Gossip) {
        let mut tip = self.chain.watch_tip();
        let deadline = tokio::time::Instant::now() + EARLY_PROOF_PATIENCE;
        let mut gossip = gossip;
        while let Ok(Ok(())) = tokio::time::timeout_at(deadline, tip.changed()).await {
            match self.judge(gossip).await {
                Some(early) => gossip = early,
                None => return,
            }
        }
        gossip.reply.ignore();
    }

    /// Spreads a message of this node's own until it waits here no more: because a block has it, or because it has become
    /// useless. Repeating costs nothing where it is known, and helps where it was lost.
    fn spread(&self, topic: Topic, data: Bytes, waits: impl Fn() -> bool + Send + 'static) {
        let network = self.network.clone();
        tokio::spawn(async move {
            while waits() {
                let pause = match network.publish(topic, data.clone()).await {
                    Ok(Published::Sent | Published::AlreadySeen) => REPEAT,
                    Ok(Published::NobodyListens) => RETRY,
                    Err(error) => {
                        tracing::warn!(topic = topic.name(), %error, "a message could not be spread; trying again");
                        RETRY
                    }
                };
                tokio::time::sleep(pause).await;
            }
        });
    }
}

impl Chain {
    /// Checks a transaction and lets it wait for a block. Answers its hash.
    pub fn admit_transaction(&self, raw: &[u8]) -> Result<B256, LedgerError> {
        let checked = tx::decode_and_check(&self.params, raw)?;
        let hash = checked.hash();
        let view = self.store.view().map_err(|error| LedgerError::Fault(error.to_string()))?;
        let account = view.account(checked.sender())?.unwrap_or_default();
        let base_fee = self.next_base_fee(&self.tip().header);
        match lock(&self.pool).insert(checked, account.nonce, account.balance, base_fee)? {
            Inserted::Ready | Inserted::Waiting | Inserted::Replaced(_) => Ok(hash),
        }
    }

    /// Checks a proof and lets it wait for a block.
    pub fn admit_proof(&self, prove: Prove) -> Result<(), LedgerError> {
        let view = self.store.view().map_err(|error| LedgerError::Fault(error.to_string()))?;
        let checked = admit_proof(&view, &self.params, &self.tip().header, prove)?;
        lock(&self.proofs).insert(checked)?;
        Ok(())
    }

    /// Transactions, bytes and proofs that wait.
    pub fn pool_size(&self) -> (usize, usize, usize) {
        let pool = lock(&self.pool);
        (pool.len(), pool.bytes(), lock(&self.proofs).len())
    }

    /// A transaction that waits.
    pub fn pooled(&self, hash: &B256) -> Option<bitdust_ledger::CheckedTx> {
        lock(&self.pool).get(hash)
    }
}

/// True for what cannot have seemed good to any honest node, whatever blocks it knows.
fn is_forged(reason: &Invalid) -> bool {
    matches!(
        reason,
        Invalid::Size { .. }
            | Invalid::Malformed { .. }
            | Invalid::TxType(_)
            | Invalid::TxChainId { .. }
            | Invalid::TxSignature
            | Invalid::TxIntrinsicGas { .. }
            | Invalid::TxGasLimit { .. }
            | Invalid::TxTipAboveFee { .. }
            | Invalid::ProofSignature(_)
    )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(LedgerError::Fault(format!("a worker stopped: {error}"))),
    }
}
