//! What is gossiped.
//!
//! The chain's topics are a closed set to which every node subscribes. The gossip of places (`places.rs`) is joined and
//! left by the application. A peer can make a node hold neither.

use bitdust_types::B256;
use libp2p::gossipsub::{IdentTopic, TopicHash};

/// A subject that every node of a chain listens to.
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
}

/// Anything that is gossiped. Its name on the wire carries the chain id, so two networks never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Chain(Topic),
    Place([u8; 32]),
}

impl Subject {
    /// A short name for logs and metrics; places share one.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Subject::Chain(topic) => topic.name(),
            Subject::Place(_) => "place",
        }
    }

    pub(crate) fn ident(self, chain_id: u64) -> IdentTopic {
        IdentTopic::new(match self {
            Subject::Chain(topic) => format!("/bitdust/{chain_id}/{}/1", topic.name()),
            Subject::Place(place) => format!("/bitdust/{chain_id}/place/{:x}/1", B256::from(place)),
        })
    }
}

impl Topic {
    pub(crate) fn from_hash(chain_id: u64, hash: &TopicHash) -> Option<Self> {
        Topic::ALL.into_iter().find(|topic| Subject::Chain(*topic).ident(chain_id).hash() == *hash)
    }
}

/// Whether a name is one that a node of this chain may subscribe to.
pub(crate) fn is_subject(chain_id: u64, name: &TopicHash) -> bool {
    let place = name.as_str().strip_prefix(&format!("/bitdust/{chain_id}/place/"));
    match place.and_then(|rest| rest.strip_suffix("/1")) {
        Some(hex) => hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        None => Topic::from_hash(chain_id, name).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_subjects_of_this_chain_can_be_subscribed_to() {
        let check = |name: &str, expected| assert_eq!(is_subject(7, &TopicHash::from_raw(name)), expected, "{name}");
        let place = Subject::Place([0xab; 32]).ident(7).hash();
        check(place.as_str(), true);
        check(&place.as_str().to_uppercase(), false);
        check(&place.as_str().replace("/1", "/2"), false);
        check(Subject::Place([0xab; 32]).ident(8).hash().as_str(), false);
        check("/bitdust/7/place/ab/1", false);
        check("/bitdust/7/blocks/1", true);
        check("/bitdust/7/anything/1", false);
        for topic in Topic::ALL {
            assert_eq!(Topic::from_hash(7, &Subject::Chain(topic).ident(7).hash()), Some(topic));
        }
    }
}
