//! The relays through which this node is reached: an address each, and whether a place is reserved there.
//!
//! Pure bookkeeping: who reserves, and when, is the driver's business (`driver/upkeep.rs`). Circuits are those of
//! libp2p's circuit relay v2 (<https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md>): a node reserves a place
//! at a relay, which then connects others to it. The relay sees both addresses and can't read what passes; the two ends
//! see the relay's address only. Nothing tries to replace a circuit by a direct line, since that would show the address.

use libp2p::{Multiaddr, PeerId, core::transport::ListenerId, multiaddr::Protocol as Part};

use crate::{
    address::{scope, split},
    error::Error,
};

#[derive(Debug)]
struct Relay {
    /// Without the peer id.
    address: Multiaddr,
    peer: PeerId,
    reserved: Option<ListenerId>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    relays: Vec<Relay>,
}

impl Relays {
    /// # Errors
    /// [`Error::Relay`] for an address that doesn't name its peer or that can't be dialled.
    pub(crate) fn new(addresses: &[Multiaddr], local: PeerId) -> Result<Self, Error> {
        let mut relays = Vec::new();
        for full in addresses {
            match split(full.clone()) {
                (address, Some(peer)) if peer != local && scope(&address).is_some() => {
                    relays.push(Relay { address, peer, reserved: None });
                }
                _ => return Err(Error::Relay(full.clone())),
            }
        }
        Ok(Relays { relays })
    }

    /// The address of a relay of ours.
    pub(crate) fn address(&self, peer: &PeerId) -> Option<Multiaddr> {
        self.relays.iter().find(|relay| relay.peer == *peer).map(|relay| relay.address.clone())
    }

    /// Addresses of `peer` through each of our relays but itself.
    pub(crate) fn circuits(&self, peer: PeerId) -> Vec<Multiaddr> {
        let others = self.relays.iter().filter(|relay| relay.peer != peer);
        others.map(|relay| relay.circuit().with(Part::P2p(peer))).collect()
    }

    /// Where to listen to reserve the places that aren't.
    pub(crate) fn wanted(&self) -> Vec<Multiaddr> {
        self.relays.iter().filter(|relay| relay.reserved.is_none()).map(Relay::circuit).collect()
    }

    pub(crate) fn asked(&mut self, circuit: &Multiaddr, listener: ListenerId) {
        if let Some(relay) = self.relays.iter_mut().find(|relay| relay.circuit() == *circuit) {
            relay.reserved = Some(listener);
        }
    }

    /// A listener was closed; returns the relay whose reservation this was.
    pub(crate) fn closed(&mut self, listener: ListenerId) -> Option<PeerId> {
        let relay = self.relays.iter_mut().find(|relay| relay.reserved == Some(listener))?;
        relay.reserved = None;
        Some(relay.peer)
    }
}

impl Relay {
    fn circuit(&self) -> Multiaddr {
        self.address.clone().with(Part::P2p(self.peer)).with(Part::P2pCircuit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_named_with_their_peer() {
        let (relay, local, other) = (PeerId::random(), PeerId::random(), PeerId::random());
        let bare: Multiaddr = "/ip4/1.2.3.4/tcp/1".parse().unwrap();
        let full = bare.clone().with(Part::P2p(relay));
        assert!(
            matches!(Relays::new(std::slice::from_ref(&bare), local), Err(Error::Relay(address)) if address == bare)
        );
        assert!(Relays::new(&[bare.clone().with(Part::P2p(local))], local).is_err());

        let mut relays = Relays::new(std::slice::from_ref(&full), local).unwrap();
        let circuit = full.with(Part::P2pCircuit);
        assert_eq!(relays.wanted(), vec![circuit.clone()]);
        assert_eq!(relays.circuits(other), vec![circuit.clone().with(Part::P2p(other))]);
        assert!(relays.circuits(relay).is_empty());
        assert_eq!(relays.address(&relay), Some(bare));
        let listener = ListenerId::next();
        relays.asked(&circuit, listener);
        assert!(relays.wanted().is_empty());
        assert_eq!(relays.closed(listener), Some(relay));
        assert_eq!(relays.closed(listener), None);
        assert_eq!(relays.wanted(), vec![circuit]);
    }
}
