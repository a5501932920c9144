//! Chunks of a world: generated, meshed, packed and unpacked, per second of one core's time; what one costs on the wire; and
//! Luanti making the same volume of its own world.
//!
//! - *The volume*: [`SIZE`] voxels around the place where players begin, from deep below the ground into the sky, so most of it is
//!   stone and a part of it air. Each step handles all of its chunks; a figure for the mixed ones alone, which are the work, stands
//!   beside it. Meshes are made of those chunks whose neighbours are there too, borders and corners darkened, as the viewer's are.
//! - *On the wire*: a packed chunk as it is stored; the frame in which a node hands it to the viewer; and what a supplier sends for
//!   it, hashes included, when it is read alone and when its unit of 64 KiB is read whole.
//! - *Luanti*: the server's own terrain in the same coordinates, without players and without a disk ([`bitdust_benches::luanti`]).
//!   Counted is the time that all of its threads together were on a core, from the order to the last block. What it does in that
//!   time and our generator doesn't is lighting; ours makes villages, roads and rivers.
//!
//! Both are held to one core. Aim: ten times as many voxels per second.
//!
//! Run with `scripts/bench.sh world`.

use std::{collections::BTreeMap, hint::black_box, process::Command};

use anyhow::{Result, ensure};
use bitdust_benches::{
    luanti::{GENERATED_EDGE, Luanti},
    stick::{Best, seconds},
};
use bitdust_proof::blob::{BlobHasher, Outboard, encode_range};
use bitdust_rpc::places::{Frame, Source};
use bitdust_types::{Address, Root};
use bitdust_world::{
    Chunk, ChunkPos, LocationPos, VoxelPos,
    r#gen::{GENERATOR_VERSION, Generator, Params},
    location::{Snapshot, Version},
    mesh::{Around, Kinds, Mesher, Neighbourhood, around},
    pack::{Packer, Unpacker},
    place::{CHUNK_EDGE, CHUNK_VOXELS},
};

const SEED: u64 = 1;
/// The lowest corner: a multiple of a chunk's edge, and where Luanti begins a block of [`GENERATED_EDGE`].
const FROM: VoxelPos = VoxelPos::new(768, -192, -352);
/// Voxels along the volume's edges, multiples of both edges.
const SIZE: [i64; 3] = [480, 320, 480];
/// Rounds, each of which measures everything once.
const ROUNDS: usize = 3;
/// A location in the volume, whose chunks are stored as if somebody had built all of them.
const LOCATION: LocationPos = LocationPos::new(3, 0, -1);
/// Data shards of a dataset, over which a file's units are dealt.
const DATA_SHARDS: u64 = 4;
/// Bytes of such a unit.
const UNIT: u64 = bitdust_types::layout::UNIT_PLAIN_BYTES;

const _: () = {
    let mut axis = 0;
    while axis < 3 {
        assert!(SIZE[axis] % CHUNK_EDGE == 0 && SIZE[axis] % GENERATED_EDGE == 0);
        axis += 1;
    }
    assert!(FROM.x % CHUNK_EDGE == 0 && FROM.y % CHUNK_EDGE == 0 && FROM.z % CHUNK_EDGE == 0);
    // Luanti's blocks begin at -32.
    assert!((FROM.x + 32) % GENERATED_EDGE == 0 && (FROM.y + 32) % GENERATED_EDGE == 0);
    assert!((FROM.z + 32) % GENERATED_EDGE == 0);
};

/// The volume's chunks by position.
type Volume = BTreeMap<ChunkPos, Chunk>;

/// Chunks per second.
#[derive(Default)]
struct Rates {
    generated: Best,
    packed: Best,
    unpacked: Best,
    meshed: Best,
    /// The same of mixed chunks alone, the others having taken no time.
    mixed: [Best; 4],
}

// One thread, which is the one that is held to a core.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let core = hold_to_one_core();
    let mut rates = Rates::default();
    let mut volume = Volume::new();
    for _ in 0..ROUNDS {
        volume = rates.round();
    }
    print_rates(&rates, &volume, core.as_deref());
    print_wire(&volume)?;
    print_luanti(&rates).await
}

/// Holds this thread, and what it starts, to the first core it may use. Answers that core's number.
fn hold_to_one_core() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let core: String = allowed.trim().chars().take_while(char::is_ascii_digit).collect();
    let told = Command::new("taskset").args(["-p", "-c", &core, &std::process::id().to_string()]).output().ok()?;
    told.status.success().then_some(core)
}

