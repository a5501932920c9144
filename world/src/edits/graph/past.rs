//! Sets of operations by their place in the log, as bits.

/// A set of places in the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Past(Vec<u64>);

impl Past {
    /// The places given and all of their ancestors, where `parents` tells a place's parents, which are always lower.
    pub fn of<'a>(tops: impl IntoIterator<Item = u32>, parents: impl Fn(u32) -> &'a [u32]) -> Self {
        let mut past = Past::default();
        let mut todo: Vec<u32> = tops.into_iter().collect();
        while let Some(at) = todo.pop() {
            if past.insert(at) {
                todo.extend(parents(at).iter().filter(|parent| !past.contains(**parent)));
            }
        }
        past
    }

    /// Whether a place is in the set.
    pub fn contains(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// All places, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.0.len() as u32 * 64).filter(|at| self.contains(*at))
    }

    /// Adds a place; false if it was there.
    fn insert(&mut self, at: u32) -> bool {
        let word = at as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let bit = 1 << (at % 64);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}
