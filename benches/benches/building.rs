//! How soon is what a player builds kept by suppliers? The time from an edit to the revision that holds it.
//!
//! A whole network on this machine: 4 validators with a block a second, 8 suppliers, 4 of 8, and the builder's node. Edits go
//! through that node's API as a game's do, one voxel each.
//!
//! - *Alone*: an edit, then nothing until it is held; the pauses in between are spread over a second, so that no rhythm of
//!   the blocks favours them. From handing the edit over to the block with the revision that holds it.
//! - *Building on*: [`BUSY_PER_SECOND`] edits a second without a pause. The node brings what is new to the suppliers again and
//!   again, a revision each time. The next revision after an edit may have been begun before it; the one after that was not, and
//!   holds it for certain: its time is printed, so the figure is a bound.
//!
//! Aim: 95 of 100 within 5 s.
//!
//! Run with `scripts/bench.sh building`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bitdust_benches::devnet::Devnet;
use bitdust_rpc::{
    Client,
    api::{MarketClient as _, WorldClient as _},
    types::world::{ClaimRequest, CreateWorld, MayBuild, VoxelEdit},
};
use bitdust_types::{B256, DatasetId};
use bitdust_world::{BlockId, LocationPos, block};

const SUPPLIERS: usize = 8;
const HOME: LocationPos = LocationPos::new(0, 0, 0);
const ALONE: usize = 30;
const BUSY: Duration = Duration::from_secs(60);
const BUSY_PER_SECOND: u32 = 5;
/// Between two looks at the ledger.
const LOOK: Duration = Duration::from_millis(20);
/// How long a network may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> Result<()> {
    let net = Devnet::start(4, SUPPLIERS).await?;
    let builder = net.customer()?.client()?;
    let place = Site::claim(&builder).await?;
    let alone = place.alone().await?;
    let busy = place.busy().await?;
    net.stop().await?;
    println!("From an edit to the revision that holds it, s; 4 validators, {SUPPLIERS} suppliers, 4 of 8\n");
    println!("                           edits   median   95 of 100   slowest");
    print_line("alone", alone);
    print_line(&format!("{BUSY_PER_SECOND} a second (bound)"), busy);
    Ok(())
}

/// Where the builder builds.
struct Site<'a> {
    builder: &'a Client,
    world: B256,
    dataset: DatasetId,
}

impl<'a> Site<'a> {
    async fn claim(builder: &'a Client) -> Result<Self> {
        let start = Instant::now();
        while builder.market_offers().await?.len() < SUPPLIERS {
            ensure!(start.elapsed() < PATIENCE, "fewer than {SUPPLIERS} offers after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let definition = serde_json::json!({ "name": "Bench", "seed": 1,
            "rules": { "claimers": "everybody", "term-epochs": 1000 } });
        let world = builder.world_create(CreateWorld { definition, epochs: Some(1000) }).await?.id;
        let request = ClaimRequest { pos: HOME, build: MayBuild::Owner, epochs: None };
        let dataset = builder.world_claim(world, request).await?.claim.dataset;
        let site = Site { builder, world, dataset };
        // The first edit makes the log, and with it the agreements with the suppliers.
        site.edit(0).await?;
        site.reaches(1).await?;
        Ok(site)
    }

    async fn edit(&self, number: u32) -> Result<()> {
        let block = if number.is_multiple_of(2) { block::STONE_BRICK } else { BlockId::default() };
        let pos = HOME.chunk(0).origin().offset(i64::from(number / 2 % 32), i64::from(number / 64 % 32), 0);
        self.builder.world_edit(self.world, vec![VoxelEdit { pos, block }]).await?;
        Ok(())
    }

    async fn revision(&self) -> Result<u64> {
        let dataset = self.builder.market_dataset(self.dataset).await?;
        Ok(dataset.context("the ledger has no such dataset")?.revision)
    }

    /// Waits for a revision; answers when it was seen.
    async fn reaches(&self, revision: u64) -> Result<Instant> {
        let start = Instant::now();
        while self.revision().await? < revision {
            ensure!(start.elapsed() < PATIENCE, "no revision {revision} after {PATIENCE:?}");
            tokio::time::sleep(LOOK).await;
        }
        Ok(Instant::now())
    }

    async fn alone(&self) -> Result<Vec<f64>> {
        let mut waited = Vec::new();
        for turn in 0..ALONE {
            // Multiples of the golden ratio fill a second evenly (Weyl).
            let pause = (turn as f64 * 0.618_033_988_749_895).fract();
            tokio::time::sleep(Duration::from_secs_f64(pause)).await;
            let known = self.revision().await?;
            let start = Instant::now();
            self.edit(turn as u32 + 1).await?;
            waited.push((self.reaches(known + 1).await? - start).as_secs_f64());
        }
        Ok(waited)
    }

    async fn busy(&self) -> Result<Vec<f64>> {
        let (mut edits, mut revisions) = (Vec::new(), vec![(self.revision().await?, Instant::now())]);
        let newest = |revisions: &[(u64, Instant)]| revisions.last().map_or(0, |(number, _)| *number);
        let start = Instant::now();
        let mut next = start;
        loop {
            if start.elapsed() < BUSY && next <= Instant::now() {
                edits.push((newest(&revisions), Instant::now()));
                self.edit(ALONE as u32 + edits.len() as u32).await?;
                next += Duration::from_secs(1) / BUSY_PER_SECOND;
            }
            let known = self.revision().await?;
            if known > newest(&revisions) {
                revisions.push((known, Instant::now()));
            }
            // The last edits are followed by one revision, or by two.
            let last = edits.last().map_or(0, |(known, _)| *known);
            if start.elapsed() >= BUSY && (known >= last + 2 || start.elapsed() > BUSY + PATIENCE / 4) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let held = |known: u64| revisions.iter().find(|(number, _)| *number >= known + 2).map(|(_, at)| *at);
        // Edits without a second revision after them are those of the last moments, which nothing followed.
        let waited: Vec<f64> =
            edits.iter().filter_map(|(known, at)| Some((held(*known)? - *at).as_secs_f64())).collect();
        ensure!(waited.len() * 2 > edits.len(), "only {} of {} edits were kept", waited.len(), edits.len());
        Ok(waited)
    }
}

fn print_line(name: &str, mut waited: Vec<f64>) {
    waited.sort_by(f64::total_cmp);
    let part = |hundredths: usize| waited[(waited.len() - 1) * hundredths / 100];
    println!("  {name:<22} {:>7} {:>8.2} {:>11.2} {:>9.2}", waited.len(), part(50), part(95), part(100));
}
