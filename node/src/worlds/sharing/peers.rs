//! Players under the names that the scheduler gives to holders.
//!
//! It knows holders by account address, and a player's node is known by its peer id alone. So each gets an address of its own,
//! the last 20 bytes of the peer id's hash, which no account has but by accident of 2¹⁶⁰.

use std::collections::{HashMap, VecDeque};

use bitdust_network::PeerId;
use bitdust_types::{Address, keccak256};

/// Players remembered, the newest: as many as a scheduler remembers holders.
const PEERS_MAX: usize = bitdust_world::stream::HOLDERS_MAX;

/// See the module's head.
#[derive(Default)]
pub struct Peers {
    known: HashMap<Address, PeerId>,
    order: VecDeque<Address>,
}

impl Peers {
    /// A player's name.
    pub fn address(&mut self, peer: PeerId) -> Address {
        let address = Address::from_slice(&keccak256(peer.to_bytes())[12..]);
        if self.known.insert(address, peer).is_none() {
            self.order.push_back(address);
        }
        if self.order.len() > PEERS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        address
    }

    /// The player of that name.
    pub fn peer(&self, address: &Address) -> Option<PeerId> {
        self.known.get(address).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_keeps_its_name_and_the_oldest_are_forgotten() {
        let mut peers = Peers::default();
        let first = PeerId::random();
        let name = peers.address(first);
        assert_eq!((peers.address(first), peers.peer(&name)), (name, Some(first)));
        for _ in 0..PEERS_MAX {
            peers.address(PeerId::random());
        }
        assert_eq!(peers.peer(&name), None);
        assert_eq!((peers.known.len(), peers.order.len()), (PEERS_MAX, PEERS_MAX));
    }
}
