//! From keys and mouse to what a body wants.
//!
//! Which key means what is decided where keys are read; here is only what the wishes add up to, so that a script, a keyboard
//! and a test all move the same way.

use bitdust_world::body::Intent;

/// Looking straight up or down stops a little short of vertical, where left and right would swap.
pub const PITCH_MAX: f32 = 1.55;
/// Radians per dot of mouse movement at sensitivity 1.
const RADIANS_PER_DOT: f32 = 0.0022;

/// What is held down.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Held {
    /// Walk towards where the eyes look.
    pub forward: bool,
    /// Walk backwards.
    pub back: bool,
    /// Step to the left.
    pub left: bool,
    /// Step to the right.
    pub right: bool,
    /// Jump, rise.
    pub up: bool,
    /// Sneak, sink.
    pub down: bool,
    /// Hurry.
    pub hurry: bool,
    /// Right and forward, from -1 to 1: a gamepad's stick.
    pub stick: [f32; 2],
}

/// Where the eyes look: `yaw` 0 is north (-z), growing to the left; `pitch` is up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gaze {
    /// Radians around the vertical.
    pub yaw: f32,
    /// Radians above the horizon.
    pub pitch: f32,
}

impl Gaze {
    /// After the mouse moved by so many dots.
    pub fn turned(self, dots: [f32; 2], sensitivity: f32, inverted: bool) -> Gaze {
        let scale = RADIANS_PER_DOT * sensitivity;
        let vertical = if inverted { -dots[1] } else { dots[1] };
        Gaze {
            yaw: (self.yaw - dots[0] * scale).rem_euclid(std::f32::consts::TAU),
            pitch: (self.pitch - vertical * scale).clamp(-PITCH_MAX, PITCH_MAX),
        }
    }

    /// The unit vector along the eyes.
    pub fn direction(self) -> [f64; 3] {
        let (yaw, pitch) = (f64::from(self.yaw), f64::from(self.pitch));
        [-yaw.sin() * pitch.cos(), pitch.sin(), -yaw.cos() * pitch.cos()]
    }

    /// Degrees clockwise from north, as a compass shows them.
    pub fn heading(self) -> f32 {
        (360.0 - self.yaw.to_degrees()).rem_euclid(360.0)
    }
}

/// What a body wants whose player holds these keys and looks there.
pub fn intent(held: Held, gaze: Gaze) -> Intent {
    let axis = |plus: bool, minus: bool| f64::from(i8::from(plus) - i8::from(minus));
    let [right, forward] = held.stick.map(f64::from);
    let (ahead, aside) = (axis(held.forward, held.back) + forward, axis(held.right, held.left) + right);
    let (sin, cos) = f64::from(gaze.yaw).sin_cos();
    let mut walk = [-sin * ahead + cos * aside, -cos * ahead - sin * aside];
    let length = walk[0].hypot(walk[1]);
    if length > 1.0 {
        walk = walk.map(|part| part / length);
    }
    Intent {
        walk,
        rise: axis(held.up, held.down),
        jump: held.up,
        // Nobody sprints backwards.
        sprint: held.hurry && ahead >= 0.0,
        sneak: held.down,
        speed_m_s: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(held: Held, yaw_degrees: f32, walk: [f64; 2]) {
        let found = intent(held, Gaze { yaw: yaw_degrees.to_radians(), pitch: 0.3 }).walk;
        let error = (found[0] - walk[0]).hypot(found[1] - walk[1]);
        assert!(error < 1e-6, "{held:?} at {yaw_degrees}°: {found:?}, not {walk:?}");
    }

    #[test]
    fn keys_move_relative_to_the_gaze() {
        let forward = Held { forward: true, ..Held::default() };
        let right = Held { right: true, ..Held::default() };
        check(forward, 0.0, [0.0, -1.0]);
        check(forward, 90.0, [-1.0, 0.0]);
        check(right, 0.0, [1.0, 0.0]);
        check(right, 90.0, [0.0, -1.0]);
        check(Held { left: true, ..right }, 30.0, [0.0, 0.0]);
        let half = std::f64::consts::FRAC_1_SQRT_2;
        check(Held { right: true, ..forward }, 0.0, [half, -half]);
        // A stick that is pushed halfway walks slowly; with a key beside it nobody gets faster than at a walk.
        check(Held { stick: [0.0, 0.5], ..Held::default() }, 90.0, [-0.5, 0.0]);
        check(Held { stick: [0.0, 0.5], ..forward }, 0.0, [0.0, -1.0]);
    }

    #[test]
    fn forward_is_where_the_eyes_look() {
        for yaw in [0.0, 1.0, 2.5, 4.0] {
            let gaze = Gaze { yaw, pitch: 0.0 };
            let walk = intent(Held { forward: true, ..Held::default() }, gaze).walk;
            let direction = gaze.direction();
            assert!((walk[0] - direction[0]).abs() < 1e-6 && (walk[1] - direction[2]).abs() < 1e-6, "yaw {yaw}");
        }
    }

    #[test]
    fn the_mouse_turns_and_never_tips_over() {
        let gaze = Gaze::default().turned([100.0, 0.0], 1.0, false);
        assert!(gaze.heading() > 12.0 && gaze.heading() < 13.0, "{}", gaze.heading());
        assert_eq!(Gaze::default().turned([0.0, -1e6], 1.0, false).pitch, PITCH_MAX);
        assert_eq!(Gaze::default().turned([0.0, -1e6], 1.0, true).pitch, -PITCH_MAX);
    }
}
