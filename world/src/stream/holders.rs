//! What experience a node has of those who hold chunks: how fast, how reliable, how honest.
//!
//! A holder is given as many requests at once as it answers without getting slower: one more for each answer within twice
//! the time of its fastest of late, an eighth less for each that took four times as long, half after a failure. A failure also buys
//! it a pause, longer each time, until it gives an answer to anything: it was slow then, not dead. Nor does an overdue answer
//! tell against a holder that has answered something else since it was asked. A holder that lied is left alone for ten minutes.
//!
//! One that owes an answer, or failed last, is *on probation* when its pause is over: it is given one request at a time until it
//! gives an answer to anything. So the dead cost one chunk's patience each time, and not that of all that are asked for meanwhile.

use std::collections::BTreeMap;

use bitdust_types::Address;

use crate::stream::{HOLDERS_MAX, job::FetchId};

/// Answers that the estimate of a holder's latency rests on.
const SAMPLES: usize = 32;
/// What a holder that has never answered is taken to need.
const LATENCY_MS_UNKNOWN: u32 = 400;
/// So many requests at once a holder begins with, never fewer than the least, never more than the most: at 300 ms there and
/// back 400 answers a second, twice what each of four suppliers has to give of a view of 384 m while four others are gone.
const REQUESTS_FIRST: u32 = 8;
const REQUESTS_MIN: u32 = 2;
const REQUESTS_MAX: u32 = 128;
/// For so long its fastest answer stands for what it needs when it has nothing else to do. Those of a short while would all be
/// slow where it is given too much, and it would be given more (compare the round trips of Cardwell et al., "BBR", ACM Queue
/// 14(5), 2016).
const FASTEST_MS: u64 = 20_000;
/// Around the least latency this much is noise.
const NOISE_MS: u32 = 20;
/// After a failure; doubled for each in a row.
const PAUSE_MS: u64 = 500;
/// A supplier that restarted is noticed at least so soon.
const PAUSE_MS_MAX: u64 = 3_000;
/// How long a liar is left alone.
const BAN_MS: u64 = 600_000;

/// One holder.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    latencies_ms: Vec<u32>,
    next_sample: usize,
    slow_ms: u32,
    /// The least latency, and that of the time before.
    fastest_ms: [u32; 2],
    fastest_since: u64,
    limit: u32,
    requests: u32,
    failures: u32,
    /// It is asked nothing until then.
    paused_until: u64,
    /// The same for a lie, whatever it answers.
    banned_until: u64,
    /// Answers of its that were overdue since it last gave one, and until when it is avoided for that.
    overdue: u32,
    suspected_until: u64,
    /// On probation: its one request. Others may be under way that it was given before.
    trial: Option<FetchId>,
    /// When it last gave an answer.
    answered_at: Option<u64>,
    used_at: u64,
}

impl Default for Holder {
    fn default() -> Self {
        Holder {
            latencies_ms: Vec::new(),
            next_sample: 0,
            slow_ms: LATENCY_MS_UNKNOWN,
            fastest_ms: [u32::MAX; 2],
            fastest_since: 0,
            limit: REQUESTS_FIRST,
            requests: 0,
            failures: 0,
            paused_until: 0,
            banned_until: 0,
            overdue: 0,
            suspected_until: 0,
            trial: None,
            answered_at: None,
            used_at: 0,
        }
    }
}

impl Holder {
    /// Whether it may be asked at all.
    pub const fn is_usable(&self, now_ms: u64) -> bool {
        self.may_be_usable(now_ms) && self.suspected_until <= now_ms
    }

    /// Whether it may be asked if there is nobody else: it may merely be slow.
    pub const fn may_be_usable(&self, now_ms: u64) -> bool {
        self.paused_until <= now_ms && self.banned_until <= now_ms
    }

    /// When it may be asked again.
    pub fn usable_from(&self) -> u64 {
        self.paused_until.max(self.banned_until).max(self.suspected_until)
    }

    /// Whether it owes no answer, and didn't fail since it gave one.
    pub const fn is_trusted(&self) -> bool {
        self.overdue == 0 && self.failures == 0
    }

