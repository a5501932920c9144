//! The client's half: which chunks to ask for, and by when.
//!
//! Planned 20 times a second with thousands of chunks in view, so nothing is looked at twice without a reason. Around the
//! player's chunk lies a ball of chunks whose offsets are computed once and sorted by distance. When the player comes into
//! another chunk, only those of the new ball that the old one lacked are looked at: all of them lie in the outermost shell,
//! as thick as the player's move. The same is done along the player's course, as far ahead as the network's latency asks
//! for. What entered stays *pending* until the client holds it; each plan computes the deadlines of pending chunks only.
//! A wish stands: what was asked for once isn't called off because the network has become quicker since.
//!
//! **Invariant:** every chunk of the ball around the player is pending or held.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    place::{CHUNK_EDGE, ChunkPos},
    stream::{
        DISTANCE_M_MAX, VERTICAL_M,
        view::{SLACK_M, View, fold},
    },
};

/// Fetching begins so many times the network's slow (95th percentile) latency before a chunk comes into view: time for a
/// holder to be found dead, and for two more rounds of asking others.
const LATENCIES_AHEAD: u32 = 12;
/// Never later than this: finding a location's manifest takes seconds where nobody has it.
const AHEAD_MS_MIN: u32 = 5_000;
/// Never sooner than this: a course holds no longer.
const AHEAD_MS_MAX: u32 = 15_000;
/// No further ahead than this, however fast the player falls.
const AHEAD_M_MAX: f64 = 512.0;
/// Steps along axes, of a chunk each, from one end of the longest course to the other: √3 × 512 / 32 = 28 on the diagonal of
/// space, and one more along each axis for where in its chunk it begins.
const COURSE_STEPS: usize = 31;
/// Half a chunk's diagonal, 16 × √3, rounded up: so far from its chunk's middle a player can be.
const HALF_DIAGONAL_M: f64 = 28.0;
/// Chunks further outside the view are forgotten. More than the ball's furthest chunk is from a player in the corner of
/// its middle chunk, [`SLACK_M`] + 2 × [`HALF_DIAGONAL_M`] = 88 m, or they would be forgotten and fetched in turn.
const FORGET_M: f64 = 96.0;

/// What the client has of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing.
    Missing,
    /// Terrain that stands in for it.
    Provisional,
    /// Its current version, as far as is known.
    Held,
}

/// A chunk, and when it must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Which.
    pub chunk: ChunkPos,
    /// Milliseconds from now on; 0 if it is in view.
    pub deadline_ms: u32,
}

/// The chunks that a client will need.
#[derive(Clone, Debug)]
pub struct Wants {
    ahead_ms: u32,
    ball: Ball,
    middle: Option<ChunkPos>,
    course_end: Option<ChunkPos>,
    /// With whether it was asked for: a wish stands, though the network looks quicker by now.
    pending: BTreeMap<ChunkPos, bool>,
    held: BTreeSet<ChunkPos>,
}

impl Default for Wants {
    fn default() -> Self {
        Wants {
            ahead_ms: AHEAD_MS_MIN,
            ball: Ball::new(0),
            middle: None,
            course_end: None,
            pending: BTreeMap::new(),
            held: BTreeSet::new(),
        }
    }
}

impl Wants {
    /// What to ask for now, nearest deadline first; among those in view the nearest first, and what is in front before
    /// what is behind. `status` is asked about chunks that aren't known to be held only.
    pub fn plan(&mut self, view: &View, status: &dyn Fn(ChunkPos) -> Status) -> Vec<Want> {
        self.follow(view);
        let ahead = view.ahead(self.ahead_ms, AHEAD_M_MAX);
        let mut wants = Vec::new();
        let (held, ahead_ms) = (&mut self.held, self.ahead_ms);
        self.pending.retain(|chunk, is_asked| {
            if status(*chunk) == Status::Held {
                held.insert(*chunk);
                return false;
            }
            match view.deadline_ms(*chunk, if *is_asked { AHEAD_MS_MAX } else { ahead_ms }) {
                Some(deadline_ms) => {
                    *is_asked = true;
                    wants.push((deadline_ms, view.rank(*chunk), *chunk));
                }
                None if view.outside_m(*chunk, ahead) > FORGET_M => return false,
                None => {}
            }
            true
        });
        wants.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        wants.into_iter().map(|(deadline_ms, _, chunk)| Want { chunk, deadline_ms }).collect()
    }

    /// The chunks that the client should drop: those held that are too far from the player and its course. Call it after
    /// [`plan`](Self::plan), whenever the player came into another chunk; what remains is at most [`held_max`].
    pub fn forget(&mut self, view: &View) -> Vec<ChunkPos> {
        let ahead = view.ahead(AHEAD_MS_MAX, AHEAD_M_MAX);
        let mut forgotten = Vec::new();
        self.held.retain(|chunk| {
            let keeps = view.outside_m(*chunk, ahead) <= FORGET_M;
            if !keeps {
                forgotten.push(*chunk);
            }
            keeps
        });
        forgotten
    }

    /// A chunk that was held isn't any more, or has a newer version: it is asked about again.
    pub fn recheck(&mut self, chunk: ChunkPos) {
        if self.held.remove(&chunk) {
            self.pending.insert(chunk, false);
        }
    }

    /// The slow (95th percentile) latency of the network as measured, which says how far ahead to fetch.
    pub fn set_latency_ms(&mut self, latency_ms: u32) {
        self.ahead_ms = latency_ms.saturating_mul(LATENCIES_AHEAD).clamp(AHEAD_MS_MIN, AHEAD_MS_MAX);
    }

