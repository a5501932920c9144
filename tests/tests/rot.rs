//! A disk that rots: one byte flipped in every KiB of a quarter of a supplier's volume costs exactly the samples that fall
//! there, exactly the pay and the slash of the published rule, and no reader anything.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use bitdust_node::config::Role;
use bitdust_proof::{Answer, SupplierProof, sample};
use bitdust_rpc::{
    Client,
    api::{LedgerClient as _, MarketClient as _, NodeClient as _, StorageClient as _},
    types::ledger::NativeProof,
};
use bitdust_tests::{
    Net,
    bytes::write_random,
    network::{TEST_LIMIT, shape, with_layout},
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::{Address, Amount};
use tokio::process::Command;

const BYTES: usize = 6 << 20;
/// As docs/market-rule.md: a first failed sample costs a twentieth of the slot's reserve.
const SLASH_DIVISOR: u128 = 20;
/// Samples of a supplier that is not on probation, by the devnet's parameters.
const SAMPLES: usize = 32;
/// Leaf of the first slot that a supplier holds: they are counted from 1.
const FIRST_LEAF: u32 = 1;
/// Bytes under one checksum of a volume file; a damaged byte hides its group.
const GROUP_BYTES: u64 = 16 * 1024;
/// A record's header in a volume file, up to and with the length of its blob.
const RECORD_MAGIC: &[u8; 8] = b"BDREC001";
const RECORD_LEN_AT: usize = 20;
const RECORD_DATA_AT: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn a_rotten_quarter_costs_its_own_samples_and_nothing_else() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let mut net = Net::start(&shape(1, 3), with_layout(2, 3)).await?;
        net.wait_for_offers(3).await?;
        let client = net.customer()?;
        let source = net.dir().join("source");
        let hash = write_random(&source, BYTES, 5)?;
        let stored = net.put(&source, "file").await?;
        ensure!(stored.held == 3, "held by {} of 3", stored.held);
        let shard_bytes = client.storage_stat("file".to_owned()).await?.slabs[0].shard_bytes;

        // The one that readers of the file's first half ask first.
        let slots = client.market_slots(stored.dataset).await?;
        let rotten = slots[0].supplier.context("slot 0 has a supplier")?;
        let name = supplier_named(&net, rotten).await?;
        let before = next_proof(&client, rotten, stored.height).await?;
        ensure!(before.1.failed.is_empty(), "a sound disk failed samples: {:?}", before.1.failed);

        // The rest of the epoch is enough to stop, damage and start: this epoch's proof is on the ledger.
        net.node(&name)?.stop().await;
        let damaged = rot(&net.node(&name)?.home.volumes(), shard_bytes)?;
        net.launch(&name).await?;

        // Exactly the samples in the damaged quarter are missed, and every other one is good.
        let (height, proof) = next_proof(&client, rotten, before.0 + 1).await?;
        let slot_bytes = slots[0].held_bytes;
        check_samples(&client, &proof, rotten, slot_bytes, damaged).await?;

        // The slash is the rule's, and goes to the dataset.
        let after = client.market_slots(stored.dataset).await?;
        let slash = slots[0].reserve.grains() / SLASH_DIVISOR;
        ensure!(slash > 0 && after[0].reserve.grains() == slots[0].reserve.grains() - slash, "{after:?}");
        ensure!(after[0].supplier == Some(rotten) && after[0].deposit == slots[0].deposit, "{after:?}");
        ensure!(after[1..] == slots[1..], "sound slots changed: {slots:?} became {after:?}");
        let statement = client.market_statement(rotten, None, Some(height)).await?;
        ensure!(statement.slashed == Amount::from_grains(slash), "slashed {}", statement.slashed);

        // A reader gets the file all the same, and learns who failed.
        ensure!(net.get("file").await? == hash, "the file came back changed");
        let log = net.log("customer-0")?;
        let line = log.lines().find(|line| line.contains("failed") && line.contains(&rotten.to_string()));
        ensure!(line.is_some(), "the customer's log does not name {rotten}");
        let report = client.storage_verify("file".to_owned()).await?;
        ensure!(report.readable && !report.healthy, "{report:?}");
        let named: BTreeSet<Option<Address>> = report.faults.iter().map(|fault| fault.supplier).collect();
        ensure!(named == BTreeSet::from([Some(rotten)]), "{report:?}");

        // The second failure in a row frees the slot and takes what is left of its reserve. The others go on.
        let (second, again) = next_proof(&client, rotten, height + 1).await?;
        check_samples(&client, &again, rotten, slot_bytes, damaged).await?;
        ensure!(usize::from(again.samples) == 2 * SAMPLES, "{} samples on probation", again.samples);
        let freed = client.market_slots(stored.dataset).await?;
        ensure!(freed[0].supplier.is_none(), "the slot was not freed: {:?}", freed[0]);
        let statement = client.market_statement(rotten, None, Some(second)).await?;
        ensure!(statement.slashed == slots[0].reserve, "slashed {} of {}", statement.slashed, slots[0].reserve);
        for sound in &slots[1..] {
            let supplier = sound.supplier.context("a sound slot has a supplier")?;
            let (_, proof) = next_proof(&client, supplier, height + 1).await?;
            ensure!(proof.failed.is_empty(), "sound supplier {supplier} failed {:?}", proof.failed);
            let statement = client.market_statement(supplier, None, None).await?;
            ensure!(statement.slashed == Amount::ZERO, "sound supplier {supplier} lost {}", statement.slashed);
        }
        audit(client.url()).await?;
        net.finish().await
    })
    .await
}

