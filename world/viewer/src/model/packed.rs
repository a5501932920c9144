//! Chunks as the viewer keeps them: each voxel is its block's number in a palette, in 1, 2, 4 or 8 bits, and rows of voxels that are
//! alike are kept once.
//!
//! A view of 384 m holds more than 4,000 chunks of several blocks. At two bytes a voxel, which is what [`Chunk`] takes, these
//! are 271 MiB; of a generated chunk's few kinds 4 bits tell one from another nearly always, and half of its rows are like
//! others. Single voxels are read and written where they are; whoever looks at many of them unpacks them first, and may leave out
//! what it doesn't look at.
//!
//! **Invariant:** whatever is put in, a chunk never takes more than it would unpacked, but for 512 bytes of palette.

use std::{collections::HashMap, ops::Range};

use bitdust_world::{BlockId, Chunk, chunk::index_of, place::CHUNK_VOXELS};

/// Kinds of blocks that a byte can number.
const KINDS_MAX: usize = 256;
/// Voxels of a row along x, and rows of a chunk.
const ROW: usize = 32;
const ROWS: usize = CHUNK_VOXELS / ROW;

/// 32³ voxels, packed. Two are equal if their voxels are, however they came to be packed.
#[derive(Clone, Debug)]
pub struct PackedChunk(Voxels);

#[derive(Clone, Debug)]
enum Voxels {
    Uniform(BlockId),
    Numbered(Numbered),
    /// More kinds than [`KINDS_MAX`].
    Direct(Box<[BlockId; CHUNK_VOXELS]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Numbered {
    /// At most 2^`bits`, each once. Some may be left that no voxel has any more.
    palette: Vec<BlockId>,
    /// 1, 2, 4 or 8.
    bits: u8,
    /// Which of those kept each row is, in a chunk's order.
    rows: Box<[u16; ROWS]>,
    /// The rows that are kept, each of them somewhere: the numbers of their voxels, the first one in a byte's lowest bits. All
    /// are below the palette's length.
    numbers: Vec<u8>,
}

impl PackedChunk {
    /// One block everywhere.
    pub const fn uniform(block: BlockId) -> Self {
        PackedChunk(Voxels::Uniform(block))
    }

    /// Packs a chunk in as few bits as it takes.
    pub fn new(chunk: &Chunk) -> Self {
        match chunk.as_mixed() {
            None => PackedChunk::uniform(chunk.get(0, 0, 0)),
            Some(voxels) => PackedChunk(match Numbered::new(voxels) {
                Some(numbered) if numbered.palette.len() == 1 => Voxels::Uniform(numbered.palette[0]),
                Some(numbered) => Voxels::Numbered(numbered),
                None => Voxels::Direct(Box::new(*voxels)),
            }),
        }
    }

    /// All of it.
    pub fn unpack(&self) -> Chunk {
        self.unpack_part([0..32, 0..32, 0..32])
    }

    /// What lies within these ranges of `x`, `y` and `z`, each within 0 to 32; the rest is air, unless the whole chunk is one
    /// block.
    pub fn unpack_part(&self, [x, y, z]: [Range<u8>; 3]) -> Chunk {
        if let Voxels::Uniform(block) = self.0 {
            return Chunk::uniform(block);
        }
        let mut chunk = Chunk::default();
        let voxels = chunk.make_mixed();
        for y in y {
            for z in z.clone() {
                let row = index_of(0, y, z);
                let (start, end) = (row + usize::from(x.start), row + usize::from(x.end));
                match &self.0 {
                    Voxels::Uniform(block) => voxels[start..end].fill(*block),
                    Voxels::Numbered(numbered) => numbered.read(start, &mut voxels[start..end]),
                    Voxels::Direct(all) => voxels[start..end].copy_from_slice(&all[start..end]),
                }
            }
        }
        chunk
    }

    /// The block that the whole chunk is known to consist of.
    pub const fn as_uniform(&self) -> Option<BlockId> {
        match self.0 {
            Voxels::Uniform(block) => Some(block),
            Voxels::Numbered(_) | Voxels::Direct(_) => None,
        }
    }

    /// The block at coordinates within the chunk, each below 32.
    pub fn get(&self, x: u8, y: u8, z: u8) -> BlockId {
        self.at(index_of(x, y, z))
    }

    /// Puts a block at coordinates within the chunk, each below 32. Where that makes one kind too many for the bits of a number,
    /// the chunk is packed anew, which also drops kinds that are gone.
    pub fn set(&mut self, x: u8, y: u8, z: u8, block: BlockId) {
        let index = index_of(x, y, z);
        if self.at(index) == block {
            return;
        }
        let is_done = match &mut self.0 {
            Voxels::Uniform(_) => false,
            Voxels::Numbered(numbered) => numbered.set(index, block),
            Voxels::Direct(all) => {
                all[index] = block;
                true
            }
        };
        if !is_done {
            let mut chunk = self.unpack();
            chunk.set(x, y, z, block);
            *self = PackedChunk::new(&chunk);
        }
    }

    /// What the voxels take, in bytes.
    pub const fn bytes(&self) -> usize {
        match &self.0 {
            Voxels::Uniform(_) => 0,
            Voxels::Numbered(numbered) => {
                numbered.numbers.capacity()
                    + size_of::<[u16; ROWS]>()
                    + size_of::<BlockId>() * numbered.palette.capacity()
            }
            Voxels::Direct(_) => size_of::<BlockId>() * CHUNK_VOXELS,
        }
    }

    fn at(&self, index: usize) -> BlockId {
        match &self.0 {
            Voxels::Uniform(block) => *block,
            Voxels::Numbered(numbered) => numbered.at(index),
            Voxels::Direct(all) => all[index],
        }
    }
}

impl PartialEq for PackedChunk {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Voxels::Uniform(a), Voxels::Uniform(b)) => a == b,
            // Packed alike, as two of the same origin are.
            (Voxels::Numbered(a), Voxels::Numbered(b)) if a == b => true,
            _ => (0..CHUNK_VOXELS).all(|index| self.at(index) == other.at(index)),
        }
    }
}

