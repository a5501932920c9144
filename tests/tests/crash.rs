//! Power cuts: every process is killed at a random moment of a put, and the same put goes on afterwards.
//!
//! `BITDUST_KILLS` says how often, three times by default; `BITDUST_SEED` repeats the moments of a failed run.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bitdust_node::config::Role;
use bitdust_rpc::api::{LedgerClient as _, StorageClient as _};
use bitdust_tests::{
    Net,
    bytes::{random, write_random},
    network::{shape, with_layout},
    program::{self, Said},
    waiting::bounded,
};
use rand::{Rng as _, seq::IteratorRandom as _};

const KILLS_VARIABLE: &str = "BITDUST_KILLS";
const KILLS_DEFAULT: u32 = 3;
/// A slab of 40 MiB and a part of another.
const BYTES: usize = 56 << 20;
/// A start, two puts and the comparison of everything so far.
const LIMIT_PER_KILL: Duration = Duration::from_secs(120);
/// Earlier objects that are fetched after each kill.
const COMPARED: usize = 2;
/// Manifests of a few revisions on four slots, beside the shards.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
const SLOTS: u64 = 4;

/// An object that the network has acknowledged.
struct Kept {
    name: String,
    hash: [u8; 32],
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_survives_the_death_of_everybody() -> Result<()> {
    let kills = match std::env::var(KILLS_VARIABLE) {
        Ok(text) => text.parse().with_context(|| format!("{KILLS_VARIABLE}='{text}': write a number"))?,
        Err(_) => KILLS_DEFAULT,
    };
    bounded(LIMIT_PER_KILL * (kills + 1), async {
        let mut random = random()?;
        let mut net = Net::start(&shape(4, 4), with_layout(2, 4)).await?;
        net.wait_for_offers(4).await?;

        // An undisturbed put shows how long one takes.
        let source = net.dir().join("source");
        let hash = write_random(&source, BYTES, random.random())?;
        let clock = Instant::now();
        succeed(&put(&net, &source, "undisturbed").await?.await??)?;
        let duration = clock.elapsed();
        let mut kept = vec![Kept { name: "undisturbed".to_owned(), hash }];

        for number in 0..kills {
            let name = format!("object-{number}");
            let hash = write_random(&source, BYTES, random.random())?;
            let moment = duration.mul_f64(random.random());
            println!("kill {number}: after {moment:?} of {duration:?}");
            interrupted(&mut net, &source, &name, moment).await.with_context(|| format!("kill {number}"))?;
            kept.push(Kept { name, hash });
            // The newest and some earlier ones, so that fifty kills don't fetch a thousand objects; in the end all.
            let newest = kept.iter().rev().take(1);
            for object in newest.chain(kept.iter().choose_multiple(&mut random, COMPARED)) {
                ensure!(
                    net.get(&object.name).await? == object.hash,
                    "kill {number}: {} came back changed",
                    object.name
                );
            }
        }
        for object in &kept {
            ensure!(net.get(&object.name).await? == object.hash, "in the end {} came back changed", object.name);
        }
        net.finish().await
    })
    .await
}

/// Puts, kills everybody meanwhile, starts everybody again, and puts the same again.
async fn interrupted(net: &mut Net, source: &Path, name: &str, moment: Duration) -> Result<()> {
    let earlier = received_bytes(net).await?;
    let running = put(net, source, name).await?;
    tokio::time::sleep(moment).await;
    // What suppliers say they have received is on their disks.
    let durable = received_bytes(net).await? - earlier;
    let tip = net.customer()?.ledger_status().await?;
    net.kill_all().await?;
    let acknowledged = running.await??.code == Some(0);

    net.supervisor.start().await?;
    succeed(&put(net, source, name).await?.await??)?;
    let sent = received_bytes(net).await?;
    let client = net.customer()?;
    let stat = client.storage_stat(name.to_owned()).await?;
    let shards: u64 = stat.slabs.iter().map(|slab| slab.shard_bytes * SLOTS).sum();
    println!("{durable} of {shards} bytes were held (acknowledged: {acknowledged}), {sent} were sent afterwards");
    ensure!(durable + sent <= shards + MANIFEST_BYTES_MAX, "held shards were sent again");

    // The chain that goes on is the one that was there.
    let block = client.ledger_block(tip.height).await?.with_context(|| format!("block {} is gone", tip.height))?;
    ensure!(block.id == tip.block_id, "block {} was {} and is {}", tip.height, tip.block_id, block.id);
    net.reach("validator-0", tip.height + 3).await
}

/// `bitdust put`, as a person types it, under way.
async fn put(net: &Net, source: &Path, name: &str) -> Result<tokio::task::JoinHandle<Result<Said>>> {
    let process = net.supervisor.processes.iter().find(|process| process.config.has(Role::Customer));
    let process = process.context("a customer")?;
    let (rpc, token) = (format!("http://{}", process.config.rpc), process.home.token());
    let (home, source, name): (PathBuf, PathBuf, String) = (net.dir().to_owned(), source.to_owned(), name.to_owned());
    Ok(tokio::spawn(async move {
        let source = source.to_string_lossy().into_owned();
        let settings = [("BITDUST_RPC", rpc.as_ref()), ("BITDUST_TOKEN_FILE", token.as_os_str())];
        program::run(&home, &["put", &source, "--as", &name], &settings).await
    }))
}

fn succeed(said: &Said) -> Result<()> {
    ensure!(said.code == Some(0), "the put failed: {said:?}");
    Ok(())
}

/// Bytes of blobs that all suppliers have received and made durable since they started.
async fn received_bytes(net: &Net) -> Result<u64> {
    let mut sum = 0;
    let http = reqwest::Client::builder().no_proxy().build()?;
    for process in net.supervisor.processes.iter().filter(|process| process.config.has(Role::Supplier)) {
        let text = http.get(format!("http://{}/metrics", process.config.metrics)).send().await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix("bitdust_supplier_received_bytes_total "));
        // A supplier that has received nothing has no such line.
        sum += line.map_or(Ok(0), str::parse::<u64>).context("a count of bytes")?;
    }
    Ok(sum)
}
