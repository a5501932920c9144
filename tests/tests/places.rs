//! A place that a player has built outlives the player: real processes, real suppliers.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bitdust_node::devnet::plan::{free_ports, player};
use bitdust_rpc::{
    Client,
    api::{LedgerClient as _, MarketClient as _, WorldClient as _},
    places::{ChunksRequest, Frame, Source, WantedChunk},
    types::world::{ClaimRequest, CreateWorld, MayBuild, VoxelEdit},
};
use bitdust_tests::{
    Net,
    network::{TEST_LIMIT, shape, with_layout},
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::{
    B256,
    keys::{DEVNET_PHRASE, Phrase},
};
use bitdust_world::{
    Chunk, ChunkPos, LocationPos, block,
    content::WorldDef,
    r#gen::{Generator, Params},
    pack,
};
use futures::TryStreamExt as _;

const HOME: LocationPos = LocationPos::new(0, 0, -1);
/// Epochs for which the place's storage is funded: 75 s at this network's pace, above what building needs on two busy cores.
const FUNDED_EPOCHS: u64 = 10;
/// Until the last of them has begun.
const TERM_LIMIT: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_built_place_outlives_its_builder_and_half_of_its_suppliers() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let mut net = Net::start(&shape(1, 8), with_layout(4, 8)).await?;
        net.wait_for_offers(8).await?;
        let builder = net.customer()?;
        let definition = serde_json::json!({ "name": "Hollow Hills", "seed": 7,
            "rules": { "claimers": "everybody", "term-epochs": 1000 } });
        let world = builder.world_create(CreateWorld { definition, epochs: Some(1000) }).await?.id;
        let request = ClaimRequest { pos: HOME, build: MayBuild::Owner, epochs: Some(FUNDED_EPOCHS) };
        let dataset = builder.world_claim(world, request).await?.claim.dataset;
        builder.world_edit(world, castle()).await?;
        until("suppliers hold the edits", PATIENCE, async || {
            let place = builder.world_location(world, HOME).await?;
            Ok((place.unsaved_edits == 0).then_some(()))
        })
        .await?;
        let saved = builder.world_save(world, HOME).await?;
        ensure!(saved.sequence == 1 && saved.chunks > 0, "{saved:?}");
        // One more on top of the version: it lives in the log alone.
        let flag = VoxelEdit { pos: HOME.chunk(511).origin(), block: block::RED_BLOCK };
        builder.world_edit(world, vec![flag]).await?;
        let built = until("suppliers hold the flag", PATIENCE, async || {
            let place = builder.world_location(world, HOME).await?;
            Ok((place.unsaved_edits == 0).then_some(place))
        })
        .await?;
        let expected = whole(&builder, world).await?;
        ensure!(expected[&flag.pos.chunk()].get(0, 0, 0) == block::RED_BLOCK, "the flag is seen");

        // The builder and n - k suppliers are gone for good. A visitor comes with an empty directory.
        let bootstrap = net.node("customer-0")?.config.bootstrap.clone();
        net.kill("customer-0").await?;
        for supplier in ["supplier-1", "supplier-3", "supplier-4", "supplier-6"] {
            net.kill(supplier).await?;
        }
        let ports = free_ports(1)?.pop().context("ports for the visitor")?;
        net.add(&player(&Phrase::parse(DEVNET_PHRASE)?, 1, ports, &bootstrap)?)?;
        net.launch("customer-1").await?;
        let visitor = net.client("customer-1")?;
        until("the visitor knows the claim", PATIENCE, async || {
            let near = visitor.world_near(world, HOME.chunk(0).origin(), 256).await;
            Ok(near.ok().filter(|claims| !claims.is_empty()))
        })
        .await?;
        // It comes at the end of the term that the builder paid for: in its last epoch.
        let end = visitor.market_dataset(dataset).await?.context("the ledger has no such dataset")?.end_epoch;
        let last_epoch = async || {
            let now = visitor.ledger_epoch().await?.epoch;
            ensure!(now < end, "the term ended before the visit: epoch {now} of {end}");
            Ok((now + 1 == end).then_some(()))
        };
        until("the last funded epoch has begun", TERM_LIMIT, last_epoch).await?;
        let seen = whole(&visitor, world).await?;
        ensure!(seen == expected, "the visitor sees something else");
        let state = visitor.world_location(world, HOME).await?.state;
        ensure!(state == built.state, "states differ: {state}, {}", built.state);
        let stats = visitor.world_stats().await?;
        ensure!(stats.chunks.supplier + stats.chunks.rebuilt > 0 && stats.failed == 0, "{stats:?}");
        net.finish().await
    })
    .await
}

/// Walls of 40 × 12 × 40 voxels, across chunks.
fn castle() -> Vec<VoxelEdit> {
    let corner = HOME.chunk(0).origin().offset(20, 20, 20);
    let mut edits = Vec::new();
    for y in 0..12 {
        for at in 0..40 {
            for (x, z) in [(at, 0), (at, 39), (0, at), (39, at)] {
                edits.push(VoxelEdit { pos: corner.offset(x, y, z), block: block::STONE_BRICK });
            }
        }
    }
    edits
}

/// Every chunk of the location, as a node brings it; what it leaves to the generator is made here.
async fn whole(node: &Client, world: B256) -> Result<BTreeMap<ChunkPos, Chunk>> {
    let def = WorldDef::decode(&node.world_info(world).await?.definition)?;
    let params: Params = borsh::from_slice(&def.params)?;
    let generator = Generator::new(def.seed, params)?;
    let wanted = |pos| WantedChunk { pos, have: None, deadline_ms: 0 };
    let request = ChunksRequest { chunks: HOME.chunks().map(wanted).collect(), stand_in: false };
    let frames: Vec<Frame> = node.chunks(world, &request).await?.try_collect().await?;
    let mut chunks = BTreeMap::new();
    for frame in frames {
        let (pos, chunk) = match frame {
            Frame::Chunk { pos, hash, source, packed, .. } => {
                let chunk = pack::unpack(&packed)?;
                ensure!(chunk.hash() == hash, "chunk {pos} is not what its hash says");
                // What was only edited, and not built before, stands on the generator's.
                ensure!(source != Source::Player, "nobody else is here");
                (pos, chunk)
            }
            Frame::Generated { pos, unclaimed } => {
                ensure!(!unclaimed, "the location is claimed");
                (pos, generator.chunk(pos))
            }
            other => anyhow::bail!("{other:?}"),
        };
        ensure!(chunks.insert(pos, chunk).is_none(), "chunk {pos} came twice");
    }
    ensure!(chunks.len() == 512, "{} chunks", chunks.len());
    Ok(chunks)
}
