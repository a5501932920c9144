//! Who owns which bytes of the volume files.
//!
//! A [`Region`] is a piece of a file that one put owns, from the moment it is set aside until it is indexed or dropped.
//! Dropping one that wasn't indexed gives the bytes back: the file's end is cut, a middle becomes a hole.
//!
//! **Invariant:** `end` of a volume never lies below an indexed record or a living region, so no byte has two owners.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use bitdust_market::supplier::blob_store::{BlobError, Usage};

use super::{
    Inner, file_name,
    record::{self, HEAD_BYTES, Header, Place},
};
use crate::{
    disk::{Disk, File},
    error::Error,
};

/// File handles kept at once.
const OPEN_VOLUMES_MAX: usize = 256;

/// The state of all volume files.
#[derive(Default)]
pub(super) struct Space {
    pub(super) volumes: BTreeMap<u32, Volume>,
    files: BTreeMap<u32, Arc<dyn File>>,
    /// The volume that takes new records.
    active: Option<u32>,
    /// Above every number that was ever indexed.
    pub(super) next_volume: u32,
    blobs: u64,
    live_bytes: u64,
    pending_bytes: u64,
}

/// The state of one volume file.
#[derive(Clone, Debug, Default)]
pub(super) struct Volume {
    /// The first byte behind everything that is owned.
    pub(super) end: u64,
    /// The end of the last record that was ever indexed.
    pub(super) mark: u64,
    /// Bytes of regions that are indexed.
    pub(super) live_region_bytes: u64,
    /// Records that are indexed.
    pub(super) live_records: u64,
    /// Regions of puts under way.
    pub(super) pending: u64,
    /// Takes no more records: it is damaged, or could not be compacted.
    pub(super) closed: bool,
    /// Whether a sync of this file failed since it was opened; then no later sync proves anything. The lock is held
    /// during a sync, so that nobody mistakes the next one's success for his own.
    pub(super) sync_failed: Arc<Mutex<bool>>,
}

/// A piece of a volume file that a put owns.
pub(super) struct Region {
    inner: Arc<Inner>,
    pub(super) file: Arc<dyn File>,
    pub(super) header: Header,
    pub(super) sync_failed: Arc<Mutex<bool>>,
    settled: bool,
}

impl Space {
    /// Counts an indexed record.
    pub(super) fn remember(&mut self, place: &Place) {
        let volume = self.volumes.entry(place.volume).or_default();
        volume.end = volume.end.max(place.end());
        volume.mark = volume.mark.max(place.end());
        volume.live_region_bytes += place.region;
        volume.live_records += 1;
        self.blobs += 1;
        self.live_bytes += place.len;
        self.next_volume = self.next_volume.max(place.volume.saturating_add(1));
    }

    /// The marks of the volumes that these records lie in, once they are indexed.
    pub(super) fn marks_with<'a>(&self, places: impl Iterator<Item = &'a Place>) -> BTreeMap<u32, u64> {
        let mut marks = BTreeMap::new();
        for place in places {
            let old = self.volumes.get(&place.volume).map_or(0, |volume| volume.mark);
            let mark = marks.entry(place.volume).or_insert(old);
            *mark = place.end().max(*mark);
        }
        marks
    }

    /// Stops counting a record that is no longer indexed.
    pub(super) fn forget(&mut self, place: &Place) {
        if let Some(volume) = self.volumes.get_mut(&place.volume) {
            volume.live_region_bytes -= place.region;
            volume.live_records -= 1;
        }
        self.blobs -= 1;
        self.live_bytes -= place.len;
    }

    pub(super) fn usage(&self, capacity_bytes: u64) -> Usage {
        Usage { blobs: self.blobs, live_bytes: self.live_bytes, pending_bytes: self.pending_bytes, capacity_bytes }
    }

    /// The open file of a volume.
    pub(super) fn file(&mut self, disk: &dyn Disk, dir: &Path, volume: u32) -> Result<Arc<dyn File>, Error> {
        if let Some(file) = self.files.get(&volume) {
            return Ok(Arc::clone(file));
        }
        let path = dir.join(file_name(volume));
        let file = disk.open(&path).map_err(|error| Error::io("open", &path, error))?;
        self.keep_file(volume, &file);
        Ok(file)
    }

    pub(super) fn keep_file(&mut self, volume: u32, file: &Arc<dyn File>) {
        if self.files.len() >= OPEN_VOLUMES_MAX {
            let spare = self.files.keys().copied().find(|other| Some(*other) != self.active);
            spare.and_then(|other| self.files.remove(&other));
        }
        self.files.insert(volume, Arc::clone(file));
    }

    /// Whether a volume is the one that takes new records.
    pub(super) fn is_active(&self, volume: u32) -> bool {
        self.active == Some(volume)
    }

    pub(super) fn set_active(&mut self, volume: Option<u32>) {
        self.active = volume;
    }

    /// Forgets a volume whose file is removed.
    pub(super) fn remove(&mut self, volume: u32) {
        self.volumes.remove(&volume);
        self.files.remove(&volume);
        if self.is_active(volume) {
            self.active = None;
        }
    }

    fn check_capacity(&self, len: u64, capacity: u64) -> Result<(), BlobError> {
        let used = self.live_bytes + self.pending_bytes;
        let free = capacity.saturating_sub(used);
        if len > free {
            return Err(BlobError::CapacityReached { wanted: len, free, capacity });
        }
        Ok(())
    }
}

