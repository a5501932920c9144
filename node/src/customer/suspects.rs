//! Suppliers that failed lately: asked last, and not waited for alone. What was learnt with one dataset counts for all of them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bitdust_types::Address;

/// A supplier that failed is asked last for so long.
const SUSPICION: Duration = Duration::from_secs(60);
/// Suppliers remembered; the whole memory is dropped when it is full.
const SUSPECTS_MAX: usize = 4096;

/// See the module's head.
#[derive(Default)]
pub struct Suspects(Mutex<HashMap<Address, Instant>>);

impl Suspects {
    /// Whether a supplier failed lately.
    pub fn contains(&self, supplier: &Address) -> bool {
        self.locked().get(supplier).is_some_and(|since| since.elapsed() < SUSPICION)
    }

    /// A supplier failed, or was too slow.
    pub fn add(&self, supplier: Address) {
        let mut suspects = self.locked();
        if suspects.len() >= SUSPECTS_MAX {
            suspects.clear();
        }
        suspects.insert(supplier, Instant::now());
    }

    /// A supplier answered well.
    pub fn remove(&self, supplier: &Address) {
        self.locked().remove(supplier);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Address, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
