//! The shape of the land before water touches it: continents, ranges, hills, and the climate over them.
//!
//! All of it is smooth enough to be worked out at every fourth metre and drawn as straight lines between
//! ([`super::land`] does so). Rivers follow [`Terrain::base`], which has no small hills that would dam them.

use super::{
    climate::Climate,
    fixed::{METRE, ONE, lerp, part, polyline, ramp, scale, smooth, smoothstep},
    noise::Fractal,
    params::Params,
    rivers::BEND_MOST,
};

/// The noises that the land is made of.
pub(super) struct Terrain {
    warp: [Fractal; 2],
    continent: Fractal,
    belt: Fractal,
    crests: Fractal,
    hilliness: Fractal,
    hills: Fractal,
    mesas: Fractal,
    bend: [Fractal; 2],
    pools: Fractal,
    strata: Fractal,
    mouths: Fractal,
    climate: Climate,
    land: i64,
    relief: i64,
}

/// The land at one point. Heights in 1/256 m above the sea, climate in fractions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Relief {
    /// How far the land lies above the sea without ranges, hills and crests: gentle slopes only.
    pub(super) shelf: i64,
    /// With ranges, without hills and crests.
    pub(super) base: i64,
    /// With all of them.
    pub(super) ground: i64,
    /// How much of a mountain it is, as a fraction.
    pub(super) mountain: i64,
    /// At sea level.
    pub(super) temperature: i64,
    pub(super) moisture: i64,
    /// How much of a mesa of red sand it is, as a fraction.
    pub(super) mesa: i64,
    /// How far rivers are pushed aside here, so that they meander.
    pub(super) bend: [i64; 2],
    /// What tells kinds of rock apart, and where caves open. Noise, as fractions.
    pub(super) strata: i64,
    pub(super) mouth: i64,
}

/// What the large noises say about a point.
struct Outline {
    /// Above zero inland, as a fraction.
    continent: i64,
    mountain: i64,
    shelf: i64,
    base: i64,
    warped: (i64, i64),
}

/// Height of the land's base, in metres, by how far inland (in thousandths) a point lies.
const PROFILE: [(i64, i64); 10] =
    [(-700, -70), (-380, -46), (-200, -26), (-70, -12), (0, -1), (40, 4), (130, 9), (300, 22), (520, 38), (900, 56)];

impl Terrain {
    pub(super) fn new(seed: u64, params: &Params) -> Self {
        let continent = u32::from(params.continent);
        Terrain {
            warp: [Fractal::new(seed, 1, 10, 3), Fractal::new(seed, 2, 10, 3)],
            continent: Fractal::new(seed, 3, continent, 6),
            belt: Fractal::new(seed, 4, continent - 1, 2),
            crests: Fractal::new(seed, 5, 9, 5),
            hilliness: Fractal::new(seed, 6, 10, 2),
            hills: Fractal::new(seed, 7, 8, 3),
            mesas: Fractal::new(seed, 8, 8, 3),
            bend: [Fractal::new(seed, 9, 9, 4), Fractal::new(seed, 10, 9, 4)],
            pools: Fractal::new(seed, 11, 6, 2),
            strata: Fractal::new(seed, 12, 8, 3),
            mouths: Fractal::new(seed, 13, 6, 2),
            climate: Climate::new(seed, params),
            land: part(params.land.into()) + part(60),
            relief: ONE * i64::from(params.relief) / 100,
        }
    }

    /// The height that rivers go by, in 1/256 m.
    pub(super) fn base(&self, x: i64, z: i64) -> i64 {
        self.outline(x, z).base
    }

    fn outline(&self, x: i64, z: i64) -> Outline {
        let warped =
            (x.wrapping_add((self.warp[0].at(x, z) * 160) >> 16), z.wrapping_add((self.warp[1].at(x, z) * 160) >> 16));
        let continent = self.continent.at(warped.0, warped.1) + self.land;
        // Ranges stand where a slow noise is near zero: long belts rather than blobs.
        let belt = ONE - 3 * self.belt.at(warped.0, warped.1).abs();
        let mountain = scale(smoothstep(belt, part(300), part(950)), smoothstep(continent, part(20), part(260)));
        let thousandths = PROFILE.map(|(inland, height)| (part(inland), height * METRE));
        let shelf = polyline(continent, &thousandths);
        let base = shelf + scale(scale(mountain, self.relief), 64 * METRE);
        Outline { continent, mountain, shelf, base, warped }
    }

    /// Everything about the point.
    pub(super) fn relief(&self, x: i64, z: i64) -> Relief {
        let outline = self.outline(x, z);
        let (temperature, moisture) = self.climate.at(x, z);
        let inland = smoothstep(outline.continent, part(-20), part(110));

        let roll = smoothstep(self.hilliness.at(x, z), part(-250), part(450));
        let height = scale(lerp(3 * METRE, 26 * METRE, roll), lerp(ONE / 3, ONE, inland));
        let hills = scale(scale(self.hills.at(x, z) + part(120), height), self.relief);
        let crests = if outline.mountain > 0 {
            let height = scale(scale(outline.mountain, self.relief), 195 * METRE);
            scale(self.crests.ridges(outline.warped.0, outline.warped.1), height)
        } else {
            0
        };
        let mut ground = outline.base + hills + crests;

        let mesa = scale(Climate::badlands(temperature, moisture), inland);
        if mesa > 0 {
            let rise = smoothstep(self.mesas.at(x, z), part(-60), part(160));
            ground = lerp(ground, terraced(ground + scale(rise, 34 * METRE)), mesa);
        }
        let swamp = scale(Climate::swampy(temperature, moisture), ONE - ramp(outline.base, 10 * METRE, 16 * METRE));
        if swamp > 0 && outline.base > -2 * METRE {
            let flat = METRE / 2 + scale(self.pools.at(x, z), 4 * METRE);
            ground = lerp(ground, flat, scale(swamp, ramp(outline.base, -2 * METRE, 2 * METRE)));
        }
        let most = BEND_MOST * METRE;
        let bend = [0, 1].map(|axis: usize| scale(self.bend[axis].at(x, z), 100 * METRE).clamp(-most, most));
        Relief {
            shelf: outline.shelf,
            base: outline.base,
            ground,
            mountain: outline.mountain,
            temperature,
            moisture,
            mesa,
            bend,
            strata: self.strata.at(x, z),
            mouth: self.mouths.at(x, z),
        }
    }
}

/// Steps of 11 metres: flat on top, steep between.
fn terraced(height: i64) -> i64 {
    let step = 11 * METRE;
    let (floor, within) = (height.div_euclid(step), height.rem_euclid(step));
    let rise = smooth(ramp(within, step * 6 / 10, step * 9 / 10));
    floor * step + scale(rise, step)
}
