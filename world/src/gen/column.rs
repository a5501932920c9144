//! Everything about a column of chunks that doesn't depend on height. Worked out once, it serves every chunk of the
//! column.

use super::{
    Generator,
    biome::Biome,
    canvas::Canvas,
    ground::{Cover, Site},
    plants::plant,
    species,
    trees::{Tree, trees},
    villages::{Deck, Placed, Post},
};
use crate::block::{self, BlockId};

/// Columns of voxels in a column of chunks.
pub(super) const AREA: usize = 32 * 32;
/// Metres of ground around a chunk that are looked at for trees whose crowns reach in, and for water beside caves.
pub(super) const MARGIN: usize = 8;
/// Metres along an edge of what is looked at.
pub(super) const SPAN: usize = 32 + 2 * MARGIN;
/// Stands for "no water".
pub(super) const DRY: i16 = i16::MIN;

/// A column of chunks: the caller keeps it while it makes the chunks above and below each other.
pub struct Column {
    /// The chunks' coordinates.
    pub(super) x: i64,
    pub(super) z: i64,
    pub(super) layers: Box<Layers>,
    pub(super) trees: Vec<Tree>,
    /// Villages that reach into it, with their squares' places from the chunks' corner.
    pub(super) villages: Vec<Placed>,
    /// Bridges and posts, by the column of voxels that they stand on.
    pub(super) decks: Vec<(usize, Deck)>,
    pub(super) posts: Vec<(usize, Post)>,
    /// The highest voxel that isn't air, in metres.
    pub(super) highest: i32,
}

/// One entry for each of the 32 × 32 columns of voxels, row by row. Heights in metres above the sea.
pub(super) struct Layers {
    /// The highest voxel of ground.
    pub(super) height: [i16; AREA],
    /// The highest voxel of water, or [`DRY`].
    pub(super) water: [i16; AREA],
    pub(super) top: [BlockId; AREA],
    pub(super) filler: [BlockId; AREA],
    /// The highest voxel that is neither top nor filler.
    pub(super) bare: [i16; AREA],
    pub(super) rock: [BlockId; AREA],
    /// The highest voxel of deep stone.
    pub(super) deep: [i16; AREA],
    /// The highest voxel that a cave may take.
    pub(super) roof: [i16; AREA],
    /// What stands on the ground or water; air for nothing.
    pub(super) plant: [BlockId; AREA],
    pub(super) frozen: [bool; AREA],
    /// Whether it is banded rock all the way down to the sea.
    pub(super) banded: [bool; AREA],
    pub(super) bounds: Bounds,
}

/// What holds for all of a chunk's columns, so that most chunks need not ask each of them.
#[derive(Clone, Copy, Default)]
pub(super) struct Bounds {
    /// The lowest of `bare`: no soil, water or air at or below it.
    pub(super) bare: i16,
    /// The lowest surface of ground or water.
    pub(super) surface: i16,
    /// The lowest and the highest of `deep`.
    pub(super) deep: [i16; 2],
    /// Whether any column is banded.
    pub(super) has_bands: bool,
}

impl Column {
    pub(super) fn new(generator: &Generator, cx: i64, cz: i64) -> Self {
        let (x, z) = (cx.wrapping_mul(32), cz.wrapping_mul(32));
        let around = MARGIN as i64;
        let (sites, works) = generator.ground.area(x.wrapping_sub(around), z.wrapping_sub(around), SPAN, SPAN);
        let mut layers = Box::new(Layers {
            height: [0; AREA],
            water: [DRY; AREA],
            top: [BlockId::AIR; AREA],
            filler: [BlockId::AIR; AREA],
            bare: [0; AREA],
            rock: [BlockId::AIR; AREA],
            deep: [0; AREA],
            roof: [0; AREA],
            plant: [BlockId::AIR; AREA],
            frozen: [false; AREA],
            banded: [false; AREA],
            bounds: Bounds::default(),
        });
        for (at, roof) in roofs(&sites).into_iter().enumerate() {
            let (dx, dz) = (at % 32, at / 32);
            let site = &sites[(dz + MARGIN) * SPAN + dx + MARGIN];
            let (px, pz) = (x.wrapping_add(dx as i64), z.wrapping_add(dz as i64));
            layers.height[at] = site.height as i16;
            layers.water[at] = site.water.map_or(DRY, |water| water as i16);
            layers.top[at] = site.top;
            layers.filler[at] = site.filler;
            layers.bare[at] = (site.height - site.soil.max(1)) as i16;
            layers.rock[at] = site.rock;
            layers.deep[at] = (-56 + (site.bump >> 12)) as i16;
            layers.roof[at] = roof;
            layers.plant[at] = plant(generator, px, pz, site);
            layers.frozen[at] = site.frozen && site.water.is_some();
            layers.banded[at] = site.biome == Biome::Badlands;
        }
        layers.bounds = layers.bounds();
        let trees = trees(generator, (x, z), &sites);
        let villages: Vec<_> = works
            .squares()
            .map(|(plan, square)| (plan, (square.0.wrapping_sub(x), square.1.wrapping_sub(z))))
            .collect();
        let mut column =
            Column { x: cx, z: cz, layers, trees, villages, decks: Vec::new(), posts: Vec::new(), highest: 0 };
        column.place_decks_and_posts(&sites);
        column.highest = column.highest();
        column
    }

