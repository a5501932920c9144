//! The ground: what chunks, surfaces and far patches say about it agrees, everywhere.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    super::{Biome, FAR_POINTS, FarCell, Generator, Surface},
    PLACES, generator,
};
use crate::{
    BlockId, Chunk, ChunkPos, VoxelPos,
    block::{self, Kind},
};

/// Chunks kept for reading single voxels.
struct Voxels<'a>(&'a Generator, BTreeMap<ChunkPos, Chunk>);

impl Voxels<'_> {
    fn get(&mut self, pos: VoxelPos) -> BlockId {
        let chunk = self.1.entry(pos.chunk()).or_insert_with(|| self.0.chunk(pos.chunk()));
        let [x, y, z] = pos.within();
        chunk.get(x, y, z)
    }
}

#[test]
fn chunks_have_the_ground_where_the_surface_says() {
    let (mut seen, mut open) = (0, 0);
    for seed in [1, 4] {
        let generator = generator(seed);
        for (x0, z0) in PLACES {
            let villages = generator.villages_near(x0, z0, 300);
            let mut voxels = Voxels(&generator, BTreeMap::new());
            // 96 metres along a line that crosses chunks' borders, every third metre.
            for along in (0..96).step_by(3) {
                let (x, z) = (x0.wrapping_add(along), z0.wrapping_add(along * 2 / 3));
                let Surface { height, water, top, .. } = generator.surface(x, z);
                if villages.iter().any(|village| village.x.wrapping_sub(x).abs() < 100) {
                    continue;
                }
                let mut at = |y: i64| voxels.get(VoxelPos::new(x, y, z));
                let place = format!("seed {seed}, ({x}, {height}, {z})");
                seen += 1;
                if at(height).is_air() {
                    open += 1;
                    continue;
                }
                assert_eq!(at(height), top, "{place}");
                let above = at(height + 1);
                match water {
                    Some(water) => {
                        assert!(water > height, "{place}");
                        assert!(matches!(at(water), block::WATER | block::ICE), "{place}: {:?}", at(water));
                        assert!(!matches!(at(water + 1), block::WATER), "{place}");
                    }
                    None => {
                        assert!(!matches!(above, block::WATER | block::DIRT | block::STONE) && above != top, "{place}")
                    }
                }
            }
        }
    }
    assert!(seen > 200 && open * 20 < seen, "{open} of {seen} columns are open");
}

#[test]
fn every_biome_occurs() {
    let mut missing: BTreeSet<Biome> = Biome::ALL.iter().copied().collect();
    for seed in 1..5 {
        let generator = generator(seed);
        for at in 0..20_000i64 {
            missing.remove(&generator.surface(at % 141 * 131 - 9000, at / 141 * 131 - 9000).biome);
            if missing.is_empty() {
                return;
            }
        }
    }
    panic!("these biomes occur nowhere: {missing:?}");
}

#[test]
fn the_world_closes_without_a_seam_and_stays_varied() {
    for seed in [1, 2, 3] {
        let generator = generator(seed);
        let mut kinds = BTreeSet::new();
        for along in 0..60i64 {
            let z = along * 5711;
            let (west, east) = (generator.surface(i64::MAX, z), generator.surface(i64::MIN, z));
            let inland = generator.surface(i64::MAX - 1, z);
            let (across, before) = ((west.height - east.height).abs(), (west.height - inland.height).abs());
            assert!(across <= before + 12, "seed {seed}, z {z}: {inland:?}, {west:?}, {east:?}");
            let (north, south) = (generator.surface(z, i64::MAX), generator.surface(z, i64::MIN));
            assert!((north.height - south.height).abs() <= 14, "seed {seed}, x {z}: {north:?}, {south:?}");
            kinds.insert((west.height / 8, west.biome));
        }
        assert!(kinds.len() > 20, "seed {seed}: {} kinds of land at the end of the range", kinds.len());
    }
}

