//! Making a version: the manifest and the file of frames that it describes.

use std::collections::BTreeMap;

use bitdust_types::Root;

use super::{Invalid, Manifest, Version, manifest::frame_offset};
use crate::{Chunk, ChunkPos, pack::Packer, place::LOCATION_CHUNKS};

/// A version, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// For the file `location-<version>`.
    pub manifest: Manifest,
    /// For the file `chunks-<version>`, which must begin on a unit of its own.
    pub frames: Vec<u8>,
}

impl Snapshot {
    /// Packs the changed chunks, given by number, and asks for the hashes of the others as the generator makes them.
    /// All 512 may be changed: then the location is entirely somebody's own.
    ///
    /// # Panics
    /// If a changed chunk has a number from 512 on, or holds an id that no block may have.
    pub fn build(
        version: Version,
        changed: &BTreeMap<u16, Chunk>,
        mut generated: impl FnMut(ChunkPos) -> Root,
    ) -> Result<Self, Invalid> {
        assert!(changed.keys().all(|index| usize::from(*index) < LOCATION_CHUNKS), "a location has 512 chunks");
        version.check()?;
        let pos = version.pos;
        let mut packer = Packer::default();
        let mut frames = Vec::new();
        let mut entries = Vec::with_capacity(LOCATION_CHUNKS);
        for index in 0..LOCATION_CHUNKS as u16 {
            let Some(chunk) = changed.get(&index) else {
                entries.push((generated(pos.chunk(index)), 0));
                continue;
            };
            let packed = packer.pack(chunk);
            // A packed chunk has at most 60 KiB.
            let len = packed.len() as u16;
            frames.resize(frame_offset(frames.len() as u64, len) as usize, 0);
            frames.extend(&packed);
            entries.push((chunk.hash(), len));
        }
        let manifest = Manifest::new(version, entries)?;
        assert_eq!(manifest.frames_bytes(), frames.len() as u64, "the file that the manifest describes");
        Ok(Snapshot { manifest, frames })
    }
}
