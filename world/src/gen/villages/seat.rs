//! Where a village lies: on dry, fairly flat land, if its cell has any.

use super::{
    super::{
        biome::Biome,
        fixed::METRE,
        hash::{Dice, hash2},
        land::Land,
    },
    CELL, GATE,
};

/// A village's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// The middle of its square.
    pub(super) x: i64,
    pub(super) z: i64,
    /// The square's height, in 1/256 m.
    pub(super) ground: i64,
    pub(super) biome: Biome,
    pub(super) hash: u64,
}

/// Metres between the lowest and highest ground of a village, at most.
const UNEVEN_MOST: i64 = 9 * METRE;

impl Seat {
    /// The best of a few places in a cell, if any will do.
    pub(super) fn find(seed: u64, permille: i64, land: &Land, (cx, cz): (i64, i64)) -> Option<Seat> {
        let mut dice = Dice::new(hash2(seed, cx, cz));
        if !dice.chance(permille) {
            return None;
        }
        let mut best: Option<(i64, Seat)> = None;
        for _ in 0..10 {
            let mut along = || dice.between(176, CELL - 177);
            let (x, z) = (cx.wrapping_add(along()), cz.wrapping_add(along()));
            let hash = dice.bits();
            if let Some((uneven, ground, biome)) = judge(land, x, z)
                && best.is_none_or(|(least, _)| uneven < least)
            {
                best = Some((uneven, Seat { x, z, ground, biome, hash }));
            }
        }
        best.map(|(_, seat)| seat)
    }
}

/// How uneven the land around a place is, how high, and what country. `None` if nobody would live there.
fn judge(land: &Land, x: i64, z: i64) -> Option<(i64, i64, Biome)> {
    let middle = land.at(x, z);
    let biome = Biome::of(&middle, 0);
    let refused = biome.is_sea()
        || matches!(biome, Biome::River | Biome::Beach | Biome::StonyShore | Biome::Swamp)
        || matches!(biome, Biome::Badlands | Biome::Highland | Biome::SnowyPeaks);
    if refused || middle.water.is_some() || middle.ground < 3 * METRE || middle.shore < 24 * METRE {
        return None;
    }
    let (mut lowest, mut highest) = (middle.ground, middle.ground);
    for (out, across) in [(GATE, 0), (GATE / 2, GATE / 2), (24, 0), (40, 40)] {
        for (dx, dz) in [(out, across), (-across, out), (-out, -across), (across, -out)] {
            let lie = land.at(x.wrapping_add(dx), z.wrapping_add(dz));
            lowest = lowest.min(lie.ground);
            highest = highest.max(lie.ground);
            if lie.water.is_some() || lie.ground < METRE || lie.shore < 6 * METRE || highest - lowest > UNEVEN_MOST {
                return None;
            }
        }
    }
    Some((highest - lowest, (lowest + highest) / 2, biome))
}
