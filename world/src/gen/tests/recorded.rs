//! The same bits on every machine and in every build.

use super::{
    super::{GENERATOR_VERSION, Generator, Invalid, Params},
    generator,
};
use crate::{Chunk, ChunkPos, block};

#[test]
fn chunks_have_the_recorded_hashes() {
    let recorded = include_str!("../../../tests/data/generation.txt");
    let mut lines = recorded.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with(&format!("# version {GENERATOR_VERSION}:")), "recorded for another version: {head}");
    let mut generators = std::collections::BTreeMap::new();
    let mut count = 0;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let seed: u64 = words[0].parse().unwrap();
        let [x, y, z] = [1, 2, 3].map(|word: usize| words[word].parse::<i64>().unwrap());
        let generator = generators.entry(seed).or_insert_with(|| generator(seed));
        let found = generator.chunk(ChunkPos::new(x, y, z)).hash();
        assert_eq!(hex::encode(found.as_bytes()), words[4], "seed {seed}, chunk ({x}, {y}, {z})");
        count += 1;
    }
    assert_eq!(count, 1000);
}

#[test]
fn the_order_of_visits_changes_nothing() {
    let village = generator(5).spawn().chunk();
    let positions: Vec<ChunkPos> =
        (0..60).map(|at| village.offset(at * 37 % 11 - 5, at % 4 - 1, at * 53 % 13 - 6)).collect();
    let forth = generator(5);
    let expected: Vec<Chunk> = positions.iter().map(|pos| forth.chunk(*pos)).collect();
    let back = generator(5);
    for (pos, chunk) in positions.iter().zip(&expected).rev() {
        assert_eq!(back.chunk(*pos), *chunk, "{pos}");
    }
    let shared = generator(5);
    std::thread::scope(|scope| {
        for part in 0..3 {
            let (shared, positions, expected) = (&shared, &positions, &expected);
            scope.spawn(move || {
                for at in (part..positions.len()).step_by(2) {
                    assert_eq!(shared.chunk(positions[at]), expected[at], "{}", positions[at]);
                }
            });
        }
    });
}

#[test]
fn seeds_and_parameters_make_different_worlds() {
    let pos = ChunkPos::new(3, 0, -7);
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 0..8 {
        hashes.insert(generator(seed).chunk(pos.offset(0, -1, 0)).hash().to_string());
    }
    let wet = Params { moisture: 700, land: 300, ..Params::default() };
    hashes.insert(Generator::new(0, wet).unwrap().chunk(pos.offset(0, -1, 0)).hash().to_string());
    assert_eq!(hashes.len(), 9);
}

#[test]
fn parameters_out_of_bounds_are_refused_by_name() {
    let check = |params: Params, name: &str| {
        let refused = Generator::new(0, params).err();
        assert!(
            matches!(&refused, Some(Invalid::OutOfBounds { name: found, .. }) if *found == name),
            "{name}: {refused:?}"
        );
    };
    check(Params { continent: 40, ..Params::default() }, "continent");
    check(Params { land: -501, ..Params::default() }, "land");
    check(Params { relief: 201, ..Params::default() }, "relief");
    check(Params { temperature: 1001, ..Params::default() }, "temperature");
    check(Params { moisture: -1001, ..Params::default() }, "moisture");
    check(Params { caves: 201, ..Params::default() }, "caves");
    check(Params { ores: 401, ..Params::default() }, "ores");
    check(Params { plants: 201, ..Params::default() }, "plants");
    check(Params { villages: 1001, ..Params::default() }, "villages");
    check(Params { floor: 0, ..Params::default() }, "floor");
}

#[test]
fn parameters_at_their_bounds_work() {
    let (least, most) = (
        Params {
            continent: 10,
            land: -500,
            relief: 0,
            temperature: -1000,
            moisture: -1000,
            caves: 0,
            ores: 0,
            plants: 0,
            villages: 0,
            floor: -512,
        },
        Params {
            continent: 15,
            land: 500,
            relief: 200,
            temperature: 1000,
            moisture: 1000,
            caves: 200,
            ores: 400,
            plants: 200,
            villages: 1000,
            floor: -64,
        },
    );
    for params in [least, most] {
        let generator = Generator::new(9, params).unwrap();
        for (x, z) in super::PLACES {
            let column = generator.column(x >> 5, z >> 5);
            for cy in [i64::MIN >> 5, -17, -3, -2, -1, 0, 1, 2, 8, i64::MAX >> 5] {
                let chunk = generator.chunk_in(&column, cy);
                let below = cy * 32 + 31 < i64::from(params.floor);
                assert_eq!(chunk.as_uniform() == Some(block::BEDROCK), below, "layer {cy} at ({x}, {z})");
            }
        }
        // Positions of chunks that don't exist wrap to those that do.
        let beyond = generator.chunk(ChunkPos::new(i64::MAX, -2 + (1 << 59), i64::MIN));
        assert_eq!(beyond, generator.chunk(ChunkPos::new(-1, -2, 0)));
        generator.spawn();
    }
}
