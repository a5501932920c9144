//! A [`BlobStore`] and [`Notebook`] in memory: for tests, and for a look at what the traits promise in their simplest form.
//!
//! Nothing survives the process. [`MemoryStore::damage`] spoils bytes, as a rotting disk would.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bitdust_types::Root;

use super::blob_store::{BlobError, BlobStore, BlobWriter, Note, NoteList, Notebook, Staged, Usage};

/// See the module's documentation. Clones share their content.
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
    capacity_bytes: u64,
}

#[derive(Default)]
struct Inner {
    blobs: HashMap<Root, Blob>,
    rotten: HashSet<(Root, u64)>,
    notes: BTreeMap<Vec<u8>, Vec<u8>>,
    live_bytes: u64,
}

struct Blob {
    bytes: Vec<u8>,
    outboard: Vec<u8>,
}

struct MemoryWriter {
    bytes: Vec<u8>,
    len: u64,
}

impl MemoryStore {
    /// An empty store of so many bytes.
    pub fn new(capacity_bytes: u64) -> Self {
        MemoryStore { inner: Arc::default(), capacity_bytes }
    }

    /// Makes every read that touches this byte fail, as a checksum on a disk would.
    pub fn damage(&self, root: Root, offset: u64) {
        self.lock().rotten.insert((root, offset));
    }

    /// Every blob with its length.
    pub fn blobs(&self) -> Vec<(Root, u64)> {
        self.lock().blobs.iter().map(|(root, blob)| (*root, blob.bytes.len() as u64)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change below is a single insertion or removal, so a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobStore for MemoryStore {
    fn put_begin(&self, len: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let free = self.usage().free_bytes();
        if len > free {
            return Err(BlobError::CapacityReached { wanted: len, free, capacity: self.capacity_bytes });
        }
        Ok(Box::new(MemoryWriter { bytes: Vec::new(), len }))
    }

    fn persist(&self, staged: Vec<Staged>) -> Result<(), BlobError> {
        let mut inner = self.lock();
        for blob in staged {
            let (root, len) = (blob.root(), blob.len());
            let place = blob.into_place().downcast::<Blob>();
            let place = place.map_err(|_| BlobError::Disk(format!("blob {root} was staged in another store")))?;
            if inner.blobs.insert(root, *place).is_none() {
                inner.live_bytes += len;
            }
        }
        Ok(())
    }

    fn read_at(&self, root: Root, offset: u64, buf: &mut [u8]) -> Result<(), BlobError> {
        let inner = self.lock();
        let blob = inner.blobs.get(&root).ok_or(BlobError::Missing(root))?;
        let (len, want) = (blob.bytes.len() as u64, buf.len() as u64);
        let end = offset.saturating_add(want);
        if end > len {
            return Err(BlobError::OutOfRange { root, len, offset, want });
        }
        if let Some((_, at)) = inner.rotten.iter().find(|(rotten, at)| *rotten == root && (offset..end).contains(at)) {
            return Err(BlobError::Rot { root, place: "memory".to_owned(), offset: *at });
        }
        buf.copy_from_slice(&blob.bytes[offset as usize..end as usize]);
        Ok(())
    }

    fn contains(&self, root: Root) -> Result<bool, BlobError> {
        Ok(self.lock().blobs.contains_key(&root))
    }

    fn len(&self, root: Root) -> Result<Option<u64>, BlobError> {
        Ok(self.lock().blobs.get(&root).map(|blob| blob.bytes.len() as u64))
    }

    fn outboard(&self, root: Root) -> Result<Vec<u8>, BlobError> {
        self.lock().blobs.get(&root).map(|blob| blob.outboard.clone()).ok_or(BlobError::Missing(root))
    }

    fn delete(&self, roots: &[Root]) -> Result<(), BlobError> {
        let mut inner = self.lock();
        for root in roots {
            if let Some(blob) = inner.blobs.remove(root) {
                inner.live_bytes -= blob.bytes.len() as u64;
            }
        }
        Ok(())
    }

    fn verify(&self, root: Root) -> Result<(), BlobError> {
        let len = self.len(root)?.ok_or(BlobError::Missing(root))?;
        self.read_at(root, 0, &mut vec![0; len as usize])
    }

    fn usage(&self) -> Usage {
        let inner = self.lock();
        Usage {
            blobs: inner.blobs.len() as u64,
            live_bytes: inner.live_bytes,
            pending_bytes: 0,
            capacity_bytes: self.capacity_bytes,
        }
    }
}

impl Notebook for MemoryStore {
    fn notes(&self) -> Result<NoteList, BlobError> {
        Ok(self.lock().notes.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, notes: Vec<Note>) -> Result<(), BlobError> {
        let mut inner = self.lock();
        for note in notes {
            match note.value {
                Some(value) => inner.notes.insert(note.key, value),
                None => inner.notes.remove(&note.key),
            };
        }
        Ok(())
    }
}

impl BlobWriter for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let got = (self.bytes.len() + bytes.len()) as u64;
        if got > self.len {
            return Err(BlobError::WrongLength { announced: self.len, got });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>, root: Root, outboard: &[u8]) -> Result<Staged, BlobError> {
        let got = self.bytes.len() as u64;
        if got != self.len {
            return Err(BlobError::WrongLength { announced: self.len, got });
        }
        Ok(Staged::new(root, got, Box::new(Blob { bytes: self.bytes, outboard: outboard.to_vec() })))
    }
}
