//! The protocols that run on every connection, composed. Those that may refuse a connection come first, so that none of
//! the others sees a connection that is about to be refused.

use std::{num::NonZeroUsize, time::Duration};

use libp2p::{
    allow_block_list::{self, BlockedPeers},
    connection_limits::{self, ConnectionLimits},
    gossipsub, identify,
    identity::Keypair,
    kad::{self, store::MemoryStore},
    memory_connection_limits, ping,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};

use crate::{
    address_book::ADDRESSES_MAX,
    config::{Config, Limits},
    error::Error,
    gossip,
    protocol::{identify_version, kademlia},
};

/// Providers remembered for one key. A supplier is found through the ledger's offers too, so not all must fit.
const PROVIDERS_PER_KEY: usize = 128;
/// Keys that this node may provide.
const KEYS_PROVIDED: usize = 256;
/// A Kademlia message: 128 providers × (42 + 8 addresses × 64) bytes = 71 KiB, rounded up.
const KADEMLIA_MESSAGE_BYTES_MAX: usize = 128 << 10;
/// Provider records live in memory only, so they are renewed often and die soon after their provider.
const PROVIDER_LIFE: Duration = Duration::from_secs(30 * 60);
const PROVIDER_RENEWAL: Duration = Duration::from_secs(10 * 60);
/// Kademlia's own periodic look at all buckets; ours runs beside it.
const BUCKET_REFRESH: Duration = Duration::from_secs(5 * 60);
/// Nodes to which a provider record goes (Kademlia's k).
const REPLICATION: NonZeroUsize = NonZeroUsize::new(20).unwrap();
/// Bytes of a provider key: a hash or a short name.
pub(crate) const PROVIDER_KEY_BYTES_MAX: usize = 64;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) blocked: allow_block_list::Behaviour<BlockedPeers>,
    connections: connection_limits::Behaviour,
    memory: Toggle<memory_connection_limits::Behaviour>,
    pub(crate) kademlia: kad::Behaviour<MemoryStore>,
    pub(crate) gossip: gossipsub::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(crate) streams: libp2p_stream::Behaviour,
}

impl Behaviour {
    pub(crate) fn new(keypair: &Keypair, config: &Config) -> Result<Self, Error> {
        let limits = &config.limits;
        let identify = identify::Config::new(identify_version(config.chain_id), keypair.public())
            .with_agent_version(config.agent.clone())
            .with_push_listen_addr_updates(true);
        Ok(Behaviour {
            blocked: allow_block_list::Behaviour::default(),
            connections: connection_limits::Behaviour::new(connection_limits(limits)),
            memory: Toggle::from(limits.memory_bytes_max.map(memory_connection_limits::Behaviour::with_max_bytes)),
            kademlia: kademlia_behaviour(keypair, config),
            gossip: gossip::behaviour(keypair, config.chain_id)?,
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::default(),
            streams: libp2p_stream::Behaviour::new(),
        })
    }

    /// Takes a provider record that a peer sent into the store, cut down to what a record needs.
    pub(crate) fn store_provider(&mut self, mut record: kad::ProviderRecord) {
        use kad::store::RecordStore;
        if record.key.as_ref().len() > PROVIDER_KEY_BYTES_MAX {
            tracing::debug!(provider = %record.provider, "provider record with an oversized key refused");
            return;
        }
        record.addresses.truncate(ADDRESSES_MAX);
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

fn kademlia_behaviour(keypair: &Keypair, config: &Config) -> kad::Behaviour<MemoryStore> {
    let local = keypair.public().to_peer_id();
    let store = kad::store::MemoryStoreConfig {
        // No values are kept: what must be agreed on is on the ledger, and what is stored is sold.
        max_records: 0,
        max_value_bytes: 0,
        max_providers_per_key: PROVIDERS_PER_KEY,
        max_provided_keys: KEYS_PROVIDED,
    };
    let mut settings = kad::Config::new(kademlia(config.chain_id));
    settings
        .set_query_timeout(config.limits.query_timeout)
        .set_replication_factor(REPLICATION)
        .set_max_packet_size(KADEMLIA_MESSAGE_BYTES_MAX)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_provider_record_ttl(Some(PROVIDER_LIFE))
        .set_provider_publication_interval(Some(PROVIDER_RENEWAL))
        .set_periodic_bootstrap_interval(Some(BUCKET_REFRESH))
        // A peer enters the table when it told its addresses and they passed `address::usable`, not before.
        .set_kbucket_inserts(kad::BucketInserts::Manual);
    let mut kademlia = kad::Behaviour::with_config(local, MemoryStore::with_config(local, store), settings);
    // Without an external address Kademlia would stay a client that answers nobody.
    kademlia.set_mode(Some(kad::Mode::Server));
    kademlia
}
