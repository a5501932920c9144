//! Operations that name parents which have not arrived, or a term that the ledger has not shown yet.
//!
//! Anybody can sign operations on parents that don't exist, so this buffer is small, and the oldest leave first: whoever
//! sends the parents later sends what was on top of them again.

use std::collections::{BTreeMap, BTreeSet};

use bitdust_types::Address;

use super::super::{Checked, OpHash, limits};

#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    ops: BTreeMap<OpHash, Waiting>,
    /// Who waits for an operation.
    by_missing: BTreeMap<OpHash, BTreeSet<OpHash>>,
    by_arrival: BTreeMap<u64, OpHash>,
    by_author: BTreeMap<Address, u32>,
    arrivals: u64,
    size_bytes: usize,
}

#[derive(Clone, Debug)]
struct Waiting {
    op: Checked,
    missing: Vec<OpHash>,
    arrival: u64,
}

impl Pending {
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub fn contains(&self, hash: &OpHash) -> bool {
        self.ops.contains_key(hash)
    }

    /// What is waited for and isn't waiting itself.
    pub fn missing(&self) -> impl Iterator<Item = OpHash> {
        self.by_missing.keys().filter(|hash| !self.ops.contains_key(*hash)).copied()
    }

    /// Keeps an operation; false if its author has too many already.
    pub fn add(&mut self, op: Checked, missing: Vec<OpHash>) -> bool {
        if self.by_author.get(&op.author()).is_some_and(|count| *count >= limits::PENDING_PER_AUTHOR_MAX) {
            return false;
        }
        while self.ops.len() >= limits::PENDING_OPS_MAX || self.size_bytes + op.size_bytes() > limits::PENDING_BYTES_MAX
        {
            let Some(oldest) = self.by_arrival.first_key_value().map(|(_, hash)| *hash) else { return false };
            self.take(&oldest);
        }
        let hash = op.hash();
        for parent in &missing {
            self.by_missing.entry(*parent).or_default().insert(hash);
        }
        self.arrivals += 1;
        self.by_arrival.insert(self.arrivals, hash);
        *self.by_author.entry(op.author()).or_default() += 1;
        self.size_bytes += op.size_bytes();
        self.ops.insert(hash, Waiting { op, missing, arrival: self.arrivals });
        true
    }

    /// Takes out an operation.
    pub fn take(&mut self, hash: &OpHash) -> Option<Checked> {
        let waiting = self.ops.remove(hash)?;
        self.by_arrival.remove(&waiting.arrival);
        self.size_bytes -= waiting.op.size_bytes();
        for parent in &waiting.missing {
            if let Some(waiters) = self.by_missing.get_mut(parent) {
                waiters.remove(hash);
                if waiters.is_empty() {
                    self.by_missing.remove(parent);
                }
            }
        }
        if let Some(count) = self.by_author.get_mut(&waiting.op.author()) {
            *count -= 1;
            if *count == 0 {
                self.by_author.remove(&waiting.op.author());
            }
        }
        Some(waiting.op)
    }

    /// Takes out those that wait for an operation.
    pub fn take_waiting_for(&mut self, parent: &OpHash) -> Vec<Checked> {
        let waiters: Vec<OpHash> = self.by_missing.get(parent).into_iter().flatten().copied().collect();
        waiters.iter().filter_map(|hash| self.take(hash)).collect()
    }

    /// Takes out all, the oldest first.
    pub fn take_all(&mut self) -> Vec<Checked> {
        let hashes: Vec<OpHash> = self.by_arrival.values().copied().collect();
        hashes.iter().filter_map(|hash| self.take(hash)).collect()
    }
}
