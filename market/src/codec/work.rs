//! What was done to how many bytes: the ground for every statement about the codec's speed and copying.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that each step handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Plain bytes sealed or opened.
    pub sealed: u64,
    /// Bytes of shards computed by the erasure code.
    pub coded: u64,
    /// Bytes masked or unmasked.
    pub masked: u64,
    /// Bytes hashed.
    pub hashed: u64,
    /// Bytes moved without being transformed.
    pub copied: u64,
}

/// A [`Work`] that several threads add to.
#[derive(Default)]
pub(super) struct Tally {
    sealed: AtomicU64,
    coded: AtomicU64,
    masked: AtomicU64,
    hashed: AtomicU64,
    copied: AtomicU64,
}

impl Tally {
    pub(super) fn add(&self, work: Work) {
        self.sealed.fetch_add(work.sealed, Relaxed);
        self.coded.fetch_add(work.coded, Relaxed);
        self.masked.fetch_add(work.masked, Relaxed);
        self.hashed.fetch_add(work.hashed, Relaxed);
        self.copied.fetch_add(work.copied, Relaxed);
    }

    pub(super) fn total(&self) -> Work {
        Work {
            sealed: self.sealed.load(Relaxed),
            coded: self.coded.load(Relaxed),
            masked: self.masked.load(Relaxed),
            hashed: self.hashed.load(Relaxed),
            copied: self.copied.load(Relaxed),
        }
    }
}
