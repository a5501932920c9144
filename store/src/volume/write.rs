//! Putting blobs: the bytes stream in, the footer closes the record, [`persist`] makes many durable at once.

use std::sync::{Arc, PoisonError};

use bitdust_market::supplier::blob_store::{BlobError, BlobWriter, Staged};
use bitdust_types::Root;

use super::{
    Inner, index,
    record::{self, Footer, GROUP_BYTES, HEADER_BYTES, Place},
    space::Region,
};
use crate::{error::Error, table::Batch};

/// One blob on its way to the disk.
pub(super) struct Writer {
    inner: Arc<Inner>,
    region: Region,
    written: u64,
    group: crc32fast::Hasher,
    sums: Vec<u8>,
}

/// A complete record that isn't indexed yet.
pub(super) struct Finished {
    pub(super) region: Region,
    pub(super) root: Root,
    pub(super) place: Place,
}

impl Writer {
    pub(super) fn begin(inner: &Arc<Inner>, len: u64) -> Result<Self, BlobError> {
        Ok(Self::new(inner, inner.reserve(len)?))
    }

    pub(super) fn new(inner: &Arc<Inner>, region: Region) -> Self {
        Writer { inner: Arc::clone(inner), region, written: 0, group: crc32fast::Hasher::new(), sums: Vec::new() }
    }

    /// Takes the checksums of the groups that `bytes` fill.
    fn sum(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = GROUP_BYTES - self.written % GROUP_BYTES;
            let (now, later) = bytes.split_at(bytes.len().min(room as usize));
            self.group.update(now);
            self.written += now.len() as u64;
            bytes = later;
            if self.written.is_multiple_of(GROUP_BYTES) {
                self.close_group();
            }
        }
    }

    fn close_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        self.sums.extend_from_slice(&group.finalize().to_le_bytes());
    }

    /// Writes checksums, outboard and footer.
    pub(super) fn close(mut self, root: Root, outboard: &[u8]) -> Result<Finished, BlobError> {
        let header = self.region.header;
        if self.written != header.len {
            return Err(BlobError::WrongLength { announced: header.len, got: self.written });
        }
        let max = record::outboard_bytes_max(header.len);
        if outboard.len() as u64 > max {
            let text = format!("the outboard of {root} has {} bytes; a blob of this length has {max}", outboard.len());
            return Err(BlobError::Disk(text));
        }
        if !self.written.is_multiple_of(GROUP_BYTES) {
            self.close_group();
        }
        let tables = [&self.sums, outboard].concat();
        let place = Place {
            volume: header.volume,
            offset: header.offset,
            region: header.region,
            len: header.len,
            outboard_len: outboard.len() as u32,
            tables_crc: crc32fast::hash(&tables),
        };
        let file = &self.region.file;
        file.write_at(place.sums_at(), &tables)
            .and_then(|()| file.write_at(place.footer_at(), &Footer { root, place }.encode()))
            .map_err(|error| Error::io("write to", &self.inner.path(header.volume), error))?;
        Ok(Finished { region: self.region, root, place })
    }
}

impl BlobWriter for Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let header = self.region.header;
        let got = self.written.saturating_add(bytes.len() as u64);
        if got > header.len {
            return Err(BlobError::WrongLength { announced: header.len, got });
        }
        let at = header.offset + HEADER_BYTES + self.written;
        let written = self.region.file.write_at(at, bytes);
        written.map_err(|error| Error::io("write to", &self.inner.path(header.volume), error))?;
        self.sum(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>, root: Root, outboard: &[u8]) -> Result<Staged, BlobError> {
        let finished = self.close(root, outboard)?;
        Ok(Staged::new(root, finished.place.len, Box::new(finished)))
    }
}

/// Makes these blobs durable and served, all or none.
pub(super) fn persist(inner: &Arc<Inner>, staged: Vec<Staged>) -> Result<(), BlobError> {
    let mut finished = Vec::with_capacity(staged.len());
    for blob in staged {
        let root = blob.root();
        let own = blob.into_place().downcast::<Finished>();
        let own = own.map_err(|_| BlobError::Disk(format!("blob {root} was staged in another store")))?;
        finished.push(*own);
    }
    sync_volumes(inner, &finished)?;
    let _commit = inner.commit_lock();
    enter(inner, finished, |_, _| true)
}

/// Syncs every file that these records lie in, each once.
pub(super) fn sync_volumes(inner: &Inner, finished: &[Finished]) -> Result<(), BlobError> {
    let mut files: Vec<&Region> = finished.iter().map(|blob| &blob.region).collect();
    files.sort_by_key(|region| region.header.volume);
    files.dedup_by_key(|region| region.header.volume);
    for region in files {
        let path = inner.path(region.header.volume);
        let mut failed = region.sync_failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(Error::Broken { place: path }.into());
        }
        if let Err(error) = region.file.sync() {
            *failed = true;
            let mut space = inner.space();
            if let Some(volume) = space.volumes.get_mut(&region.header.volume) {
                volume.closed = true;
            }
            return Err(Error::io("sync", &path, error).into());
        }
    }
    Ok(())
}

/// Enters the records in the index with one synced batch and frees the copies that they replace. `wanted` is asked with
/// each root and its present place; records that it refuses are dropped. The caller holds the commit lock.
pub(super) fn enter(
    inner: &Inner,
    finished: Vec<Finished>,
    wanted: impl Fn(Root, Option<&Place>) -> bool,
) -> Result<(), BlobError> {
    let mut newest = std::collections::BTreeMap::new();
    let mut replaced = Vec::new();
    for blob in finished {
        let present = inner.find(blob.root)?;
        if wanted(blob.root, present.as_ref()) {
            // A twin in the same batch is dropped here, and with it its space.
            if newest.insert(blob.root, blob).is_none() {
                replaced.extend(present);
            }
        }
    }
    let mut batch = Batch::new();
    for blob in newest.values() {
        index::put(&mut batch, blob.root, &blob.place);
    }
    for (volume, mark) in inner.space().marks_with(newest.values().map(|blob| &blob.place)) {
        index::put_mark(&mut batch, volume, mark);
    }
    if let Err(error) = inner.index.apply(batch) {
        // The batch may or may not be on disk; at the next opening the index says which.
        newest.into_values().for_each(|blob| blob.region.settle_unknown());
        return Err(error.into());
    }
    for blob in newest.into_values() {
        let place = blob.place;
        blob.region.settle_indexed(&place);
    }
    replaced.iter().for_each(|place| inner.free(place));
    Ok(())
}
