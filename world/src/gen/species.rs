//! The shapes of trees.
//!
//! A tree is drawn from its trunk's foot and a hash, onto any chunk that it may reach; crowns reach at most 6 metres
//! aside, so that a chunk need not look further than [`super::column::MARGIN`] for trunks.

use super::{canvas::Canvas, hash::Dice, trees::Tree};
use crate::block::{self, BlockId};

/// No crown is wider than twice that, in metres.
const CROWN_MOST: i32 = 5;

/// Kinds of trees, and what else stands like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Species {
    Oak,
    OldOak,
    Birch,
    Spruce,
    Jungle,
    Acacia,
    Palm,
    SwampOak,
    Bush,
    Cactus,
}

impl Species {
    /// No tree of the species reaches higher above its foot, in metres.
    pub(super) const fn tallest(self) -> i32 {
        match self {
            Species::Oak => 11,
            Species::OldOak => 17,
            Species::Birch => 13,
            Species::Spruce => 19,
            Species::Jungle => 25,
            Species::Acacia => 11,
            Species::Palm => 12,
            Species::SwampOak => 11,
            Species::Bush => 3,
            Species::Cactus => 6,
        }
    }
}

/// Draws the tree, as far as it lies in the chunk.
pub(super) fn draw(tree: &Tree, canvas: &mut Canvas) {
    if !canvas.has_layers(tree.y, tree.y + tree.species.tallest()) {
        return;
    }
    let mut dice = Dice::new(tree.hash);
    let mut pen = Pen { canvas, foot: [tree.x, tree.y, tree.z], dice: Dice::new(tree.hash ^ 1) };
    let mut between = |low: i64, high: i64| dice.between(low, high) as i32;
    match tree.species {
        Species::Oak => {
            let height = between(4, 7);
            let radius = 2 + i32::from(height > 5);
            pen.crown([0, height, 0], [radius, radius, radius], block::OAK_LEAVES);
            pen.trunk(height, block::OAK_LOG);
        }
        Species::OldOak => {
            let height = between(8, 11);
            pen.crown([0, height, 0], [4, 3, 4], block::OAK_LEAVES);
            for _ in 0..3 {
                let (x, y, z) = (between(-3, 3), between(height.into(), height.into()) - between(1, 3), between(-3, 3));
                pen.crown([x, y, z], [2, 2, 2], block::OAK_LEAVES);
                pen.limb([0, y - 2, 0], [x, y, z], block::OAK_LOG);
            }
            pen.trunk(height, block::OAK_LOG);
        }
        Species::Birch => {
            let height = between(6, 9);
            pen.crown([0, height - 1, 0], [2, 3, 2], block::BIRCH_LEAVES);
            pen.trunk(height, block::BIRCH_LOG);
        }
        Species::Spruce => {
            let height = between(8, 16);
            pen.cone(between(1, 3), height + 2, 2 + i32::from(height > 10) + i32::from(height > 14));
            pen.trunk(height, block::SPRUCE_LOG);
        }
        Species::Jungle => {
            let height = between(11, 20);
            pen.crown([0, height, 0], [5, 2, 5], block::JUNGLE_LEAVES);
            pen.crown([0, height + 1, 0], [3, 2, 3], block::JUNGLE_LEAVES);
            let (x, z) = (between(-2, 2), between(-2, 2));
            pen.crown([x, height * 2 / 3, z], [3, 1, 3], block::JUNGLE_LEAVES);
            pen.trunk(height, block::JUNGLE_LOG);
            if height > 15 {
                for [x, z] in [[1, 0], [0, 1], [-1, 0], [0, -1]] {
                    pen.limb([x, 0, z], [x, between(1, 4), z], block::JUNGLE_LOG);
                }
            }
        }
        Species::Acacia => {
            let height = between(5, 8);
            let (x, z) = (between(-2, 2), between(-2, 2));
            pen.disc([x, height, z], between(3, 4), block::ACACIA_LEAVES);
            pen.disc([x, height + 1, z], 2, block::ACACIA_LEAVES);
            pen.disc([-x, height - 2, -z], 2, block::ACACIA_LEAVES);
            pen.trunk(height / 2, block::ACACIA_LOG);
            pen.limb([0, height / 2, 0], [x, height, z], block::ACACIA_LOG);
            pen.limb([0, height / 2 - 1, 0], [-x, height - 2, -z], block::ACACIA_LOG);
        }
        Species::Palm => {
            let height = between(6, 10);
            let (x, z) = (between(-2, 2), between(-2, 2));
            pen.fronds([x, height, z], between(3, 4));
            pen.limb([0, 0, 0], [x, height, z], block::PALM_LOG);
        }
        Species::SwampOak => {
            let height = between(5, 7);
            pen.crown([0, height, 0], [4, 1, 4], block::OAK_LEAVES);
            pen.crown([0, height + 1, 0], [2, 1, 2], block::OAK_LEAVES);
            pen.tatters(height - 1, 4, block::OAK_LEAVES);
            pen.trunk(height, block::OAK_LOG);
        }
        Species::Bush => {
            pen.crown([0, 0, 0], [1, 1, 1], block::OAK_LEAVES);
            pen.trunk(0, block::OAK_LOG);
        }
        Species::Cactus => {
            let height = between(1, 4);
            pen.trunk(height, block::CACTUS);
            if height > 2 {
                let [x, z] = dice.pick(&[[1, 0], [-1, 0], [0, 1], [0, -1]]);
                pen.limb([x, 1, z], [x, dice.between(2, 3) as i32, z], block::CACTUS);
            }
        }
    }
}

