//! What does the market keep of a place?
//!
//! A *location*, 8 × 8 × 8 chunks, is a public dataset with these files:
//!
//! | file | holds | read by |
//! |---|---|---|
//! | `location-<version>` | the [`Manifest`]: hashes of all chunks, where the changed ones lie | every visitor, whole |
//! | `chunks-<version>` | that version's changed chunks, each [packed](crate::pack) for itself | one range per chunk |
//! | `base-<version>` | what the edit graph must remember of what was folded into that version | builders, whole |
//! | `edits-<first>` | [`LogSegment`]s: the edits since | every visitor, whole |
//!
//! `<version>` is its sequence number and the first 8 bytes of its manifest's hash. The ledger names one version of a location
//! by just these two, and no other counts: not one whose making was cut short, nor one that a writer of the dataset put there
//! on its own. Since no two versions share a name, whoever makes one overwrites nobody else's.
//!
//! What the generator makes is not kept: its chunks have a hash in the manifest and no frame. A frame never crosses a
//! stripe unit, so that one chunk is one verified range from one supplier; frames lie in the order of the chunks'
//! numbers (Morton), so that neighbours in space share a unit.
//!
//! Between two versions the [`Head`], a record signed by a writer in the DHT, tells which log belongs to which version.
//!
//! Nothing here trusts a file: [`Manifest::decode`] refuses whatever it doesn't like, and offsets can't lie because
//! they aren't stored: they follow from the lengths.
//!
//! **Invariant:** no decoder here takes memory for what a file announces before it holds the bytes.

mod head;
mod invalid;
mod log;
mod manifest;
mod snapshot;
#[cfg(test)]
mod tests;

pub use head::{HEAD_BYTES_MAX, Head, HeadRecord, OnLedger, head_key, newer};
pub use invalid::Invalid;
pub use log::{
    LOG_BYTES_MAX, LOG_OP_BYTES_MAX, LOG_SEGMENT_BYTES_MAX, LOG_SEGMENT_OPS_MAX, LOG_SEGMENTS_MAX, LogSegment,
};
pub use manifest::{
    BASE_BYTES_MAX, ChunkEntry, FOLDED_MAX, MANIFEST_BYTES_MAX, Manifest, PARAMS_BYTES_MAX, Place, Stored, Version,
};
pub use snapshot::Snapshot;

use bitdust_types::{Root, layout::UNIT_PLAIN_BYTES};

use crate::{pack::PACKED_BYTES_MAX, place::LOCATION_CHUNKS};

/// The longest file of frames: any packed chunk fits a unit, so 512 frames take at most 512 units, 33.5 MB, which is
/// less than a slab.
pub const FRAMES_BYTES_MAX: u64 = LOCATION_CHUNKS as u64 * UNIT_PLAIN_BYTES;
/// Everything that one version of a location and the log after it may take: manifest 64 KiB + frames 32 MiB + base 6
/// MiB + log 17 MiB = 55 MiB.
pub const LOCATION_BYTES_MAX: u64 =
    MANIFEST_BYTES_MAX as u64 + FRAMES_BYTES_MAX + BASE_BYTES_MAX as u64 + LOG_BYTES_MAX as u64;

/// Bytes of a manifest's hash in the names of its version's files. They only keep honest makers apart: the whole hash is checked.
const MARK_BYTES: usize = 8;

const _: () =
    assert!(PACKED_BYTES_MAX as u64 <= UNIT_PLAIN_BYTES && FRAMES_BYTES_MAX <= bitdust_types::layout::SLAB_PLAIN_BYTES);

/// The file with the manifest of a version, by its number and its manifest's hash.
pub fn manifest_file(sequence: u64, manifest: &Root) -> String {
    version_file("location", sequence, manifest)
}

/// The file with the frames of a version.
pub fn chunks_file(sequence: u64, manifest: &Root) -> String {
    version_file("chunks", sequence, manifest)
}

/// The file with the edit graph's base of a version.
pub fn base_file(sequence: u64, manifest: &Root) -> String {
    version_file("base", sequence, manifest)
}

/// The number of the version that a file belongs to, if it belongs to one.
pub fn version_of(file: &str) -> Option<u64> {
    let (kind, version) = file.split_once('-')?;
    let (sequence, mark) = version.split_once('-')?;
    let is_one = ["location", "chunks", "base"].contains(&kind) && mark.len() == 2 * MARK_BYTES;
    sequence.parse().ok().filter(|_| is_one)
}

fn version_file(kind: &str, sequence: u64, manifest: &Root) -> String {
    let mark: String = manifest.0[..MARK_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}-{sequence}-{mark}")
}

/// The file with the segment of the log whose first edit has this number.
pub fn edits_file(first: u64) -> String {
    format!("edits-{first}")
}
