//! Names of stream protocols. The chain id is put in front here, so that a caller can't forget it.

use std::fmt;

use libp2p::StreamProtocol;

/// A stream protocol: a name and a version, for example `shard/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(&'static str);

impl Protocol {
    /// Shards between customers, suppliers and scrubbers.
    pub const SHARD: Protocol = Protocol("shard/1");
    /// Blocks with their certificates, for nodes that follow the chain.
    pub const BLOCKS: Protocol = Protocol("blocks/1");

    /// Presence between players in sight of each other: poses, gestures, chat. A stream stands as long as the two meet.
    pub const MEET: Protocol = Protocol("meet/1");
    /// Edits of a place, between those who have it open: each gives the other what it lacks.
    pub const EDITS: Protocol = Protocol("edits/1");
    /// Chunks of places from the disks of those who visited them.
    pub const CHUNKS: Protocol = Protocol("chunks/1");

    /// A protocol of this network. `name` has no leading slash and ends in its version.
    pub const fn new(name: &'static str) -> Self {
        Protocol(name)
    }

    /// The name without the network's prefix.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// The name that is negotiated: `/bitdust/<chain id>/<name>`.
    pub(crate) fn on_wire(self, chain_id: u64) -> StreamProtocol {
        let name = format!("/bitdust/{chain_id}/{}", self.0);
        StreamProtocol::try_from_owned(name).expect("a name that begins with a slash is a stream protocol")
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What every node of a chain says about itself in identify; another text means another network.
pub(crate) fn identify_version(chain_id: u64) -> String {
    format!("/bitdust/{chain_id}/1")
}

/// Kademlia's protocol of a chain.
pub(crate) fn kademlia(chain_id: u64) -> StreamProtocol {
    Protocol("kad/1").on_wire(chain_id)
}
