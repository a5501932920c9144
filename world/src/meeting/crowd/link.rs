//! What is known of one connection.

use bitdust_types::Address;

use super::super::{
    hello::Look,
    limits,
    message::{Kind, Rate},
    pace::Pace,
    position::Position,
    track::Track,
};

/// Milliseconds between two complaints about the same peer.
const COMPLAIN_MS: u64 = 10_000;

/// Who introduced itself.
pub(super) struct Person {
    pub account: Address,
    pub name: String,
    pub look: Look,
}

/// One connection.
pub(super) struct Link {
    pub since_ms: u64,
    /// What the other side has to sign, until it did.
    pub challenge: Option<[u8; 32]>,
    pub person: Option<Person>,
    /// Whether we introduced ourselves.
    pub introduced: bool,
    /// Where it was last.
    pub position: Option<Position>,
    /// When it was there, by our clock.
    pub position_ms: u64,
    pub track: Track,
    /// How often we want its poses.
    pub wanted: Rate,
    /// How often it wants ours.
    pub asked: Rate,
    /// How often it gets them.
    pub served: Rate,
    /// When somebody last had a use for the link.
    pub useful_ms: u64,
    paces: [Pace; 7],
    bytes: Pace,
    dropped: u32,
    flood_named_ms: Option<u64>,
    refusal_named_ms: Option<u64>,
}

impl Link {
    pub fn new(now_ms: u64, challenge: [u8; 32]) -> Self {
        Link {
            since_ms: now_ms,
            challenge: Some(challenge),
            person: None,
            introduced: false,
            position: None,
            position_ms: 0,
            track: Track::default(),
            wanted: Rate::None,
            asked: Rate::None,
            served: Rate::None,
            useful_ms: now_ms,
            paces: PACES.map(|(_, per_second, at_once)| Pace::new(per_second, at_once)),
            bytes: Pace::new(8192, 32_768),
            dropped: 0,
            flood_named_ms: None,
            refusal_named_ms: None,
        }
    }

    /// Takes note of where the player was at a time of ours. A chunk that didn't change says nothing new.
    pub fn place(&mut self, position: Position, at_ms: u64) {
        let coarse = position.local == [1024; 3] && self.position.is_some_and(|known| known.chunk == position.chunk);
        if !coarse {
            self.position = Some(position);
        }
        self.position_ms = at_ms;
    }

    /// Whether both sides introduced themselves, so that each believes what the other says.
    pub fn is_mutual(&self) -> bool {
        self.person.is_some() && self.introduced
    }

    /// Whether its last known place is this near.
    pub fn is_within(&self, own: Position, squared: i64) -> bool {
        self.position.is_some_and(|position| position.distance_squared(own) <= squared)
    }

    /// Whether so many bytes of a peer may still be looked at.
    pub fn admits_bytes(&mut self, now_ms: u64, bytes: usize) -> bool {
        self.bytes.take(now_ms, bytes as u64)
    }

    /// Whether another message of a kind may come.
    pub fn admits(&mut self, now_ms: u64, kind: Kind) -> bool {
        PACES.iter().zip(&mut self.paces).find(|((of, ..), _)| *of == kind).is_none_or(|(_, pace)| pace.take(now_ms, 1))
    }

    /// Takes note of a dropped message: whether to name the peer, and whether to hang up.
    pub fn drop_one(&mut self, now_ms: u64) -> (bool, bool) {
        let name = is_due(&mut self.flood_named_ms, now_ms);
        self.dropped = if name { 1 } else { self.dropped + 1 };
        (name, self.dropped > limits::DROPPED_MAX)
    }

    /// Whether to name the peer for what it sent.
    pub fn may_complain(&mut self, now_ms: u64) -> bool {
        is_due(&mut self.refusal_named_ms, now_ms)
    }
}

/// How many messages of a kind one peer may send per second, and at once. Above what an honest one needs, since a network
/// may deliver at once what was sent over a second or two.
const PACES: [(Kind, u64, u64); 7] = [
    (Kind::Greeting, 1, 4),
    (Kind::Pose, 12, 40),
    (Kind::Want, 3, 12),
    (Kind::Chat, limits::CHATS_PER_SECOND, 8),
    (Kind::Gesture, 1, 8),
    (Kind::Peers, 4, 16),
    (Kind::Bye, 1, 1),
];

fn is_due(named_ms: &mut Option<u64>, now_ms: u64) -> bool {
    let due = named_ms.is_none_or(|named| now_ms.saturating_sub(named) >= COMPLAIN_MS);
    if due {
        *named_ms = Some(now_ms);
    }
    due
}
