//! Houses: of which size and material, and which block stands where in them.
//!
//! A house is described as seen from its street: `u` counts along the front, `v` away from it, `y` up from the floor.

use super::{
    super::{biome::Biome, canvas::Canvas, hash::Dice},
    layout::{Front, Lot},
};
use crate::block::{self, BlockId};

/// A house's plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct House {
    kind: Kind,
    pub(super) width: i64,
    pub(super) depth: i64,
    storeys: i64,
    made_of: Materials,
    chimney: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cottage,
    TownHouse,
    Barn,
    Tower,
}

#[derive(Clone, Copy, Debug)]
struct Materials {
    post: BlockId,
    wall: BlockId,
    roof: BlockId,
    floor: BlockId,
    flat: bool,
}

/// Foundations reach so far down, in metres.
const FOUNDATION: i64 = 6;

impl Materials {
    fn roll(biome: Biome, dice: &mut Dice) -> Self {
        let (post, walls, roofs, flat): (BlockId, &[BlockId], &[BlockId], bool) = match biome {
            Biome::Desert => {
                (block::SANDSTONE, &[block::SANDSTONE, block::PLASTER, block::SANDSTONE], &[block::LIMESTONE], true)
            }
            Biome::Savanna => (
                block::ACACIA_LOG,
                &[block::PLASTER, block::PLANKS, block::CLAY],
                &[block::THATCH, block::ROOF_TILE],
                false,
            ),
            Biome::Jungle => (block::JUNGLE_LOG, &[block::PLANKS, block::JUNGLE_LOG], &[block::THATCH], false),
            Biome::Taiga | Biome::SnowyTaiga | Biome::Tundra => (
                block::SPRUCE_LOG,
                &[block::SPRUCE_LOG, block::DARK_PLANKS, block::COBBLE],
                &[block::DARK_PLANKS, block::THATCH],
                false,
            ),
            Biome::BirchForest => (
                block::BIRCH_LOG,
                &[block::PLASTER, block::PLANKS, block::STONE_BRICK],
                &[block::DARK_PLANKS, block::ROOF_TILE],
                false,
            ),
            _ => (
                block::OAK_LOG,
                &[block::PLASTER, block::PLASTER, block::BRICK, block::PLANKS, block::STONE_BRICK],
                &[block::THATCH, block::ROOF_TILE, block::DARK_PLANKS],
                false,
            ),
        };
        Materials { post, wall: dice.pick(walls), roof: dice.pick(roofs), floor: block::PLANKS, flat }
    }
}

impl House {
    /// An ordinary house.
    pub(super) fn roll(biome: Biome, dice: &mut Dice) -> Self {
        let made_of = Materials::roll(biome, dice);
        let (kind, width, depth, storeys) = match dice.between(0, 9) {
            0..=5 => (Kind::Cottage, dice.between(6, 8), dice.between(6, 9), 1),
            6..=8 => (Kind::TownHouse, dice.between(7, 9), dice.between(7, 9), 2),
            _ => (Kind::Barn, dice.between(8, 9), dice.between(9, 11), 1),
        };
        let wood = Materials { wall: block::DARK_PLANKS, floor: block::DIRT, ..made_of };
        let made_of = if kind == Kind::Barn && !made_of.flat { wood } else { made_of };
        let chimney = kind != Kind::Barn && !made_of.flat && dice.chance(600);
        House { kind, width, depth, storeys, made_of, chimney }
    }

    /// The village's tower, of which there is one.
    pub(super) fn tower(biome: Biome, dice: &mut Dice) -> Self {
        let made_of = Materials::roll(biome, dice);
        let wall = if made_of.flat { block::SANDSTONE } else { block::STONE_BRICK };
        let roof = if made_of.flat { block::LIMESTONE } else { block::ROOF_TILE };
        let made_of = Materials { post: wall, wall, roof, flat: false, ..made_of };
        House { kind: Kind::Tower, width: 5, depth: 5, storeys: dice.between(3, 4), made_of, chimney: false }
    }

    pub(super) fn is_tower(&self) -> bool {
        self.kind == Kind::Tower
    }

    /// The highest voxel of its walls.
    fn eaves(&self) -> i64 {
        match self.kind {
            Kind::Barn => 4,
            _ => 4 * self.storeys - 1,
        }
    }

    /// The highest voxel that it may take, above the floor.
    pub(super) fn tallest(&self) -> i32 {
        (self.eaves() + self.width.min(self.depth) / 2 + 5) as i32
    }

    /// What stands at a place; `None` for whatever was there before.
    fn block(&self, u: i64, v: i64, y: i64) -> Option<BlockId> {
        let Materials { post, wall, floor, .. } = self.made_of;
        let (last_u, last_v) = (self.width - 1, self.depth - 1);
        let inside = (0..=last_u).contains(&u) && (0..=last_v).contains(&v);
        if self.chimney
            && (u, v) == (last_u - 1, last_v)
            && y > 0
            && y <= self.eaves() + self.width.min(self.depth) / 2 + 2
        {
            return Some(block::COBBLE);
        }
        if y > self.eaves() || !inside {
            return self.roof(u, v, y);
        }
        let (side, end) = (u == 0 || u == last_u, v == 0 || v == last_v);
        if y == 0 {
            return Some(if side || end { block::COBBLE } else { floor });
        }
        if side && end {
            return Some(post);
        }
        if side || end {
            return Some(self.opening(u, v, y).unwrap_or(wall));
        }
        Some(self.furniture(u, v, y))
    }

