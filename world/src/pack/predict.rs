//! Voxels that their neighbours don't foretell.
//!
//! Going through a chunk in order, each voxel is guessed from three that came before: its western, northern and lower
//! neighbour. Where the lower one equals the northern one the guess is that, else the western one: the majority of the
//! three if there is one. Where the chunk ends to the north or below, the guess is the western one; to the west, the
//! northern one, or else the lower one; the first voxel of all is guessed to be air. Terrain is layers and lumps, so
//! few voxels differ from the guess; only those are kept. (The idea is that of the predictors in lossless image coding,
//! ITU-T T.87, for labels instead of quantities.)

use crate::{BlockId, place::CHUNK_VOXELS};

/// Voxels along an edge, and of a row.
const EDGE: usize = 32;
/// Rows of a chunk, each of 32 voxels along `x`.
pub const ROWS: usize = CHUNK_VOXELS / EDGE;

/// All voxels of a chunk in order.
pub type Voxels = [BlockId; CHUNK_VOXELS];

/// One row of voxels.
type Row = [BlockId; EDGE];

/// The voxels that were guessed wrong.
#[derive(Clone, Debug)]
pub struct Surprises {
    /// One word per row; bit `x` is set where the guess is wrong.
    pub rows: Box<[u32; ROWS]>,
    /// The ids at the set bits, in order.
    pub ids: Vec<BlockId>,
}

impl Default for Surprises {
    fn default() -> Self {
        Surprises { rows: Box::new([0; ROWS]), ids: Vec::with_capacity(CHUNK_VOXELS) }
    }
}

impl Surprises {
    /// Replaces these by a chunk's.
    pub fn find(&mut self, voxels: &Voxels) {
        self.ids.clear();
        let (all, _) = voxels.as_chunks::<EDGE>();
        for (number, row) in all.iter().enumerate() {
            let Before { first, rows } = Before::of(all, number);
            let mut wrong = u32::from(row[0] != first);
            if let Some([north, below]) = rows {
                for x in 1..EDGE {
                    let guess = if north[x] == below[x] { north[x] } else { row[x - 1] };
                    wrong |= u32::from(row[x] != guess) << x;
                }
            } else {
                for x in 1..EDGE {
                    wrong |= u32::from(row[x] != row[x - 1]) << x;
                }
            }
            self.rows[number] = wrong;
            while wrong != 0 {
                self.ids.push(row[wrong.trailing_zeros() as usize]);
                wrong &= wrong - 1;
            }
        }
    }

    /// Writes for each how many voxels lie between it and the one before.
    pub fn write_gaps(&self, bytes: &mut Vec<u8>) {
        let mut next = 0;
        for (number, row) in self.rows.iter().enumerate() {
            let mut left = *row;
            while left != 0 {
                let at = number * EDGE + left.trailing_zeros() as usize;
                left &= left - 1;
                let mut gap = at - next;
                next = at + 1;
                while gap > 127 {
                    bytes.push(gap as u8 | 128);
                    gap >>= 7;
                }
                bytes.push(gap as u8);
            }
        }
    }

    /// Replaces the rows by what so many gaps tell, and returns what follows them. `None` if they end too early or lead
    /// out of the chunk.
    pub fn read_gaps<'a>(&mut self, number: usize, mut bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.rows.fill(0);
        let mut next = 0;
        for _ in 0..number {
            let mut gap = 0;
            for shift in [0, 7, 14] {
                let (byte, rest) = bytes.split_first()?;
                bytes = rest;
                gap |= usize::from(byte & 127) << shift;
                if *byte < 128 {
                    break;
                }
            }
            let at = next + gap;
            *self.rows.get_mut(at / EDGE)? |= 1 << (at % EDGE);
            next = at + 1;
        }
        Some(bytes)
    }

    /// How many the rows announce.
    pub fn announced(&self) -> usize {
        self.rows.iter().map(|row| row.count_ones() as usize).sum()
    }

    /// Rebuilds the chunk. There must be as many ids as [`announced`](Self::announced).
    pub fn fill(&self, voxels: &mut Voxels) {
        assert_eq!(self.ids.len(), self.announced(), "one id for each set bit");
        let mut ids = self.ids.iter();
        let (all, _) = voxels.as_chunks_mut::<EDGE>();
        for number in 0..ROWS {
            let (before, rest) = all.split_at_mut(number);
            let Before { first, rows } = Before::of(before, number);
            let row = &mut rest[0];
            let wrong = self.rows[number];
            let [north, below] = match rows {
                Some(rows) => rows,
                // Two rows that agree nowhere: the guess is always the western voxel.
                None => [&NOWHERE, &[BlockId::AIR; EDGE]],
            };
            if wrong == 0 && north == below {
                *row = *north;
                continue;
            }
            let mut last = first;
            for x in 0..EDGE {
                let guess = if x > 0 && north[x] == below[x] { north[x] } else { last };
                last = if wrong >> x & 1 == 0 { guess } else { ids.next().copied().unwrap_or_default() };
                row[x] = last;
            }
        }
    }
}

/// Differs from air.
const NOWHERE: Row = [BlockId(u16::MAX); EDGE];

/// What a row is guessed from, beside its own western voxels.
struct Before<'a> {
    /// The guess for its first voxel.
    first: BlockId,
    /// The rows to the north and below, if the chunk has both.
    rows: Option<[&'a Row; 2]>,
}

impl<'a> Before<'a> {
    fn of(rows: &'a [Row], number: usize) -> Self {
        let north = (!number.is_multiple_of(EDGE)).then(|| &rows[number - 1]);
        let below = (number >= EDGE).then(|| &rows[number - EDGE]);
        Before { first: north.or(below).map_or(BlockId::AIR, |row| row[0]), rows: north.zip(below).map(<[_; 2]>::from) }
    }
}
