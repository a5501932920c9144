//! Where peers were last seen: the memory that lets a node return after its bootstrap has died.
//!
//! Two kinds of entries: *met* peers, with which a connection stood, and *heard of* ones, named by others. Only met
//! peers are worth writing to disk. The book is bounded and deterministic; it reads no clock and dials nobody.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};

/// Peers in the book: 4096 × (8 addresses of ≤ 64 bytes and bookkeeping) is about 3 MiB.
const PEERS_MAX: usize = 4096;
/// Addresses per peer: QUIC and TCP on IPv4 and IPv6, public and local.
pub(crate) const ADDRESSES_MAX: usize = 8;
/// A peer that was only heard of is forgotten after so many failed dials in a row.
const FAILURES_HEARD_MAX: u32 = 2;
/// A peer that was met is forgotten after so many.
const FAILURES_MET_MAX: u32 = 64;

#[derive(Clone, Debug, Default)]
struct Entry {
    addresses: Vec<Multiaddr>,
    met: bool,
    failures: u32,
}

/// Addresses by peer.
#[derive(Debug, Default)]
pub(crate) struct AddressBook {
    entries: BTreeMap<PeerId, Entry>,
}

impl AddressBook {
    /// Somebody named this peer. Addresses of a peer that we met ourselves are left alone.
    pub(crate) fn heard_of(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        if addresses.is_empty() || !self.make_room_for(&peer) {
            return;
        }
        let entry = self.entries.entry(peer).or_default();
        if !entry.met {
            entry.addresses = addresses;
            entry.addresses.truncate(ADDRESSES_MAX);
        }
    }

    /// The peer itself told us its addresses. Returns those that it no longer has.
    pub(crate) fn met(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
        if addresses.is_empty() || !self.make_room_for(&peer) {
            return Vec::new();
        }
        let mut addresses = addresses;
        addresses.truncate(ADDRESSES_MAX);
        let entry = self.entries.entry(peer).or_default();
        let gone = entry.addresses.iter().filter(|old| !addresses.contains(old)).cloned().collect();
        *entry = Entry { addresses, met: true, failures: 0 };
        gone
    }

    /// A connection stands: whatever failed before is forgiven.
    pub(crate) fn connected(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.failures = 0;
        }
    }

    /// Every address failed once more; after too many times in a row the peer is forgotten.
    pub(crate) fn failed(&mut self, peer: &PeerId) {
        let Some(entry) = self.entries.get_mut(peer) else { return };
        entry.failures += 1;
        if entry.failures >= if entry.met { FAILURES_MET_MAX } else { FAILURES_HEARD_MAX } {
            self.entries.remove(peer);
        }
    }

    pub(crate) fn remove(&mut self, peer: &PeerId) {
        self.entries.remove(peer);
    }

    pub(crate) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.entries.get(peer).map(|entry| entry.addresses.clone()).unwrap_or_default()
    }

    /// Peers to dial, best first: fewest failures, then those met before, then in the order of `rank`.
    pub(crate) fn candidates(
        &self,
        max: usize,
        mut wanted: impl FnMut(&PeerId) -> bool,
        mut rank: impl FnMut(&PeerId) -> u64,
    ) -> Vec<PeerId> {
        let mut found: Vec<_> = self
            .entries
            .iter()
            .filter(|(peer, _)| wanted(peer))
            .map(|(peer, entry)| (entry.failures, !entry.met, rank(peer), *peer))
            .collect();
        found.sort_unstable();
        found.into_iter().take(max).map(|(.., peer)| peer).collect()
    }

    /// What is worth keeping over a restart: addresses of met peers, each ending in `/p2p/<peer id>`.
    pub(crate) fn known(&self) -> Vec<Multiaddr> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.met)
            .flat_map(|(peer, entry)| entry.addresses.iter().map(|address| address.clone().with(Part::P2p(*peer))))
            .collect()
    }

    /// Whether `peer` has a place, after forgetting the worst hearsay if the book is full.
    fn make_room_for(&mut self, peer: &PeerId) -> bool {
        if self.entries.contains_key(peer) || self.entries.len() < PEERS_MAX {
            return true;
        }
        let worst = self
            .entries
            .iter()
            .filter(|(_, entry)| !entry.met || entry.failures > 0)
            .max_by_key(|(_, entry)| (!entry.met, entry.failures))
            .map(|(peer, _)| *peer);
        worst.is_some_and(|worst| self.entries.remove(&worst).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn hearsay_never_replaces_what_the_peer_said_itself() {
        let (mut book, peer) = (AddressBook::default(), PeerId::random());
        book.heard_of(peer, vec![address(1)]);
        assert!(book.known().is_empty());
        assert_eq!(book.met(peer, vec![address(2)]), vec![address(1)]);
        book.heard_of(peer, vec![address(3)]);
        assert_eq!(book.addresses(&peer), vec![address(2)]);
        assert_eq!(book.known(), vec![address(2).with(Part::P2p(peer))]);
    }

    #[test]
    fn hearsay_that_fails_is_forgotten_before_a_peer_that_was_met() {
        let (mut book, heard, met) = (AddressBook::default(), PeerId::random(), PeerId::random());
        book.heard_of(heard, vec![address(1)]);
        book.met(met, vec![address(2)]);
        for _ in 0..FAILURES_HEARD_MAX {
            book.failed(&heard);
            book.failed(&met);
        }
        assert!(book.addresses(&heard).is_empty());
        assert_eq!(book.candidates(9, |_| true, |_| 0), vec![met]);
        for _ in 1..FAILURES_MET_MAX {
            book.connected(&met);
            book.failed(&met);
        }
        assert_eq!(book.addresses(&met), vec![address(2)], "failures count only in a row");
    }

    #[test]
    fn the_book_is_bounded() {
        let mut book = AddressBook::default();
        let met = PeerId::random();
        book.met(met, (0..100).map(address).collect());
        for _ in 0..PEERS_MAX + 10 {
            book.heard_of(PeerId::random(), vec![address(1)]);
        }
        assert_eq!(book.entries.len(), PEERS_MAX);
        assert_eq!(book.addresses(&met).len(), ADDRESSES_MAX);
    }
}
