//! Idle streams to suppliers, of all datasets together: the next question to a slot needs no round trips to open one.
//!
//! A node may have so many streams open to one peer and no more ([`bitdust_network::Limits::streams_out_per_peer`]); who wants
//! another waits. Many datasets may lie with the same few suppliers, so idle streams are counted by supplier, and the one that
//! was unused for longest makes room for one that is needed.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use bitdust_types::{Address, DatasetId};

use super::remote::Remote;

/// Idle streams kept to one supplier: a third of the 48 that may be open, half of which may be pipes ([`super::pipes`]).
const IDLE_PER_SUPPLIER: usize = 16;
/// Of them, for one slot: as many as windows of one download are under way.
const IDLE_PER_SLOT: usize = 4;

/// One that waits.
struct Waiting {
    dataset: DatasetId,
    slot: u16,
    remote: Remote,
}

/// See the module's head.
#[derive(Default)]
pub struct Idle(Mutex<HashMap<Address, VecDeque<Waiting>>>);

impl Idle {
    /// The stream of a slot that was used last.
    pub fn take(&self, supplier: &Address, dataset: DatasetId, slot: u16) -> Option<Remote> {
        self.locked(|idle| {
            let of_supplier = idle.get_mut(supplier)?;
            let at = of_supplier.iter().rposition(|waiting| (waiting.dataset, waiting.slot) == (dataset, slot))?;
            Some(of_supplier.remove(at)?.remote)
        })
    }

    /// Keeps a stream that works.
    pub fn put(&self, dataset: DatasetId, slot: u16, remote: Remote) {
        let supplier = remote.supplier().account;
        self.locked(|idle| {
            let of_supplier = idle.entry(supplier).or_default();
            let same = of_supplier.iter().filter(|waiting| (waiting.dataset, waiting.slot) == (dataset, slot)).count();
            if same < IDLE_PER_SLOT {
                of_supplier.push_back(Waiting { dataset, slot, remote });
            }
            if of_supplier.len() > IDLE_PER_SUPPLIER {
                of_supplier.pop_front();
            }
        });
    }

    /// Ends the stream that was unused for longest if there are as many as are kept: another is about to be opened.
    pub fn make_room(&self, supplier: &Address) {
        self.locked(|idle| {
            if let Some(of_supplier) = idle.get_mut(supplier)
                && of_supplier.len() >= IDLE_PER_SUPPLIER
            {
                of_supplier.pop_front();
            }
        });
    }

    /// Ends all streams to a supplier: they may have died with one that broke.
    pub fn forget(&self, supplier: &Address) {
        self.locked(|idle| idle.remove(supplier));
    }

    fn locked<T>(&self, work: impl FnOnce(&mut HashMap<Address, VecDeque<Waiting>>) -> T) -> T {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut idle);
        idle.retain(|_, of_supplier| !of_supplier.is_empty());
        done
    }
}