impl Eq for PackedChunk {}

impl Numbered {
    /// `None` if there are more than [`KINDS_MAX`] kinds.
    fn new(voxels: &[BlockId; CHUNK_VOXELS]) -> Option<Self> {
        let mut palette = vec![voxels[0]];
        let mut numbers = Vec::with_capacity(CHUNK_VOXELS);
        // Most voxels are what the one before them is.
        let (mut last, mut number) = (voxels[0], 0);
        for block in voxels {
            if *block != last {
                last = *block;
                number = match palette.iter().position(|kind| kind == block) {
                    Some(number) => number as u8,
                    None if palette.len() == KINDS_MAX => return None,
                    None => {
                        palette.push(*block);
                        (palette.len() - 1) as u8
                    }
                };
            }
            numbers.push(number);
        }
        let bits = match palette.len() {
            0..=2 => 1,
            3..=4 => 2,
            5..=16 => 4,
            _ => 8,
        };
        let joined =
            |part: &[u8]| part.iter().rev().fold(0, |byte: u16, number| byte << bits | u16::from(*number)) as u8;
        let (mut rows, mut kept, mut known) = (Box::new([0; ROWS]), Vec::new(), HashMap::new());
        for (row, voxels) in rows.iter_mut().zip(numbers.chunks_exact(ROW)) {
            *row = *known.entry(voxels).or_insert_with(|| {
                kept.extend(voxels.chunks_exact(8 / usize::from(bits)).map(joined));
                (kept.len() / row_bytes(bits) - 1) as u16
            });
        }
        kept.shrink_to_fit();
        Some(Numbered { palette, bits, rows, numbers: kept })
    }

    /// In which byte a voxel's number lies, from which of its bits on.
    fn place(&self, index: usize) -> (usize, u32) {
        let start = usize::from(self.rows[index / ROW]) * row_bytes(self.bits);
        let bit = index % ROW * usize::from(self.bits);
        (start + bit / 8, (bit % 8) as u32)
    }

    const fn mask(&self) -> u8 {
        u8::MAX >> (8 - self.bits)
    }

    fn at(&self, index: usize) -> BlockId {
        let (byte, bit) = self.place(index);
        self.palette[usize::from(self.numbers[byte] >> bit & self.mask())]
    }

    /// The voxels from an index on.
    fn read(&self, start: usize, into: &mut [BlockId]) {
        for (index, block) in (start..).zip(into) {
            *block = self.at(index);
        }
    }

    /// Whether there was a number for the block.
    fn set(&mut self, index: usize, block: BlockId) -> bool {
        let number = match self.palette.iter().position(|kind| *kind == block) {
            Some(number) => number,
            None if self.palette.len() > usize::from(self.mask()) => return false,
            None => {
                self.palette.push(block);
                self.palette.len() - 1
            }
        };
        // What others are like too stays as it is.
        let row = self.rows[index / ROW];
        if self.rows.iter().filter(|other| **other == row).count() > 1 {
            let (start, bytes) = (usize::from(row) * row_bytes(self.bits), row_bytes(self.bits));
            self.rows[index / ROW] = (self.numbers.len() / bytes) as u16;
            self.numbers.extend_from_within(start..start + bytes);
        }
        let ((byte, bit), mask) = (self.place(index), self.mask());
        self.numbers[byte] = self.numbers[byte] & !(mask << bit) | (number as u8) << bit;
        true
    }
}

const fn row_bytes(bits: u8) -> usize {
    ROW * bits as usize / 8
}

#[cfg(test)]
mod tests {
    use bitdust_world::{
        ChunkPos, block,
        r#gen::{Generator, Params},
    };

    use super::*;

    /// So many kinds, each of them somewhere, in runs and alone.
    fn of_kinds(kinds: u16) -> Chunk {
        let mut chunk = Chunk::default();
        for (index, voxel) in chunk.make_mixed().iter_mut().enumerate() {
            // A prime, so that equal ones come at other places in each byte.
            *voxel = BlockId(7 + (index / 3 % 1_009) as u16 % kinds);
        }
        chunk
    }

