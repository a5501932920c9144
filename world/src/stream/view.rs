//! What a player sees, and when it will see what it doesn't yet.
//!
//! A chunk is in view when its middle is no further from the player than the view reaches, and no more than
//! [`VERTICAL_M`](super::VERTICAL_M) above or below. Distances are floats of metres: only one machine's order of work depends
//! on them. Positions are subtracted as integers first, so that they are exact wherever the player is.

use crate::{
    place::{CHUNK_EDGE, ChunkPos, VoxelPos},
    stream::{DISTANCE_M_MAX, VERTICAL_M},
};

/// Chunks up to so far outside the view are fetched in every direction: a player may turn, or start to move.
pub(super) const SLACK_M: f64 = 32.0;
/// How fast a player that turns or starts is taken to be.
const START_M_S: f64 = 10.0;

/// Where a player is, how it moves, how far it sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The voxel that it is in.
    pub at: VoxelPos,
    /// East, up and south.
    pub velocity_mm_s: [i64; 3],
    /// Where it looks, of any length, if known: what is in front is fetched first.
    pub look: Option<[f64; 3]>,
    /// How far it sees, [`DISTANCE_M_MAX`] at most.
    pub distance_m: u32,
}

impl View {
    /// Whether the chunk is in view.
    pub fn sees(&self, chunk: ChunkPos) -> bool {
        self.excess_m(self.way_to(chunk)) <= 0.0
    }

    /// The chunks that are in view, each once, in no particular order.
    pub fn visible(&self) -> impl Iterator<Item = ChunkPos> + '_ {
        let reach = i64::from(self.distance_m.min(DISTANCE_M_MAX)) / CHUNK_EDGE + 1;
        let layers = (i64::from(VERTICAL_M) / CHUNK_EDGE + 1).min(reach);
        let centre = self.at.chunk();
        (-layers..=layers)
            .flat_map(move |y| (-reach..=reach).flat_map(move |z| (-reach..=reach).map(move |x| [x, y, z])))
            .map(move |[x, y, z]| fold(centre.offset(x, y, z)))
            .filter(|chunk| self.sees(*chunk))
    }

    /// In how many milliseconds the chunk comes into view, 0 if it is. `None` if it doesn't within `within_ms`.
    pub fn deadline_ms(&self, chunk: ChunkPos, within_ms: u32) -> Option<u32> {
        let way = self.way_to(chunk);
        let excess_m = self.excess_m(way);
        if excess_m <= 0.0 {
            return Some(0);
        }
        let turning = (excess_m <= SLACK_M).then(|| excess_m / START_M_S);
        let on_course = self.reached_in(way);
        let seconds = match (turning, on_course) {
            (Some(one), Some(other)) => one.min(other),
            (one, other) => one.or(other)?,
        };
        let millis = seconds * 1000.0;
        (millis <= f64::from(within_ms)).then_some(millis as u32)
    }

    /// Where the player will be if it keeps its course, but no further away than `reach_m`.
    pub(super) fn ahead(&self, within_ms: u32, reach_m: f64) -> VoxelPos {
        let way = self.velocity_m_s().map(|speed| speed * f64::from(within_ms) / 1000.0);
        let scale = (reach_m / length(way)).min(1.0);
        let [x, y, z] = way.map(|metres| (metres * scale) as i64);
        self.at.offset(x, y, z)
    }

    /// How far the chunk is outside of what is seen on a straight way from here to `ahead`, in metres; negative inside.
    pub(super) fn outside_m(&self, chunk: ChunkPos, ahead: VoxelPos) -> f64 {
        let way = self.way_to(chunk);
        let course = ahead.since(self.at).map(|voxels| voxels as f64);
        let along = (dot(way, course) / dot(course, course).max(1.0)).clamp(0.0, 1.0);
        let rest = [0, 1, 2].map(|axis| way[axis] - course[axis] * along);
        self.excess_m(rest)
    }

    /// The order of fetching among chunks of one deadline: by distance, what is behind the player as if it were twice as
    /// far as what is in front.
    pub(super) fn rank(&self, chunk: ChunkPos) -> f64 {
        let way = self.way_to(chunk);
        let distance = length(way);
        let Some(look) = self.look else { return distance };
        let scale = distance * length(look);
        let cosine = if scale > 0.0 { dot(way, look) / scale } else { 1.0 };
        if cosine.is_finite() { distance * (1.5 - cosine / 2.0) } else { distance }
    }

    /// Metres from the player to the chunk's middle, the shorter way around the world.
    fn way_to(&self, chunk: ChunkPos) -> [f64; 3] {
        let half = CHUNK_EDGE / 2;
        chunk.origin().offset(half, half, half).since(self.at).map(|voxels| voxels as f64)
    }

    /// How many metres a chunk so far away is outside the view; negative inside.
    fn excess_m(&self, way: [f64; 3]) -> f64 {
        (length(way) - self.distance()).max(way[1].abs() - f64::from(VERTICAL_M))
    }

    /// In how many seconds a chunk comes into view on this course: the larger of the times at which it enters the sphere,
    /// |way − v t| = distance, and the layers, |way.y − v.y t| = [`VERTICAL_M`].
    fn reached_in(&self, way: [f64; 3]) -> Option<f64> {
        let velocity = self.velocity_m_s();
        let outside = dot(way, way) - self.distance().powi(2);
        let sphere = if outside <= 0.0 {
            0.0
        } else {
            let (square, closing) = (dot(velocity, velocity), dot(way, velocity));
            let discriminant = closing * closing - square * outside;
            if closing <= 0.0 || discriminant < 0.0 {
                return None;
            }
            // The nearer of the two roots, in the form that doesn't cancel.
            outside / (closing + discriminant.sqrt())
        };
        let above = way[1].abs() - f64::from(VERTICAL_M);
        let layers = if above <= 0.0 {
            0.0
        } else {
            let closing = velocity[1] * way[1].signum();
            if closing <= 0.0 {
                return None;
            }
            above / closing
        };
        Some(sphere.max(layers))
    }

    fn distance(&self) -> f64 {
        f64::from(self.distance_m.min(DISTANCE_M_MAX))
    }

    fn velocity_m_s(&self) -> [f64; 3] {
        self.velocity_mm_s.map(|speed| speed as f64 / 1000.0)
    }
}

/// A chunk's own name: chunks number 2⁵⁹ along an axis and wrap around where voxels do.
pub(super) const fn fold(chunk: ChunkPos) -> ChunkPos {
    chunk.origin().chunk()
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn length(way: [f64; 3]) -> f64 {
    dot(way, way).sqrt()
}
