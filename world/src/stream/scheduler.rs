//! The node's half: a state machine that turns wants into requests, and answers into chunks.
//!
//! A wanted chunk waits for its location's manifest, then in a queue, nearest deadline first, until somebody who has it has
//! room for a request, then for an answer. An answer that is overdue lets another holder be asked too (a *hedge*, after the
//! 95th percentile of what the first usually needs: Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013); the first that
//! arrives counts, the others are called off. Answers that never come end after a multiple of that.
//!
//! It is told the time with every input and promises to do nothing in between: call it with [`Input::Tick`] 20 times a
//! second.

use std::collections::{BTreeMap, BTreeSet};

use bitdust_types::{Address, Root};

use crate::{
    place::LocationPos,
    stream::{
        FETCHES_MAX, WANTS_MAX,
        choice::{Choice, Errand, Source, choose},
        holders::Holders,
        job::{Attempt, FetchId, Job, Key},
        located::{Kept, Located},
        places::Places,
        protocol::{Answer, Effect, Input, Reason, Rules},
        tally::{Cause, Origin, Tally},
        wants::Want,
    },
};

/// Requests for one chunk at a time: the first, its hedge, and two more hedges for those that meet the dead.
const ATTEMPTS_MAX: usize = 4;
/// A request is given up after so many times its holder's slow latency, within these limits.
const PATIENCE: u64 = 4;
const PATIENCE_MS_MIN: u64 = 1_000;
const PATIENCE_MS_MAX: u64 = 3_000;
/// The disk needs no longer than this, or is as good as broken.
const CACHE_MS: u64 = 1_000;
/// A hedge waits for a quarter of the time that is left, but never longer than so many times its turn.
const HEDGE_LATEST: u64 = 2;
/// So long before its deadline a chunk that isn't there is generated, to stand in.
const STAND_IN_MS: u64 = 250;
/// A chunk for which nobody can be asked is looked at again after so long.
const NOBODY_MS: u64 = 250;
/// A chunk whose location isn't known is looked at again after so long, should the location have been forgotten meanwhile.
const LOCATION_MS: u64 = 5_000;
/// Queued chunks that are looked at in one go although their holders have no room.
const LOOKS_MAX: usize = 64;
/// A chunk that was just delivered isn't fetched again for a client whose list crossed with it.
const CROSSING_MS: u64 = 2_000;

/// Fetches what one client wants.
#[derive(Clone, Debug)]
pub struct Scheduler {
    rules: Rules,
    jobs: BTreeMap<Key, Job>,
    /// Chunks for which somebody should be asked.
    queue: BTreeSet<(u64, u32, Key)>,
    timers: BTreeSet<(u64, Key)>,
    fetches: BTreeMap<FetchId, Key>,
    places: Places,
    holders: Holders,
    delivered: BTreeMap<Key, u64>,
    next_fetch: u64,
    list: u64,
    tally: Tally,
}

/// What becomes of a chunk that was looked at.
enum Next {
    /// It is delivered.
    Done,
    /// It stays in the queue, and is looked at again then, or when something happens.
    Queue(u64),
    /// It is looked at again then, or when something happens.
    Wait(u64),
}

impl Scheduler {
    /// One that knows nothing.
    pub fn new(rules: Rules) -> Self {
        Scheduler {
            rules,
            jobs: BTreeMap::new(),
            queue: BTreeSet::new(),
            timers: BTreeSet::new(),
            fetches: BTreeMap::new(),
            places: Places::default(),
            holders: Holders::default(),
            delivered: BTreeMap::new(),
            next_fetch: 0,
            list: 0,
            tally: Tally::default(),
        }
    }

    /// What it has done so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Chunks that are wanted and not there.
    pub fn wanted(&self) -> usize {
        self.jobs.len()
    }

    /// Requests under way.
    pub fn fetching(&self) -> usize {
        self.fetches.len()
    }

