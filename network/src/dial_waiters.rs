//! Callers that wait for a connection with a peer.

use std::collections::HashMap;

use libp2p::PeerId;
use tokio::sync::oneshot;

use crate::error::Error;

/// Callers that wait at once, over all peers.
const WAITERS_MAX: usize = 1024;

/// Where one caller waits.
pub(crate) type Waiter = oneshot::Sender<Result<(), Error>>;

#[derive(Debug, Default)]
pub(crate) struct DialWaiters {
    by_peer: HashMap<PeerId, Vec<Waiter>>,
}

impl DialWaiters {
    pub(crate) fn add(&mut self, peer: PeerId, waiter: Waiter) {
        if self.by_peer.values().map(Vec::len).sum::<usize>() >= WAITERS_MAX {
            self.prune();
        }
        if self.by_peer.values().map(Vec::len).sum::<usize>() >= WAITERS_MAX {
            // The caller may have stopped waiting; then nobody minds.
            let _ = waiter.send(Err(Error::Busy { what: "callers that wait for connections" }));
            return;
        }
        self.by_peer.entry(peer).or_default().push(waiter);
    }

    /// Tells everybody who waits for `peer`.
    pub(crate) fn tell(&mut self, peer: &PeerId, outcome: impl Fn() -> Result<(), Error>) {
        for waiter in self.by_peer.remove(peer).unwrap_or_default() {
            let _ = waiter.send(outcome());
        }
    }

    /// Forgets callers that stopped waiting.
    pub(crate) fn prune(&mut self) {
        self.by_peer.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
    }
}
