//! A chunk with one voxel of what surrounds it on every side.

use super::{Coarse, Kinds};
use crate::{BlockId, Chunk, ChunkPos, place::CHUNK_VOXELS};

/// Cells along an edge of the finest neighbourhood, without the border.
pub const EDGE_MAX: usize = 32;

/// A chunk and the 26 around it, by [`around`]. What isn't known counts as air, so that the chunk's faces towards it
/// are drawn: no hole opens where two chunks of different fineness meet.
pub type Around<'a> = [Option<&'a Chunk>; 27];

/// Where in [`Around`] the chunk so far from the middle one belongs; each distance is -1, 0 or 1.
pub const fn around(dx: i8, dy: i8, dz: i8) -> usize {
    ((dy + 1) * 9 + (dz + 1) * 3 + dx + 1) as usize
}

/// Cells of a chunk and a border of one cell, `x` fastest, then `z`, then `y`.
#[derive(Clone, Debug)]
pub struct Neighbourhood {
    edge: usize,
    scale: u8,
    blocks: Vec<BlockId>,
}

/// A row of a chunk: its 32 voxels along `x`.
enum Row<'a> {
    Uniform(BlockId),
    Mixed(&'a [BlockId]),
}

impl Row<'_> {
    fn at(&self, x: usize) -> BlockId {
        match self {
            Row::Uniform(block) => *block,
            Row::Mixed(row) => row[x],
        }
    }
}

impl Default for Neighbourhood {
    fn default() -> Self {
        Neighbourhood { edge: EDGE_MAX, scale: 1, blocks: vec![BlockId::AIR; (EDGE_MAX + 2).pow(3)] }
    }
}

impl Neighbourhood {
    /// Of `edge`³ cells, each of them `scale` voxels an edge, from the block at each, whose coordinates run from -1 to
    /// `edge`.
    ///
    /// # Panics
    /// If `edge` is 0 or above [`EDGE_MAX`].
    pub fn from_fn(edge: usize, scale: u8, mut block: impl FnMut(i32, i32, i32) -> BlockId) -> Self {
        assert!((1..=EDGE_MAX).contains(&edge), "1 to {EDGE_MAX} cells an edge");
        let span = -1..=edge as i32;
        let mut blocks = Vec::with_capacity((edge + 2).pow(3));
        for y in span.clone() {
            for z in span.clone() {
                blocks.extend(span.clone().map(|x| block(x, y, z)));
            }
        }
        Neighbourhood { edge, scale, blocks }
    }

    /// Of a chunk at full fineness.
    pub fn of(chunks: &Around) -> Self {
        let mut neighbourhood = Neighbourhood::default();
        neighbourhood.fill(chunks);
        neighbourhood
    }

    /// [`of`](Self::of) in the memory of this one.
    pub fn fill(&mut self, chunks: &Around) {
        (self.edge, self.scale) = (EDGE_MAX, 1);
        self.blocks.resize((EDGE_MAX + 2).pow(3), BlockId::AIR);
        let mut rows = self.blocks.chunks_exact_mut(EDGE_MAX + 2);
        for y in -1..=EDGE_MAX as i32 {
            for z in -1..=EDGE_MAX as i32 {
                let Some(row) = rows.next() else { unreachable!("34 × 34 rows") };
                let source = |dx| source_row(chunks, dx, y, z);
                row[0] = source(-1).at(EDGE_MAX - 1);
                match source(0) {
                    Row::Uniform(block) => row[1..=EDGE_MAX].fill(block),
                    Row::Mixed(voxels) => row[1..=EDGE_MAX].copy_from_slice(voxels),
                }
                row[EDGE_MAX + 1] = source(1).at(0);
            }
        }
    }

    /// Of the chunk at a position, all 27 from a source such as the generator.
    pub fn gather(pos: ChunkPos, mut chunk: impl FnMut(ChunkPos) -> Chunk) -> Self {
        let chunks: [Chunk; 27] = std::array::from_fn(|number| {
            let [dx, dy, dz] = [number % 3, number / 9, number / 3 % 3].map(|step| step as i64 - 1);
            chunk(pos.offset(dx, dy, dz))
        });
        Neighbourhood::of(&chunks.each_ref().map(Some))
    }

    /// Of a chunk in cells of 2, 4 or 8 voxels an edge.
    ///
    /// # Panics
    /// If `factor` is none of them.
    pub fn coarse(factor: u8, chunks: &Around, kinds: &Kinds) -> Self {
        let edge = EDGE_MAX as i32 / i32::from(factor);
        let coarse: Vec<Option<Coarse>> =
            chunks.iter().map(|chunk| chunk.map(|chunk| Coarse::new(chunk, factor))).collect();
        Neighbourhood::from_fn(edge as usize, factor, |x, y, z| {
            let beyond = |at: i32| at.div_euclid(edge) as i8;
            let within = |at: i32| at.rem_euclid(edge) as u8;
            coarse[around(beyond(x), beyond(y), beyond(z))]
                .as_ref()
                .map_or(BlockId::AIR, |coarse| coarse.cell(within(x), within(y), within(z), kinds))
        })
    }

    /// Cells along an edge, without the border.
    pub const fn edge(&self) -> usize {
        self.edge
    }

    /// Voxels along a cell's edge.
    pub const fn scale(&self) -> u8 {
        self.scale
    }

    /// All cells with the border: `(edge + 2)³`.
    pub fn blocks(&self) -> &[BlockId] {
        &self.blocks
    }
}

/// The row at `y` and `z`, counted from the middle chunk, of the chunks `dx` to the east.
fn source_row<'a>(chunks: &Around<'a>, dx: i8, y: i32, z: i32) -> Row<'a> {
    let chunk = chunks[around(dx, (y >> 5) as i8, (z >> 5) as i8)];
    let Some(chunk) = chunk else { return Row::Uniform(BlockId::AIR) };
    let start = ((y & 31) << 10 | (z & 31) << 5) as usize;
    debug_assert!(start < CHUNK_VOXELS);
    match chunk.as_mixed() {
        Some(voxels) => Row::Mixed(&voxels[start..start + EDGE_MAX]),
        None => Row::Uniform(chunk.as_uniform().unwrap_or_default()),
    }
}
