//! Transactions and proofs that wait for a block.
//!
//! The pool is one node's business, no rule of the network. It is bounded by count and bytes and by sender, keeps
//! nonces in order with few gaps, and when full gives up the cheapest *last* transaction of some sender, so that it
//! never makes a gap and one dear transaction never pushes out many.
//!
//! Proofs have a lane of their own, one per supplier and epoch: no fee decides about them.
//!
//! **Invariant:** never more than [`PoolLimits`] allow, whatever is inserted.
//! **Invariant:** all waiting transactions of a sender together cost no more than it has.

mod lane;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
};

use alloy_primitives::{Address, B256, U256};
use bitdust_types::limits;

pub use lane::ProofLane;

use crate::{error::Invalid, state::StateDiff, tx::CheckedTx};

/// The fee by which a replacement must exceed what it replaces: a tenth, as in Ethereum's clients.
pub const REPLACEMENT_PERCENT: u128 = 10;
/// How far a nonce may be ahead of the account's: what one sender may have waiting.
pub const NONCE_AHEAD_MAX: u64 = limits::POOL_PER_SENDER_MAX as u64;

/// Bounds of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions.
    pub count: usize,
    /// Bytes of transactions.
    pub bytes: usize,
    /// Transactions of one sender.
    pub per_sender: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        PoolLimits {
            count: limits::POOL_TRANSACTIONS_MAX,
            bytes: limits::POOL_BYTES_MAX,
            per_sender: limits::POOL_PER_SENDER_MAX,
        }
    }
}

/// What became of an inserted transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It can go into the next block.
    Ready,
    /// Transactions with lower nonces are missing.
    Waiting,
    /// It took the place of another with the same nonce.
    Replaced(B256),
}

struct Entry {
    tx: CheckedTx,
    /// Order of arrival, which decides between equal fees.
    arrival: u64,
}

/// Transactions of one account.
struct Sender {
    /// The account's count of transactions on the ledger.
    nonce: u64,
    /// What it has on the ledger.
    balance: U256,
    entries: BTreeMap<u64, Entry>,
    /// Sum of [`CheckedTx::cost`].
    cost: U256,
}

impl Sender {
    /// What its last transaction is worth to the pool: it can't be included before all others, so the lowest fee of all.
    fn worth(&self) -> Option<Worth> {
        let fee = self.entries.values().map(|entry| entry.tx.fee()).min()?;
        let last = self.entries.values().next_back()?;
        Some(Worth { fee, arrival: Reverse(last.arrival) })
    }

    /// The first nonce from the account's on that isn't waiting here.
    fn next_nonce(&self) -> u64 {
        let mut next = self.nonce;
        while self.entries.contains_key(&next) {
            next += 1;
        }
        next
    }
}

/// Lowest first: low fee, and among equals the latest arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    fee: u128,
    arrival: Reverse<u64>,
}

