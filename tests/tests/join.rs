//! A supplier that joins later is found through one bootstrap address, and still when the bootstrap has died.

use anyhow::{Context as _, Result, ensure};
use bitdust_node::{
    config::Config,
    devnet::plan::{free_ports, supplier},
};
use bitdust_rpc::api::{MarketClient as _, SupplierClient as _};
use bitdust_tests::{
    Net,
    bytes::write_random,
    network::{TEST_LIMIT, shape, with_layout},
    waiting::bounded,
};
use bitdust_types::keys::{DEVNET_PHRASE, Phrase};

const BYTES: usize = 300_000;
/// The bootstrap of every other node.
const BOOTSTRAP: &str = "validator-0";
const LATE: &str = "supplier-2";

#[tokio::test(flavor = "multi_thread")]
async fn a_late_supplier_is_found_and_stays_found_without_the_bootstrap() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let mut net = Net::start(&shape(4, 2), with_layout(1, 3)).await?;
        net.wait_for_offers(2).await?;
        let (first, second) = (net.dir().join("first"), net.dir().join("second"));
        let hashes = [write_random(&first, BYTES, 1)?, write_random(&second, BYTES, 2)?];
        knows_only_the_bootstrap(&net.node("customer-0")?.config)?;

        // Three slots need three suppliers.
        let refused = net.put(&first, "first").await.err().context("a put without enough suppliers went through")?;
        ensure!(format!("{refused:#}").contains("needs 3 suppliers"), "{refused:#}");

        // The third one comes, knowing the same address as everybody.
        let bootstrap = net.node("customer-0")?.config.bootstrap.clone();
        let ports = free_ports(1)?.pop().context("ports for the late supplier")?;
        let late = supplier(&Phrase::parse(DEVNET_PHRASE)?, 2, ports, &bootstrap)?;
        let account = late.keys.account();
        net.add(&late)?;
        net.launch(LATE).await?;
        net.wait_for_offers(3).await?;
        let report = net.put(&first, "first").await?;
        ensure!(report.held == 3, "held by {} of 3", report.held);
        let slots = net.customer()?.market_slots(report.dataset).await?;
        ensure!(slots.iter().any(|slot| slot.supplier == Some(account)), "the late supplier has no slot: {slots:?}");

        // The bootstrap dies. The customer starts again, still with nothing but that address in its settings.
        net.kill(BOOTSTRAP).await?;
        net.node("customer-0")?.stop().await;
        knows_only_the_bootstrap(&Config::load(&net.node("customer-0")?.home)?)?;
        net.launch("customer-0").await?;
        let height = net.height("validator-1").await?;
        net.reach("customer-0", height).await?;
        let report = net.put(&second, "second").await?;
        ensure!(report.held == 3, "without the bootstrap, held by {} of 3", report.held);

        // Only the late supplier is left to serve both files.
        net.kill("supplier-0").await?;
        net.kill("supplier-1").await?;
        ensure!(net.get("first").await? == hashes[0], "the first file came back changed");
        ensure!(net.get("second").await? == hashes[1], "the second file came back changed");
        let status = net.client(LATE)?.supplier_status().await?;
        ensure!(status.stored_bytes >= 2 * BYTES as u64, "{status:?}");
        net.finish().await
    })
    .await
}

fn knows_only_the_bootstrap(config: &Config) -> Result<()> {
    ensure!(config.bootstrap.len() == 1, "the customer knows {:?}", config.bootstrap);
    Ok(())
}
