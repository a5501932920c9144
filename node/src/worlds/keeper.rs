//! Who brings a place's edits to the suppliers, where several may: one at a time, agreed upon without a vote.
//!
//! The owner's node does; while it is away, one of the guests that the owner entrusted with it. Each node says in its talks
//! whether it does ([`Keeps`]), and leaves edits to whoever ranks before it. Nobody needs to be believed: who says so and doesn't
//! is waited for [`PATIENCE`] only, and if two are at it the ledger takes one revision and refuses the other, which is made
//! anew on top of the first. Pure: the caller brings what it knows.

use std::{cmp::Reverse, time::Duration};

use bitdust_network::PeerId;
use borsh::{BorshDeserialize, BorshSerialize};

/// For so long edits are left to another who says that it keeps them, or who may not have been met yet.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// For so long edits are left to the guest that made them, if nobody keeps any: all would begin at once.
pub const AUTHORS_TURN: Duration = Duration::from_secs(4);

/// Whether a node brings a place's edits to the suppliers. The later ones rank higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Keeps {
    /// It leaves that to others.
    #[default]
    No,
    /// In the owner's stead.
    StandsIn,
    /// As the owner.
    Owner,
}

/// A node that may keep a place's edits; the greater one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keeper {
    keeps: Keeps,
    peer: Reverse<PeerId>,
}

impl Keeper {
    /// What a node says of itself; of two who stand in, that with the smaller id goes on.
    pub fn new(keeps: Keeps, peer: PeerId) -> Self {
        Keeper { keeps, peer: Reverse(peer) }
    }
}

/// What decides how long a node waits.
pub struct Turn {
    /// This node; none before it has joined the network.
    pub me: Option<Keeper>,
    /// What it does.
    pub keeps: Keeps,
    /// The greatest of those that it is connected with.
    pub other: Option<Keeper>,
    /// Whether there was time to meet those who have the place open.
    pub is_introduced: bool,
    /// Whether the first edit that suppliers lack is this node's own.
    pub is_author: bool,
}

impl Turn {
    /// For how long edits are left to others, counted from when the first of them was seen.
    pub fn patience(&self) -> Duration {
        let is_outranked = self.other.is_some_and(|other| other.keeps > Keeps::No && Some(other) > self.me);
        match self.keeps {
            Keeps::Owner => Duration::ZERO,
            _ if is_outranked => PATIENCE,
            Keeps::StandsIn => Duration::ZERO,
            Keeps::No if !self.is_introduced => PATIENCE,
            Keeps::No if self.is_author => Duration::ZERO,
            Keeps::No => AUTHORS_TURN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two peers, the first of which goes before the other.
    fn peers() -> [PeerId; 2] {
        let mut peers = [PeerId::random(), PeerId::random()];
        peers.sort_unstable();
        peers
    }

    fn patience(keeps: Keeps, me: PeerId, other: Option<(Keeps, PeerId)>, is_author: bool) -> Duration {
        let other = other.map(|(keeps, peer)| Keeper::new(keeps, peer));
        Turn { me: Some(Keeper::new(keeps, me)), keeps, other, is_introduced: true, is_author }.patience()
    }

    #[test]
    fn exactly_one_of_two_goes_on_whatever_they_are() {
        let [first, second] = peers();
        for one in [Keeps::Owner, Keeps::StandsIn] {
            for two in [Keeps::Owner, Keeps::StandsIn].into_iter().filter(|two| *two <= one) {
                let here = patience(one, first, Some((two, second)), false);
                let there = patience(two, second, Some((one, first)), false);
                // Two nodes of one owner are left to the ledger.
                let is_twice = (one, two) == (Keeps::Owner, Keeps::Owner);
                assert_eq!((here, there), (Duration::ZERO, if is_twice { Duration::ZERO } else { PATIENCE }));
            }
        }
        assert_eq!(patience(Keeps::StandsIn, first, Some((Keeps::Owner, second)), true), PATIENCE, "the owner is back");
    }

    #[test]
    fn where_nobody_keeps_edits_their_author_begins_and_others_follow() {
        let [first, second] = peers();
        for other in [None, Some((Keeps::No, second)), Some((Keeps::No, first))] {
            assert_eq!(patience(Keeps::No, first, other, true), Duration::ZERO);
            assert_eq!(patience(Keeps::No, second, other, false), AUTHORS_TURN);
        }
        for keeps in [Keeps::Owner, Keeps::StandsIn] {
            assert_eq!(patience(Keeps::No, first, Some((keeps, second)), true), PATIENCE, "{keeps:?}");
        }
    }

    #[test]
    fn who_has_met_nobody_yet_waits_unless_the_place_is_its_own() {
        let turn = |keeps| Turn { me: None, keeps, other: None, is_introduced: false, is_author: true }.patience();
        assert_eq!([Keeps::No, Keeps::StandsIn, Keeps::Owner].map(turn), [PATIENCE, Duration::ZERO, Duration::ZERO]);
    }
}
