//! Transactions and proofs that wait for a block.
//!
//! The pool is one node's business, no rule of the network. It is bounded by count and bytes and by sender, keeps
//! nonces in order with few gaps, and when full gives up the cheapest *last* transaction of some sender, so that it
//! never makes a gap and one dear transaction never pushes out many.
//!
//! A transaction is **ready** if its sender's next nonce and all up to its own wait here, and **queued** if one of them is
//! missing. A queued one costs its sender nothing, whatever fee it names, for it may never run: so queued ones have smaller
//! bounds of their own, stay for a number of blocks, and go before any ready one does (as in go-ethereum's `txpool`).
//!
//! Proofs have a lane of their own, one per supplier and epoch: no fee decides about them.
//!
//! **Invariant:** never more than [`PoolLimits`] allow, whatever is inserted.
//! **Invariant:** all waiting transactions of a sender together cost no more than it has.
//! **Invariant:** no queued transaction takes a ready one's place.

mod lane;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, btree_map},
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
    /// Queued transactions, out of `count`.
    pub queued_count: usize,
    /// Bytes of queued transactions, out of `bytes`.
    pub queued_bytes: usize,
    /// Queued transactions of one sender, out of `per_sender`.
    pub queued_per_sender: usize,
    /// Blocks for which a queued transaction waits for the nonces before it.
    pub queued_blocks: u64,
}

impl Default for PoolLimits {
    fn default() -> Self {
        PoolLimits {
            count: limits::POOL_TRANSACTIONS_MAX,
            bytes: limits::POOL_BYTES_MAX,
            per_sender: limits::POOL_PER_SENDER_MAX,
            queued_count: limits::POOL_QUEUED_MAX,
            queued_bytes: limits::POOL_QUEUED_BYTES_MAX,
            queued_per_sender: limits::POOL_QUEUED_PER_SENDER_MAX,
            queued_blocks: limits::POOL_QUEUED_BLOCKS_MAX,
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
    /// Blocks that the pool had seen by then.
    since: u64,
}

/// How many transactions, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    count: usize,
    bytes: usize,
}

impl Load {
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn take(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }

    fn fits(&self, count: usize, bytes: usize) -> bool {
        self.count <= count && self.bytes <= bytes
    }
}

/// Transactions of one account.
struct Sender {
    /// The account's count of transactions on the ledger.
    nonce: u64,
    /// The first nonce from the account's on that isn't waiting here: entries below it are ready, those above are queued.
    next: u64,
    /// What it has on the ledger.
    balance: U256,
    entries: BTreeMap<u64, Entry>,
    /// Sum of [`CheckedTx::cost`].
    cost: U256,
}

impl Sender {
    /// What its last ready transaction is worth to the pool: it can't be included before all others, so the lowest fee of
    /// all.
    fn worth(&self) -> Option<Worth> {
        worth(self.entries.range(..self.next))
    }

    /// What its last queued transaction is worth.
    fn queued_worth(&self) -> Option<Worth> {
        worth(self.queued())
    }

    fn queued(&self) -> btree_map::Range<'_, u64, Entry> {
        self.entries.range(self.next..)
    }

    fn queued_load(&self) -> Load {
        let mut load = Load::default();
        self.queued().for_each(|(_, entry)| load.add(entry.tx.raw().len()));
        load
    }

