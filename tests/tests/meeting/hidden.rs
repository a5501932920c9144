//! A player who hides behind a relay is met like any other, and nobody but the relay learns where it is.

use anyhow::{Context as _, Result, ensure};
use bitdust_network::{Config, Handle, Multiaddr, Network, PeerId};
use bitdust_tests::{
    network::TEST_LIMIT,
    waiting::{PATIENCE, bounded, until},
};
use bitdust_types::params::DEVNET;

use crate::bots::{Bot, words};

async fn relay() -> Result<Handle> {
    let mut config = Config::new([200; 32], DEVNET);
    config.relay_serve = true;
    let (network, mut events) = Network::start(config).await?;
    tokio::spawn(async move { while events.next().await.is_some() {} });
    Ok(network)
}

fn is_circuit(address: &Multiaddr) -> bool {
    address.to_string().contains("/p2p-circuit")
}

/// All addresses at which a player's node sees, remembers or finds another.
async fn addresses(of: &Bot, other: PeerId) -> Result<Vec<Multiaddr>> {
    let seen = of.network.peers().into_iter().filter(|peer| peer.id == other).flat_map(|peer| peer.addresses);
    let mut addresses: Vec<Multiaddr> = seen.collect();
    let known = of.network.known_peers().await?;
    addresses.extend(known.into_iter().filter(|address| address.to_string().ends_with(&other.to_string())));
    addresses.extend(of.network.find_peer(other).await?);
    Ok(addresses)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_neighbours_of_a_hidden_player_never_see_its_address() -> Result<()> {
    bounded(TEST_LIMIT, async {
        let relay = relay().await?;
        let address = relay.listen_addrs().into_iter().next().context("the relay listens")?;
        let named: Multiaddr = format!("{address}/p2p/{}", relay.local_peer()).parse()?;
        let hide = |config: &mut Config| {
            config.hidden = true;
            config.relays = vec![named.clone()];
        };
        let entry = [named.clone()];
        let mut bots = vec![
            Bot::start(1, &entry, [0.0; 3], hide).await?,
            Bot::start(2, &entry, [4.0, 0.0, 0.0], hide).await?,
            // It knows of no relay but as a node of the network like any other.
            Bot::start(3, &entry, [8.0, 0.0, 0.0], |_| ()).await?,
        ];
        until("all three see each other moving", PATIENCE, async || {
            Ok(bots.iter().all(|bot| bot.sees(700) == 2).then_some(()))
        })
        .await?;
        bots.iter_mut().for_each(|bot| drop(bot.events()));
        bots[0].say("hello from nowhere")?;
        for bot in &mut bots[1..] {
            until("the hidden player is heard", PATIENCE, async || {
                Ok((words(&bot.events()) == ["hello from nowhere"]).then_some(()))
            })
            .await?;
        }
        for (watcher, watched) in [(1, 0), (2, 0), (0, 1), (2, 1)] {
            let id = bots[watched].id();
            let seen = addresses(&bots[watcher], id).await?;
            ensure!(!seen.is_empty() && seen.iter().all(is_circuit), "bot {watcher} sees bot {watched} at {seen:?}");
            // The relay knows better, or this test would show nothing.
            let known = relay.peers().into_iter().filter(|peer| peer.id == id).flat_map(|peer| peer.addresses);
            ensure!(known.into_iter().any(|address| !is_circuit(&address)), "the relay has a direct line to {id}");
        }
        for bot in bots {
            bot.stop().await?;
        }
        relay.stop().await?;
        Ok(())
    })
    .await
}
