//! Gradient noise on lattices whose cells are powers of two, so that the plane closes seamlessly where coordinates
//! wrap.
//!
//! The scheme is Perlin's ("Improving noise", SIGGRAPH 2002: fade 6t⁵ − 15t⁴ + 10t³) with gradients taken from a hash
//! of the lattice point instead of a permutation table, which would repeat every 256 cells.

use super::{
    fixed::ONE,
    hash::{derive, hash_x, hash_z, hash3},
};
use crate::place::VoxelPos;

/// Sixteen directions, scaled by 256·√2 so that the noise reaches from about −1 to 1.
const DIRECTIONS: [[i64; 2]; 16] = [
    [362, 0],
    [334, 139],
    [256, 256],
    [139, 334],
    [0, 362],
    [-139, 334],
    [-256, 256],
    [-334, 139],
    [-362, 0],
    [-334, -139],
    [-256, -256],
    [-139, -334],
    [0, -362],
    [139, -334],
    [256, -256],
    [334, -139],
];

/// 6t⁵ − 15t⁴ + 10t³.
const fn fade(t: i64) -> i64 {
    let cubed = (((t * t) >> 16) * t) >> 16;
    (cubed * (((t * (6 * t - 15 * ONE)) >> 16) + 10 * ONE)) >> 16
}

/// Smooth noise over the plane, from about −[`ONE`] to [`ONE`], zero at the corners of cells of 2^`shift` metres.
pub(super) fn noise2(seed: u64, x: i64, z: i64, shift: u32) -> i64 {
    let size = 1i64 << shift;
    let (x0, z0) = (x & -size, z & -size);
    let (x1, z1) = (x0.wrapping_add(size), z0.wrapping_add(size));
    let (fx, fz) = (((x & (size - 1)) << 16) >> shift, ((z & (size - 1)) << 16) >> shift);
    let (west, east) = (hash_x(seed, x0), hash_x(seed, x1));
    let corner = |half: u64, z: i64, fx: i64, fz: i64| {
        let [gx, gz] = DIRECTIONS[(hash_z(half, z) & 15) as usize];
        (gx * fx + gz * fz) >> 8
    };
    let (u, v) = (fade(fx), fade(fz));
    let (nw, ne) = (corner(west, z0, fx, fz), corner(east, z0, fx - ONE, fz));
    let (sw, se) = (corner(west, z1, fx, fz - ONE), corner(east, z1, fx - ONE, fz - ONE));
    let north = nw + (((ne - nw) * u) >> 16);
    let south = sw + (((se - sw) * u) >> 16);
    north + (((south - north) * v) >> 16)
}

/// Noise of several sizes: each octave has half the size and half the height of the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fractal {
    seed: u64,
    shift: u32,
    octaves: u32,
}

impl Fractal {
    /// The largest octave has cells of 2^`shift` metres. `question` tells fields of one seed apart.
    pub(super) const fn new(seed: u64, question: u64, shift: u32, octaves: u32) -> Self {
        assert!(octaves <= shift);
        Fractal { seed: derive(seed, question), shift, octaves }
    }

    /// From about −[`ONE`] to [`ONE`], mostly within half of that.
    pub(super) fn at(&self, x: i64, z: i64) -> i64 {
        self.first(x, z, self.octaves)
    }

    /// The same with the smaller octaves left out.
    pub(super) fn first(&self, x: i64, z: i64, octaves: u32) -> i64 {
        (0..octaves).map(|octave| self.octave(x, z, octave) >> octave).sum()
    }

    /// Crests instead of waves: 1 − |noise|, squared, small octaves only where large ones are high. From 0 to [`ONE`].
    /// After Musgrave's ridged multifractal (Ebert et al., "Texturing and modeling", chapter 16).
    pub(super) fn ridges(&self, x: i64, z: i64) -> i64 {
        let (mut sum, mut weight, mut most) = (0, ONE, 0);
        for octave in 0..self.octaves {
            let crest = (ONE - self.octave(x, z, octave).abs()).max(0);
            let signal = (((crest * crest) >> 16) * weight) >> 16;
            sum += signal >> octave;
            most += ONE >> octave;
            weight = (signal * 2).min(ONE);
        }
        sum * ONE / most
    }

    fn octave(&self, x: i64, z: i64, octave: u32) -> i64 {
        // A shift of half a cell and more keeps the octaves' corners, where noise is always zero, apart.
        let (seed, shift) = (self.seed.wrapping_add(octave.into()), self.shift - octave);
        let apart = (seed >> 7 & 0xFFFF) as i64;
        noise2(seed, x.wrapping_add(apart), z.wrapping_add(apart << 1), shift)
    }
}

/// Points of a [`Lattice`] along an edge of a chunk: every fourth voxel, both ends included.
pub(super) const POINTS: usize = 9;
/// One, in a lattice's values.
pub(super) const LATTICE_ONE: i32 = 1 << 12;

