//! Players who meet: messages, tracks, behaviour, and what a crowd costs.

mod behaviour;
mod messages;
mod simulation;
mod tracks;

use bitdust_types::{Address, signing};
use k256::ecdsa::SigningKey;

use super::{Crowd, Look, Me, Peer, Position, Stance};
use crate::{VoxelPos, content::WorldId};

const WORLD: WorldId = WorldId([9; 32]);

fn key(number: u16) -> SigningKey {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_slice(&bytes).unwrap()
}

fn account(number: u16) -> Address {
    signing::address_of(key(number).verifying_key())
}

/// As long as a libp2p peer id.
fn peer(number: u16) -> Peer {
    let mut name = [7; 38];
    name[36..].copy_from_slice(&number.to_be_bytes());
    Peer::new(&name).unwrap()
}

fn me(number: u16) -> Me {
    Me {
        world: WORLD,
        peer: peer(number),
        account: account(number),
        name: format!("player {number}"),
        look: Look::default(),
        via_relay: false,
    }
}

fn crowd(number: u16) -> Crowd {
    let mut seed = [3; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    Crowd::new(me(number), seed)
}

fn at(x: i64, y: i64, z: i64) -> Stance {
    Stance { position: Position::standing_in(VoxelPos::new(x, y, z)), ..Stance::default() }
}
