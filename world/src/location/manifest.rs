//! The manifest of one version of a location: the hash of each of its 512 chunks, and where the changed ones lie.
//!
//! Canonical bytes: `"BDLM", 1 ‖ borsh(version) ‖ 512 × hash ‖ 512 × u16`, the last being the lengths of the frames, 0
//! for a chunk as the generator makes it. A frame begins where the one before ends, or at the next unit of
//! [`UNIT_PLAIN_BYTES`] if it wouldn't end within this one: since offsets follow from lengths, frames can't overlap,
//! cross a unit or leave the file, and equal versions have equal bytes.

use std::ops::Range;

use bitdust_proof::blob;
use bitdust_types::{
    Address, Root,
    layout::UNIT_PLAIN_BYTES,
    signing::{read_address, write_address},
};
use borsh::{BorshDeserialize, BorshSerialize};

use super::Invalid;
use crate::{
    Chunk, LocationPos,
    pack::{PACKED_BYTES_MAX, Unpacker},
    place::LOCATION_CHUNKS,
};

/// Bytes of a manifest: one unit. 512 × 34 bytes of chunks = 17 KiB, 256 × 32 bytes of folded heads = 8 KiB, the
/// generator's parameters 4 KiB, and less than 1 KiB for the rest.
pub const MANIFEST_BYTES_MAX: usize = UNIT_PLAIN_BYTES as usize;
/// Bytes of the generator's parameters.
pub const PARAMS_BYTES_MAX: usize = 4096;
/// Heads of the edit graph that a version may be folded at.
pub const FOLDED_MAX: usize = 256;
/// Bytes of the file that keeps what the edit graph must remember of what was folded.
pub const BASE_BYTES_MAX: u32 = 6 * 1024 * 1024;

const _: () =
    assert!(MAGIC.len() + LOCATION_CHUNKS * 34 + FOLDED_MAX * 32 + PARAMS_BYTES_MAX + 1024 <= MANIFEST_BYTES_MAX);

const PART: &str = "manifest";
const MAGIC: [u8; 5] = *b"BDLM\x01";

/// A stored file that is read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Stored {
    /// Its length.
    pub bytes: u32,
    /// Its BLAKE3 hash.
    pub hash: Root,
}

/// What a version says of itself, beside its chunks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Version {
    /// The world's id.
    pub world: [u8; 32],
    /// Where in it.
    pub pos: LocationPos,
    /// Counts versions from 1.
    pub sequence: u64,
    /// The seed of the generator whose chunks have no frames.
    pub seed: u64,
    /// Its version.
    pub generator: u32,
    /// Its parameters, in their own canonical bytes.
    pub params: Vec<u8>,
    /// Heads of the edit graph up to which edits are contained in the chunks: rising.
    pub folded: Vec<[u8; 32]>,
    /// What the edit graph must remember of them, if anything.
    pub base: Option<Stored>,
    /// The number of the first edit in the log after this version; edits are numbered on through all versions, so that
    /// no two files have one name.
    pub log_first: u64,
    /// Who made it.
    #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
    pub author: Address,
}

impl Version {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let rule = |kept, rule| if kept { Ok(()) } else { Err(Invalid::Rule { part: PART, rule }) };
        rule(self.sequence > 0, "versions are counted from 1")?;
        rule(self.params.len() <= PARAMS_BYTES_MAX, "the generator's parameters have at most 4,096 bytes")?;
        rule(self.folded.len() <= FOLDED_MAX, "a version is folded at no more than 256 heads")?;
        rule(self.folded.is_sorted_by(|a, b| a < b), "folded heads are sorted, each named once")?;
        rule(self.base.is_none_or(|base| (1..=BASE_BYTES_MAX).contains(&base.bytes)), "a base has 1 byte to 6 MiB")
    }
}

/// Where a chunk's bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The generator makes it.
    Generated,
    /// It lies in the file of frames.
    Frame {
        /// The first byte.
        offset: u32,
        /// How many.
        len: u16,
    },
}

/// One chunk of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkEntry {
    /// [`Chunk::hash`].
    pub hash: Root,
    /// Where its bytes come from.
    pub place: Place,
}

/// One version of a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    version: Version,
    chunks: Box<[ChunkEntry; LOCATION_CHUNKS]>,
    frames_bytes: u64,
}

impl Manifest {
    /// From hashes and lengths of frames; both are given by number of chunk, and length 0 stands for no frame.
    pub(super) fn new(
        version: Version,
        chunks: impl IntoIterator<Item = (Root, u16), IntoIter: ExactSizeIterator>,
    ) -> Result<Self, Invalid> {
        version.check()?;
        let mut entries = Box::new([ChunkEntry { hash: Root::default(), place: Place::Generated }; LOCATION_CHUNKS]);
        let mut end = 0;
        let chunks = chunks.into_iter();
        assert_eq!(chunks.len(), LOCATION_CHUNKS, "a location's chunks");
        for (entry, (hash, len)) in entries.iter_mut().zip(chunks) {
            if usize::from(len) > PACKED_BYTES_MAX {
                return Err(Invalid::TooLong { part: "frame", found: len.into(), most: PACKED_BYTES_MAX as u64 });
            }
            let mut place = Place::Generated;
            if len > 0 {
                let offset = frame_offset(end, len);
                // 512 frames of one unit each end below 2^32.
                place = Place::Frame { offset: offset as u32, len };
                end = offset + u64::from(len);
            }
            *entry = ChunkEntry { hash, place };
        }
        Ok(Manifest { version, chunks: entries, frames_bytes: end })
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        borsh::to_writer(&mut bytes, &self.version).expect("a vector takes any bytes");
        bytes.extend(self.chunks.iter().flat_map(|entry| entry.hash.0));
        bytes.extend(self.chunks.iter().flat_map(|entry| entry.frame_len().to_le_bytes()));
        assert!(bytes.len() <= MANIFEST_BYTES_MAX, "the bounds of the parts are those of the whole");
        bytes
    }

