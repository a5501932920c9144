//! What stands outdoors in a village: the well, fields with their fences, lanterns, signs.

use super::{
    super::{canvas::Canvas, hash::hash2},
    layout::{Front, Lot},
};
use crate::block::{self, BlockId};

/// What takes a single column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    Lantern,
    Sign,
}

impl Post {
    /// From the ground up.
    pub(crate) const fn blocks(self) -> &'static [BlockId] {
        match self {
            Post::Lantern => &[block::FENCE, block::FENCE, block::LANTERN],
            Post::Sign => &[block::SIGN],
        }
    }
}

/// A well under a small roof. `x`, `z`: the square's middle, from the chunk's corner.
pub(super) fn well(lot: &Lot, (x, z): (i64, i64), canvas: &mut Canvas) {
    let (x, z, floor) = (x as i32, z as i32, lot.floor as i32);
    for dz in -2i32..=2 {
        for dx in -2i32..=2 {
            let (px, pz) = (x + dx, z + dz);
            let ring = dx.abs().max(dz.abs());
            if ring == 2 {
                canvas.put(px, floor + 4, pz, block::DARK_PLANKS);
                continue;
            }
            for y in -3..=0 {
                canvas.put(px, floor + y, pz, if ring == 0 { block::WATER } else { block::COBBLE });
            }
            let corner = dx.abs() == 1 && dz.abs() == 1;
            canvas.put(px, floor + 1, pz, if ring == 0 { BlockId::AIR } else { block::COBBLE });
            for y in 2..=3 {
                canvas.put(px, floor + y, pz, if corner { block::FENCE } else { BlockId::AIR });
            }
            canvas.put(px, floor + 4, pz, block::DARK_PLANKS);
            canvas.put(px, floor + 5, pz, if ring == 0 { block::LANTERN } else { block::DARK_PLANKS });
        }
    }
}

/// Wheat on both sides of a ditch, a fence around it with a gap towards the street.
pub(super) fn field(lot: &Lot, (x, z): (i64, i64), canvas: &mut Canvas) {
    let floor = lot.floor as i32;
    let middle = ((lot.west + lot.east) / 2, (lot.north + lot.south) / 2);
    for dz in lot.north..=lot.south {
        for dx in lot.west..=lot.east {
            let (px, pz) = ((x + dx) as i32, (z + dz) as i32);
            let edge = dx == lot.west || dx == lot.east || dz == lot.north || dz == lot.south;
            if edge {
                let gap = match lot.front {
                    Front::North => (dx, dz) == (middle.0, lot.north),
                    Front::South => (dx, dz) == (middle.0, lot.south),
                    Front::West => (dx, dz) == (lot.west, middle.1),
                    Front::East => (dx, dz) == (lot.east, middle.1),
                };
                canvas.put(px, floor + 1, pz, if gap { BlockId::AIR } else { block::FENCE });
            } else if dz == middle.1 && dx > lot.west + 1 && dx < lot.east - 1 {
                canvas.put(px, floor, pz, block::WATER);
                canvas.put(px, floor - 1, pz, block::CLAY);
            } else {
                let ripe = !hash2(lot.hash, dx, dz).is_multiple_of(9);
                canvas.put(px, floor + 1, pz, if ripe { block::WHEAT } else { BlockId::AIR });
            }
        }
    }
}