    /// Chunks known to be held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Chunks in or near the view that aren't.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Lets chunks enter that came near.
    fn follow(&mut self, view: &View) {
        let distance_m = view.distance_m.min(DISTANCE_M_MAX);
        if self.ball.distance_m != distance_m {
            self.ball = Ball::new(distance_m);
            (self.middle, self.course_end) = (None, None);
        }
        let (middle, course_end) = (view.at.chunk(), view.ahead(self.ahead_ms, AHEAD_M_MAX).chunk());
        if (self.middle, self.course_end) == (Some(middle), Some(course_end)) {
            return;
        }
        match self.middle {
            Some(before) => self.sweep(before, middle),
            None => self.enter(None, middle),
        }
        self.sweep(middle, course_end);
        (self.middle, self.course_end) = (Some(middle), Some(course_end));
    }

    /// The ball rolls from one chunk to another, a chunk at a time.
    fn sweep(&mut self, from: ChunkPos, to: ChunkPos) {
        let way = between(from, to);
        let steps = way.iter().map(|part| part.unsigned_abs()).max().unwrap_or(0);
        if steps > 4 * self.ball.reach.unsigned_abs() {
            return self.enter(None, to);
        }
        let mut before = from;
        for step in 1..=steps as i64 {
            let [x, y, z] = way.map(|part| part * step / steps as i64);
            let next = fold(from.offset(x, y, z));
            self.enter(Some(before), next);
            before = next;
        }
    }

    /// Makes the chunks of the ball around `to` pending that weren't in the one around `from`.
    fn enter(&mut self, from: Option<ChunkPos>, to: ChunkPos) {
        let way = from.map(|from| between(from, to));
        for offset in self.ball.shell(way) {
            if way.is_some_and(|way| self.ball.contains([0, 1, 2].map(|axis| offset[axis] + way[axis]))) {
                continue;
            }
            let chunk = fold(to.offset(offset[0], offset[1], offset[2]));
            if !self.held.contains(&chunk) {
                self.pending.entry(chunk).or_default();
            }
        }
    }
}

/// How many chunks a client holds at most after [`Wants::forget`]: the box around the view and [`FORGET_M`] more on all
/// sides, and what it sweeps over on the way along the course. Each step of a chunk along an axis adds a face of the box at
/// most, and a course of [`AHEAD_M_MAX`] has [`COURSE_STEPS`]. For a view of 384 m: 31 × 31 × 19 + 31 × 31 × 31 = 48,050 on the
/// worst of all courses; in level flight at 30 m/s it was measured to be 8,500.
pub fn held_max(distance_m: u32) -> usize {
    let chunks = |metres: f64| (metres / CHUNK_EDGE as f64).ceil() as usize + 1;
    let across = 2.0 * (f64::from(distance_m.min(DISTANCE_M_MAX)) + FORGET_M);
    let up = (2.0 * (f64::from(VERTICAL_M) + FORGET_M)).min(across);
    chunks(across).pow(2) * (chunks(up) + COURSE_STEPS)
}

/// Offsets from a chunk to those around it, nearest first.
#[derive(Clone, Debug)]
struct Ball {
    distance_m: u32,
    /// The square of the radius, in chunks.
    square: i64,
    /// The radius, rounded up.
    reach: i64,
    layers: i64,
    offsets: Vec<[i64; 3]>,
}

impl Ball {
    /// All chunks that can be in a view, or nearly, from somewhere in the middle one.
    fn new(distance_m: u32) -> Self {
        let chunks = |metres: u32| (f64::from(metres) + SLACK_M + HALF_DIAGONAL_M) / CHUNK_EDGE as f64;
        let radius = chunks(distance_m);
        let (square, reach) = ((radius * radius) as i64, radius.ceil() as i64);
        let layers = (chunks(VERTICAL_M) as i64).min(reach);
        let mut ball = Ball { distance_m, square, reach, layers, offsets: Vec::new() };
        let all = (-layers..=layers)
            .flat_map(|y| (-reach..=reach).flat_map(move |z| (-reach..=reach).map(move |x| [x, y, z])))
            .filter(|offset| ball.contains(*offset))
            .collect();
        ball.offsets = all;
        ball.offsets.sort_unstable_by_key(|offset| (square_of(*offset), *offset));
        ball
    }

    fn contains(&self, offset: [i64; 3]) -> bool {
        square_of(offset) <= self.square && offset[1].abs() <= self.layers
    }

    /// The offsets that a ball moved by `way` can have gained: those that are within the way's length of its surface. What
    /// comes in from above or below can be anywhere.
    fn shell(&self, way: Option<[i64; 3]>) -> &[[i64; 3]] {
        let from = match way {
            Some(way) if way[1] == 0 => {
                let inner = (self.square as f64).sqrt() - (square_of(way) as f64).sqrt() - 1e-9;
                if inner > 0.0 { self.offsets.partition_point(|at| (square_of(*at) as f64) < inner * inner) } else { 0 }
            }
            _ => 0,
        };
        &self.offsets[from..]
    }
}

fn square_of(offset: [i64; 3]) -> i64 {
    offset.iter().map(|part| part * part).sum()
}

/// Chunks from one to another, the shorter way around the world.
fn between(from: ChunkPos, to: ChunkPos) -> [i64; 3] {
    to.origin().since(from.origin()).map(|voxels| voxels >> 5)
}
