//! Roads: found like a wanderer's way, over gentle slopes and around water, then smoothed, then laid into the land.
//!
//! The way is searched (A*: Hart, Nilsson, Raphael 1968) on a grid of 16 m within the two villages' cells, so that a
//! place has to look no further than its own cell's roads. Where it crosses water or a gap it becomes a bridge.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::{
    super::{
        fixed::{METRE, lerp, ramp, scale, smooth},
        ground::Cover,
        hash::hash2,
        land::{Land, Lie},
    },
    CELL, Deck, GATE, Made, Seat,
};
use crate::block;

/// Metres between the points of the grid.
const STEP: i64 = 16;
/// Metres that roads keep from the edges of what their villages' cells cover, so that nothing of them is needed beyond.
const KEEP: i64 = 24;
/// Metres that a road may lead astray: to the sides of the two villages' squares.
const ASTRAY: i64 = 208;
/// Half of a road's width.
const HALF: i64 = METRE * 9 / 4;
/// From a road's middle to where the land is untouched.
const SHOULDER: i64 = 12 * METRE;
/// No bridge is longer, in steps of the grid.
const BRIDGE_MOST: u32 = 7;
/// Points looked at before giving up: less than the two cells have.
const LOOKED_AT_MOST: usize = 6000;

/// A road between two villages' gates.
pub(crate) struct Road {
    /// The villages' squares.
    pub(super) from: (i64, i64),
    pub(super) to: (i64, i64),
    /// What `stretches` count from.
    corner: (i64, i64),
    stretches: Vec<Stretch>,
}

/// A point of a road's middle line: from the road's corner, and above the sea, in 1/256 m.
#[derive(Clone, Copy, Debug)]
struct Point {
    x: i64,
    z: i64,
    y: i64,
}

/// A straight piece of a road, as seen from the road's corner or an area's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    from: Point,
    along: Point,
    length: i64,
    /// From the road's beginning.
    before: i64,
}

/// Whether a road between two villages might touch an area of `width` × `depth` metres from (x, z) on.
pub(super) fn may_touch(from: &Seat, to: &Seat, (x, z): (i64, i64), (width, depth): (i64, i64)) -> bool {
    let touches = |a: i64, b: i64, start: i64, length: i64| {
        let (a, b) = (a.wrapping_sub(start), b.wrapping_sub(start));
        let room = ASTRAY + SHOULDER / METRE + STEP;
        a.max(b) >= -room && a.min(b) <= length + room
    };
    touches(from.x, to.x, x, width) && touches(from.z, to.z, z, depth)
}

impl Road {
    /// The way from one village to that of the next cell east (`way` 0) or south (1), if there is one fit for carts.
    pub(super) fn find(land: &Land, corner: (i64, i64), from: &Seat, to: &Seat, way: usize) -> Option<Road> {
        let local = |seat: &Seat| [seat.x.wrapping_sub(corner.0), seat.z.wrapping_sub(corner.1)];
        let (mut start, mut end) = (local(from), local(to));
        let squares = [start, end];
        start[way] += GATE;
        end[way] -= GATE;
        let mut size = [CELL, CELL];
        size[way] *= 2;
        let mut search = Search { land, corner, size, squares, whim: from.hash, heights: BTreeMap::new() };
        let line = search.run(start, end)?;
        let points = profile(land, corner, &rounded(&line), (from.ground, to.ground));
        Some(Road { from: (from.x, from.z), to: (to.x, to.z), corner, stretches: stretches(&points) })
    }

    /// The pieces that touch an area.
    pub(super) fn stretches(&self, x: i64, z: i64, width: i64, depth: i64) -> Vec<Stretch> {
        let (dx, dz) = (self.corner.0.wrapping_sub(x), self.corner.1.wrapping_sub(z));
        let mut found = Vec::new();
        for Stretch { from, along, length, before } in &self.stretches {
            let (from, along, length, before) = (*from, *along, *length, *before);
            let to = Point { x: from.x + along.x, z: from.z + along.z, y: from.y + along.y };
            let near = |from: i64, to: i64, moved: i64, size: i64| {
                let (low, high) = (from.min(to) + moved * METRE, from.max(to) + moved * METRE);
                high > -SHOULDER && low < size * METRE + SHOULDER
            };
            // Far corners wrap: what is nowhere near is left out before it is multiplied.
            let close = dx.abs() < 4 * CELL && dz.abs() < 4 * CELL;
            if length > 0 && close && near(from.x, to.x, dx, width) && near(from.z, to.z, dz, depth) {
                let from = Point { x: from.x + dx * METRE, z: from.z + dz * METRE, y: from.y };
                found.push(Stretch { from, along, length, before });
            }
        }
        found
    }
}

