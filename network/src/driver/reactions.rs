//! What the swarm reports, and what follows from it.

use std::{collections::HashSet, time::Instant};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::ListenerId},
    gossipsub, identify, kad,
    multiaddr::Protocol as Part,
    ping,
    swarm::{ConnectionId, DialError, NetworkBehaviour as _, SwarmEvent},
};

use super::Driver;
use crate::{
    address::{is_relayed, scope, split, usable},
    address_book::ADDRESSES_MAX,
    behaviour::BehaviourEvent,
    error::Error,
    events::Event,
    meters,
    protocol::{identify_version, kademlia},
};

impl Driver {
    pub(super) fn react(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.react_to_behaviour(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, num_established, .. } => {
                let far_end = far_end(peer_id, &endpoint);
                if endpoint.is_dialer() {
                    self.note_entry_point(peer_id, &far_end);
                }
                self.connected(peer_id, connection_id, far_end, num_established.get());
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                tracing::debug!(peer = %peer_id, ?cause, "connection closed");
                self.shared.disconnected(&peer_id, connection_id);
                self.count();
                if num_established == 0 {
                    self.announcer.news(Event::Disconnected(peer_id));
                    self.pace.hurry(Instant::now());
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => self.dial_failed(peer, &error),
            SwarmEvent::OutgoingConnectionError { peer_id: None, error, .. } => {
                tracing::debug!(reason = brief(&error), "dial of an entry point failed");
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                tracing::debug!(address = %send_back_addr, %error, "inbound connection failed");
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening");
                // An external address is one that Kademlia tells others; which of them can use it is their decision.
                if !self.is_forwarded || is_relayed(&address) {
                    self.swarm.add_external_address(address.clone());
                    self.announce_anew();
                }
                self.shared.add_listen(split(address).0);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.swarm.remove_external_address(&address);
                self.shared.remove_listen(&split(address).0);
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.listener_closed(listener_id, addresses, reason);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listener"),
            _ => {}
        }
    }

    fn listener_closed(&mut self, listener: ListenerId, addresses: Vec<Multiaddr>, reason: Result<(), std::io::Error>) {
        for address in addresses {
            self.swarm.remove_external_address(&address);
            self.shared.remove_listen(&split(address).0);
        }
        if let Some(relay) = self.relays.closed(listener) {
            tracing::info!(%relay, ?reason, "no place at the relay; asking again soon");
        } else if let Err(error) = reason {
            tracing::error!(%error, "no longer listening; restart the node to listen again");
        }
    }

    fn react_to_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Gossip(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                self.gossip_arrived(propagation_source, message_id, message);
            }
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.identified(peer_id, &info);
            }
            BehaviourEvent::Kademlia(event) => self.react_to_kademlia(event),
            BehaviourEvent::Ping(ping::Event { peer, connection, result: Err(ping::Failure::Timeout) }) => {
                // TCP notices a peer without power only after many minutes.
                tracing::info!(%peer, "connection closed: no answer to a ping");
                self.swarm.close_connection(connection);
            }
            _ => {}
        }
    }

    fn react_to_kademlia(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest {
                request: kad::InboundRequest::AddProvider { record: Some(record) }, ..
            } => self.swarm.behaviour_mut().store_provider(record),
            kad::Event::InboundRequest {
                request: kad::InboundRequest::PutRecord { source, record: Some(record), .. },
            } => self.record_arrived(source, record),
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => {
                if let kad::QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(found))) = result {
                    self.record_found(id, found);
                    return;
                }
                if let kad::QueryResult::GetProviders(Ok(kad::GetProvidersOk::FoundProviders { providers, .. })) =
                    &result
                {
                    self.providers_named(providers);
                }
                let timeout = Error::Timeout { what: "announcing in the network", limit: self.limits.query_timeout };
                let named = self.queries.progress(id, result, step.last, timeout);
                let nearest = self.nearest_scope();
                for info in named {
                    if info.peer_id != self.shared.local && self.bans.reason(&info.peer_id).is_none() {
                        self.book.heard_of(info.peer_id, usable(&info.addrs, nearest, ADDRESSES_MAX));
                    }
                }
            }
            _ => {}
        }
    }

    /// Providers come with the addresses that they announced, which Kademlia keeps as long as the search goes on. For a
    /// hidden peer there is no other way to learn through which relay it is reached, since it is in nobody's table.
    fn providers_named(&mut self, providers: &HashSet<PeerId>) {
        let nearest = self.nearest_scope();
        for peer in providers.iter().filter(|peer| **peer != self.shared.local && self.bans.reason(peer).is_none()) {
            let kademlia = &mut self.swarm.behaviour_mut().kademlia;
            // The question a swarm asks before it dials; Kademlia answers it without taking note of it.
            let asked = ConnectionId::new_unchecked(0);
            let told = kademlia.handle_pending_outbound_connection(asked, Some(*peer), &[], Endpoint::Dialer);
            self.book.heard_of(*peer, usable(&told.unwrap_or_default(), nearest, ADDRESSES_MAX));
        }
    }

    fn connected(&mut self, peer: PeerId, connection: ConnectionId, far_end: Multiaddr, count: u32) {
        tracing::debug!(%peer, address = %far_end, count, "connected");
        let alone = self.shared.count().0 == 0;
        self.shared.connected(peer, connection, far_end);
        self.count();
        self.book.connected(&peer);
        self.waiters.tell(&peer, || Ok(()));
        if count == 1 {
            self.announcer.news(Event::Connected(peer));
        }
        if alone {
            self.pace.hurry(Instant::now());
        }
    }

    fn note_entry_point(&mut self, peer: PeerId, far_end: &Multiaddr) {
        let (address, _) = split(far_end.clone());
        for entry in self.entry_points.iter_mut().filter(|entry| entry.address == address && !entry.pinned) {
            entry.peer = Some(peer);
        }
    }

    fn dial_failed(&mut self, peer: PeerId, error: &DialError) {
        // Somebody asked for a dial of a peer that is connected or being dialled: nothing failed.
        if matches!(error, DialError::DialPeerConditionFalse(_)) || self.shared.is_connected(&peer) {
            return;
        }
        let reason = brief(error);
        tracing::debug!(%peer, reason, "dial failed");
        meters::dial_failed();
        self.waiters.tell(&peer, || Err(Error::Dial { peer, reason: reason.clone() }));
        match error {
            // Our own limits, not the peer's absence.
            DialError::Denied { .. } | DialError::Aborted | DialError::LocalPeerId { .. } => return,
            DialError::WrongPeerId { .. } => self.book.remove(&peer),
            _ => {}
        }
        self.book.failed(&peer);
        // Each dead peer in the table costs every search that passes it ten seconds, ours and those of whom we name it
        // to. If it returns it says where it listens, and is in again.
        self.swarm.behaviour_mut().kademlia.remove_peer(&peer);
        // Whoever was met at an entry point may have been replaced: its address is dialled without a name again.
        for entry in self.entry_points.iter_mut().filter(|entry| entry.peer == Some(peer) && !entry.pinned) {
            entry.peer = None;
        }
    }

    /// A peer said who it is and where it listens.
    fn identified(&mut self, peer: PeerId, info: &identify::Info) {
        let ours = identify_version(self.chain_id);
        if info.protocol_version != ours {
            tracing::info!(%peer, theirs = %info.protocol_version, %ours, "peer of another network disconnected");
            self.book.remove(&peer);
            self.swarm.behaviour_mut().kademlia.remove_peer(&peer);
            let _ = self.swarm.disconnect_peer_id(peer);
            return;
        }
        self.shared.set_agent(&peer, &info.agent_version);
        let seen_at = self.shared.far_ends(&peer).iter().filter_map(scope).min();
        let addresses = usable(&info.listen_addrs, seen_at, ADDRESSES_MAX);
        let routes = info.protocols.contains(&kademlia(self.chain_id));
        let kademlia = &mut self.swarm.behaviour_mut().kademlia;
        if routes {
            for address in &addresses {
                kademlia.add_address(&peer, address.clone());
            }
        }
        for gone in self.book.met(peer, addresses) {
            kademlia.remove_address(&peer, &gone);
        }
    }

    pub(super) fn count(&self) {
        let (peers, connections) = self.shared.count();
        meters::peers(peers);
        meters::connections(connections);
    }
}

