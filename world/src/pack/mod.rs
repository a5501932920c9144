//! Bytes of a chunk.
//!
//! Each chunk stands for itself, so that any one can be fetched, checked and shown alone. What is packed are the voxels
//! that their neighbours don't foretell (`predict`), their ids replaced by numbers in a palette, all of it under
//! zstd:
//!
//! ```text
//! 0 ‖ id                                   one block everywhere: 3 bytes
//! 1 ‖ 14 bits per voxel                    57,345 bytes, if nothing shorter is found
//! 2 ‖ zstd(palette ‖ number ‖ gaps ‖ ids)  few surprises: how many there are, for each how many voxels lie between it
//!                                          and the one before (LEB128)
//! 3 ‖ zstd(palette ‖ map ‖ ids)            many surprises: a bit for each voxel
//! ```
//!
//! A palette is a count and so many ids, ascending. An id of a surprise is a byte, its place in the palette; or, with a
//! palette of none, two, the low bytes of all before the high bytes of all.
//!
//! Of this, zstd is given 2.1 KB a chunk (mean of 98 mixed ones around the ground of a generated world) and makes 1,145
//! bytes of a chunk with the ground's surface in it. Plain palette numbers, 32.8 KB, become 1,599 bytes at the same
//! level and 1,253 at level 9; packed to as few bits as the palette needs, 15.1 KB, they become 1,393.
//!
//! Integers are little endian. Two packers may give different bytes for equal chunks (zstd's encoder changes with its
//! version), therefore a chunk is named by [`Chunk::hash`], never by its packed bytes.
//!
//! **Invariant:** no input makes [`unpack`] allocate more than a chunk, nor the scratch space of an [`Unpacker`] grow.
//! **Invariant:** what [`unpack`] gives holds no id from [`ID_END`] on.

mod predict;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::{CParameter, compress_bound, find_frame_compressed_size},
};

use crate::{BlockId, Chunk, block::ID_END, place::CHUNK_VOXELS};
use predict::{ROWS, Surprises, Voxels};

/// A packed chunk is never longer. The longest is [`RAW_BYTES`] = 57,345, rounded up to what the format promises.
pub const PACKED_BYTES_MAX: usize = 60 * 1024;
/// One byte for the kind and 14 bits for each voxel.
pub const RAW_BYTES: usize = 1 + CHUNK_VOXELS * ID_BITS / 8;

/// Bits of an id below [`ID_END`].
const ID_BITS: usize = 14;
/// A palette has at most as many ids as a byte can number.
const PALETTE_MAX: usize = 256;
/// Bytes of the map of surprises: a bit per voxel.
const MAP_BYTES: usize = ROWS * 4;
/// With more surprises than the map has bytes, gaps would be longer than it.
const GAPS_MAX: usize = MAP_BYTES;
/// Surprises without a palette take two bytes each; from 28,000 on the raw form is about as short.
const DIRECT_MAX: usize = 28_000;
/// The longest content of a zstd frame: a count, the map and [`DIRECT_MAX`] ids. A full palette with a surprise at
/// every voxel, 2 + 512 + 4,096 + 32,768, is shorter, and so is the longest with gaps, of which no more than 256 take a
/// second byte.
const CONTENT_BYTES_MAX: usize = 2 + MAP_BYTES + 2 * DIRECT_MAX;
/// zstd's level. Level 6 makes chunks 2 % shorter and takes about ten times as long.
const LEVEL: i32 = 1;

const _: () = assert!(1 << ID_BITS == ID_END as usize && RAW_BYTES <= PACKED_BYTES_MAX);
const _: () = assert!(2 + 2 * PALETTE_MAX + MAP_BYTES + CHUNK_VOXELS <= CONTENT_BYTES_MAX);

const UNIFORM: u8 = 0;
const RAW: u8 = 1;
const GAPS: u8 = 2;
const MAP: u8 = 3;

/// Why bytes are no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nothing at all, or more than any chunk takes.
    #[error("a packed chunk has 1 to {PACKED_BYTES_MAX} bytes, not {0}")]
    Length(usize),
    /// The first byte announces a kind that doesn't exist.
    #[error("a packed chunk of kind {0} doesn't exist; it was made by a newer program, or isn't a chunk")]
    Kind(u8),
    /// The bytes end before their content does, or go on after it.
    #[error("a packed chunk's bytes end too early or too late: {found} where {needed} are needed")]
    Size {
        /// How many there are.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// zstd can't make a content of a permitted length from it.
    #[error("a packed chunk's zstd frame is broken, or longer than {CONTENT_BYTES_MAX} bytes when decompressed")]
    Frame,
    /// Gaps lead out of the chunk, or there are more of them than make sense.
    #[error("a packed chunk's gaps lead out of the chunk")]
    Gaps,
    /// A palette is too long, or not ascending.
    #[error("a packed chunk's palette is too long or not ascending")]
    Palette,
    /// A voxel has a number that the palette lacks, or an id that no block may have.
    #[error("a packed chunk names block {0}, which its palette lacks or no world can have (ids end at {ID_END})")]
    Block(u16),
}

