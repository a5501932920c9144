//! Chunks packed, unpacked and meshed per second of one core's time, and bytes per chunk, around the ground of a
//! generated world.
//!
//! `cargo run -p bitdust-world --example pack_speed [seed]`

use std::{
    collections::BTreeMap,
    error::Error,
    hint::black_box,
    sync::LazyLock,
    time::{Duration, Instant},
};

use bitdust_world::{
    Chunk, ChunkPos,
    r#gen::{Generator, Params},
    mesh::{Around, Kinds, Mesher, Neighbourhood, around},
    pack::{Packer, Unpacker},
};

/// Places that are looked at, and chunks of each below and above the ground.
const PLACES: i64 = 32;
const HEIGHTS: i64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let seed = std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?;
    let generator = Generator::new(seed, Params::default())?;
    let (chunks, middles) = explore(&generator);
    let middle = || middles.iter().map(|pos| &chunks[pos]);

    let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
    let packed: Vec<Vec<u8>> = middle().map(|chunk| packer.pack(chunk)).collect();
    let mut sizes: Vec<usize> = packed.iter().map(Vec::len).filter(|bytes| *bytes > 3).collect();
    sizes.sort_unstable();
    println!(
        "{} chunks around the ground, {} of them mixed: {} bytes a chunk, {} a mixed one (median {}, most {})",
        packed.len(),
        sizes.len(),
        packed.iter().map(Vec::len).sum::<usize>() / packed.len(),
        sizes.iter().sum::<usize>() / sizes.len(),
        sizes[sizes.len() / 2],
        sizes[sizes.len() - 1],
    );
    let rate = |verb: &str, work: &mut dyn FnMut()| {
        let (mut rounds, began) = (0, busy());
        while busy() < began + Duration::from_secs(1) {
            work();
            rounds += 1;
        }
        println!(
            "{verb:>12}: {:.0} chunks/s",
            f64::from(rounds) * middles.len() as f64 / (busy() - began).as_secs_f64()
        );
    };
    rate("packed", &mut || middle().for_each(|chunk| drop(black_box(packer.pack(chunk)))));
    rate("unpacked", &mut || packed.iter().for_each(|bytes| drop(black_box(unpacker.unpack(bytes)))));
    rate("hashed", &mut || middle().for_each(|chunk| _ = black_box(chunk.hash())));

    let surroundings: Vec<Around> = middles.iter().map(|pos| surroundings(&chunks, *pos)).collect();
    let (mut mesher, mut neighbourhood, kinds) = (Mesher::default(), Neighbourhood::default(), Kinds::default());
    let mut mesh = |chunks: &Around| {
        neighbourhood.fill(chunks);
        mesher.mesh(&neighbourhood, &kinds)
    };
    let quads: usize = surroundings.iter().map(|chunks| mesh(chunks).quad_count()).sum();
    println!("{} rectangles a chunk", quads / middles.len());
    rate("meshed", &mut || surroundings.iter().for_each(|chunks| drop(black_box(mesh(chunks)))));
    for factor in [2, 4, 8] {
        let mut mesher = Mesher::default();
        let mut mesh = |chunks| mesher.mesh(&Neighbourhood::coarse(factor, chunks, &kinds), &kinds);
        let verb = format!("meshed 1:{factor}");
        rate(&verb, &mut || surroundings.iter().for_each(|chunks| drop(black_box(mesh(chunks)))));
    }
    Ok(())
}

/// How long this thread has been on a core, as Linux tells; elsewhere how late it is.
fn busy() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| BEGAN.elapsed(), Duration::from_nanos)
}

/// The chunks around the ground at some places and those around them, and which of them are in the middle.
fn explore(generator: &Generator) -> (BTreeMap<ChunkPos, Chunk>, Vec<ChunkPos>) {
    let (mut chunks, mut middles) = (BTreeMap::new(), Vec::new());
    for place in 0..PLACES {
        let (x, z) = (place * 7_919 % 4_001 - 2_000, place * 104_729 % 4_003 - 2_000);
        let ground = generator.surface(x * 32, z * 32).height >> 5;
        for dz in -1..=1 {
            for dx in -1..=1 {
                let column = generator.column(x + dx, z + dz);
                for y in ground - HEIGHTS - 1..=ground + HEIGHTS + 1 {
                    chunks.insert(ChunkPos::new(x + dx, y, z + dz), generator.chunk_in(&column, y));
                }
            }
        }
        middles.extend((ground - HEIGHTS..=ground + HEIGHTS).map(|y| ChunkPos::new(x, y, z)));
    }
    (chunks, middles)
}

fn surroundings(chunks: &BTreeMap<ChunkPos, Chunk>, pos: ChunkPos) -> Around<'_> {
    let mut all = Around::default();
    for (dy, dz, dx) in (-1..=1).flat_map(|dy| (-1..=1).flat_map(move |dz| (-1..=1).map(move |dx| (dy, dz, dx)))) {
        let [x, y, z]: [i8; 3] = [dx, dy, dz];
        all[around(x, y, z)] = chunks.get(&pos.offset(x.into(), y.into(), z.into()));
    }
    all
}
