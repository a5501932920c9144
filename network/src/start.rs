//! From a configuration to a running network.

use std::{collections::BTreeMap, sync::Arc};

use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, watch};

use crate::{
    address::split,
    config::{Config, keypair},
    driver::Driver,
    error::Error,
    events::{self, Events},
    handle::Handle,
    relays::Relays,
    shared::Shared,
    transport,
};

/// Commands that wait for the swarm's task; beyond them callers wait.
const COMMANDS_WAITING: usize = 256;

/// The way in.
#[derive(Debug)]
pub struct Network;

impl Network {
    /// Starts a network and returns once it listens on every configured address. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Setup`] for a bad key, [`Error::Relay`] and [`Error::NoRelay`] for relays that can't be used, [`Error::Listen`] naming the address that can't be used.
    pub async fn start(config: Config) -> Result<(Handle, Events), Error> {
        let keypair = keypair(config.secret)?;
        let local = keypair.public().to_peer_id();
        let relays = Relays::new(&config.relays, local)?;
        if config.hidden && config.relays.is_empty() {
            return Err(Error::NoRelay);
        }
        let swarm = transport::swarm(&keypair, &config)?;
        let control = swarm.behaviour().streams.control();
        let shared = Arc::new(Shared::new(local, config.hidden));
        let (announcer, events) = events::channel(config.limits.gossip_waiting);
        let (commands, questions) = mpsc::channel(COMMANDS_WAITING);
        let (life, alive) = watch::channel(());
        let handle = Handle::new(config.chain_id, config.limits.clone(), shared.clone(), commands, control, alive);

        let mut driver = Driver::new(swarm, &config, relays, shared, announcer, questions, life);
        if !config.hidden {
            driver.listen(&config.listen).await?;
            driver.announce(&config.external);
        }
        driver.remember(by_peer(&config.known, local));
        driver.enter(&config.bootstrap);
        tracing::info!(peer = %local, listen = ?handle.listen_addrs(), "network started");
        tokio::spawn(driver.run());
        Ok((handle, events))
    }
}

/// Addresses grouped by the peer id they end in; one without can't be used here and is left out, as is our own.
fn by_peer(known: &[Multiaddr], local: PeerId) -> BTreeMap<PeerId, Vec<Multiaddr>> {
    let mut grouped: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
    for address in known {
        match split(address.clone()) {
            (address, Some(peer)) if peer != local => grouped.entry(peer).or_default().push(address),
            (_, Some(_)) => {}
            (address, None) => tracing::warn!(%address, "known address without a peer id left out"),
        }
    }
    grouped
}
