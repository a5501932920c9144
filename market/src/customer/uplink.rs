//! How many shards to send at once.
//!
//! Too few leave the uplink idle, too many make all of them time out. The controller climbs: while another stream raised
//! the throughput by at least a tenth it adds one more; when throughput fell by a fifth, or a transfer timed out, it takes
//! some away. One step per window of transfers, so that a step's effect is seen before the next.

/// Streams to begin with.
const START: usize = 4;
/// Fewest streams.
const LEAST: usize = 1;

/// The controller. Told about finished transfers, answers a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    limit: usize,
    most: usize,
    window_bytes: u64,
    window_transfers: usize,
    window_start_ms: u64,
    best_rate: u64,
}

impl Uplink {
    /// A controller for at most `most` streams, at time `now_ms`.
    pub fn new(most: usize, now_ms: u64) -> Self {
        let most = most.max(LEAST);
        Uplink {
            limit: START.min(most),
            most,
            window_bytes: 0,
            window_transfers: 0,
            window_start_ms: now_ms,
            best_rate: 0,
        }
    }

    /// How many transfers may run now.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A transfer of `bytes` ended well.
    pub fn finished(&mut self, bytes: u64, now_ms: u64) {
        self.window_bytes += bytes;
        self.window_transfers += 1;
        if self.window_transfers < self.limit {
            return;
        }
        let elapsed_ms = now_ms.saturating_sub(self.window_start_ms).max(1);
        // Bytes per second; shards are at most 40 MiB, so the product is far from overflowing.
        let rate = self.window_bytes.saturating_mul(1000) / elapsed_ms;
        if rate >= self.best_rate + self.best_rate / 10 {
            self.best_rate = rate;
            self.limit = (self.limit + 1).min(self.most);
        } else if rate < self.best_rate - self.best_rate / 5 {
            self.best_rate = rate;
            self.limit = (self.limit - 1).max(LEAST);
        }
        self.begin_window(now_ms);
    }

    /// A transfer timed out: a quarter fewer at once.
    pub fn timed_out(&mut self, now_ms: u64) {
        self.limit = (self.limit - self.limit.div_ceil(4)).max(LEAST);
        self.best_rate = 0;
        self.begin_window(now_ms);
    }

    fn begin_window(&mut self, now_ms: u64) {
        self.window_bytes = 0;
        self.window_transfers = 0;
        self.window_start_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs windows over a link that carries `capacity` bytes/s, each stream at most `per_stream`.
    fn settle(capacity: u64, per_stream: u64) -> usize {
        let mut uplink = Uplink::new(30, 0);
        let mut now = 0;
        for _ in 0..200 {
            let streams = uplink.limit();
            let rate = capacity.min(per_stream * streams as u64);
            now += streams as u64 * 10_000_000 / (rate / 1000);
            (0..streams).for_each(|_| uplink.finished(10_000_000, now));
        }
        uplink.limit()
    }

    #[test]
    fn it_climbs_until_another_stream_brings_nothing() {
        assert!((9..=12).contains(&settle(100_000_000, 10_000_000)), "{}", settle(100_000_000, 10_000_000));
        assert!(settle(1_000_000, 1_000_000) <= 6);
        assert!(settle(1 << 40, 1_000_000) > 9);
    }

    #[test]
    fn timeouts_bring_it_down_to_one_and_never_to_none() {
        let mut uplink = Uplink::new(30, 0);
        (0..100).for_each(|now| uplink.timed_out(now));
        assert_eq!(uplink.limit(), 1);
        assert_eq!(Uplink::new(0, 0).limit(), 1);
    }
}
