//! The land beyond the chunks: squares of a coarse lattice, coarser with distance, out to the horizon.
//!
//! Squares come from a quadtree: one is split while it is large for its distance, or while some of its ground may be drawn by
//! chunks. So the land reaches exactly up to the last column of chunks that is drawn, and stands in for those that haven't
//! come yet; near ground never shows through, since a covered column has no square.
//!
//! Squares of different sizes meet at steps; a skirt around each hides the cracks.

use bitdust_world::r#gen::FarPatch;

use crate::model::sky::{Rgb, linear};

/// Squares of this level are one column of chunks: 16 × 2 m = 32 m.
pub const LEVEL_MIN: u8 = 1;
/// The coarsest: 16 × 128 m = 2,048 m.
pub const LEVEL_MAX: u8 = 7;
/// Lattice cells along an edge of a square.
pub const CELLS: i64 = 16;
/// A square is split if it is nearer than so many times its own width: at 2, one cell of the lattice is seen under at
/// most 1/32 rad, about 2 % of a picture's height.
const SPLIT: f64 = 2.0;

/// A square of the lattice: from (`x`, `z`) × 16 × 2^`level` metres on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Square {
    /// East.
    pub x: i64,
    /// South.
    pub z: i64,
    /// Size.
    pub level: u8,
}

impl Square {
    /// Metres along an edge.
    pub const fn width(self) -> i64 {
        CELLS << self.level
    }

    /// Its north-western corner, in voxels.
    pub const fn corner(self) -> [i64; 2] {
        [self.x.wrapping_mul(self.width()), self.z.wrapping_mul(self.width())]
    }

    /// The distance of its nearest ground.
    fn distance(self, from: [i64; 2]) -> f64 {
        let corner = self.corner();
        let gap = [0, 1].map(|axis| {
            let low = corner[axis].wrapping_sub(from[axis]);
            let high = low.wrapping_add(self.width());
            if low > 0 {
                low as f64
            } else if high < 0 {
                -(high as f64)
            } else {
                0.0
            }
        });
        gap[0].hypot(gap[1])
    }

    fn quarters(self) -> [Square; 4] {
        let level = self.level - 1;
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, z)| Square {
            x: self.x.wrapping_mul(2).wrapping_add(x),
            z: self.z.wrapping_mul(2).wrapping_add(z),
            level,
        })
    }
}

/// The squares that cover the land around a point, in voxels, out to `reach_m`, but for the columns of chunks (in chunks) that
/// are `covered`. Columns further than `near_m` are never covered.
pub fn squares(from: [i64; 2], near_m: f64, reach_m: f64, covered: &dyn Fn([i64; 2]) -> bool) -> Vec<Square> {
    let width = CELLS << LEVEL_MAX;
    let around = (reach_m / width as f64).ceil() as i64;
    let own = from.map(|part| part.div_euclid(width));
    let mut found = vec![];
    for dz in -around..=around {
        for dx in -around..=around {
            let square = Square { x: own[0] + dx, z: own[1] + dz, level: LEVEL_MAX };
            visit(square, from, near_m, reach_m, covered, &mut found);
        }
    }
    found
}

fn visit(
    square: Square,
    from: [i64; 2],
    near_m: f64,
    reach_m: f64,
    covered: &dyn Fn([i64; 2]) -> bool,
    found: &mut Vec<Square>,
) {
    let distance = square.distance(from);
    if distance > reach_m {
        return;
    }
    let split = distance < near_m || distance < SPLIT * square.width() as f64;
    if split && square.level > LEVEL_MIN {
        square.quarters().into_iter().for_each(|quarter| visit(quarter, from, near_m, reach_m, covered, found));
    } else if square.level > LEVEL_MIN || !covered([square.x, square.z]) {
        found.push(square);
    }
}

/// Triangles of a square, in metres from its corner, `y` from sea level.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Land {
    /// Corners.
    pub positions: Vec<[f32; 3]>,
    /// One for each corner.
    pub normals: Vec<[f32; 3]>,
    /// One for each corner: linear colour, and how open to the sky.
    pub colours: Vec<[f32; 4]>,
    /// Three for each triangle, counter-clockwise from outside.
    pub indices: Vec<u32>,
}

/// What a lattice point looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The top of the ground, or of the water that stands on it, in metres.
    pub height: f32,
    /// In linear light.
    pub colour: Rgb,
    /// Whether it is water.
    pub wet: bool,
}

