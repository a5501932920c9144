//! A bounded memory of what was worked out for a stretch of land, shared by all threads.
//!
//! It changes how long an answer takes and never the answer: what it holds is a pure function of its key.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Plans by the corner of the cell that they are for.
pub(super) struct Memo<T> {
    most: usize,
    kept: Mutex<BTreeMap<(i64, i64), Arc<T>>>,
}

impl<T> Memo<T> {
    /// Keeps at most so many.
    pub(super) const fn new(most: usize) -> Self {
        Memo { most, kept: Mutex::new(BTreeMap::new()) }
    }

    /// What is known for the key, or else `work`'s result. Two threads may work at the same time; they find the same.
    pub(super) fn get(&self, key: (i64, i64), work: impl FnOnce() -> T) -> Arc<T> {
        // A poisoned lock means that a thread ended between two complete states of the map: there is nothing to repair.
        if let Some(known) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let found = Arc::new(work());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.most {
            // Players move on and don't come back soon, so starting afresh costs little and keeps this simple.
            kept.clear();
        }
        kept.insert(key, found.clone());
        found
    }
}
