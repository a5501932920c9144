//! Writes the hashes of 1,000 chunks that the generator is held against, to standard output.
//!
//! `cargo run -p bitdust-world --example record_generation > world/tests/data/generation.txt`: only together with a new
//! `GENERATOR_VERSION`, since every world that was made with the old one would change.

use bitdust_world::{
    ChunkPos,
    r#gen::{GENERATOR_VERSION, Generator, Params},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    println!("# version {GENERATOR_VERSION}: seed, x, y, z of a chunk, BLAKE3 of its voxels");
    for seed in [1, 2, 0xB17D, u64::MAX] {
        let generator = Generator::new(seed, Params::default()).expect("the default parameters are within bounds");
        let village = generator.spawn().chunk();
        for number in 0..250i64 {
            // The last chunk of the range begins 32 voxels before its end.
            let ends = [0, 31_250_000_000_000, -31_250_000_000_000, i64::MAX >> 5, i64::MIN >> 5];
            let mut along = |end: i64| {
                let near: i64 = rng.random_range(-40..=40);
                if end.unsigned_abs() > 1 << 50 { end - end.signum() * near.abs() } else { end + near }
            };
            let (x, z) = match number % 7 {
                5 => (village.x + along(0) / 12, village.z + along(0) / 12),
                6 => (along(ends[(number / 7 % 5) as usize]), along(ends[(number / 35 % 5) as usize])),
                end => (along(ends[end as usize]), along(ends[end as usize])),
            };
            let y = match number % 25 {
                24 => ends[(number / 25 % 5) as usize],
                _ => rng.random_range(-9..=3),
            };
            let pos = ChunkPos::new(x, y, z);
            println!("{seed} {x} {y} {z} {}", hex::encode(generator.chunk(pos).hash().as_bytes()));
        }
    }
}
