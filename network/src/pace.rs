//! When to look around in the network: often while it is new, rarely once it is well known.

use std::time::{Duration, Instant};

/// The first interval, and the one after being left alone.
const FIRST: Duration = Duration::from_secs(1);

/// A doubling interval. Pure: the caller brings the time.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    interval_max: Duration,
    due: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant, interval_max: Duration) -> Self {
        Pace { interval: FIRST.min(interval_max), interval_max, due: now }
    }

    /// Whether it is time; if so, the next time is set, twice as far away.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now + self.interval;
        self.interval = (self.interval * 2).min(self.interval_max);
        true
    }

    /// Whether the network still counts as new.
    pub(crate) fn is_quick(&self) -> bool {
        self.interval < self.interval_max
    }

    /// Something changed: look again soon.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.interval = FIRST.min(self.interval_max);
        self.due = self.due.min(now + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_maximum_and_starts_over() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now, Duration::from_secs(5));
        let mut waits = Vec::new();
        for _ in 0..5 {
            assert!(pace.take(now));
            assert!(!pace.take(now));
            waits.push((pace.due - now).as_secs());
            now = pace.due;
        }
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        assert!(!pace.is_quick());
        pace.take(now);
        pace.hurry(now);
        assert!(pace.is_quick() && pace.take(now + FIRST));
    }
}