impl Inner {
    /// Sets space aside for a blob of `len` bytes and writes the record's header.
    pub(super) fn reserve(self: &Arc<Self>, len: u64) -> Result<Region, BlobError> {
        self.reserve_checked(len, true)
    }

    /// The same without the check against the capacity, for moving what is held already.
    pub(super) fn reserve_for_move(self: &Arc<Self>, len: u64) -> Result<Region, BlobError> {
        self.reserve_checked(len, false)
    }

    fn reserve_checked(self: &Arc<Self>, len: u64, check_capacity: bool) -> Result<Region, BlobError> {
        let region = record::region_bytes(len);
        let mut space = self.space();
        if check_capacity {
            space.check_capacity(len, self.options.capacity_bytes)?;
        }
        let free = self.disk.free_bytes(&self.dir).map_err(|error| Error::io("measure", &self.dir, error))?;
        if free < region.saturating_add(self.options.keep_free_bytes) {
            return Err(BlobError::DiskFull { place: self.dir.display().to_string() });
        }
        let number = self.volume_with_room(&mut space, region)?;
        let path = self.path(number);
        let file = space.file(&*self.disk, &self.dir, number)?;
        let Some(volume) = space.volumes.get_mut(&number) else {
            return Err(BlobError::Disk(format!("{} is not open", path.display())));
        };
        let header = Header { volume: number, offset: volume.end, len, region };
        let placed = file.allocate(header.offset, region).and_then(|()| file.write_at(header.offset, &header.encode()));
        if let Err(error) = placed {
            // As it was before; if even that fails, the next record overwrites the same bytes.
            let _ = file.set_len(header.offset);
            return Err(Error::io("set space aside in", &path, error).into());
        }
        volume.end += region;
        volume.pending += 1;
        let sync_failed = Arc::clone(&volume.sync_failed);
        space.pending_bytes += len;
        Ok(Region { inner: Arc::clone(self), file, header, sync_failed, settled: false })
    }

    /// The number of a volume that has room for `region` bytes, creating one if need be.
    fn volume_with_room(&self, space: &mut Space, region: u64) -> Result<u32, Error> {
        if let Some(number) = space.active
            && let Some(volume) = space.volumes.get(&number)
            && !volume.closed
            && (volume.end == HEAD_BYTES || volume.end.saturating_add(region) <= self.options.volume_bytes)
        {
            return Ok(number);
        }
        let number = space.next_volume;
        let path = self.path(number);
        let file = self.disk.create(&path).map_err(|error| Error::io("create", &path, error))?;
        let made = file
            .write_at(0, &record::encode_head(number))
            .and_then(|()| file.sync())
            .and_then(|()| self.disk.sync_dir(&self.dir));
        if let Err(error) = made {
            let _ = self.disk.remove(&path);
            return Err(Error::io("create", &path, error));
        }
        space.next_volume += 1;
        space.active = Some(number);
        space.keep_file(number, &file);
        space.volumes.insert(number, Volume { end: HEAD_BYTES, ..Volume::default() });
        Ok(number)
    }

    /// Removes the files of volumes that hold nothing any more.
    pub(super) fn remove_empty(&self) {
        let mut space = self.space();
        let empty = |(number, volume): (&u32, &Volume)| {
            let idle = volume.live_records == 0 && volume.pending == 0 && volume.end > HEAD_BYTES;
            idle.then_some(*number)
        };
        let numbers: Vec<u32> = space.volumes.iter().filter_map(empty).collect();
        for number in numbers {
            space.remove(number);
            let path = self.path(number);
            // If the name survives a crash, the next opening finds a file without indexed records and removes it.
            let removed = self.disk.remove(&path).and_then(|()| self.disk.sync_dir(&self.dir));
            if let Err(error) = removed {
                tracing::warn!(file = %path.display(), %error, "an empty volume could not be removed");
            }
        }
    }
}

impl Region {
    /// The index has the record now: the bytes belong to it.
    pub(super) fn settle_indexed(mut self, place: &Place) {
        let mut space = self.inner.space();
        space.remember(place);
        self.close(&mut space);
        drop(space);
        self.settled = true;
    }

    /// Whether the index has the record is unknown: the bytes must not be used again before the next opening.
    pub(super) fn settle_unknown(mut self) {
        let mut space = self.inner.space();
        self.close(&mut space);
        drop(space);
        self.settled = true;
    }

    fn close(&self, space: &mut Space) {
        space.pending_bytes -= self.header.len;
        if let Some(volume) = space.volumes.get_mut(&self.header.volume) {
            volume.pending -= 1;
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let mut space = self.inner.space();
        self.close(&mut space);
        let Header { volume, offset, region, .. } = self.header;
        let freed = match space.volumes.get_mut(&volume) {
            Some(volume) if volume.end == offset + region => {
                volume.end = offset;
                self.file.set_len(offset).map(|()| true)
            }
            _ => self.file.punch(offset + record::HEADER_BYTES, region - record::HEADER_BYTES),
        };
        if let Err(error) = freed {
            let file = self.inner.path(volume);
            tracing::warn!(file = %file.display(), %error, "the space of an abandoned blob could not be given back yet");
        }
    }
}
