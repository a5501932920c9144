//! A whole network on this machine: files in and out, payments per second, time to finality.
//!
//! Every node is a process of its own and all share this machine's cores, with this program among them; so these are
//! figures of a machine, not of a network of such machines.
//!
//! - *Payments per second*: all signed beforehand, handed to the validators in batches as fast as they take them; from the
//!   first batch to the block with the last payment.
//! - *Time to finality*: from handing a payment to the customer's node, which does not validate, until that node shows it in
//!   a block with its certificate. Payments are spread over the second, so that no rhythm of the blocks favours them.
//! - *Put and get*: `bitdust put` and `bitdust get` of random bytes, start to end of the command, compared afterwards; and
//!   the bytes that the customer's node exchanged with suppliers for it.
//!
//! Run with `scripts/bench.sh`.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, U256};
use anyhow::{Context as _, Result, ensure};
use bitdust_benches::{
    accounts::{self, Account, Payment},
    devnet::Devnet,
    watch,
};
use bitdust_rpc::{
    Client,
    api::{EthClient as _, MarketClient as _, StorageClient as _},
    jsonrpsee::core::{client::ClientT as _, params::BatchRequestBuilder},
};
use tokio::task::JoinSet;

/// Accounts that pay.
const SENDERS: usize = 64;
/// Payments of each; a pool keeps at most 256 of one sender.
const PAYMENTS_EACH: usize = 100;
/// Payments in one call; a node takes 100.
const BATCH: usize = 50;
/// Payments for each time to finality, per rate: 20 s at one a second, 10 s at a hundred.
const FINALITY: [(u32, usize); 2] = [(1, 20), (100, 1000)];
/// How long the chain may take for all payments of one measurement.
const PATIENCE: Duration = Duration::from_secs(300);

/// 30 million gas of a devnet's block at 21,000 gas a payment.
const BLOCK_PAYMENTS: usize = 30_000_000 / 21_000;

const SUPPLIERS: usize = 8;
const FILE_MIB: usize = 320;
const MIB: usize = 1 << 20;
/// How long the suppliers may take to publish their offers.
const OFFERS_PATIENCE: Duration = Duration::from_secs(120);

/// Payments through one network.
struct Payments {
    validators: usize,
    count: usize,
    seconds: f64,
    busiest_block: usize,
    /// Milliseconds, sorted, for each rate of [`FINALITY`].
    finality: Vec<Vec<f64>>,
}

/// A file through one network.
struct Storage {
    put: Transfer,
    get: Transfer,
}

/// One way.
struct Transfer {
    seconds: f64,
    /// Bytes sent to suppliers, or received from them.
    bytes: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut payments = Vec::new();
    for validators in [1, 4] {
        payments.push(pay(validators).await?);
    }
    print_payments(&payments);
    print_storage(&store().await?);
    Ok(())
}

async fn pay(validators: usize) -> Result<Payments> {
    let net = Devnet::start(validators, 0).await?;
    let client = net.customer()?.client()?;
    let mut senders = accounts::funded(&client, SENDERS as u32).await?;
    let mut finality = Vec::new();
    for (rate, count) in FINALITY {
        finality.push(time_to_finality(&client, &mut senders, rate, count).await?);
    }
    let nodes = net.validators().map(|node| node.client()).collect::<Result<Vec<_>>>()?;
    let (seconds, busiest_block) = throughput(&client, &nodes, &mut senders).await?;
    for sender in &senders {
        ensure!(sender.all_paid(&client).await?, "{} has payments that no block has", sender.address);
    }
    net.stop().await?;
    Ok(Payments { validators, count: SENDERS * PAYMENTS_EACH, seconds, busiest_block, finality })
}

/// The next `count` payments, each to the next account in turn.
fn sign(senders: &mut [Account], count: usize) -> Result<Vec<Payment>> {
    let addresses: Vec<_> = senders.iter().map(|sender| sender.address).collect();
    let pay = |turn: usize| {
        let to = addresses[(turn + 1) % addresses.len()];
        senders[turn % addresses.len()].pay(to, U256::ONE)
    };
    (0..count).map(pay).collect()
}

