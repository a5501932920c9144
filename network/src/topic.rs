//! What is gossiped. The set is closed: a node subscribes to all of it, and no peer can make it hold further topics.

use libp2p::gossipsub::{IdentTopic, TopicHash};

/// A subject of gossip. Its name on the wire carries the chain id, so two networks never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Signed transactions on their way to the pools.
    Transactions,
    /// Storage proofs on their way to the proposers.
    Proofs,
    /// Announcements of committed blocks.
    Blocks,
}

impl Topic {
    /// Every topic, in the order of their indices.
    pub const ALL: [Topic; 3] = [Topic::Transactions, Topic::Proofs, Topic::Blocks];

    /// A short name for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Transactions => "transactions",
            Topic::Proofs => "proofs",
            Topic::Blocks => "blocks",
        }
    }

    pub(crate) fn ident(self, chain_id: u64) -> IdentTopic {
        IdentTopic::new(format!("/bitdust/{chain_id}/{}/1", self.name()))
    }

    pub(crate) fn from_hash(chain_id: u64, hash: &TopicHash) -> Option<Self> {
        Topic::ALL.into_iter().find(|topic| topic.ident(chain_id).hash() == *hash)
    }
}
