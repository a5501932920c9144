//! How often others may call, and how much they may bring: counted by peer, in steps of time. Pure: the caller brings the
//! time.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bitdust_network::PeerId;

/// The step in which a peer's calls and bytes are counted.
const STEP: Duration = Duration::from_secs(30);
/// Calls of one peer in a step: all 64 places that a node may listen to, twice, since they come back after a cut at once.
const CALLS_PER_STEP: u32 = 128;
/// Bytes of edits of one peer in a step. A whole log has 16 MiB; edits of 150 bytes cost 0.1 ms each, so 8 MiB cost 6 s of
/// one core, a fifth of it.
const BYTES_PER_STEP: usize = 8 << 20;
/// Streams of one peer that are answered at once.
const OPEN_PER_PEER: u32 = 4;
/// Streams that are answered at once.
const OPEN_MAX: u32 = 32;
/// Peers that are counted; without room a newcomer is turned away until the step of another is over.
const PEERS_MAX: usize = 1024;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Door {
    peers: HashMap<PeerId, Visits>,
    open: u32,
}

#[derive(Debug)]
struct Visits {
    since: Instant,
    calls: u32,
    bytes: usize,
    open: u32,
}

impl Door {
    /// Whether a peer's stream is answered. If so, [`Door::leave`] must follow.
    pub fn enter(&mut self, peer: PeerId, now: Instant) -> bool {
        self.peers.retain(|_, visits| visits.open > 0 || now.saturating_duration_since(visits.since) < STEP);
        if self.open >= OPEN_MAX || (self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&peer)) {
            return false;
        }
        let visits = self.visits(peer, now);
        let may_enter = visits.calls < CALLS_PER_STEP && visits.open < OPEN_PER_PEER;
        if may_enter {
            visits.calls += 1;
            visits.open += 1;
            self.open += 1;
        }
        may_enter
    }

    /// Counts what a peer brings; false if that was too much.
    pub fn brings(&mut self, peer: PeerId, bytes: usize, now: Instant) -> bool {
        let visits = self.visits(peer, now);
        visits.bytes = visits.bytes.saturating_add(bytes);
        visits.bytes <= BYTES_PER_STEP
    }

    /// A stream that entered has ended.
    pub fn leave(&mut self, peer: PeerId) {
        if let Some(visits) = self.peers.get_mut(&peer) {
            visits.open = visits.open.saturating_sub(1);
            self.open = self.open.saturating_sub(1);
        }
    }

    fn visits(&mut self, peer: PeerId, now: Instant) -> &mut Visits {
        let visits = self.peers.entry(peer).or_insert(Visits { since: now, calls: 0, bytes: 0, open: 0 });
        if now.saturating_duration_since(visits.since) >= STEP {
            *visits = Visits { since: now, calls: 0, bytes: 0, open: visits.open };
        }
        visits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_calls_too_often_waits_and_the_others_do_not() {
        let (mut door, now, caller, other) = (Door::default(), Instant::now(), PeerId::random(), PeerId::random());
        for _ in 0..CALLS_PER_STEP {
            assert!(door.enter(caller, now));
            door.leave(caller);
        }
        assert!(!door.enter(caller, now));
        assert!(door.enter(other, now));
        assert!(door.enter(caller, now + STEP));
    }

    #[test]
    fn streams_and_bytes_are_counted() {
        let (mut door, now, caller) = (Door::default(), Instant::now(), PeerId::random());
        for _ in 0..OPEN_PER_PEER {
            assert!(door.enter(caller, now));
        }
        assert!(!door.enter(caller, now), "it has enough streams");
        door.leave(caller);
        assert!(door.enter(caller, now));
        assert!(door.brings(caller, BYTES_PER_STEP, now));
        assert!(!door.brings(caller, 1, now));
        assert!(door.brings(caller, 1, now + STEP));
        for _ in OPEN_PER_PEER..OPEN_MAX {
            assert!(door.enter(PeerId::random(), now));
        }
        assert!(!door.enter(PeerId::random(), now), "the house is full");
    }

    #[test]
    fn the_memory_is_bounded() {
        let (mut door, now) = (Door::default(), Instant::now());
        for _ in 0..PEERS_MAX {
            let peer = PeerId::random();
            assert!(door.enter(peer, now));
            door.leave(peer);
        }
        assert!(!door.enter(PeerId::random(), now));
        assert!(door.enter(PeerId::random(), now + STEP));
        assert!(door.peers.len() <= PEERS_MAX);
    }
}