/// Where the other end is. Through a relay only the relay's address is known, at both ends.
fn far_end(peer: PeerId, endpoint: &ConnectedPoint) -> Multiaddr {
    match endpoint {
        ConnectedPoint::Listener { local_addr, .. } if is_relayed(local_addr) => {
            local_addr.clone().with(Part::P2p(peer))
        }
        _ => endpoint.get_remote_address().clone(),
    }
}

/// An error and what is behind it: some of libp2p's have no words of their own.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut words: Vec<String> = causes.map(|error| in_one_line(&error.to_string())).collect();
    words.retain(|words| !words.is_empty());
    // Wrappers repeat what they wrap.
    words.dedup();
    words.join(": ")
}

/// libp2p lists what each transport said below a heading of its own, even where there is one entry only.
fn in_one_line(words: &str) -> String {
    let entries: Vec<&str> = words
        .lines()
        .map(|line| line.trim().trim_start_matches("- ").trim_end_matches('.'))
        .filter(|line| !line.is_empty() && !line.ends_with(" dial errors occurred:"))
        .collect();
    entries.join(", ")
}

/// A dial error in one line; libp2p's own takes many.
pub(super) fn brief(error: &DialError) -> String {
    match error {
        DialError::Transport(failures) => {
            let parts: Vec<_> =
                failures.iter().map(|(address, error)| format!("{address}: {}", with_causes(error))).collect();
            parts.join("; ")
        }
        DialError::WrongPeerId { obtained, address } => format!("{address} is {obtained}, another peer"),
        DialError::Denied { cause } => format!("refused by this node: {cause}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_transports_said_is_one_line() {
        let listed = "Multiple dial errors occurred:\n - Connection refused (os error 111)\n - Handshake timed out.\n";
        assert_eq!(in_one_line(listed), "Connection refused (os error 111), Handshake timed out");
        assert_eq!(in_one_line("one"), "one");
        assert_eq!(in_one_line(""), "");
    }
}
