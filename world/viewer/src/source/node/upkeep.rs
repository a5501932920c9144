//! What of a node's world is shown here, and what of it is to be asked for again.
//!
//! The node has no way to call, so what others build, claim or let go is found by asking. A chunk that hasn't changed costs
//! about a hundred bytes, and a location that nobody has claimed costs no more than one of its chunks. Chunks near the
//! player have their turn in every round, the others one after the other.
//!
//! It asks nobody and knows no clock: a round is what its caller makes of it (`talk.rs`).
//!
//! **Invariant:** only what the viewer wants is kept here, so it is bounded by the view distance.

use std::collections::HashMap;

use bitdust_types::Root;
use bitdust_world::{ChunkPos, LocationPos};

/// Chunks up to so many chunks away are near: what the player builds with others.
const NEAR_CHUNKS: i64 = 3;

/// What is shown, by location.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    places: HashMap<LocationPos, Place>,
    round: u64,
}

#[derive(Debug, Default)]
struct Place {
    /// Nobody had claimed it when the node was asked last: all of it is the generator's.
    unclaimed: bool,
    /// The round in which one of its chunks was asked for in place of all.
    asked: u64,
    chunks: HashMap<ChunkPos, Held>,
}

#[derive(Debug, Default)]
struct Held {
    has: Has,
    /// Something is on the screen, if only a stand-in.
    shown: bool,
    /// The round in which it was asked for again.
    asked: u64,
}

/// What is known of a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Has {
    /// Nothing for certain.
    #[default]
    Unknown,
    /// It is as the generator makes it.
    Terrain,
    /// Players built there: the hash of what is shown.
    Built(Root),
}

impl Upkeep {
    /// The viewer wants it.
    pub fn want(&mut self, pos: ChunkPos) {
        self.places.entry(pos.location()).or_default().chunks.entry(pos).or_default();
    }

    /// The viewer no longer wants it.
    pub fn forget(&mut self, pos: ChunkPos) {
        if let Some(place) = self.places.get_mut(&pos.location()) {
            place.chunks.remove(&pos);
            if place.chunks.is_empty() {
                self.places.remove(&pos.location());
            }
        }
    }

    /// Whether the viewer wants it.
    pub fn is_wanted(&self, pos: ChunkPos) -> bool {
        self.held(pos).is_some()
    }

    /// Whether something is on the screen.
    pub fn is_shown(&self, pos: ChunkPos) -> bool {
        self.held(pos).is_some_and(|held| held.shown)
    }

    /// The hash of what players built there and is shown here.
    pub fn have(&self, pos: ChunkPos) -> Option<Root> {
        match self.held(pos)?.has {
            Has::Built(hash) => Some(hash),
            Has::Unknown | Has::Terrain => None,
        }
    }

    /// It came, built by players. Whether it is wanted.
    pub fn built(&mut self, pos: ChunkPos, hash: Root) -> bool {
        let Some(place) = self.places.get_mut(&pos.location()) else { return false };
        let Some(held) = place.chunks.get_mut(&pos) else { return false };
        place.unclaimed = false;
        (held.has, held.shown) = (Has::Built(hash), true);
        true
    }

    /// It is as the generator makes it, and so is all of its location if nobody has claimed that: the chunks that must be
    /// generated, since something else is shown.
    pub fn natural(&mut self, pos: ChunkPos, unclaimed: bool) -> Vec<ChunkPos> {
        let Some(place) = self.places.get_mut(&pos.location()) else { return vec![] };
        place.unclaimed = unclaimed;
        let mut changed = vec![];
        for (other, held) in &mut place.chunks {
            // Of the location's other chunks those that are on their way will be answered for themselves.
            let told = *other == pos || (unclaimed && held.has != Has::Unknown);
            if told && held.has != Has::Terrain {
                (held.has, held.shown) = (Has::Terrain, true);
                changed.push(*other);
            }
        }
        changed.sort();
        changed
    }

