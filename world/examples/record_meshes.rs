//! Writes `world/src/mesh/recorded.txt`: 1,000 chunks and the hashes of their meshes, by which a run on any other
//! machine can be told to draw the same. To be run whenever the generator or the mesher is meant to make something
//! else:
//!
//! `cargo run -p bitdust-world --example record_meshes`

use std::{collections::BTreeMap, error::Error, fmt::Write, path::Path};

use bitdust_world::{
    Chunk, ChunkPos,
    r#gen::{GENERATOR_VERSION, Generator, Params},
    mesh::{Kinds, Mesher, Neighbourhood},
};

/// The seed of all of them.
const SEED: u64 = 1;
/// Chunks along an edge of each of the eight sites.
const SITE_EDGE: i64 = 5;
/// Chunk positions whose voxels' coordinates reach the ends of `i64`.
const END: i64 = 1 << 58;

fn main() -> Result<(), Box<dyn Error>> {
    let generator = Generator::new(SEED, Params::default())?;
    let on_ground = |x: i64, z: i64| {
        let middle = ChunkPos::new(x, 0, z).offset(2, 0, 2).origin();
        ChunkPos::new(x, (generator.surface(middle.x, middle.z).height >> 5) - 2, z)
    };
    let sites = [
        on_ground(0, 0),
        on_ground(-311, 207),
        on_ground(1_000, -2_500),
        on_ground(31_250_000_000_000, 7),
        on_ground(END - 3, 0),
        on_ground(-END, END - 2),
        on_ground(12, -END - 1),
        ChunkPos::new(END - 1, END - 3, -END),
    ];
    let (mut mesher, kinds) = (Mesher::default(), Kinds::default());
    let mut text = format!(
        "# Made by the example record_meshes: seed {SEED}, generator version {GENERATOR_VERSION}.\n\
         # Position of a chunk, and the first 16 digits of its mesh's hash.\n"
    );
    let mut chunks: BTreeMap<ChunkPos, Chunk> = BTreeMap::new();
    for site in sites {
        for n in 0..SITE_EDGE.pow(3) {
            let pos = site.offset(n % SITE_EDGE, n / SITE_EDGE.pow(2), n / SITE_EDGE % SITE_EDGE);
            let around =
                Neighbourhood::gather(pos, |pos| chunks.entry(pos).or_insert_with(|| generator.chunk(pos)).clone());
            let hash = mesher.mesh(&around, &kinds).hash().to_string();
            writeln!(text, "{} {} {} {}", pos.x, pos.y, pos.z, &hash[2..18])?;
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mesh/recorded.txt");
    std::fs::write(&path, text)?;
    println!("{} was written", path.display());
    Ok(())
}
