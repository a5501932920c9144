//! Villages and roads.

use std::collections::BTreeMap;

use super::{super::Village, PLACES, generator};
use crate::{
    VoxelPos,
    block::{self, Kind},
};

#[test]
fn villages_are_connected_both_ways() {
    let (mut villages, mut lonely) = (0, 0);
    for seed in 1..4 {
        let generator = generator(seed);
        let all: BTreeMap<(i64, i64), Village> =
            generator.villages_near(0, 0, 5000).into_iter().map(|village| ((village.x, village.z), village)).collect();
        for village in all.values() {
            villages += 1;
            lonely += usize::from(village.neighbours.is_empty());
            assert!(village.houses >= 1 && village.name.len() >= 4, "seed {seed}: {village:?}");
            let here = (village.x, village.z);
            for other in village.neighbours.iter().filter_map(|there| all.get(there)) {
                assert!(other.neighbours.contains(&here), "seed {seed}: no way back from {other:?} to {here:?}");
            }
        }
    }
    assert!(villages > 40 && lonely * 3 < villages, "{lonely} of {villages} villages have no road");
}

#[test]
fn a_road_can_be_walked_from_village_to_village() {
    let generator = generator(1);
    let spawn = generator.spawn();
    let mut walked = 0;
    for village in generator.villages_near(spawn.x, spawn.z, 1500) {
        // From the end of each street that has a road, the road goes on for the first forty metres.
        for there in &village.neighbours {
            let (dx, dz) = (there.0.wrapping_sub(village.x), there.1.wrapping_sub(village.z));
            let paved = (30..90).filter(|out| {
                let along = if dx.abs() > dz.abs() { dx.signum() * out } else { dz.signum() * out };
                (-60..=60).any(|aside| {
                    let (x, z) = if dx.abs() > dz.abs() { (along, aside) } else { (aside, along) };
                    let (x, z) = (village.x + x, village.z + z);
                    let surface = generator.surface(x, z);
                    let over = |y: i64| {
                        let pos = VoxelPos::new(x, y, z);
                        let [x, y, z] = pos.within();
                        generator.chunk(pos.chunk()).get(x, y, z)
                    };
                    let bridge = || (1..8).any(|up| over(surface.height + up) == block::PLANKS);
                    surface.top == block::ROAD || surface.water.is_some() && bridge()
                })
            });
            let paved = paved.count();
            assert!(paved >= 55, "{}: {paved} of 60 metres towards {there:?} are paved", village.name);
            walked += 1;
        }
    }
    assert!(walked > 2, "{walked} roads");
}

#[test]
fn houses_stand_whole_across_chunks() {
    let (mut houses, mut across) = (0, 0);
    for seed in 1..4 {
        let generator = generator(seed);
        let spawn = generator.spawn();
        let (x, z) = generator.ground.villages.first(&generator.ground.land).unwrap();
        assert!(
            (x - spawn.x).abs() < 150 && (z - spawn.z).abs() < 150,
            "seed {seed}: spawn {spawn}, village ({x}, {z})"
        );
        let mut chunks = BTreeMap::new();
        for (at, expected) in generator.ground.villages.expected(&generator.ground.land, x, z) {
            let mut crossed = std::collections::BTreeSet::new();
            for (pos, block) in expected {
                let chunk = chunks.entry(pos.chunk()).or_insert_with(|| generator.chunk(pos.chunk()));
                let [x, y, z] = pos.within();
                assert_eq!(chunk.get(x, y, z), block, "seed {seed}, house {at:?}, {pos}");
                crossed.insert((pos.chunk().x, pos.chunk().z));
            }
            houses += 1;
            across += usize::from(crossed.len() > 1);
        }
    }
    assert!(houses > 15 && across > 4, "{across} of {houses} houses cross chunks' borders");
}

#[test]
fn players_start_dry_and_near_a_village() {
    for seed in 0..12 {
        let generator = generator(seed);
        let spawn = generator.spawn();
        let surface = generator.surface(spawn.x, spawn.z);
        assert_eq!((surface.water, surface.height + 1), (None, spawn.y), "seed {seed}");
        assert!(!generator.villages_near(spawn.x, spawn.z, 160).is_empty(), "seed {seed}: no village near {spawn}");
        for up in 0..2 {
            let pos = spawn.offset(0, up, 0);
            let [x, y, z] = pos.within();
            assert!(!generator.chunk(pos.chunk()).get(x, y, z).kind().is_solid(), "seed {seed}: {pos} is taken");
        }
    }
}

#[test]
fn villages_lie_dry_at_the_ends_of_the_world_too() {
    let mut found = 0;
    for seed in 1..3 {
        let generator = generator(seed);
        for (x, z) in PLACES {
            for village in generator.villages_near(x, z, 3000) {
                let surface = generator.surface(village.x, village.z);
                assert_eq!((surface.water, surface.height), (None, village.height), "seed {seed}: {village:?}");
                let pos = VoxelPos::new(village.x, village.height, village.z);
                let [x, y, z] = pos.within();
                let well = generator.chunk(pos.chunk()).get(x, y, z);
                assert_eq!(well.kind(), Kind::Liquid, "seed {seed}: {village:?} has {well:?} in its well");
                found += 1;
            }
        }
    }
    assert!(found > 20, "{found} villages");
    assert!(generator(1).villages_near(0, 0, -5).is_empty());
}