/// The waiting transactions of one node.
#[derive(Default)]
pub struct Pool {
    limits: PoolLimits,
    senders: BTreeMap<Address, Sender>,
    by_hash: HashMap<B256, CheckedTx>,
    /// Each sender's last transaction, cheapest first.
    lasts: BTreeSet<(Worth, Address)>,
    bytes: usize,
    arrivals: u64,
    /// Proofs, beside the transactions.
    pub proofs: ProofLane,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Pool { limits, ..Pool::default() }
    }

    /// Transactions waiting.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// True if no transaction waits.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Bytes of all waiting transactions.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A waiting transaction.
    pub fn get(&self, hash: &B256) -> Option<CheckedTx> {
        self.by_hash.get(hash).cloned()
    }

    /// Takes a transaction in. `nonce` and `balance` are its sender's on the ledger, `base_fee` the next block's.
    ///
    /// # Errors
    /// [`Invalid`] says what the sender can do about it. The pool then only lacks what `nonce` and `balance` rule out.
    pub fn insert(&mut self, tx: CheckedTx, nonce: u64, balance: U256, base_fee: u64) -> Result<Inserted, Invalid> {
        let (hash, sender) = (tx.hash(), tx.sender());
        if self.by_hash.contains_key(&hash) {
            return Err(Invalid::TxKnown(hash));
        }
        if tx.effective_tip(base_fee).is_none() {
            return Err(Invalid::TxUnderpriced { fee: tx.fee(), base_fee });
        }
        if tx.nonce() < nonce {
            return Err(Invalid::TxNonceUsed { sender, nonce: tx.nonce(), next: nonce });
        }
        if tx.nonce() - nonce >= NONCE_AHEAD_MAX {
            return Err(Invalid::TxNonceGap { sender, nonce: tx.nonce(), next: nonce, max: NONCE_AHEAD_MAX });
        }
        self.refresh(sender, nonce, balance);
        let replaced = self.check_against_sender(&tx, balance)?;
        self.make_room(&tx, replaced.as_ref())?;
        if let Some(old) = &replaced {
            self.remove(sender, old.nonce());
        }
        let entry = Entry { tx: tx.clone(), arrival: self.arrivals };
        self.arrivals += 1;
        self.bytes += tx.raw().len();
        self.by_hash.insert(hash, tx.clone());
        let tx_nonce = tx.nonce();
        self.change(sender, nonce, balance, |waiting| {
            waiting.cost = waiting.cost.saturating_add(tx.cost());
            waiting.entries.insert(tx_nonce, entry);
        });
        Ok(match replaced {
            Some(old) => Inserted::Replaced(old.hash()),
            None if self.pending_nonce(sender).is_some_and(|next| tx_nonce < next) => Inserted::Ready,
            None => Inserted::Waiting,
        })
    }

    /// The transaction that `tx` would replace, after checking what its sender may have waiting.
    fn check_against_sender(&self, tx: &CheckedTx, balance: U256) -> Result<Option<CheckedTx>, Invalid> {
        let sender = tx.sender();
        let Some(waiting) = self.senders.get(&sender) else {
            return check_funds(sender, balance, tx.cost()).map(|()| None);
        };
        let Some(old) = waiting.entries.get(&tx.nonce()) else {
            if waiting.entries.len() >= self.limits.per_sender {
                return Err(Invalid::PoolSender { sender, max: self.limits.per_sender });
            }
            return check_funds(sender, balance, waiting.cost.saturating_add(tx.cost())).map(|()| None);
        };
        let raised = |fee: u128| fee.saturating_add((fee / 100).saturating_mul(REPLACEMENT_PERCENT)).max(fee + 1);
        let (fee, tip) = (raised(old.tx.fee()), raised(old.tx.tip()));
        if tx.fee() < fee || tx.tip() < tip {
            return Err(Invalid::TxReplacement { nonce: tx.nonce(), by: old.tx.hash(), fee, tip });
        }
        let cost = waiting.cost.saturating_sub(old.tx.cost()).saturating_add(tx.cost());
        check_funds(sender, balance, cost).map(|()| Some(old.tx.clone()))
    }

    /// Gives up the cheapest last transactions until `tx` fits, if it pays more than each of them.
    fn make_room(&mut self, tx: &CheckedTx, replaced: Option<&CheckedTx>) -> Result<(), Invalid> {
        if tx.raw().len() > self.limits.bytes || self.limits.count == 0 {
            return Err(Invalid::PoolFull { fee: tx.fee() });
        }
        let freed = replaced.map_or((0, 0), |old| (1, old.raw().len()));
        let (mut count, mut bytes) = (self.len() + 1 - freed.0, self.bytes + tx.raw().len() - freed.1);
        let mut victims = Vec::new();
        // Victims are looked up one per sender: with the sender's own kept safe, or it would make a gap before itself.
        for (worth, address) in &self.lasts {
            if count <= self.limits.count && bytes <= self.limits.bytes {
                break;
            }
            if *address == tx.sender() {
                continue;
            }
            if tx.fee() <= worth.fee {
                return Err(Invalid::PoolFull { fee: worth.fee });
            }
            if let Some(last) = self.senders.get(address).and_then(|sender| sender.entries.values().next_back()) {
                count -= 1;
                bytes -= last.tx.raw().len();
                victims.push((*address, last.tx.nonce()));
            }
        }
        if count > self.limits.count || bytes > self.limits.bytes {
            return Err(Invalid::PoolFull { fee: tx.fee() });
        }
        for (address, nonce) in victims {
            self.remove(address, nonce);
        }
        Ok(())
    }

    /// The best transactions for a block of this base fee, gas limit and body size: highest tip first, each sender's in
    /// nonce order without gaps, earlier arrivals first among equals.
    pub fn best(&self, base_fee: u64, gas_limit: u64, bytes: usize) -> Vec<CheckedTx> {
        let mut heads = BinaryHeap::new();
        for (address, sender) in &self.senders {
            heads.extend(head(sender, *address, sender.nonce, base_fee));
        }
        // Gas that is used is known only after execution, so candidates are bounded by the cheapest transaction's.
        let count_max = (gas_limit / INTRINSIC_GAS_MIN) as usize;
        let mut bytes_left = bytes;
        let mut chosen = Vec::new();
        while let Some((_, _, address, nonce)) = heads.pop() {
            let Some(sender) = self.senders.get(&address) else { continue };
            let Some(entry) = sender.entries.get(&nonce) else { continue };
            let size = crate::block::tx_bytes(entry.tx.raw().len());
            if chosen.len() == count_max {
                break;
            }
            // What doesn't fit ends its sender's run, for its later nonces can't go without it.
            if entry.tx.gas_limit() > gas_limit || size > bytes_left {
                continue;
            }
            bytes_left -= size;
            chosen.push(entry.tx.clone());
            heads.extend(head(sender, address, nonce + 1, base_fee));
        }
        chosen
    }

    /// Takes a decided block's changes into account: included transactions and those that can't be included any more
    /// go.
    pub fn on_block(&mut self, diff: &StateDiff) {
        let changed: Vec<_> = diff
            .accounts
            .iter()
            .filter(|(address, _)| self.senders.contains_key(*address))
            .map(|(address, account)| (*address, account.unwrap_or_default()))
            .collect();
        for (address, account) in changed {
            self.refresh(address, account.nonce, account.balance);
        }
    }

    /// The nonce that a sender's next transaction should have, waiting ones counted; `None` if nothing of it waits.
    pub fn pending_nonce(&self, sender: Address) -> Option<u64> {
        self.senders.get(&sender).map(Sender::next_nonce)
    }

    /// All waiting transactions of a sender, by nonce.
    pub fn of_sender(&self, sender: Address) -> Vec<CheckedTx> {
        self.senders
            .get(&sender)
            .map(|sender| sender.entries.values().map(|entry| entry.tx.clone()).collect())
            .unwrap_or_default()
    }

    /// Sets a sender's nonce and balance and drops what they rule out.
    fn refresh(&mut self, address: Address, nonce: u64, balance: U256) {
        let Some(sender) = self.senders.get(&address) else { return };
        let mut gone: Vec<u64> = sender.entries.range(..nonce).map(|(nonce, _)| *nonce).collect();
        // From the end, since what comes last is of no use without what comes before.
        let past: U256 = sender.entries.range(..nonce).map(|(_, entry)| entry.tx.cost()).sum();
        let mut cost = sender.cost.saturating_sub(past);
        for (nonce, entry) in sender.entries.range(nonce..).rev() {
            if cost <= balance {
                break;
            }
            cost = cost.saturating_sub(entry.tx.cost());
            gone.push(*nonce);
        }
        for nonce in gone {
            self.remove(address, nonce);
        }
        if self.senders.contains_key(&address) {
            self.change(address, nonce, balance, |_| {});
        }
    }

    fn remove(&mut self, address: Address, nonce: u64) {
        let Some(sender) = self.senders.get(&address) else { return };
        let (ledger_nonce, balance) = (sender.nonce, sender.balance);
        let mut removed = None;
        self.change(address, ledger_nonce, balance, |sender| {
            removed = sender.entries.remove(&nonce);
            if let Some(entry) = &removed {
                sender.cost = sender.cost.saturating_sub(entry.tx.cost());
            }
        });
        if let Some(Entry { tx, .. }) = removed {
            self.bytes -= tx.raw().len();
            self.by_hash.remove(&tx.hash());
        }
    }

    /// Changes a sender's entries and keeps `lasts` in step. A sender without entries is forgotten.
    fn change(&mut self, address: Address, nonce: u64, balance: U256, apply: impl FnOnce(&mut Sender)) {
        let sender = self.senders.entry(address).or_insert_with(|| Sender {
            nonce,
            balance,
            entries: BTreeMap::new(),
            cost: U256::ZERO,
        });
        if let Some(worth) = sender.worth() {
            self.lasts.remove(&(worth, address));
        }
        sender.nonce = nonce;
        sender.balance = balance;
        apply(sender);
        match sender.worth() {
            Some(worth) => {
                self.lasts.insert((worth, address));
            }
            None => {
                self.senders.remove(&address);
            }
        }
    }
}

/// Gas of the cheapest transaction there is.
const INTRINSIC_GAS_MIN: u64 = 21_000;

fn check_funds(sender: Address, balance: U256, cost: U256) -> Result<(), Invalid> {
    if cost > balance { Err(Invalid::TxFunds { sender, balance, cost }) } else { Ok(()) }
}

/// A sender's transaction with this nonce, as the heap orders it: by tip, then by arrival.
type Head = (u128, Reverse<u64>, Address, u64);

fn head(sender: &Sender, address: Address, nonce: u64, base_fee: u64) -> Option<Head> {
    let entry = sender.entries.get(&nonce)?;
    Some((entry.tx.effective_tip(base_fee)?, Reverse(entry.arrival), address, nonce))
}

#[cfg(test)]
mod tests;
