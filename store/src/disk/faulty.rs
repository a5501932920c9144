//! A disk in memory that loses, on request, whatever was not synced.
//!
//! The fault first: kill -9 tests no sync, because the page cache survives the process. A power cut takes the cache
//! along; what reaches the platter before it is any subset of the unsynced writes, sector by sector, and any subset of
//! the unsynced changes to directories. A file synced under a name that never was is gone too.
//!
//! Use: run work until [`FaultyDisk::cut_power_at`] strikes (or call [`FaultyDisk::cut_power`]), then go on with the disk
//! that [`FaultyDisk::restart`] returns. Also here: a full disk, a sync that fails and drops what it should have written
//! (as Linux does after a write-back error), and flipped bits. Everything random comes from a seed.

mod world;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Disk, File};
use world::{Change, Inode, PAGE_BYTES, World, apply};

/// What a power cut takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: the process died, the machine didn't (kill -9).
    Nothing,
    /// Everything since the last sync.
    Everything,
    /// A subset of the unsynced sectors and names, drawn from the seed.
    Torn(u64),
}

/// A disk in memory with faults on request. Clones are handles to the same disk.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    world: Arc<Mutex<World>>,
}

#[derive(Debug)]
struct FaultyFile {
    world: Arc<Mutex<World>>,
    inode: u64,
}

impl FaultyDisk {
    /// An empty disk of `capacity_bytes`.
    pub fn new(capacity_bytes: u64) -> Self {
        let world = World { capacity_bytes, dirs: BTreeSet::from([PathBuf::new()]), ..World::default() };
        FaultyDisk { world: Arc::new(Mutex::new(world)) }
    }

    /// A file system that can't punch holes.
    pub fn without_holes(self) -> Self {
        self.lock().no_holes = true;
        self
    }

    /// Changes and syncs done so far; `cut_power_at` counts in these.
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// Cuts the power when the disk is about to do its `step`-th change or sync (counted from 0).
    pub fn cut_power_at(&self, step: u64) {
        self.lock().cut_at = Some(step);
    }

    /// Cuts the power now. Every later call fails.
    pub fn cut_power(&self) {
        self.lock().off = true;
    }

    /// Whether the power was cut.
    pub fn is_off(&self) -> bool {
        self.lock().off
    }

    /// The `n`-th file sync from now (0 = the next) fails, and what it should have written is never written.
    pub fn fail_sync(&self, n: u64) {
        self.lock().failing_sync = Some(n);
    }

    /// Changes the disk's size in bytes.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock().capacity_bytes = bytes;
    }

    /// The disk as the next start finds it. Old handles keep pointing at the old one, which is off from now on.
    pub fn restart(&self, loss: Loss) -> FaultyDisk {
        self.cut_power();
        self.snapshot(loss)
    }

    /// The disk as a start would find it if the power were cut now; this one stays on.
    pub fn snapshot(&self, loss: Loss) -> FaultyDisk {
        let world = self.lock().after(loss);
        FaultyDisk { world: Arc::new(Mutex::new(world)) }
    }

    /// Flips bits on the platter: the byte at `offset` is xored with `mask`. Panics if there is no such byte, since a
    /// test that damages nothing proves nothing.
    pub fn rot(&self, path: &Path, offset: u64, mask: u8) {
        let mut world = self.lock();
        let id = world.names[path];
        let inode = world.inodes.get_mut(&id).expect("a name stands for a file");
        let at = usize::try_from(offset).expect("tests use small files");
        inode.now[at] ^= mask;
        if let Some(byte) = inode.synced.get_mut(at) {
            *byte ^= mask;
        }
    }

    /// Bytes of a file as a reader sees them now.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.lock();
        world.names.get(path).map(|id| world.inodes[id].now.clone())
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}

/// A panic in one test thread must not hide behind a poisoned lock in another.
fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk for FaultyDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.lock();
        world.step()?;
        world.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut world = self.lock();
        world.step()?;
        let dir = parent(path);
        if !world.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if world.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = world.next_inode;
        world.next_inode += 1;
        world.inodes.insert(inode, Inode::default());
        world.change_names(dir, vec![(path.to_owned(), Some(inode))]);
        Ok(Arc::new(FaultyFile { world: Arc::clone(&self.world), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let world = self.lock();
        world.alive()?;
        let inode = *world.names.get(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Arc::new(FaultyFile { world: Arc::clone(&self.world), inode }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let world = self.lock();
        world.alive()?;
        let inside = world.names.keys().filter(|path| parent(path) == dir);
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.lock();
        world.step()?;
        let inode = *world.names.get(from).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        world.change_names(parent(from), vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.lock();
        world.step()?;
        if !world.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change_names(parent(path), vec![(path.to_owned(), None)]);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.lock();
        world.step()?;
        let changes = std::mem::take(&mut world.unsynced_names);
        for change in changes {
            if change.dir == dir {
                change.apply(&mut world.synced_names);
            } else {
                world.unsynced_names.push(change);
            }
        }
        world.forget_unnamed();
        Ok(())
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let world = self.lock();
        world.alive()?;
        Ok(world.free_pages() * PAGE_BYTES)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

impl File for FaultyFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut world = lock(&self.world);
        world.alive()?;
        let bytes = &world.inode(self.inode)?.now;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = start..start.saturating_add(buf.len());
        buf.copy_from_slice(bytes.get(range).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = lock(&self.world);
        world.step()?;
        let room = world.take_pages(self.inode, offset, bytes.len() as u64)? as usize;
        // As in a real write, what had room is written before the error comes.
        let change = Change::Write { offset, bytes: bytes[..room].to_vec() };
        world.inode(self.inode)?.change(change);
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        let mut world = lock(&self.world);
        world.alive()?;
        Ok(world.inode(self.inode)?.now.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut world = lock(&self.world);
        world.step()?;
        let inode = world.inode(self.inode)?;
        inode.pages.retain(|page| page * PAGE_BYTES < len);
        inode.change(Change::Length(len));
        Ok(())
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let mut world = lock(&self.world);
        world.step()?;
        if world.take_pages(self.inode, offset, len)? < len {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = world.inode(self.inode)?;
        if (inode.now.len() as u64) < offset + len {
            inode.change(Change::Length(offset + len));
        }
        Ok(())
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<bool> {
        let mut world = lock(&self.world);
        world.step()?;
        if world.no_holes {
            return Ok(false);
        }
        let inode = world.inode(self.inode)?;
        let whole = offset.div_ceil(PAGE_BYTES)..(offset + len) / PAGE_BYTES;
        inode.pages.retain(|page| !whole.contains(page));
        inode.change(Change::Zero { offset, len });
        Ok(true)
    }

    fn allocated(&self) -> io::Result<u64> {
        let mut world = lock(&self.world);
        world.alive()?;
        Ok(world.inode(self.inode)?.pages.len() as u64 * PAGE_BYTES)
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = lock(&self.world);
        world.step()?;
        let fails = match world.failing_sync.take() {
            Some(0) => true,
            other => {
                world.failing_sync = other.map(|n| n - 1);
                false
            }
        };
        let inode = world.inode(self.inode)?;
        let changes = std::mem::take(&mut inode.unsynced);
        if fails {
            return Err(io::Error::other("the sync failed (test disk)"));
        }
        changes.iter().for_each(|change| apply(&mut inode.synced, change));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
