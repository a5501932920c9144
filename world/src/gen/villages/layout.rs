//! How a village is laid out: a square with a well, streets to the four gates, lots along them, fields in between.

use super::{
    super::{
        biome::Biome,
        canvas::Canvas,
        fixed::{METRE, ONE, lerp, ramp, smooth},
        ground::Cover,
        hash::{Dice, hash2},
        land::{Land, Lie},
    },
    GATE, Village,
    house::{self, House},
    names,
    seat::Seat,
    yard::{self, Post},
};
use crate::block::{self, BlockId};

/// Half of the square's width, in metres.
const SQUARE: i64 = 8;
/// Half of a street's width, in metres.
const STREET: i64 = 1;
/// Metres around a lot over which its level runs out into the land.
const APRON: i64 = 4;

/// A village, planned.
pub(crate) struct Plan {
    pub(super) seat: Seat,
    lots: Vec<Lot>,
    /// How far the streets reach: east, south, west, north.
    streets: [i64; 4],
    paving: [BlockId; 2],
}

/// A piece of levelled ground with what stands on it. Metres from the village's square, both ends included.
#[derive(Clone, Debug)]
pub(super) struct Lot {
    pub(super) west: i64,
    pub(super) east: i64,
    pub(super) north: i64,
    pub(super) south: i64,
    /// The highest voxel of its ground.
    pub(super) floor: i64,
    pub(super) front: Front,
    pub(super) hash: u64,
    pub(super) bears: Bears,
}

/// Which side of a lot faces the street.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    North,
    South,
    West,
    East,
}

/// What stands on a lot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bears {
    House(House),
    Field,
    Square,
}

impl Plan {
    /// `roads`: whether a road leaves east, south, west, north.
    pub(super) fn new(land: &Land, seat: &Seat, roads: [bool; 4]) -> Plan {
        let mut dice = Dice::new(seat.hash);
        let streets = roads.map(|road| if road { GATE } else { dice.between(22, 38) });
        let square = Lot {
            west: -SQUARE,
            east: SQUARE,
            north: -SQUARE,
            south: SQUARE,
            floor: seat.ground >> 8,
            front: Front::North,
            hash: dice.bits(),
            bears: Bears::Square,
        };
        let mut plan = Plan { seat: *seat, lots: vec![square], streets, paving: paving(seat.biome) };
        let mut special = Some(House::tower(seat.biome, &mut dice));
        for (arm, reach) in streets.into_iter().enumerate() {
            for side in [-1, 1] {
                plan.line_street(land, &mut dice, arm, side, reach, &mut special);
            }
        }
        for (east, south) in [(1, 1), (-1, 1), (-1, -1), (1, -1)] {
            for _ in 0..2 {
                plan.field(land, &mut dice, east, south);
            }
        }
        plan
    }

    /// Puts houses along one side of a street.
    fn line_street(
        &mut self,
        land: &Land,
        dice: &mut Dice,
        arm: usize,
        side: i64,
        reach: i64,
        special: &mut Option<House>,
    ) {
        let mut along = SQUARE + 2 + dice.between(0, 2);
        while along < reach - 5 {
            let house = match special.take() {
                Some(tower) => tower,
                None => House::roll(self.seat.biome, dice),
            };
            let (width, depth) = (house.width, house.depth);
            let out = STREET + 2 + dice.between(1, 2);
            let lot = lot_on_street(arm, side, (along, width), (out, depth));
            let front = front_to_street(arm, side);
            let hash = dice.bits();
            let placed = along + width <= reach + 1 && self.place(land, lot, front, hash, Bears::House(house));
            if !placed && house.is_tower() {
                *special = Some(house);
            }
            along += if placed { width + dice.between(2, 4) } else { 3 };
        }
    }

    /// Puts a field into one of the quarters between the streets.
    fn field(&mut self, land: &Land, dice: &mut Dice, east: i64, south: i64) {
        let (near_x, near_z) = (dice.between(16, 34), dice.between(16, 34));
        let (far_x, far_z) = (near_x + dice.between(8, 15), near_z + dice.between(8, 15));
        let (x0, x1) = (near_x * east, far_x * east);
        let (z0, z1) = (near_z * south, far_z * south);
        let lot = [x0.min(x1), x0.max(x1), z0.min(z1), z0.max(z1)];
        let front = if south > 0 { Front::North } else { Front::South };
        let hash = dice.bits();
        self.place(land, lot, front, hash, Bears::Field);
    }

