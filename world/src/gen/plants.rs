//! Grass, flowers, reeds: what stands one voxel high on the ground.

use super::{
    Generator,
    biome::Biome,
    fixed::part,
    ground::{Cover, Site},
    hash::{Dice, hash2},
    noise::noise2,
};
use crate::block::{self, BlockId};

/// What stands on the column at (x, z): on the ground, or on the water. Air for nothing.
pub(super) fn plant(generator: &Generator, x: i64, z: i64, site: &Site) -> BlockId {
    let mut dice = Dice::new(hash2(generator.plants, x, z));
    let draw = dice.between(0, 999) * 100 / i64::from(generator.params.plants.max(1));
    if generator.params.plants == 0 || site.mouth || site.deck.is_some() {
        return BlockId::AIR;
    }
    if let Some(water) = site.water {
        let calm = matches!(site.biome, Biome::Swamp) && !site.frozen && water - site.height < 3;
        return if calm && draw < 45 { block::LILY } else { BlockId::AIR };
    }
    if matches!(site.cover, Cover::Paved(_)) || !site.top_grows() {
        return BlockId::AIR;
    }
    // Flowers stand in patches of one colour.
    if draw >= 450 {
        return BlockId::AIR;
    }
    let patch = noise2(generator.plants, x, z, 5);
    let flower = || {
        let colour = noise2(generator.plants ^ 1, x, z, 6) * 2 + part(1000);
        [block::FLOWER_RED, block::FLOWER_YELLOW, block::FLOWER_BLUE, block::FLOWER_WHITE]
            [(colour.clamp(0, part(1999)) / part(500)) as usize]
    };
    let grass = |permille: i64, flowers: i64, other: BlockId, others: i64| match draw {
        _ if draw < others => other,
        _ if draw < others + flowers && patch > part(-100) => flower(),
        _ if draw < others + flowers + permille => block::TALL_GRASS,
        _ => BlockId::AIR,
    };
    match site.biome {
        Biome::Plains => grass(220, 18, BlockId::AIR, 0),
        Biome::Meadow => grass(200, if patch > part(150) { 220 } else { 60 }, BlockId::AIR, 0),
        Biome::Forest => grass(110, 12, block::FERN, 40),
        Biome::BirchForest => grass(120, 35, block::FERN, 20),
        Biome::Taiga => grass(40, 4, block::FERN, 130),
        Biome::Jungle => grass(170, 14, block::FERN, 160),
        Biome::Swamp => grass(110, 6, if draw % 2 == 0 { block::REED } else { block::MUSHROOM }, 70),
        Biome::Savanna => grass(260, 2, block::DEAD_BUSH, 6),
        Biome::Highland => grass(60, 25, BlockId::AIR, 0),
        Biome::Desert | Biome::Badlands if draw < 9 => block::DEAD_BUSH,
        Biome::SnowyTaiga if draw < 12 => block::FERN,
        Biome::Tundra if draw < 6 => block::DEAD_BUSH,
        Biome::Beach if draw < 5 => block::TALL_GRASS,
        _ => BlockId::AIR,
    }
}

impl Site {
    /// Whether the ground's highest voxel bears plants.
    pub(super) fn top_grows(&self) -> bool {
        matches!(
            self.top,
            block::GRASS | block::DRY_GRASS | block::DIRT | block::MUD | block::SNOW | block::SAND | block::RED_SAND
        )
    }
}
