//! A player's machine as the network names it.

use std::{fmt, io};

use borsh::{BorshDeserialize, BorshSerialize};

use super::limits::PEER_BYTES_MAX;
use crate::content::bounded;

/// A peer: 1 to 64 bytes, in which this crate sees no meaning.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct Peer(Vec<u8>);

impl Peer {
    /// The peer with this name, if it isn't empty or too long.
    pub fn new(name: &[u8]) -> Option<Self> {
        (1..=PEER_BYTES_MAX).contains(&name.len()).then(|| Peer(name.to_vec()))
    }

    /// Its name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl BorshDeserialize for Peer {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let name = bounded::list::<R, u8, PEER_BYTES_MAX>(reader)?;
        Peer::new(&name).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a peer without a name"))
    }
}
