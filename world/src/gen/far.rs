//! The land as seen from afar: heights and colours of a coarse lattice, for what is too distant to be drawn in voxels.
//!
//! Patches of levels up to [`EXACT`] show exactly what [`Generator::surface`] says. Coarser ones leave out what people
//! levelled, and beyond [`WITH_RIVERS`] rivers too, which are narrower there than the lattice.

use super::{
    Generator,
    biome::Biome,
    ground::{Cover, Ground, Site},
    villages::Made,
};
use crate::block;

/// Points along an edge of a patch.
pub const FAR_POINTS: usize = 17;
/// The coarsest level: points 65 km apart.
pub const FAR_LEVEL_MOST: u8 = 16;
/// The coarsest level that agrees with the surface everywhere.
const EXACT: u8 = 2;
/// The coarsest level that shows rivers.
const WITH_RIVERS: u8 = 6;

/// Which patch: it begins at (x, z) · 16 · 2^level metres. Neighbours share their edges' points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarCell {
    /// East, in patches.
    pub x: i64,
    /// South, in patches.
    pub z: i64,
    /// Points are 2^level metres apart; at most [`FAR_LEVEL_MOST`] counts.
    pub level: u8,
}

/// A lattice of 17 × 17 points, row by row from north to south, each from west to east.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarPatch {
    /// The highest voxel of ground or water, in metres.
    pub heights: Vec<i32>,
    /// Whether it is water.
    pub water: Vec<bool>,
    /// Red, green and blue (sRGB).
    pub colours: Vec<[u8; 3]>,
}

/// A patch.
pub(super) fn patch(generator: &Generator, cell: FarCell) -> FarPatch {
    let level = cell.level.min(FAR_LEVEL_MOST);
    let step = 1i64 << level;
    let edge = (FAR_POINTS as i64 - 1) * step;
    let corner = (cell.x.wrapping_mul(edge), cell.z.wrapping_mul(edge));
    let sites = if level <= EXACT {
        let width = edge as usize + 1;
        let (all, _) = generator.ground.area(corner.0, corner.1, width, width);
        points().map(|(row, place)| all[(row * width + place) << level]).collect()
    } else {
        coarse(&generator.ground, corner, step, level <= WITH_RIVERS)
    };
    FarPatch {
        heights: sites.iter().map(|site| site.water.unwrap_or(site.height) as i32).collect(),
        water: sites.iter().map(|site| site.water.is_some()).collect(),
        colours: sites.iter().map(colour).collect(),
    }
}

fn points() -> impl Iterator<Item = (usize, usize)> {
    (0..FAR_POINTS).flat_map(|row| (0..FAR_POINTS).map(move |place| (row, place)))
}

fn coarse(ground: &Ground, corner: (i64, i64), step: i64, rivers: bool) -> Vec<Site> {
    let at = |row: usize, place: usize| {
        (corner.0.wrapping_add(place as i64 * step), corner.1.wrapping_add(row as i64 * step))
    };
    let lies: Vec<_> = points()
        .map(|(row, place)| {
            let (x, z) = at(row, place);
            if rivers { ground.land.at(x, z) } else { ground.land.rough(x, z) }
        })
        .collect();
    points()
        .map(|(row, place)| {
            let lie = &lies[row * FAR_POINTS + place];
            let other = |row: usize, place: usize| &lies[row * FAR_POINTS + place];
            let beside = other(row, if place == 0 { 1 } else { place - 1 });
            let above = other(if row == 0 { 1 } else { row - 1 }, place);
            let drop = (lie.ground - beside.ground).abs().max((lie.ground - above.ground).abs());
            Ground::site(lie, Made::default(), (drop / step) >> 7)
        })
        .collect()
}

/// What the place looks like from above, under its trees.
fn colour(site: &Site) -> [u8; 3] {
    let of = |block: block::BlockId| block.builtin().map_or([128; 3], |block| block.top);
    let blend = |a: [u8; 3], b: [u8; 3], percent: u32| {
        let mix = |a: u8, b: u8| ((u32::from(a) * (100 - percent) + u32::from(b) * percent) / 100) as u8;
        [mix(a[0], b[0]), mix(a[1], b[1]), mix(a[2], b[2])]
    };
    if let Some(water) = site.water {
        if site.frozen {
            return of(block::ICE);
        }
        let deep = (water - site.height).clamp(0, 60) as u32;
        return blend(of(block::WATER), [16, 36, 84], deep);
    }
    let (leaves, percent) = match site.biome {
        Biome::Forest => (block::OAK_LEAVES, 55),
        Biome::BirchForest => (block::BIRCH_LEAVES, 50),
        Biome::Taiga => (block::SPRUCE_LEAVES, 55),
        Biome::SnowyTaiga => (block::SPRUCE_LEAVES, 35),
        Biome::Jungle => (block::JUNGLE_LEAVES, 75),
        Biome::Swamp => (block::OAK_LEAVES, 35),
        Biome::Savanna => (block::ACACIA_LEAVES, 12),
        _ => (block::GRASS, 0),
    };
    let wooded = if site.top_grows() && site.cover == Cover::Wild { percent } else { 0 };
    blend(of(site.top), of(leaves), wooded)
}
