//! Chunks in cells of 2, 4 or 8 voxels an edge, for those far away.
//!
//! A cell is filled if at least half of its voxels are, and then shows what is seen most of it: the commonest block
//! among those voxels that border on something not opaque. So a meadow stays green, although most of a cell is the dirt
//! below.

use super::{EDGE_MAX, Kinds, kinds::Class};
use crate::{BlockId, Chunk, chunk::index_of};

/// A chunk that is looked at in cells.
#[derive(Clone, Copy, Debug)]
pub struct Coarse<'a> {
    chunk: &'a Chunk,
    factor: u8,
}

/// All cells of a chunk, `x` fastest, then `z`, then `y`.
///
/// # Panics
/// If `factor` is not 2, 4 or 8.
pub fn downsample(chunk: &Chunk, factor: u8, kinds: &Kinds) -> Vec<BlockId> {
    let coarse = Coarse::new(chunk, factor);
    let edge = EDGE_MAX as u8 / factor;
    let mut cells = Vec::with_capacity(usize::from(edge).pow(3));
    for y in 0..edge {
        for z in 0..edge {
            cells.extend((0..edge).map(|x| coarse.cell(x, y, z, kinds)));
        }
    }
    cells
}

impl<'a> Coarse<'a> {
    /// A chunk in cells of so many voxels an edge.
    ///
    /// # Panics
    /// If `factor` is not 2, 4 or 8.
    pub fn new(chunk: &'a Chunk, factor: u8) -> Self {
        assert!(matches!(factor, 2 | 4 | 8), "cells have 2, 4 or 8 voxels an edge");
        Coarse { chunk, factor }
    }

    /// What a cell shows.
    pub fn cell(&self, x: u8, y: u8, z: u8, kinds: &Kinds) -> BlockId {
        let Some(voxels) = self.chunk.as_mixed() else {
            return without_plants(self.chunk.as_uniform().unwrap_or_default(), kinds);
        };
        let span = |start: u8| start * self.factor..(start + 1) * self.factor;
        let first = voxels[index_of(x * self.factor, y * self.factor, z * self.factor)];
        let is_even = span(y).flat_map(|y| span(z).map(move |z| (y, z))).all(|(y, z)| {
            let start = index_of(x * self.factor, y, z);
            voxels[start..start + usize::from(self.factor)].iter().all(|block| *block == first)
        });
        if is_even {
            return without_plants(first, kinds);
        }
        let (mut filled, mut liquid) = (Counts::default(), Counts::default());
        let mut seen = Counts::default();
        for y in span(y) {
            for z in span(z) {
                for x in span(x) {
                    let block = voxels[index_of(x, y, z)];
                    match kinds.class(block) {
                        Class::Air | Class::Plant => {}
                        Class::Liquid => liquid.add(block),
                        Class::Opaque | Class::Glass => {
                            filled.add(block);
                            let shows = |x, y, z| kinds.class(voxels[index_of(x, y, z)]) != Class::Opaque;
                            // Beyond the chunk only the sky is taken for open: what is seen from far away are tops.
                            if y == 31
                                || shows(x, y + 1, z)
                                || (x > 0 && shows(x - 1, y, z))
                                || (x < 31 && shows(x + 1, y, z))
                                || (z > 0 && shows(x, y, z - 1))
                                || (z < 31 && shows(x, y, z + 1))
                            {
                                seen.add(block);
                            }
                        }
                    }
                }
            }
        }
        let half = u16::from(self.factor).pow(3) / 2;
        if filled.total() >= half {
            seen.commonest().or(filled.commonest()).unwrap_or_default()
        } else if filled.total() + liquid.total() >= half {
            liquid.commonest().unwrap_or_default()
        } else {
            BlockId::AIR
        }
    }
}

fn without_plants(block: BlockId, kinds: &Kinds) -> BlockId {
    if kinds.class(block) == Class::Plant { BlockId::AIR } else { block }
}

/// How often each block occurs. Cells hold few sorts, and the commonest come early.
#[derive(Default)]
struct Counts {
    counts: Vec<(BlockId, u16)>,
}

impl Counts {
    fn add(&mut self, block: BlockId) {
        match self.counts.iter_mut().find(|(other, _)| *other == block) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((block, 1)),
        }
    }

    fn total(&self) -> u16 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Of two that occur equally often, the one with the lower id.
    fn commonest(&self) -> Option<BlockId> {
        self.counts.iter().max_by_key(|(block, count)| (*count, u16::MAX - block.0)).map(|(block, _)| *block)
    }
}
