//! How the network fails: [`Invalid`] is a verdict on what a peer sent, [`Error`] is everything else.

use std::{io, time::Duration};

use libp2p::{Multiaddr, PeerId};

use crate::protocol::Protocol;

/// A verdict on bytes that a peer sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The length prefix is over what the reader takes.
    #[error("a frame of {len} bytes is over the limit of {max} bytes")]
    FrameTooLarge {
        /// Bytes announced.
        len: u64,
        /// Bytes that the reader takes.
        max: usize,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended after {got} of {expected} bytes of a frame")]
    Truncated {
        /// Bytes that arrived.
        got: usize,
        /// Bytes that were announced; 4 while the length itself is incomplete.
        expected: usize,
    },
    /// The frame's bytes are not the message that was expected here.
    #[error("a frame of {len} bytes does not decode: {reason}")]
    Undecodable {
        /// Bytes of the frame.
        len: usize,
        /// What borsh said.
        reason: String,
    },
}

/// Why a peer turned a stream away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// We already hold as many streams there as it gives one peer.
    #[error("too many streams from this node are open there")]
    PerPeer,
    /// It serves as many streams as it can, from all peers together.
    #[error("it serves as many streams as it can")]
    Total,
    /// Its queue of streams that wait to be served is full.
    #[error("its queue of waiting streams is full")]
    Queue,
    /// It answered with a byte that this version doesn't know.
    #[error("it answered with the unknown code {0}")]
    Unknown(u8),
}

/// A failure of ours, of the line, or of a peer to answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The swarm could not be built.
    #[error("cannot set up {what}: {reason}")]
    Setup {
        /// Which part.
        what: &'static str,
        /// Its own words.
        reason: String,
    },
    /// A listen address could not be bound.
    #[error("cannot listen on {address}: {reason}; choose another address or port, or stop what uses it")]
    Listen {
        /// The address as configured.
        address: Multiaddr,
        /// The transport's words.
        reason: String,
    },
    /// A configured relay can't be one.
    #[error("{0} is no address of a relay; write it as /ip4/1.2.3.4/tcp/7771/p2p/12D3…, with the relay's peer id")]
    Relay(Multiaddr),
    /// A hidden node without a relay reaches nobody.
    #[error("a hidden node needs relays; name at least one")]
    NoRelay,
    /// The network was stopped.
    #[error("the network of this node has stopped")]
    Stopped,
    /// A bounded queue or table of ours is full.
    #[error("too much is under way: {what}; try again later")]
    Busy {
        /// Which queue.
        what: &'static str,
    },
    /// The peer is this very node.
    #[error("{0} is this node itself")]
    Itself(PeerId),
    /// Nobody could say where the peer is.
    #[error("no address is known for {0}, and the network could not tell one")]
    NoAddress(PeerId),
    /// The peer was banned by this node.
    #[error("{peer} is banned: {reason}")]
    Banned {
        /// Who.
        peer: PeerId,
        /// What was written down when it was banned.
        reason: String,
    },
    /// Every known address of the peer failed.
    #[error("cannot connect to {peer}: {reason}")]
    Dial {
        /// Who.
        peer: PeerId,
        /// The transports' words.
        reason: String,
    },
    /// The peer doesn't serve this protocol.
    #[error("{peer} does not serve {protocol}")]
    Unsupported {
        /// Who.
        peer: PeerId,
        /// What was asked for.
        protocol: Protocol,
    },
    /// The peer serves the protocol but not this stream now.
    #[error("{peer} refused a stream for {protocol}: {reason}")]
    Refused {
        /// Who.
        peer: PeerId,
        /// What was asked for.
        protocol: Protocol,
        /// Why.
        reason: Refusal,
    },
    /// The stream could not be opened.
    #[error("cannot open a stream for {protocol} to {peer}: {reason}")]
    Open {
        /// Who.
        peer: PeerId,
        /// What was asked for.
        protocol: Protocol,
        /// What went wrong last.
        reason: String,
    },
    /// The protocol is already served by another [`crate::Incoming`].
    #[error("{0} is already being accepted; one receiver per protocol")]
    AlreadyAccepted(Protocol),
    /// The place was joined before, and its [`crate::Joined`] is still there.
    #[error("this place is joined already; one receiver per place")]
    AlreadyJoined,
    /// Something was to be said in a place that this node is not in.
    #[error("this place is not joined; join it to speak in it")]
    NotJoined,
    /// A record of ours was not accepted by this node's own judge.
    #[error("this record is not valid, or a newer one is known here; read the records under its key first")]
    RecordRefused,
    /// A message of ours is over the limit that every receiver enforces.
    #[error("a message of {len} bytes is over the limit of {max} bytes")]
    TooLarge {
        /// Bytes of the message.
        len: usize,
        /// Bytes that travel.
        max: usize,
    },
    /// A message of ours does not encode.
    #[error("a message does not encode: {0}")]
    Encode(String),
    /// A provider key is empty or too long.
    #[error("a provider key of {len} bytes; 1 to {max} are allowed")]
    ProviderKey {
        /// Bytes of the key.
        len: usize,
        /// Most bytes of a key.
        max: usize,
    },
    /// Something took longer than it may.
    #[error("{what} took longer than {limit:?}")]
    Timeout {
        /// What was awaited.
        what: &'static str,
        /// How long it was awaited.
        limit: Duration,
    },
    /// The line failed.
    #[error("stream: {0}")]
    Io(#[from] io::Error),
    /// The peer sent something wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}
