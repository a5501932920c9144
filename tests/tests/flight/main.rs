//! A player flies through places that others built while suppliers die: no visible chunk may ever be missing. Real processes,
//! real suppliers, 100 ms of distance each way between any two nodes.
//!
//! Then another player comes to the same place, and gets it from the first one's disk; and a node that gives wrong chunks is
//! named and changes nothing.
//!
//! `BITDUST_FLIGHT_SECONDS` says how long the flight is, half a minute by default; `make flight` flies three minutes, across
//! 48 places. With `BITDUST_FLIGHT_VIEWER` (`make flight-drawn`) a third player comes, who sees it drawn for a minute.

mod bot;
mod course;
mod delay;
mod liar;
mod terrain;
mod viewer;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bitdust_node::devnet::plan::{NodePlan, Shape, free_ports, player};
use bitdust_rpc::{Client, api::WorldClient as _, types::world::WorldStats};
use bitdust_tests::{
    Net,
    network::with_layout,
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::{
    B256,
    keys::{DEVNET_PHRASE, Phrase},
};
use bitdust_world::{LocationPos, place::LOCATION_VOXELS};
use bot::{Bot, Flight};
use delay::{Distance, Relay};
use liar::Liar;

const SECONDS_VARIABLE: &str = "BITDUST_FLIGHT_SECONDS";
const SECONDS_DEFAULT: u64 = 30;
const SPEED_M_S: u64 = 30;
/// How far the player sees, in locations, rounded up.
const VIEW_LOCATIONS: u64 = 2;
const EACH_WAY: Duration = Duration::from_millis(100);
const SUPPLIERS: u16 = 8;
/// Until the world is there at first. A real player looks at a picture meanwhile.
const ARRIVAL: Duration = Duration::from_secs(60);
/// A place beside the course that only the liar has "visited".
const ASIDE: LocationPos = LocationPos::new(200, 0, 0);
/// Building one place, with all that the ledger and eight suppliers have to do for it; and all the rest.
const LIMIT_PER_PLACE: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_hole_while_every_second_supplier_dies() -> Result<()> {
    let seconds = match std::env::var(SECONDS_VARIABLE) {
        Ok(text) => text.parse().with_context(|| format!("{SECONDS_VARIABLE}='{text}': write a number"))?,
        Err(_) => SECONDS_DEFAULT,
    };
    let drawn = if viewer::program()?.is_some() { viewer::SECONDS } else { 0 };
    let columns = (seconds.max(drawn) * SPEED_M_S).div_ceil(LOCATION_VOXELS as u64) + VIEW_LOCATIONS;
    let places = course::places(columns as i64);
    let limit = LIMIT + Duration::from_secs(seconds) + LIMIT_PER_PLACE * places.len() as u32;
    bounded(limit, async {
        let distance = Distance::default();
        let mut net = network(&distance).await?;
        let world = build(&mut net, &distance, &places).await?;

        // From here on everybody is far away. The builders are gone.
        distance.set(EACH_WAY);
        let first = visitor(&mut net, &distance, 3, world).await?;
        let generator = Arc::new(course::terrain(&first, world).await?);
        let truth = Arc::new(course::truth(&generator, &[places.clone(), vec![ASIDE]].concat()));
        let mut bot = Bot::new(first, world, generator.clone(), truth.clone(), [0.0, 100.0, 0.0]);
        let arrival = bot.arrive(ARRIVAL).await?;
        println!("arrived after {arrival:.1?}, {} places on the course", places.len());
        let before = net.client("customer-3")?.world_stats().await?;
        let begun = Instant::now();
        let flying = tokio::spawn(async move {
            let flight = bot.fly(Duration::from_secs(seconds), SPEED_M_S as f64).await;
            (bot, flight)
        });
        kill_and_restart(&mut net, Duration::from_secs(seconds)).await?;
        let (bot, flight) = flying.await?;
        let after = net.client("customer-3")?.world_stats().await?;
        report(&flight, &before, &after, begun.elapsed());
        ensure!(flight.holes == 0, "{} holes: {:#?}", flight.holes, flight.described);
        ensure!(flight.samples == seconds * 20, "{} looks in {seconds} s", flight.samples);
        let built = |stats: &WorldStats| stats.chunks.supplier + stats.chunks.rebuilt;
        ensure!(built(&after) as usize >= flight.built.len(), "{} built chunks were seen", flight.built.len());
        ensure!(after.chunks.rebuilt > 0, "no supplier was missed");
        ensure!(after.failed == 0 && after.blamed.is_empty(), "{after:?}");

        // Another player comes to where the first one is.
        let second = visitor(&mut net, &distance, 4, world).await?;
        let mut other = Bot::new(second, world, generator.clone(), truth.clone(), bot.position_m());
        let arrival = other.arrive(ARRIVAL).await?;
        let stats = net.client("customer-4")?.world_stats().await?;
        println!("the second player arrived after {arrival:.1?}: {:?}, {:?} bytes", stats.chunks, stats.bytes);
        // Everything is in view at once, so most is asked of suppliers before the first player is found; a sixth was seen to come
        // from it.
        let players = stats.chunks.player;
        ensure!(50 * players > players + stats.chunks.supplier + stats.chunks.rebuilt, "{stats:?}");
        ensure!(net.client("customer-3")?.world_stats().await?.given_bytes >= stats.bytes.player);

        if let Some(program) = viewer::program()? {
            draw(&mut net, &distance, &program, world).await?;
        }

        // A node that gives wrong chunks is named, and nobody sees them.
        let entry = net.node("customer-4")?.config.bootstrap.clone();
        let liar = Liar::start(&entry, world, ASIDE).await?;
        let at = ASIDE.chunk(0).origin();
        let mut other = Bot::new(net.client("customer-4")?, world, generator, truth, [at.x as f64, 100.0, at.z as f64]);
        other.arrive(ARRIVAL).await?;
        let stats = net.client("customer-4")?.world_stats().await?;
        let named = stats.blamed.iter().find(|blamed| blamed.holder == liar.peer().to_string());
        println!("{named:?}");
        ensure!(named.is_some_and(|named| named.reason.contains("hashes to")), "{:?}", stats.blamed);
        net.finish().await
    })
    .await
}

/// One validator and the suppliers, each behind its relay. Epochs are long enough that a supplier that is away for ten seconds
/// misses none.
async fn network(distance: &Distance) -> Result<Net> {
    let shape = Shape {
        validators: 1,
        suppliers: SUPPLIERS,
        block_time_ms: 250,
        epoch_blocks: 160,
        free_ports: true,
        players: 0,
    };
    let mut relays = Vec::new();
    let mut failed = None;
    let mut net = Net::lay_out(&shape, |plan| {
        with_layout(4, 8)(plan);
        for node in &mut plan.nodes {
            match Relay::before(node) {
                Ok(relay) => relays.push(relay),
                Err(error) => failed = Some(error),
            }
        }
        // The one address that everybody knows at first is a relay's as well.
        let entry = plan.nodes[0].config.announce.first().cloned().unwrap_or_default();
        for node in plan.nodes.iter_mut().skip(1) {
            let peer = node.config.bootstrap[0].rsplit('/').next().unwrap_or_default();
            node.config.bootstrap = vec![format!("{entry}/p2p/{peer}")];
        }
    })?;
    failed.map_or(Ok(()), Err)?;
    relays.into_iter().try_for_each(|relay| relay.start(distance))?;
    net.supervisor.start().await?;
    net.wait_for_offers(SUPPLIERS.into()).await?;
    Ok(net)
}

/// Three players build the places together, and leave.
async fn build(net: &mut Net, distance: &Distance, places: &[LocationPos]) -> Result<B256> {
    let begun = Instant::now();
    let world = course::publish(&net.customer()?).await?;
    let mut builders = vec![net.customer()?];
    for number in 1..=2 {
        builders.push(visitor(net, distance, number, world).await?);
    }
    let shares: Vec<Vec<LocationPos>> = (0..builders.len())
        .map(|number| places.iter().chain([&ASIDE]).skip(number).step_by(builders.len()).copied().collect())
        .collect();
    futures::future::try_join_all(
        builders.iter().zip(&shares).map(|(builder, share)| course::build(builder, world, share)),
    )
    .await?;
    for name in ["customer-0", "customer-1", "customer-2"] {
        net.kill(name).await?;
    }
    println!("{} places were built in {:.1?}", places.len() + 1, begun.elapsed());
    Ok(world)
}

/// A player with an empty directory, whose node has seen the ledger.
async fn visitor(net: &mut Net, distance: &Distance, number: u16, world: B256) -> Result<Client> {
    let bootstrap = net.node("customer-0")?.config.bootstrap.clone();
    let ports = free_ports(1)?.pop().context("ports for a player")?;
    let mut plan: NodePlan = player(&Phrase::parse(DEVNET_PHRASE)?, number, ports, &bootstrap)?;
    let name = plan.name.clone();
    Relay::before(&mut plan)?.start(distance)?;
    net.add(&plan)?;
    net.launch(&name).await?;
    let client = net.client(&name)?;
    let height = net.height("validator-0").await?;
    net.reach(&name, height).await?;
    until(&format!("{name} knows the world"), PATIENCE, async || Ok(client.world_info(world).await.ok())).await?;
    Ok(client)
}

/// A third player, whose viewer draws what it flies over while suppliers die.
async fn draw(net: &mut Net, distance: &Distance, program: &Path, world: B256) -> Result<()> {
    visitor(net, distance, 5, world).await?;
    let url = format!("http://{}", net.node("customer-5")?.config.rpc);
    let mut flight = viewer::start(program, &url, world, SPEED_M_S)?;
    while !flight.is_over()? {
        kill_and_restart(net, Duration::from_secs(40)).await?;
    }
    flight.land().await
}

/// Ten seconds of every forty without the odd suppliers, ten without the even ones; all of that in half a minute if the flight
/// is no longer.
async fn kill_and_restart(net: &mut Net, flight: Duration) -> Result<()> {
    let begun = Instant::now();
    let period = Duration::from_secs(40).min(flight);
    for round in 0.. {
        for (half, odd) in [(0.1, 1), (0.6, 0)] {
            let dies = period * round + period.mul_f64(half);
            if dies + period.mul_f64(0.25) > flight {
                tokio::time::sleep(flight.saturating_sub(begun.elapsed())).await;
                return Ok(());
            }
            tokio::time::sleep(dies.saturating_sub(begun.elapsed())).await;
            let victims: Vec<String> =
                (0..SUPPLIERS).filter(|number| number % 2 == odd).map(|number| format!("supplier-{number}")).collect();
            for victim in &victims {
                net.kill(victim).await?;
            }
            tokio::time::sleep((dies + period.mul_f64(0.25)).saturating_sub(begun.elapsed())).await;
            for victim in &victims {
                net.node(victim)?.spawn()?;
            }
            for victim in &victims {
                net.node(victim)?.wait_until_ready().await?;
            }
        }
    }
    Ok(())
}

fn report(flight: &Flight, before: &WorldStats, after: &WorldStats, took: Duration) {
    let seconds = took.as_secs_f64();
    let late = |of: fn(&WorldStats) -> u64| of(after) - of(before);
    println!(
        "{} looks, {} chunks in view in all, {} of them built, {} holes",
        flight.samples,
        flight.seen,
        flight.built.len(),
        flight.holes
    );
    let mut early = flight.early.clone();
    early.sort_unstable();
    let part = |percent: usize| early.get((early.len() * percent / 100).min(early.len().saturating_sub(1)));
    println!(
        "built chunks were there before they came into view: the last one {:.1?}, 99 of 100 {:.1?}, 90 {:.1?}, half {:.1?}",
        part(0).unwrap_or(&Duration::ZERO),
        part(1).unwrap_or(&Duration::ZERO),
        part(10).unwrap_or(&Duration::ZERO),
        part(50).unwrap_or(&Duration::ZERO),
    );
    println!(
        "late by cause: location {}, turn {}, holder {}, answer {}, generator {}, unforeseen {}; stale {}",
        late(|stats| stats.late.location),
        late(|stats| stats.late.turn),
        late(|stats| stats.late.holder),
        late(|stats| stats.late.answer),
        late(|stats| stats.late.generator),
        late(|stats| stats.late.unforeseen),
        late(|stats| stats.stand_ins.stale),
    );
    println!(
        "chunks from suppliers {}, rebuilt from others {}, players {}, cache {}, generator {}",
        late(|stats| stats.chunks.supplier),
        late(|stats| stats.chunks.rebuilt),
        late(|stats| stats.chunks.player),
        late(|stats| stats.chunks.cache),
        late(|stats| stats.chunks.generator),
    );
    println!(
        "{:.0} bytes a second over the network in {seconds:.0} s, {} hedges, {} timeouts, latency {:?} ms",
        late(|stats| stats.wire_bytes) as f64 / seconds,
        late(|stats| stats.hedges),
        late(|stats| stats.timeouts),
        after.latency_ms,
    );
}
