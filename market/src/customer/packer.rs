//! Files into slabs: small files share one, large files fill their own.
//!
//! A slab is handed out when it is full, when a large file begins or ends, when [`Packer::is_due`], and when the caller
//! asks for it. Large files begin and end a slab so that the cuts depend on the file alone: put again after a crash, the
//! same bytes fall into the same slabs, and what was sent already is recognised ([`super::upload`]).
//!
//! **Invariant:** a file's pieces, in order, are exactly its bytes; no piece spans two slabs; no slab is empty.

use bitdust_types::layout::{SLAB_PLAIN_BYTES, UNIT_PLAIN_BYTES};
use sha2::{Digest, Sha256};

/// How long a pack waits for more small files.
pub const FLUSH_MS: u64 = 2000;
/// From this size on a file gets its own slabs: an eighth of a slab, so at most an eighth more slabs are begun than needed.
pub const LARGE_FILE_BYTES: u64 = SLAB_PLAIN_BYTES / 8;

/// A piece of a file in a slab that isn't named yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The packer's count of slabs, from 0.
    pub slab: u64,
    /// First byte in the slab.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// A file that has been read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Where they lie.
    pub pieces: Vec<Piece>,
}

/// A slab to be sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedSlab {
    /// The packer's count of slabs, from 0.
    pub index: u64,
    /// Plain bytes; never empty.
    pub plain: Vec<u8>,
}

/// SHA-256 of a content that arrives piece by piece, as the manifest keeps it.
#[derive(Clone, Debug, Default)]
pub struct ContentHasher(Sha256);

impl ContentHasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all of them.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The file being read.
struct Open {
    hasher: ContentHasher,
    bytes: u64,
    pieces: Vec<Piece>,
    large: bool,
}

/// Fills one slab at a time.
pub struct Packer {
    slab_bytes: usize,
    index: u64,
    plain: Vec<u8>,
    since_ms: u64,
    open: Option<Open>,
    /// The slab ends here although it isn't full.
    cut: bool,
}

impl Default for Packer {
    fn default() -> Self {
        Packer::new(SLAB_PLAIN_BYTES)
    }
}

impl Packer {
    /// A packer of slabs of so many plain bytes ([`SLAB_PLAIN_BYTES`] but in tests).
    pub fn new(slab_bytes: u64) -> Self {
        // A slab is far smaller than any address space that this runs in.
        let slab_bytes = slab_bytes.clamp(1, SLAB_PLAIN_BYTES) as usize;
        Packer { slab_bytes, index: 0, plain: Vec::new(), since_ms: 0, open: None, cut: false }
    }

    /// Begins a file. `size` is what its source says, if it says anything; a file of unknown size counts as large. A file
    /// that was begun and not ended before is abandoned: its bytes stay in the slabs as dead ones.
    ///
    /// Afterwards take a slab if [`Packer::is_ready`].
    pub fn begin(&mut self, size: Option<u64>) {
        self.begin_at(size, false);
    }

    /// As [`Packer::begin`]; if `aligned`, the file's first byte is the first of a stripe unit, so that whoever laid the file
    /// out by units finds them so in the slab. What is skipped is zero and belongs to no file.
    pub fn begin_at(&mut self, size: Option<u64>, aligned: bool) {
        let large = size.is_none_or(|size| size >= LARGE_FILE_BYTES.min(self.slab_bytes as u64));
        self.cut = large && !self.plain.is_empty();
        if aligned && !self.cut {
            let unit = UNIT_PLAIN_BYTES as usize;
            let start = self.plain.len().next_multiple_of(unit);
            if start < self.slab_bytes { self.plain.resize(start, 0) } else { self.cut = !self.plain.is_empty() }
        }
        self.open = Some(Open { hasher: ContentHasher::default(), bytes: 0, pieces: Vec::new(), large });
    }

    /// Whether a slab must be taken before more is written.
    pub fn is_ready(&self) -> bool {
        self.plain.len() == self.slab_bytes || (self.cut && !self.plain.is_empty())
    }

    /// Appends the open file's next bytes, as many as fit, and answers how many; 0 while a slab must be taken first, or
    /// when no file is open.
    pub fn write(&mut self, bytes: &[u8], now_ms: u64) -> usize {
        if self.is_ready() {
            return 0;
        }
        let Some(open) = &mut self.open else { return 0 };
        let taken = bytes.len().min(self.slab_bytes - self.plain.len());
        if taken == 0 {
            return 0;
        }
        if self.plain.is_empty() {
            self.since_ms = now_ms;
            // A large file will fill the slab: growing by doubling would copy it about once more.
            self.plain.reserve_exact(if open.large { self.slab_bytes } else { taken });
        }
        let (offset, len) = (self.plain.len() as u64, taken as u64);
        self.plain.extend_from_slice(&bytes[..taken]);
        open.hasher.update(&bytes[..taken]);
        open.bytes += len;
        match open.pieces.last_mut() {
            Some(last) if last.slab == self.index && last.offset + last.len == offset => last.len += len,
            _ => open.pieces.push(Piece { slab: self.index, offset, len }),
        }
        taken
    }

    /// Ends the file; `None` if none is open.
    pub fn end(&mut self) -> Option<PackedFile> {
        let open = self.open.take()?;
        self.cut = open.large;
        Some(PackedFile { bytes: open.bytes, sha256: open.hasher.finish(), pieces: open.pieces })
    }

    /// Bytes waiting in the slab.
    pub fn pending_bytes(&self) -> u64 {
        self.plain.len() as u64
    }

    /// Whether the oldest byte in the slab has waited for [`FLUSH_MS`].
    pub fn is_due(&self, now_ms: u64) -> bool {
        !self.plain.is_empty() && now_ms.saturating_sub(self.since_ms) >= FLUSH_MS
    }

    /// Milliseconds until [`Packer::is_due`]; `None` while nothing waits.
    pub fn due_in_ms(&self, now_ms: u64) -> Option<u64> {
        (!self.plain.is_empty()).then(|| (self.since_ms + FLUSH_MS).saturating_sub(now_ms))
    }

    /// Takes the slab as it is; `None` if it is empty.
    pub fn take(&mut self) -> Option<PackedSlab> {
        self.cut = false;
        if self.plain.is_empty() {
            return None;
        }
        let slab = PackedSlab { index: self.index, plain: std::mem::take(&mut self.plain) };
        self.index += 1;
        Some(slab)
    }
}

#[cfg(test)]
mod tests;
