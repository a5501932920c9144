//! The land of an area as nature left it: relief, rivers and lakes, small unevenness. Built things come in
//! [`super::ground`].
//!
//! Relief is worked out at every fourth metre and drawn as straight lines between; everything finer is worked out per
//! column.

use super::{
    fixed::{METRE, ONE, lerp, scale},
    hash::derive,
    noise::noise2,
    params::Params,
    rivers::{NearReach, Rivers, VALLEY, shape, stream},
    terrain::{Relief, Terrain},
};

/// Metres between the points at which relief is worked out.
const STEP: i64 = 4;

/// The land as a function of position.
pub(super) struct Land {
    terrain: Terrain,
    rivers: Rivers,
    bumps: [u64; 2],
}

/// One column of the land. Heights in 1/256 m.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lie {
    /// The ground's height; its highest voxel is at `ground >> 8`.
    pub(super) ground: i64,
    /// Its height without hills and valleys.
    pub(super) base: i64,
    /// Height of the highest voxel of water, in metres.
    pub(super) water: Option<i64>,
    /// From here to the edge of the nearest river or lake; below zero in it.
    pub(super) shore: i64,
    /// Fractions.
    pub(super) mountain: i64,
    pub(super) mesa: i64,
    pub(super) temperature: i64,
    pub(super) moisture: i64,
    /// What tells kinds of rock apart, and where caves open.
    pub(super) strata: i64,
    pub(super) mouth: i64,
    /// Noise of a few metres' size, for whoever wants ragged borders.
    pub(super) bump: i64,
}

impl Land {
    pub(super) fn new(seed: u64, params: &Params) -> Self {
        Land {
            terrain: Terrain::new(seed, params),
            rivers: Rivers::new(seed),
            bumps: [derive(seed, 40), derive(seed, 41)],
        }
    }

    /// Every column of the `width` × `depth` metres from (x, z) on, row by row. At most 128 metres along an edge.
    pub(super) fn area(&self, x: i64, z: i64, width: usize, depth: usize) -> Vec<Lie> {
        let reaches = self.rivers.near(&self.terrain, x, z, width as i64, depth as i64);
        let count = |at: i64, length: usize| ((at & (STEP - 1)) + length as i64 - 1 + STEP - 1) / STEP + 1;
        let (across, down) = (count(x, width) as usize, count(z, depth) as usize);
        let mut lattice = Vec::with_capacity(across * down);
        for row in 0..down as i64 {
            for place in 0..across as i64 {
                let (px, pz) = ((x & -STEP).wrapping_add(place * STEP), (z & -STEP).wrapping_add(row * STEP));
                lattice.push(self.terrain.relief(px, pz));
            }
        }
        let mut columns = Vec::with_capacity(width * depth);
        for dz in 0..depth {
            let within_z = (z & (STEP - 1)) + dz as i64;
            let (row, v) = ((within_z / STEP) as usize, within_z % STEP * (ONE / STEP));
            let below = if v == 0 { row } else { row + 1 };
            for dx in 0..width {
                let within_x = (x & (STEP - 1)) + dx as i64;
                let (place, u) = ((within_x / STEP) as usize, within_x % STEP * (ONE / STEP));
                let beside = if u == 0 { place } else { place + 1 };
                let corners = [(row, place), (row, beside), (below, place), (below, beside)]
                    .map(|(row, place)| &lattice[row * across + place]);
                let relief = between(corners, u, v);
                columns.push(self.column(&relief, &reaches, (x, z), (dx as i64, dz as i64)));
            }
        }
        columns
    }

    /// The column at (x, z).
    pub(super) fn at(&self, x: i64, z: i64) -> Lie {
        self.area(x, z, 1, 1)[0]
    }

    /// The column at (x, z) without rivers and small unevenness, for far views; no plan is made for it.
    pub(super) fn rough(&self, x: i64, z: i64) -> Lie {
        let relief = self.terrain.relief(x, z);
        Lie { ground: relief.ground, water: (relief.ground < 0).then_some(0), shore: VALLEY * METRE, ..lie(&relief) }
    }

    fn column(&self, relief: &Relief, reaches: &[NearReach], corner: (i64, i64), (dx, dz): (i64, i64)) -> Lie {
        let (x, z) = (corner.0.wrapping_add(dx), corner.1.wrapping_add(dz));
        let bump = noise2(self.bumps[0], x, z, 4);
        let rough = METRE / 2 + scale(relief.mountain, 4 * METRE);
        let fine = noise2(self.bumps[1], x, z, 3);
        let ground = relief.ground + scale(bump, rough) + scale(fine, rough / 2);
        let stream = stream(reaches, dx * METRE + relief.bend[0], dz * METRE + relief.bend[1]);
        let (ground, water) = shape(ground, relief.shelf, &stream);
        Lie { ground, water, shore: stream.shore, bump, ..lie(relief) }
    }
}

fn lie(relief: &Relief) -> Lie {
    let Relief { base, mountain, temperature, moisture, mesa, strata, mouth, .. } = *relief;
    Lie { base, mountain, mesa, temperature, moisture, strata, mouth, ..Lie::default() }
}

fn between([nw, ne, sw, se]: [&Relief; 4], u: i64, v: i64) -> Relief {
    let mix = |value: fn(&Relief) -> i64| lerp(lerp(value(nw), value(ne), u), lerp(value(sw), value(se), u), v);
    Relief {
        shelf: mix(|relief| relief.shelf),
        base: mix(|relief| relief.base),
        ground: mix(|relief| relief.ground),
        mountain: mix(|relief| relief.mountain),
        temperature: mix(|relief| relief.temperature),
        moisture: mix(|relief| relief.moisture),
        mesa: mix(|relief| relief.mesa),
        bend: [mix(|relief| relief.bend[0]), mix(|relief| relief.bend[1])],
        strata: mix(|relief| relief.strata),
        mouth: mix(|relief| relief.mouth),
    }
}

#[cfg(test)]
impl Land {
    /// Whether all water of the tile around a place runs down.
    pub(super) fn rivers_run_downhill(&self, x: i64, z: i64) -> bool {
        self.rivers.run_downhill(&self.terrain, x, z)
    }
}
