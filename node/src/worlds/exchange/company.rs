//! Who else has a place open, and with whom to talk next. Pure: the caller brings the time, makes the calls and says what
//! became of them.
//!
//! A talk costs a round trip when there is nothing new, so it is cheap and rare: two at a time of those that were talked with
//! longest ago, so that in a crowd each node does the same little, and what one knows has reached all after a few rounds
//! (anti-entropy, Demers et al. 1987). While own edits aren't kept by suppliers the rounds are quick. Somebody whose edits
//! have to wait for others, or who is back after a line was gone, is called at once.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bitdust_network::PeerId;

use super::super::keeper::{Keeper, Keeps};

/// Others remembered for one place; a crowd is larger, but a few are enough to learn everything.
pub const OTHERS_MAX: usize = 32;
/// Calls of a round.
const CALLS_PER_ROUND: usize = 2;
/// Between two rounds when all is quiet.
const ROUND: Duration = Duration::from_secs(30);
/// While suppliers lack some edits.
const QUICK_ROUND: Duration = Duration::from_secs(5);
/// Between two calls of the same peer, whatever the reason.
const PAUSE: Duration = Duration::from_secs(1);
/// After a call that failed, doubled with each further one.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Calls in a row that may fail; five doublings are 155 s, longer than a line is gone in most cases.
const FAILURES_MAX: u32 = 6;
/// Between the first two looks for others in the network; it doubles, since most places are empty.
const SEARCH_FIRST: Duration = Duration::from_secs(5);
/// Between two looks at last: 56 places that are listened to make one every 3 s.
const SEARCH_LAST: Duration = Duration::from_secs(160);
/// Between two looks while suppliers lack some edits and nobody is known who could have them.
const SEARCH_UNSAVED: Duration = Duration::from_secs(10);

/// How long it takes to meet those who have a place open: a look into the network and a call.
const INTRODUCTIONS: Duration = Duration::from_secs(5);

/// See the module's head.
#[derive(Debug)]
pub struct Company {
    since: Instant,
    others: BTreeMap<PeerId, Other>,
    round_at: Instant,
    searched: Option<Instant>,
    search_pause: Duration,
    is_announced: bool,
}

#[derive(Debug, Default)]
struct Other {
    /// The last talk that came to its end.
    met: Option<Instant>,
    not_before: Option<Instant>,
    failures: u32,
    is_called: bool,
    is_urgent: bool,
    is_connected: bool,
    keeps: Keeps,
}

impl Company {
    /// Of a place that is opened now.
    pub fn new(now: Instant) -> Self {
        Company {
            since: now,
            others: BTreeMap::new(),
            round_at: now,
            searched: None,
            search_pause: SEARCH_FIRST,
            is_announced: false,
        }
    }

    /// Somebody has the place open too. Who is new is called soon; in a full house those who fail make room.
    pub fn heard_of(&mut self, peer: PeerId, now: Instant) {
        if self.others.contains_key(&peer) {
            return;
        }
        if self.others.len() >= OTHERS_MAX {
            let failing = self.others.iter().filter(|(_, other)| other.failures > 0 && !other.is_called);
            let Some(gone) = failing.max_by_key(|(_, other)| other.failures).map(|(peer, _)| *peer) else { return };
            self.others.remove(&gone);
        }
        self.others.insert(peer, Other::default());
        self.round_at = self.round_at.min(now);
    }

    /// Somebody has what is missed here: it is called at once.
    pub fn ask(&mut self, peer: PeerId, now: Instant) {
        self.heard_of(peer, now);
        if let Some(other) = self.others.get_mut(&peer) {
            other.is_urgent = true;
        }
    }

    /// Whom to call now. Each of them must be followed by [`Company::done`].
    pub fn due(&mut self, now: Instant, is_unsaved: bool, is_connected: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        for (peer, other) in &mut self.others {
            let connected = is_connected(peer);
            if connected && !other.is_connected {
                // The line is back: whatever was said meanwhile is missing on both sides.
                other.is_urgent |= other.met.is_some() || other.failures > 0;
                (other.failures, other.not_before) = (0, None);
            }
            other.is_connected = connected;
        }
        let free = |other: &Other| !other.is_called && other.not_before.is_none_or(|at| at <= now);
        let mut due: Vec<PeerId> = Vec::new();
        due.extend(self.others.iter().filter(|(_, other)| other.is_urgent && free(other)).map(|(peer, _)| *peer));
        let is_round = now >= self.round_at;
        if is_round {
            let mut rest: Vec<(Option<Instant>, PeerId)> = self
                .others
                .iter()
                .filter(|(_, other)| !other.is_urgent && free(other))
                .map(|(peer, other)| (other.met, *peer))
                .collect();
            rest.sort_unstable();
            due.extend(rest.into_iter().take(CALLS_PER_ROUND).map(|(_, peer)| peer));
        }
        if is_round {
            self.round_at = now + ROUND;
        }
        if is_unsaved {
            self.round_at = self.round_at.min(now + QUICK_ROUND);
        }
        for peer in &due {
            if let Some(other) = self.others.get_mut(peer) {
                (other.is_called, other.is_urgent) = (true, false);
            }
        }
        due
    }

