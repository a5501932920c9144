//! Ores and pockets of other rock. Each vein stays within its own cell of 8³ voxels, so none crosses a chunk's border.

use super::{
    hash::{Dice, derive, hash3},
    params::Params,
};
use crate::{
    block::{self, BlockId},
    chunk::index_of,
    place::{CHUNK_VOXELS, VoxelPos},
};

/// Voxels along a cell's edge.
const CELL: i64 = 8;

/// What is found, from which height down, in how many cells of a thousand, and how large it is: half its width.
const VEINS: [(BlockId, i32, i64, i64); 9] = [
    (block::COAL_ORE, 200, 60, 2),
    (block::IRON_ORE, 70, 45, 2),
    (block::COPPER_ORE, 110, 35, 2),
    (block::GOLD_ORE, -40, 18, 1),
    (block::CRYSTAL_ORE, -120, 12, 1),
    (block::GRANITE, 120, 35, 3),
    (block::BASALT, -80, 50, 3),
    (block::GRAVEL, 60, 30, 3),
    (block::DIRT, 60, 20, 3),
];

/// Where veins run.
pub(super) struct Ores {
    seed: u64,
    percent: i64,
}

impl Ores {
    pub(super) fn new(seed: u64, params: &Params) -> Self {
        Ores { seed: derive(seed, 70), percent: params.ores.into() }
    }

    /// Puts the veins of a chunk into its rock.
    pub(super) fn strew(&self, origin: VoxelPos, voxels: &mut [BlockId; CHUNK_VOXELS]) {
        for cell in 0..64 {
            let corner = [cell & 3, cell >> 4, cell >> 2 & 3].map(|place| place * CELL);
            let at = origin.offset(corner[0], corner[1], corner[2]);
            let mut dice = Dice::new(hash3(self.seed, at.x, at.y, at.z));
            let mut draw = dice.between(0, 999);
            for (ore, highest, permille, half) in VEINS {
                let permille = permille * self.percent / 100;
                if draw >= permille {
                    draw -= permille;
                    continue;
                }
                if at.y as i32 <= highest {
                    vein(&mut dice, corner, ore, half, voxels);
                }
                break;
            }
        }
    }
}

fn vein(dice: &mut Dice, corner: [i64; 3], ore: BlockId, half: i64, voxels: &mut [BlockId; CHUNK_VOXELS]) {
    let middle = [0; 3].map(|_| dice.between(half, CELL - 1 - half));
    let stretch = [0; 3].map(|_| dice.between(2, 5));
    let within = half * half * 12;
    for dy in -half..=half {
        for dz in -half..=half {
            for dx in -half..=half {
                let away = dx * dx * stretch[0] + dy * dy * stretch[1] + dz * dz * stretch[2];
                if away * 3 > within || !dice.chance(850) {
                    continue;
                }
                let [x, y, z] = [corner[0] + middle[0] + dx, corner[1] + middle[1] + dy, corner[2] + middle[2] + dz];
                let voxel = &mut voxels[index_of(x as u8, y as u8, z as u8)];
                if matches!(*voxel, block::STONE | block::DEEP_STONE | block::LIMESTONE | block::GRANITE) {
                    *voxel = ore;
                }
            }
        }
    }
}
