//! The Worlds' storage: which record lies at which slot.
//!
//! As in the Market, a record's first word is at `keccak256(region ‖ key)`, region one byte, key the fixed-width big-endian
//! parts named below; its further words follow it.
//!
//! | region | key | record |
//! |---|---|---|
//! | 1 | world (32) | [`World`] |
//! | 2 | – | number of worlds (`u32`) |
//! | 3 | position (4) | world id |
//! | 4 | world (32) ‖ x (8) ‖ y (8) ‖ z (8) | [`Claim`] |
//! | 5 | world (32) ‖ position (4) | [`Place`] of a claim |
//! | 6 | world (32) ‖ account (20) | [`Account`] |
//! | 7 | world (32) ‖ account (20) ‖ position (4) | [`Place`] of one of the account's claims |
//! | 8 | world (32) ‖ x (8) ‖ y (8) ‖ z (8) ‖ list (1) ‖ position (1) | account; list 0: guests, 1: compactors |

use alloy_primitives::{Address, B256, U256};

use crate::contract::words::{key, record};

record! {
    /// A published world.
    World {
        word {
            /// Who sets the rules and is paid; zero if there is no such world.
            creator: Address,
            /// Who may claim, a [`super::Claimants`].
            claimants: u8,
            /// Bytes of the name used.
            name_len: u8,
            /// Claims that one account may get.
            per_account: u32,
        }
        word {
            /// Grains for a claim or a renewal.
            price: u128,
            /// Epochs that it lasts.
            term: u64,
            /// Claims in the world's list.
            claims: u32,
        }
        word { /// The Market's dataset with the definition and content.
            dataset: B256 }
        word { /// Name, UTF-8, first half, padded with zeros.
            name_low: B256 }
        word { /// Name, second half.
            name_high: B256 }
    }
}

record! {
    /// A location's claim. After its end all but the revision is zero.
    Claim {
        word {
            /// The owner; zero if nobody claims the location.
            owner: Address,
            /// Who may build, a [`super::Build`].
            build: u8,
            /// Number of guests.
            guests: u8,
            /// Number of compactors.
            compactors: u8,
            /// Number of the access list; it outlives the claim.
            revision: u64,
        }
        word {
            /// Epoch of the claim.
            start: u64,
            /// Its last epoch.
            until: u64,
            /// Number of the last compacted version; 0 before the first.
            sequence: u64,
            /// Position in the world's list.
            listed: u32,
            /// Position in the owner's list.
            owned: u32,
        }
        word { /// The Market's dataset that keeps the location.
            dataset: B256 }
        word { /// Root of the last compacted manifest; zero before the first.
            manifest: B256 }
    }
}

record! {
    /// What a world knows of an account.
    Account {
        word {
            /// Claims in the account's list.
            claims: u32,
            /// Whether the creator has put it on the list of those who may claim.
            allowed: bool,
        }
    }
}

record! {
    /// A location's position, in locations of 8 × 8 × 8 chunks.
    #[derive(Copy, PartialOrd, Ord, Hash)]
    Place {
        word {
            /// Along x.
            x: i64,
            /// Upwards.
            y: i64,
            /// Along z.
            z: i64,
        }
    }
}

/// One of a claim's two access lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Accounts that may build if [`super::Build::Guests`] says so.
    Guests = 0,
    /// Accounts that may enter compacted versions.
    Compactors = 1,
}

impl Place {
    fn key(self) -> [u8; 24] {
        let mut key = [0; 24];
        for (part, coordinate) in key.chunks_exact_mut(8).zip([self.x, self.y, self.z]) {
            part.copy_from_slice(&coordinate.to_be_bytes());
        }
        key
    }
}

/// Slot of a [`World`].
pub fn world(id: B256) -> U256 {
    key(1, &[id.as_slice()])
}

/// Slot of the number of worlds.
pub fn world_count() -> U256 {
    key(2, &[])
}

/// Slot of a world's id in the list of all.
pub fn world_at(position: u32) -> U256 {
    key(3, &[&position.to_be_bytes()])
}

/// Slot of a [`Claim`].
pub fn claim(world: B256, place: Place) -> U256 {
    key(4, &[world.as_slice(), &place.key()])
}

/// Slot of a [`Place`] in a world's list.
pub fn listed_at(world: B256, position: u32) -> U256 {
    key(5, &[world.as_slice(), &position.to_be_bytes()])
}

/// Slot of an [`Account`].
pub fn account(world: B256, who: Address) -> U256 {
    key(6, &[world.as_slice(), who.as_slice()])
}

/// Slot of a [`Place`] in an account's list.
pub fn owned_at(world: B256, who: Address, position: u32) -> U256 {
    key(7, &[world.as_slice(), who.as_slice(), &position.to_be_bytes()])
}

/// Slot of an account in one of a claim's access lists.
pub fn member(world: B256, place: Place, list: List, position: u8) -> U256 {
    key(8, &[world.as_slice(), &place.key(), &[list as u8], &[position]])
}