    /// Adds a lot if nothing is in its way.
    fn place(&mut self, land: &Land, lot: [i64; 4], front: Front, hash: u64, bears: Bears) -> bool {
        let [west, east, north, south] = lot;
        let apart = 2;
        let taken = self.lots.iter().any(|other| {
            west - apart <= other.east
                && east + apart >= other.west
                && north - apart <= other.south
                && south + apart >= other.north
        });
        let crossed = (north <= STREET && south >= -STREET) || (west <= STREET && east >= -STREET);
        if taken || crossed {
            return false;
        }
        let (mut lowest, mut highest) = (i64::MAX, i64::MIN);
        let door = match front {
            Front::North => ((west + east) / 2, north - 2),
            Front::South => ((west + east) / 2, south + 2),
            Front::West => (west - 2, (north + south) / 2),
            Front::East => (east + 2, (north + south) / 2),
        };
        let mut floor = 0;
        for (dx, dz) in [(west, north), (east, north), (west, south), (east, south), door] {
            let mut lie = land.at(self.seat.x.wrapping_add(dx), self.seat.z.wrapping_add(dz));
            if lie.water.is_some() || lie.shore < 8 * METRE || lie.ground < METRE {
                return false;
            }
            self.seat.soften(dx, dz, &mut lie);
            lowest = lowest.min(lie.ground);
            highest = highest.max(lie.ground);
            floor = lie.ground >> 8;
        }
        if highest - lowest > 4 * METRE {
            return false;
        }
        self.lots.push(Lot { west, east, north, south, floor, front, hash, bears });
        true
    }

    /// For maps and signs.
    pub(super) fn village(&self, neighbours: Vec<(i64, i64)>) -> Village {
        let houses = self.lots.iter().filter(|lot| matches!(lot.bears, Bears::House(_))).count() as u32;
        Village {
            name: names::name(self.seat.biome, self.seat.hash),
            x: self.seat.x,
            z: self.seat.z,
            height: self.seat.ground >> 8,
            biome: self.seat.biome,
            houses,
            neighbours,
        }
    }

    /// Levels a column's land, which lies (dx, dz) from the square, and says what covers it.
    pub(super) fn cover(&self, dx: i64, dz: i64, lie: &mut Lie) -> Cover {
        if lie.water.is_some() || lie.shore < 3 * METRE {
            return Cover::Wild;
        }
        let mut cover = self.street(dx, dz);
        for lot in &self.lots {
            let out = (lot.west - dx).max(dx - lot.east).max(lot.north - dz).max(dz - lot.south);
            if out >= APRON {
                continue;
            }
            let near = smooth(ramp(out, APRON, 1));
            let floor = lot.floor * METRE + METRE / 2;
            lie.ground = lerp(lie.ground, floor, if out <= 1 { ONE } else { near });
            if out <= 0 {
                cover = lot.cover(dx, dz, self);
            } else if cover == Cover::Wild {
                cover = Cover::Yard;
            }
        }
        cover
    }

    fn street(&self, dx: i64, dz: i64) -> Cover {
        let [east, south, west, north] = self.streets;
        let along = dz.abs() <= STREET && (-west..=east).contains(&dx);
        let across = dx.abs() <= STREET && (-north..=south).contains(&dz);
        if along || across { Cover::Paved(block::ROAD) } else { Cover::Wild }
    }

    /// What the square is paved with: a pattern of two.
    fn paved(&self, dx: i64, dz: i64) -> BlockId {
        let ring = dx.abs().max(dz.abs());
        let worn = hash2(self.seat.hash, dx, dz).is_multiple_of(5);
        self.paving[usize::from((ring % 4 == 0) != worn)]
    }

    /// Draws what stands on the lots onto a chunk. `at`: the square's middle, from the chunk's corner.
    pub(crate) fn draw(&self, (x, z): (i64, i64), canvas: &mut Canvas) {
        for lot in &self.lots {
            let room = 2;
            let outside = x + lot.east + room < 0
                || x + lot.west - room > 31
                || z + lot.south + room < 0
                || z + lot.north - room > 31;
            if outside || !canvas.has_layers(lot.floor as i32 - 8, lot.floor as i32 + lot.tallest()) {
                continue;
            }
            match &lot.bears {
                Bears::House(house) => house::draw(lot, house, (x, z), canvas),
                Bears::Field => yard::field(lot, (x, z), canvas),
                Bears::Square => yard::well(lot, (x, z), canvas),
            }
        }
    }