    /// The slow latency of the holders of the places in use: what [`Wants::set_latency_ms`](super::Wants::set_latency_ms)
    /// wants. `None` while nobody is known.
    pub fn latency_ms(&self) -> Option<u32> {
        self.places
            .all_located()
            .flat_map(Located::holders)
            .map(|(_, holder)| self.holders.get(&holder).slow_ms())
            .max()
    }

    /// Tells it what happened, at a time that never goes back, and learns what to do.
    pub fn handle(&mut self, now_ms: u64, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        let out = &mut effects;
        match input {
            Input::Replace(wants) => {
                self.list += 1;
                self.want(now_ms, &wants, true, out);
                let list = self.list;
                let gone: Vec<Key> =
                    self.jobs.iter().filter(|(_, job)| job.list != list).map(|(key, _)| *key).collect();
                gone.into_iter().for_each(|key| self.cancel(key, out));
            }
            Input::Want(wants) => self.want(now_ms, &wants, false, out),
            Input::Cancel(chunks) => chunks.into_iter().for_each(|chunk| self.cancel(Key::of(chunk), out)),
            Input::Located(location, located) => self.located(now_ms, location, located, out),
            Input::Outdated(location) => {
                if self.places.outdate(now_ms, &location) {
                    out.push(Effect::Resolve(location));
                }
            }
            Input::NotLocated(location) => self.places.not_located(now_ms, location),
            Input::Players(location, players) => self.places.set_players(location, players),
            Input::Part(fetch, holder) => self.part(now_ms, fetch, holder),
            Input::Answered(fetch, answer) => self.answered(now_ms, fetch, answer, out),
            Input::Generated(chunk, hash) => self.generated(now_ms, Key::of(chunk), hash, out),
            Input::Tick => self.tick(now_ms, out),
        }
        self.work(now_ms, out);
        effects
    }

    fn want(&mut self, now_ms: u64, wants: &[Want], may_have_crossed: bool, out: &mut Vec<Effect>) {
        for (order, want) in (0..).zip(wants) {
            let (key, deadline_at) = (Key::of(want.chunk), now_ms.saturating_add(want.deadline_ms.into()));
            if let Some(job) = self.jobs.get_mut(&key) {
                job.list = self.list;
                // What is in view is due since it came into view, not since this list.
                let due = deadline_at.min(if want.deadline_ms == 0 { job.deadline_at } else { u64::MAX });
                if due.abs_diff(job.deadline_at) > 25 {
                    let queued = self.queue.remove(&(job.deadline_at, job.order, key));
                    (job.deadline_at, job.order) = (due, order);
                    if queued {
                        self.queue.insert((due, order, key));
                    }
                }
                continue;
            }
            let crossed = may_have_crossed && self.delivered.get(&key).is_some_and(|at| at + CROSSING_MS > now_ms);
            if crossed || self.jobs.len() >= WANTS_MAX {
                continue;
            }
            self.jobs.insert(key, Job::new(deadline_at, order, self.list, want.deadline_ms == 0));
            self.advance(now_ms, key, out);
        }
    }

    fn cancel(&mut self, key: Key, out: &mut Vec<Effect>) {
        if let Some(mut job) = self.jobs.remove(&key) {
            self.leave(key, &mut job);
            self.call_off(&mut job, out);
        }
    }

    /// Takes a chunk out of the queue and the timers.
    fn leave(&mut self, key: Key, job: &mut Job) {
        if let Some(at) = job.wakes_at.take() {
            self.timers.remove(&(at, key));
        }
        if std::mem::take(&mut job.queued) {
            self.queue.remove(&(job.deadline_at, job.order, key));
        }
    }

    fn call_off(&mut self, job: &mut Job, out: &mut Vec<Effect>) {
        for attempt in job.attempts.drain(..) {
            out.push(Effect::Abandon(attempt.fetch));
            self.fetches.remove(&attempt.fetch);
            attempt.source.holders().iter().for_each(|holder| self.holders.done(holder, attempt.fetch));
        }
    }