impl Rates {
    fn round(&mut self) -> Volume {
        let generator = Generator::new(SEED, Params::default()).expect("the default parameters are within bounds");
        let corner = FROM.chunk();
        let [wide, high, deep] = SIZE.map(|edge| edge / CHUNK_EDGE);
        let mut volume = Volume::new();
        let generating = seconds(|| {
            for (x, z) in (0..deep).flat_map(|z| (0..wide).map(move |x| (x, z))) {
                let column = generator.column(corner.x + x, corner.z + z);
                for y in 0..high {
                    let chunk = generator.chunk_in(&column, corner.y + y);
                    volume.insert(corner.offset(x, y, z), chunk);
                }
            }
        });
        let (all, mixed) = (volume.len() as u64, mixed(volume.values()));
        self.generated.take(all, generating);

        let mut packer = Packer::default();
        let mut packed = Vec::with_capacity(volume.len());
        let packing = seconds(|| packed.extend(volume.values().map(|chunk| packer.pack(chunk))));
        self.packed.take(all, packing);
        let mut unpacker = Unpacker::default();
        let unpacking = seconds(|| {
            for bytes in &packed {
                black_box(unpacker.unpack(bytes).expect("just packed"));
            }
        });
        self.unpacked.take(all, unpacking);

        let inner = inner(&volume);
        let (mut mesher, mut neighbourhood, kinds) = (Mesher::default(), Neighbourhood::default(), Kinds::default());
        let meshing = seconds(|| {
            for (_, surroundings) in &inner {
                neighbourhood.fill(surroundings);
                black_box(mesher.mesh(&neighbourhood, &kinds));
            }
        });
        self.meshed.take(inner.len() as u64, meshing);
        let inner_mixed = self::mixed(inner.iter().map(|(chunk, _)| *chunk));
        let took = [(mixed, generating), (mixed, packing), (mixed, unpacking), (inner_mixed, meshing)];
        for (best, (count, seconds)) in self.mixed.iter_mut().zip(took) {
            best.take(count, seconds);
        }
        volume
    }
}

fn mixed<'a>(chunks: impl Iterator<Item = &'a Chunk>) -> u64 {
    chunks.filter(|chunk| chunk.as_uniform().is_none()).count() as u64
}

/// Chunks that have all 26 neighbours, with them.
fn inner(volume: &Volume) -> Vec<(&Chunk, Around<'_>)> {
    let surroundings = |pos: ChunkPos| -> Option<Around<'_>> {
        let mut all = Around::default();
        for (dy, dz, dx) in (-1..=1).flat_map(|dy| (-1..=1).flat_map(move |dz| (-1..=1).map(move |dx| (dy, dz, dx)))) {
            let [x, y, z]: [i8; 3] = [dx, dy, dz];
            all[around(x, y, z)] = Some(volume.get(&pos.offset(x.into(), y.into(), z.into()))?);
        }
        Some(all)
    };
    volume.iter().filter_map(|(pos, chunk)| Some((chunk, surroundings(*pos)?))).collect()
}

fn print_rates(rates: &Rates, volume: &Volume, core: Option<&str>) {
    let [wide, high, deep] = SIZE;
    println!(
        "World: {wide} x {high} x {deep} voxels at {FROM} of seed {SEED}, {} chunks, {} of them mixed; {}, best of {ROUNDS}\n",
        volume.len(),
        mixed(volume.values()),
        core.map_or("not held to a core".to_owned(), |core| format!("on core {core}")),
    );
    println!("                 chunks/s   mixed chunks/s   million voxels/s");
    let rows = [
        ("generated", rates.generated),
        ("packed", rates.packed),
        ("unpacked", rates.unpacked),
        ("meshed", rates.meshed),
    ];
    for ((name, best), mixed) in rows.into_iter().zip(rates.mixed) {
        let voxels = best.per_s() * CHUNK_VOXELS as f64 / 1e6;
        println!("  {name:<12} {:>10.0} {:>16.0} {voxels:>18.1}", best.per_s(), mixed.per_s());
    }
}