    /// Doors and windows in walls.
    fn opening(&self, u: i64, v: i64, y: i64) -> Option<BlockId> {
        let storey = (y - 1) / 4;
        let door = match self.kind {
            Kind::Barn => (u - self.width / 2).abs() <= 1 && y <= 3,
            _ => u == self.width / 2 && y <= 2,
        };
        if v == 0 && door {
            return Some(BlockId::AIR);
        }
        if (y - 1) % 4 == 3 {
            // Beams between storeys.
            return Some(self.made_of.post);
        }
        let along = if v == 0 || v == self.depth - 1 { (u, self.width) } else { (v, self.depth) };
        let pane = match self.kind {
            Kind::Barn => false,
            Kind::Tower => along.0 == along.1 / 2 && (storey > 0 || v == 0),
            _ => (along.0 == 2 || along.0 == along.1 - 3) && along.0 != along.1 / 2,
        };
        let window = pane && (y - 1) % 4 == 1 && !(v == 0 && door);
        window.then_some(block::GLASS)
    }

    /// Ceilings, stairs and lamps.
    fn furniture(&self, u: i64, v: i64, y: i64) -> BlockId {
        let storey = (y - 1) / 4;
        let stairs = v == self.depth - 2;
        if self.storeys > 1 && stairs && storey < self.storeys - 1 {
            // A flight along the back wall, turning with each storey.
            let along = if storey % 2 == 0 { u } else { self.width - 1 - u };
            if along == (y - 1) % 4 + 1 && (y - 1) % 4 < 3 {
                return self.made_of.floor;
            }
        }
        if y % 4 == 0 && storey < self.storeys - 1 {
            let along = if storey % 2 == 0 { u } else { self.width - 1 - u };
            return if stairs && along <= 3 { BlockId::AIR } else { self.made_of.floor };
        }
        let lamp = (u, v) == (self.width - 2, 1) && y % 4 == 3;
        if lamp { block::LANTERN } else { BlockId::AIR }
    }

    fn roof(&self, u: i64, v: i64, y: i64) -> Option<BlockId> {
        let Materials { roof, wall, flat, .. } = self.made_of;
        let (last_u, last_v) = (self.width - 1, self.depth - 1);
        let above = y - self.eaves();
        // How far from the overhanging edge, counted from 0.
        let (in_u, in_v) = ((u + 1).min(last_u + 1 - u), (v + 1).min(last_v + 1 - v));
        if in_u < 0 || in_v < 0 {
            return None;
        }
        if flat {
            let rim = in_u == 1 || in_v == 1;
            let inside = in_u >= 1 && in_v >= 1;
            return match above {
                1 if inside => Some(roof),
                2 if inside && rim => Some(wall),
                2 | 3 if inside => Some(BlockId::AIR),
                _ => None,
            };
        }
        if self.kind == Kind::Tower {
            let rise = in_u.min(in_v);
            return match above - rise {
                0 | 1 if rise > 0 || above == 0 => Some(roof),
                _ if above < rise && above > 0 => Some(BlockId::AIR),
                _ => None,
            };
        }
        // The ridge runs along the longer side.
        let (rise, along, last) = if self.width >= self.depth { (in_v, u, last_u) } else { (in_u, v, last_v) };
        match above - rise {
            0 => Some(roof),
            below if below < 0 && above > 0 => {
                let gable = along == 0 || along == last;
                let under = (0..=last).contains(&along) && rise > 0;
                if !under {
                    None
                } else if gable {
                    Some(wall)
                } else {
                    Some(BlockId::AIR)
                }
            }
            _ => None,
        }
    }
}

/// Where the column (u, v) of a lot's house stands, from the village's square.
const fn column(lot: &Lot, u: i64, v: i64) -> (i64, i64) {
    match lot.front {
        Front::North => (lot.west + u, lot.north + v),
        Front::South => (lot.west + u, lot.south - v),
        Front::West => (lot.west + v, lot.north + u),
        Front::East => (lot.east - v, lot.north + u),
    }
}

/// All voxels of a lot's house: east and south of the village's square, above the sea. The eaves hang over the lot's
/// edge.
pub(super) fn voxels(lot: &Lot, house: &House) -> impl Iterator<Item = ([i64; 3], BlockId)> {
    columns(house).flat_map(move |(u, v)| {
        let (dx, dz) = column(lot, u, v);
        (0..=i64::from(house.tallest()))
            .filter_map(move |y| house.block(u, v, y).map(|block| ([dx, lot.floor + y, dz], block)))
    })
}

fn columns(house: &House) -> impl Iterator<Item = (i64, i64)> {
    let (width, depth) = (house.width, house.depth);
    (-1..=width).flat_map(move |u| (-1..=depth).map(move |v| (u, v)))
}

/// Draws a lot's house. `x`, `z`: the square's middle, from the chunk's corner.
pub(super) fn draw(lot: &Lot, house: &House, (x, z): (i64, i64), canvas: &mut Canvas) {
    for ([dx, y, dz], block) in voxels(lot, house) {
        canvas.put((x + dx) as i32, y as i32, (z + dz) as i32, block);
    }
    for (u, v) in columns(house).filter(|(u, v)| (0..house.width).contains(u) && (0..house.depth).contains(v)) {
        let (dx, dz) = column(lot, u, v);
        for down in 1..=FOUNDATION {
            canvas.grow((x + dx) as i32, (lot.floor - down) as i32, (z + dz) as i32, block::COBBLE);
        }
    }
}
