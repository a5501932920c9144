//! Consensus among processes: blocks go on without one validator of four, stop without two, and never fork.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use bitdust_consensus::Certificate;
use bitdust_ledger::Genesis;
use bitdust_rpc::api::LedgerClient as _;
use bitdust_tests::{
    Net,
    network::{TEST_LIMIT, shape},
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::BlockId;

/// Blocks that "going on" means.
const SOME: u64 = 6;
/// Looks at a halted chain, a block time apart: a chain that went on would show blocks.
const LOOKS: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_four_may_fail_two_halt_the_chain_and_nobody_forks() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let shape = shape(4, 0);
        let mut net = Net::start(&shape, |_| {}).await?;
        net.reach("validator-0", SOME).await?;

        // One less: blocks go on.
        net.kill("validator-3").await?;
        let height = net.height("validator-0").await?;
        net.reach("validator-0", height + SOME).await?;

        // It comes back and catches up with blocks that it missed.
        net.launch("validator-3").await?;
        let height = net.height("validator-0").await?;
        net.reach("validator-3", height + SOME).await?;

        // Two less: the chain stands still. A block that was decided while they died may still come.
        net.kill("validator-2").await?;
        net.kill("validator-3").await?;
        let settled = until("the last decided block has come", PATIENCE, async || {
            let before = heights(&net, &["validator-0", "validator-1"]).await?;
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            let after = heights(&net, &["validator-0", "validator-1"]).await?;
            Ok((before == after).then_some(after))
        })
        .await?;
        for _ in 0..LOOKS {
            let now = heights(&net, &["validator-0", "validator-1"]).await?;
            ensure!(now == settled, "two of four validators made a block: {settled:?} became {now:?}");
            tokio::time::sleep(std::time::Duration::from_millis(shape.block_time_ms)).await;
        }

        // One returns: the chain goes on. The other returns: all four agree on every block.
        net.launch("validator-2").await?;
        let height = net.height("validator-0").await?;
        net.reach("validator-0", height + SOME).await?;
        net.launch("validator-3").await?;
        let height = net.height("validator-0").await?;
        net.reach("validator-3", height + SOME).await?;
        agree(&net, &["validator-0", "validator-1", "validator-2", "validator-3"]).await?;
        net.finish().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_validators_agree() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let net = Net::start(&shape(7, 0), |_| {}).await?;
        let names: Vec<String> = (0..7).map(|index| format!("validator-{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for name in &names {
            net.reach(name, SOME).await?;
        }
        agree(&net, &names).await?;
        net.finish().await
    })
    .await
}

async fn heights(net: &Net, names: &[&str]) -> Result<Vec<u64>> {
    let mut heights = Vec::new();
    for name in names {
        heights.push(net.height(name).await?);
    }
    Ok(heights)
}

/// Every node has the same block at every height, decided by more than two thirds of the validators.
async fn agree(net: &Net, names: &[&str]) -> Result<()> {
    let genesis = Genesis::parse(&net.genesis)?;
    let validators = genesis.build()?.validators;
    let mut blocks: BTreeMap<u64, BlockId> = BTreeMap::new();
    for name in names {
        let client = net.client(name)?;
        for height in 1..=net.height(name).await? {
            let block = client.ledger_block(height).await?.with_context(|| format!("{name} has block {height}"))?;
            let known = *blocks.entry(height).or_insert(block.id);
            ensure!(known == block.id, "a fork: block {height} is {known} at {} and {} at {name}", names[0], block.id);
            let stored = client.ledger_certificate(height).await?;
            let stored = stored.with_context(|| format!("{name} has the certificate of block {height}"))?;
            let certificate = Certificate::decode(&stored.raw)?;
            certificate
                .verify(genesis.params.chain_id, &validators)
                .with_context(|| format!("{name}, block {height}"))?;
            ensure!(certificate.block_id.0 == block.id.0, "{name} keeps a certificate of another block {height}");
        }
    }
    Ok(())
}
