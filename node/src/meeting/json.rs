//! Between the JSON of `meet_` and what a crowd understands.

use bitdust_rpc::types::meet as json;
use bitdust_world::meeting::{Gesture, Look, Mode, Position, Seen, Stance};

/// A whole turn in a stance's units.
const TURN: f64 = 65_536.0;
/// Straight up in a stance's units.
const UP: f64 = 127.0;

/// A stance; angles that make no sense are brought into their range.
pub fn stance(pose: &json::Pose) -> Stance {
    Stance {
        position: Position::from_metres(pose.chunk, pose.metres),
        // Casts from floats saturate, and make 0 of what is not a number.
        yaw: ((pose.yaw / 360.0).rem_euclid(1.0) * TURN) as u32 as u16,
        pitch: (pose.pitch / 90.0 * UP).round().clamp(-UP, UP) as i8,
        mode: match pose.mode {
            json::Mode::Standing => Mode::Standing,
            json::Mode::Walking => Mode::Walking,
            json::Mode::Falling => Mode::Falling,
            json::Mode::Swimming => Mode::Swimming,
            json::Mode::Flying => Mode::Flying,
            json::Mode::Sitting => Mode::Sitting,
        },
    }
}

/// What to draw.
pub fn pose(seen: &Seen) -> json::Pose {
    json::Pose {
        chunk: seen.chunk,
        metres: seen.metres,
        yaw: seen.yaw / TURN * 360.0,
        pitch: f64::from(seen.pitch) / UP * 90.0,
        mode: match seen.mode {
            Mode::Standing => json::Mode::Standing,
            Mode::Walking => json::Mode::Walking,
            Mode::Falling => json::Mode::Falling,
            Mode::Swimming => json::Mode::Swimming,
            Mode::Flying => json::Mode::Flying,
            Mode::Sitting => json::Mode::Sitting,
        },
    }
}

/// What somebody looks like.
pub fn look(look: Look) -> json::Look {
    json::Look { colours: look.colours, figure: look.figure }
}

/// What this player looks like.
pub fn own_look(look: json::Look) -> Look {
    Look { colours: look.colours, figure: look.figure }
}

/// What somebody shows.
pub fn gesture(gesture: Gesture) -> json::Gesture {
    match gesture {
        Gesture::Wave => json::Gesture::Wave,
        Gesture::Nod => json::Gesture::Nod,
        Gesture::Shake => json::Gesture::Shake,
        Gesture::Point => json::Gesture::Point,
        Gesture::Clap => json::Gesture::Clap,
        Gesture::Bow => json::Gesture::Bow,
        Gesture::Dance => json::Gesture::Dance,
    }
}

/// What this player shows.
pub fn own_gesture(gesture: json::Gesture) -> Gesture {
    match gesture {
        json::Gesture::Wave => Gesture::Wave,
        json::Gesture::Nod => Gesture::Nod,
        json::Gesture::Shake => Gesture::Shake,
        json::Gesture::Point => Gesture::Point,
        json::Gesture::Clap => Gesture::Clap,
        json::Gesture::Bow => Gesture::Bow,
        json::Gesture::Dance => Gesture::Dance,
    }
}

#[cfg(test)]
mod tests {
    use bitdust_world::ChunkPos;

    use super::*;

    fn standing(yaw: f64, pitch: f64, metres: [f64; 3]) -> json::Pose {
        json::Pose { chunk: ChunkPos::new(1 << 50, 0, -1), metres, yaw, pitch, mode: json::Mode::Swimming }
    }

    fn check(yaw: f64, pitch: f64, expected: (u16, i8)) {
        let stance = stance(&standing(yaw, pitch, [1.0, 2.0, 3.0]));
        assert_eq!((stance.yaw, stance.pitch), expected, "{yaw}, {pitch}");
    }

    #[test]
    fn angles_are_brought_into_their_range() {
        check(90.0, 45.0, (16_384, 64));
        check(-90.0, -90.0, (49_152, -127));
        check(720.0 + 90.0, 1e9, (16_384, 127));
        check(f64::NAN, f64::NAN, (0, 0));
        check(f64::INFINITY, f64::NEG_INFINITY, (0, -127));
        check(360.0, 0.0, (0, 0));
    }

    #[test]
    fn a_point_beyond_its_chunk_lies_in_another() {
        let stance = stance(&standing(0.0, 0.0, [33.0, -0.5, 0.25]));
        assert_eq!(stance.position.chunk, ChunkPos::new((1 << 50) + 1, -1, -1));
        assert_eq!(stance.position.local, [64, 31 * 64 + 32, 16]);
    }
}
