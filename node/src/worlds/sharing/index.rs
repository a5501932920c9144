//! Which chunks of which location are on this disk: what may be given to others, and which locations are worth announcing.
//!
//! The cache knows chunks by their hashes alone, so this is written down beside it, every now and then: after a restart a node goes
//! on giving what its player has visited. What a crash loses is noted again when it is used again, and a file that isn't whole
//! counts as none.
//!
//! Bytes of the file: `"BDCI", 1 ‖ borsh(locations, those used last first) ‖ BLAKE3 of what precedes`.
//!
//! **Invariant:** only what was held against a manifest's hash is in it.

use std::collections::{HashMap, HashSet};

use bitdust_proof::blob;
use bitdust_types::{B256, Root};
use bitdust_world::LocationPos;

/// Locations remembered: at 512 hashes each at most 20 MiB, at 100 (a place that was built up) 4 MiB.
const LOCATIONS_MAX: usize = 1024;
/// Locations announced, the newest: half of the keys that a peer may announce, since players announce where they are as well.
pub const ANNOUNCED_MAX: usize = 128;
/// With so many of its chunks a location is worth a search, however many it has.
const USEFUL_CHUNKS: usize = 8;
/// Bytes of the file: 1,024 locations of 512 chunks, and some. Locations that don't fit any more are left out, those used longest
/// ago.
pub const FILE_BYTES_MAX: usize = 20 << 20;

const MAGIC: [u8; 5] = *b"BDCI\x01";
/// Bytes of a location in the file beside its chunks: world, position, frames, count.
const LOCATION_BYTES: usize = 32 + 24 + 4 + 4;

/// A location as it is written down: world, position, frames, chunks.
type Written = ([u8; 32], LocationPos, u32, Vec<Root>);

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
    /// The clock when it was written down last.
    written: u64,
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

    /// The file's bytes, if anything was noted since they were asked for last.
    pub fn news(&mut self) -> Option<Vec<u8>> {
        if self.written == self.clock {
            return None;
        }
        self.written = self.clock;
        let mut held: Vec<_> = self.locations.iter().collect();
        held.sort_unstable_by_key(|(_, held)| std::cmp::Reverse(held.used));
        let mut room = FILE_BYTES_MAX - MAGIC.len() - 4 - 32;
        let fits = held.into_iter().map_while(|((world, location), held)| {
            room = room.checked_sub(LOCATION_BYTES + 32 * held.hashes.len())?;
            let framed = u32::try_from(held.framed).unwrap_or(u32::MAX);
            Some((world.0, *location, framed, held.hashes.iter().copied().collect()))
        });
        let locations: Vec<Written> = fits.collect();
        let mut bytes = MAGIC.to_vec();
        borsh::to_writer(&mut bytes, &locations).expect("a vector takes any bytes");
        let sum = blob::root(&bytes);
        bytes.extend(sum.0);
        Some(bytes)
    }

    /// Reads the file's bytes: of what they name, the chunks that are still kept. `None` if the file isn't whole.
    pub fn read(bytes: &[u8], is_kept: impl Fn(&Root) -> bool) -> Option<Self> {
        let (bytes, sum) = bytes.split_last_chunk::<32>()?;
        let locations: Vec<Written> = match blob::root(bytes).0 == *sum {
            true => borsh::from_slice(bytes.strip_prefix(&MAGIC)?).ok()?,
            false => return None,
        };
        let mut index = Index::default();
        for (world, location, framed, hashes) in locations.into_iter().take(LOCATIONS_MAX).rev() {
            for hash in hashes.into_iter().filter(&is_kept) {
                index.note(world.into(), location, hash, framed as usize);
            }
        }
        index.written = index.clock;
        Some(index)
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
    fn what_was_noted_is_known_after_a_restart_as_far_as_the_disk_still_has_it() {
        let mut index = Index::default();
        assert_eq!(index.news(), None);
        (0..9).for_each(|number| index.note(WORLD, at(0), hash(number), 100));
        index.note(WORLD, at(1), hash(20), 1);
        let bytes = index.news().unwrap();
        assert_eq!(index.news(), None, "nothing was noted since");
        let mut back = Index::read(&bytes, |_| true).unwrap();
        assert_eq!(back.useful(), index.useful());
        assert!(back.has(WORLD, at(0), &hash(8)) && back.has(WORLD, at(1), &hash(20)));
        assert_eq!(back.news(), None);
        let fewer = Index::read(&bytes, |kept| *kept == hash(20)).unwrap();
        assert_eq!((fewer.useful(), fewer.locations.len()), (vec![(WORLD, at(1))], 1));
        // A crash, a disk that turned a bit, another format.
        for torn in [&bytes[..bytes.len() - 1], &bytes[..40], &[]] {
            assert!(Index::read(torn, |_| true).is_none());
        }
        for turned in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut turn = bytes.clone();
            turn[turned] ^= 1;
            assert!(Index::read(&turn, |_| true).is_none(), "byte {turned}");
        }
    }

    #[test]
    fn a_file_of_the_index_is_bounded_and_has_what_was_used_last() {
        let mut index = Index::default();
        for x in 0..40 {
            (0..20_000).for_each(|number| index.note(WORLD, at(x), hash(20_000 * x + number), 1));
        }
        let bytes = index.news().unwrap();
        assert!(bytes.len() <= FILE_BYTES_MAX, "{}", bytes.len());
        let back = Index::read(&bytes, |_| true).unwrap();
        assert!(back.has(WORLD, at(39), &hash(20_000 * 39)) && !back.has(WORLD, at(0), &hash(0)));
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