    fn coordinates() -> impl Iterator<Item = [u8; 3]> {
        (0..32).flat_map(|y| (0..32).flat_map(move |z| (0..32).map(move |x| [x, y, z])))
    }

    fn check(packed: &PackedChunk, chunk: &Chunk, what: &str) {
        assert_eq!(&packed.unpack(), chunk, "{what}");
        for [x, y, z] in coordinates() {
            assert_eq!(packed.get(x, y, z), chunk.get(x, y, z), "{what}, at {x} {y} {z}");
        }
        assert_eq!(packed, &PackedChunk::new(chunk), "{what}");
    }

    #[test]
    fn what_is_packed_comes_back_in_as_few_bits_as_its_kinds_take() {
        let cases = [(1, 0), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (255, 8), (256, 8), (257, 16)];
        for (kinds, bits) in cases {
            let chunk = of_kinds(kinds);
            let packed = PackedChunk::new(&chunk);
            check(&packed, &chunk, &format!("{kinds} kinds"));
            let voxels = CHUNK_VOXELS * bits / 8;
            let most = voxels + 2 * KINDS_MAX + if bits < 16 { 2 * ROWS } else { 0 };
            assert!(
                packed.bytes() <= most && most <= 2 * CHUNK_VOXELS + 2 * KINDS_MAX,
                "{kinds} kinds: {}",
                packed.bytes()
            );
            assert_eq!(packed.as_uniform().is_some(), kinds == 1);
        }
    }

    #[test]
    fn a_voxel_of_a_new_kind_changes_nothing_else() {
        // One more kind than there are, from one to more than a byte tells apart; then one that is there already.
        for kinds in [1, 2, 3, 4, 15, 16, 17, 255, 256, 257] {
            let mut chunk = of_kinds(kinds);
            let mut packed = PackedChunk::new(&chunk);
            for ([x, y, z], block) in [([0, 0, 0], 3), ([31, 31, 31], 3), ([30, 7, 13], 4), ([31, 7, 13], 7)] {
                chunk.set(x, y, z, BlockId(block));
                packed.set(x, y, z, BlockId(block));
                check(&packed, &chunk, &format!("{kinds} kinds and {block} at {x} {y} {z}"));
            }
        }
    }

    #[test]
    fn kinds_that_are_gone_take_no_bits_for_long() {
        let mut packed = PackedChunk::uniform(block::STONE);
        for id in 1..2_000 {
            packed.set(1, 2, 3, BlockId(id));
            assert_eq!(packed.get(1, 2, 3), BlockId(id));
        }
        assert!(packed.bytes() < CHUNK_VOXELS / 4, "two kinds take {} bytes", packed.bytes());
        packed.set(1, 2, 3, block::STONE);
        assert_eq!(packed, PackedChunk::uniform(block::STONE));
        assert_ne!(packed, PackedChunk::uniform(block::DIRT));
    }

    #[test]
    fn rows_that_are_alike_are_kept_once_until_one_changes() {
        let mut chunk = Chunk::default();
        for [x, y, z] in coordinates().filter(|[_, y, _]| *y < 20) {
            chunk.set(x, y, z, if x < 8 { block::DIRT } else { block::STONE });
        }
        let mut packed = PackedChunk::new(&chunk);
        let two_rows = 2 * row_bytes(2);
        assert_eq!(packed.bytes(), two_rows + 2 * ROWS + 2 * 4, "ground and air; room for four kinds");
        for z in [4, 5, 4] {
            chunk.set(9, 3, z, block::GLASS);
            packed.set(9, 3, z, block::GLASS);
            check(&packed, &chunk, &format!("glass at z {z}"));
        }
        assert!(packed.bytes() < two_rows + 2 * ROWS + 64, "two rows more: {} bytes", packed.bytes());
    }

    #[test]
    fn generated_chunks_take_half_of_what_their_voxels_would() {
        let generator = Generator::new(1, Params::default()).unwrap();
        let (mut bytes, mut full) = (0, 0);
        for pos in (0..64).map(|i| ChunkPos::new(i % 8, i / 32, i / 8 % 4)) {
            let packed = PackedChunk::new(&generator.chunk(pos));
            if let Voxels::Numbered(numbered) = &packed.0 {
                bytes += packed.bytes();
                full += ROWS * row_bytes(numbered.bits);
            }
        }
        println!("{bytes} of {full} bytes");
        // 400,658 of 815,104 bytes.
        assert!(20 * bytes < 11 * full && full > 0, "{bytes} of {full} bytes");
    }

    #[test]
    fn a_part_is_what_the_whole_has_there() {
        for kinds in [2, 5, 40, 300] {
            let packed = PackedChunk::new(&of_kinds(kinds));
            let part = packed.unpack_part([29..32, 0..2, 5..6]);
            for [x, y, z] in coordinates() {
                let within = x >= 29 && y < 2 && z == 5;
                let expected = if within { packed.get(x, y, z) } else { BlockId::AIR };
                assert_eq!(part.get(x, y, z), expected, "{kinds} kinds, at {x} {y} {z}");
            }
        }
    }
}
