//! How many streams may be served at once, in total and for one peer.
//!
//! A [`Slot`] is the right to hold one inbound stream; it gives itself back when it is dropped, so a stream that
//! carries its slot can't leak it. [`Waiting`] does the same for the streams that we open, where callers wait instead
//! of being turned away.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use libp2p::PeerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Refusal;

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    per_peer: HashMap<PeerId, usize>,
}

/// Places for inbound streams.
#[derive(Debug)]
pub(crate) struct Slots {
    total_max: usize,
    per_peer_max: usize,
    taken: Mutex<Taken>,
}

impl Slots {
    pub(crate) fn new(total_max: usize, per_peer_max: usize) -> Arc<Self> {
        Arc::new(Slots { total_max, per_peer_max, taken: Mutex::default() })
    }

    /// Takes a place for a stream from `peer`, or says which bound is reached.
    pub(crate) fn try_take(self: &Arc<Self>, peer: PeerId) -> Result<Slot, Refusal> {
        let mut taken = lock(&self.taken);
        let of_peer = taken.per_peer.get(&peer).copied().unwrap_or(0);
        if of_peer >= self.per_peer_max {
            return Err(Refusal::PerPeer);
        }
        if taken.total >= self.total_max {
            return Err(Refusal::Total);
        }
        taken.total += 1;
        taken.per_peer.insert(peer, of_peer + 1);
        Ok(Slot { slots: self.clone(), peer })
    }
}

/// One taken place.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    peer: PeerId,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = lock(&self.slots.taken);
        taken.total -= 1;
        if let Some(of_peer) = taken.per_peer.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.per_peer.remove(&self.peer);
            }
        }
    }
}

/// Places for outbound streams, by peer.
#[derive(Debug)]
pub(crate) struct Waiting {
    per_peer_max: usize,
    peers: Mutex<HashMap<PeerId, Arc<Semaphore>>>,
}

impl Waiting {
    pub(crate) fn new(per_peer_max: usize) -> Self {
        Waiting { per_peer_max, peers: Mutex::default() }
    }

    /// Waits for a place for a stream to `peer`. Ends with `None` only if the semaphore was closed, which nobody does.
    pub(crate) async fn take(&self, peer: PeerId) -> Option<OwnedSemaphorePermit> {
        let semaphore = {
            let mut peers = lock(&self.peers);
            // A permit holds its semaphore, so a count of one means that nobody waits for or holds one.
            peers.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
            peers.entry(peer).or_insert_with(|| Arc::new(Semaphore::new(self.per_peer_max))).clone()
        };
        semaphore.acquire_owned().await.ok()
    }
}

/// A poisoned lock guards counters that are adjusted in single steps: they are still right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_places_come_back() {
        let slots = Slots::new(3, 2);
        let (a, b, c) = (PeerId::random(), PeerId::random(), PeerId::random());
        let first = slots.try_take(a).unwrap();
        let _second = slots.try_take(a).unwrap();
        assert_eq!(slots.try_take(a).unwrap_err(), Refusal::PerPeer);
        let _third = slots.try_take(b).unwrap();
        assert_eq!(slots.try_take(c).unwrap_err(), Refusal::Total);
        drop(first);
        let _fourth = slots.try_take(c).unwrap();
        assert_eq!(lock(&slots.taken).total, 3);
    }

    #[tokio::test]
    async fn outbound_callers_wait_and_idle_peers_are_forgotten() {
        let waiting = Waiting::new(1);
        let (a, b) = (PeerId::random(), PeerId::random());
        let held = waiting.take(a).await;
        let mut next = std::pin::pin!(waiting.take(a));
        assert!(futures::poll!(&mut next).is_pending());
        drop(held);
        drop(next.await);
        drop(waiting.take(b).await);
        drop(waiting.take(b).await);
        assert_eq!(lock(&waiting.peers).len(), 1);
    }
}
