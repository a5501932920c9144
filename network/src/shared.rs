//! What the swarm's task lets others read without asking it: who is connected, where we listen.

use std::{
    collections::BTreeMap,
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};

/// Bytes of what a peer calls itself.
const AGENT_BYTES_MAX: usize = 64;

/// A connected peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who.
    pub id: PeerId,
    /// What it calls itself; empty until it has said so. Printable ASCII only.
    pub agent: String,
    /// The far ends of our connections with it.
    pub addresses: Vec<Multiaddr>,
}

#[derive(Debug, Default)]
struct Connected {
    agent: String,
    connections: Vec<(ConnectionId, Multiaddr)>,
}

#[derive(Debug, Default)]
struct State {
    listen: Vec<Multiaddr>,
    peers: BTreeMap<PeerId, Connected>,
}

/// Readable by every handle, written by the swarm's task alone.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) local: PeerId,
    pub(crate) hidden: bool,
    state: RwLock<State>,
}

impl Shared {
    pub(crate) fn new(local: PeerId, hidden: bool) -> Self {
        Shared { local, hidden, state: RwLock::default() }
    }

    pub(crate) fn listen(&self) -> Vec<Multiaddr> {
        self.read().listen.clone()
    }

    pub(crate) fn add_listen(&self, address: Multiaddr) {
        self.write().listen.push(address);
    }

    pub(crate) fn remove_listen(&self, address: &Multiaddr) {
        self.write().listen.retain(|other| other != address);
    }

    pub(crate) fn peers(&self) -> Vec<Peer> {
        let far_ends = |connected: &Connected| connected.connections.iter().map(|(_, end)| end.clone()).collect();
        self.read()
            .peers
            .iter()
            .map(|(id, connected)| Peer { id: *id, agent: connected.agent.clone(), addresses: far_ends(connected) })
            .collect()
    }

    pub(crate) fn ids(&self) -> Vec<PeerId> {
        self.read().peers.keys().copied().collect()
    }

    pub(crate) fn is_connected(&self, peer: &PeerId) -> bool {
        self.read().peers.contains_key(peer)
    }

    /// Numbers of peers and of connections.
    pub(crate) fn count(&self) -> (usize, usize) {
        let state = self.read();
        (state.peers.len(), state.peers.values().map(|connected| connected.connections.len()).sum())
    }

    pub(crate) fn far_ends(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let state = self.read();
        let connected = state.peers.get(peer);
        connected.into_iter().flat_map(|peer| peer.connections.iter().map(|(_, end)| end.clone())).collect()
    }

    pub(crate) fn connected(&self, peer: PeerId, connection: ConnectionId, far_end: Multiaddr) {
        self.write().peers.entry(peer).or_default().connections.push((connection, far_end));
    }

    pub(crate) fn disconnected(&self, peer: &PeerId, connection: ConnectionId) {
        let mut state = self.write();
        if let Some(connected) = state.peers.get_mut(peer) {
            connected.connections.retain(|(id, _)| *id != connection);
            if connected.connections.is_empty() {
                state.peers.remove(peer);
            }
        }
    }

    pub(crate) fn set_agent(&self, peer: &PeerId, agent: &str) {
        if let Some(connected) = self.write().peers.get_mut(peer) {
            connected.agent =
                agent.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(AGENT_BYTES_MAX).collect();
        }
    }

    // Poisoning would mean a panic between two single-step updates; the state is right either way.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
