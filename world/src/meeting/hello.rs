//! Who is at the other end: an account vouches for a peer.

use bitdust_types::{
    Address, B256, keccak256,
    signing::{SignatureBytes, read_address, recover, write_address},
};
use borsh::{BorshDeserialize, BorshSerialize};

use super::{limits::NAME_BYTES_MAX, message::Invalid, peer::Peer, position::Position};
use crate::content::{WorldId, bounded};

/// What the signed bytes begin with, so that they can't be anything else.
const DOMAIN: &[u8] = b"bitdust meeting hello 1\0";

/// What a player looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Look {
    /// Colours (sRGB) of skin, hair, shirt and trousers.
    pub colours: [[u8; 3]; 4],
    /// Which of the viewer's figures; unknown ones are drawn as figure 0.
    pub figure: u8,
}

/// A player introduces itself.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hello {
    /// Who it is.
    #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
    pub account: Address,
    /// What it wants to be called.
    #[borsh(deserialize_with = "bounded::text::<_, { NAME_BYTES_MAX }>")]
    pub name: String,
    /// What it looks like.
    pub look: Look,
    /// Where it is.
    pub position: Position,
    /// Of [`greeting_hash`], by the account's key.
    #[borsh(serialize_with = "bounded::write_array", deserialize_with = "bounded::read_array")]
    pub signature: SignatureBytes,
}

/// What an account signs so that `from` may speak for it to `to` in a world; `challenge` was drawn by `to` for this link, so an
/// old signature is worth nothing.
pub fn greeting_hash(world: WorldId, from: &Peer, to: &Peer, challenge: &[u8; 32], name: &str, look: &Look) -> B256 {
    let mut bytes = DOMAIN.to_vec();
    bytes.extend(world.0);
    // Names are prefixed by their lengths, so that no two lists of parts give the same bytes.
    for part in [from.as_bytes(), to.as_bytes(), challenge, name.as_bytes()] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    }
    bytes.extend(look.colours.as_flattened());
    bytes.push(look.figure);
    keccak256(bytes)
}

impl Hello {
    /// Whether the account vouches for `from` towards `to`, who drew the challenge.
    pub(super) fn verify(&self, world: WorldId, from: &Peer, to: &Peer, challenge: &[u8; 32]) -> Result<(), Invalid> {
        if self.name.trim().is_empty() || self.name.chars().any(char::is_control) {
            return Err(Invalid::Name);
        }
        let hash = greeting_hash(world, from, to, challenge, &self.name, &self.look);
        match recover(hash, &self.signature) {
            Ok(signer) if signer == self.account => Ok(()),
            Ok(_) | Err(_) => Err(Invalid::Signature(self.account)),
        }
    }
}
