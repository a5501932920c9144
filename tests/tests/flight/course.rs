//! The places along the course, what is built in them, and what must be seen there.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use bitdust_rpc::{
    Client,
    api::WorldClient as _,
    types::world::{ClaimRequest, CreateWorld, MayBuild, VoxelEdit},
};
use bitdust_types::{B256, Root};
use bitdust_world::{
    BlockId, ChunkPos, LocationPos,
    content::WorldDef,
    r#gen::{Generator, Params},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

/// Rows of built places: the course runs along the border between the two.
const ROWS: [i64; 2] = [-1, 0];
/// Places that one builder works on at a time.
const AT_ONCE: usize = 4;
/// Voxels in each built chunk.
const VOXELS: u8 = 8;

/// The places of a course so many locations long.
pub fn places(columns: i64) -> Vec<LocationPos> {
    (0..columns).flat_map(|x| ROWS.map(|z| LocationPos::new(x, 0, z))).collect()
}

/// Publishes a world to fly through.
pub async fn publish(node: &Client) -> Result<B256> {
    let definition = serde_json::json!({ "name": "Long Valley", "seed": 7,
        "rules": { "claimers": "everybody", "term-epochs": 1000, "claims-per-account": 64 } });
    Ok(node.world_create(CreateWorld { definition, epochs: Some(1000) }).await?.id)
}

/// The world's terrain, as any client makes it.
pub async fn terrain(node: &Client, world: B256) -> Result<Generator> {
    let def = WorldDef::decode(&node.world_info(world).await?.definition)?;
    let params: Params = borsh::from_slice(&def.params)?;
    Ok(Generator::new(def.seed, params)?)
}

/// Claims places, builds in them and saves a version of each.
pub async fn build(builder: &Client, world: B256, places: &[LocationPos]) -> Result<()> {
    let built = stream::iter(places).map(|place| async move {
        build_one(builder, world, *place).await.with_context(|| format!("building at {place}"))
    });
    built.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
}

async fn build_one(builder: &Client, world: B256, pos: LocationPos) -> Result<()> {
    let request = ClaimRequest { pos, build: MayBuild::Owner, epochs: None };
    builder.world_claim(world, request).await.context("claiming")?;
    let edits = chunks(pos).flat_map(|chunk| edits(chunk).map(|(pos, block)| VoxelEdit { pos, block })).collect();
    builder.world_edit(world, edits).await.context("editing")?;
    let saved = builder.world_save(world, pos).await.context("saving")?;
    ensure!(saved.sequence >= 1 && saved.chunks as usize == chunks(pos).count(), "{saved:?}");
    Ok(())
}

/// The chunks of a place that are built in: every second column, from the ground up to where the course runs.
fn chunks(place: LocationPos) -> impl Iterator<Item = ChunkPos> {
    place.chunks().filter(|chunk| (chunk.x + chunk.z) & 1 == 0 && (1..=3).contains(&(chunk.y & 7)))
}

/// In no two chunks the same: a chunk that is like another on the disk already would not be fetched.
fn edits(chunk: ChunkPos) -> impl Iterator<Item = (bitdust_world::VoxelPos, BlockId)> {
    let place = [chunk.x, chunk.y, chunk.z].iter().fold(0_u64, |place, part| place << 21 | (*part as u64 & 0x1f_ffff));
    (0..VOXELS).map(move |at| {
        let bits = (place >> (8 * at)) as u8;
        let [x, z] = [bits & 15, bits >> 4].map(i64::from);
        (chunk.origin().offset(x, i64::from(at) * 3, z), BlockId(1 + u16::from(at)))
    })
}

/// What every built chunk hashes to, made here from the terrain and the edits alone.
pub fn truth(generator: &Generator, places: &[LocationPos]) -> HashMap<ChunkPos, Root> {
    let mut truth = HashMap::new();
    for pos in places.iter().flat_map(|place| chunks(*place)) {
        let mut chunk = generator.chunk(pos);
        for (voxel, block) in edits(pos) {
            let [x, y, z] = voxel.within();
            chunk.set(x, y, z, block);
        }
        truth.insert(pos, chunk.hash());
    }
    truth
}
