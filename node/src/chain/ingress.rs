//! What comes in from people and peers: transactions and proofs, checked before they wait in the pool and before they
//! travel on.
//!
//! A gossiped message that no honest node could have taken for good (broken, wrongly signed, for another chain) is
//! rejected, which costs its forwarder; one that is merely late or early is dropped without blame. A supplier's proof that
//! is early by a few blocks waits for its window, within the bounds of [`super::early`].

use std::{
    fmt::Display,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_primitives::{Address, B256};
use anyhow::Result;
use bitdust_ledger::{
    Error as LedgerError, Invalid, Prove, exec::admit_proof, pool::Inserted, state::StateReader as _, tx,
};
use bitdust_network::{Event, Events, Gossip, Handle, Published, REMEMBERED, Topic};
use bitdust_types::Epoch;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{Chain, early::WaitingRoom, lock};

/// Messages judged at the same time: as many as there are cores to judge them on a small machine.
const JUDGES: usize = 4;
/// A message that went out is repeated after this long, when no peer remembers having seen it any more.
const REPEAT: Duration = REMEMBERED.saturating_add(Duration::from_secs(1));
/// A message that nobody listened to, on a node that has just started, say.
const RETRY: Duration = Duration::from_millis(250);
/// A proof may reach us before the block that opens its window does.
const EARLY_PROOF_PATIENCE: Duration = Duration::from_secs(10);

/// What waits for a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolSize {
    /// Transactions that could go into the next block.
    pub ready: usize,
    /// Transactions whose sender has a lower nonce missing.
    pub queued: usize,
    /// Bytes of both.
    pub bytes: usize,
    /// Proofs.
    pub proofs: usize,
}