    fn first_missing(&self) -> u64 {
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

/// The lowest fee of a run of transactions, with the last one's arrival.
fn worth(mut run: btree_map::Range<'_, u64, Entry>) -> Option<Worth> {
    let fee = run.clone().map(|(_, entry)| entry.tx.fee()).min()?;
    let (_, last) = run.next_back()?;
    Some(Worth { fee, arrival: Reverse(last.arrival) })
}

/// The waiting transactions of one node.
#[derive(Default)]
pub struct Pool {
    limits: PoolLimits,
    senders: BTreeMap<Address, Sender>,
    by_hash: HashMap<B256, CheckedTx>,
    /// Each sender's last ready transaction, cheapest first.
    lasts: BTreeSet<(Worth, Address)>,
    /// Each sender's last queued transaction, cheapest first.
    queued_lasts: BTreeSet<(Worth, Address)>,
    bytes: usize,
    queued: Load,
    arrivals: u64,
    /// Blocks seen: see [`Pool::on_block`].
    blocks: u64,
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

    /// Transactions waiting whose sender has a lower nonce missing.
    pub fn queued(&self) -> usize {
        self.queued.count
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
        let next = self.pending_nonce(sender).unwrap_or(nonce);
        let replaced = self.check_against_sender(&tx, balance)?;
        if tx.nonce() <= next {
            self.make_room(&tx, replaced.as_ref())?;
        } else {
            self.make_room_in_queue(&tx, replaced.as_ref(), next)?;
        }
        if let Some(old) = &replaced {
            self.remove(sender, old.nonce());
        }
        let entry = Entry { tx: tx.clone(), arrival: self.arrivals, since: self.blocks };
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
            let max = self.limits.queued_per_sender;
            if tx.nonce() > waiting.next && waiting.queued().count() >= max {
                return Err(Invalid::PoolQueuedSender { sender, next: waiting.next, max });
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

    /// Makes room for a ready transaction: gives up queued ones whatever they offer, then the cheapest last ready ones if it
    /// pays more than each of them.
    fn make_room(&mut self, tx: &CheckedTx, replaced: Option<&CheckedTx>) -> Result<(), Invalid> {
        let PoolLimits { count, bytes, .. } = self.limits;
        let mut total = self.total_with(tx, replaced);
        let mut victims = Vec::new();
        // The sender's own queued ones come behind this one, so they go like all others.
        for (_, address) in &self.queued_lasts {
            if total.fits(count, bytes) {
                break;
            }
            self.give_up_queued(*address, &mut victims, |last| {
                let is_full = !total.fits(count, bytes);
                if is_full {
                    total.take(last);
                }
                is_full
            });
        }
        // Ready victims are one per sender, with the sender's own kept safe, or it would make a gap before itself.
        for (worth, address) in &self.lasts {
            if total.fits(count, bytes) {
                break;
            }
            if *address == tx.sender() {
                continue;
            }
            if tx.fee() <= worth.fee {
                return Err(Invalid::PoolFull { fee: worth.fee });
            }
            let last = self.senders.get(address).and_then(|sender| sender.entries.range(..sender.next).next_back());
            if let Some((nonce, last)) = last {
                total.take(last.tx.raw().len());
                victims.push((*address, *nonce));
            }
        }
        if !total.fits(count, bytes) {
            return Err(Invalid::PoolFull { fee: tx.fee() });
        }
        for (address, nonce) in victims {
            self.remove(address, nonce);
        }
        Ok(())
    }

    /// Makes room for a queued transaction: gives up cheaper queued ones of other senders, and nothing else. `next` is its
    /// sender's missing nonce.
    fn make_room_in_queue(&mut self, tx: &CheckedTx, replaced: Option<&CheckedTx>, next: u64) -> Result<(), Invalid> {
        let PoolLimits { count, bytes, queued_count, queued_bytes, .. } = self.limits;
        let mut total = self.total_with(tx, replaced);
        let mut queued = with(self.queued, tx, replaced);
        let mut victims = Vec::new();
        let fits = |total: &Load, queued: &Load| total.fits(count, bytes) && queued.fits(queued_count, queued_bytes);
        for (worth, address) in &self.queued_lasts {
            if fits(&total, &queued) {
                break;
            }
            if *address == tx.sender() {
                continue;
            }
            if tx.fee() <= worth.fee {
                return Err(Invalid::PoolQueueFull { next, fee: worth.fee });
            }
            self.give_up_queued(*address, &mut victims, |last| {
                let is_full = !fits(&total, &queued);
                if is_full {
                    total.take(last);
                    queued.take(last);
                }
                is_full
            });
        }
        if !fits(&total, &queued) {
            return Err(Invalid::PoolQueueFull { next, fee: tx.fee() });
        }
        for (address, nonce) in victims {
            self.remove(address, nonce);
        }
        Ok(())
    }

    /// Names a sender's queued transactions as victims, from the last on, as long as `take` wants one of so many bytes.
    fn give_up_queued(&self, address: Address, victims: &mut Vec<(Address, u64)>, mut take: impl FnMut(usize) -> bool) {
        let Some(sender) = self.senders.get(&address) else { return };
        let wanted = sender.queued().rev().take_while(|(_, entry)| take(entry.tx.raw().len()));
        victims.extend(wanted.map(|(nonce, _)| (address, *nonce)));
    }

    /// What would wait here with `tx`, in the place of what it replaces.
    fn total_with(&self, tx: &CheckedTx, replaced: Option<&CheckedTx>) -> Load {
        with(Load { count: self.len(), bytes: self.bytes }, tx, replaced)
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

    /// Takes a decided block's changes into account, called once for each: included transactions and those that can't be
    /// included any more go, and queued ones that have waited for too many blocks.
    pub fn on_block(&mut self, diff: &StateDiff) {
        self.blocks += 1;
        let changed: Vec<_> = diff
            .accounts
            .iter()
            .filter(|(address, _)| self.senders.contains_key(*address))
            .map(|(address, account)| (*address, account.unwrap_or_default()))
            .collect();
        for (address, account) in changed {
            self.refresh(address, account.nonce, account.balance);
        }
        self.expire();
    }

    /// Gives up queued transactions that have waited for too long: at most [`PoolLimits::queued_count`] are looked at.
    fn expire(&mut self) {
        let mut expired = Vec::new();
        for (_, address) in &self.queued_lasts {
            let Some(sender) = self.senders.get(address) else { continue };
            let old = sender.queued().filter(|(_, entry)| self.blocks - entry.since >= self.limits.queued_blocks);
            expired.extend(old.map(|(nonce, _)| (*address, *nonce)));
        }
        for (address, nonce) in expired {
            self.remove(address, nonce);
        }
    }

    /// The nonce that a sender's next transaction should have, waiting ones counted; `None` if nothing of it waits.
    pub fn pending_nonce(&self, sender: Address) -> Option<u64> {
        self.senders.get(&sender).map(|sender| sender.next)
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

    /// Changes a sender's entries and keeps what is known of all of them in step. A sender without entries is forgotten.
    fn change(&mut self, address: Address, nonce: u64, balance: U256, apply: impl FnOnce(&mut Sender)) {
        let sender = self.senders.entry(address).or_insert_with(|| Sender {
            nonce,
            next: nonce,
            balance,
            entries: BTreeMap::new(),
            cost: U256::ZERO,
        });
        if let Some(worth) = sender.worth() {
            self.lasts.remove(&(worth, address));
        }
        if let Some(worth) = sender.queued_worth() {
            self.queued_lasts.remove(&(worth, address));
        }
        let before = sender.queued_load();
        sender.nonce = nonce;
        sender.balance = balance;
        apply(sender);
        sender.next = sender.first_missing();
        let after = sender.queued_load();
        self.queued.count = self.queued.count - before.count + after.count;
        self.queued.bytes = self.queued.bytes - before.bytes + after.bytes;
        if let Some(worth) = sender.worth() {
            self.lasts.insert((worth, address));
        }
        if let Some(worth) = sender.queued_worth() {
            self.queued_lasts.insert((worth, address));
        }
        if sender.entries.is_empty() {
            self.senders.remove(&address);
        }
    }
}

/// Gas of the cheapest transaction there is.
const INTRINSIC_GAS_MIN: u64 = 21_000;

/// A load with `tx` in the place of what it replaces.
fn with(mut load: Load, tx: &CheckedTx, replaced: Option<&CheckedTx>) -> Load {
    if let Some(old) = replaced {
        load.take(old.raw().len());
    }
    load.add(tx.raw().len());
    load
}

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
