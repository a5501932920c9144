//! The log of edits after a version, in segments.
//!
//! Canonical bytes: `"BDLE", 1 ‖ borsh(segment)`. Each segment names the one before it by hash, the first one the
//! version's manifest, so that the newest segment's hash, which the [head](super::Head) tells, names the whole log.
//! What an edit means is not looked at here.

use bitdust_proof::blob;
use bitdust_types::{Root, layout::UNIT_PLAIN_BYTES};
use borsh::{BorshDeserialize, BorshSerialize};

use super::{Invalid, manifest::check_hash};

/// Bytes of an edit.
pub const LOG_OP_BYTES_MAX: usize = 64 * 1024;
/// Edits of a segment. An edit of one voxel takes about 250 bytes.
pub const LOG_SEGMENT_OPS_MAX: usize = 1024;
/// Bytes of a segment: four units, so that one holds at least three of the longest edits.
pub const LOG_SEGMENT_BYTES_MAX: usize = 4 * UNIT_PLAIN_BYTES as usize;
/// Segments after one version. While people build, a builder's node writes one every 2 s, and the segments of half an
/// hour fit; then it is time for a new version.
pub const LOG_SEGMENTS_MAX: u32 = 1024;
/// Bytes of all segments after one version: 16 MiB of edits, 65,536 × 4 bytes of lengths, 1,024 × 64 bytes of framing,
/// rounded up.
pub const LOG_BYTES_MAX: usize = 17 * 1024 * 1024;

const _: () = assert!(3 * (LOG_OP_BYTES_MAX + 4) + 64 <= LOG_SEGMENT_BYTES_MAX);

const PART: &str = "log segment";
const MAGIC: [u8; 5] = *b"BDLE\x01";

/// Some edits in the order in which they were persisted.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LogSegment {
    /// The number of the first edit.
    pub first: u64,
    /// The hash of the segment before it; of the manifest for the first segment of a version.
    pub previous: Root,
    /// Canonical bytes of signed edits.
    pub ops: Vec<Vec<u8>>,
}

impl LogSegment {
    /// As many edits as fit a segment, from the front. At least one does, unless there is none or it is too long.
    pub fn fill(first: u64, previous: Root, ops: &[Vec<u8>]) -> Self {
        let mut room = LOG_SEGMENT_BYTES_MAX - MAGIC.len() - 8 - 32 - 4;
        let fit = ops.iter().take(LOG_SEGMENT_OPS_MAX).take_while(|op| {
            let rest = room.checked_sub(4 + op.len());
            room = rest.unwrap_or(room);
            rest.is_some()
        });
        LogSegment { first, previous, ops: fit.cloned().collect() }
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, Invalid> {
        self.check()?;
        let mut bytes = MAGIC.to_vec();
        borsh::to_writer(&mut bytes, self).expect("a vector takes any bytes");
        check_len(bytes.len())?;
        Ok(bytes)
    }

    /// Reads canonical bytes. Memory is bounded by the bytes' length, whatever they announce.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        check_len(bytes.len())?;
        let rest = bytes.strip_prefix(&MAGIC).ok_or(Invalid::Magic { part: PART })?;
        let segment: LogSegment =
            borsh::from_slice(rest).map_err(|error| Invalid::Malformed { part: PART, why: error.to_string() })?;
        segment.check()?;
        Ok(segment)
    }

    /// The number of the first edit in the segment after this one.
    pub fn next(&self) -> u64 {
        self.first.saturating_add(self.ops.len() as u64)
    }

    /// Reads the log of a version whole: each segment must follow the one before it, the first one the manifest, and
    /// the last one have the hash that the head tells. `segments` are the files in order.
    pub fn decode_log(
        manifest: Root,
        log_first: u64,
        newest: Root,
        segments: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Self>, Invalid> {
        let bytes: usize = segments.iter().map(|bytes| bytes.as_ref().len()).sum();
        if segments.len() > LOG_SEGMENTS_MAX as usize || bytes > LOG_BYTES_MAX {
            return Err(Invalid::TooLong { part: "log", found: bytes as u64, most: LOG_BYTES_MAX as u64 });
        }
        let (mut previous, mut first) = (manifest, log_first);
        let mut log = Vec::with_capacity(segments.len());
        for bytes in segments {
            let segment = LogSegment::decode(bytes.as_ref())?;
            check_hash(PART, segment.previous, previous)?;
            if segment.first != first {
                return Err(Invalid::Rule { part: PART, rule: "edits are numbered without gaps" });
            }
            previous = blob::root(bytes.as_ref());
            first = segment.next();
            log.push(segment);
        }
        check_hash("log", previous, newest)?;
        Ok(log)
    }

    fn check(&self) -> Result<(), Invalid> {
        let rule = |kept, rule| if kept { Ok(()) } else { Err(Invalid::Rule { part: PART, rule }) };
        let count = self.ops.len();
        rule((1..=LOG_SEGMENT_OPS_MAX).contains(&count), "a segment has 1 to 1,024 edits")?;
        let lengths = self.ops.iter().all(|op| (1..=LOG_OP_BYTES_MAX).contains(&op.len()));
        rule(lengths, "an edit has 1 to 65,536 bytes")?;
        rule(self.first.checked_add(count as u64).is_some(), "edits are numbered below 2^64")
    }
}

fn check_len(bytes: usize) -> Result<(), Invalid> {
    if bytes <= LOG_SEGMENT_BYTES_MAX {
        Ok(())
    } else {
        Err(Invalid::TooLong { part: PART, found: bytes as u64, most: LOG_SEGMENT_BYTES_MAX as u64 })
    }
}
