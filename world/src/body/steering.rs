//! A player without a person: follows a path, walking or flying.
//!
//! It sees no more than its body tells it. What stands in its way it jumps over, flies over, or goes around, first to one
//! side and then to the other; it searches no path.

use crate::body::{Body, Intent, Mode, Position};

/// A walker is where it wanted to be when it is so near, horizontally.
const ARRIVED_M: f64 = 0.8;
/// No progress for so long is being stuck.
const STUCK_S: f64 = 1.5;
/// So long a detour lasts the first time; each further one of the same leg lasts that much longer, up to [`DETOUR_MAX`] times.
const DETOUR_S: f64 = 1.5;
const DETOUR_MAX: u32 = 8;
/// How far a detour turns off the straight way.
const DETOUR_TURN: f64 = 1.2;

/// Follows a path.
#[derive(Clone, Debug)]
pub struct Steering {
    path: Vec<Position>,
    next: usize,
    gait: Gait,
    nearest_m: f64,
    stuck_s: f64,
    detour_s: f64,
    detours: u32,
}

#[derive(Clone, Copy, Debug)]
enum Gait {
    Walk { sprint: bool },
    Fly { speed_m_s: f64 },
}

impl Steering {
    /// Walks from point to point, jumping over what is in the way and swimming through water. Heights don't matter.
    pub fn walk(path: Vec<Position>, sprint: bool) -> Self {
        Steering::new(path, Gait::Walk { sprint })
    }

    /// Flies from point to point, rising over what is in the way.
    pub fn fly(path: Vec<Position>, speed_m_s: f64) -> Self {
        Steering::new(path, Gait::Fly { speed_m_s })
    }

    fn new(path: Vec<Position>, gait: Gait) -> Self {
        Steering { path, next: 0, gait, nearest_m: f64::INFINITY, stuck_s: 0.0, detour_s: 0.0, detours: 0 }
    }

    /// The point that it is on its way to.
    pub fn towards(&self) -> Option<&Position> {
        self.path.get(self.next)
    }

    /// What the body should do for the next `dt_s` seconds, `None` when the path is at its end. Sets the body's mode.
    pub fn steer(&mut self, body: &mut Body, dt_s: f64) -> Option<Intent> {
        let way = loop {
            let way = self.path.get(self.next)?.since(&body.position);
            if !self.has_arrived(way, dt_s) {
                break way;
            }
            self.next += 1;
            (self.nearest_m, self.stuck_s, self.detour_s, self.detours) = (f64::INFINITY, 0.0, 0.0, 0);
        };
        Some(match self.gait {
            Gait::Walk { sprint } => self.walk_on(body, way, sprint, dt_s),
            Gait::Fly { speed_m_s } => fly_on(body, way, speed_m_s),
        })
    }

    fn has_arrived(&self, way: [f64; 3], dt_s: f64) -> bool {
        match self.gait {
            Gait::Walk { .. } => way[0].hypot(way[2]) < ARRIVED_M,
            // A flyer must not circle a point that it can't stop at: as near as it gets in two steps is there.
            Gait::Fly { speed_m_s } => length(way) < (2.0 * speed_m_s * dt_s).max(2.0),
        }
    }

    fn walk_on(&mut self, body: &mut Body, way: [f64; 3], sprint: bool, dt_s: f64) -> Intent {
        if body.mode == Mode::Fly {
            body.mode = Mode::Walk;
        }
        let distance = way[0].hypot(way[2]);
        let mut direction = [way[0] / distance, way[2] / distance];
        if self.detour_s > 0.0 {
            self.detour_s -= dt_s;
            let turn = if self.detours.is_multiple_of(2) { DETOUR_TURN } else { -DETOUR_TURN };
            let (sin, cos) = turn.sin_cos();
            direction = [direction[0] * cos - direction[1] * sin, direction[0] * sin + direction[1] * cos];
            (self.nearest_m, self.stuck_s) = (distance, 0.0);
        } else if distance < self.nearest_m - 0.05 {
            (self.nearest_m, self.stuck_s) = (distance, 0.0);
        } else {
            self.stuck_s += dt_s;
            if self.stuck_s > STUCK_S {
                self.detours = self.detours.saturating_add(1);
                self.detour_s = DETOUR_S * f64::from(self.detours.min(DETOUR_MAX));
            }
        }
        let [x, _, z] = body.blocked();
        Intent { walk: direction, jump: x || z || body.mode == Mode::Swim, sprint, ..Intent::default() }
    }
}

fn fly_on(body: &mut Body, way: [f64; 3], speed_m_s: f64) -> Intent {
    body.mode = Mode::Fly;
    let distance = length(way);
    let [x, _, z] = body.blocked();
    let rise = if x || z { 1.0 } else { way[1] / distance };
    Intent { walk: [way[0] / distance, way[2] / distance], rise, speed_m_s: Some(speed_m_s), ..Intent::default() }
}

fn length(way: [f64; 3]) -> f64 {
    way.iter().map(|part| part * part).sum::<f64>().sqrt()
}