    fn place_decks_and_posts(&mut self, sites: &[Site]) {
        for at in 0..AREA {
            let (dx, dz) = (at % 32, at / 32);
            let site = &sites[(dz + MARGIN) * SPAN + dx + MARGIN];
            self.decks.extend(site.deck.map(|deck| (at, deck)));
            for (plan, square) in &self.villages {
                let post =
                    plan.as_ref().as_ref().and_then(|plan| plan.post(dx as i64 - square.0, dz as i64 - square.1));
                if let Some(post) = post
                    && site.water.is_none()
                {
                    self.posts.push((at, post));
                }
            }
        }
    }

    fn highest(&self) -> i32 {
        let layers = &self.layers;
        let ground = (0..AREA).map(|at| i32::from(layers.height[at].max(layers.water[at])) + 1);
        let crowns = self.trees.iter().map(|tree| tree.y + tree.species.tallest());
        let decks = self.decks.iter().map(|(_, deck)| deck.height as i32 + 1);
        let posts = self.posts.iter().map(|(at, _)| i32::from(layers.height[*at]) + 3);
        let houses = self
            .villages
            .iter()
            .filter_map(|(plan, square)| plan.as_ref().as_ref().and_then(|plan| plan.highest((-square.0, -square.1))));
        ground.chain(crowns).chain(decks).chain(posts).chain(houses).max().unwrap_or(0)
    }

    /// Draws trees and whatever people built onto the chunk whose lowest layer is `bottom`.
    pub(super) fn furnish(&self, voxels: &mut [BlockId; 32 * AREA], bottom: i32) {
        let mut canvas = Canvas::new(voxels, bottom);
        for tree in &self.trees {
            species::draw(tree, &mut canvas);
        }
        for (plan, square) in &self.villages {
            if let Some(plan) = plan.as_ref() {
                plan.draw(*square, &mut canvas);
            }
        }
        for (at, deck) in &self.decks {
            let (x, z, y) = ((at % 32) as i32, (at / 32) as i32, deck.height as i32);
            canvas.put(x, y, z, block::PLANKS);
            if deck.rail {
                canvas.put(x, y + 1, z, block::FENCE);
            }
            let bed = i32::from(self.layers.height[*at]);
            if deck.pillar {
                (bed + 1..y).for_each(|y| canvas.put(x, y, z, block::DARK_PLANKS));
            }
        }
        for (at, post) in &self.posts {
            for (y, block) in (i32::from(self.layers.height[*at]) + 1..).zip(post.blocks()) {
                canvas.put((at % 32) as i32, y, (at / 32) as i32, *block);
            }
        }
    }
}

/// For each of the inner columns: the highest voxel that a cave may take without letting water in or undermining walls.
fn roofs(sites: &[Site]) -> Vec<i16> {
    let at = |dx: usize, dz: usize| &sites[dz * SPAN + dx];
    let mut roofs = Vec::with_capacity(AREA);
    // The lowest bed within three metres of each column, where any of them is wet: first along rows, then across.
    let floor = |site: &Site| if site.water.is_some() { site.height } else { i64::MAX };
    let mut along = vec![i64::MAX; SPAN * SPAN];
    for dz in 0..SPAN {
        for dx in MARGIN..MARGIN + 32 {
            along[dz * SPAN + dx] = (dx - 3..=dx + 3).map(|dx| floor(at(dx, dz))).min().unwrap_or(i64::MAX);
        }
    }
    for dz in MARGIN..MARGIN + 32 {
        for dx in MARGIN..MARGIN + 32 {
            let site = at(dx, dz);
            let bed = (dz - 3..=dz + 3).map(|dz| along[dz * SPAN + dx]).min().unwrap_or(i64::MAX);
            let crust = match site.cover {
                Cover::Wild if site.mouth => -1,
                Cover::Wild => 5,
                _ => 9,
            };
            roofs.push((site.height - crust).min(bed.saturating_sub(4)) as i16);
        }
    }
    roofs
}

impl Layers {
    fn bounds(&self) -> Bounds {
        let lowest = |all: &[i16; AREA]| all.iter().copied().fold(i16::MAX, i16::min);
        let highest = |all: &[i16; AREA]| all.iter().copied().fold(i16::MIN, i16::max);
        let surfaces = std::array::from_fn(|at| self.height[at].max(self.water[at]));
        Bounds {
            bare: lowest(&self.bare),
            surface: lowest(&surfaces),
            deep: [lowest(&self.deep), highest(&self.deep)],
            has_bands: self.banded.contains(&true),
        }
    }

    /// Fills the chunk whose lowest layer is `bottom` with ground and water, without caves.
    pub(super) fn fill(&self, voxels: &mut [BlockId; 32 * AREA], bottom: i32) {
        let Bounds { bare, deep: [all_deep, any_deep], .. } = self.bounds;
        for (layer, slice) in (bottom..).zip(voxels.chunks_exact_mut(AREA)) {
            let y = layer as i16;
            if y <= bare && y <= all_deep {
                slice.fill(block::DEEP_STONE);
                continue;
            }
            if y <= bare && y > any_deep {
                slice.copy_from_slice(&self.rock);
                continue;
            }
            for (at, voxel) in slice.iter_mut().enumerate() {
                let above = if y <= self.water[at] { block::WATER } else { BlockId::AIR };
                let below = if y <= self.deep[at] { block::DEEP_STONE } else { self.rock[at] };
                let ground = if y > self.bare[at] { self.filler[at] } else { below };
                let ground = if y == self.height[at] { self.top[at] } else { ground };
                *voxel = if y > self.height[at] { above } else { ground };
            }
        }
    }
}