/// What a chunk of a location costs on the wire, as if all of it had been built by somebody.
fn print_wire(volume: &Volume) -> Result<()> {
    let chunks = LOCATION.chunks().filter_map(|pos| Some((pos.index(), volume.get(&pos)?.clone())));
    let changed: BTreeMap<u16, Chunk> = chunks.filter(|(_, chunk)| chunk.as_uniform().is_none()).collect();
    ensure!(!changed.is_empty(), "the location lies in the volume");
    let version = Version {
        world: [0; 32],
        pos: LOCATION,
        sequence: 1,
        seed: SEED,
        generator: GENERATOR_VERSION,
        params: Vec::new(),
        folded: Vec::new(),
        base: None,
        log_first: 0,
        author: Address::ZERO,
    };
    let Snapshot { manifest, frames } = Snapshot::build(version, &changed, |_| Root::default())?;
    let (mut packed, mut framed, mut alone, mut shared) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for unit in (0..frames.len() as u64).step_by(UNIT as usize) {
        shared += slice(&frames, unit..(unit + UNIT).min(frames.len() as u64))?;
    }
    for (index, chunk) in &changed {
        let range = manifest.frame_range(*index).expect("a changed chunk has a frame");
        let bytes = frames[range.start as usize..range.end as usize].to_vec();
        packed.push(bytes.len());
        alone.push(slice(&frames, range)?);
        let frame = Frame::Chunk {
            pos: LOCATION.chunk(*index),
            hash: chunk.hash(),
            sequence: 1,
            source: Source::Supplier([0; 20]),
            packed: bytes,
        };
        framed.push(frame.encode().len());
    }
    println!(
        "\nWire, bytes per mixed chunk of location {LOCATION}, {} chunks in {} bytes\n",
        changed.len(),
        frames.len()
    );
    println!("                                            mean   median     most");
    print_sizes("packed", packed);
    print_sizes("from a node to the viewer", framed);
    print_sizes("from a supplier, read alone", alone);
    println!("  {:<38} {:>7}", "from a supplier, units read whole", shared / changed.len());
    println!("  {:<38} {:>7}", "of the manifest", manifest.encode().len() / changed.len());
    Ok(())
}

/// Bytes that a supplier sends for a range that lies in one unit of a file, whose units are dealt over the data shards.
fn slice(file: &[u8], range: std::ops::Range<u64>) -> Result<usize> {
    let unit = range.start / UNIT;
    let (slot, row) = (unit % DATA_SHARDS, unit / DATA_SHARDS);
    let mut shard = Vec::new();
    for unit in file.chunks(UNIT as usize).skip(slot as usize).step_by(DATA_SHARDS as usize) {
        shard.extend_from_slice(unit);
    }
    let mut hasher = BlobHasher::new();
    hasher.update(&shard);
    let (_, len, outboard): (_, _, Outboard) = hasher.finish();
    let within = range.start - unit * UNIT + row * UNIT..range.end - unit * UNIT + row * UNIT;
    let encoded = encode_range(&outboard, len, within, |at, buffer| {
        buffer.copy_from_slice(&shard[at as usize..at as usize + buffer.len()]);
        Ok(())
    })?;
    Ok(encoded.len())
}

fn print_sizes(name: &str, mut sizes: Vec<usize>) {
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    println!("  {name:<38} {mean:>7} {:>8} {:>8}", sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
}

async fn print_luanti(rates: &Rates) -> Result<()> {
    let Some(luanti) = Luanti::find() else {
        println!(
            "\nLuanti isn't installed, so nothing is held against its terrain; on Debian: apt-get install minetest-server"
        );
        return Ok(());
    };
    let from = [FROM.x, FROM.y, FROM.z];
    let to = std::array::from_fn(|axis| from[axis] + SIZE[axis] - 1);
    let emerged = luanti.emerge(SEED, from, to).await?;
    let voxels = SIZE.iter().product::<i64>() as f64;
    let (theirs, ours) = (voxels / emerged.cpu_s / 1e6, rates.generated.per_s() * CHUNK_VOXELS as f64 / 1e6);
    println!("\n{}, {}, map generator v7, the same volume on the same core\n", luanti.version, luanti.game);
    println!("  emerged in {:.1} s of a core's time ({:.1} s by the clock)", emerged.cpu_s, emerged.wall_s);
    println!("  million voxels per second: Luanti {theirs:.2}, BitDust {ours:.1}, {:.1} times as many", ours / theirs);
    Ok(())
}