    /// Reads canonical bytes and holds every field against its bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        const HASHES: usize = LOCATION_CHUNKS * 32;
        const LENGTHS: usize = LOCATION_CHUNKS * 2;
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(Invalid::TooLong { part: PART, found: bytes.len() as u64, most: MANIFEST_BYTES_MAX as u64 });
        }
        let rest = bytes.strip_prefix(&MAGIC).ok_or(Invalid::Magic { part: PART })?;
        let malformed = |why: String| Invalid::Malformed { part: PART, why };
        let (version, chunks) = rest
            .len()
            .checked_sub(HASHES + LENGTHS)
            .map(|at| rest.split_at(at))
            .ok_or_else(|| malformed("it ends before its 512 chunks do".into()))?;
        let version = borsh::from_slice(version).map_err(|error| malformed(error.to_string()))?;
        let (hashes, lengths) = chunks.split_at(HASHES);
        let hashes = hashes.as_chunks().0.iter().map(|hash| Root(*hash));
        let lengths = lengths.as_chunks().0.iter().map(|len| u16::from_le_bytes(*len));
        Manifest::new(version, hashes.zip(lengths))
    }

    /// Names the version: BLAKE3 of the canonical bytes.
    pub fn hash(&self) -> Root {
        blob::root(&self.encode())
    }

    /// Whether it is the place that was asked for.
    pub fn check_for(&self, world: &[u8; 32], pos: LocationPos) -> Result<(), Invalid> {
        check_place((&self.version.world, self.version.pos), (world, pos))
    }

    /// Whether the file of frames, as the dataset lists it, has the length that follows from the frames.
    pub fn check_frames(&self, file_bytes: u64) -> Result<(), Invalid> {
        if file_bytes == self.frames_bytes {
            Ok(())
        } else {
            Err(Invalid::FileLength { part: "file of frames", found: file_bytes, said: self.frames_bytes })
        }
    }

    /// Whether these are the bytes of the base.
    pub fn check_base(&self, bytes: &[u8]) -> Result<(), Invalid> {
        let base = self.version.base.unwrap_or(Stored { bytes: 0, hash: blob::root(&[]) });
        if bytes.len() as u64 != u64::from(base.bytes) {
            return Err(Invalid::FileLength { part: "base", found: bytes.len() as u64, said: base.bytes.into() });
        }
        check_hash("base", blob::root(bytes), base.hash)
    }

    /// What it says beside its chunks.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The chunks, in the order of their numbers.
    pub fn chunks(&self) -> &[ChunkEntry; LOCATION_CHUNKS] {
        &self.chunks
    }

    /// The chunk with a number from 0 to 511.
    pub fn chunk(&self, index: u16) -> &ChunkEntry {
        &self.chunks[usize::from(index) % LOCATION_CHUNKS]
    }

    /// Length of the file of frames.
    pub fn frames_bytes(&self) -> u64 {
        self.frames_bytes
    }

    /// Where in the file of frames a chunk lies. `None` if the generator makes it.
    pub fn frame_range(&self, index: u16) -> Option<Range<u64>> {
        match self.chunk(index).place {
            Place::Generated => None,
            Place::Frame { offset, len } => Some(offset.into()..u64::from(offset) + u64::from(len)),
        }
    }

    /// Unpacks what somebody sent as a chunk, and holds it against its hash. Whoever kept the chunk may have packed it
    /// otherwise; the voxels count.
    pub fn verify_chunk(&self, unpacker: &mut Unpacker, index: u16, packed: &[u8]) -> Result<Chunk, Invalid> {
        let chunk = unpacker.unpack(packed).map_err(|invalid| Invalid::Chunk { index, invalid })?;
        check_hash("chunk", chunk.hash(), self.chunk(index).hash)?;
        Ok(chunk)
    }
}

impl ChunkEntry {
    const fn frame_len(&self) -> u16 {
        match self.place {
            Place::Generated => 0,
            Place::Frame { len, .. } => len,
        }
    }
}

/// Where a frame begins if the one before ends at `end`.
pub(super) const fn frame_offset(end: u64, len: u16) -> u64 {
    if end % UNIT_PLAIN_BYTES + len as u64 > UNIT_PLAIN_BYTES { end.next_multiple_of(UNIT_PLAIN_BYTES) } else { end }
}

pub(super) fn check_place(
    (found_world, found): (&[u8; 32], LocationPos),
    (world, wanted): (&[u8; 32], LocationPos),
) -> Result<(), Invalid> {
    if found_world != world {
        return Err(Invalid::World(wanted));
    }
    if found != wanted {
        return Err(Invalid::Position { found, wanted });
    }
    Ok(())
}

pub(super) fn check_hash(part: &'static str, found: Root, wanted: Root) -> Result<(), Invalid> {
    if found == wanted { Ok(()) } else { Err(Invalid::Hash { part, found, wanted }) }
}