/// A proof whose window hasn't opened here.
struct Early {
    gossip: Gossip,
    supplier: Address,
    /// The first block that may carry it.
    first: u64,
}

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
        let (judges, room) = (Arc::new(Semaphore::new(JUDGES)), WaitingRoom::default());
        while let Some(event) = events.next().await {
            let Event::Gossip(gossip) = event else { continue };
            let Ok(permit) = judges.clone().acquire_owned().await else { return };
            let (ingress, judges, room) = (self.clone(), judges.clone(), room.clone());
            tokio::spawn(async move {
                let early = ingress.judge(gossip).await;
                drop(permit);
                // Waiting for the window must not keep others from being judged.
                if let Some(early) = early {
                    ingress.judge_later(early, &judges, &room).await;
                }
            });
        }
    }

    /// Judges a message; gives it back if it is a proof that came too early.
    async fn judge(&self, gossip: Gossip) -> Option<Early> {
        let (chain, data, topic) = (self.chain.clone(), gossip.data.clone(), gossip.topic);
        // The state that judges is this block's or a later one's.
        let epoch = chain.params.epoch_of(chain.tip().height.next());
        let judged = blocking(move || match topic {
            Topic::Transactions => Ok((None, chain.admit_transaction(&data).map(drop))),
            Topic::Proofs => {
                let prove = Prove::decode(&data)?;
                Ok((Some(prove.supplier), chain.admit_proof(prove)))
            }
            // Blocks travel on streams, with their certificates.
            Topic::Blocks => Err(Invalid::Malformed { what: "gossip", reason: "nothing is said here".into() }.into()),
        })
        .await;
        let (supplier, judged) = match judged {
            Ok((supplier, judged)) => (supplier, judged),
            Err(error) => (None, Err(error)),
        };
        match (verdict(judged, epoch), supplier) {
            (Verdict::Accept, _) => gossip.reply.accept(),
            (Verdict::Early { first }, Some(supplier)) => return Some(Early { gossip, supplier, first }),
            (Verdict::Forged(reason), _) => {
                tracing::warn!(peer = %gossip.forwarder, %reason, "a peer forwarded a forged message");
                gossip.reply.reject(reason.to_string());
            }
            (Verdict::Useless(reason), _) => {
                tracing::debug!(peer = %gossip.forwarder, %reason, "a gossiped message is of no use");
                gossip.reply.ignore();
            }
            (Verdict::Early { .. }, None) => gossip.reply.ignore(),
            (Verdict::Own(error), _) => {
                tracing::error!(%error, "a gossiped message could not be judged");
                gossip.reply.ignore();
            }
        }
        None
    }

    /// Judges an early proof again once its window opens here, unless that takes too long or too many wait.
    async fn judge_later(&self, early: Early, judges: &Semaphore, room: &WaitingRoom) {
        let Early { gossip, supplier, first } = early;
        let Some(_seat) = room.seat(supplier, gossip.data.len()) else {
            tracing::debug!(%supplier, "an early proof is not kept: one of its supplier waits, or too many do");
            return gossip.reply.ignore();
        };
        let mut tip = self.chain.watch_tip();
        let opened = tokio::time::timeout(EARLY_PROOF_PATIENCE, tip.wait_for(|tip| tip.height.0 + 1 >= first));
        if !matches!(opened.await, Ok(Ok(_))) {
            return gossip.reply.ignore();
        }
        let Ok(_permit) = judges.acquire().await else { return gossip.reply.ignore() };
        if let Some(early) = self.judge(gossip).await {
            early.gossip.reply.ignore();
        }
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
        let (hash, sender) = (checked.hash(), checked.sender());
        let base_fee = self.next_base_fee(&self.tip().header);
        let read = || -> Result<_, LedgerError> {
            let view = self.store.view().map_err(fault)?;
            Ok((view.tip().map_or(0, |tip| tip.height), view.account(sender)?.unwrap_or_default()))
        };
        keep_judged(
            &self.pool,
            || self.committed(),
            read,
            |pool, account| match pool.insert(checked, account.nonce, account.balance, base_fee)? {
                Inserted::Ready | Inserted::Waiting | Inserted::Replaced(_) => Ok(hash),
            },
        )
    }

    /// Checks a proof and lets it wait for a block.
    pub fn admit_proof(&self, prove: Prove) -> Result<(), LedgerError> {
        let judge = || -> Result<_, LedgerError> {
            let view = self.store.view().map_err(fault)?;
            let height = view.tip().map_or(0, |tip| tip.height);
            let parent = self.store.header(height).map_err(fault)?;
            let parent = parent.ok_or_else(|| fault(format!("the header of block {height} is not in the database")))?;
            Ok((height, admit_proof(&view, &self.params, &parent, prove.clone())?))
        };
        keep_judged(&self.proofs, || self.committed(), judge, |proofs, checked| Ok(proofs.insert(checked)?))
    }

    /// The newest block in the database. Its effects on the pool may still be on their way, but not under the pool's lock.
    fn committed(&self) -> u64 {
        self.store.tip().map_or(0, |tip| tip.height)
    }

    /// What waits for a block.
    pub fn pool_size(&self) -> PoolSize {
        let proofs = lock(&self.proofs).len();
        let pool = lock(&self.pool);
        PoolSize { ready: pool.len() - pool.queued(), queued: pool.queued(), bytes: pool.bytes(), proofs }
    }

    /// A transaction that waits.
    pub fn pooled(&self, hash: &B256) -> Option<bitdust_ledger::CheckedTx> {
        lock(&self.pool).get(hash)
    }
}

/// Judges by the newest block's state, and keeps what was judged only as long as that is the newest. A block that comes in
/// between takes out of `waiting` what can't be included any more, and would miss this one: then it is judged again.
/// `judge` answers the height of the block by whose state it judged, too.
fn keep_judged<W, J, T>(
    waiting: &Mutex<W>,
    newest: impl Fn() -> u64,
    mut judge: impl FnMut() -> Result<(u64, J), LedgerError>,
    keep: impl FnOnce(&mut W, J) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    loop {
        let (height, judged) = judge()?;
        let mut waiting = lock(waiting);
        // A block is in the database before it touches what waits: one that isn't there yet will find this one.
        if newest() == height {
            return keep(&mut waiting, judged);
        }
    }
}

