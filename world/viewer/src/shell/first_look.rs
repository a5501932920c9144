//! The world of a first look: published, claimed and built through a node's API, as any creator and player would.
//!
//! What is built stands in the world's own content, as boxes of blocks: the first quest's cottage and tower, and what
//! `first-look.json` adds to it. Places that stand already are left as they are, so a network that was kept goes on where it was.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bitdust_rpc::{
    api::{MarketClient, WorldClient},
    client::Client,
    types::world::{ClaimRequest, CreateWorld, MayBuild, VoxelEdit},
};
use bitdust_types::B256;
use bitdust_world::{LocationPos, content::WorldDef};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

/// The world; its content lacks the quest's.
const WORLD: &str = include_str!("first-look.json");
/// The first quest.
const QUEST: &str = include_str!("../../../quests/first_steps.json");

/// Suppliers of a devnet, all of which a world's dataset needs.
const SUPPLIERS: usize = 8;
/// Epochs of half a minute for which the definition is kept: half a day.
const EPOCHS: u64 = 1440;
/// How long anything may take that takes a few blocks of a second each.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Places that are claimed and built at the same time.
const PLACES_AT_ONCE: usize = 4;
/// Voxels of one call: 70 bytes of JSON each, of the 2 MiB that a call may have.
const EDITS_PER_CALL: usize = 8192;

/// Makes sure that the world is there, and that the player's node sees what is built in it.
pub async fn prepare(builder: &Client, player: &Client) -> Result<(), String> {
    let world = match builder.world_list().await.map_err(|error| explain(builder, error))?.first() {
        Some(world) => world.id,
        None => publish(builder).await?,
    };
    let info = builder.world_info(world).await.map_err(|error| explain(builder, error))?;
    let def = WorldDef::decode(&info.definition).map_err(|invalid| invalid.to_string())?;
    let places = plan(&def);
    let count = places.len();
    eprintln!("Claiming {count} places, and building a tower, a cottage and lit roads in them…");
    let building = places.into_iter().map(|(pos, edits)| build(builder, world, pos, edits));
    let kept: Vec<u32> = stream::iter(building).buffer_unordered(PLACES_AT_ONCE).try_collect().await?;
    until("your node knows of all places", async || Ok(versions(player, world).await? >= count)).await?;
    eprintln!("{} chunks lie on {SUPPLIERS} suppliers.", kept.iter().sum::<u32>());
    Ok(())
}

/// The definition, with the quest's content beside its own.
fn definition() -> Result<Value, String> {
    let read = |text| serde_json::from_str::<Value>(text).map_err(|error| format!("the first look's world: {error}"));
    let (mut world, quest) = (read(WORLD)?, read(QUEST)?);
    let (Some(content), Value::Object(quest)) = (world["content"].as_object_mut(), quest) else {
        return Err("the first look's world has no content".into());
    };
    for (name, parts) in quest {
        match (content.get_mut(&name), parts) {
            (Some(Value::Array(own)), Value::Array(parts)) => own.extend(parts),
            (Some(Value::Object(own)), Value::Object(parts)) => own.extend(parts),
            (_, parts) => drop(content.insert(name, parts)),
        }
    }
    Ok(world)
}

async fn publish(builder: &Client) -> Result<B256, String> {
    eprintln!("Waiting for the suppliers' offers…");
    // A network that has just started needs some blocks until they are on the ledger.
    until("8 suppliers offer space", async || {
        Ok(builder.market_offers().await.map_err(|error| explain(builder, error))?.len() >= SUPPLIERS)
    })
    .await?;
    eprintln!("Publishing a world…");
    let request = CreateWorld { definition: definition()?, epochs: Some(EPOCHS) };
    Ok(builder.world_create(request).await.map_err(|error| explain(builder, error))?.id)
}