    /// A call has come to its end, well or not.
    pub fn done(&mut self, peer: PeerId, went_well: bool, now: Instant) {
        let Some(other) = self.others.get_mut(&peer) else { return };
        other.is_called = false;
        if went_well {
            (other.met, other.failures, other.not_before) = (Some(now), 0, Some(now + PAUSE));
            return;
        }
        other.failures += 1;
        other.not_before = Some(now + AFTER_FAILURE * (1 << (other.failures - 1).min(FAILURES_MAX)));
        if other.failures >= FAILURES_MAX {
            self.others.remove(&peer);
        }
    }

    /// Somebody called us, and both know the same now.
    pub fn was_met(&mut self, peer: PeerId, now: Instant) {
        self.heard_of(peer, now);
        if let Some(other) = self.others.get_mut(&peer) {
            (other.met, other.failures) = (Some(now), 0);
        }
    }

    /// Somebody said whether it keeps the place's edits. In a full house one of those who don't makes room for one who does.
    pub fn says(&mut self, peer: PeerId, keeps: Keeps, now: Instant) {
        if keeps > Keeps::No && self.others.len() >= OTHERS_MAX && !self.others.contains_key(&peer) {
            let idle = self.others.iter().find(|(_, other)| other.keeps == Keeps::No && !other.is_called);
            let Some(gone) = idle.map(|(peer, _)| *peer) else { return };
            self.others.remove(&gone);
        }
        self.heard_of(peer, now);
        if let Some(other) = self.others.get_mut(&peer) {
            (other.keeps, other.is_connected) = (keeps, true);
        }
    }

    /// Who of those that a line leads to keeps the place's edits before all others.
    pub fn keeper(&self) -> Option<Keeper> {
        let within_reach = self.others.iter().filter(|(_, other)| other.is_connected);
        within_reach.map(|(peer, other)| Keeper::new(other.keeps, *peer)).max()
    }

    /// Whether there was time to meet those who have the place open.
    pub fn is_introduced(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= INTRODUCTIONS
    }

    /// Somebody hasn't the place open any more, or is shut out.
    pub fn forget(&mut self, peer: &PeerId) {
        self.others.remove(peer);
    }

    /// Whether to look for others in the network; if so, the next time is set.
    pub fn is_search_due(&mut self, now: Instant, is_unsaved: bool) -> bool {
        let is_in_need = is_unsaved && self.others.is_empty();
        let pause = if is_in_need { self.search_pause.min(SEARCH_UNSAVED) } else { self.search_pause };
        let is_due = self.searched.is_none_or(|at| now.saturating_duration_since(at) >= pause);
        if is_due {
            if self.searched.is_some() {
                self.search_pause = (self.search_pause * 2).min(SEARCH_LAST);
            }
            self.searched = Some(now);
        }
        is_due
    }

    /// Whether the network was told that the place is open here; it repeats that by itself.
    pub fn is_announced(&self) -> bool {
        self.is_announced
    }

    /// The network was told.
    pub fn set_announced(&mut self) {
        self.is_announced = true;
    }

