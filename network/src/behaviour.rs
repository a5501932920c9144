//! The protocols that run on every connection, composed. Those that may refuse a connection come first, so that none of
//! the others sees a connection that is about to be refused.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use libp2p::{
    allow_block_list::{self, BlockedPeers},
    connection_limits::{self, ConnectionLimits},
    identify,
    identity::Keypair,
    kad, memory_connection_limits, ping, relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};

use crate::{
    address_book::ADDRESSES_MAX,
    config::{Config, Limits},
    error::Error,
    gossip,
    protocol::{identify_version, kademlia},
    shelf::{PROVIDERS_PER_KEY, Shelf},
    streams,
};

/// A Kademlia message: 128 providers × (42 + 8 addresses × 64) bytes = 71 KiB, rounded up.
const KADEMLIA_MESSAGE_BYTES_MAX: usize = 128 << 10;
const _: () = assert!(PROVIDERS_PER_KEY * (42 + ADDRESSES_MAX * 64) <= KADEMLIA_MESSAGE_BYTES_MAX);
/// Provider records live in memory only, so they are renewed often and die soon after their provider.
const PROVIDER_LIFE: Duration = Duration::from_secs(30 * 60);
const PROVIDER_RENEWAL: Duration = Duration::from_secs(10 * 60);
/// How long a place at a relay is reserved; its holder renews it.
const RESERVATION_LIFE: Duration = Duration::from_secs(3600);
/// Reservations that one peer may make in a row, and how often it may make one after that.
const RESERVATIONS_IN_A_ROW: NonZeroU32 = NonZeroU32::new(30).unwrap();
const RESERVATION_PAUSE: Duration = Duration::from_secs(60);
/// Circuits that one peer may ask for in a row (a player who comes into a crowd), and how often after that.
const CIRCUITS_IN_A_ROW: NonZeroU32 = NonZeroU32::new(128).unwrap();
const CIRCUIT_PAUSE: Duration = Duration::from_secs(2);
/// Kademlia's own periodic look at all buckets; ours runs beside it.
const BUCKET_REFRESH: Duration = Duration::from_secs(5 * 60);
/// Nodes to which a record goes (Kademlia's k).
pub(crate) const REPLICATION: NonZeroUsize = NonZeroUsize::new(20).unwrap();

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) blocked: allow_block_list::Behaviour<BlockedPeers>,
    connections: connection_limits::Behaviour,
    memory: Toggle<memory_connection_limits::Behaviour>,
    pub(crate) kademlia: kad::Behaviour<Shelf>,
    pub(crate) gossip: gossip::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(crate) streams: streams::Behaviour,
    through_relays: relay::client::Behaviour,
    relay: Toggle<relay::Behaviour>,
}

impl Behaviour {
    /// The behaviours of a node; `through_relays` belongs to the transport that was made with it.
    pub(crate) fn new(
        keypair: &Keypair,
        config: &Config,
        through_relays: relay::client::Behaviour,
    ) -> Result<Self, Error> {
        let limits = &config.limits;
        let identify = identify::Config::new(identify_version(config.chain_id), keypair.public())
            .with_agent_version(config.agent.clone())
            .with_hide_listen_addrs(!config.external.is_empty())
            .with_push_listen_addr_updates(true);
        Ok(Behaviour {
            blocked: allow_block_list::Behaviour::default(),
            connections: connection_limits::Behaviour::new(connection_limits(limits)),
            memory: Toggle::from(limits.memory_bytes_max.map(memory_connection_limits::Behaviour::with_max_bytes)),
            kademlia: kademlia_behaviour(keypair, config),
            gossip: gossip::behaviour(keypair, config.chain_id)?,
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::default(),
            streams: streams::Behaviour::default(),
            through_relays,
            relay: Toggle::from(config.relay_serve.then(|| relay_behaviour(keypair, limits))),
        })
    }

    /// Takes a provider record that a peer sent into the store, which cuts it down to what a record needs.
    pub(crate) fn store_provider(&mut self, record: kad::ProviderRecord) {
        use kad::store::RecordStore;
        if let Err(error) = self.kademlia.store_mut().add_provider(record) {
            tracing::debug!(%error, "provider record not kept");
        }
    }
}

fn connection_limits(limits: &Limits) -> ConnectionLimits {
    ConnectionLimits::default()
        .with_max_established(Some(limits.connections))
        .with_max_established_incoming(Some(limits.connections_in))
        .with_max_established_per_peer(Some(limits.connections_per_peer))
        .with_max_pending_incoming(Some(limits.connections_pending))
        .with_max_pending_outgoing(Some(limits.connections_pending))
}

fn relay_behaviour(keypair: &Keypair, limits: &Limits) -> relay::Behaviour {
    let config = relay::Config {
        max_reservations: limits.relay_reservations,
        max_reservations_per_peer: 4,
        reservation_duration: RESERVATION_LIFE,
        reservation_rate_limiters: Vec::new(),
        max_circuits: limits.relay_circuits,
        max_circuits_per_peer: limits.relay_circuits_per_peer,
        max_circuit_duration: limits.relay_circuit_life,
        max_circuit_bytes: limits.relay_circuit_bytes,
        circuit_src_rate_limiters: Vec::new(),
    };
    let config = config
        .reservation_rate_per_peer(RESERVATIONS_IN_A_ROW, RESERVATION_PAUSE)
        .circuit_src_per_peer(CIRCUITS_IN_A_ROW, CIRCUIT_PAUSE);
    relay::Behaviour::new(keypair.public().to_peer_id(), config)
}

fn kademlia_behaviour(keypair: &Keypair, config: &Config) -> kad::Behaviour<Shelf> {
    let local = keypair.public().to_peer_id();
    let mut settings = kad::Config::new(kademlia(config.chain_id));
    settings
        .set_query_timeout(config.limits.query_timeout)
        .set_replication_factor(REPLICATION)
        .set_max_packet_size(KADEMLIA_MESSAGE_BYTES_MAX)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_record_ttl(Some(config.limits.record_life))
        // Those who keep a record tell it to each other; its publisher repeats it by `driver/telling.rs`.
        .set_replication_interval(Some(config.limits.record_renewal))
        .set_publication_interval(None)
        .set_caching(kad::Caching::Disabled)
        .set_provider_record_ttl(Some(PROVIDER_LIFE))
        .set_provider_publication_interval(Some(PROVIDER_RENEWAL))
        .set_periodic_bootstrap_interval(Some(BUCKET_REFRESH))
        // A peer enters the table when it told its addresses and they passed `address::usable`, not before.
        .set_kbucket_inserts(kad::BucketInserts::Manual);
    let mut kademlia = kad::Behaviour::with_config(local, Shelf::new(local), settings);
    // Without an external address Kademlia would stay a client that answers nobody.
    // A hidden node does stay one: each question to it would cost a circuit.
    kademlia.set_mode(Some(if config.hidden { kad::Mode::Client } else { kad::Mode::Server }));
    kademlia
}
