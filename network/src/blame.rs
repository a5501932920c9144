//! Who passed on gossip of places that was rejected, and how often.
//!
//! Gossipsub keeps a peer's score by topic, with parameters that are never forgotten; a player passes through thousands
//! of places, so places are counted here instead, all together. Pure: the caller brings the time and bans.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use libp2p::PeerId;

/// Rejected messages within [`MEMORY`] for which a peer is banned, as on the chain's topics.
const REJECTED_MAX: u32 = 4;
/// How long rejected messages are held against a peer.
const MEMORY: Duration = Duration::from_secs(600);
/// Peers remembered; whoever was blamed first is forgotten when there are more.
const PEERS_MAX: usize = 4096;

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Blame {
    rejected: HashMap<PeerId, (u32, Instant)>,
}

impl Blame {
    /// Counts one more rejected message; true if the peer has now earned a ban.
    pub(crate) fn rejected(&mut self, peer: PeerId, now: Instant) -> bool {
        self.rejected.retain(|_, (_, since)| now.saturating_duration_since(*since) < MEMORY);
        if self.rejected.len() >= PEERS_MAX && !self.rejected.contains_key(&peer) {
            let first = self.rejected.iter().min_by_key(|(_, (_, since))| *since).map(|(peer, _)| *peer);
            self.rejected.remove(&first.unwrap_or(peer));
        }
        let (count, _) = self.rejected.entry(peer).or_insert((0, now));
        *count += 1;
        let outcast = *count >= REJECTED_MAX;
        if outcast {
            self.rejected.remove(&peer);
        }
        outcast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_within_the_time_is_one_too_many() {
        let (mut blame, start, peer) = (Blame::default(), Instant::now(), PeerId::random());
        for _ in 1..REJECTED_MAX {
            assert!(!blame.rejected(peer, start));
            assert!(!blame.rejected(PeerId::random(), start));
        }
        assert!(!blame.rejected(peer, start + MEMORY), "the first ones are forgotten");
        for _ in 2..REJECTED_MAX {
            assert!(!blame.rejected(peer, start + MEMORY));
        }
        assert!(blame.rejected(peer, start + MEMORY));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (mut blame, start) = (Blame::default(), Instant::now());
        for step in 0..PEERS_MAX as u64 + 10 {
            blame.rejected(PeerId::random(), start + Duration::from_micros(step));
        }
        assert_eq!(blame.rejected.len(), PEERS_MAX);
    }
}
