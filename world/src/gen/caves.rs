//! Caves: tunnels where two noises are both near zero, caverns where a third is high.
//!
//! The noises are known at every fourth voxel and drawn as straight lines between. Most cells of 4³ voxels can be told
//! to be solid from their corners alone.

use super::{
    column::{AREA, Column},
    fixed::{ONE, part, ramp},
    hash::derive,
    noise::{Fractal, LATTICE_ONE, Lattice, POINTS},
    params::Params,
};
use crate::{
    block::{self, BlockId},
    place::{CHUNK_VOXELS, VoxelPos},
};

/// Half of a tunnel's width as a value of its noises, where tunnels are widest.
const WIDEST: i64 = LATTICE_ONE as i64 * 115 / 1000;
/// Caverns are where their noise is above this.
const CAVERN: i32 = LATTICE_ONE * 47 / 100;
/// Metres from bedrock up to the level of lava.
const LAVA: i32 = 22;

/// The hollow places.
pub(super) struct Caves {
    seed: u64,
    width: Fractal,
    percent: i64,
    floor: i32,
}

impl Caves {
    pub(super) fn new(seed: u64, params: &Params) -> Self {
        Caves {
            seed: derive(seed, 60),
            width: Fractal::new(derive(seed, 61), 0, 8, 2),
            percent: params.caves.into(),
            floor: params.floor.into(),
        }
    }

    /// Hollows the ground of a chunk.
    pub(super) fn carve(&self, column: &Column, origin: VoxelPos, voxels: &mut [BlockId; CHUNK_VOXELS]) {
        let bottom = origin.y as i32;
        let roof = column.layers.roof.iter().copied().max().map_or(bottom, i32::from);
        if self.percent == 0 || roof < bottom || bottom + 31 < self.floor + 8 {
            return;
        }
        let cells = (((roof - bottom) / 4 + 1) as usize).min(POINTS - 1);
        let noises = self.noises(origin, cells + 1);
        for cz in 0..POINTS - 1 {
            for cx in 0..POINTS - 1 {
                let half = self.half_width(origin.x.wrapping_add(4 * cx as i64), origin.z.wrapping_add(4 * cz as i64));
                for cy in 0..cells {
                    let at = |noise: usize| corners(&noises[noise], cx, cy, cz);
                    let is_near_zero = |c: [i32; 8]| low(&c) < half && high(&c) > -half;
                    if high(&at(2)) > CAVERN || is_near_zero(at(0)) && is_near_zero(at(1)) {
                        self.hollow(column, bottom, voxels, [cx, cy, cz], &[at(0), at(1), at(2)], half);
                    }
                }
            }
        }
    }

    fn noises(&self, origin: VoxelPos, layers: usize) -> [Lattice; 3] {
        // Tunnels would meet wherever the corners of both noises do, so each has its own origin.
        let moved = |by: i64| origin.offset(by, by, by);
        let mut noises = [Lattice::zero(), Lattice::zero(), Lattice::zero()];
        let [first, second, cavern] = &mut noises;
        first.add(derive(self.seed, 1), origin, 6, 5, 0, layers);
        first.add(derive(self.seed, 2), moved(12), 5, 4, 1, layers);
        second.add(derive(self.seed, 3), moved(28), 6, 5, 0, layers);
        second.add(derive(self.seed, 4), moved(8), 5, 4, 1, layers);
        cavern.add(derive(self.seed, 5), moved(44), 7, 6, 0, layers);
        cavern.add(derive(self.seed, 6), moved(20), 5, 5, 2, layers);
        noises
    }

    /// Half of a tunnel's width around here, as a value of its noises.
    fn half_width(&self, x: i64, z: i64) -> i32 {
        let many = ramp(self.width.at(x, z), part(-450), part(350));
        (((WIDEST * self.percent / 100) * (ONE / 4 + many * 3 / 4)) >> 16) as i32
    }

    fn hollow(
        &self,
        column: &Column,
        bottom: i32,
        voxels: &mut [BlockId; CHUNK_VOXELS],
        [cx, cy, cz]: [usize; 3],
        corners: &[[i32; 8]; 3],
        half: i32,
    ) {
        let [first, second, cavern] = [0, 1, 2].map(|noise: usize| within(&corners[noise]));
        for ly in 0..4 {
            let layer = cy * 4 + ly;
            let y = bottom + layer as i32;
            if y < self.floor + 8 {
                continue;
            }
            let filled = if y <= self.floor + LAVA { block::LAVA } else { BlockId::AIR };
            for lz in 0..4 {
                for lx in 0..4 {
                    let at = (cz * 4 + lz) * 32 + cx * 4 + lx;
                    if y > i32::from(column.layers.roof[at]) {
                        continue;
                    }
                    let (first, second, cavern) = (first[ly][lz][lx], second[ly][lz][lx], cavern[ly][lz][lx]);
                    let depth = i32::from(column.layers.height[at]) - y;
                    // Mouths widen towards the open; caverns stay deep.
                    let half = if depth < 12 { half * 3 / 2 } else { half };
                    let tunnel = first * first + second * second < half * half;
                    if tunnel || cavern > CAVERN && depth > 18 {
                        voxels[layer * AREA + at] = filled;
                    }
                }
            }
        }
    }
}

fn corners(lattice: &Lattice, x: usize, y: usize, z: usize) -> [i32; 8] {
    let at = |dx, dy, dz| lattice.0[Lattice::index(x + dx, y + dy, z + dz)];
    [at(0, 0, 0), at(1, 0, 0), at(0, 0, 1), at(1, 0, 1), at(0, 1, 0), at(1, 1, 0), at(0, 1, 1), at(1, 1, 1)]
}

fn low(corners: &[i32; 8]) -> i32 {
    corners.iter().copied().fold(i32::MAX, i32::min)
}

fn high(corners: &[i32; 8]) -> i32 {
    corners.iter().copied().fold(i32::MIN, i32::max)
}

/// The values at a cell's 4³ voxels, by layer, row and place in it. Whole rows at a time, so that the compiler can do them at once.
fn within(c: &[i32; 8]) -> [[[i32; 4]; 4]; 4] {
    type Row = [i32; 4];
    let along = |a: i32, b: i32| -> Row { std::array::from_fn(|x| 4 * a + (b - a) * x as i32) };
    let mix = |a: &Row, b: &Row, part: i32| -> Row { std::array::from_fn(|x| 4 * a[x] + (b[x] - a[x]) * part) };
    let plane = |north: Row, south: Row| -> [Row; 4] { std::array::from_fn(|z| mix(&north, &south, z as i32)) };
    let low = plane(along(c[0], c[1]), along(c[2], c[3]));
    let high = plane(along(c[4], c[5]), along(c[6], c[7]));
    let layer = |y: usize| std::array::from_fn(|z| mix(&low[z], &high[z], y as i32).map(|value| value >> 6));
    std::array::from_fn(layer)
}
