//! Which shards to ask for, and whom to ask when somebody is slow, wrong or gone.
//!
//! A read is cut into *windows*: at most [`WINDOW_ROWS`] rows of units of one slab ([`ReadPlan::column`] of each shard).
//! Within a window the bytes wanted lie in some data shards; if all of those answer, nothing is decoded. If one doesn't, any
//! k shards' same rows rebuild it.
//!
//! **Hedging.** A window begins by asking exactly what it needs, since each further answer costs egress. Once an answer is
//! later than the 95th percentile of recent ones, or fails, one more supplier is asked, and one for each hedge that is late
//! in its turn: with half of the suppliers gone without a word, a window still ends after a few percentiles. Whoever is
//! first wins. What doesn't verify counts as a failure, with the supplier's name.

use std::{collections::VecDeque, ops::Range};

use bitdust_types::layout::UNIT_PLAIN_BYTES;

use crate::codec::{ReadPlan, SlabShape};

/// Rows of one window: 16 × 64 KiB = 1 MiB of each shard, the most that one request may ask for.
pub const WINDOW_ROWS: u64 = 16;
/// Answers that the percentile is taken over.
pub const LATENCIES_KEPT: usize = 128;
/// What counts as slow while fewer than ten answers were seen.
pub const SLOW_MS_AT_FIRST: u64 = 1000;
/// Nothing faster than this counts as slow: on a loopback network the percentile is below a scheduler's time slice.
pub const SLOW_MS_LEAST: u64 = 50;

/// Cuts plain bytes `plain` of a slab into windows, in order. What lies beyond the slab's end is left out.
pub fn windows(shape: SlabShape, plain: Range<u64>) -> Vec<Range<u64>> {
    let window_bytes = WINDOW_ROWS * u64::from(shape.layout().k()) * UNIT_PLAIN_BYTES;
    let end = plain.end.min(shape.plain_bytes());
    let mut windows = Vec::new();
    let mut at = plain.start;
    while at < end {
        // Cuts lie on whole rows, so that no unit is fetched for two windows.
        let next = ((at / window_bytes + 1) * window_bytes).min(end);
        windows.push(at..next);
        at = next;
    }
    windows
}

impl Need {
    /// What a window's plan needs, from these slots, best first.
    pub fn of(plan: &ReadPlan, k: u8, sources: Vec<u8>) -> Self {
        Need { k, direct: plan.pieces().iter().map(|piece| piece.shard).collect(), sources }
    }
}

/// What a window needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Shards that rebuild the others.
    pub k: u8,
    /// Data shards wanted.
    pub direct: Vec<u8>,
    /// Slots to ask, best first.
    pub sources: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Asked { at_ms: u64, hedged: bool },
    Have,
    Failed,
}

/// How a window stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Answers are still expected.
    Waiting,
    /// All data shards wanted are here.
    Direct,
    /// These k shards are here and rebuild the rest.
    Rebuild(Vec<u8>),
    /// Fewer than k shards can be had.
    Hopeless {
        /// Shards that arrived.
        have: usize,
        /// Shards that are needed.
        need: usize,
    },
}

/// One window being fetched.
#[derive(Clone, Debug)]
pub struct Fetch {
    k: usize,
    direct: Vec<u8>,
    slots: Vec<(u8, State)>,
    hedges: usize,
}

impl Fetch {
    /// Begins a window. Ask the slots that [`Fetch::ask`] names.
    pub fn new(need: Need) -> Self {
        let mut slots: Vec<(u8, State)> = Vec::with_capacity(need.sources.len());
        for slot in need.sources {
            if !slots.iter().any(|(known, _)| *known == slot) {
                slots.push((slot, State::Idle));
            }
        }
        Fetch { k: usize::from(need.k), direct: need.direct, slots, hedges: 0 }
    }

    /// A holder of what is needed failed lately: others are asked at once, as if its answer were late.
    pub fn doubt(&mut self) {
        self.hedges = self.hedges.max(1);
    }

