//! What players say to each other about chunks (`chunks/1`).
//!
//! ```text
//! asker → Ask { world, location, hashes }
//! giver → Given for each hash, in order
//! ```
//! and again, as long as the stream stands. A message is a frame of [`bitdust_network::wire`].

use bitdust_types::Root;
use bitdust_world::{LocationPos, pack::PACKED_BYTES_MAX};
use borsh::{BorshDeserialize, BorshSerialize};

/// Chunks in one question: at 2 KiB each 128 KiB, which take 100 ms on a line of 10 Mbit/s; at 60 KiB at most 3.8 MiB.
pub const HASHES_MAX: usize = 64;
/// Bytes of a question: world, location, a count, hashes.
pub const ASK_BYTES_MAX: usize = 32 + 24 + 4 + HASHES_MAX * 32;
/// Bytes of an answer: whether there is one, its length, a packed chunk.
pub const GIVEN_BYTES_MAX: usize = 1 + 4 + PACKED_BYTES_MAX;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Ask {
    /// In which world.
    pub world: [u8; 32],
    /// Of which location.
    pub location: LocationPos,
    /// Which chunks, by what they hash to; at most [`HASHES_MAX`].
    pub hashes: Vec<Root>,
}

/// A chunk, packed (`bitdust_world::pack`); none if it isn't there.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Given(pub Option<Vec<u8>>);

#[cfg(test)]
mod tests {
    use bitdust_network::wire::{decode, encode};

    use super::*;

    #[test]
    fn messages_fit_their_bounds_and_survive() {
        let hashes = vec![Root([7; 32]); HASHES_MAX];
        let ask = Ask { world: [1; 32], location: LocationPos::new(-1, i64::MAX, 3), hashes };
        let bytes = encode(&ask).unwrap();
        assert_eq!(bytes.len() - 4, ASK_BYTES_MAX);
        assert_eq!(decode::<Ask>(&bytes[4..]).unwrap(), ask);
        for given in [Given(None), Given(Some(vec![3; PACKED_BYTES_MAX]))] {
            let bytes = encode(&given).unwrap();
            assert!(bytes.len() - 4 <= GIVEN_BYTES_MAX);
            assert_eq!(decode::<Given>(&bytes[4..]).unwrap(), given);
        }
        assert!(decode::<Ask>(&[0; 40]).is_err() && decode::<Given>(&[2]).is_err());
    }
}
