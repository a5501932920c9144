//! The lines: QUIC, and TCP with noise and yamux, both behind the system's name resolution; and, through relays, circuits
//! with noise and yamux of their own, so that a relay can't read what it passes on.

use std::{num::NonZeroU8, time::Duration};

use libp2p::{
    PeerId, Swarm, Transport,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade},
    dns,
    identity::Keypair,
    noise, quic, relay, swarm, tcp, yamux,
};

use crate::{behaviour::Behaviour, config::Config, error::Error, fence::Fence};

/// Streams of one connection, gossip and Kademlia's included. Yamux gives each a window of 256 KiB at first.
const STREAMS_PER_CONNECTION: u32 = 256;
/// Bytes in flight on one QUIC stream: 4 MiB at 100 ms are 320 Mbit/s.
const QUIC_STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// Bytes in flight on one QUIC connection, and so what a peer that doesn't read can make us buffer.
const QUIC_CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
/// How long a dead QUIC peer goes unnoticed. A busy laptop may leave a node without a turn for seconds; with 10 s, the
/// default, full load would cut lines.
const QUIC_IDLE: Duration = Duration::from_secs(15);
/// Dialling and handshakes.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection without streams is closed after this. Long, because gossip and Kademlia profit from lines that stand.
const CONNECTION_IDLE: Duration = Duration::from_secs(300);
/// Addresses of one peer that are tried at the same time.
const DIALS_AT_ONCE: NonZeroU8 = NonZeroU8::new(4).unwrap();
/// Inbound streams of one connection that haven't agreed on a protocol yet.
const STREAMS_NEGOTIATING: usize = 64;

type Output = (PeerId, StreamMuxerBox);

/// The swarm of a node.
pub(crate) fn swarm(keypair: &Keypair, config: &Config) -> Result<Swarm<Behaviour>, Error> {
    let local = keypair.public().to_peer_id();
    let (circuits, through_relays) = relay::client::new(local);
    let circuits = circuits
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise(keypair)?)
        .multiplex(yamux())
        .timeout(HANDSHAKE)
        .boxed();
    let direct = with_names(keypair)?;
    let direct = match config {
        Config { hidden: true, relays, .. } => Fence::hiding(direct, relays).boxed(),
        Config { walled: true, bootstrap, .. } => Fence::walling(direct, bootstrap).boxed(),
        _ => direct,
    };
    let transport = circuits.or_transport(direct).map(|either, _| either.into_inner()).boxed();
    let behaviour = Behaviour::new(keypair, config, through_relays)?;
    let config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(CONNECTION_IDLE)
        .with_dial_concurrency_factor(DIALS_AT_ONCE)
        .with_max_negotiating_inbound_streams(STREAMS_NEGOTIATING);
    Ok(Swarm::new(transport, behaviour, local, config))
}

/// Resolves `/dns…` addresses. A machine without a usable `/etc/resolv.conf` can still reach numeric addresses, so the
/// lack of one is no reason not to start.
fn with_names(keypair: &Keypair) -> Result<Boxed<Output>, Error> {
    use dns::tokio::Transport as Names;
    match Names::system(lines(keypair)?) {
        Ok(transport) => Ok(transport.boxed()),
        Err(error) => {
            tracing::warn!(%error, "no system name resolution; using public resolvers for /dns addresses");
            let (config, options) = (dns::ResolverConfig::default(), dns::ResolverOpts::default());
            Ok(Names::custom(lines(keypair)?, config, options).boxed())
        }
    }
}

fn lines(keypair: &Keypair) -> Result<Boxed<Output>, Error> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise(keypair)?)
        .multiplex(yamux())
        .timeout(HANDSHAKE)
        .boxed();

    let mut config = quic::Config::new(keypair);
    config.max_concurrent_stream_limit = STREAMS_PER_CONNECTION;
    config.max_stream_data = QUIC_STREAM_WINDOW_BYTES;
    config.max_connection_data = QUIC_CONNECTION_WINDOW_BYTES;
    config.max_idle_timeout = QUIC_IDLE.as_millis() as u32;
    config.handshake_timeout = HANDSHAKE;
    let quic = quic::tokio::Transport::new(config).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));

    Ok(quic.or_transport(tcp).map(|either, _| either.into_inner()).boxed())
}

fn noise(keypair: &Keypair) -> Result<noise::Config, Error> {
    noise::Config::new(keypair).map_err(|error| Error::Setup { what: "noise encryption", reason: error.to_string() })
}

fn yamux() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_PER_CONNECTION as usize);
    config
}