/// The pieces between a line's points.
fn stretches(points: &[Point]) -> Vec<Stretch> {
    let mut before = 0;
    let stretch = |pair: &[Point]| {
        let [from, to] = [pair[0], pair[1]];
        let along = Point { x: to.x - from.x, z: to.z - from.z, y: to.y - from.y };
        let length = ((along.x * along.x + along.z * along.z) as u64).isqrt() as i64;
        before += length;
        Stretch { from, along, length, before: before - length }
    };
    points.windows(2).map(stretch).collect()
}

struct Search<'a> {
    land: &'a Land,
    corner: (i64, i64),
    size: [i64; 2],
    squares: [[i64; 2]; 2],
    whim: u64,
    /// What is known of points: height in metres, and whether water stands there.
    heights: BTreeMap<[i64; 2], (i64, bool)>,
}

impl Search<'_> {
    fn ground(&mut self, at: [i64; 2]) -> (i64, bool) {
        let (land, corner) = (self.land, self.corner);
        *self.heights.entry(at).or_insert_with(|| {
            let lie = land.at(corner.0.wrapping_add(at[0]), corner.1.wrapping_add(at[1]));
            let height = lie.water.map_or(lie.ground, |water| water * METRE);
            (height / METRE, lie.water.is_some())
        })
    }

    fn free(&self, at: [i64; 2]) -> bool {
        let [from, to] = self.squares;
        let inside = (0..2).all(|axis| {
            let (low, high) = (from[axis].min(to[axis]) - ASTRAY, from[axis].max(to[axis]) + ASTRAY);
            at[axis] >= low.max(KEEP) && at[axis] <= high.min(self.size[axis] - KEEP)
        });
        let built = self.squares.iter().any(|square| (0..2).all(|axis| (at[axis] - square[axis]).abs() < GATE + 6));
        inside && !built
    }

    /// The points of the cheapest way, both ends included.
    fn run(&mut self, start: [i64; 2], end: [i64; 2]) -> Option<Vec<[i64; 2]>> {
        let grid = |at: i64| (at + STEP / 2).div_euclid(STEP) * STEP;
        let axis = if (end[0] - start[0]).abs() > (end[1] - start[1]).abs() { 0 } else { 1 };
        let outward = |at: [i64; 2], by: i64| {
            let mut at = at.map(grid);
            at[axis] += by;
            at
        };
        let (first, last) = (outward(start, STEP), outward(end, -STEP));
        if !self.free(first) || !self.free(last) {
            return None;
        }
        let guess = |at: [i64; 2]| {
            let (dx, dz) = ((at[0] - last[0]).abs() / STEP, (at[1] - last[1]).abs() / STEP);
            10 * dx.max(dz) + 4 * dx.min(dz)
        };
        // Cheapest first; among equals the order of points decides, so that every machine finds the same way.
        let mut open = BinaryHeap::from([Reverse((guess(first), first))]);
        let mut reached = BTreeMap::from([(first, (0, first, 0u32))]);
        let mut done = std::collections::BTreeSet::new();
        while let Some(Reverse((_, at))) = open.pop() {
            if at == last {
                break;
            }
            if !done.insert(at) {
                continue;
            }
            if done.len() > LOOKED_AT_MOST {
                return None;
            }
            let (cost, _, wet) = reached[&at];
            for [dx, dz] in [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [1, -1], [-1, 1], [-1, -1]] {
                let next = [at[0] + dx * STEP, at[1] + dz * STEP];
                if !self.free(next) || done.contains(&next) {
                    continue;
                }
                let ((here, _), (there, water)) = (self.ground(at), self.ground(next));
                let climb = (there - here).abs();
                let wet = if water { wet + 1 } else { 0 };
                if climb > 12 || wet > BRIDGE_MOST {
                    continue;
                }
                let step = if dx != 0 && dz != 0 { 14 } else { 10 };
                // Nobody walks dead straight where the land doesn't ask for it.
                let whim = (hash2(self.whim, next[0] >> 6, next[1] >> 6) & 7) as i64;
                let cost = cost + step + whim + climb * 2 + climb * climb / 2 + if water { 45 } else { 0 };
                if reached.get(&next).is_none_or(|(known, ..)| cost < *known) {
                    reached.insert(next, (cost, at, wet));
                    open.push(Reverse((cost + guess(next), next)));
                }
            }
        }
        let mut line = vec![end];
        let mut at = last;
        while at != first {
            line.push(at);
            at = reached.get(&at)?.1;
        }
        line.extend([first, start]);
        line.reverse();
        Some(line)
    }
}

