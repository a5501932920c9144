//! How much of something may come per second (a token bucket).

/// So many per second on average, and so many at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    per_second: u64,
    /// In thousandths.
    full: u64,
    left: u64,
    at_ms: u64,
}

impl Pace {
    pub fn new(per_second: u64, at_once: u64) -> Self {
        Pace { per_second, full: at_once * 1000, left: at_once * 1000, at_ms: 0 }
    }

    /// Takes so many; false, and takes none, if there aren't as many.
    pub fn take(&mut self, now_ms: u64, count: u64) -> bool {
        let grown = now_ms.saturating_sub(self.at_ms).saturating_mul(self.per_second);
        self.left = self.left.saturating_add(grown).min(self.full);
        self.at_ms = self.at_ms.max(now_ms);
        let enough = self.left >= count * 1000;
        if enough {
            self.left -= count * 1000;
        }
        enough
    }
}