    fn located(&mut self, now_ms: u64, location: LocationPos, located: Located, out: &mut Vec<Effect>) {
        let Some(changed) = self.places.locate(now_ms, location, located) else { return };
        let changed: Vec<Key> = changed.into_iter().map(|index| Key { location, index }).collect();
        for key in &changed {
            self.delivered.remove(key);
            if let Some(mut job) = self.jobs.remove(key) {
                self.leave(*key, &mut job);
                self.call_off(&mut job, out);
                (job.cache_asked, job.disagrees, job.without) = (false, false, Vec::new());
                self.jobs.insert(*key, job);
            }
        }
        if !changed.is_empty() {
            out.push(Effect::Changed(location, changed.into_iter().map(Key::chunk).collect()));
        }
        let range = Key { location, index: 0 }..=Key { location, index: 511 };
        let keys: Vec<Key> = self.jobs.range(range).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.advance(now_ms, key, out));
    }

    fn part(&mut self, now_ms: u64, fetch: FetchId, holder: Address) {
        let Some(job) = self.fetches.get(&fetch).and_then(|key| self.jobs.get_mut(key)) else { return };
        let Some(attempt) = job.attempts.iter_mut().find(|attempt| attempt.fetch == fetch) else { return };
        if let Some(at) = attempt.waiting.iter().position(|waiting| *waiting == holder) {
            attempt.waiting.swap_remove(at);
            self.holders.answered(now_ms, &holder, latency_ms(attempt, now_ms));
        }
    }

    fn answered(&mut self, now_ms: u64, fetch: FetchId, answer: Answer, out: &mut Vec<Effect>) {
        let Some(key) = self.fetches.remove(&fetch) else { return };
        let Some(mut job) = self.jobs.remove(&key) else { return };
        let Some(at) = job.attempts.iter().position(|attempt| attempt.fetch == fetch) else { return };
        let attempt = job.attempts.remove(at);
        let asked = attempt.source.holders();
        asked.iter().for_each(|holder| self.holders.done(holder, fetch));
        let only = match &attempt.source {
            Source::Player(holder) | Source::Supplier { holder, .. } => Some(*holder),
            _ => None,
        };
        let culprit = |by: Option<Address>| by.or(only).filter(|holder| asked.contains(holder));
        match answer {
            Answer::Chunk { bytes } => {
                if let Some(holder) = only {
                    self.holders.answered(now_ms, &holder, latency_ms(&attempt, now_ms));
                }
                let origin = attempt.source.origin();
                self.tally.add(origin, bytes);
                self.tally.stale += u64::from(job.generated.is_some());
                out.push(Effect::Deliver { chunk: key.chunk(), origin, provisional: false });
                self.finish(now_ms, key, job, out);
                return;
            }
            Answer::Absent => {
                if let Source::Player(player) = attempt.source {
                    self.holders.answered(now_ms, &player, latency_ms(&attempt, now_ms));
                    job.without.push(player);
                } else if let Some(holder) = only {
                    self.holders.failed(now_ms, &holder);
                }
            }
            Answer::Wrong { by } => {
                if let Some(holder) = culprit(by) {
                    self.holders.lied(now_ms, holder);
                    self.tally.blamed += 1;
                    out.push(Effect::Blame { holder, chunk: key.chunk(), reason: Reason::WrongBytes });
                }
            }
            Answer::Failed { by } => {
                if let Some(holder) = culprit(by) {
                    self.holders.failed(now_ms, &holder);
                }
            }
        }
        self.jobs.insert(key, job);
        self.advance(now_ms, key, out);
    }

    fn generated(&mut self, now_ms: u64, key: Key, hash: Root, out: &mut Vec<Effect>) {
        let Some(job) = self.jobs.get_mut(&key).filter(|job| job.generating) else { return };
        (job.generating, job.generated) = (false, Some(hash));
        let located = self.places.located(&key.location);
        let is_right = located.is_some_and(|it| it.expected(key.index).is_none_or(|expected| expected.hash == hash));
        let origin = Origin::Generator;
        out.push(Effect::Deliver { chunk: key.chunk(), origin, provisional: !is_right });
        if is_right {
            self.tally.add(origin, 0);
            if let Some(mut job) = self.jobs.remove(&key) {
                self.leave(key, &mut job);
                self.finish(now_ms, key, job, out);
            }
        } else {
            self.advance(now_ms, key, out);
        }
    }

    fn finish(&mut self, now_ms: u64, key: Key, mut job: Job, out: &mut Vec<Effect>) {
        self.leave(key, &mut job);
        self.call_off(&mut job, out);
        self.count_if_late(now_ms, &mut job);
        // As many as can be delivered within the time of a crossing; when they are more, the client asks twice.
        if self.delivered.len() < WANTS_MAX {
            self.delivered.insert(key, now_ms);
        }
    }

    fn count_if_late(&mut self, now_ms: u64, job: &mut Job) {
        if !job.is_late && job.deadline_at < now_ms {
            job.is_late = true;
            self.tally.add_late(job.cause);
        }
    }

    fn tick(&mut self, now_ms: u64, out: &mut Vec<Effect>) {
        self.delivered.retain(|_, at| *at + CROSSING_MS > now_ms);
        out.extend(self.places.due(now_ms).into_iter().map(Effect::Resolve));
        while let Some((at, key)) = self.timers.first().copied().filter(|(at, _)| *at <= now_ms) {
            self.timers.remove(&(at, key));
            if let Some(job) = self.jobs.get_mut(&key) {
                job.wakes_at = None;
                self.advance(now_ms, key, out);
            }
        }
    }

    /// Lets the queue's foremost be asked for, as far as there is room.
    fn work(&mut self, now_ms: u64, out: &mut Vec<Effect>) {
        if self.fetches.len() >= FETCHES_MAX {
            return;
        }
        let foremost: Vec<Key> = self.queue.iter().take(LOOKS_MAX).map(|(_, _, key)| *key).collect();
        for key in foremost {
            if self.fetches.len() >= FETCHES_MAX {
                return;
            }
            self.advance(now_ms, key, out);
        }
    }

    /// Looks at a chunk: does what can be done, and sees to it that it is looked at again.
    fn advance(&mut self, now_ms: u64, key: Key, out: &mut Vec<Effect>) {
        let Some(mut job) = self.jobs.remove(&key) else { return };
        self.leave(key, &mut job);
        self.give_up(now_ms, &mut job, out);
        let next = self.decide(now_ms, key, &mut job, out);
        self.count_if_late(now_ms, &mut job);
        let wait_until = match next {
            Next::Done => return self.finish(now_ms, key, job, out),
            Next::Queue(until) => {
                job.queued = true;
                self.queue.insert((job.deadline_at, job.order, key));
                until
            }
            Next::Wait(until) => until,
        };
        // Beside what it waits for, there are times that matter for every chunk.
        let stands_in_at = job.deadline_at.saturating_sub(STAND_IN_MS);
        let others = [
            (self.rules.stand_in && job.generated.is_none() && !job.generating).then_some(stands_in_at),
            (!job.is_late).then_some(job.deadline_at + 1),
        ];
        let wakes_at = others.into_iter().flatten().filter(|at| *at > now_ms).fold(wait_until, u64::min);
        if wakes_at < u64::MAX {
            job.wakes_at = Some(wakes_at);
            self.timers.insert((wakes_at, key));
        }
        self.jobs.insert(key, job);
    }

    /// Ends requests that took too long, and suspects those whose answers are overdue.
    fn give_up(&mut self, now_ms: u64, job: &mut Job, out: &mut Vec<Effect>) {
        for attempt in std::mem::take(&mut job.attempts) {
            let mut attempt = attempt;
            if attempt.ends_at <= now_ms {
                self.tally.timeouts += 1;
                out.push(Effect::Abandon(attempt.fetch));
                self.fetches.remove(&attempt.fetch);
                let asked_at = attempt.started_at;
                attempt.waiting.iter().for_each(|holder| self.holders.gave_none(now_ms, holder, asked_at));
                attempt.source.holders().iter().for_each(|holder| self.holders.done(holder, attempt.fetch));
                continue;
            }
            if attempt.overdue_at <= now_ms && !attempt.is_overdue {
                attempt.is_overdue = true;
                let asked_at = attempt.started_at;
                attempt.waiting.iter().for_each(|holder| self.holders.overdue(now_ms, holder, asked_at));
            }
            job.attempts.push(attempt);
        }
    }

    fn decide(&mut self, now_ms: u64, key: Key, job: &mut Job, out: &mut Vec<Effect>) -> Next {
        if self.places.touch(now_ms, key.location) {
            out.push(Effect::Resolve(key.location));
        }
        let located = self.places.located(&key.location);
        let Some(located) = located else {
            job.waits_for(Cause::Location);
            self.stand_in(now_ms, key, job, out);
            return Next::Wait(now_ms + LOCATION_MS);
        };
        let expected = located.expected(key.index);
        if let Some(hash) = job.generated
            && expected.is_none_or(|expected| expected.hash == hash)
        {
            self.tally.confirmed += 1;
            self.tally.add(Origin::Generator, 0);
            out.push(Effect::Confirm(key.chunk()));
            return Next::Done;
        }
        let (slot, hash) = match expected {
            Some(expected) => match expected.kept {
                Kept::Slot(slot) => (slot, expected.hash),
                Kept::Generated if job.generated.is_some() => {
                    // The manifest is wrong, or this generator is: what was generated stands in until there is another.
                    self.tally.disagreed += u64::from(!std::mem::replace(&mut job.disagrees, true));
                    return Next::Wait(u64::MAX);
                }
                Kept::Generated => return generate(key, job, out),
            },
            None => return generate(key, job, out),
        };
        let next = loop {
            let is_due = job.attempts.last().is_none_or(|last| last.hedges_at <= now_ms);
            if !is_due || job.attempts.len() >= ATTEMPTS_MAX {
                break Next::Wait(next_look(now_ms, job));
            }
            let (cause, next) = match self.choose(now_ms, key, slot, job) {
                Choice::Ask(source) if self.fetches.len() < FETCHES_MAX => {
                    self.ask(now_ms, key, hash, source, job, out);
                    continue;
                }
                // The nearest deadline comes first, whether somebody is being asked already or not.
                Choice::Ask(_) | Choice::Full => (Cause::Turn, Next::Queue(next_look(now_ms, job))),
                Choice::Nobody { until } => (Cause::Holder, Next::Wait(until.min(next_look(now_ms, job)))),
            };
            if job.attempts.is_empty() {
                job.waits_for(cause);
            }
            break next;
        };
        self.stand_in(now_ms, key, job, out);
        next
    }

    fn choose(&self, now_ms: u64, key: Key, slot: u16, job: &Job) -> Choice {
        let place = self.places.get(&key.location);
        let Some((place, located)) = place.and_then(|place| Some((place, place.current()?))) else {
            return Choice::Nobody { until: now_ms + LOCATION_MS };
        };
        let asking: Vec<&Source> = job.attempts.iter().map(|attempt| &attempt.source).collect();
        let errand = Errand {
            slot,
            left_ms: job.deadline_at.saturating_sub(now_ms),
            cache_asked: job.cache_asked,
            without: &job.without,
            asking: &asking,
        };
        choose(now_ms, &errand, located, &place.players, &self.holders)
    }

    fn ask(&mut self, now_ms: u64, key: Key, hash: Root, source: Source, job: &mut Job, out: &mut Vec<Effect>) {
        let fetch = FetchId(self.next_fetch);
        self.next_fetch += 1;
        self.fetches.insert(fetch, key);
        let waiting = source.holders();
        let of_holders = |measure: fn(&Holders, &Address) -> u32| {
            waiting.iter().map(|holder| u64::from(measure(&self.holders, holder))).max()
        };
        let overdue_ms = of_holders(|holders, holder| holders.get(holder).overdue_ms()).unwrap_or(CACHE_MS);
        let slow_ms = of_holders(|holders, holder| holders.get(holder).slow_ms()).unwrap_or(CACHE_MS);
        let left_ms = job.deadline_at.saturating_sub(now_ms);
        let hedge_ms = hedge_ms(overdue_ms, left_ms);
        let patience_ms = (PATIENCE * slow_ms).clamp(PATIENCE_MS_MIN, PATIENCE_MS_MAX).max(hedge_ms);
        // Nothing is staked on one that is on probation.
        let is_trial = match &source {
            Source::Player(holder) | Source::Supplier { holder, .. } => !self.holders.get(holder).is_trusted(),
            Source::Cache | Source::Column { .. } => false,
        };
        let hedges_at = if is_trial { now_ms } else { now_ms + hedge_ms };
        waiting.iter().for_each(|holder| self.holders.asked(now_ms, *holder, fetch));
        self.tally.hedges += u64::from(!job.attempts.is_empty());
        job.cache_asked = true;
        job.waits_for(Cause::Answer);
        out.push(Effect::Fetch { fetch, chunk: key.chunk(), hash, source: source.clone() });
        job.attempts.push(Attempt {
            fetch,
            source,
            waiting,
            started_at: now_ms,
            overdue_at: now_ms + overdue_ms,
            hedges_at,
            ends_at: now_ms + patience_ms,
            is_overdue: false,
        });
    }

    /// Lets the generator make terrain that stands in for a chunk which won't be there in time, if that is allowed.
    fn stand_in(&self, now_ms: u64, key: Key, job: &mut Job, out: &mut Vec<Effect>) {
        let is_due = job.deadline_at.saturating_sub(STAND_IN_MS) <= now_ms;
        if self.rules.stand_in && is_due && !job.generating && job.generated.is_none() {
            job.generating = true;
            out.push(Effect::Generate(key.chunk()));
        }
    }
}