    /// Whether terrain is to stand in for it: only where nothing is shown.
    pub fn stands_in(&mut self, pos: ChunkPos) -> bool {
        match self.held_mut(pos) {
            Some(held) if !held.shown => {
                held.shown = true;
                true
            }
            _ => false,
        }
    }

    /// What is shown may not be what is there: the next answer counts, whatever it is.
    pub fn doubt(&mut self, pos: ChunkPos) {
        if let Some(held) = self.held_mut(pos) {
            held.has = Has::Unknown;
        }
    }

    /// Somebody has claimed the location: each of its chunks may be something else now.
    pub fn claimed(&mut self, location: LocationPos) {
        if let Some(place) = self.places.get_mut(&location) {
            place.unclaimed = false;
        }
    }

    /// The chunks whose turn it is, up to `max`: one for each unclaimed location, then those near the player, then the others,
    /// those first whose last turn is longest ago. `busy` ones are passed over.
    pub fn round(&mut self, near: Option<ChunkPos>, max: usize, busy: impl Fn(ChunkPos) -> bool) -> Vec<ChunkPos> {
        self.round += 1;
        // Half a round for each sort at most, so that none waits for ever for another.
        let half = max.div_ceil(2);
        let (mut unclaimed, mut close, mut rest) = (vec![], vec![], vec![]);
        for (location, place) in &self.places {
            // Before anything is known of a place, its chunks are on their way.
            let free = |pos: &ChunkPos, held: &Held| held.has != Has::Unknown && !busy(*pos);
            let chunks = place.chunks.iter().filter(|(pos, held)| free(pos, held));
            if place.unclaimed {
                unclaimed.extend(chunks.map(|(pos, _)| (place.asked, *location, *pos)).min());
                continue;
            }
            for (pos, held) in chunks {
                let is_close = near.is_some_and(|near| is_near(near, *pos));
                if is_close { &mut close } else { &mut rest }.push((held.asked, *pos));
            }
        }
        unclaimed.sort();
        unclaimed.truncate(half);
        let mut due: Vec<ChunkPos> = unclaimed.into_iter().map(|(_, _, pos)| pos).collect();
        close.sort();
        let turns = close.len().min((max - due.len()).div_ceil(2));
        // What is near and had no turn waits with the others.
        rest.extend(close.split_off(turns));
        due.extend(close.into_iter().map(|(_, pos)| pos));
        rest.sort();
        rest.truncate(max - due.len());
        due.extend(rest.into_iter().map(|(_, pos)| pos));
        for pos in &due {
            if let Some(place) = self.places.get_mut(&pos.location()) {
                place.asked = self.round;
                if let Some(held) = place.chunks.get_mut(pos) {
                    held.asked = self.round;
                }
            }
        }
        due
    }

    fn held(&self, pos: ChunkPos) -> Option<&Held> {
        self.places.get(&pos.location())?.chunks.get(&pos)
    }

    fn held_mut(&mut self, pos: ChunkPos) -> Option<&mut Held> {
        self.places.get_mut(&pos.location())?.chunks.get_mut(&pos)
    }
}

