//! Where a supplier's blobs survive: what the market asks of a disk.
//!
//! `bitdust-store` implements it over volume files with the index in a database; [`super::memory`] is the double for tests.
//!
//! **Order.** [`BlobStore::put_begin`] sets the room aside; the bytes stream in; [`BlobWriter::finish`] closes the record,
//! which nobody sees yet; [`BlobStore::persist`] makes it durable (volume files synced first, then one synced batch of the
//! index) and served. "Stored" may be said after `persist` only.
//!
//! **Not here.** Whether bytes hash to a root: the caller hashes them as they stream in, which gives it the outboard too.
//! The book of slots: it has a table of its own ([`Notebook`]), written after the blobs that it names are durable.

use std::{any::Any, fmt, io};

use bitdust_types::Root;

/// This machine's disk failed or is full. None of these is a verdict on a customer, but the ones about lengths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The offered capacity is used up.
    #[error("no room for {wanted} bytes: {free} of the allotted {capacity} are free; raise the limit or delete data")]
    CapacityReached {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes that are free.
        free: u64,
        /// Bytes allotted.
        capacity: u64,
    },
    /// The file system is full.
    #[error("the disk of {place} is full; free some space or lower the offered capacity")]
    DiskFull {
        /// File or directory.
        place: String,
    },
    /// Longer than any blob may be.
    #[error("a blob of {len} bytes is above the limit of {max}")]
    TooLarge {
        /// Bytes announced.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// More or fewer bytes than announced.
    #[error("{got} bytes were sent, but {announced} were announced; nothing was kept")]
    WrongLength {
        /// Announced by the sender.
        announced: u64,
        /// Received.
        got: u64,
    },
    /// The store doesn't have this blob.
    #[error("blob {0} is not in the store")]
    Missing(Root),
    /// A checksum on the disk doesn't fit: the medium lost bytes.
    #[error("blob {root} is damaged: {place}, byte {offset}")]
    Rot {
        /// The blob.
        root: Root,
        /// The file.
        place: String,
        /// Where in the file.
        offset: u64,
    },
    /// A read beyond the end of a blob.
    #[error("{want} bytes from {offset} on were asked of blob {root}, which has {len}")]
    OutOfRange {
        /// The blob.
        root: Root,
        /// Its length.
        len: u64,
        /// First byte asked for.
        offset: u64,
        /// Bytes asked for.
        want: u64,
    },
    /// Anything else that the disk or the index did; the text names the file.
    #[error("{0}")]
    Disk(String),
}

impl From<BlobError> for io::Error {
    fn from(error: BlobError) -> Self {
        io::Error::other(error.to_string())
    }
}

/// How full a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Blobs that are served.
    pub blobs: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Bytes set aside for blobs on their way.
    pub pending_bytes: u64,
    /// Bytes that the store may use in all.
    pub capacity_bytes: u64,
}

impl Usage {
    /// Bytes that are still free.
    pub fn free_bytes(&self) -> u64 {
        self.capacity_bytes.saturating_sub(self.live_bytes).saturating_sub(self.pending_bytes)
    }
}

/// A complete blob that isn't durable yet. Dropping it gives its room back.
pub struct Staged {
    root: Root,
    len: u64,
    place: Box<dyn Any + Send>,
}

impl Staged {
    /// A blob that a store has written; `place` is what that store needs to find it again.
    pub fn new(root: Root, len: u64, place: Box<dyn Any + Send>) -> Self {
        Staged { root, len, place }
    }

    /// The blob's root.
    pub fn root(&self) -> Root {
        self.root
    }

    /// The blob's bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the blob has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the store put in.
    pub fn into_place(self) -> Box<dyn Any + Send> {
        self.place
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Staged({}, {} bytes)", self.root, self.len)
    }
}

/// A store of immutable blobs, each named by its BLAKE3 root.
///
/// All calls may block on the disk: call them from a blocking thread.
pub trait BlobStore: Send + Sync {
    /// Begins a blob of exactly `len` bytes, reserving their room. Dropping the writer gives the room back.
    fn put_begin(&self, len: u64) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Makes these blobs durable and served, all or none.
    fn persist(&self, staged: Vec<Staged>) -> Result<(), BlobError>;

    /// Fills `buf` with the blob's bytes from `offset` on, or fails: never fewer bytes, never damaged ones.
    fn read_at(&self, root: Root, offset: u64, buf: &mut [u8]) -> Result<(), BlobError>;

    /// Whether a blob is served.
    fn contains(&self, root: Root) -> Result<bool, BlobError>;

    /// Length of a blob, or `None` if it isn't served.
    fn len(&self, root: Root) -> Result<Option<u64>, BlobError>;

    /// The bytes of the blob's `bitdust_proof::blob::Outboard`, with which ranges and chunks are proved.
    fn outboard(&self, root: Root) -> Result<Vec<u8>, BlobError>;

    /// Forgets blobs, durably. Unknown roots are ignored.
    fn delete(&self, roots: &[Root]) -> Result<(), BlobError>;

    /// Reads the whole blob and holds it against its checksums.
    fn verify(&self, root: Root) -> Result<(), BlobError>;

    /// How full the store is.
    fn usage(&self) -> Usage;
}

/// A blob being received.
pub trait BlobWriter: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError>;

    /// Closes the record. `root` and `outboard` were computed from the same bytes by the caller.
    fn finish(self: Box<Self>, root: Root, outboard: &[u8]) -> Result<Staged, BlobError>;
}

/// One note to write (`Some`) or to remove (`None`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Key, at most 128 bytes.
    pub key: Vec<u8>,
    /// New value, or `None` to remove the note.
    pub value: Option<Vec<u8>>,
}

/// Notes as they are read: keys and values.
pub type NoteList = Vec<(Vec<u8>, Vec<u8>)>;

/// A small durable table: the book of slots.
pub trait Notebook: Send + Sync {
    /// Every note, in the order of their keys.
    fn notes(&self) -> Result<NoteList, BlobError>;

    /// Applies these notes, all or none; durable on return.
    fn apply(&self, notes: Vec<Note>) -> Result<(), BlobError>;
}
