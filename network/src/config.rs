//! What a node is told at start, and every bound on what peers can make it hold.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use libp2p::{Multiaddr, PeerId, identity::Keypair, multiaddr::Protocol as Part};

use crate::{error::Error, records::RecordJudge};

/// Everything that [`crate::Network::start`] needs.
#[derive(Clone)]
pub struct Config {
    /// Seed of the Ed25519 key (RFC 8032) whose public key is the peer id.
    pub secret: [u8; 32],
    /// Where to listen; see [`listen_addresses`]. Port 0 lets the system choose.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach this node when they are not the ones it listens on (port forwarding). If there are
    /// any, those that it listens on are told to nobody.
    pub external: Vec<Multiaddr>,
    /// Entry points, with or without `/p2p/<peer id>` at the end. One that answers is enough.
    pub bootstrap: Vec<Multiaddr>,
    /// What [`crate::Handle::known_peers`] gave in an earlier life; makes the bootstrap dispensable.
    pub known: Vec<Multiaddr>,
    /// EIP-155 chain id; separates networks.
    pub chain_id: u64,
    /// Name and version shown to peers.
    pub agent: String,
    /// Nodes that relay to this one, each address ending in `/p2p/<peer id>`. A place is reserved at each and announced
    /// with the other addresses, so that hidden nodes reach this one too.
    pub relays: Vec<Multiaddr>,
    /// Be reached, and reach others, through `relays` alone, so that nobody but they learn this node's address. `listen`
    /// and `external` are ignored. Only peers that have a place at one of our relays, or that dial us, can be met.
    pub hidden: bool,
    /// Dial nobody but `bootstrap`, and listen on nothing (`listen` must be empty): behind a firewall that lets out to named
    /// hosts only. Others are met as far as they are entry points.
    pub walled: bool,
    /// Relay between others, within `relay_…` in [`Limits`]. For nodes that everybody can reach.
    pub relay_serve: bool,
    /// Judges records. Without one this node keeps no records for others and puts none; it can read them.
    pub records: Option<Arc<dyn RecordJudge>>,
    /// Bounds.
    pub limits: Limits,
}

impl Config {
    /// A configuration that listens on free loopback ports, over QUIC and TCP, and knows nobody.
    pub fn new(secret: [u8; 32], chain_id: u64) -> Self {
        Config {
            secret,
            listen: listen_addresses(IpAddr::from([127, 0, 0, 1]), 0),
            external: Vec::new(),
            bootstrap: Vec::new(),
            known: Vec::new(),
            chain_id,
            agent: concat!("bitdust/", env!("CARGO_PKG_VERSION")).to_owned(),
            relays: Vec::new(),
            hidden: false,
            walled: false,
            relay_serve: false,
            records: None,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Config {
    /// Everything but the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("external", &self.external)
            .field("bootstrap", &self.bootstrap)
            .field("known", &self.known.len())
            .field("chain_id", &self.chain_id)
            .field("relays", &self.relays)
            .field("hidden", &self.hidden)
            .field("relay_serve", &self.relay_serve)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// TCP and QUIC on one IP and port. QUIC is first: it saves round trips and has no head-of-line blocking.
pub fn listen_addresses(ip: IpAddr, port: u16) -> Vec<Multiaddr> {
    let base = Multiaddr::from(ip);
    vec![base.clone().with(Part::Udp(port)).with(Part::QuicV1), base.with(Part::Tcp(port))]
}

/// The peer id that belongs to a secret.
pub fn peer_id(secret: [u8; 32]) -> Result<PeerId, Error> {
    keypair(secret).map(|pair| pair.public().to_peer_id())
}

pub(crate) fn keypair(secret: [u8; 32]) -> Result<Keypair, Error> {
    Keypair::ed25519_from_bytes(secret)
        .map_err(|error| Error::Setup { what: "the network key", reason: error.to_string() })
}

/// Bounds on connections, streams, queues and time. The defaults are for one node of a public network.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Established connections. A QUIC connection buffers at most 8 MiB for a reader that doesn't read, so the worst
    /// case is 256 × 8 MiB = 2 GiB under attack by 256 distinct peers; see also `memory_bytes_max`.
    pub connections: u32,
    /// Established inbound connections: fewer than all, so that strangers can't take every place.
    pub connections_in: u32,
    /// Connections being set up, in each direction.
    pub connections_pending: u32,
    /// Connections with one peer: both may dial at once, over QUIC and TCP.
    pub connections_per_peer: u32,
    /// No further connection while the process holds more physical memory than this.
    pub memory_bytes_max: Option<usize>,
    /// Inbound streams being served, over all peers and protocols.
    pub streams_in: usize,
    /// Inbound streams being served for one peer.
    pub streams_in_per_peer: usize,
    /// Streams that we keep open to one peer; further callers wait. Fewer than `streams_in_per_peer`, since the far end
    /// notices later than we do that a stream has ended.
    pub streams_out_per_peer: usize,
    /// Accepted streams of one protocol that wait for the application.
    pub streams_waiting: usize,
    /// A read or write on a stream that makes no progress for this long fails.
    pub stream_idle: Duration,
    /// Connecting, if need be with a search for the peer, and opening a stream.
    pub open_timeout: Duration,
    /// Gossiped messages of one topic that wait for the application: 3 topics × 256 × 256 KiB = 192 MiB at worst.
    pub gossip_waiting: usize,
    /// A Kademlia query.
    pub query_timeout: Duration,
    /// Kademlia queries under way for the application.
    pub queries: usize,
    /// How long a record is kept for others after its publisher has last told it.
    pub record_life: Duration,
    /// Time between a publisher's tellings of a record, and between those of the nodes that keep it for others.
    pub record_renewal: Duration,
    /// Peers that may have a place reserved at us, each for an hour at a time.
    pub relay_reservations: usize,
    /// Circuits that we relay at once. Each passes on through a buffer of 8 KiB in each direction.
    pub relay_circuits: usize,
    /// Circuits that begin or end at one peer: a crowd that speaks with one hidden player.
    pub relay_circuits_per_peer: usize,
    /// Bytes after which a circuit is cut; the two may dial anew. Poses and edits of an hour are some 100 MiB.
    pub relay_circuit_bytes: u64,
    /// Time after which a circuit is cut.
    pub relay_circuit_life: Duration,
    /// Peers that a node tries to be connected with while it knows more.
    pub peers_wanted: usize,
    /// Time between looks at the network once it is well known; it starts at one second and doubles.
    pub discovery_interval_max: Duration,
    /// How long a ban lasts.
    pub ban: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 256,
            connections_in: 192,
            connections_pending: 64,
            connections_per_peer: 4,
            memory_bytes_max: None,
            streams_in: 512,
            streams_in_per_peer: 64,
            streams_out_per_peer: 48,
            streams_waiting: 64,
            stream_idle: Duration::from_secs(60),
            open_timeout: Duration::from_secs(30),
            gossip_waiting: 256,
            query_timeout: Duration::from_secs(30),
            queries: 64,
            record_life: Duration::from_secs(24 * 3600),
            record_renewal: Duration::from_secs(3600),
            relay_reservations: 128,
            relay_circuits: 256,
            relay_circuits_per_peer: 64,
            relay_circuit_bytes: 256 << 20,
            relay_circuit_life: Duration::from_secs(2 * 3600),
            peers_wanted: 32,
            discovery_interval_max: Duration::from_secs(60),
            ban: Duration::from_secs(3600),
        }
    }
}
