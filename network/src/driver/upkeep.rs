//! What happens by the clock: looking around in the network, dialling what was learned, repeating what was told, ending
//! bans.
//!
//! A node enters knowing one address. A random walk through Kademlia names peers; the node dials some of them until it
//! has [`crate::Limits::peers_wanted`], so that gossip has a mesh and no single peer is a thread the node hangs by.

use std::time::Instant;

use libp2p::{PeerId, swarm::dial_opts::DialOpts};

use super::Driver;
use crate::{meters, queries::Query};

/// Peers dialled per look around.
const DIALS_PER_LOOK: usize = 8;

impl Driver {
    pub(super) fn upkeep(&mut self, now: Instant) {
        for peer in self.bans.expire(now) {
            tracing::info!(%peer, "ban is over");
            self.let_in(peer);
        }
        for peer in self.shared.ids() {
            self.ban_if_outcast(peer, "its gossip score fell too low");
        }
        self.waiters.prune();
        self.leave_deserted_places();
        if self.pace.take(now) {
            self.reserve();
            self.enter_again();
            self.dial_more();
            self.walk();
            if self.pace.is_quick() {
                self.repeat_all(now);
            }
            self.swarm.behaviour_mut().kademlia.store_mut().expire(now);
            meters::known_addresses(self.book.known().len());
        }
        self.repeat(now);
    }

    /// Dials entry points that aren't connected. They stay worth it for ever: after a split of the network they are
    /// the only thing that both halves know.
    fn enter_again(&mut self) {
        let points: Vec<_> = self.entry_points.iter().map(|entry| (entry.address.clone(), entry.peer)).collect();
        for (address, peer) in points {
            let dialled = match peer {
                Some(peer) if peer == self.shared.local || self.shared.is_connected(&peer) => continue,
                Some(peer) => self.swarm.dial(DialOpts::peer_id(peer).addresses(vec![address]).build()),
                None => self.swarm.dial(DialOpts::unknown_peer_id().address(address).build()),
            };
            if let Err(error) = dialled {
                tracing::debug!(%error, "entry point not dialled");
            }
        }
    }

    /// Asks for a place at every relay that has none for us.
    fn reserve(&mut self) {
        for circuit in self.relays.wanted() {
            match self.swarm.listen_on(circuit.clone()) {
                Ok(listener) => self.relays.asked(&circuit, listener),
                Err(error) => tracing::warn!(%circuit, %error, "a place at the relay can't be asked for"),
            }
        }
    }

    fn dial_more(&mut self) {
        // Whom a hidden node wants to meet, its application says; relays are for that.
        if self.hidden {
            return;
        }
        let missing = self.limits.peers_wanted.saturating_sub(self.shared.count().0);
        let candidates = self.book.candidates(
            missing.min(DIALS_PER_LOOK),
            |peer| *peer != self.shared.local && !self.shared.is_connected(peer) && self.bans.reason(peer).is_none(),
            |_| rand::random(),
        );
        for peer in candidates {
            if let Err(error) = self.dial(peer) {
                tracing::debug!(%peer, %error, "known peer not dialled");
            }
        }
    }

    fn walk(&mut self) {
        if self.queries.is_walking() {
            return;
        }
        let kademlia = &mut self.swarm.behaviour_mut().kademlia;
        // Our own neighbourhood, and one elsewhere; with nobody in the table there is nobody to ask.
        if let Ok(id) = kademlia.bootstrap() {
            self.queries.add(id, Query::Walk);
            let id = kademlia.get_closest_peers(PeerId::random());
            self.queries.add(id, Query::Walk);
        }
    }
}