fn generate(key: Key, job: &mut Job, out: &mut Vec<Effect>) -> Next {
    if !job.generating {
        job.generating = true;
        out.push(Effect::Generate(key.chunk()));
    }
    job.waits_for(Cause::Generator);
    Next::Wait(u64::MAX)
}

/// How long others wait if an answer is overdue after so long, and the chunk is needed in so long. What isn't needed soon isn't
/// worth a second request; where answers have become slow and there is time, there must be some for a third.
fn hedge_ms(overdue_ms: u64, left_ms: u64) -> u64 {
    let lazy_ms = overdue_ms.max((left_ms / 4).min(HEDGE_LATEST * overdue_ms));
    if left_ms > overdue_ms { lazy_ms.min((left_ms / 3).max(overdue_ms / 2)) } else { lazy_ms }
}

/// When something becomes of a chunk by time alone: an answer is overdue, a request given up, another holder to be asked, or
/// looked for again where there was none.
fn next_look(now_ms: u64, job: &Job) -> u64 {
    let ends = job.attempts.iter().map(|attempt| attempt.ends_at);
    let overdue = job.attempts.iter().flat_map(|attempt| [attempt.overdue_at, attempt.hedges_at]);
    let again = (job.attempts.len() < ATTEMPTS_MAX).then_some(now_ms + NOBODY_MS);
    ends.chain(overdue.filter(|at| *at > now_ms)).chain(again).fold(u64::MAX, u64::min)
}

fn latency_ms(attempt: &Attempt, now_ms: u64) -> u32 {
    u32::try_from(now_ms.saturating_sub(attempt.started_at)).unwrap_or(u32::MAX)
}

#[cfg(test)]
impl Scheduler {
    /// Whether no holder has a request, and no chunk waits for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.holders.requests() == 0 && self.queue.is_empty() && self.timers.is_empty() && self.jobs.is_empty()
    }

    /// How many locations it knows.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }
}
