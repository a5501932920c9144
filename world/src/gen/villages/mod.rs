//! Villages, and the roads between them: what people made of the land before the first player came.
//!
//! The plane is divided into cells of 1,024 m; each may bear one village, at the flattest of a few hashed places
//! ([`seat`]). Villages of neighbouring cells are connected by [`roads`]. Houses and fields are laid out along the
//! streets ([`layout`]) and drawn voxel by voxel ([`house`], [`yard`]). A plan reads the land only, so it is a function
//! of position like everything else.

mod house;
mod layout;
mod names;
mod roads;
mod seat;
mod yard;

use std::sync::Arc;

pub(super) use self::yard::Post;
use self::{
    layout::Plan,
    roads::{Road, Stretch},
    seat::Seat,
};
use super::{
    biome::Biome,
    fixed::{METRE, lerp, ramp, scale, smooth, smoothstep},
    ground::Cover,
    hash::derive,
    land::{Land, Lie},
    memo::Memo,
    params::Params,
};
#[cfg(test)]
use crate::{BlockId, VoxelPos};

/// Metres along a cell's edge.
pub(super) const CELL: i64 = 1024;
/// Metres from a village's square to where its streets end and roads begin.
const GATE: i64 = 46;
/// Metres from a village's square to where the land is as nature left it.
const REACH: i64 = 96;

/// A village, for maps and signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Village {
    /// What it is called.
    pub name: String,
    /// East coordinate of the well on its square.
    pub x: i64,
    /// South coordinate.
    pub z: i64,
    /// Height of the square.
    pub height: i64,
    /// The country around it.
    pub biome: Biome,
    /// How many houses it has.
    pub houses: u32,
    /// Where the squares are that its roads lead to.
    pub neighbours: Vec<(i64, i64)>,
}

/// Where villages and roads are.
pub(super) struct Villages {
    seed: u64,
    permille: i64,
    seats: Memo<Option<Seat>>,
    roads: Memo<[Option<Road>; 2]>,
    plans: Memo<Option<Plan>>,
}

/// A village's plan, and where its square is.
pub(super) type Placed = (Arc<Option<Plan>>, (i64, i64));

/// What people made of an area.
#[derive(Default)]
pub(super) struct Works {
    plans: Vec<Arc<Option<Plan>>>,
    stretches: Vec<Stretch>,
    corner: (i64, i64),
}

/// What people made of a column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    pub(super) cover: Cover,
    pub(super) deck: Option<Deck>,
}

/// A column of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deck {
    /// Where walkers walk.
    pub(super) height: i64,
    pub(super) rail: bool,
    pub(super) pillar: bool,
}

impl Villages {
    pub(super) fn new(seed: u64, params: &Params) -> Self {
        Villages {
            seed: derive(seed, 90),
            permille: params.villages.into(),
            seats: Memo::new(4096),
            roads: Memo::new(1024),
            plans: Memo::new(256),
        }
    }

    /// What people made of the area of `width` × `depth` metres from (x, z) on.
    pub(super) fn works(&self, land: &Land, x: i64, z: i64, width: i64, depth: i64) -> Works {
        let mut works = Works { corner: (x, z), ..Works::default() };
        if self.permille == 0 {
            return works;
        }
        let mut roads = Vec::new();
        for (cx, cz) in cells(x, z, width, depth, REACH) {
            let Some(seat) = *self.seat(land, (cx, cz)) else { continue };
            let near = |at: i64, from: i64, length: i64| {
                let past = at.wrapping_sub(from);
                past > -REACH && past < length + REACH
            };
            if near(seat.x, x, width) && near(seat.z, z, depth) {
                works.plans.push(self.plan(land, (cx, cz)));
            }
            roads.extend(edges((cx, cz)));
        }
        roads.sort_unstable();
        roads.dedup();
        for (cell, way) in roads {
            let ends = (*self.seat(land, cell), *self.seat(land, next(cell, way)));
            let (Some(from), Some(to)) = ends else { continue };
            if !roads::may_touch(&from, &to, (x, z), (width, depth)) {
                continue;
            }
            if let Some(road) = &self.roads(land, cell)[way] {
                works.stretches.extend(road.stretches(x, z, width, depth));
            }
        }
        works
    }

    /// The villages whose squares lie within `radius` metres east, west, north and south of (x, z).
    pub(super) fn near(&self, land: &Land, x: i64, z: i64, radius: i64) -> Vec<Village> {
        if self.permille == 0 {
            return Vec::new();
        }
        let (west, north) = (x.wrapping_sub(radius), z.wrapping_sub(radius));
        let mut found = Vec::new();
        for cell in cells(west, north, 2 * radius + 1, 2 * radius + 1, 0) {
            let Some(seat) = *self.seat(land, cell) else { continue };
            let inside = |at: i64, middle: i64| at.wrapping_sub(middle).unsigned_abs() <= radius as u64;
            if inside(seat.x, x)
                && inside(seat.z, z)
                && let Some(plan) = &*self.plan(land, cell)
            {
                found.push(plan.village(self.neighbours(land, cell)));
            }
        }
        found
    }