/// From this level on heights are evened out.
const SMOOTH_FROM: u8 = 5;
/// The fourth part of the colour of water; see `scene/voxel.wgsl`.
const FAR_WATER: f32 = 3.0;
const SIDE: usize = CELLS as usize + 1;

/// The lattice points of a patch.
pub fn points(patch: &FarPatch) -> Vec<Point> {
    let all = patch.heights.iter().zip(&patch.water).zip(&patch.colours);
    all.map(|((height, wet), colour)| Point {
        // Ground ends a voxel higher than its highest voxel begins, water an eighth lower.
        height: *height as f32 + if *wet { 0.875 } else { 1.0 },
        colour: linear(*colour),
        wet: *wet,
    })
    .collect()
}

/// Evens out what a coarse lattice can't show: ridges narrower than its cells would stand there as teeth.
fn smooth(points: &mut [Point]) {
    let old: Vec<f32> = points.iter().map(|point| point.height).collect();
    let at = |x: usize, z: usize| old[z.min(SIDE - 1) * SIDE + x.min(SIDE - 1)];
    for z in 0..SIDE {
        for x in 0..SIDE {
            let (west, north) = (x.saturating_sub(1), z.saturating_sub(1));
            let sides = at(west, z) + at(x + 1, z) + at(x, north) + at(x, z + 1);
            let point = &mut points[z * SIDE + x];
            if !point.wet {
                point.height = at(x, z) / 2.0 + sides / 8.0;
            }
        }
    }
}

/// The colour of a slope: of steps of earth, whose sides are seen the more the steeper it is. Rock and snow have sides like
/// their tops.
fn on_slope(colour: Rgb, slope: f32) -> Rgb {
    const EARTH: Rgb = [0.17, 0.094, 0.04];
    let [r, g, b] = colour;
    let grows = ((g - 1.15 * b) / (g + 0.01)).clamp(0.0, 1.0) * if r < 2.0 * g { 1.0 } else { 0.0 };
    let sides = slope / (1.0 + slope) * grows;
    [0, 1, 2].map(|i| colour[i] + (EARTH[i] - colour[i]) * sides)
}

/// Triangles from 17 × 17 lattice points, `x` fastest.
pub fn land(points: &[Point], level: u8) -> Land {
    let mut points = points.to_vec();
    if points.len() == SIDE * SIDE && level >= SMOOTH_FROM {
        smooth(&mut points);
    }
    let spacing = (1i64 << level) as f32;
    // A little lower than it is, so that at a shared border the chunks' ground hides it and not the other way around.
    let sink = 0.12 * spacing;
    let mut land = Land::default();
    let at = |x: usize, z: usize| points.get(z.min(SIDE - 1) * SIDE + x.min(SIDE - 1)).copied();
    for z in 0..SIDE {
        for x in 0..SIDE {
            let Some(point) = at(x, z) else { return Land::default() };
            let (west, east) = (at(x.saturating_sub(1), z), at(x + 1, z));
            let (north, south) = (at(x, z.saturating_sub(1)), at(x, z + 1));
            let slope = |a: Option<Point>, b: Option<Point>, cells: usize| match (a, b) {
                (Some(a), Some(b)) => (b.height - a.height) / (cells.max(1) as f32 * spacing),
                _ => 0.0,
            };
            let dx = slope(west, east, (x + 1).min(SIDE - 1) - x.saturating_sub(1));
            let dz = slope(north, south, (z + 1).min(SIDE - 1) - z.saturating_sub(1));
            let length = (dx * dx + dz * dz + 1.0).sqrt();
            land.positions.push([
                x as f32 * spacing,
                point.height - if point.wet { 0.0 } else { sink },
                z as f32 * spacing,
            ]);
            land.normals.push([-dx / length, 1.0 / length, -dz / length]);
            let [r, g, b] = if point.wet { point.colour } else { on_slope(point.colour, dx.hypot(dz)) };
            land.colours.push([r, g, b, if point.wet { FAR_WATER } else { 1.0 }]);
        }
    }
    let index = |x: usize, z: usize| (z * SIDE + x) as u32;
    for z in 0..SIDE - 1 {
        for x in 0..SIDE - 1 {
            let (a, b, c, d) = (index(x, z), index(x, z + 1), index(x + 1, z + 1), index(x + 1, z));
            land.indices.extend([a, b, c, a, c, d]);
        }
    }
    skirt(&mut land, spacing);
    land
}