    /// The highest voxel of anything that was built near a chunk, whose corner is (x, z) from the square's middle.
    pub(crate) fn highest(&self, (x, z): (i64, i64)) -> Option<i32> {
        let near =
            |lot: &&Lot| lot.east + 2 >= x && lot.west - 2 <= x + 31 && lot.south + 2 >= z && lot.north - 2 <= z + 31;
        self.lots.iter().filter(near).map(|lot| lot.floor as i32 + lot.tallest()).max()
    }

    /// Where the square's middle is.
    pub(crate) const fn square(&self) -> (i64, i64) {
        (self.seat.x, self.seat.z)
    }

    /// What stands on the column (dx, dz) from the square: a lantern on its post, a sign, or nothing.
    pub(crate) fn post(&self, dx: i64, dz: i64) -> Option<Post> {
        let [east, south, west, north] = self.streets;
        let corner = SQUARE - 1;
        if dx.abs() == corner && dz.abs() == corner {
            return Some(Post::Lantern);
        }
        if (dx, dz) == (3, 4) {
            return Some(Post::Sign);
        }
        let out = STREET + 1;
        for (along, across, reach) in [(dx, dz, east), (dz, dx, south), (-dx, dz, west), (-dz, dx, north)] {
            // Alternately on either side of the street.
            let due = (along - SQUARE) % 12 == 9;
            let side = if (along - SQUARE) / 12 % 2 == 0 { out } else { -out };
            if along > SQUARE && along <= reach && due && across == side {
                return Some(Post::Lantern);
            }
            if along == reach && across == out && reach == GATE {
                return Some(Post::Sign);
            }
        }
        None
    }
}

/// West, east, north and south of a lot that begins `along.0` metres down a street and `out.0` metres aside.
fn lot_on_street(arm: usize, side: i64, along: (i64, i64), out: (i64, i64)) -> [i64; 4] {
    let span = |sign: i64, (from, length): (i64, i64)| {
        let (a, b) = (sign * from, sign * (from + length - 1));
        [a.min(b), a.max(b)]
    };
    let away = if arm < 2 { 1 } else { -1 };
    let (long, wide) = (span(away, along), span(side, out));
    if arm.is_multiple_of(2) { [long[0], long[1], wide[0], wide[1]] } else { [wide[0], wide[1], long[0], long[1]] }
}

fn front_to_street(arm: usize, side: i64) -> Front {
    match (arm.is_multiple_of(2), side > 0) {
        (true, true) => Front::North,
        (true, false) => Front::South,
        (false, true) => Front::West,
        (false, false) => Front::East,
    }
}

const fn paving(biome: Biome) -> [BlockId; 2] {
    match biome {
        Biome::Desert | Biome::Savanna => [block::SANDSTONE, block::LIMESTONE],
        Biome::Tundra | Biome::SnowyTaiga | Biome::Taiga => [block::COBBLE, block::STONE],
        _ => [block::COBBLE, block::STONE_BRICK],
    }
}

impl Lot {
    fn cover(&self, dx: i64, dz: i64, plan: &Plan) -> Cover {
        match self.bears {
            Bears::House(_) => Cover::Paved(block::DIRT),
            Bears::Square => Cover::Paved(plan.paved(dx, dz)),
            Bears::Field => {
                let inner = dx > self.west && dx < self.east && dz > self.north && dz < self.south;
                if inner { Cover::Paved(block::FARMLAND) } else { Cover::Yard }
            }
        }
    }

    fn tallest(&self) -> i32 {
        match &self.bears {
            Bears::House(house) => house.tallest(),
            Bears::Field | Bears::Square => 6,
        }
    }
}

#[cfg(test)]
impl Plan {
    /// What every house consists of, voxel by voxel, beside where it stands.
    pub(super) fn expected(&self) -> Vec<(crate::VoxelPos, Vec<(crate::VoxelPos, BlockId)>)> {
        let houses = self.lots.iter().filter_map(|lot| match &lot.bears {
            Bears::House(house) => Some((lot, house)),
            _ => None,
        });
        houses
            .map(|(lot, house)| {
                let at = |dx: i64, y: i64, dz: i64| {
                    crate::VoxelPos::new(self.seat.x.wrapping_add(dx), y, self.seat.z.wrapping_add(dz))
                };
                let voxels = house::voxels(lot, house).map(|([dx, y, dz], block)| (at(dx, y, dz), block));
                (at(lot.west, lot.floor, lot.north), voxels.collect())
            })
            .collect()
    }
}