    /// Whom to ask now. `slow_ms` is what counts as slow ([`Latencies::slow_ms`]).
    pub fn ask(&mut self, now_ms: u64, slow_ms: u64) -> Vec<u8> {
        let mut asked = Vec::new();
        if self.progress() != Progress::Waiting {
            return asked;
        }
        let direct_possible = self.direct.iter().all(|shard| self.usable(*shard));
        if direct_possible {
            for shard in self.direct.clone() {
                if self.start(shard, now_ms) {
                    asked.push(shard);
                }
            }
        }
        // Each slow answer is hedged once; with hedges running, k answers of any kind must be on their way.
        for (_, state) in &mut self.slots {
            if let State::Asked { at_ms, hedged } = state
                && !*hedged
                && now_ms.saturating_sub(*at_ms) >= slow_ms
            {
                *hedged = true;
                self.hedges += 1;
            }
        }
        if !direct_possible || self.hedges > 0 {
            let goal = self.k + self.hedges;
            while self.running() < goal {
                let Some(slot) = self.next_idle() else { break };
                self.start(slot, now_ms);
                asked.push(slot);
            }
        }
        asked
    }

    /// A verified answer arrived.
    pub fn have(&mut self, slot: u8) {
        self.set(slot, State::Have);
    }

    /// An answer failed, didn't verify, or will never come.
    pub fn failed(&mut self, slot: u8) {
        self.set(slot, State::Failed);
    }

    /// Slots that were late and still haven't answered.
    pub fn late(&self) -> Vec<u8> {
        let late = |state: &State| matches!(state, State::Asked { hedged: true, .. });
        self.slots.iter().filter(|(_, state)| late(state)).map(|(slot, _)| *slot).collect()
    }

    /// How it stands.
    pub fn progress(&self) -> Progress {
        let have: Vec<u8> =
            self.slots.iter().filter(|(_, state)| *state == State::Have).map(|(slot, _)| *slot).collect();
        if self.direct.iter().all(|shard| have.contains(shard)) {
            return Progress::Direct;
        }
        if have.len() >= self.k {
            return Progress::Rebuild(have.into_iter().take(self.k).collect());
        }
        let usable = self.slots.iter().filter(|(_, state)| *state != State::Failed).count();
        let direct_possible = self.direct.iter().all(|shard| self.usable(*shard));
        if usable < self.k && !direct_possible {
            return Progress::Hopeless { have: have.len(), need: self.k };
        }
        Progress::Waiting
    }

    fn usable(&self, shard: u8) -> bool {
        self.slots.iter().any(|(slot, state)| *slot == shard && *state != State::Failed)
    }

    /// Shards here or on their way.
    fn running(&self) -> usize {
        self.slots.iter().filter(|(_, state)| matches!(state, State::Asked { .. } | State::Have)).count()
    }

    /// Data shards first: they save decoding.
    fn next_idle(&self) -> Option<u8> {
        let idle = |wanted: &dyn Fn(u8) -> bool| {
            self.slots.iter().find(|(slot, state)| *state == State::Idle && wanted(*slot)).map(|(slot, _)| *slot)
        };
        idle(&|slot| self.direct.contains(&slot)).or_else(|| idle(&|_| true))
    }

    fn start(&mut self, slot: u8, now_ms: u64) -> bool {
        match self.slots.iter_mut().find(|(known, state)| *known == slot && *state == State::Idle) {
            Some((_, state)) => {
                *state = State::Asked { at_ms: now_ms, hedged: false };
                true
            }
            None => false,
        }
    }

    fn set(&mut self, slot: u8, to: State) {
        if let Some((_, state)) = self.slots.iter_mut().find(|(known, _)| *known == slot) {
            *state = to;
        }
    }
}

/// How long recent answers took.
#[derive(Clone, Debug, Default)]
pub struct Latencies(VecDeque<u64>);

impl Latencies {
    /// An answer took so long.
    pub fn note(&mut self, took_ms: u64) {
        if self.0.len() == LATENCIES_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(took_ms);
    }

    /// The 95th percentile, not below [`SLOW_MS_LEAST`].
    pub fn slow_ms(&self) -> u64 {
        if self.0.len() < 10 {
            return SLOW_MS_AT_FIRST;
        }
        let mut sorted: Vec<u64> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        sorted[(sorted.len() * 95 / 100).min(sorted.len() - 1)].max(SLOW_MS_LEAST)
    }
}

#[cfg(test)]
mod tests;