fn is_near(here: ChunkPos, pos: ChunkPos) -> bool {
    pos.since(here).iter().all(|chunks| (-NEAR_CHUNKS..=NEAR_CHUNKS).contains(chunks))
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    const HASH: Root = Root([1; 32]);

    fn never(_: ChunkPos) -> bool {
        false
    }

    /// A row of chunks in claimed places, as the generator makes them.
    fn row(count: i64) -> Upkeep {
        let mut upkeep = Upkeep::default();
        for x in 0..count {
            upkeep.want(ChunkPos::new(x, 0, 0));
            assert_eq!(upkeep.natural(ChunkPos::new(x, 0, 0), false), [ChunkPos::new(x, 0, 0)]);
        }
        upkeep
    }

    #[test]
    fn every_chunk_has_its_turn_and_near_ones_more_often() {
        let mut upkeep = row(1_000);
        let here = ChunkPos::new(500, 0, 0);
        let mut turns: HashMap<ChunkPos, usize> = HashMap::new();
        for _ in 0..40 {
            let due = upkeep.round(Some(here), 64, never);
            assert!(due.len() <= 64 && due.iter().collect::<HashSet<_>>().len() == due.len());
            due.into_iter().for_each(|pos| *turns.entry(pos).or_default() += 1);
        }
        assert_eq!(turns.len(), 1_000, "the rest of a round goes around");
        assert_eq!([497, 500, 503].map(|x| turns[&ChunkPos::new(x, 0, 0)]), [40; 3]);
        assert!(turns[&ChunkPos::new(10, 0, 0)] <= 3);
    }

    #[test]
    fn more_near_chunks_than_a_round_holds_take_turns_too() {
        let mut upkeep = Upkeep::default();
        for i in 0..343 {
            let pos = ChunkPos::new(i % 7, i / 49, i / 7 % 7);
            upkeep.want(pos);
            upkeep.built(pos, HASH);
        }
        let seen: HashSet<_> = (0..8).flat_map(|_| upkeep.round(Some(ChunkPos::new(3, 3, 3)), 64, never)).collect();
        assert_eq!(seen.len(), 343);
    }

    #[test]
    fn an_unclaimed_place_costs_one_question_until_somebody_claims_it() {
        let mut upkeep = Upkeep::default();
        let chunks: Vec<ChunkPos> = (0..8).map(|x| ChunkPos::new(x, 0, 0)).collect();
        for pos in &chunks {
            upkeep.want(*pos);
            upkeep.natural(*pos, true);
        }
        assert_eq!(upkeep.round(None, 64, never).len(), 1);
        upkeep.claimed(chunks[0].location());
        assert_eq!(upkeep.round(None, 64, never).len(), 8);
        assert!(upkeep.natural(chunks[2], false).is_empty(), "it is what is shown");
        assert!(upkeep.built(chunks[3], HASH));
    }

    #[test]
    fn what_lapsed_becomes_terrain_again_in_all_of_its_chunks() {
        let mut upkeep = row(4);
        upkeep.built(ChunkPos::new(1, 0, 0), HASH);
        upkeep.built(ChunkPos::new(2, 0, 0), HASH);
        upkeep.want(ChunkPos::new(5, 0, 0));
        assert_eq!(upkeep.have(ChunkPos::new(1, 0, 0)), Some(HASH));
        assert_eq!(upkeep.natural(ChunkPos::new(2, 0, 0), true), [ChunkPos::new(1, 0, 0), ChunkPos::new(2, 0, 0)]);
        assert_eq!(upkeep.have(ChunkPos::new(1, 0, 0)), None);
        assert!(!upkeep.is_shown(ChunkPos::new(5, 0, 0)), "it has an answer of its own to come");
    }

    #[test]
    fn a_stand_in_is_for_where_nothing_is_shown() {
        let mut upkeep = Upkeep::default();
        let pos = ChunkPos::new(-1, 2, 3);
        assert!(!upkeep.stands_in(pos) && !upkeep.built(pos, HASH), "nobody wants it");
        upkeep.want(pos);
        assert!(upkeep.stands_in(pos) && !upkeep.stands_in(pos));
        assert_eq!(upkeep.natural(pos, false), [pos], "the stand-in has been a guess");
        upkeep.built(pos, HASH);
        upkeep.doubt(pos);
        assert_eq!((upkeep.have(pos), upkeep.stands_in(pos)), (None, false));
        assert_eq!(upkeep.natural(pos, false), [pos], "what is in doubt is made anew");
        upkeep.forget(pos);
        assert!(!upkeep.is_wanted(pos) && upkeep.round(None, 9, never).is_empty());
    }

    #[test]
    fn what_is_under_way_is_passed_over() {
        let mut upkeep = row(3);
        let due = upkeep.round(None, 9, |pos| pos.x == 1);
        assert_eq!(due, [ChunkPos::new(0, 0, 0), ChunkPos::new(2, 0, 0)]);
    }
}
