//! A supplier that goes away for good: the customer's node gives its slot to another one by itself, and what was rebuilt there is
//! enough to read everything.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use bitdust_node::{config::Role, devnet::plan::Shape};
use bitdust_rpc::api::{MarketClient as _, NodeClient as _};
use bitdust_tests::{
    Net,
    bytes::write_random,
    network::{TEST_LIMIT, shape, with_layout},
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::Address;

const BYTES: usize = 300_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_suppliers_slot_is_healed_onto_a_spare_one() -> Result<()> {
    bounded(TEST_LIMIT, async {
        // Three windows have to be missed, so epochs are short.
        let mut net = Net::start(&Shape { epoch_blocks: 12, ..shape(1, 4) }, with_layout(1, 3)).await?;
        net.wait_for_offers(4).await?;
        let client = net.customer()?;
        let (first, second) = (net.dir().join("first"), net.dir().join("second"));
        let hashes = [write_random(&first, BYTES, 1)?, write_random(&second, BYTES, 2)?];
        let stored = net.put(&first, "first").await?;
        ensure!(stored.held == 3, "held by {} of 3", stored.held);

        let names = suppliers(&net).await?;
        let slots = client.market_slots(stored.dataset).await?;
        let holds = |account: &Address| slots.iter().any(|slot| slot.supplier == Some(*account));
        let spare = names.keys().copied().find(|account| !holds(account)).context("one of four has no slot")?;
        let gone = slots[1].supplier.context("slot 1 has a supplier")?;
        net.kill(&names[&gone]).await?;
        // A put goes on without it, and its slot lags.
        let report = net.put(&second, "second").await?;
        ensure!(report.held == 2, "held by {} without {gone}", report.held);

        let healed = until("the slot is healed", PATIENCE, async || {
            let slots = client.market_slots(stored.dataset).await?;
            Ok(slots.iter().all(|slot| slot.healthy && slot.supplier != Some(gone)).then_some(slots))
        })
        .await?;
        ensure!(healed[1].supplier == Some(spare), "slot 1 went to another than the spare one: {healed:?}");
        ensure!(healed[1].held_revision == report.revision, "{healed:?}");

        // It alone is enough for both files, of which it saw no put.
        for (account, name) in &names {
            if *account != spare && *account != gone {
                net.kill(name).await?;
            }
        }
        ensure!(net.get("first").await? == hashes[0], "the first file came back changed");
        ensure!(net.get("second").await? == hashes[1], "the second file came back changed");
        net.finish().await
    })
    .await
}

/// The suppliers' names by account.
async fn suppliers(net: &Net) -> Result<BTreeMap<Address, String>> {
    let mut names = BTreeMap::new();
    for process in net.supervisor.processes.iter().filter(|process| process.config.has(Role::Supplier)) {
        names.insert(process.client()?.node_status().await?.address, process.name.clone());
    }
    Ok(names)
}
