//! How do bytes reach a peer?
//!
//! One libp2p swarm per node, over QUIC and TCP, and on top of it: *gossip* that the application judges before it travels
//! on, of the chain and of places that are joined and left; *discovery* through Kademlia from one bootstrap address, with
//! *records* that the nodes nearest to a key keep; *streams* with back-pressure for bulk data, and *frames* of borsh on
//! them; *relays* for those who don't show their address. Every queue, connection, stream and message has a bound in
//! [`Limits`] or next to the code that enforces it.
//!
//! This crate knows no transaction, block or shard: payloads are bytes, and whether they are valid is the application's
//! verdict. It writes no file: [`Handle::known_peers`] gives what is worth remembering, [`Config::known`] takes it back.
//!
//! **Invariants**
//! - A gossiped message is forwarded only after the application answered [`Reply::accept`]; a reply that is dropped
//!   forwards nothing.
//! - A record of others is kept only after the application's [`RecordJudge`] accepted it, and replaced only by one that
//!   the judge takes for newer.
//! - A hidden node dials nobody but its relays, and no message of its own names its address.
//! - Peers of another chain id share no Kademlia, gossip topic or stream protocol with us, and are disconnected once
//!   they say who they are.
//! - One task owns the swarm; everything else talks to it through a bounded queue of commands.
//!
//! Read next: [`Network::start`], [`Handle`], then `driver.rs` for the loop and `admission.rs` for inbound streams.

mod address;
mod address_book;
mod admission;
mod bans;
mod behaviour;
mod blame;
mod config;
mod dial_waiters;
mod driver;
mod error;
mod events;
mod fence;
mod gossip;
mod handle;
mod meters;
mod pace;
mod places;
mod protocol;
mod queries;
mod records;
mod relays;
mod shared;
mod shelf;
mod slots;
mod stall;
mod start;
mod stream;
mod streams;
mod topic;
mod transport;
pub mod wire;

pub use libp2p::{Multiaddr, PeerId};

pub use admission::Incoming;
pub use config::{Config, Limits, listen_addresses, peer_id};

pub use error::{Error, Invalid, Refusal};
pub use events::{Event, Events};
pub use gossip::{GOSSIP_BYTES_MAX, Gossip, Published, REMEMBERED, Reply};
pub use handle::{Handle, SUPPLIERS};
pub use places::{Joined, PLACE_MESSAGE_BYTES_MAX, PLACES_MAX, PlaceGossip};
pub use protocol::Protocol;
pub use records::{OWN_RECORDS_MAX, RECORDS_FOUND_MAX, RecordJudge};
pub use shared::Peer;
pub use shelf::RECORD_BYTES_MAX;
pub use start::Network;
pub use stream::Stream;
pub use topic::Topic;

/// A directive for `tracing-subscriber`'s filter: gossipsub warns of each message that somebody repeats on purpose until the chain
/// has it, which [`Published::AlreadySeen`] says to whom it concerns.
pub const LOG_DIRECTIVES: &str = "libp2p_gossipsub=error";
