//! Packed chunks on this machine's disk, by the hash of their voxels: places once visited are there at once the next time, and
//! can be given to others. Other small files that have a name of 32 bytes are kept in the same way ([`super::copies`]).
//!
//! One file per chunk, in 256 directories. Nothing is synced, since nothing is lost that suppliers don't have: a file that a
//! crash left torn fails its hash when it is read, and is fetched anew. The least recently used go first when the share of the
//! disk that was granted is full.
//!
//! **Invariant:** what is handed out may be anything a disk brings back; callers hold it against the hash they wanted.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use anyhow::{Context as _, Result};
use bitdust_types::Root;
use bitdust_world::pack::PACKED_BYTES_MAX;

/// What a file takes on a disk at least, whatever its length: the usual block.
const BLOCK_BYTES: u64 = 4096;

/// The cache of one node.
pub struct Cache {
    dir: PathBuf,
    bytes_max: u64,
    file_bytes_max: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_root: HashMap<Root, Entry>,
    by_use: BTreeMap<u64, Root>,
    clock: u64,
    bytes: u64,
}

struct Entry {
    bytes: u64,
    used: u64,
}

impl Cache {
    /// Opens the directory of chunks, which may take `bytes_max` bytes of the disk, and looks at what is there.
    pub fn open(dir: &Path, bytes_max: u64) -> Result<Self> {
        Cache::of_files(dir, bytes_max, PACKED_BYTES_MAX)
    }

    /// The same for other files, each of at most `file_bytes_max` bytes.
    pub fn of_files(dir: &Path, bytes_max: u64, file_bytes_max: usize) -> Result<Self> {
        let mut found: Vec<(SystemTime, Root, u64)> = Vec::new();
        for shelf in 0..=255u8 {
            let shelf = dir.join(format!("{shelf:02x}"));
            fs::create_dir_all(&shelf).with_context(|| format!("making the cache's directory {}", shelf.display()))?;
            for file in fs::read_dir(&shelf).with_context(|| format!("reading {}", shelf.display()))? {
                let file = file.with_context(|| format!("reading {}", shelf.display()))?;
                let (Some(root), Ok(about)) = (root_of(&file.file_name().to_string_lossy()), file.metadata()) else {
                    continue;
                };
                found.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), root, about.len()));
            }
        }
        found.sort_unstable();
        let mut entries = Entries::default();
        found.into_iter().for_each(|(_, root, bytes)| entries.add(root, bytes));
        let cache = Cache { dir: dir.to_owned(), bytes_max, file_bytes_max, entries: Mutex::new(entries) };
        cache.trim();
        Ok(cache)
    }

    /// The packed chunk with this hash, if it was kept. Reads a file.
    pub fn get(&self, root: Root) -> Option<Vec<u8>> {
        self.entries().touch(root)?;
        match fs::read(self.path(root)) {
            Ok(packed) => Some(packed),
            Err(_) => {
                self.forget(root);
                None
            }
        }
    }

    /// Whether a chunk with this hash is kept.
    pub fn contains(&self, root: Root) -> bool {
        self.entries().by_root.contains_key(&root)
    }

    /// Keeps a packed chunk. A disk that fails only makes the cache useless, so it is told to the log.
    pub fn put(&self, root: Root, packed: &[u8]) {
        if packed.len() > self.file_bytes_max || self.entries().touch(root).is_some() {
            return;
        }
        if let Err(error) = fs::write(self.path(root), packed) {
            tracing::warn!(%error, dir = %self.dir.display(), "a chunk could not be kept on disk");
            return;
        }
        self.entries().add(root, packed.len() as u64);
        self.trim();
    }

    /// Removes a chunk: it didn't have the hash that it was kept under.
    pub fn forget(&self, root: Root) {
        self.entries().remove(root);
        // It may be gone already.
        let _ = fs::remove_file(self.path(root));
    }

    /// Chunks kept, and the bytes of the disk that they take.
    pub fn usage(&self) -> (u64, u64) {
        let entries = self.entries();
        (entries.by_root.len() as u64, entries.bytes)
    }

    fn trim(&self) {
        loop {
            let oldest = {
                let entries = self.entries();
                if entries.bytes <= self.bytes_max {
                    return;
                }
                entries.by_use.values().next().copied()
            };
            let Some(oldest) = oldest else { return };
            self.forget(oldest);
        }
    }

    fn path(&self, root: Root) -> PathBuf {
        let name = hex::encode(root.0);
        self.dir.join(&name[..2]).join(name)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn add(&mut self, root: Root, bytes: u64) {
        let bytes = bytes.next_multiple_of(BLOCK_BYTES).max(BLOCK_BYTES);
        self.remove(root);
        self.clock += 1;
        self.by_root.insert(root, Entry { bytes, used: self.clock });
        self.by_use.insert(self.clock, root);
        self.bytes += bytes;
    }

    fn touch(&mut self, root: Root) -> Option<()> {
        self.clock += 1;
        let entry = self.by_root.get_mut(&root)?;
        self.by_use.remove(&entry.used);
        entry.used = self.clock;
        self.by_use.insert(self.clock, root);
        Some(())
    }

    fn remove(&mut self, root: Root) {
        if let Some(entry) = self.by_root.remove(&root) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

fn root_of(name: &str) -> Option<Root> {
    name.parse().ok().filter(|_| name.len() == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(number: u8) -> Root {
        Root([number; 32])
    }

    #[test]
    fn what_was_not_used_goes_first_and_the_rest_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 3 * BLOCK_BYTES).unwrap();
        for number in 1..=3 {
            cache.put(root(number), &[number; 100]);
        }
        assert_eq!(cache.get(root(1)), Some(vec![1; 100]));
        cache.put(root(4), &[4; 5000]);
        assert_eq!(cache.usage(), (2, 3 * BLOCK_BYTES), "one block of the first, two of the fourth");
        assert_eq!((cache.get(root(2)), cache.get(root(3))), (None, None));
        drop(cache);
        let cache = Cache::open(dir.path(), 3 * BLOCK_BYTES).unwrap();
        assert_eq!(cache.get(root(1)), Some(vec![1; 100]));
        assert_eq!(cache.get(root(4)), Some(vec![4; 5000]));
        cache.forget(root(4));
        assert_eq!((cache.get(root(4)), cache.usage()), (None, (1, BLOCK_BYTES)));
        let smaller = Cache::open(dir.path(), 0).unwrap();
        assert_eq!(smaller.usage(), (0, 0));
    }
}