    /// Whether it should be given one more request.
    pub const fn has_room(&self) -> bool {
        self.has_room_in_need() && (self.is_trusted() || self.trial.is_none())
    }

    /// The same if there is nobody else.
    pub const fn has_room_in_need(&self) -> bool {
        self.requests < self.limit
    }

    /// Its 95th percentile latency.
    pub const fn slow_ms(&self) -> u32 {
        self.slow_ms
    }

    /// After how long an answer is overdue: a quarter more than all but the slowest twentieth need.
    pub const fn overdue_ms(&self) -> u32 {
        self.slow_ms + self.slow_ms / 4 + NOISE_MS
    }

    /// What an answer would cost: smaller is better.
    pub const fn cost(&self) -> u64 {
        self.slow_ms as u64 * (self.requests as u64 + 1)
    }

    fn has_answered_since(&self, then: u64) -> bool {
        self.answered_at.is_some_and(|at| at >= then)
    }

    fn learn(&mut self, now_ms: u64, latency_ms: u32) {
        if now_ms - self.fastest_since.min(now_ms) > FASTEST_MS {
            (self.fastest_ms, self.fastest_since) = ([u32::MAX, self.fastest_ms[0]], now_ms);
        }
        self.fastest_ms[0] = self.fastest_ms[0].min(latency_ms);
        let fast_ms = self.fastest_ms[0].min(self.fastest_ms[1]);
        if self.latencies_ms.len() < SAMPLES {
            self.latencies_ms.push(latency_ms);
        } else {
            self.latencies_ms[self.next_sample] = latency_ms;
        }
        self.next_sample = (self.next_sample + 1) % SAMPLES;
        let mut sorted = self.latencies_ms.clone();
        sorted.sort_unstable();
        self.slow_ms = sorted[(sorted.len() * 95).div_ceil(100) - 1].max(1);
        if latency_ms <= fast_ms.saturating_mul(2).saturating_add(NOISE_MS) {
            self.limit = (self.limit + 1).min(REQUESTS_MAX);
        } else if latency_ms > fast_ms.saturating_mul(4).saturating_add(NOISE_MS) {
            self.limit = (self.limit - self.limit.div_ceil(8)).max(REQUESTS_MIN);
        }
    }
}

/// All holders that a node has met, at most [`HOLDERS_MAX`].
#[derive(Clone, Debug, Default)]
pub(super) struct Holders {
    known: BTreeMap<Address, Holder>,
    stranger: Holder,
}

impl Holders {
    /// What is known of a holder; of a stranger, that it may be tried.
    pub fn get(&self, address: &Address) -> &Holder {
        self.known.get(address).unwrap_or(&self.stranger)
    }

    /// Requests under way, at all holders together.
    #[cfg(test)]
    pub fn requests(&self) -> u32 {
        self.known.values().map(|holder| holder.requests).sum()
    }

    /// A request leaves.
    pub fn asked(&mut self, now_ms: u64, address: Address, fetch: FetchId) {
        let holder = self.entry(now_ms, address);
        holder.requests += 1;
        holder.used_at = now_ms;
        holder.trial = (!holder.is_trusted()).then_some(fetch);
    }

    /// A request is over, whatever came of it.
    pub fn done(&mut self, address: &Address, fetch: FetchId) {
        if let Some(holder) = self.known.get_mut(address) {
            holder.requests = holder.requests.saturating_sub(1);
            holder.trial = holder.trial.filter(|trial| *trial != fetch);
        }
    }

    /// It answered.
    pub fn answered(&mut self, now_ms: u64, address: &Address, latency_ms: u32) {
        if let Some(holder) = self.known.get_mut(address) {
            holder.learn(now_ms, latency_ms);
            holder.answered_at = Some(now_ms);
            // Where as many are left as are needed, each that is kept waiting keeps every chunk waiting.
            (holder.failures, holder.paused_until, holder.overdue, holder.suspected_until) = (0, 0, 0, 0);
        }
    }