/// Cuts corners three times (Chaikin 1974). Metres to 1/256 m.
fn rounded(line: &[[i64; 2]]) -> Vec<[i64; 2]> {
    let mut line: Vec<[i64; 2]> = line.iter().map(|at| at.map(|part| part * METRE)).collect();
    for _ in 0..3 {
        let mut next = vec![line[0]];
        for pair in line.windows(2) {
            let cut = |near: i64, far: i64| (3 * near + far) / 4;
            next.push([0, 1].map(|axis: usize| cut(pair[0][axis], pair[1][axis])));
            next.push([0, 1].map(|axis: usize| cut(pair[1][axis], pair[0][axis])));
        }
        next.push(line[line.len() - 1]);
        line = next;
    }
    line
}

/// Gives every point its height: the land's, smoothed, above water.
fn profile(land: &Land, corner: (i64, i64), line: &[[i64; 2]], (from, to): (i64, i64)) -> Vec<Point> {
    let mut least = Vec::with_capacity(line.len());
    let mut heights = Vec::with_capacity(line.len());
    for at in line {
        let lie = land.at(corner.0.wrapping_add(at[0] >> 8), corner.1.wrapping_add(at[1] >> 8));
        let above = lie.water.map_or(i64::MIN, |water| (water + 3) * METRE);
        least.push(above);
        heights.push(lie.ground.max(above));
    }
    // Whoever built the village levelled its gate as well.
    let last = heights.len() - 1;
    for (at, square) in [(0, from), (last, to)] {
        heights[at] = square + (heights[at] - square) / 4;
    }
    for round in 0..24 {
        let before = heights.clone();
        for at in 1..last {
            heights[at] = (before[at - 1] + 2 * before[at] + before[at + 1]) / 4;
            if round < 20 {
                heights[at] = heights[at].max(least[at - 1]).max(least[at]).max(least[at + 1]);
            }
        }
    }
    line.iter().zip(heights).map(|(at, y)| Point { x: at[0], z: at[1], y }).collect()
}

/// Lays the roads near a column, `at` 1/256 m from the area's corner, into its land.
pub(super) fn lay(stretches: &[Stretch], at: (i64, i64), lie: &mut Lie, made: &mut Made) {
    let mut nearest: Option<(i64, i64, i64)> = None;
    for stretch in stretches {
        let (dx, dz) = (at.0 - stretch.from.x, at.1 - stretch.from.z);
        if dx.abs() > 3 * SHOULDER + stretch.length || dz.abs() > 3 * SHOULDER + stretch.length {
            continue;
        }
        let advance = (dx * stretch.along.x + dz * stretch.along.z) / stretch.length;
        let t = ramp(advance, 0, stretch.length);
        let (px, pz) = (dx - scale(stretch.along.x, t), dz - scale(stretch.along.z, t));
        let squared = px * px + pz * pz;
        if squared >= SHOULDER * SHOULDER {
            continue;
        }
        let away = (squared as u64).isqrt() as i64;
        if nearest.is_none_or(|(least, ..)| away < least) {
            nearest = Some((away, stretch.from.y + scale(stretch.along.y, t), stretch.before + advance));
        }
    }
    let Some((away, height, along)) = nearest else { return };
    let gap = lie.water.is_some() || lie.shore < 4 * METRE || height - lie.ground > 5 * METRE;
    if gap {
        let rail = away > HALF;
        // Where the deck meets the ground, the ground serves.
        if away <= HALF + METRE && height >> 8 > lie.ground >> 8 {
            let pillar = rail && along.rem_euclid(9 * METRE) < METRE * 3 / 2;
            made.deck = Some(Deck { height: height >> 8, rail, pillar });
            made.cover = Cover::Yard;
        }
        return;
    }
    let dry = ramp(lie.shore, 4 * METRE, 9 * METRE);
    let near = smooth(ramp(away, SHOULDER, HALF));
    lie.ground = lerp(lie.ground, height, scale(near, dry));
    if away <= HALF {
        made.cover = Cover::Paved(block::ROAD);
    } else if away <= HALF + 2 * METRE {
        made.cover = Cover::Yard;
    }
}