#[test]
fn far_patches_agree_with_the_surface() {
    let generator = generator(1);
    let spawn = generator.spawn();
    for level in [0u8, 1, 2, 4, 5] {
        let edge = 16i64 << level;
        let mut differ = 0;
        let corners = PLACES.into_iter().chain([(spawn.x, spawn.z)]);
        let cells: Vec<FarCell> = corners.map(|(x, z)| FarCell { x: x / edge, z: z / edge, level }).collect();
        for cell in &cells {
            let patch = generator.far(*cell);
            for at in 0..FAR_POINTS * FAR_POINTS {
                let (dx, dz) = ((at % FAR_POINTS) as i64, (at / FAR_POINTS) as i64);
                let x = cell.x.wrapping_mul(edge).wrapping_add(dx << level);
                let z = cell.z.wrapping_mul(edge).wrapping_add(dz << level);
                let surface = generator.surface(x, z);
                let level = surface.water.unwrap_or(surface.height);
                let same = (patch.heights[at].into(), patch.water[at]) == (level, surface.water.is_some());
                differ += usize::from(!same);
            }
        }
        let points = cells.len() * FAR_POINTS * FAR_POINTS;
        assert!(
            if level <= 2 { differ == 0 } else { differ * 5 < points },
            "level {level}: {differ} of {points} differ"
        );
    }
    for level in [3u8, 8, 16, 255] {
        let (west, east) =
            (generator.far(FarCell { x: -1, z: 5, level }), generator.far(FarCell { x: 0, z: 5, level }));
        for row in 0..FAR_POINTS {
            let (last, first) = (row * FAR_POINTS + FAR_POINTS - 1, row * FAR_POINTS);
            assert_eq!(west.heights[last], east.heights[first], "level {level}, row {row}");
        }
    }
}

#[test]
fn caves_open_at_the_surface_and_lead_deep() {
    let generator = generator(1);
    for (cx, cz) in (0..40i64).flat_map(|x| (0..40i64).map(move |z| (x - 20, z - 20))) {
        let column = generator.column(cx, cz);
        let open = (0..1024).find(|at| {
            let (height, roof) = (column.layers.height[*at], column.layers.roof[*at]);
            let pos = VoxelPos::new(cx * 32 + *at as i64 % 32, height.into(), cz * 32 + *at as i64 / 32);
            let [x, y, z] = pos.within();
            roof > height && generator.chunk_in(&column, pos.chunk().y).get(x, y, z).is_air()
        });
        if let Some(at) = open
            && leads_deep(&generator, (cx * 32 + at as i64 % 32, cz * 32 + at as i64 / 32))
        {
            return;
        }
    }
    panic!("no mouth within 640 m leads down");
}

/// Whether a walker through air gets from the surface at a place to 24 metres below it, within 64 metres around.
fn leads_deep(generator: &Generator, (x, z): (i64, i64)) -> bool {
    let mut voxels = Voxels(generator, BTreeMap::new());
    let start = VoxelPos::new(x, generator.surface(x, z).height, z);
    let (mut seen, mut next) = (BTreeSet::from([start]), VecDeque::from([start]));
    while let Some(pos) = next.pop_front() {
        if pos.y <= start.y - 24 {
            return true;
        }
        for [dx, dy, dz] in [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]] {
            let beside = pos.offset(dx, dy, dz);
            let [east, up, south] = beside.since(start);
            let inside = east.abs() < 64 && south.abs() < 64 && up <= 0;
            if inside && voxels.get(beside).kind() == Kind::Air && seen.insert(beside) {
                next.push_back(beside);
            }
        }
    }
    false
}

#[test]
fn without_caves_the_ground_is_solid() {
    let params = super::Params { caves: 0, ..super::Params::default() };
    let generator = Generator::new(1, params).unwrap();
    for cx in 0..6 {
        let column = generator.column(cx, 3);
        for cy in -4..4 {
            let chunk = generator.chunk_in(&column, cy);
            for at in 0..32 * 32 * 32u32 {
                let (x, z, y) = ((at & 31) as u8, (at >> 5 & 31) as u8, (at >> 10) as u8);
                let under = cy * 32 + i64::from(y) <= column.layers.height[usize::from(z) * 32 + usize::from(x)].into();
                assert!(!under || chunk.get(x, y, z).kind().is_solid(), "column {cx}, layer {cy}: ({x}, {y}, {z})");
            }
        }
    }
}
