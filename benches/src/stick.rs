//! Time that one thread spent on a core, and the best of several rounds.
//!
//! The machines that measure also do other things. A thread's own time on its core leaves out the moments at which another
//! process had it; the best of several rounds leaves out a cold start and a neighbour that emptied the cache.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Seconds that the calling thread runs for `work`.
pub fn seconds(work: impl FnOnce()) -> f64 {
    let before = on_core();
    work();
    on_core() - before
}

/// Seconds that the calling thread has run so far.
fn on_core() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Wall-clock seconds for `work`: for what several threads do together.
pub fn wall_seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// The fastest of the rounds so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Best(f64);

impl Best {
    /// Takes a round in which so many bytes, or other things, took `seconds`.
    pub fn take(&mut self, count: u64, seconds: f64) {
        self.0 = self.0.max(count as f64 / seconds);
    }

    /// What was counted, per second; 0 before the first round.
    pub fn per_s(self) -> f64 {
        self.0
    }

    /// MiB/s, if bytes were counted.
    pub fn mib_per_s(self) -> f64 {
        self.0 / f64::from(1 << 20)
    }
}
