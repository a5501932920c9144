//! The ground of an area as walkers find it: the land, what people have levelled and paved of it, and what it is made
//! of.

use super::{
    biome::Biome,
    climate::{Climate, FROZEN, HOT},
    fixed::{METRE, ONE, part},
    land::{Land, Lie},
    params::Params,
    villages::{Deck, Made, Villages, Works},
};
use crate::block::{self, BlockId};

/// The ground as a function of position.
pub(super) struct Ground {
    pub(super) land: Land,
    pub(super) villages: Villages,
}

/// What people have made of a column's surface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cover {
    /// Nothing.
    #[default]
    Wild,
    /// Ground that belongs to somebody: trees keep away, grass grows.
    Yard,
    /// A road's or a square's surface, or a field's soil.
    Paved(BlockId),
}

/// One column of ground.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    /// The highest voxel of ground, in metres.
    pub(super) height: i64,
    /// The highest voxel of water.
    pub(super) water: Option<i64>,
    pub(super) biome: Biome,
    pub(super) cover: Cover,
    pub(super) deck: Option<Deck>,
    /// The highest voxel's block, and that of the few voxels below.
    pub(super) top: BlockId,
    pub(super) filler: BlockId,
    /// Voxels of top and filler together.
    pub(super) soil: i64,
    /// What lies below that, above deep stone.
    pub(super) rock: BlockId,
    /// How far down the lowest neighbour is, in metres.
    pub(super) steep: i64,
    /// Whether standing water freezes.
    pub(super) frozen: bool,
    /// Whether caves may open here.
    pub(super) mouth: bool,
    /// Whether palms would grow on a beach here.
    pub(super) balmy: bool,
    /// See [`Lie::bump`].
    pub(super) bump: i64,
}

impl Ground {
    pub(super) fn new(seed: u64, params: &Params) -> Self {
        Ground { land: Land::new(seed, params), villages: Villages::new(seed, params) }
    }

    /// Every column of the `width` × `depth` metres from (x, z) on, row by row, and what people built there. At most
    /// 126 metres along an edge.
    pub(super) fn area(&self, x: i64, z: i64, width: usize, depth: usize) -> (Vec<Site>, Works) {
        let (x0, z0) = (x.wrapping_sub(1), z.wrapping_sub(1));
        let across = width + 2;
        let mut lies = self.land.area(x0, z0, across, depth + 2);
        let works = self.villages.works(&self.land, x0, z0, across as i64, depth as i64 + 2);
        let made: Vec<Made> =
            (0..).zip(&mut lies).map(|(at, lie)| works.level((at % across as i64, at / across as i64), lie)).collect();
        let heights: Vec<i64> = lies.iter().map(|lie| lie.ground >> 8).collect();
        let mut sites = Vec::with_capacity(width * depth);
        for dz in 0..depth {
            for dx in 0..width {
                let at = (dz + 1) * across + dx + 1;
                let around = [at - 1, at + 1, at - across, at + across];
                let lowest = around.into_iter().fold(heights[at], |lowest, at| lowest.min(heights[at]));
                let steep = heights[at] - lowest;
                // Whatever was dug, no bank is lower than the water beside it.
                let brim = around.into_iter().filter_map(|at| lies[at].water).max();
                if let (None, Some(brim)) = (lies[at].water, brim) {
                    lies[at].ground = lies[at].ground.max(brim * METRE);
                }
                sites.push(Self::site(&lies[at], made[at], steep));
            }
        }
        (sites, works)
    }

    /// What a column consists of. `steep`: how far down its lowest neighbour is, in metres.
    pub(super) fn site(lie: &Lie, made: Made, steep: i64) -> Site {
        let Made { cover, deck } = made;
        let (biome, strata) = (Biome::of(lie, steep), lie.strata);
        let (mut top, mut filler) = biome.soil();
        let mut soil = 3 + (lie.bump >> 14).max(-1);
        let temperature = Climate::lapsed(lie.temperature, lie.ground);
        if let Some(water) = lie.water {
            (top, filler) = bed(biome, lie, water - (lie.ground >> 8), strata);
        } else if steep >= 4 || steep >= 3 && lie.mountain > part(200) || steep >= 2 && biome == Biome::Highland {
            (top, filler) = match biome {
                Biome::Badlands => (block::SANDSTONE, block::SANDSTONE),
                Biome::Desert | Biome::Beach => (block::SANDSTONE, block::SANDSTONE),
                Biome::SnowyPeaks if steep < 5 => (block::SNOW, block::STONE),
                _ => (block::STONE, block::STONE),
            };
            soil = 2;
        } else if biome == Biome::Highland && strata + lie.bump / 3 > part(120) {
            (top, filler) = (if strata > part(260) { block::GRAVEL } else { block::STONE }, block::STONE);
        } else if biome == Biome::Swamp && lie.bump < part(-180) {
            (top, filler) = (block::MUD, block::MUD);
        }
        if biome == Biome::Badlands {
            soil = if steep >= 4 { 0 } else { 1 };
        }
        if let Cover::Paved(paving) = cover {
            top = paving;
        }
        let rock = match strata {
            _ if strata > part(330) => block::LIMESTONE,
            _ if strata < part(-360) => block::GRANITE,
            _ => block::STONE,
        };
        let mouth = cover == Cover::Wild
            && deck.is_none()
            && lie.water.is_none()
            && lie.shore > 12 * METRE
            && lie.ground > 6 * METRE
            && lie.mouth > part(330);
        Site {
            height: lie.ground >> 8,
            water: lie.water,
            biome,
            cover,
            deck,
            top,
            filler,
            soil,
            rock,
            steep,
            frozen: temperature < FROZEN,
            mouth,
            balmy: temperature > HOT,
            bump: lie.bump,
        }
    }
}

/// What lies under water, `deep` metres of it.
fn bed(biome: Biome, lie: &Lie, deep: i64, strata: i64) -> (BlockId, BlockId) {
    let patch = lie.bump + strata / 2;
    match biome {
        Biome::Swamp => (block::MUD, block::MUD),
        Biome::River if lie.temperature < FROZEN => (block::GRAVEL, block::GRAVEL),
        Biome::River if patch > ONE / 4 => (block::GRAVEL, block::GRAVEL),
        Biome::River if patch < -ONE / 4 => (block::CLAY, block::CLAY),
        Biome::Ocean if deep > 12 && patch > 0 => (block::GRAVEL, block::STONE),
        Biome::Ocean if patch < -ONE / 3 => (block::CLAY, block::CLAY),
        _ => biome.soil(),
    }
}
