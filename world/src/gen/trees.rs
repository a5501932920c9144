//! Where trees stand.
//!
//! Each cell of 8 × 8 metres has a place for one tree, in dense country a second one on a grid half a cell aside.
//! Whether and what grows there follows from the place alone, so every chunk that a crown reaches draws the same tree.

use super::{
    Generator,
    biome::Biome,
    column::{MARGIN, SPAN},
    fixed::{part, smoothstep},
    ground::{Cover, Site},
    hash::{Dice, hash2},
    noise::noise2,
    species::Species,
};

/// Metres along a cell's edge.
const CELL: i64 = 8;

/// One tree.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Its trunk's lowest voxel, in metres from the chunk's corner east and south, above the sea.
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) z: i32,
    pub(super) species: Species,
    /// What its shape follows from.
    pub(super) hash: u64,
}

/// How many of a thousand places bear a tree where trees stand densest, how many where they stand thinnest, and which.
fn growth(biome: Biome) -> (i64, i64, &'static [Species]) {
    use Species::{Acacia, Birch, Bush, Cactus, Jungle, Oak, OldOak, Palm, Spruce, SwampOak};
    match biome {
        Biome::Forest => (900, 250, &[Oak, Oak, Oak, Oak, OldOak, OldOak, Birch, Bush]),
        Biome::BirchForest => (850, 250, &[Birch, Birch, Birch, Birch, Oak]),
        Biome::Taiga => (900, 200, &[Spruce]),
        Biome::SnowyTaiga => (750, 60, &[Spruce]),
        Biome::Jungle => (1000, 700, &[Jungle, Jungle, Jungle, Palm, Bush]),
        Biome::Swamp => (420, 100, &[SwampOak]),
        Biome::Savanna => (90, 10, &[Acacia, Acacia, Acacia, Bush]),
        Biome::Plains => (90, 4, &[Oak, Oak, OldOak]),
        Biome::Meadow => (70, 10, &[Oak, Birch, Bush]),
        Biome::Highland => (130, 0, &[Spruce]),
        Biome::Tundra => (25, 0, &[Spruce]),
        Biome::Desert => (50, 15, &[Cactus]),
        Biome::Badlands => (40, 5, &[Cactus, Bush]),
        Biome::Beach => (40, 0, &[Palm]),
        _ => (0, 0, &[]),
    }
}

/// The trees whose crowns may reach into the chunk at (x, z); `sites` are the chunk's columns and those around.
pub(super) fn trees(generator: &Generator, (x, z): (i64, i64), sites: &[Site]) -> Vec<Tree> {
    let mut found = Vec::new();
    for (grid, aside) in [(0, 0), (1, CELL / 2)] {
        let seed = generator.trees.wrapping_add(grid);
        for row in -2..=4 {
            for place in -2..=4 {
                let (cx, cz) = (place * CELL + aside, row * CELL + aside);
                let hash = hash2(seed, x.wrapping_add(cx), z.wrapping_add(cz));
                let mut dice = Dice::new(hash);
                let (dx, dz) = (cx + dice.between(0, CELL - 1), cz + dice.between(0, CELL - 1));
                let reach = MARGIN as i64 - 1;
                if (-reach..32 + reach).contains(&dx) && (-reach..32 + reach).contains(&dz) {
                    found.extend(tree(generator, (x, z), (dx, dz), sites, &mut dice, grid == 1));
                }
            }
        }
    }
    found
}

fn tree(
    generator: &Generator,
    (x, z): (i64, i64),
    (dx, dz): (i64, i64),
    sites: &[Site],
    dice: &mut Dice,
    second: bool,
) -> Option<Tree> {
    let at = (dz + MARGIN as i64) as usize * SPAN + (dx + MARGIN as i64) as usize;
    let site = &sites[at];
    if site.water.is_some()
        || site.cover != Cover::Wild
        || site.deck.is_some()
        || site.mouth
        || site.steep > 2
        || !site.top_grows()
    {
        return None;
    }
    let (dense, thin, species) = growth(site.biome);
    // Palms want it warm: a cold beach has none.
    if species.is_empty() || site.biome == Biome::Beach && !site.balmy {
        return None;
    }
    let clearing = noise2(generator.trees, x.wrapping_add(dx), z.wrapping_add(dz), 6);
    let share = thin + (((dense - thin) * smoothstep(clearing, part(-350), part(100))) >> 16);
    let share = if second { share - 450 } else { share };
    if !dice.chance(share * i64::from(generator.params.plants) / 100) {
        return None;
    }
    let species = dice.pick(species);
    Some(Tree { x: dx as i32, y: site.height as i32 + 1, z: dz as i32, species, hash: dice.bits() })
}