/// What to build, by the place that it lies in.
fn plan(def: &WorldDef) -> BTreeMap<LocationPos, Vec<VoxelEdit>> {
    let mut places: BTreeMap<LocationPos, Vec<VoxelEdit>> = BTreeMap::new();
    for (pos, block) in def.content.voxels() {
        places.entry(pos.chunk().location()).or_default().push(VoxelEdit { pos, block });
    }
    places
}

/// Claims a place, builds in it and makes a version of it, as far as that hasn't been done. Answers the chunks that it keeps.
async fn build(builder: &Client, world: B256, pos: LocationPos, edits: Vec<VoxelEdit>) -> Result<u32, String> {
    let fail = |error| format!("the place at {pos}: {}", explain(builder, error));
    let known = builder.world_location(world, pos).await.map_err(fail)?;
    if known.sequence > 0 {
        return Ok(known.built_chunks);
    }
    if known.claim.is_none() {
        let request = ClaimRequest { pos, build: MayBuild::Everybody, epochs: None };
        builder.world_claim(world, request).await.map_err(fail)?;
    }
    for part in edits.chunks(EDITS_PER_CALL) {
        builder.world_edit(world, part.to_vec()).await.map_err(fail)?;
    }
    Ok(builder.world_save(world, pos).await.map_err(fail)?.chunks)
}

/// Places of which a node knows a version.
async fn versions(node: &Client, world: B256) -> Result<usize, String> {
    let (mut count, mut after) = (0, None);
    loop {
        // A node that is still behind doesn't know the world yet.
        let Ok(page) = node.world_claims(world, after, None).await else { return Ok(count) };
        count += page.claims.iter().filter(|claim| claim.sequence > 0).count();
        after = page.next;
        if after.is_none() {
            return Ok(count);
        }
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool, String>) -> Result<(), String> {
    let begun = Instant::now();
    while !holds().await? {
        if begun.elapsed() > PATIENCE {
            return Err(format!("waited {} s in vain until {what}; try again", PATIENCE.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn explain(client: &Client, error: bitdust_rpc::jsonrpsee::core::ClientError) -> String {
    client.explain(error).to_string()
}

#[cfg(test)]
mod tests {
    use bitdust_types::Address;
    use bitdust_world::{
        content::Authoring,
        r#gen::{GENERATOR_VERSION, Generator, Params},
    };

    use super::*;

    fn world() -> WorldDef {
        let params = |_: Option<&Value>| borsh::to_vec(&Params::default()).map_err(|error| error.to_string());
        let authoring = Authoring { creator: Address::repeat_byte(7), generator: GENERATOR_VERSION, params: &params };
        WorldDef::from_json(&definition().unwrap().to_string(), &authoring).unwrap()
    }

    #[test]
    fn the_world_of_a_first_look_can_be_published_and_built() {
        let def = world();
        assert!(def.content.quests.len() == 1 && !def.featured.is_empty());
        let places = plan(&def);
        let voxels: usize = places.values().map(Vec::len).sum();
        assert!((3..=27).contains(&places.len()), "{} places", places.len());
        assert!((2_000..=60_000).contains(&voxels), "{voxels} voxels");
    }

    #[test]
    fn newcomers_and_travellers_stand_free() {
        let def = world();
        let generator = Generator::new(def.seed, Params::default()).unwrap();
        let built = def.content.voxels();
        let block = |at: bitdust_world::VoxelPos| {
            let [x, y, z] = at.within();
            built.get(&at).copied().unwrap_or_else(|| generator.chunk(at.chunk()).get(x, y, z))
        };
        let spawn = def.spawn.unwrap_or_else(|| generator.spawn());
        let arrivals = def.featured.iter().map(|place| (&*place.name, place.pos));
        for (name, feet) in arrivals.chain([("the spawn", spawn)]) {
            let free = |at| !def.content.kind(block(at)).is_solid();
            assert!(free(feet) && free(feet.offset(0, 1, 0)), "{name}: no room at {feet}");
        }
    }
}