async fn throughput(eye: &Client, nodes: &[Client], senders: &mut [Account]) -> Result<(f64, usize)> {
    let addresses: Vec<_> = senders.iter().map(|sender| sender.address).collect();
    let mut batches: Vec<Vec<Payment>> = vec![Vec::new(); nodes.len()];
    for (index, sender) in senders.iter_mut().enumerate() {
        let to = addresses[(index + 1) % addresses.len()];
        for _ in 0..PAYMENTS_EACH {
            batches[index % nodes.len()].push(sender.pay(to, U256::ONE)?);
        }
    }
    let (count, height) = (batches.iter().map(Vec::len).sum(), watch::height(eye).await?);
    let eye = eye.clone();
    let watching = tokio::spawn(async move { watch::until(&eye, height, count, PATIENCE).await });
    let start = Instant::now();
    let mut sending = JoinSet::new();
    for (node, payments) in nodes.iter().cloned().zip(batches) {
        sending.spawn(async move { hand_over(&node, &payments).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let seen = watching.await??;
    let last = seen.at.values().max().context("payments were seen")?;
    Ok((last.duration_since(start).as_secs_f64(), seen.busiest_block))
}

async fn hand_over(node: &Client, payments: &[Payment]) -> Result<()> {
    for some in payments.chunks(BATCH) {
        let mut batch = BatchRequestBuilder::new();
        for payment in some {
            batch.insert("eth_sendRawTransaction", (&payment.raw,))?;
        }
        let answers = node.batch_request::<B256>(batch).await?;
        if let Some(refused) = answers.iter().find_map(|answer| answer.as_ref().err()) {
            anyhow::bail!("{} refused a payment: {}", node.url(), refused.message());
        }
    }
    Ok(())
}

async fn time_to_finality(client: &Client, senders: &mut [Account], rate: u32, count: usize) -> Result<Vec<f64>> {
    let payments = sign(senders, count)?;
    let hashes: Vec<B256> = payments.iter().map(|payment| payment.hash).collect();
    let (eye, height) = (client.clone(), watch::height(client).await?);
    let watching = tokio::spawn(async move { watch::until(&eye, height, count, PATIENCE).await });
    let (start, mut sending) = (Instant::now(), JoinSet::new());
    for (turn, payment) in payments.into_iter().enumerate() {
        // Multiples of the golden ratio fill a second evenly (Weyl), whatever the rhythm of the blocks.
        let phase = (turn as f64 * 0.618_033_988_749_895).fract();
        let due = start + Duration::from_secs_f64((turn as f64 + phase) / f64::from(rate));
        tokio::time::sleep_until(due.into()).await;
        let client = client.clone();
        sending.spawn(async move {
            let sent = Instant::now();
            client.eth_send_raw_transaction(payment.raw).await.map(|hash| (hash, sent))
        });
    }
    let mut sent = Vec::new();
    while let Some(one) = sending.join_next().await {
        sent.push(one??);
    }
    let seen = watching.await??;
    ensure!(hashes.iter().all(|hash| seen.at.contains_key(hash)), "other payments than ours are in the blocks");
    let mut waited: Vec<f64> =
        sent.iter().map(|(hash, sent)| seen.at[hash].saturating_duration_since(*sent).as_secs_f64() * 1e3).collect();
    waited.sort_by(f64::total_cmp);
    Ok(waited)
}

async fn store() -> Result<Storage> {
    let net = Devnet::start(4, SUPPLIERS).await?;
    let customer = net.customer()?;
    let client = customer.client()?;
    wait_for_offers(&client).await?;
    let (file, back) = (net.scratch().join("file"), net.scratch().join("back"));
    write_noise(&file)?;
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a UTF-8 path");
    let before = client.storage_status().await?;
    let start = Instant::now();
    net.command(customer, &["put", &text(&file)?, "--as", "bench"]).await?;
    let put = start.elapsed().as_secs_f64();
    let start = Instant::now();
    net.command(customer, &["get", "bench", "--output", &text(&back)?]).await?;
    let get = start.elapsed().as_secs_f64();
    ensure!(same(&file, &back)?, "other bytes came back");
    let after = client.storage_status().await?;
    let put = Transfer { seconds: put, bytes: after.sent_bytes - before.sent_bytes };
    let get = Transfer { seconds: get, bytes: after.fetched_bytes - before.fetched_bytes };
    net.stop().await?;
    Ok(Storage { put, get })
}

async fn wait_for_offers(client: &Client) -> Result<()> {
    let deadline = Instant::now() + OFFERS_PATIENCE;
    while client.market_offers().await?.len() < SUPPLIERS {
        ensure!(Instant::now() < deadline, "fewer than {SUPPLIERS} offers after {OFFERS_PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

/// Bytes that nothing can compress (xorshift64, Marsaglia 2003).
fn write_noise(path: &Path) -> Result<()> {
    let mut out = BufWriter::with_capacity(MIB, File::create(path)?);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..FILE_MIB * MIB / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.write_all(&state.to_le_bytes())?;
    }
    Ok(out.flush()?)
}

fn same(one: &Path, other: &Path) -> Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    let (mut left, mut right) = (vec![0; MIB], vec![0; MIB]);
    for _ in 0..FILE_MIB {
        one.read_exact(&mut left)?;
        other.read_exact(&mut right)?;
        if left != right {
            return Ok(false);
        }
    }
    Ok(true)
}

fn print_payments(all: &[Payments]) {
    println!("Payments, blocks aimed at one a second; a block's gas limit has room for {BLOCK_PAYMENTS}\n");
    println!("  validators   payments   seconds   per second   busiest block");
    for one in all {
        let per_second = one.count as f64 / one.seconds;
        let (validators, count, seconds, busiest) = (one.validators, one.count, one.seconds, one.busiest_block);
        println!("  {validators:>10} {count:>10} {seconds:>9.1} {per_second:>12.0} {busiest:>15}");
    }
    println!("\n  time to finality, ms           median   95 of 100   slowest");
    for one in all {
        for ((rate, _), waited) in FINALITY.iter().zip(&one.finality) {
            let part = |hundredths: usize| waited[(waited.len() - 1) * hundredths / 100];
            let name = format!("{} validator(s), {rate} a second", one.validators);
            println!("  {name:<30} {:>6.0} {:>11.0} {:>9.0}", part(50), part(95), part(100));
        }
    }
}

fn print_storage(storage: &Storage) {
    println!("\nA file of {FILE_MIB} MiB through 4 validators and {SUPPLIERS} suppliers, 4 of 8\n");
    println!("         seconds     MiB/s   MiB to or from suppliers");
    for (name, Transfer { seconds, bytes }) in [("put", &storage.put), ("get", &storage.get)] {
        println!("  {name:<5} {seconds:>8.1} {:>9.1} {:>26}", FILE_MIB as f64 / seconds, bytes / MIB as u64);
    }
}
