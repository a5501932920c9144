//! The log of a location's edits after a version, as suppliers hold it: a chain of segments, each in a file of its own.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use bitdust_proof::blob;
use bitdust_types::Root;
use bitdust_world::location::{LOG_SEGMENTS_MAX, LogSegment, Manifest};

/// What is known of a log.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// Names of edits that are in it, with the number of their segment.
    pub kept: BTreeMap<[u8; 32], u64>,
    /// Its segments, in order.
    pub parts: Vec<Part>,
    /// The number of the next edit.
    pub next: u64,
    /// Hash of the newest segment, or of the manifest.
    pub newest: Root,
    /// The last segment, if its edits are known.
    last: Option<LogSegment>,
}

/// A segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    /// Number of its first edit.
    pub first: u64,
    /// Hash of what precedes it.
    previous: Root,
    bytes: u64,
    /// Where its file lies; none if it was written here and not seen since.
    pub lies: Option<Root>,
}

impl Log {
    /// A version's log before its first edit.
    pub fn after(version: Option<&Manifest>) -> Self {
        Log {
            next: version.map_or(0, |manifest| manifest.version().log_first),
            newest: version.map(Manifest::hash).unwrap_or_default(),
            ..Log::default()
        }
    }

    /// Takes a segment in, and hands its edits over. It takes the place of those that began where it does, or later.
    pub fn extend(&mut self, segment: LogSegment, hash: Root, ops: &mut Vec<Vec<u8>>) -> Result<()> {
        ensure!(
            self.segments() < LOG_SEGMENTS_MAX,
            "its log has {LOG_SEGMENTS_MAX} segments: it is time for a version"
        );
        while self.parts.pop_if(|part| part.first >= segment.first).is_some() {}
        let bytes = segment.ops.iter().map(|op| 4 + op.len() as u64).sum();
        self.parts.push(Part { first: segment.first, previous: self.newest, bytes, lies: None });
        self.kept.extend(segment.ops.iter().map(|op| (blob::root(op).0, segment.first)));
        ops.extend(segment.ops.iter().cloned());
        self.newest = hash;
        self.next = segment.next();
        self.last = Some(segment);
        Ok(())
    }

    /// Forgets segments from the one at a place on: their edits are not in the log any more.
    pub fn cut(&mut self, at: usize) {
        let Some(gone) = self.parts.get(at).copied() else { return };
        self.kept.retain(|_, first| *first < gone.first);
        self.parts.truncate(at);
        (self.next, self.newest) = (gone.first, gone.previous);
        self.last = None;
    }

    /// Takes the last segment's edits out again if they are fewer bytes than that, so that a longer one can take its place.
    pub fn reopen(&mut self, below_bytes: usize) -> Vec<Vec<u8>> {
        let is_short = |last: &mut LogSegment| last.ops.iter().map(Vec::len).sum::<usize>() < below_bytes;
        let Some(last) = self.last.take_if(is_short) else { return Vec::new() };
        self.cut(self.parts.len().saturating_sub(1));
        last.ops
    }

    /// How many segments it has.
    pub fn segments(&self) -> u32 {
        // At most LOG_SEGMENTS_MAX.
        self.parts.len() as u32
    }

    /// Bytes of its segments.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}
