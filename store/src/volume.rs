//! A supplier's blobs: volume files with an index beside them.
//!
//! **Order of a put.** Space is set aside, the bytes stream into it, the footer closes the record; [`Volumes::persist`]
//! syncs the volume files, then writes one synced batch to the index; only then is the blob served and may a signature
//! leave. A crash in between leaves bytes that nobody was promised.
//!
//! **At open** the index is the truth. Behind the last record that was ever indexed in a file lie only records that were
//! never acknowledged: those that are complete and hash to their root are adopted (so even a lost index is rebuilt from the
//! files), the torn rest is cut off with a log line. Indexed records whose file is short or gone are reported, never
//! forgotten: reading them names file, byte and root.
//!
//! **Frees** are holes punched into the file, so nothing is moved in the common case; [`Volumes::compact_one`] rewrites a
//! file of which less than half is alive, for file systems without holes and for space lost to crashes.
//!
//! **Not here.** Whether bytes hash to a root while they stream in (the caller knows BLAKE3 already), who needs a blob
//! (the slot book), and any thread of its own.
//!
//! Read next: [`record`] for the layout, `space` for who owns which bytes of a file, `recover` for the opening.

mod check;
mod compact;
mod index;
mod read;
mod record;
mod recover;
mod scrub;
mod space;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bitdust_market::supplier::blob_store::{BlobError, BlobStore, BlobWriter, Staged, Usage};
use bitdust_types::{Root, limits::BLOB_BYTES_MAX};

pub use compact::Compacted;
pub use recover::Opened;
pub use scrub::Scrubbed;

use crate::{
    disk::Disk,
    error::Error,
    table::{Batch, Table},
};
use record::Place;
use space::Space;

/// Roots of one deletion batch: 4096 × 33 bytes stay far below a frame's bound.
const DELETE_BATCH: usize = 4096;

/// What the person who runs the supplier decides.
#[derive(Clone, Copy, Debug)]
pub struct VolumeOptions {
    /// Bytes of blobs to hold at most.
    pub capacity_bytes: u64,
    /// A volume file is closed when it would grow beyond this.
    pub volume_bytes: u64,
    /// Bytes of the file system to leave free: the chain's database needs room to go on when the supplier is full.
    pub keep_free_bytes: u64,
}

impl VolumeOptions {
    /// A capacity, files of 1 GiB, and 256 MiB left free.
    pub fn new(capacity_bytes: u64) -> Self {
        VolumeOptions { capacity_bytes, volume_bytes: 1 << 30, keep_free_bytes: 256 << 20 }
    }
}

/// The volumes of one directory. Clones are handles to the same volumes.
#[derive(Clone)]
pub struct Volumes {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    index: Arc<dyn Table>,
    options: VolumeOptions,
    space: Mutex<Space>,
    /// Held while index entries change, so that a blob can't be deleted and moved at once.
    committing: Mutex<()>,
    /// Counts the times at which bytes of an indexed record were given back. A reader that saw it change looks again.
    frees: AtomicU64,
}

impl Volumes {
    /// Opens the volumes in `dir`, creating what is missing and recovering what a crash left.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        index: Arc<dyn Table>,
        options: VolumeOptions,
    ) -> Result<(Self, Opened), Error> {
        let (space, opened) = recover::recover(&*disk, dir, &*index)?;
        let inner = Inner {
            disk,
            dir: dir.to_owned(),
            index,
            options,
            space: Mutex::new(space),
            committing: Mutex::new(()),
            frees: AtomicU64::new(0),
        };
        Ok((Volumes { inner: Arc::new(inner) }, opened))
    }

    /// Up to `limit` held blobs with their lengths, in order of their roots, behind `after`.
    pub fn page(&self, after: Option<Root>, limit: usize) -> Result<Vec<(Root, u64)>, Error> {
        let page = index::page(&*self.inner.index, after, limit)?;
        Ok(page.into_iter().map(|(root, place)| (root, place.len)).collect())
    }
}

impl Inner {
    fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_lock(&self) -> MutexGuard<'_, ()> {
        self.committing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, root: Root) -> Result<Option<Place>, Error> {
        index::find(&*self.index, root)
    }

    fn path(&self, volume: u32) -> PathBuf {
        self.dir.join(file_name(volume))
    }

    /// Gives an indexed record's bytes back. Its index entry must be gone already, durably.
    fn free(&self, place: &Place) {
        self.frees.fetch_add(1, Ordering::SeqCst);
        let path = self.path(place.volume);
        let mut space = self.space();
        space.forget(place);
        // The header stays, so that a scan of the file can step over the hole.
        let (from, len) = (place.data_at(), place.region - record::HEADER_BYTES);
        let punched = space
            .file(&*self.disk, &self.dir, place.volume)
            .and_then(|file| file.punch(from, len).map_err(|error| Error::io("free a part of", &path, error)));
        if let Err(error) = punched {
            tracing::warn!(%error, "the space of a deleted blob could not be given back; compaction will");
        }
    }
}

impl BlobStore for Volumes {
    fn put_begin(&self, len: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        if len > BLOB_BYTES_MAX {
            return Err(BlobError::TooLarge { len, max: BLOB_BYTES_MAX });
        }
        Ok(Box::new(write::Writer::begin(&self.inner, len)?))
    }

    fn persist(&self, staged: Vec<Staged>) -> Result<(), BlobError> {
        write::persist(&self.inner, staged)
    }

    fn read_at(&self, root: Root, offset: u64, buf: &mut [u8]) -> Result<(), BlobError> {
        self.inner.read(root, |place| self.inner.read_data(root, place, offset, buf))
    }

    fn contains(&self, root: Root) -> Result<bool, BlobError> {
        Ok(self.inner.find(root)?.is_some())
    }

    fn len(&self, root: Root) -> Result<Option<u64>, BlobError> {
        Ok(self.inner.find(root)?.map(|place| place.len))
    }

    fn outboard(&self, root: Root) -> Result<Vec<u8>, BlobError> {
        self.inner.read(root, |place| self.inner.read_outboard(root, place))
    }

    fn delete(&self, roots: &[Root]) -> Result<(), BlobError> {
        for part in roots.chunks(DELETE_BATCH) {
            let _commit = self.inner.commit_lock();
            let mut batch = Batch::new();
            let mut places = std::collections::BTreeMap::new();
            for root in part {
                if let Some(place) = self.inner.find(*root)? {
                    index::delete(&mut batch, *root);
                    places.insert(*root, place);
                }
            }
            self.inner.index.apply(batch)?;
            places.values().for_each(|place| self.inner.free(place));
        }
        self.inner.remove_empty();
        Ok(())
    }

    fn verify(&self, root: Root) -> Result<(), BlobError> {
        self.inner.read(root, |place| self.inner.verify_record(root, place))
    }

    fn usage(&self) -> Usage {
        self.inner.space().usage(self.inner.options.capacity_bytes)
    }
}

fn file_name(volume: u32) -> String {
    format!("vol-{volume:08}.bdv")
}

fn volume_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("vol-")?.strip_suffix(".bdv")?;
    number.parse().ok().filter(|&volume| file_name(volume) == name)
}

#[cfg(test)]
mod tests;