    /// Its answer to a request of then is overdue. If it has answered nothing since, others are asked in its place until it
    /// does, or for as long as after a failure. Else it is alive, and only this answer is slow.
    pub fn overdue(&mut self, now_ms: u64, address: &Address, asked_at: u64) {
        if let Some(holder) = self.known.get_mut(address)
            && holder.suspected_until <= now_ms
            && !holder.has_answered_since(asked_at)
        {
            holder.suspected_until = now_ms.saturating_add(pause_ms(holder.overdue));
            holder.trial = None;
            holder.overdue = holder.overdue.saturating_add(1);
        }
    }

    /// It didn't answer a request of then at all.
    pub fn gave_none(&mut self, now_ms: u64, address: &Address, asked_at: u64) {
        if !self.get(address).has_answered_since(asked_at) {
            self.failed(now_ms, address);
        }
    }

    /// It failed. Requests that fail together count as one failure.
    pub fn failed(&mut self, now_ms: u64, address: &Address) {
        if let Some(holder) = self.known.get_mut(address)
            && holder.paused_until <= now_ms
        {
            holder.paused_until = now_ms.saturating_add(pause_ms(holder.failures));
            holder.trial = None;
            holder.failures = holder.failures.saturating_add(1);
            holder.limit = (holder.limit / 2).max(REQUESTS_MIN);
        }
    }

    /// It sent bytes that aren't what they should be.
    pub fn lied(&mut self, now_ms: u64, address: Address) {
        let holder = self.entry(now_ms, address);
        holder.banned_until = now_ms.saturating_add(BAN_MS);
    }

    fn entry(&mut self, now_ms: u64, address: Address) -> &mut Holder {
        if self.known.len() >= HOLDERS_MAX && !self.known.contains_key(&address) {
            // Requests are at most FETCHES_MAX × SLOTS_MAX, but hardly ever at so many holders: if everybody is in use or
            // a liar, the one unused for longest goes all the same.
            let oldest = self
                .known
                .iter()
                .min_by_key(|(address, holder)| {
                    (holder.requests > 0, !holder.may_be_usable(now_ms), holder.used_at, **address)
                })
                .map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                self.known.remove(&oldest);
            }
        }
        self.known.entry(address).or_default()
    }
}

fn pause_ms(times_before: u32) -> u64 {
    (PAUSE_MS << times_before.min(10)).min(PAUSE_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_was_slow_and_not_dead_but_a_liar_stays_one() {
        let mut holders = Holders::default();
        let (slow, liar) = (Address::repeat_byte(1), Address::repeat_byte(2));
        for holder in [slow, liar] {
            holders.asked(0, holder, FetchId(0));
            holders.failed(1_000, &holder);
        }
        holders.lied(1_000, liar);
        assert!(!holders.get(&slow).may_be_usable(1_100) && holders.get(&slow).usable_from() == 1_500);
        // An answer to another request, which was under way at the same time.
        for holder in [slow, liar] {
            holders.answered(1_100, &holder, 1_800);
        }
        assert!(holders.get(&slow).is_usable(1_100));
        assert!(!holders.get(&liar).may_be_usable(1_100) && holders.get(&liar).usable_from() == 1_000 + BAN_MS);
    }
    #[test]
    fn a_trial_ends_with_its_own_request() {
        let (mut holders, silent) = (Holders::default(), Address::repeat_byte(1));
        (0..3).for_each(|number| holders.asked(0, silent, FetchId(number)));
        holders.overdue(600, &silent, 0);
        assert!(!holders.get(&silent).is_usable(600) && holders.get(&silent).is_usable(1_100));
        holders.asked(1_100, silent, FetchId(3));
        assert!(!holders.get(&silent).has_room(), "one request at a time");
        // What it was asked before its trial is called off, since somebody else was quicker.
        holders.done(&silent, FetchId(0));
        assert!(!holders.get(&silent).has_room());
        holders.done(&silent, FetchId(3));
        assert!(holders.get(&silent).has_room());
        holders.answered(1_190, &silent, 90);
        assert!(holders.get(&silent).is_trusted());
    }
}
