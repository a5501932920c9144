//! Biomes: what grows where, and what the ground is made of.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{
    climate::{COOL, Climate, DRY, FROZEN, HOT, WET},
    fixed::{METRE, ONE, part},
    land::Lie,
};
use crate::block::{self, BlockId};

macro_rules! biomes {
    ($($(#[$doc:meta])* $name:ident = $said:literal, $top:ident over $filler:ident;)*) => {
        /// What kind of country a place is.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize,
            Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Biome { $($(#[$doc])* $name,)* }

        impl Biome {
            /// All of them.
            pub const ALL: &'static [Biome] = &[$(Biome::$name,)*];

            /// Its name, for people.
            pub const fn name(self) -> &'static str {
                match self { $(Biome::$name => $said,)* }
            }

            /// What its ground is made of: the highest voxel, and the few below it.
            pub(super) const fn soil(self) -> (BlockId, BlockId) {
                match self { $(Biome::$name => (block::$top, block::$filler),)* }
            }
        }
    };
}

biomes! {
    /// Deep sea.
    DeepOcean = "deep ocean", GRAVEL over STONE;
    /// Sea.
    Ocean = "ocean", SAND over SAND;
    /// Sea under ice.
    FrozenOcean = "frozen ocean", GRAVEL over STONE;
    /// The bed of a river or lake.
    River = "river", SAND over CLAY;
    /// A flat shore of the sea.
    Beach = "beach", SAND over SAND;
    /// A steep shore of the sea.
    StonyShore = "stony shore", GRAVEL over STONE;
    /// Grass, few trees.
    Plains = "plains", GRASS over DIRT;
    /// Grass and many flowers.
    Meadow = "meadow", GRASS over DIRT;
    /// Oaks.
    Forest = "forest", GRASS over DIRT;
    /// Birches.
    BirchForest = "birch forest", GRASS over DIRT;
    /// Spruces.
    Taiga = "taiga", GRASS over DIRT;
    /// Spruces in snow.
    SnowyTaiga = "snowy taiga", SNOW over DIRT;
    /// Snow, hardly a tree.
    Tundra = "tundra", SNOW over DIRT;
    /// Pools, mud and reeds.
    Swamp = "swamp", GRASS over MUD;
    /// Dry grass, few acacias.
    Savanna = "savanna", DRY_GRASS over DIRT;
    /// Tall dense trees.
    Jungle = "jungle", GRASS over DIRT;
    /// Sand and cacti.
    Desert = "desert", SAND over SANDSTONE;
    /// Mesas of red sand.
    Badlands = "badlands", RED_SAND over SANDSTONE;
    /// Above most trees.
    Highland = "highland", GRASS over STONE;
    /// Snow that never melts, high up.
    SnowyPeaks = "snowy peaks", SNOW over SNOW;
}

impl Biome {
    /// Whether it lies under the sea.
    pub const fn is_sea(self) -> bool {
        matches!(self, Biome::DeepOcean | Biome::Ocean | Biome::FrozenOcean)
    }

    /// What a column of land is. `steep`: how far it is to the lowest neighbour's height, in metres.
    pub(super) fn of(lie: &Lie, steep: i64) -> Biome {
        let ragged = lie.bump / 24;
        let height = lie.ground;
        let temperature = Climate::lapsed(lie.temperature, height) + ragged;
        let moisture = lie.moisture + lie.bump / 32;
        if lie.water.is_some() {
            return Self::under_water(lie, temperature);
        }
        let swampy = Climate::swampy(lie.temperature, lie.moisture) > ONE / 2 && lie.base < 15 * METRE;
        if height < 3 * METRE + lie.bump / 96 && lie.base < 4 * METRE && !swampy {
            let stony = steep > 1 || lie.strata + lie.bump / 8 > part(230);
            return if stony { Biome::StonyShore } else { Biome::Beach };
        }
        if lie.mountain > part(250) && lie.mesa < ONE / 3 && height > 78 * METRE + lie.bump / 8 {
            let snow = temperature < part(-330);
            return if snow { Biome::SnowyPeaks } else { Biome::Highland };
        }
        Self::of_climate(lie, temperature, moisture, swampy)
    }

    fn under_water(lie: &Lie, temperature: i64) -> Biome {
        if lie.shore <= 0 || lie.base > 4 * METRE {
            let pool = lie.shore > 0 && Climate::swampy(lie.temperature, lie.moisture) > ONE / 2;
            return if pool { Biome::Swamp } else { Biome::River };
        }
        if temperature < FROZEN {
            Biome::FrozenOcean
        } else if lie.ground < -34 * METRE {
            Biome::DeepOcean
        } else {
            Biome::Ocean
        }
    }

    fn of_climate(lie: &Lie, temperature: i64, moisture: i64, swampy: bool) -> Biome {
        if lie.mesa > ONE / 3 {
            return Biome::Badlands;
        }
        if temperature < FROZEN {
            return if moisture > part(-20) { Biome::SnowyTaiga } else { Biome::Tundra };
        }
        if swampy {
            return Biome::Swamp;
        }
        if temperature < COOL {
            return if moisture > part(-90) { Biome::Taiga } else { Biome::Meadow };
        }
        if temperature > HOT {
            return match moisture {
                _ if moisture < DRY => Biome::Desert,
                _ if moisture < part(70) => Biome::Savanna,
                _ if moisture < WET => Biome::Forest,
                _ => Biome::Jungle,
            };
        }
        match moisture {
            _ if moisture < part(-80) => Biome::Plains,
            _ if moisture < part(-10) => Biome::Meadow,
            _ if temperature < part(20) && moisture < part(130) => Biome::BirchForest,
            _ if moisture < part(260) => Biome::Forest,
            _ if temperature < part(40) => Biome::Taiga,
            _ => Biome::Forest,
        }
    }
}