fn fault(error: impl Display) -> LedgerError {
    LedgerError::Fault(error.to_string())
}

/// What is done with a gossiped message.
#[derive(Debug, PartialEq)]
enum Verdict {
    Accept,
    /// A proof that the block of this height may carry, and no earlier one.
    Early {
        first: u64,
    },
    Forged(Invalid),
    Useless(Invalid),
    Own(LedgerError),
}

/// What is done with a message judged by a state of `epoch` or a later one.
fn verdict(judged: Result<(), LedgerError>, epoch: Epoch) -> Verdict {
    match judged {
        Ok(()) => Verdict::Accept,
        Err(LedgerError::Invalid(reason)) => match reason {
            // It waits here already and is being repeated: somebody further on may have missed it.
            Invalid::TxKnown(_) | Invalid::ProofTwice { .. } => Verdict::Accept,
            Invalid::ProofWindow { height, first, .. } if height < first => Verdict::Early { first },
            // What is due in an epoch stands at its start. For one that hasn't begun here, we may lack the block.
            Invalid::ProofNothing { epoch: of, .. } if of <= epoch.0 => Verdict::Forged(reason),
            _ if is_forged(&reason) => Verdict::Forged(reason),
            _ => Verdict::Useless(reason),
        },
        Err(error) => Verdict::Own(error),
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_block_between_judging_and_keeping_is_not_missed() {
        // A block comes while the first judgement is made, and takes out what waits: this one isn't there yet.
        let (height, waiting) = (Cell::new(7), Mutex::new(Vec::new()));
        let (mut judged, mut blocks) = (Vec::new(), 1);
        let judge = || {
            let by = height.get();
            judged.push(by);
            if blocks > 0 {
                blocks -= 1;
                height.set(by + 1);
                lock(&waiting).clear();
            }
            // Nonce 7 is used by block 8.
            if by >= 8 {
                Err(Invalid::TxNonceUsed { sender: Address::ZERO, nonce: 7, next: 8 }.into())
            } else {
                Ok((by, "nonce 7"))
            }
        };
        let kept = keep_judged(
            &waiting,
            || height.get(),
            judge,
            |waiting, tx| {
                waiting.push(tx);
                Ok(())
            },
        );
        assert_eq!(kept, Err(Invalid::TxNonceUsed { sender: Address::ZERO, nonce: 7, next: 8 }.into()));
        assert_eq!((judged, lock(&waiting).len()), (vec![7, 8], 0));

        let kept = keep_judged(
            &waiting,
            || 9,
            || Ok((9, "nonce 8")),
            |waiting, tx| {
                waiting.push(tx);
                Ok(waiting.len())
            },
        );
        assert_eq!(kept, Ok(1));
    }

    #[test]
    fn what_is_provably_wrong_is_blamed_and_an_early_proof_waits() {
        let supplier = Address::repeat_byte(5);
        let window = |height| Invalid::ProofWindow { epoch: 3, height, first: 99, last: 118 };
        let of = |reason: Invalid| verdict(Err(reason.into()), Epoch(3));
        assert_eq!(verdict(Ok(()), Epoch(3)), Verdict::Accept);
        assert_eq!(of(Invalid::ProofTwice { supplier, epoch: 3 }), Verdict::Accept);
        assert_eq!(of(window(98)), Verdict::Early { first: 99 });
        assert_eq!(of(window(119)), Verdict::Useless(window(119)));
        for (epoch, is_blamed) in [(2, true), (3, true), (4, false)] {
            let nothing = Invalid::ProofNothing { supplier, epoch };
            let expected = if is_blamed { Verdict::Forged(nothing.clone()) } else { Verdict::Useless(nothing.clone()) };
            assert_eq!(of(nothing), expected, "epoch {epoch}");
        }
        let forged = Invalid::ProofSignature(supplier);
        assert_eq!(of(forged.clone()), Verdict::Forged(forged));
        let broken = LedgerError::Fault("the disk".to_owned());
        assert_eq!(verdict(Err(broken.clone()), Epoch(3)), Verdict::Own(broken));
    }
}