/// Hangs a strip of triangles from each edge, facing outwards.
fn skirt(land: &mut Land, spacing: f32) {
    let last = SIDE - 1;
    let edges: [Vec<usize>; 4] = [
        (0..SIDE).rev().collect(),
        (0..SIDE).map(|x| last * SIDE + x).collect(),
        (0..SIDE).map(|z| z * SIDE).collect(),
        (0..SIDE).rev().map(|z| z * SIDE + last).collect(),
    ];
    for edge in edges {
        let first = land.positions.len() as u32;
        for top in &edge {
            let [x, y, z] = land.positions[*top];
            land.positions.push([x, y - 3.0 * spacing, z]);
            land.normals.push(land.normals[*top]);
            land.colours.push(land.colours[*top]);
        }
        for (i, pair) in edge.windows(2).enumerate() {
            let (a, b) = (pair[0] as u32, pair[1] as u32);
            let (c, d) = (first + i as u32, first + i as u32 + 1);
            land.indices.extend([a, c, d, a, d, b]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 32 m column within reach lies in exactly one square, or is covered.
    fn check(from: [i64; 2], near_m: f64, reach_m: f64, covered: &dyn Fn([i64; 2]) -> bool) {
        let found = squares(from, near_m, reach_m, covered);
        let own = from.map(|part| part >> 5);
        let radius = (reach_m / 32.0) as i64 - 2;
        for dz in (-radius..=radius).step_by(3) {
            for dx in (-radius..=radius).step_by(3) {
                if ((dx * dx + dz * dz) as f64).sqrt() > radius as f64 {
                    continue;
                }
                let column = [own[0] + dx, own[1] + dz];
                let holding = found
                    .iter()
                    .filter(|square| {
                        column[0] >> (square.level - 1) == square.x && column[1] >> (square.level - 1) == square.z
                    })
                    .count();
                assert_eq!(holding, usize::from(!covered(column)), "column {column:?} from {from:?}");
            }
        }
        assert!(found.len() < 2500, "{} squares", found.len());
    }

    #[test]
    fn the_land_is_covered_once_and_only_where_chunks_are_not() {
        let nothing = |_: [i64; 2]| false;
        check([0, 0], 256.0, 4000.0, &nothing);
        for from in [[0, 0], [100, -77], [-1_000_000_000_000_000, 999_999]] {
            let own = from.map(|part: i64| part >> 5);
            let disc = move |column: [i64; 2]| {
                let d = [0, 1].map(|axis| (column[axis] - own[axis]) as f64 * 32.0);
                d[0].hypot(d[1]) < 200.0
            };
            check(from, 256.0, 4000.0, &disc);
            let ragged = move |column: [i64; 2]| disc(column) && (column[0] ^ column[1]) & 1 == 0;
            check(from, 256.0, 2000.0, &ragged);
        }
    }

    #[test]
    fn flat_land_is_flat_and_faces_up() {
        let points = vec![Point { height: 5.0, colour: [0.1; 3], wet: true }; SIDE * SIDE];
        let land = land(&points, 3);
        assert!(land.positions[..SIDE * SIDE].iter().all(|at| at[1] == 5.0));
        assert!(land.normals.iter().all(|normal| *normal == [0.0, 1.0, 0.0]));
        assert_eq!(land.positions[SIDE - 1][0], 128.0);
        for triangle in land.indices.chunks(3).take(512) {
            let [a, b, c] = [0, 1, 2].map(|i| land.positions[triangle[i] as usize]);
            let up = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2]);
            assert!(up > 0.0, "counter-clockwise from above");
        }
        assert_eq!(land.indices.len(), 3 * (512 + 4 * 32));
    }

    #[test]
    fn skirts_face_outwards() {
        let land = land(&vec![Point { height: 0.0, colour: [0.1; 3], wet: false }; SIDE * SIDE], 1);
        for triangle in land.indices.chunks(3).skip(512) {
            let [a, b, c] = [0, 1, 2].map(|i| land.positions[triangle[i] as usize]);
            let (u, v) = ([0, 1, 2].map(|i| b[i] - a[i]), [0, 1, 2].map(|i| c[i] - a[i]));
            let normal = [u[1] * v[2] - u[2] * v[1], 0.0, u[0] * v[1] - u[1] * v[0]];
            let out = [a[0] - 16.0, a[2] - 16.0];
            assert!(normal[0] * out[0] + normal[2] * out[1] > 0.0, "{a:?} {b:?} {c:?}");
        }
    }

    #[test]
    fn a_patch_that_is_too_short_draws_nothing() {
        assert_eq!(land(&[], 3), Land::default());
    }
}
