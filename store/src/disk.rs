//! The disk as volumes, journals and log tables see it: positioned reads and writes, and explicit syncs.
//!
//! **What is promised.** Bytes are safe after [`File::sync`] of their file; a name (created, renamed or removed) is safe
//! after [`Disk::sync_dir`] of its directory; nothing is safe before. Unsynced work may survive a power cut in any part
//! and in any order. [`RealDisk`] is the operating system's; [`FaultyDisk`] is the test double that takes that paragraph
//! at its word: it drops or tears everything since the last sync, fills up, fails syncs and flips bits.
//!
//! **Not here.** Checksums: a disk returns what it has. Threads: calls block.

mod faulty;
mod real;

use std::{fmt, io, path::Path, sync::Arc};

pub use faulty::{FaultyDisk, Loss};
pub use real::RealDisk;
pub(crate) use real::make_root;

/// A directory tree to keep files in. Paths are relative to the disk's root and never leave it.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates the directory and its parents if they are missing, durably.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Creates an empty file for reading and writing, readable by its owner only. Fails if the name is taken.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Names of the files in a directory, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Gives a file another name, replacing what had it. The two names must be in one directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name; open handles keep working.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes that may still be written below this directory.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// An open file. All methods take `&self`, since writers of different ranges share one handle.
pub trait File: Send + Sync + fmt::Debug {
    /// Fills `buf` from `offset` on; `UnexpectedEof` if the file ends before.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
    /// Writes all bytes at `offset`, growing the file if need be. `StorageFull` when there is no room.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts or grows the file to `len` bytes; what is new reads as zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes sure that writing to this range won't meet a full disk; grows the file. `StorageFull` when there is no room.
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;
    /// Gives the range's space back to the file system; it reads as zeros afterwards. `false` if the file system can't,
    /// and then nothing has changed.
    fn punch(&self, offset: u64, len: u64) -> io::Result<bool>;
    /// Bytes that the file really takes on the disk, holes not counted.
    fn allocated(&self) -> io::Result<u64>;
    /// Makes everything written so far durable, the length included. After an error nothing is known about the writes
    /// since the last success, and trying again proves nothing: the system may have dropped them.
    fn sync(&self) -> io::Result<()>;
}