/// Values of a noise in space at every fourth voxel of a chunk, in 1/4,096.
pub(super) struct Lattice(pub(super) Box<[i32; POINTS * POINTS * POINTS]>);

/// Along one axis: which two corners a point lies between, and where.
struct Axis {
    /// Coordinates of the corners.
    corners: [i64; 4],
    cell: [usize; POINTS],
    offset: [i32; POINTS],
    fade: [i32; POINTS],
}

impl Axis {
    fn new(start: i64, shift: u32) -> Self {
        let size = 1i64 << shift;
        let first = start & -size;
        let mut axis = Axis { corners: [0; 4], cell: [0; POINTS], offset: [0; POINTS], fade: [0; POINTS] };
        for (k, corner) in (0..).zip(&mut axis.corners) {
            *corner = first.wrapping_add(size.wrapping_mul(k));
        }
        for point in 0..POINTS {
            let along = (start & (size - 1)) + 4 * point as i64;
            let offset = (along & (size - 1)) << 12 >> shift;
            axis.cell[point] = (along >> shift) as usize;
            axis.offset[point] = offset as i32;
            axis.fade[point] = (fade(offset << 4) >> 4) as i32;
        }
        axis
    }
}

/// Twelve directions to the middles of a cube's edges, four of them twice.
const EDGES: [[i32; 3]; 16] = [
    [1, 1, 0],
    [-1, 1, 0],
    [1, -1, 0],
    [-1, -1, 0],
    [1, 0, 1],
    [-1, 0, 1],
    [1, 0, -1],
    [-1, 0, -1],
    [0, 1, 1],
    [0, -1, 1],
    [0, 1, -1],
    [0, -1, -1],
    [1, 1, 0],
    [-1, 1, 0],
    [0, -1, 1],
    [0, -1, -1],
];

impl Lattice {
    /// All zero.
    pub(super) fn zero() -> Self {
        Lattice(Box::new([0; POINTS * POINTS * POINTS]))
    }

    /// Where a point's value stands.
    pub(super) const fn index(x: usize, y: usize, z: usize) -> usize {
        (y * POINTS + z) * POINTS + x
    }

    /// Adds noise, `halvings` times halved, of cells of 2^`across` metres east and south and 2^`up` metres up, both
    /// from 4 to 8, to the lowest `layers` layers of points of the chunk at `origin`.
    pub(super) fn add(&mut self, seed: u64, origin: VoxelPos, across: u32, up: u32, halvings: u32, layers: usize) {
        assert!((4..=8).contains(&across) && (4..=8).contains(&up) && layers <= POINTS);
        let (xs, ys, zs) = (Axis::new(origin.x, across), Axis::new(origin.y, up), Axis::new(origin.z, across));
        let mut directions = [[0i32; 3]; 64];
        for (at, direction) in directions.iter_mut().enumerate() {
            let [x, y, z] = [at & 3, at >> 4, at >> 2 & 3];
            if x > xs.cell[8] + 1 || y > ys.cell[8] + 1 || z > zs.cell[8] + 1 {
                continue;
            }
            *direction = EDGES[(hash3(seed, xs.corners[x], ys.corners[y], zs.corners[z]) & 15) as usize];
        }
        let mix = |a: i32, b: i32, t: i32| a + (((b - a) * t) >> 12);
        for py in 0..layers {
            let (fy, v) = (ys.offset[py], ys.fade[py]);
            for pz in 0..POINTS {
                let (fz, w) = (zs.offset[pz], zs.fade[pz]);
                let row = &mut self.0[Self::index(0, py, pz)..][..POINTS];
                // Within one cell's stretch of a row, each corner's part is a straight line.
                let mut start = 0;
                while start < POINTS {
                    let base = xs.cell[start] | zs.cell[pz] << 2 | ys.cell[py] << 4;
                    let lines: [[i32; 2]; 8] = std::array::from_fn(|corner| {
                        let [dx, dz, dy] = [corner & 1, corner >> 1 & 1, corner >> 2];
                        let [gx, gy, gz] = directions[(base + dx + (dz << 2) + (dy << 4)) & 63];
                        let [ox, oy, oz] = [dx, dy, dz].map(|step| (step as i32) << 12);
                        [gx, gy * (fy - oy) + gz * (fz - oz) - gx * ox]
                    });
                    let end = (start..POINTS).find(|px| xs.cell[*px] != xs.cell[start]).unwrap_or(POINTS);
                    let along = xs.offset[start..end].iter().zip(&xs.fade[start..end]);
                    for (value, (fx, u)) in row[start..end].iter_mut().zip(along) {
                        let (fx, u) = (*fx, *u);
                        let c = lines.map(|[slope, from]| slope * fx + from);
                        let low = mix(mix(c[0], c[1], u), mix(c[2], c[3], u), w);
                        let high = mix(mix(c[4], c[5], u), mix(c[6], c[7], u), w);
                        *value += mix(low, high, v) >> halvings;
                    }
                    start = end;
                }
            }
        }
    }
}
