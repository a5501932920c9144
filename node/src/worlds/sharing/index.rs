//! Which chunks of which location are on this disk, as far as they were used since the start: what may be given to others, and
//! which locations are worth announcing.
//!
//! **Invariant:** only what was held against a manifest's hash is in it.

use std::collections::{HashMap, HashSet};

use bitdust_types::{B256, Root};
use bitdust_world::LocationPos;

/// Locations remembered: at 512 hashes each at most 20 MiB, at 100 (a place that was built up) 4 MiB.
const LOCATIONS_MAX: usize = 1024;
/// Locations announced, the newest: half of the keys that a peer may announce, since players announce where they are as well.
pub const ANNOUNCED_MAX: usize = 128;
/// With so many of its chunks a location is worth a search, however many it has.
const USEFUL_CHUNKS: usize = 8;

struct Held {
    hashes: HashSet<Root>,
    /// Chunks that the version has frames of.
    framed: usize,
    used: u64,
}

/// See the module's head.
#[derive(Default)]
pub struct Index {
    locations: HashMap<(B256, LocationPos), Held>,
    clock: u64,
}

impl Index {
    /// A chunk of a location is here, of a version with so many frames.
    pub fn note(&mut self, world: B256, location: LocationPos, hash: Root, framed: usize) {
        self.clock += 1;
        let key = (world, location);
        if self.locations.len() >= LOCATIONS_MAX && !self.locations.contains_key(&key) {
            let oldest = self.locations.iter().min_by_key(|(_, held)| held.used).map(|(key, _)| *key);
            oldest.map(|oldest| self.locations.remove(&oldest));
        }
        let held = self.locations.entry(key).or_insert_with(|| Held { hashes: HashSet::new(), framed, used: 0 });
        (held.framed, held.used) = (framed, self.clock);
        held.hashes.insert(hash);
    }

    /// Whether a chunk of a location is here.
    pub fn has(&self, world: B256, location: LocationPos, hash: &Root) -> bool {
        self.locations.get(&(world, location)).is_some_and(|held| held.hashes.contains(hash))
    }

    /// Forgets what isn't on the disk any more.
    pub fn retain(&mut self, is_kept: impl Fn(&Root) -> bool) {
        self.locations.retain(|_, held| {
            held.hashes.retain(&is_kept);
            !held.hashes.is_empty()
        });
    }

    /// The locations to announce: those of which a useful part is here, the ones used last, the last one first.
    pub fn useful(&self) -> Vec<(B256, LocationPos)> {
        let is_useful = |held: &Held| held.hashes.len() >= USEFUL_CHUNKS.min(held.framed.div_ceil(2));
        let mut useful: Vec<_> = self.locations.iter().filter(|(_, held)| is_useful(held)).collect();
        useful.sort_unstable_by_key(|(_, held)| std::cmp::Reverse(held.used));
        useful.into_iter().take(ANNOUNCED_MAX).map(|(key, _)| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: B256 = B256::ZERO;

    fn hash(number: usize) -> Root {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Root(bytes)
    }

    fn at(x: usize) -> LocationPos {
        LocationPos::new(x as i64, 0, 0)
    }

    #[test]
    fn a_useful_part_is_eight_chunks_or_half_of_all() {
        let mut index = Index::default();
        (0..7).for_each(|number| index.note(WORLD, at(0), hash(number), 100));
        (0..2).for_each(|number| index.note(WORLD, at(1), hash(number), 3));
        assert_eq!(index.useful(), [(WORLD, at(1))]);
        index.note(WORLD, at(0), hash(7), 100);
        assert_eq!(index.useful().len(), 2);
        assert!(index.has(WORLD, at(0), &hash(7)) && !index.has(WORLD, at(1), &hash(7)));
        // The disk needed the room.
        index.retain(|kept| *kept == hash(7));
        assert_eq!((index.useful().len(), index.locations.len()), (0, 1));
    }

    #[test]
    fn the_locations_used_last_are_remembered_and_announced() {
        let mut index = Index::default();
        (0..LOCATIONS_MAX + 50).for_each(|x| index.note(WORLD, at(x), hash(x), 1));
        assert_eq!(index.locations.len(), LOCATIONS_MAX);
        assert!(!index.has(WORLD, at(0), &hash(0)));
        let useful = index.useful();
        assert_eq!(useful.len(), ANNOUNCED_MAX);
        assert_eq!(useful[0], (WORLD, at(LOCATIONS_MAX + 49)));
    }
}
