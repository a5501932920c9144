//! Anybody can recompute an epoch's seed from the reveals in its blocks; and every reveal is the preimage of the one that
//! its proposer showed before.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use bitdust_ledger::{Genesis, beacon::recompute_seed};
use bitdust_rpc::api::LedgerClient as _;
use bitdust_tests::{
    Net,
    network::{TEST_LIMIT, shape},
    waiting::bounded,
};
use bitdust_types::{Address, B256, Epoch, Height, keccak256};

#[tokio::test(flavor = "multi_thread")]
async fn an_epochs_seed_follows_from_its_blocks() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let net = Net::start(&shape(4, 0), |_| {}).await?;
        let params = Genesis::parse(&net.genesis)?.params;
        let client = net.client("validator-1")?;
        // The seeds of epochs 0 and 1 are complete with this block.
        let last = params.first_block(Epoch(1)).0 + params.reveals;
        net.reach("validator-1", last).await?;

        let mut reveals: BTreeMap<Epoch, Vec<B256>> = BTreeMap::new();
        let mut shown: BTreeMap<Address, B256> = BTreeMap::new();
        // Genesis has no proposer and reveals nothing.
        for height in (1..=last).map(Height) {
            let block = client.ledger_block(height.0).await?.with_context(|| format!("block {height}"))?;
            if let Some(before) = shown.insert(block.proposer, block.reveal) {
                ensure!(
                    keccak256(block.reveal) == before,
                    "the reveal of block {height} does not follow from {before}"
                );
            }
            if params.index_in_epoch(height) < params.reveals {
                reveals.entry(params.epoch_of(height)).or_default().push(block.reveal);
            }
        }
        ensure!(shown.len() == 4, "every validator has proposed within {last} blocks");
        for (epoch, reveals) in reveals {
            let told = client.ledger_seed(epoch.0).await?;
            let recomputed = recompute_seed(params.chain_id, epoch, &reveals);
            ensure!(told.seed == Some(recomputed), "epoch {epoch}: {:?} is told, {recomputed} follows", told.seed);
            let listed: Vec<B256> = told.reveals.iter().map(|reveal| reveal.preimage).collect();
            ensure!(listed == reveals, "epoch {epoch}: the node lists other reveals than its blocks have");
            let mut forged = reveals.clone();
            forged[0].0[0] ^= 1;
            ensure!(recompute_seed(params.chain_id, epoch, &forged) != recomputed, "a seed that ignores a reveal");
        }
        // Blocks of an epoch that hasn't begun can't tell anything yet.
        let future = client.ledger_seed(1000).await;
        ensure!(future.map_or(true, |told| told.seed.is_none()), "the seed of an epoch to come is known");
        net.finish().await
    })
    .await
}