    /// Everybody who is known here.
    pub fn others(&self) -> impl Iterator<Item = &PeerId> {
        self.others.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(count: usize) -> Vec<PeerId> {
        (0..count).map(|_| PeerId::random()).collect()
    }

    #[test]
    fn in_a_crowd_each_round_calls_two_and_everybody_has_their_turn() {
        let (mut company, mut now, crowd) = (Company::new(Instant::now()), Instant::now(), peers(6));
        crowd.iter().for_each(|peer| company.heard_of(*peer, now));
        let mut called = Vec::new();
        for _ in 0..3 {
            let due = company.due(now, false, |_| true);
            assert_eq!(due.len(), CALLS_PER_ROUND);
            due.iter().for_each(|peer| company.done(*peer, true, now));
            assert!(company.due(now + ROUND / 2, false, |_| true).is_empty());
            called.extend(due);
            now += ROUND;
        }
        called.sort_unstable();
        called.dedup();
        assert_eq!(called.len(), crowd.len());
        assert_eq!(company.due(now, true, |_| true).len(), CALLS_PER_ROUND);
        assert!(company.due(now + QUICK_ROUND, true, |_| true).len() == CALLS_PER_ROUND, "unsaved edits make haste");
    }

    #[test]
    fn who_is_back_or_has_what_is_missing_is_called_at_once() {
        let (mut company, now, peer) = (Company::new(Instant::now()), Instant::now(), PeerId::random());
        company.heard_of(peer, now);
        assert_eq!(company.due(now, false, |_| true), [peer]);
        company.done(peer, true, now);
        let soon = now + PAUSE;
        assert!(company.due(soon, false, |_| false).is_empty(), "the line is gone");
        assert_eq!(company.due(soon, false, |_| true), [peer], "and back");
        assert!(company.due(soon, false, |_| true).is_empty(), "it is being called");
        company.done(peer, true, soon);
        company.ask(peer, soon);
        assert!(company.due(soon, false, |_| true).is_empty(), "not twice in a second");
        assert_eq!(company.due(soon + PAUSE, false, |_| true), [peer]);
    }

    #[test]
    fn who_does_not_answer_is_asked_ever_more_rarely_and_forgotten() {
        let (mut company, mut now, peer) = (Company::new(Instant::now()), Instant::now(), PeerId::random());
        company.heard_of(peer, now);
        let mut calls = 0;
        let begin = now;
        while company.others().next().is_some() {
            for peer in company.due(now, true, |_| false) {
                calls += 1;
                company.done(peer, false, now);
            }
            now += Duration::from_secs(1);
        }
        assert_eq!(calls, FAILURES_MAX);
        assert!(now - begin > Duration::from_secs(120), "{:?}", now - begin);
    }

    #[test]
    fn the_memory_is_bounded_and_those_who_fail_make_room() {
        let (mut company, now) = (Company::new(Instant::now()), Instant::now());
        let crowd = peers(OTHERS_MAX + 1);
        crowd.iter().for_each(|peer| company.heard_of(*peer, now));
        assert_eq!(company.others().count(), OTHERS_MAX);
        let gone = company.due(now, false, |_| true)[0];
        company.done(gone, false, now);
        company.heard_of(crowd[OTHERS_MAX], now);
        assert!(company.others().any(|peer| *peer == crowd[OTHERS_MAX]) && !company.others().any(|peer| *peer == gone));
    }

    #[test]
    fn a_keeper_is_remembered_as_long_as_a_line_leads_to_it_also_in_a_full_house() {
        let (mut company, now) = (Company::new(Instant::now()), Instant::now());
        peers(OTHERS_MAX).into_iter().for_each(|peer| company.heard_of(peer, now));
        let [guest, owner] = [0, 1].map(|_| PeerId::random());
        company.says(guest, Keeps::No, now);
        assert!(!company.others().any(|peer| *peer == guest), "the house is full");
        company.says(guest, Keeps::StandsIn, now);
        company.says(owner, Keeps::Owner, now);
        assert_eq!(company.others().count(), OTHERS_MAX);
        assert_eq!(company.keeper(), Some(Keeper::new(Keeps::Owner, owner)));
        company.due(now, false, |peer| *peer != owner);
        assert_eq!(company.keeper(), Some(Keeper::new(Keeps::StandsIn, guest)), "the owner's line is gone");
        company.says(guest, Keeps::No, now);
        assert!(company.keeper() < Some(Keeper::new(Keeps::StandsIn, guest)), "it has stopped");
        assert!(!company.is_introduced(now) && company.is_introduced(now + INTRODUCTIONS));
    }

    #[test]
    fn looks_for_others_become_rare_unless_edits_wait_for_somebody() {
        let (mut company, begin) = (Company::new(Instant::now()), Instant::now());
        let looks = |company: &mut Company, from: u64, seconds: std::ops::Range<u64>, is_unsaved| {
            let at = |second| begin + Duration::from_secs(from + second);
            seconds.filter(|second| company.is_search_due(at(*second), is_unsaved)).collect::<Vec<_>>()
        };
        assert_eq!(looks(&mut company, 0, 0..400, false), [0, 5, 15, 35, 75, 155, 315]);
        assert_eq!(looks(&mut company, 400, 0..30, true), [0, 10, 20]);
        company.heard_of(PeerId::random(), begin);
        assert_eq!(looks(&mut company, 430, 0..160, true), [150]);
    }
}
