//! Sets the engine up from our [`Settings`]: timeouts, swarm, identity, log.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bitdust_types::{Address, keccak256, signing};
use k256::ecdsa::SigningKey;
use malachitebft_app_channel::{
    Channels, ConsensusContext, EngineBuilder, EngineHandle, NetworkContext, NetworkIdentity, RequestContext,
    SyncContext, WalContext,
    app::{
        config::{
            ConsensusConfig, DiscoveryConfig, GossipSubConfig, NodeConfig, P2pConfig, ProtocolNames,
            PubSubMaxSizePerTopic, PubSubProtocol, ValueSyncConfig,
        },
        net::Multiaddr,
        types::{Keypair, codec::Codec},
    },
};
use malachitebft_core_types::LinearTimeouts;
use malachitebft_signing::Signer;

use super::{
    codec::{BATCH_BLOCKS_MAX, PART_WIRE_BYTES_MAX, RESPONSE_BYTES_MAX, Wire},
    context::Bft,
    scheme::{Keeper, PublicKey},
};
use crate::{Error, Settings};

/// Gossip messages: eight parts' worth, far above any message we send.
const GOSSIP_BYTES_MAX: usize = 1024 * 1024;
/// Connections from one address: 100 validators behind one address, in both directions, with as many to spare for
/// reconnections. A devnet runs all its validators on one machine.
const CONNECTIONS_PER_IP_MAX: usize = 400;
/// Peers that we keep connections to in each direction: all validators.
const PEERS_MAX: usize = 128;

/// The settings in the engine's form.
#[derive(Clone)]
struct Config {
    moniker: String,
    consensus: ConsensusConfig,
    sync: ValueSyncConfig,
}

impl NodeConfig for Config {
    fn moniker(&self) -> &str {
        &self.moniker
    }

    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }

    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }

    fn value_sync(&self) -> &ValueSyncConfig {
        &self.sync
    }

    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.sync
    }
}

/// Timeouts of a round. A live network waits for none of them; a dead proposer costs `propose` on its turns. They grow
/// with the round, so that a network slower than expected still comes to a decision.
pub(super) fn timeouts(block_time: Duration) -> LinearTimeouts {
    let propose = block_time.clamp(Duration::from_secs(1), Duration::from_secs(4));
    let vote = propose / 2;
    LinearTimeouts {
        propose,
        propose_delta: propose / 2,
        prevote: vote,
        prevote_delta: vote / 2,
        precommit: vote,
        precommit_delta: vote / 2,
        rebroadcast: propose + vote + vote,
        max_timeout: Duration::from_secs(30),
    }
}

/// The engine's log. The number is that of the codec's forms.
pub(super) fn wal_path(settings: &Settings) -> PathBuf {
    settings.wal_dir.join("wal-1")
}

/// The key of our place in the swarm, derived from the validator's key so that it is the same after any restart. Knowing
/// it does not reveal the validator's key.
pub(super) fn swarm_key(key: &SigningKey) -> Result<Keypair, Error> {
    let mut material = b"bitdust/consensus peer key/1".to_vec();
    material.extend_from_slice(&key.to_bytes());
    Keypair::ed25519_from_bytes(keccak256(material).0).map_err(|error| Error::Start(error.to_string()))
}

/// Builds and starts the engine.
pub(super) async fn build(settings: &Settings, keeper: &Keeper) -> Result<(Channels<Bft>, EngineHandle), Error> {
    let start = |error: &dyn std::fmt::Display| Error::Start(error.to_string());
    let key = PublicKey::of(settings.signing_key.verifying_key());
    let address: Address = signing::address_of(settings.signing_key.verifying_key());
    let swarm_key = swarm_key(&settings.signing_key)?;
    let peer = swarm_key.public().to_peer_id().to_bytes();
    let proof = keeper.sign_validator_proof(key.compressed().to_vec(), peer).await.map_err(|error| start(&error))?;
    let proof = Wire.encode(&proof).map_err(|error| start(&error))?;
    let identity = NetworkIdentity::new_validator(settings.moniker.clone(), swarm_key, address.to_string(), proof);
    EngineBuilder::new(Bft, config(settings)?)
        .with_default_wal(WalContext::new(wal_path(settings), Wire))
        .with_default_network(NetworkContext::new(identity, Wire))
        .with_default_consensus(ConsensusContext::new_validator(
            address.into(),
            Box::new(keeper.clone()),
            Box::new(keeper.clone()),
        ))
        .with_default_sync(SyncContext::new(Wire))
        .with_default_request(RequestContext::new(16))
        .build()
        .await
        .map_err(|error| start(&format_args!("{error:#}")))
}

fn config(settings: &Settings) -> Result<Config, Error> {
    let size = |bytes: usize| {
        // The engine's size type is not ours to name; it reads texts.
        format!("{bytes} B").parse().map_err(|error: String| Error::Start(error))
    };
    let chain = settings.chain_id;
    let p2p = P2pConfig {
        listen_addr: multiaddr(settings.listen)?,
        persistent_peers: settings.peers.iter().copied().map(multiaddr).collect::<Result<_, _>>()?,
        discovery: DiscoveryConfig {
            max_connections_per_ip: CONNECTIONS_PER_IP_MAX,
            ip_throttle_duration: Duration::from_secs(1),
            num_inbound_peers: PEERS_MAX,
            num_outbound_peers: PEERS_MAX,
            ..DiscoveryConfig::default()
        },
        protocol: PubSubProtocol::GossipSub(GossipSubConfig::default()),
        pubsub_max_size: size(GOSSIP_BYTES_MAX)?,
        pubsub_max_size_per_topic: PubSubMaxSizePerTopic {
            proposal_parts: Some(size(PART_WIRE_BYTES_MAX)?),
            ..PubSubMaxSizePerTopic::default()
        },
        rpc_max_size: size(RESPONSE_BYTES_MAX)?,
        // Networks with different chain ids don't even talk to each other.
        protocol_names: ProtocolNames {
            consensus: format!("/bitdust/{chain}/consensus/1"),
            discovery_kad: format!("/bitdust/{chain}/consensus-kad/1"),
            discovery_regres: format!("/bitdust/{chain}/consensus-peers/1"),
            sync: format!("/bitdust/{chain}/consensus-sync/1"),
            validator_proof: format!("/bitdust/{chain}/consensus-validator/1"),
        },
        ..P2pConfig::default()
    };
    Ok(Config {
        moniker: settings.moniker.clone(),
        consensus: ConsensusConfig { p2p, ..ConsensusConfig::default() },
        sync: ValueSyncConfig {
            status_update_interval: settings.block_time.clamp(Duration::from_millis(500), Duration::from_secs(5)),
            request_timeout: Duration::from_secs(20),
            max_response_size: size(RESPONSE_BYTES_MAX)?,
            parallel_requests: 4,
            batch_size: BATCH_BLOCKS_MAX,
            ..ValueSyncConfig::default()
        },
    })
}

fn multiaddr(address: SocketAddr) -> Result<Multiaddr, Error> {
    let version = if address.is_ipv4() { "ip4" } else { "ip6" };
    let text = format!("/{version}/{}/tcp/{}", address.ip(), address.port());
    text.parse().map_err(|error| Error::Start(format!("{text} is no address: {error}")))
}