/// The supplier's next proof on the ledger from a height on, and its height.
async fn next_proof(client: &Client, supplier: Address, from: u64) -> Result<(u64, NativeProof)> {
    let mut height = from;
    until(&format!("{supplier} proves after block {from}"), PATIENCE, async || {
        while let Some(block) = client.ledger_block(height).await? {
            if let Some(proof) = block.proofs.into_iter().find(|proof| proof.supplier == supplier) {
                return Ok(Some((height, proof)));
            }
            height += 1;
        }
        Ok(None)
    })
    .await
}

/// Draws the samples anew, as anybody can, and holds the proof's misses and the chain's verdict against the damage.
async fn check_samples(
    client: &Client,
    proof: &NativeProof,
    supplier: Address,
    slot_bytes: u64,
    damaged: u64,
) -> Result<()> {
    let seed = client.ledger_seed(proof.epoch).await?.seed.context("the epoch's seed")?;
    // Its only slot begins with the damaged shard, so an offset in all it holds is one in that shard. On probation it answers
    // as many samples again.
    let ordinary = usize::from(proof.samples).min(SAMPLES);
    let mut offsets = sample::offsets(seed, supplier, proof.epoch, slot_bytes, ordinary);
    let further = usize::from(proof.samples) - ordinary;
    offsets.extend(sample::offsets_on_probation(seed, supplier, proof.epoch, FIRST_LEAF, slot_bytes, further));
    let expected: Vec<u16> = (0..).zip(&offsets).filter(|(_, at)| **at < damaged).map(|(number, _)| number).collect();
    ensure!(!expected.is_empty(), "32 samples all missed a quarter: one chance in 10,000; run again");
    ensure!(proof.failed == expected, "failed {:?}, damaged are {expected:?}", proof.failed);
    let answers = SupplierProof::decode(&proof.answers)?.answers;
    let missed: Vec<u16> =
        (0..).zip(&answers).filter(|(_, answer)| matches!(answer, Answer::Miss)).map(|(number, _)| number).collect();
    ensure!(missed == expected, "answered 'miss' for {missed:?} instead of {expected:?}");
    Ok(())
}

async fn supplier_named(net: &Net, account: Address) -> Result<String> {
    for process in net.supervisor.processes.iter().filter(|process| process.config.has(Role::Supplier)) {
        if process.client()?.node_status().await?.address == account {
            return Ok(process.name.clone());
        }
    }
    bail!("no process has the account {account}")
}

/// Flips one byte in every KiB of the first quarter of the shard. Answers how many bytes of it can't be read any more.
fn rot(volumes: &Path, shard_bytes: u64) -> Result<u64> {
    let (path, at) = find_record(volumes, shard_bytes)?;
    let mut content = fs::read(&path)?;
    let damaged = shard_bytes / 4 / GROUP_BYTES * GROUP_BYTES;
    for kib in 0..damaged as usize / 1024 {
        content[at + RECORD_DATA_AT + kib * 1024 + kib * 37 % 1024] ^= 0x10;
    }
    fs::write(&path, content).with_context(|| format!("damaging {}", path.display()))?;
    Ok(damaged)
}

/// The record of a blob of this length: its file and its place there.
fn find_record(volumes: &Path, len: u64) -> Result<(PathBuf, usize)> {
    for entry in fs::read_dir(volumes)? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        let content = fs::read(&path)?;
        let starts = (0..content.len()).step_by(4096);
        let found = starts.into_iter().find(|at| {
            let record = &content[*at..];
            record.starts_with(RECORD_MAGIC) && record.get(RECORD_LEN_AT..RECORD_LEN_AT + 8) == Some(&len.to_le_bytes())
        });
        if let Some(at) = found {
            return Ok((path, at));
        }
    }
    bail!("no record of {len} bytes in {}", volumes.display())
}

/// The script that knows only receipts and the published rule agrees with every settlement so far.
async fn audit(rpc: &str) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/earnings.py");
    let run = Command::new("python3").args([script, "--rpc", rpc]).kill_on_drop(true).output().await;
    let run = run.context("starting python3, which the audit needs")?;
    let said = String::from_utf8_lossy(&run.stdout);
    ensure!(run.status.success(), "the audit differs: {said}{}", String::from_utf8_lossy(&run.stderr));
    Ok(())
}
