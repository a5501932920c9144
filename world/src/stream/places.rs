//! The locations that a scheduler deals with, and when their manifests are looked for.

use std::collections::BTreeMap;

use bitdust_types::Address;

use crate::{
    place::LocationPos,
    stream::{LOCATIONS_MAX, PLAYERS_MAX, located::Located},
};

/// A manifest is looked for again after so long without an answer.
const RESOLVE_MS: u64 = 5_000;
/// And so long after a failure, doubled for each in a row up to the most.
const RETRY_MS: u64 = 250;
const RETRY_MS_MAX: u64 = 8_000;
/// A manifest that is in use is looked for again so often: its owner may have published another.
const REFRESH_MS: u64 = 30_000;

/// What is known of a location.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub located: Option<Located>,
    pub players: Vec<Address>,
    /// When its manifest was looked for, if that isn't answered yet.
    asked_at: Option<u64>,
    /// When to look again.
    again_at: u64,
    failures: u32,
    used_at: u64,
    /// What is known is known to be old.
    is_outdated: bool,
}

impl Place {
    /// The version, unless it is known to be old.
    pub fn current(&self) -> Option<&Located> {
        self.located.as_ref().filter(|_| !self.is_outdated)
    }
}

/// At most [`LOCATIONS_MAX`] locations; who comes when it is full takes the room of the one that was unused for longest.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<LocationPos, Place>);

impl Places {
    pub fn get(&self, location: &LocationPos) -> Option<&Place> {
        self.0.get(location)
    }

    /// The version of a location, if it is known.
    pub fn located(&self, location: &LocationPos) -> Option<&Located> {
        self.0.get(location)?.current()
    }

    /// All versions that are known.
    pub fn all_located(&self) -> impl Iterator<Item = &Located> {
        self.0.values().filter_map(|place| place.located.as_ref())
    }

    /// Notes that a location is in use. Whether its manifest must be looked for.
    pub fn touch(&mut self, now_ms: u64, location: LocationPos) -> bool {
        if let Some(place) = self.0.get_mut(&location) {
            place.used_at = now_ms;
            return false;
        }
        if self.0.len() >= LOCATIONS_MAX {
            let oldest = self.0.iter().min_by_key(|(location, place)| (place.used_at, **location));
            if let Some(oldest) = oldest.map(|(location, _)| *location) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(location, Place { asked_at: Some(now_ms), used_at: now_ms, ..Place::default() });
        true
    }

    /// Takes a version in. Which of the 512 chunks differ from the version before; `None` if the location isn't in use, or
    /// a newer version is known already.
    pub fn locate(&mut self, now_ms: u64, location: LocationPos, mut located: Located) -> Option<Vec<u16>> {
        let place = self.0.get_mut(&location)?;
        (place.asked_at, place.failures, place.again_at) = (None, 0, now_ms.saturating_add(REFRESH_MS));
        // What follows a claim that lapsed counts from the beginning again.
        let was_outdated = std::mem::take(&mut place.is_outdated);
        let before = place.located.as_ref();
        if !was_outdated && before.is_some_and(|before| located.sequence() < before.sequence()) {
            return None;
        }
        let hash = |located: &Located, index| located.expected(index).map(|expected| expected.hash);
        let differs = |index: &u16| before.is_some_and(|before| hash(before, *index) != hash(&located, *index));
        let changed = (0..512).filter(differs).collect();
        if !located.players.is_empty() {
            place.players = std::mem::take(&mut located.players);
        }
        place.located = Some(located);
        Some(changed)
    }

    /// Notes that what is known of a location is old. Whether it must be looked for: not if it isn't in use, or is being looked
    /// for.
    pub fn outdate(&mut self, now_ms: u64, location: &LocationPos) -> bool {
        let Some(place) = self.0.get_mut(location) else { return false };
        place.is_outdated = true;
        // A look that began before may have seen what was; the ledger it looked at is the newest all the same.
        let must = place.asked_at.is_none();
        place.asked_at = place.asked_at.or(Some(now_ms));
        must
    }

    /// Notes that a location's version couldn't be found out.
    pub fn not_located(&mut self, now_ms: u64, location: LocationPos) {
        if let Some(place) = self.0.get_mut(&location) {
            place.asked_at = None;
            place.again_at = now_ms.saturating_add((RETRY_MS << place.failures.min(10)).min(RETRY_MS_MAX));
            place.failures = place.failures.saturating_add(1);
        }
    }

    /// Takes in who is nearby, in place of who was.
    pub fn set_players(&mut self, location: LocationPos, mut players: Vec<Address>) {
        players.truncate(PLAYERS_MAX);
        if let Some(place) = self.0.get_mut(&location) {
            place.players = players;
        }
    }

    /// The locations whose manifests must be looked for, again: the answer is overdue or failed, or what is known is old.
    pub fn due(&mut self, now_ms: u64) -> Vec<LocationPos> {
        let mut due = Vec::new();
        for (location, place) in &mut self.0 {
            let is_lost = place.asked_at.is_some_and(|at| at + RESOLVE_MS <= now_ms);
            let is_old = place.asked_at.is_none() && place.again_at <= now_ms && place.used_at + REFRESH_MS > now_ms;
            if is_lost || is_old {
                place.asked_at = Some(now_ms);
                due.push(*location);
            }
        }
        due
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