thread_local! {
    static PACKER: RefCell<Packer> = RefCell::default();
    static UNPACKER: RefCell<Unpacker> = RefCell::default();
}

/// Packs a chunk, with this thread's [`Packer`].
///
/// # Panics
/// If the chunk holds an id from [`ID_END`] on: edits are checked before they are applied.
pub fn pack(chunk: &Chunk) -> Vec<u8> {
    PACKER.with_borrow_mut(|packer| packer.pack(chunk))
}

/// Unpacks a chunk, with this thread's [`Unpacker`].
pub fn unpack(bytes: &[u8]) -> Result<Chunk, Invalid> {
    UNPACKER.with_borrow_mut(|unpacker| unpacker.unpack(bytes))
}

/// Packs chunk after chunk in the same scratch space.
pub struct Packer {
    zstd: Compressor<'static>,
    surprises: Surprises,
    content: Vec<u8>,
    packed: Vec<u8>,
    /// For each id its place in the palette, or [`Packer::ABSENT`].
    places: Box<[u16; ID_END as usize]>,
}

impl Default for Packer {
    fn default() -> Self {
        let mut zstd = Compressor::default();
        // A refused parameter leaves zstd's own default in force, which is only slower.
        let _ = zstd.set_parameter(CParameter::CompressionLevel(LEVEL));
        Packer {
            zstd,
            surprises: Surprises::default(),
            content: Vec::with_capacity(CONTENT_BYTES_MAX),
            packed: Vec::with_capacity(1 + compress_bound(CONTENT_BYTES_MAX)),
            places: Box::new([Self::ABSENT; ID_END as usize]),
        }
    }
}

impl Packer {
    const ABSENT: u16 = u16::MAX;

    /// Packs a chunk.
    ///
    /// # Panics
    /// If the chunk holds an id from [`ID_END`] on: edits are checked before they are applied.
    pub fn pack(&mut self, chunk: &Chunk) -> Vec<u8> {
        let uniform = chunk.as_uniform();
        let Some(voxels) = chunk.as_mixed() else { return pack_uniform(uniform.unwrap_or_default()) };
        if voxels.iter().all(|block| *block == voxels[0]) {
            return pack_uniform(voxels[0]);
        }
        assert!(voxels.iter().all(|block| block.0 < ID_END), "a chunk's ids lie below {ID_END}");
        self.surprises.find(voxels);
        let Some(kind) = self.write_content() else { return pack_raw(voxels) };
        self.packed.resize(1 + compress_bound(self.content.len()), 0);
        self.packed[0] = kind;
        match self.zstd.compress_to_buffer(&self.content, &mut self.packed[1..]) {
            Ok(bytes) if 1 + bytes < RAW_BYTES => self.packed[..1 + bytes].to_vec(),
            _ => pack_raw(voxels),
        }
    }

    /// Writes palette, gaps or map, and ids, and tells which. `None` if there are too many ids for that.
    fn write_content(&mut self) -> Option<u8> {
        let Packer { surprises, content, places, .. } = self;
        let ids = &surprises.ids;
        let mut palette = Vec::with_capacity(PALETTE_MAX);
        for id in ids {
            if places[usize::from(id.0)] == Self::ABSENT && palette.len() <= PALETTE_MAX {
                places[usize::from(id.0)] = 0;
                palette.push(*id);
            }
        }
        palette.sort_unstable();
        for (place, id) in (0..).zip(&palette) {
            places[usize::from(id.0)] = place;
        }
        let direct = palette.len() > PALETTE_MAX;
        let kind = if ids.len() <= GAPS_MAX { GAPS } else { MAP };
        let fits = !direct || ids.len() <= DIRECT_MAX;
        if fits {
            content.clear();
            let kept = if direct { &[][..] } else { &palette };
            content.extend((kept.len() as u16).to_le_bytes());
            content.extend(kept.iter().flat_map(|id| id.0.to_le_bytes()));
            if kind == GAPS {
                content.extend((ids.len() as u16).to_le_bytes());
                surprises.write_gaps(content);
            } else {
                content.extend(surprises.rows.iter().flat_map(|row| row.to_le_bytes()));
            }
            if direct {
                content.extend(ids.iter().map(|id| id.0 as u8));
                content.extend(ids.iter().map(|id| (id.0 >> 8) as u8));
            } else {
                content.extend(ids.iter().map(|id| places[usize::from(id.0)] as u8));
            }
        }
        for id in palette {
            places[usize::from(id.0)] = Self::ABSENT;
        }
        fits.then_some(kind)
    }
}

fn pack_uniform(block: BlockId) -> Vec<u8> {
    assert!(block.0 < ID_END, "a chunk's ids lie below {ID_END}");
    let [low, high] = block.0.to_le_bytes();
    vec![UNIFORM, low, high]
}

/// Four voxels are 56 bits, seven bytes.
fn pack_raw(voxels: &Voxels) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RAW_BYTES);
    bytes.push(RAW);
    for four in voxels.as_chunks::<4>().0 {
        let bits = four.iter().rev().fold(0, |bits, block| bits << ID_BITS | u64::from(block.0));
        bytes.extend(&bits.to_le_bytes()[..7]);
    }
    bytes
}

