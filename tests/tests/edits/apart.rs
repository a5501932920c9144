//! Two players build at one place while a cut keeps them apart, their clocks a day apart too, one of them is killed on the
//! way, and both, and a third who comes later, end with the same place.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bitdust_network::peer_id;
use bitdust_rpc::{
    Client,
    api::{LedgerClient as _, MarketClient as _, NodeClient as _, WorldClient as _},
};
use bitdust_tests::{
    Net,
    forwarder::{Forwarder, Scissors},
    network::{TEST_LIMIT, shape, with_layout},
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::B256;
use bitdust_world::block;

use super::{HOME, agree, arrive, build, client::Stranger, newcomer, settle};

/// Seconds that the cut lasts, by this variable; the minute takes `make test` too long.
const CUT_VARIABLE: &str = "BITDUST_CUT_SECONDS";
const CUT_SECONDS: u64 = 20;
const A_DAY_MS: i64 = 24 * 3600 * 1000;
/// Rounds of edits during the cut.
const ROUNDS: i64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn two_who_built_apart_and_a_third_end_with_the_same_place() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let scissors = Scissors::new();
        // Each node says that it is reached through a forwarder as well; the second player knows nothing else.
        let (mut forwarders, mut entries) = (Vec::new(), Vec::new());
        let mut started: Result<()> = Ok(());
        let mut net = Net::lay_out(&shape(1, 4), |plan| {
            with_layout(2, 4)(plan);
            started = plan.nodes.iter_mut().try_for_each(|node| {
                let forwarder = Forwarder::start(node.config.p2p, &scissors)?;
                node.config.announce = vec![forwarder.address()];
                entries.push(format!("{}/p2p/{}", forwarder.address(), peer_id(*node.keys.peer_secret())?));
                forwarders.push(forwarder);
                Ok(())
            });
        })?;
        started?;
        net.supervisor.start().await?;
        net.wait_for_offers(4).await?;
        let mut second = newcomer(1, &entries)?;
        (second.config.reachable, second.config.walled) = (false, true);
        second.config.clock_ahead_ms = A_DAY_MS;
        let guest = second.keys.account();
        net.add(&second)?;
        let first = net.customer()?;
        let (world, dataset) = settle(&first, &[guest]).await?;
        net.launch("customer-1").await?;
        let second = net.client("customer-1")?;
        arrive(&second, world).await?;
        build(&first, world, (0, 1), &[block::STONE_BRICK; 8]).await?;
        // Who hasn't heard of the list doesn't know that it may build.
        agree(&[&first, &second], world, 2).await?;
        build(&second, world, (0, 2), &[block::GLASS; 8]).await?;
        // The access list is an edit too.
        let together = agree(&[&first, &second], world, 3).await?;

        scissors.cut();
        until("the second player is cut off", PATIENCE, async || {
            Ok((second.node_status().await?.peers == 0).then_some(()))
        })
        .await?;
        build_apart(&first, &second, world).await?;
        let apart = (first.world_location(world, HOME).await?, second.world_location(world, HOME).await?);
        ensure!(apart.0.state != apart.1.state && apart.0.state != together.state, "the cut is none: {apart:?}");
        let made = ROUNDS as u64;
        ensure!((apart.0.edits, apart.1.edits) == (3 + made, 3 + made), "each knows its own alone: {apart:?}");
        ensure!(apart.1.unsaved_edits == made, "nothing that was cut off is kept: {:?}", apart.1);
        scissors.heal();
        agree(&[&first, &second], world, 3 + 2 * made).await?;

        // One more that nobody else hears of, and its author's node is killed right after the answer.
        scissors.cut();
        build(&second, world, (0, 30), &[block::RED_BLOCK; 3]).await?;
        net.kill("customer-1").await?;
        scissors.heal();
        let known = first.world_location(world, HOME).await?.edits;
        ensure!(known == 3 + 2 * made, "the first player knows {known} edits: the last one got through the cut");
        net.launch("customer-1").await?;
        let second = net.client("customer-1")?;
        let agreed = agree(&[&first, &second], world, 4 + 2 * made).await?;

        // The owner is gone for good, and the guest's node brings to the suppliers what it builds after that.
        let bootstrap = net.node("customer-0")?.config.bootstrap.clone();
        net.kill("customer-0").await?;
        for round in 0..ROUNDS {
            build(&second, world, (round, 40), &[block::GLASS; 2]).await?;
            let began = Instant::now();
            until("the guest's edits are kept", PATIENCE, async || {
                let place = second.world_location(world, HOME).await?;
                Ok((place.unsaved_edits == 0).then_some(()))
            })
            .await?;
            println!("kept by the guest after {:.1} s", began.elapsed().as_secs_f64());
        }
        let agreed = agree(&[&second], world, agreed.edits + made).await?;

        // The nodes near the place's key are given the head of that, too.
        let owner = arrive(&second, world).await?.claim.context("the place is claimed")?.owner;
        let anybody = Stranger::come(&net, "supplier-0", 90, world, owner).await?;
        until("the newest head is kept", PATIENCE, async || {
            let newest = second.market_dataset(dataset).await?.context("the dataset")?.revision;
            Ok(anybody.heads().await?.iter().any(|head| head.record.revision == newest).then_some(()))
        })
        .await?;
        anybody.network.stop().await?;

        // Both are gone. The third has nothing but the market.
        net.kill("customer-1").await?;
        net.add(&newcomer(2, &bootstrap)?)?;
        let height = net.height("validator-0").await?;
        net.launch("customer-2").await?;
        net.reach("customer-2", height).await?;
        let third = net.client("customer-2")?;
        arrive(&third, world).await?;
        let seen = third.world_location(world, HOME).await?;
        ensure!((seen.state, seen.edits) == (agreed.state, agreed.edits), "the third sees {seen:?}, not {agreed:?}");
        let stats = third.world_stats().await?;
        ensure!(stats.chunks.player == 0 && stats.failed == 0, "{stats:?}");
        // What it read is what the last writer's head says, which the nodes near the place's key have kept.
        let metrics = third.node_metrics().await?.url.context("a node has metrics")?;
        until("the head bears out what was read", PATIENCE, async || {
            let text = reqwest::get(&metrics).await?.text().await?;
            Ok(text
                .lines()
                .any(|line| line.starts_with("bitdust_world_heads_total") && line.contains("borne out"))
                .then_some(()))
        })
        .await?;
        drop(forwarders);
        net.finish().await
    })
    .await
}

/// Both build for as long as the cut lasts, partly at the same voxels, and neither hears of the other.
async fn build_apart(first: &Client, second: &Client, world: B256) -> Result<()> {
    let seconds = match std::env::var(CUT_VARIABLE) {
        Ok(text) => text.parse().with_context(|| format!("{CUT_VARIABLE}={text} is no number of seconds"))?,
        Err(_) => CUT_SECONDS,
    };
    let height = second.ledger_status().await?.height;
    let pause = Duration::from_secs(seconds) / ROUNDS as u32;
    for round in 0..ROUNDS {
        build(first, world, (round, 10), &[block::STONE_BRICK; 6]).await?;
        build(second, world, (round + 3, 10), &[block::GLASS; 6]).await?;
        tokio::time::sleep(pause).await;
    }
    let status = second.node_status().await?;
    ensure!(status.peers == 0, "the second player found a way around the cut: {:?}", second.node_peers().await?);
    // A block may have been on its way when the cut came.
    ensure!(status.height <= height + 1, "blocks came through the cut: {height}, {}", status.height);
    Ok(())
}
