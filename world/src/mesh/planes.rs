//! Which cells of a neighbourhood are of one sort: a bit each, in rows along `x` and, turned, along `z`, so that for
//! any of the six directions 32 faces are tested by one operation on words.

use super::{EDGE_MAX, Neighbourhood, kinds::Class, kinds::Kinds};
use crate::BlockId;

/// Cells along an edge with the border.
const SPAN_MAX: usize = EDGE_MAX + 2;

/// The axis that a face is perpendicular to. Within the face, u runs along x (along z for faces across x) and v along y
/// (along z for faces across y).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    X,
    Y,
    Z,
}

/// Bits of all cells, border included.
#[derive(Clone)]
pub(super) struct Planes {
    /// Row along x at `y × span + z`.
    rows: Box<[u64; SPAN_MAX * SPAN_MAX]>,
    /// Row along z at `y × span + x`.
    turned: Box<[u64; SPAN_MAX * SPAN_MAX]>,
    span: usize,
    /// Some bit is set, in the border perhaps.
    any: bool,
}

impl Default for Planes {
    fn default() -> Self {
        Planes { rows: Box::new([0; _]), turned: Box::new([0; _]), span: SPAN_MAX, any: false }
    }
}

impl Planes {
    /// The row of cells along u, border included: bit 0 is the border.
    pub(super) fn row(&self, axis: Axis, slice: usize, v: usize) -> u64 {
        match axis {
            Axis::X => self.turned[v * self.span + slice],
            Axis::Y => self.rows[slice * self.span + v],
            Axis::Z => self.rows[v * self.span + slice],
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        !self.any
    }

    /// Sets these to the cells that are in either of two.
    pub(super) fn unite(&mut self, one: &Planes, other: &Planes) {
        self.span = one.span;
        self.any = one.any || other.any;
        let len = self.span * self.span;
        let pairs = [(&one.rows, &other.rows, &mut self.rows), (&one.turned, &other.turned, &mut self.turned)];
        for (one, other, both) in pairs {
            for ((one, other), both) in one[..len].iter().zip(&other[..len]).zip(&mut both[..len]) {
                *both = one | other;
            }
        }
    }

    /// Fills in `turned`.
    fn turn(&mut self) {
        for y in 0..self.span {
            let layer = y * self.span..(y + 1) * self.span;
            let (rows, turned) = (&self.rows[layer.clone()], &mut self.turned[layer]);
            // Most layers are the same everywhere.
            let all = (1 << self.span) - 1;
            if rows.iter().all(|row| *row == 0) || rows.iter().all(|row| *row == all) {
                turned.copy_from_slice(rows);
                continue;
            }
            let mut square = [0; 64];
            square[..self.span].copy_from_slice(rows);
            transpose(&mut square);
            turned.copy_from_slice(&square[..self.span]);
        }
    }
}

/// All sorts of one neighbourhood.
#[derive(Clone, Default)]
pub(super) struct Sorts {
    pub(super) opaque: Planes,
    pub(super) glass: Planes,
    pub(super) liquid: Planes,
    /// Rows along x only.
    pub(super) plants: Planes,
}

impl Sorts {
    pub(super) fn fill(&mut self, neighbourhood: &Neighbourhood, kinds: &Kinds) {
        let span = neighbourhood.edge() + 2;
        let all = [&mut self.opaque, &mut self.glass, &mut self.liquid, &mut self.plants];
        for planes in all {
            planes.span = span;
            planes.any = false;
        }
        for (at, row) in neighbourhood.blocks().chunks_exact(span).enumerate() {
            let mut sorted = [0u64; 5];
            let mut rest = (1u64 << span) - 1;
            while rest != 0 {
                let block = row[rest.trailing_zeros() as usize];
                let equal = equal(row, block);
                sorted[kinds.class(block) as usize] |= equal;
                rest &= !equal;
            }
            let parts = [
                (&mut self.opaque, Class::Opaque),
                (&mut self.glass, Class::Glass),
                (&mut self.liquid, Class::Liquid),
                (&mut self.plants, Class::Plant),
            ];
            for (planes, class) in parts {
                planes.rows[at] = sorted[class as usize];
                planes.any |= planes.rows[at] != 0;
            }
        }
        for planes in [&mut self.opaque, &mut self.glass, &mut self.liquid] {
            if planes.any {
                planes.turn();
            } else {
                planes.turned.fill(0);
            }
        }
    }
}

/// The cells of a row that hold a block.
fn equal(row: &[BlockId], block: BlockId) -> u64 {
    let (sixteens, rest) = row.as_chunks::<16>();
    let mut bits = 0;
    for (number, sixteen) in sixteens.iter().enumerate() {
        let mut part = 0u16;
        for (bit, other) in sixteen.iter().enumerate() {
            part |= u16::from(*other == block) << bit;
        }
        bits |= u64::from(part) << (16 * number);
    }
    for (bit, other) in rest.iter().enumerate() {
        bits |= u64::from(*other == block) << (16 * sixteens.len() + bit);
    }
    bits
}

/// Transposes a square of bits by exchanging ever smaller blocks of it (H. S. Warren, "Hacker's Delight", section 7-3).
fn transpose(square: &mut [u64; 64]) {
    let mut width = 32;
    let mut mask = 0x0000_0000_ffff_ffffu64;
    while width != 0 {
        let mut at = 0;
        while at < 64 {
            let exchange = (square[at] >> width ^ square[at + width]) & mask;
            square[at] ^= exchange << width;
            square[at + width] ^= exchange;
            at = (at + width + 1) & !width;
        }
        width >>= 1;
        mask ^= mask << width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_moves_each_bit_across_the_diagonal() {
        for (i, j) in [(0, 0), (0, 63), (5, 40), (33, 2), (63, 62)] {
            let mut square = [0; 64];
            square[i] = 1 << j;
            transpose(&mut square);
            let mut expected = [0; 64];
            expected[j] = 1 << i;
            assert_eq!(square, expected, "row {i}, bit {j}");
        }
    }
}
