//! Where sun and moon stand, and which colours they make.
//!
//! Light is linear RGB, scaled so that a white surface in full noon sun comes out near 1 before the tone curve. The
//! keyframes are by the sun's height above the horizon, not by the clock, so dusk and dawn are the same evening played both
//! ways. Pure arithmetic: the same time gives the same light wherever it is asked for.

/// Minutes of a day.
pub const DAY_MINUTES: u32 = 24 * 60;
/// How many seconds of play make a day.
pub const DAY_SECONDS: f32 = 20.0 * 60.0;

/// Linear red, green, blue.
pub type Rgb = [f32; 3];
/// Red, green, blue, as screens take them (IEC 61966-2-1).
pub type Srgb = [u8; 3];

/// The light at one time of day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sky {
    /// Unit vector to the sun; below the horizon at night.
    pub sun: [f32; 3],
    /// Unit vector to whatever casts the shadows: the sun by day, the moon by night.
    pub light: [f32; 3],
    /// What that light brings to a surface that faces it.
    pub light_colour: Rgb,
    /// What the sky brings to a surface that faces up.
    pub ambient_up: Rgb,
    /// What the ground throws back to a surface that faces down.
    pub ambient_down: Rgb,
    /// The sky overhead.
    pub zenith: Rgb,
    /// The sky at the horizon, which is also the colour of haze.
    pub horizon: Rgb,
    /// What the haze around the sun gains.
    pub glow: Rgb,
    /// How visible stars are, 0 to 1.
    pub stars: f32,
}

/// One keyframe: the sine of the sun's height, then the colours.
struct Key {
    height: f32,
    light: Rgb,
    up: Rgb,
    zenith: Rgb,
    horizon: Rgb,
    glow: Rgb,
}

/// Where shadows change from the sun's to the moon's, and neither brings light enough for anybody to see it.
const TURN: f32 = -0.05;

const KEYS: [Key; 7] = [
    Key {
        height: -0.30,
        light: [0.06, 0.08, 0.13],
        up: [0.022, 0.030, 0.055],
        zenith: [0.004, 0.007, 0.020],
        horizon: [0.014, 0.022, 0.048],
        glow: [0.0, 0.0, 0.0],
    },
    Key {
        height: -0.10,
        light: [0.02, 0.02, 0.03],
        up: [0.06, 0.07, 0.12],
        zenith: [0.018, 0.032, 0.095],
        horizon: [0.16, 0.12, 0.18],
        glow: [0.42, 0.16, 0.06],
    },
    Key {
        height: TURN,
        light: [0.03, 0.02, 0.03],
        up: [0.09, 0.10, 0.16],
        zenith: [0.030, 0.055, 0.16],
        horizon: [0.28, 0.19, 0.22],
        glow: [0.62, 0.26, 0.08],
    },
    Key {
        height: 0.02,
        light: [0.70, 0.30, 0.12],
        up: [0.17, 0.18, 0.26],
        zenith: [0.07, 0.13, 0.32],
        horizon: [0.52, 0.36, 0.32],
        glow: [0.90, 0.42, 0.12],
    },
    Key {
        height: 0.18,
        light: [1.25, 0.82, 0.48],
        up: [0.30, 0.34, 0.44],
        zenith: [0.11, 0.24, 0.56],
        horizon: [0.62, 0.62, 0.64],
        glow: [0.55, 0.36, 0.16],
    },
    Key {
        height: 0.45,
        light: [1.42, 1.22, 0.96],
        up: [0.38, 0.45, 0.58],
        zenith: [0.115, 0.29, 0.68],
        horizon: [0.56, 0.70, 0.86],
        glow: [0.26, 0.22, 0.14],
    },
    Key {
        height: 1.0,
        light: [1.48, 1.36, 1.18],
        up: [0.42, 0.50, 0.64],
        zenith: [0.10, 0.29, 0.72],
        horizon: [0.54, 0.71, 0.90],
        glow: [0.20, 0.18, 0.14],
    },
];

