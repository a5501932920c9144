//! How a player moves: walking, swimming and flying against voxels.
//!
//! Owns the body's state and its physics, the ray that a hand follows to a block, and the steering of players without a
//! person. It draws nothing and asks no clock: [`Body::step`] is told how much time went by and what the player wants.
//!
//! Positions are a chunk and metres within it (a floating origin), so a step at 10¹⁵ m from the origin, or where the
//! coordinates wrap around, computes the very numbers that it computes at the origin. Floats are allowed here: two machines
//! never have to agree on where a body stands, each is told by its own player.
//!
//! **Invariant:** a body that isn't inside a solid voxel never gets into one by moving, however fast; only a block that
//! appears around it can put it there, and then it is pushed out.
//! **Invariant:** voxels that aren't known yet hold a body up, and stop it in no other direction.
//!
//! Read [`Body`] first, then `sweep.rs` (collision), `cast.rs` (what the eye looks at), `steering.rs` (bots).

mod cast;
mod position;
mod steering;
mod sweep;

#[cfg(test)]
mod tests;

pub use cast::{Hit, cast};
pub use position::Position;
pub use steering::Steering;

use crate::{block::Kind, place::VoxelPos};
use sweep::{Bounds, SKIN_M, Space, X, Y, Z};

/// Width of a body, east–west and north–south.
pub const WIDTH_M: f64 = 0.6;
/// Height of a body.
pub const HEIGHT_M: f64 = 1.8;
/// Height of the eyes above the feet.
pub const EYE_M: f64 = 1.62;
/// The same while sneaking.
pub const EYE_SNEAKING_M: f64 = 1.42;
/// How far a hand reaches from the eye.
pub const REACH_M: f64 = 6.0;

/// Stronger than on Earth, as players expect: a jump is over in 0.7 s.
const GRAVITY_M_S2: f64 = 22.0;
/// Jumps 1.25 m, enough for a block of 1 m: √(2 × 22 × 1.25).
const JUMP_M_S: f64 = 7.42;
/// Buoyancy over weight of a body that is wholly under water: it floats with 1 / 1.18 = 85 % of its height, 1.53 m, in the
/// water and the eyes, at 1.62 m, above it.
const BUOYANCY: f64 = 1.18;
/// Water's drag: the share of its velocity that a wholly immersed body loses per second, as an exponent.
const DRAG_PER_S: f64 = 2.5;
/// How fast a swimmer that pushes against a shore leaves the water, enough for one that is a metre above its surface:
/// 7² / (2 × 22) = 1.1 m.
const CLIMB_OUT_M_S: f64 = 7.0;
/// From this share of its height on a body swims.
const SWIMS_FROM: f64 = 0.6;
/// No velocity is greater along any axis.
const SPEED_MAX_M_S: f64 = 200.0;
/// No fall is faster.
const FALL_MAX_M_S: f64 = 60.0;
/// A step longer than this (a machine that slept) is cut short.
const STEP_MAX_S: f64 = 0.25;
/// A step is split into parts of at most this, 13 at most; a part crosses at most 0.02 × 200 = 4 voxels along an axis, so
/// a step looks at no more than 13 × 3 × 5 layers of voxels.
const PART_MAX_S: f64 = 0.02;

/// What a body is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On the ground, or falling to it.
    Walk,
    /// In a liquid. A walking body enters and leaves this mode by itself.
    Swim,
    /// Without weight, until somebody sets another mode.
    Fly,
}

/// How fast a body is, and what it does by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ability {
    /// Walking.
    pub walk_m_s: f64,
    /// Running.
    pub sprint_m_s: f64,
    /// Sneaking.
    pub sneak_m_s: f64,
    /// Swimming.
    pub swim_m_s: f64,
    /// Flying.
    pub fly_m_s: f64,
    /// Flying in a hurry.
    pub fly_sprint_m_s: f64,
    /// Whether walking against a single block climbs it. Every solid voxel is a full cube, so a step is a whole metre.
    pub auto_step: bool,
}

impl Default for Ability {
    fn default() -> Self {
        Ability {
            walk_m_s: 4.3,
            sprint_m_s: 6.5,
            sneak_m_s: 1.4,
            swim_m_s: 3.0,
            fly_m_s: 12.0,
            fly_sprint_m_s: 30.0,
            auto_step: false,
        }
    }
}

/// What the player wants, in this step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Intent {
    /// East and south; a length of 1 is full speed, longer ones are shortened to it.
    pub walk: [f64; 2],
    /// Up, from -1 to 1: flying and swimming.
    pub rise: f64,
    /// Leave the ground; in water, rise.
    pub jump: bool,
    /// Hurry.
    pub sprint: bool,
    /// Be slow, and don't step over an edge.
    pub sneak: bool,
    /// Full speed, in place of the body's own.
    pub speed_m_s: Option<f64>,
}