    /// The first village, searched in squares of growing size around the origin, whose country is mild.
    pub(super) fn first(&self, land: &Land) -> Option<(i64, i64)> {
        let mut otherwise = None;
        for ring in 0i64..=8 {
            for row in -ring..=ring {
                for place in -ring..=ring {
                    if self.permille == 0 || row.abs().max(place.abs()) != ring {
                        continue;
                    }
                    if let Some(seat) = *self.seat(land, (place * CELL, row * CELL)) {
                        let mild =
                            matches!(seat.biome, Biome::Plains | Biome::Meadow | Biome::Forest | Biome::BirchForest);
                        if mild {
                            return Some((seat.x, seat.z));
                        }
                        otherwise = otherwise.or(Some((seat.x, seat.z)));
                    }
                }
            }
        }
        otherwise
    }

    fn seat(&self, land: &Land, cell: (i64, i64)) -> Arc<Option<Seat>> {
        self.seats.get(cell, || Seat::find(self.seed, self.permille, land, cell))
    }

    /// The roads from a cell's village to those of the next cells east and south.
    fn roads(&self, land: &Land, cell: (i64, i64)) -> Arc<[Option<Road>; 2]> {
        self.roads.get(cell, || {
            let Some(from) = *self.seat(land, cell) else { return [None, None] };
            [0, 1].map(|way| {
                let to = (*self.seat(land, next(cell, way)))?;
                Road::find(land, cell, &from, &to, way)
            })
        })
    }

    fn plan(&self, land: &Land, cell: (i64, i64)) -> Arc<Option<Plan>> {
        self.plans.get(cell, || {
            let seat = (*self.seat(land, cell))?;
            let ways = edges(cell).map(|(cell, way)| self.roads(land, cell)[way].is_some());
            Some(Plan::new(land, &seat, ways))
        })
    }

    fn neighbours(&self, land: &Land, cell: (i64, i64)) -> Vec<(i64, i64)> {
        let mut found = Vec::new();
        for (from, way) in edges(cell) {
            if let Some(road) = &self.roads(land, from)[way] {
                found.push(if from == cell { road.to } else { road.from });
            }
        }
        found
    }
}

/// The roads that may begin in a cell, east, south, west, north: each by the cell it is kept with, and which of its two
/// it is.
fn edges((x, z): (i64, i64)) -> [((i64, i64), usize); 4] {
    [((x, z), 0), ((x, z), 1), ((x.wrapping_sub(CELL), z), 0), ((x, z.wrapping_sub(CELL)), 1)]
}

/// The cell that a road leads to.
const fn next((x, z): (i64, i64), way: usize) -> (i64, i64) {
    if way == 0 { (x.wrapping_add(CELL), z) } else { (x, z.wrapping_add(CELL)) }
}

/// The cells that an area with so much around it touches.
fn cells(x: i64, z: i64, width: i64, depth: i64, around: i64) -> impl Iterator<Item = (i64, i64)> {
    let first = |at: i64| at.wrapping_sub(around) & -CELL;
    let count = move |at: i64, length: i64| at.wrapping_add(length + around - 1).wrapping_sub(first(at)) / CELL + 1;
    let (west, north, across, down) = (first(x), first(z), count(x, width), count(z, depth));
    (0..down).flat_map(move |row| {
        (0..across).map(move |place| (west.wrapping_add(place * CELL), north.wrapping_add(row * CELL)))
    })
}

impl Works {
    /// Levels the land of a column, `at` metres from the area's corner, and says what covers it.
    pub(super) fn level(&self, at: (i64, i64), lie: &mut Lie) -> Made {
        let mut made = Made::default();
        let (x, z) = (self.corner.0.wrapping_add(at.0), self.corner.1.wrapping_add(at.1));
        for plan in self.plans.iter().filter_map(|plan| plan.as_ref().as_ref()) {
            let (dx, dz) = (x.wrapping_sub(plan.seat.x), z.wrapping_sub(plan.seat.z));
            if dx.abs() < REACH && dz.abs() < REACH {
                plan.seat.soften(dx, dz, lie);
                made.cover = plan.cover(dx, dz, lie);
            }
        }
        if made.cover == Cover::Wild && !self.stretches.is_empty() {
            roads::lay(&self.stretches, (at.0 * METRE, at.1 * METRE), lie, &mut made);
        }
        made
    }

    /// The villages that reach into the area, and where their squares are.
    pub(super) fn squares(&self) -> impl Iterator<Item = Placed> {
        self.plans.iter().filter_map(|plan| Some((plan.clone(), plan.as_ref().as_ref()?.square())))
    }
}

impl Seat {
    /// Flattens the land around the village, which lies (dx, dz) from its square; not at the waterside.
    fn soften(&self, dx: i64, dz: i64, lie: &mut Lie) {
        if lie.water.is_some() {
            return;
        }
        let away = ((dx * dx + dz * dz) as u64).isqrt() as i64;
        let near = smoothstep(away, REACH, 54);
        let dry = ramp(lie.shore, 5 * METRE, 18 * METRE);
        let flat = self.ground + (lie.ground - self.ground) / 4;
        lie.ground = lerp(lie.ground, flat, scale(near, smooth(dry)));
    }
}

#[cfg(test)]
impl Villages {
    /// What every house of the village whose square is at (x, z) consists of.
    pub(super) fn expected(&self, land: &Land, x: i64, z: i64) -> Vec<(VoxelPos, Vec<(VoxelPos, BlockId)>)> {
        let plan = self.plan(land, (x & -CELL, z & -CELL));
        plan.as_ref().as_ref().map_or_else(Vec::new, Plan::expected)
    }
}
