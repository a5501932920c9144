//! How fast chunks are given to others: a bucket of bytes for each peer and one for all together, refilled with time.
//!
//! Pure: the caller brings the time, and waits as long as it is told.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bitdust_network::PeerId;

/// Bytes a second for one peer: 500 chunks of 2 KiB, more than a flight at 30 m/s uncovers.
const PEER_BYTES_PER_S: f64 = 1_048_576.0;
/// Bytes at once for one peer: a question of 64 large chunks.
const PEER_BURST: f64 = 4.0 * 1_048_576.0;
/// Bytes a second for all: 32 Mbit/s of a player's line.
const ALL_BYTES_PER_S: f64 = 4.0 * 1_048_576.0;
const ALL_BURST: f64 = 8.0 * 1_048_576.0;
/// Peers remembered. Who has a full bucket needn't be.
const PEERS_MAX: usize = 256;

#[derive(Clone, Copy)]
struct Bucket {
    bytes: f64,
    at: Instant,
}

/// See the module's head.
pub struct Budget {
    all: Bucket,
    peers: HashMap<PeerId, Bucket>,
}

impl Budget {
    /// With full buckets.
    pub fn new(now: Instant) -> Self {
        Budget { all: Bucket { bytes: ALL_BURST, at: now }, peers: HashMap::new() }
    }

    /// Takes so many bytes for a peer, and says how long to wait before they are sent. Buckets may be overdrawn by what is taken
    /// at once, so that nobody's turn is passed over.
    pub fn take(&mut self, now: Instant, peer: PeerId, bytes: usize) -> Duration {
        if self.peers.len() >= PEERS_MAX {
            self.peers.retain(|_, bucket| bucket.filled(now, PEER_BYTES_PER_S, PEER_BURST) < PEER_BURST);
        }
        let of_peer = self.peers.entry(peer).or_insert(Bucket { bytes: PEER_BURST, at: now });
        let waits = [
            of_peer.take(now, bytes, PEER_BYTES_PER_S, PEER_BURST),
            self.all.take(now, bytes, ALL_BYTES_PER_S, ALL_BURST),
        ];
        Duration::from_secs_f64(waits[0].max(waits[1]))
    }
}

impl Bucket {
    fn filled(&self, now: Instant, per_s: f64, burst: f64) -> f64 {
        (self.bytes + per_s * now.saturating_duration_since(self.at).as_secs_f64()).min(burst)
    }

    fn take(&mut self, now: Instant, bytes: usize, per_s: f64, burst: f64) -> f64 {
        *self = Bucket { bytes: self.filled(now, per_s, burst) - bytes as f64, at: now };
        (-self.bytes / per_s).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_time_is_the_price() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let (greedy, modest) = (PeerId::random(), PeerId::random());
        assert_eq!(budget.take(start, greedy, 4 << 20), Duration::ZERO);
        assert_eq!(budget.take(start, greedy, 1 << 20), Duration::from_secs(1));
        assert_eq!(budget.take(start, modest, 1 << 20), Duration::ZERO, "one peer's greed is not another's wait");
        // Seconds later its bucket has filled again.
        assert_eq!(budget.take(start + Duration::from_secs(3), greedy, 1 << 20), Duration::ZERO);
        // Many peers together get no more than all may.
        let waits: Vec<Duration> = (0..8).map(|_| budget.take(start, PeerId::random(), 4 << 20)).collect();
        assert!(waits[7] > Duration::from_secs(4), "{waits:?}");
    }

    #[test]
    fn peers_with_full_buckets_are_forgotten() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        for number in 0..4 * PEERS_MAX as u64 {
            budget.take(start + Duration::from_secs(10 * number), PeerId::random(), 1);
        }
        assert!(budget.peers.len() <= PEERS_MAX + 1);
    }
}