/// A player's body: a box of 0.6 × 1.8 × 0.6 m.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// The middle of the soles.
    pub position: Position,
    /// East, up and south, in metres per second.
    pub velocity: [f64; 3],
    /// What it is doing.
    pub mode: Mode,
    /// What it can do.
    pub ability: Ability,
    on_ground: bool,
    sneaking: bool,
    blocked: [bool; 3],
    wet: f64,
    step_lag_m: f64,
}

impl Body {
    /// A body at rest.
    pub fn new(position: Position) -> Self {
        Body {
            position,
            velocity: [0.0; 3],
            mode: Mode::Walk,
            ability: Ability::default(),
            on_ground: false,
            sneaking: false,
            blocked: [false; 3],
            wet: 0.0,
            step_lag_m: 0.0,
        }
    }

    /// Whether something holds it up.
    pub const fn on_ground(&self) -> bool {
        self.on_ground
    }

    /// Along which axes it ran into something in its last step.
    pub const fn blocked(&self) -> [bool; 3] {
        self.blocked
    }

    /// The share of its height that is in a liquid.
    pub const fn wet(&self) -> f64 {
        self.wet
    }

    /// The voxel that its feet are in.
    pub fn voxel(&self) -> VoxelPos {
        self.position.voxel()
    }

    /// Where it looks from. After an automatic step up it follows smoothly.
    pub fn eye(&self) -> Position {
        let height = if self.sneaking { EYE_SNEAKING_M } else { EYE_M };
        self.position.moved([0.0, height - self.step_lag_m, 0.0])
    }

    /// Its velocity in whole millimetres per second, as a plan for streaming wants it.
    pub fn velocity_mm_s(&self) -> [i64; 3] {
        self.velocity.map(|metres| (metres * 1000.0) as i64)
    }

    /// Whether it takes up room in the voxel: no block can be placed there.
    pub fn touches(&self, voxel: VoxelPos) -> bool {
        let [x, y, z] = voxel.since(self.position.chunk.origin());
        self.bounds().voxels().contains([x, y, z])
    }

    /// Moves on by `dt_s` seconds. `kind_at` says what is in a voxel, `None` where that isn't known yet.
    pub fn step(&mut self, intent: &Intent, dt_s: f64, kind_at: &dyn Fn(VoxelPos) -> Option<Kind>) {
        let dt_s = if dt_s.is_finite() { dt_s.clamp(0.0, STEP_MAX_S) } else { 0.0 };
        let parts = (dt_s / PART_MAX_S).ceil().max(1.0);
        let mut blocked = [false; 3];
        for _ in 0..parts as u32 {
            self.part(intent, dt_s / parts, kind_at);
            blocked = [0, 1, 2].map(|axis| blocked[axis] || self.blocked[axis]);
        }
        self.blocked = blocked;
    }

    fn part(&mut self, intent: &Intent, dt_s: f64, kind_at: &dyn Fn(VoxelPos) -> Option<Kind>) {
        let space = Space { origin: self.position.chunk.origin(), kind_at };
        self.position.local = space.push_out(self.bounds(), self.position.local);
        self.wet = space.wet(self.bounds());
        self.sneaking = intent.sneak && self.mode != Mode::Fly;
        if self.mode != Mode::Fly {
            self.mode = if self.wet > SWIMS_FROM { Mode::Swim } else { Mode::Walk };
        }
        let before = self.velocity;
        self.accelerate(intent, dt_s);
        // The mean of both velocities is exact under constant acceleration: a jump is as high at 20 frames a second as at 200.
        let by = [0, 1, 2].map(|axis| (before[axis] + self.velocity[axis]) / 2.0 * dt_s);
        self.travel(by, &space);
        self.on_ground = self.velocity[Y] <= 0.0 && space.sweep(self.bounds(), Y, -2.0 * SKIN_M).hit;
        self.step_lag_m *= (-12.0 * dt_s).exp();
        self.position = Position::new(self.position.chunk, self.position.local);
    }

    /// The new velocity, from what the player wants and what the world does to a body.
    fn accelerate(&mut self, intent: &Intent, dt_s: f64) {
        let wish = self.wish(intent);
        // How soon a body follows its will, as an exponent per second: its feet grip the ground, not the air.
        let grip = match self.mode {
            Mode::Fly => 8.0,
            Mode::Swim => 4.0,
            Mode::Walk if self.on_ground => 12.0,
            Mode::Walk => 3.0,
        };
        let follow = 1.0 - (-grip * dt_s).exp();
        for axis in [X, Z] {
            self.velocity[axis] += (wish[axis] - self.velocity[axis]) * follow;
        }
        if self.mode == Mode::Fly {
            self.velocity[Y] += (wish[Y] - self.velocity[Y]) * follow;
        } else {
            self.velocity[Y] -= GRAVITY_M_S2 * (1.0 - BUOYANCY * self.wet) * dt_s;
            self.velocity[Y] *= (-DRAG_PER_S * self.wet * dt_s).exp();
            self.leave_ground_or_water(intent, wish[Y], dt_s);
            self.velocity[Y] = self.velocity[Y].max(-FALL_MAX_M_S);
        }
        for speed in &mut self.velocity {
            *speed = if speed.is_finite() { speed.clamp(-SPEED_MAX_M_S, SPEED_MAX_M_S) } else { 0.0 };
        }
    }

