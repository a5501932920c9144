//! Edits of several players in one place: apart and together again, and with somebody among them who doesn't keep to the
//! rules. Real processes, real suppliers.

mod apart;
mod client;
mod trespass;

use anyhow::{Context as _, Result, ensure};
use bitdust_node::devnet::plan::{NodePlan, free_ports, player};
use bitdust_rpc::{
    Client,
    api::WorldClient as _,
    types::world::{ClaimRequest, CreateWorld, LocationInfo, MayBuild, VoxelEdit},
};
use bitdust_tests::waiting::{PATIENCE, until};
use bitdust_types::{
    Address, B256, DatasetId,
    keys::{DEVNET_PHRASE, Phrase},
};
use bitdust_world::{BlockId, LocationPos};

/// The place of all tests here.
const HOME: LocationPos = LocationPos::new(0, 0, -1);
/// Epochs that it is kept: longer than any test.
const EPOCHS: u64 = 1000;

/// A player that isn't laid out yet, number `index` from 1.
fn newcomer(index: u16, bootstrap: &[String]) -> Result<NodePlan> {
    let ports = free_ports(1)?.pop().context("ports for a player")?;
    player(&Phrase::parse(DEVNET_PHRASE)?, index, ports, bootstrap)
}

/// Publishes a world and claims [`HOME`] for a node, with guests who may build.
async fn settle(owner: &Client, guests: &[Address]) -> Result<(B256, DatasetId)> {
    let definition = serde_json::json!({ "name": "Hollow Hills", "seed": 7,
        "rules": { "claimers": "everybody", "term-epochs": EPOCHS } });
    let world = owner.world_create(CreateWorld { definition, epochs: Some(EPOCHS) }).await?.id;
    let request = ClaimRequest { pos: HOME, build: MayBuild::Owner, epochs: Some(EPOCHS) };
    let dataset = owner.world_claim(world, request).await?.claim.dataset;
    owner.world_access(world, HOME, MayBuild::Guests, guests.to_vec(), None).await?;
    Ok((world, dataset))
}

/// Builds a row of blocks: at height `y`, from `x` on, as long as `blocks`.
async fn build(node: &Client, world: B256, (x, y): (i64, i64), blocks: &[BlockId]) -> Result<()> {
    let at = |step: usize| HOME.chunk(0).origin().offset(x + step as i64, y, 3);
    let edits = blocks.iter().enumerate().map(|(step, block)| VoxelEdit { pos: at(step), block: *block });
    node.world_edit(world, edits.collect()).await?;
    Ok(())
}

/// Waits until a node knows the claim, and answers how it sees the place.
async fn arrive(node: &Client, world: B256) -> Result<LocationInfo> {
    until("a player who comes knows the place", PATIENCE, async || {
        let seen = node.world_location(world, HOME).await.ok();
        Ok(seen.filter(|place| place.claim.is_some()))
    })
    .await
}

/// Waits until all see the same, which has at least so many edits, and suppliers hold all of it. Answers what it is.
async fn agree(nodes: &[&Client], world: B256, edits: u64) -> Result<LocationInfo> {
    let agreed = until(&format!("all see the same {edits} edits, held by suppliers"), PATIENCE, async || {
        let mut seen = Vec::new();
        for node in nodes {
            // A node that catches up with the ledger asks suppliers for what they have replaced since.
            let Ok(place) = node.world_location(world, HOME).await else { return Ok(None) };
            seen.push(place);
        }
        let is_kept = seen.iter().all(|place| place.unsaved_edits == 0 && place.edits >= edits);
        let is_same = seen.iter().all(|place| (place.state, place.edits) == (seen[0].state, seen[0].edits));
        Ok((is_kept && is_same).then(|| seen.remove(0)))
    })
    .await;
    if agreed.is_err() {
        for node in nodes {
            println!("{:?}", node.world_location(world, HOME).await);
        }
    }
    let place = agreed?;
    ensure!(place.edits == edits, "{} edits where {edits} were made", place.edits);
    Ok(place)
}