fn unpack_raw(bytes: &[u8]) -> Result<Chunk, Invalid> {
    if bytes.len() != RAW_BYTES - 1 {
        return Err(Invalid::Size { found: 1 + bytes.len(), needed: RAW_BYTES });
    }
    let mut chunk = Chunk::default();
    let voxels = chunk.make_mixed();
    for (seven, four) in bytes.as_chunks::<7>().0.iter().zip(voxels.as_chunks_mut::<4>().0) {
        let mut bits = [0; 8];
        bits[..7].copy_from_slice(seven);
        let mut bits = u64::from_le_bytes(bits);
        for block in four {
            *block = BlockId(bits as u16 & (ID_END - 1));
            bits >>= ID_BITS;
        }
    }
    Ok(chunk)
}

/// Unpacks chunk after chunk in the same scratch space.
pub struct Unpacker {
    zstd: Decompressor<'static>,
    surprises: Surprises,
    content: Box<[u8; CONTENT_BYTES_MAX]>,
}

impl Default for Unpacker {
    fn default() -> Self {
        Unpacker {
            zstd: Decompressor::default(),
            surprises: Surprises::default(),
            content: Box::new([0; CONTENT_BYTES_MAX]),
        }
    }
}

impl Unpacker {
    /// Unpacks a chunk.
    pub fn unpack(&mut self, bytes: &[u8]) -> Result<Chunk, Invalid> {
        let (kind, rest) =
            bytes.split_first().filter(|_| bytes.len() <= PACKED_BYTES_MAX).ok_or(Invalid::Length(bytes.len()))?;
        match *kind {
            UNIFORM => {
                let id = rest.try_into().map_err(|_| Invalid::Size { found: bytes.len(), needed: 3 })?;
                Ok(Chunk::uniform(permitted(u16::from_le_bytes(id))?))
            }
            RAW => unpack_raw(rest),
            GAPS | MAP => {
                // zstd would go on with a second frame, or skip one that it is told to skip.
                let frame = find_frame_compressed_size(rest).map_err(|_| Invalid::Frame)?;
                if frame != rest.len() {
                    return Err(Invalid::Size { found: bytes.len(), needed: 1 + frame });
                }
                let len = self.zstd.decompress_to_buffer(rest, &mut self.content[..]).map_err(|_| Invalid::Frame)?;
                self.read_content(*kind, len)
            }
            kind => Err(Invalid::Kind(kind)),
        }
    }

    fn read_content(&mut self, kind: u8, len: usize) -> Result<Chunk, Invalid> {
        let Unpacker { surprises, content, .. } = self;
        let content = &content[..len];
        let (count, rest) = split(content, 2)?;
        let count = usize::from(u16::from_le_bytes([count[0], count[1]]));
        if count > PALETTE_MAX {
            return Err(Invalid::Palette);
        }
        let (palette, rest) = split(rest, 2 * count)?;
        let ids = if kind == GAPS {
            let (number, rest) = split(rest, 2)?;
            let number = usize::from(u16::from_le_bytes([number[0], number[1]]));
            surprises.read_gaps(number, rest).filter(|_| number <= GAPS_MAX).ok_or(Invalid::Gaps)?
        } else {
            let (map, ids) = split(rest, MAP_BYTES)?;
            for (row, bytes) in surprises.rows.iter_mut().zip(map.as_chunks().0) {
                *row = u32::from_le_bytes(*bytes);
            }
            ids
        };
        let announced = surprises.announced();
        let needed = if count == 0 { 2 * announced } else { announced };
        if ids.len() != needed {
            return Err(Invalid::Size { found: ids.len(), needed });
        }
        surprises.ids.clear();
        if count == 0 {
            let (low, high) = ids.split_at(announced);
            for (low, high) in low.iter().zip(high) {
                surprises.ids.push(permitted(u16::from_le_bytes([*low, *high]))?);
            }
        } else {
            let mut known = [BlockId::AIR; PALETTE_MAX];
            for (id, bytes) in known.iter_mut().zip(palette.as_chunks().0) {
                *id = permitted(u16::from_le_bytes(*bytes))?;
            }
            let known = &known[..count];
            if !known.is_sorted_by(|a, b| a < b) {
                return Err(Invalid::Palette);
            }
            for number in ids {
                let id = known.get(usize::from(*number)).ok_or(Invalid::Block((*number).into()))?;
                surprises.ids.push(*id);
            }
        }
        let mut chunk = Chunk::default();
        surprises.fill(chunk.make_mixed());
        Ok(chunk)
    }
}

fn permitted(id: u16) -> Result<BlockId, Invalid> {
    if id < ID_END { Ok(BlockId(id)) } else { Err(Invalid::Block(id)) }
}

fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), Invalid> {
    bytes.split_at_checked(at).ok_or(Invalid::Size { found: bytes.len(), needed: at })
}