/// Draws from a tree's foot: coordinates count from there.
struct Pen<'a, 'b> {
    canvas: &'a mut Canvas<'b>,
    foot: [i32; 3],
    /// For ragged edges; drawn for every voxel whether or not it lies in the chunk, so that all chunks see the same
    /// tree.
    dice: Dice,
}

impl Pen<'_, '_> {
    fn leaf(&mut self, [x, y, z]: [i32; 3], block: BlockId) {
        self.canvas.grow(self.foot[0] + x, self.foot[1] + y, self.foot[2] + z, block);
    }

    fn wood(&mut self, [x, y, z]: [i32; 3], block: BlockId) {
        self.canvas.grow_wood(self.foot[0] + x, self.foot[1] + y, self.foot[2] + z, block);
    }

    fn trunk(&mut self, height: i32, block: BlockId) {
        for y in 0..=height {
            self.wood([0, y, 0], block);
        }
    }

    /// A straight piece of wood.
    fn limb(&mut self, from: [i32; 3], to: [i32; 3], block: BlockId) {
        let along = [0, 1, 2].map(|axis: usize| to[axis] - from[axis]);
        let steps = along.iter().map(|way| way.abs()).max().unwrap_or(0).max(1);
        for step in 0..=steps {
            self.wood(
                [0, 1, 2].map(|axis: usize| from[axis] + (along[axis] * step + steps / 2).div_euclid(steps)),
                block,
            );
        }
    }

    /// An ellipsoid with a ragged edge.
    fn crown(&mut self, middle: [i32; 3], radius: [i32; 3], block: BlockId) {
        let part = |way: i32, radius: i32| 144 * way * way / (radius * radius + radius);
        let parts: [i32; 2 * CROWN_MOST as usize + 1] =
            std::array::from_fn(|at| part(at as i32 - CROWN_MOST, radius[0]));
        for y in -radius[1]..=radius[1] {
            for z in -radius[2]..=radius[2] {
                let aside = part(y, radius[1]) + part(z, radius[2]);
                for x in -radius[0]..=radius[0] {
                    let away = parts[(x + CROWN_MOST) as usize] + aside;
                    let ragged = self.dice.between(0, 40) as i32;
                    if away + ragged < 160 {
                        self.leaf([middle[0] + x, middle[1] + y, middle[2] + z], block);
                    }
                }
            }
        }
    }

    fn disc(&mut self, middle: [i32; 3], radius: i32, block: BlockId) {
        for z in -radius..=radius {
            for x in -radius..=radius {
                if x * x + z * z <= radius * radius + self.dice.between(-1, 1) as i32 {
                    self.leaf([middle[0] + x, middle[1], middle[2] + z], block);
                }
            }
        }
    }

    /// A spruce's branches, wide and narrow in turn.
    fn cone(&mut self, from: i32, to: i32, widest: i32) {
        for y in from..=to {
            let left = to - y;
            let radius = (left * widest / (to - from).max(1)).min(widest) + i32::from(left % 2 == 1 && left > 1);
            for z in -radius..=radius {
                for x in -radius..=radius {
                    let away = x * x + z * z;
                    if away <= radius * radius && (away < radius * radius || self.dice.chance(600)) {
                        self.leaf([x, y, z], block::SPRUCE_LEAVES);
                    }
                }
            }
        }
    }

    /// A palm's eight leaves: out, then down.
    fn fronds(&mut self, middle: [i32; 3], length: i32) {
        self.leaf([middle[0], middle[1] + 1, middle[2]], block::PALM_LEAVES);
        for [x, z] in [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [1, -1], [-1, 1], [-1, -1]] {
            let length = if x != 0 && z != 0 { length - 1 } else { length };
            for step in 1..=length {
                let drop = if step * 4 > length * 3 { 1 } else { 0 };
                self.leaf([middle[0] + x * step, middle[1] + 1 - drop, middle[2] + z * step], block::PALM_LEAVES);
            }
        }
    }

    /// Leaves hanging from a crown's edge.
    fn tatters(&mut self, y: i32, radius: i32, block: BlockId) {
        for z in -radius..=radius {
            for x in -radius..=radius {
                let away = x * x + z * z;
                let (hangs, long) = (self.dice.chance(350), self.dice.between(0, 2) as i32);
                if hangs && away > (radius - 1) * (radius - 1) && away <= radius * radius {
                    for down in 0..=long {
                        self.leaf([x, y - down, z], block);
                    }
                }
            }
        }
    }
}
