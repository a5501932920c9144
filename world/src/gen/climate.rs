//! Temperature and moisture.
//!
//! Both are fractions around zero: −[`ONE`] is polar or bone dry, [`ONE`] tropical or drenched.

use super::{
    fixed::{METRE, ONE, part, scale, smoothstep},
    noise::Fractal,
    params::Params,
};

/// The two slow noises.
pub(super) struct Climate {
    temperature: Fractal,
    moisture: Fractal,
    warmer: i64,
    wetter: i64,
}

/// Above this, grass dries and palms grow.
pub(super) const HOT: i64 = part(200);
/// Below this, conifers take over.
pub(super) const COOL: i64 = part(-150);
/// Below this, snow stays.
pub(super) const FROZEN: i64 = part(-380);
/// Below this, little grows.
pub(super) const DRY: i64 = part(-130);
/// Above this, much does.
pub(super) const WET: i64 = part(170);

impl Climate {
    pub(super) fn new(seed: u64, params: &Params) -> Self {
        Climate {
            temperature: Fractal::new(seed, 20, 12, 4),
            moisture: Fractal::new(seed, 21, 11, 4),
            warmer: part(params.temperature.into()) + part(40),
            wetter: part(params.moisture.into()) + part(30),
        }
    }

    /// Temperature at sea level, and moisture.
    pub(super) fn at(&self, x: i64, z: i64) -> (i64, i64) {
        let temperature = self.temperature.at(x, z) * 5 / 4 + self.warmer;
        let moisture = self.moisture.at(x, z) * 5 / 4 + self.wetter;
        (temperature, moisture)
    }

    /// Temperature higher up: 1 % less every 3 metres above the hills.
    pub(super) fn lapsed(temperature: i64, height: i64) -> i64 {
        temperature - (height - 30 * METRE).max(0) * ONE / (300 * METRE)
    }

    /// How much the land forms mesas of red sand.
    pub(super) fn badlands(temperature: i64, moisture: i64) -> i64 {
        scale(smoothstep(temperature, part(330), part(430)), smoothstep(-moisture, part(130), part(230)))
    }

    /// How much low land lies under pools.
    pub(super) fn swampy(temperature: i64, moisture: i64) -> i64 {
        scale(smoothstep(temperature, part(-180), part(-60)), smoothstep(moisture, part(190), part(290)))
    }
}
