//! Second step: the first proof of every supplier, found in the blocks.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bitdust_rpc::api::LedgerClient as _;
use bitdust_types::Address;

use super::{Demo, report::FirstProof, storing::Kept};
use crate::cli::remote::explain;

/// Epochs to wait for: what is stored now is sampled from the next epoch on, so two are enough on a healthy network.
const EPOCHS: u32 = 3;

pub(super) async fn first_proofs(demo: &Demo<'_>, kept: &Kept) -> Result<Vec<FirstProof>> {
    demo.step("The beacon picks samples, suppliers answer, every validator checks");
    let waiting: Vec<Address> = kept.slots.iter().filter_map(|slot| slot.supplier).collect();
    let status = demo.client.ledger_status().await.map_err(explain(&demo.client))?;
    let epoch = demo.client.ledger_epoch().await.map_err(explain(&demo.client))?;
    let epoch_ms = status.block_time_ms * (epoch.last_block + 1 - epoch.first_block);
    // A loaded machine makes blocks at half the aimed rate.
    let deadline = Instant::now() + Duration::from_millis(epoch_ms) * EPOCHS * 2;
    let mut first: BTreeMap<Address, FirstProof> = BTreeMap::new();
    let mut height = status.height;
    while first.len() < waiting.len() {
        ensure!(
            Instant::now() < deadline,
            "only {} of {} suppliers have proved within {EPOCHS} epochs; their logs are in node.log of each directory",
            first.len(),
            waiting.len()
        );
        let Some(block) = demo.client.ledger_block(height).await.map_err(explain(&demo.client))? else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        for proof in block.proofs.into_iter().filter(|proof| waiting.contains(&proof.supplier)) {
            first.entry(proof.supplier).or_insert_with(|| {
                let found = FirstProof {
                    supplier: proof.supplier,
                    epoch: proof.epoch,
                    height,
                    samples: proof.samples,
                    failed: proof.failed.len() as u16,
                };
                demo.say(format!(
                    "{} proved epoch {} in block {height}: {} of {} samples good",
                    found.supplier,
                    found.epoch,
                    found.samples - found.failed,
                    found.samples
                ));
                found
            });
        }
        height += 1;
    }
    let failed: Vec<String> =
        first.values().filter(|proof| proof.failed > 0).map(|proof| proof.supplier.to_string()).collect();
    ensure!(failed.is_empty(), "samples failed at {}", failed.join(", "));
    Ok(first.into_values().collect())
}