    fn leave_ground_or_water(&mut self, intent: &Intent, rise_m_s: f64, dt_s: f64) {
        let pushes = (self.blocked[X] || self.blocked[Z]) && intent.walk != [0.0; 2];
        let swims = self.mode == Mode::Swim || (self.wet > 0.2 && !self.on_ground);
        if self.wet > 0.0 && !self.on_ground && pushes && (intent.jump || intent.rise > 0.0 || self.ability.auto_step) {
            self.velocity[Y] = self.velocity[Y].max(CLIMB_OUT_M_S);
        } else if swims && rise_m_s != 0.0 {
            // Up only as far as the body would still be mostly in the water, or it would leap like a dolphin.
            let room = if rise_m_s > 0.0 { ((self.wet - 0.7) / 0.2).clamp(0.0, 1.0) } else { 1.0 };
            self.velocity[Y] += (rise_m_s * room - self.velocity[Y]) * (1.0 - (-8.0 * dt_s).exp()) * room;
        } else if intent.jump && self.on_ground {
            self.velocity[Y] = JUMP_M_S;
        }
    }

    /// The velocity that the player would have if nothing were in the way.
    fn wish(&self, intent: &Intent) -> [f64; 3] {
        let own = match self.mode {
            Mode::Fly if intent.sprint => self.ability.fly_sprint_m_s,
            Mode::Fly => self.ability.fly_m_s,
            Mode::Swim => self.ability.swim_m_s,
            Mode::Walk if intent.sneak => self.ability.sneak_m_s,
            Mode::Walk if intent.sprint => self.ability.sprint_m_s,
            Mode::Walk => self.ability.walk_m_s,
        };
        let speed = intent.speed_m_s.unwrap_or(own);
        // A wader is slowed by what is in the water.
        let speed = if self.mode == Mode::Walk { speed * (1.0 - 0.5 * self.wet) } else { speed };
        let rise = match self.mode {
            Mode::Fly => intent.rise,
            _ if intent.jump => 1.0,
            _ if intent.sneak => -1.0,
            _ => intent.rise,
        };
        let direction = [intent.walk[0], rise, intent.walk[1]].map(|part| if part.is_finite() { part } else { 0.0 });
        // Swimmers and walkers choose up and down beside their course, flyers within it.
        let length = if self.mode == Mode::Fly {
            direction.iter().map(|part| part * part).sum::<f64>().sqrt()
        } else {
            direction[X].hypot(direction[Z])
        };
        let scale = speed / length.max(1.0);
        [direction[X] * scale, direction[Y].clamp(-1.0, 1.0) * scale.min(speed), direction[Z] * scale]
    }

    /// Moves axis by axis, each until something stops it. The way along three axes is free voxel by voxel, so nothing is
    /// tunnelled through however long it is.
    fn travel(&mut self, by: [f64; 3], space: &Space) {
        let horizontal = if by[X].abs() >= by[Z].abs() { [X, Z] } else { [Z, X] };
        self.blocked = [false; 3];
        for axis in horizontal {
            let wanted = if self.sneaking && self.on_ground {
                space.kept_on_edge(self.bounds(), axis, by[axis])
            } else {
                by[axis]
            };
            let swept = space.sweep(self.bounds(), axis, wanted);
            self.position.local[axis] += swept.by;
            if swept.hit && !self.climbs(axis, wanted - swept.by, space) {
                self.blocked[axis] = true;
                self.velocity[axis] = 0.0;
            } else if wanted != by[axis] {
                self.velocity[axis] = 0.0;
            }
        }
        let swept = space.sweep(self.bounds(), Y, by[Y]);
        self.position.local[Y] += swept.by;
        if swept.hit {
            self.blocked[Y] = true;
            self.velocity[Y] = 0.0;
        }
    }

    /// An automatic step: up a metre, on, and down again. Whether it came further that way.
    fn climbs(&mut self, axis: usize, rest: f64, space: &Space) -> bool {
        if !(self.ability.auto_step && self.on_ground && !self.sneaking && self.mode == Mode::Walk) {
            return false;
        }
        let up = space.sweep(self.bounds(), Y, 1.0 + SKIN_M);
        let raised = self.bounds().moved(Y, up.by);
        let on = space.sweep(raised, axis, rest);
        // It must come further by more than the skin, or it would hop in front of a wall.
        if up.hit || on.hit || on.by.abs() <= SKIN_M {
            return false;
        }
        let down = space.sweep(raised.moved(axis, on.by), Y, -up.by);
        self.position.local[axis] += on.by;
        self.position.local[Y] += up.by + down.by;
        self.step_lag_m = (self.step_lag_m + up.by + down.by).min(1.0);
        true
    }

    fn bounds(&self) -> Bounds {
        let [x, y, z] = self.position.local;
        let half = WIDTH_M / 2.0;
        Bounds { low: [x - half, y, z - half], high: [x + half, y + HEIGHT_M, z + half] }
    }
}