/// The light so many minutes after midnight; times beyond a day wrap around.
pub fn sky_at(minutes: f32) -> Sky {
    let turn = (minutes / DAY_MINUTES as f32).rem_euclid(1.0);
    // 06:00 is sunrise in the east (+x), 12:00 the sun's height in the south (+z), 18:00 sunset in the west.
    let angle = (turn - 0.25) * std::f32::consts::TAU;
    let tilt = 0.55f32;
    let sun = [angle.cos(), angle.sin() * tilt.cos(), angle.sin() * tilt.sin()];
    let height = sun[1];
    let day = height > TURN;
    let light = if day { [sun[0], sun[1].max(0.06), sun[2]] } else { [-sun[0], (-sun[1]).max(0.06), -sun[2]] };
    let at = height.clamp(KEYS[0].height, 1.0);
    let next = KEYS.iter().position(|key| key.height >= at).unwrap_or(KEYS.len() - 1).max(1);
    let (a, b) = (&KEYS[next - 1], &KEYS[next]);
    let part = ((at - a.height) / (b.height - a.height)).clamp(0.0, 1.0);
    let up = mix(a.up, b.up, part);
    let zenith = mix(a.zenith, b.zenith, part);
    let light_colour = mix(a.light, b.light, part);
    // Grass and earth throw back a dim, warm part of what falls on them.
    let bounce = (0..3).map(|i| 0.34 * up[i] + 0.10 * light_colour[i] * height.max(0.0)).collect::<Vec<_>>();
    Sky {
        sun,
        light: normalised(light),
        light_colour,
        ambient_up: up,
        ambient_down: [bounce[0] * 1.06, bounce[1], bounce[2] * 0.86],
        zenith,
        horizon: mix(a.horizon, b.horizon, part),
        glow: mix(a.glow, b.glow, part),
        stars: ((-height - 0.02) / 0.2).clamp(0.0, 1.0),
    }
}

/// `HH:MM` in minutes since midnight.
pub fn parse_clock(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Minutes since midnight as `HH:MM`.
pub fn clock(minutes: f32) -> String {
    let minutes = minutes.rem_euclid(DAY_MINUTES as f32) as u32;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// sRGB as tables and people write it, in linear light (IEC 61966-2-1).
pub fn linear(srgb: Srgb) -> Rgb {
    srgb.map(|part| {
        let part = f32::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

/// Linear light as sRGB (IEC 61966-2-1), held to its range.
pub fn srgb(linear: Rgb) -> Srgb {
    linear.map(|part| {
        let part = part.clamp(0.0, 1.0);
        let part = if part <= 0.003_130_8 { part * 12.92 } else { 1.055 * part.powf(1.0 / 2.4) - 0.055 };
        (part * 255.0).round() as u8
    })
}

fn mix(a: Rgb, b: Rgb, part: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * part)
}

fn normalised(v: [f32; 3]) -> [f32; 3] {
    let length = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
    v.map(|part| part / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brightness(colour: Rgb) -> f32 {
        colour.iter().sum()
    }

    #[test]
    fn noon_is_bright_midnight_dark_and_the_day_goes_round() {
        let (noon, midnight) = (sky_at(720.0), sky_at(0.0));
        assert!(noon.sun[1] > 0.8 && midnight.sun[1] < -0.8);
        assert!(brightness(noon.ambient_up) > 10.0 * brightness(midnight.ambient_up));
        assert_eq!((noon.stars, midnight.stars), (0.0, 1.0));
        let (today, tomorrow) = (sky_at(100.0).sun, sky_at(100.0 + DAY_MINUTES as f32).sun);
        assert!((0..3).all(|i| (today[i] - tomorrow[i]).abs() < 1e-4), "{today:?} {tomorrow:?}");
        assert!(sky_at(7.0 * 60.0).sun[0] > 0.0, "the sun rises in the east");
    }

    #[test]
    fn light_never_jumps_within_a_minute_and_always_comes_from_above() {
        for minute in 0..DAY_MINUTES {
            let (a, b) = (sky_at(minute as f32), sky_at(minute as f32 + 1.0));
            for (from, to) in [(a.zenith, b.zenith), (a.horizon, b.horizon), (a.ambient_up, b.ambient_up)] {
                let jump = (0..3).map(|i| (from[i] - to[i]).abs()).fold(0.0, f32::max);
                assert!(jump < 0.03, "minute {minute}: {jump}");
            }
            assert!(a.light[1] > 0.0, "minute {minute}");
        }
    }

    #[test]
    fn clocks_are_read_and_written() {
        assert_eq!(parse_clock("17:05"), Some(1025));
        assert_eq!(clock(1025.9), "17:05");
        for nonsense in ["", "7", "24:00", "12:60", "-1:00", "a:b"] {
            assert_eq!(parse_clock(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn srgb_to_linear_keeps_its_ends() {
        assert_eq!(linear([0, 0, 0]), [0.0; 3]);
        assert!((linear([255; 3])[0] - 1.0).abs() < 1e-6);
        assert!((linear([188; 3])[0] - 0.5).abs() < 0.01);
    }

    #[test]
    fn colours_come_back_as_they_went() {
        for part in 0..=u8::MAX {
            assert_eq!(srgb(linear([part; 3])), [part; 3]);
        }
    }
}
