//! Gossip of places: subjects that come and go with the application's interest.
//!
//! The chain's topics are the same for everybody; a place's subject is held only by those who joined it, and a message
//! travels from member to member. Members find each other by other means ([`crate::Handle::provide`] and
//! [`crate::Handle::providers`] under the place's key) and connect; gossip then runs over these connections.
//!
//! What peers can make us hold: nothing, in places that we haven't joined. In those that we have, [`PLACE_WAITING`]
//! messages each.

use std::collections::BTreeMap;

use bytes::Bytes;
use libp2p::{PeerId, gossipsub::TopicHash};
use tokio::sync::mpsc;

use crate::{error::Error, gossip::Reply, topic::Subject};

/// Places joined at once: the location a player stands in and what is in sight of it, several times over.
pub const PLACES_MAX: usize = 64;
/// Bytes of a message in a place.
pub const PLACE_MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Messages of one place that wait for the application: 64 places × 32 × 64 KiB = 128 MiB at worst.
const PLACE_WAITING: usize = 32;

/// A message in a place that waits for a verdict.
#[derive(Debug)]
pub struct PlaceGossip {
    /// Where.
    pub place: [u8; 32],
    /// Who wrote and signed it.
    pub source: PeerId,
    /// Who passed it to us.
    pub forwarder: PeerId,
    /// The message, at most [`PLACE_MESSAGE_BYTES_MAX`] bytes.
    pub data: Bytes,
    /// Where the verdict goes.
    pub reply: Reply,
}

/// What is said in a place. Messages that nobody reads are dropped, newest first. Dropping it leaves the place, within
/// a second or two.
#[derive(Debug)]
pub struct Joined {
    place: [u8; 32],
    messages: mpsc::Receiver<PlaceGossip>,
}

impl Joined {
    /// The next message; `None` once the place was left or the network has stopped. Cancel-safe.
    pub async fn next(&mut self) -> Option<PlaceGossip> {
        self.messages.recv().await
    }

    /// Where this is.
    pub fn place(&self) -> [u8; 32] {
        self.place
    }
}

/// The places joined, by the name of their gossip.
#[derive(Debug, Default)]
pub(crate) struct Places {
    joined: BTreeMap<TopicHash, ([u8; 32], mpsc::Sender<PlaceGossip>)>,
}

impl Places {
    /// Opens a place's queue. An earlier one whose reader is gone is replaced.
    pub(crate) fn join(&mut self, chain_id: u64, place: [u8; 32]) -> Result<Joined, Error> {
        let name = Subject::Place(place).ident(chain_id).hash();
        match self.joined.get(&name) {
            Some((_, queue)) if !queue.is_closed() => return Err(Error::AlreadyJoined),
            None if self.joined.len() >= PLACES_MAX => return Err(Error::Busy { what: "places joined" }),
            _ => {}
        }
        let (queue, messages) = mpsc::channel(PLACE_WAITING);
        self.joined.insert(name, (place, queue));
        Ok(Joined { place, messages })
    }

    /// Closes a place's queue; false if it wasn't open.
    pub(crate) fn leave(&mut self, chain_id: u64, place: [u8; 32]) -> bool {
        self.joined.remove(&Subject::Place(place).ident(chain_id).hash()).is_some()
    }

    pub(crate) fn has_joined(&self, chain_id: u64, place: [u8; 32]) -> bool {
        self.joined.contains_key(&Subject::Place(place).ident(chain_id).hash())
    }

    /// The place of a message, if it was joined.
    pub(crate) fn by_name(&self, name: &TopicHash) -> Option<[u8; 32]> {
        self.joined.get(name).map(|(place, _)| *place)
    }

    /// Passes a message on; `false` if its queue is full. The reply inside is then dropped, which ignores the message.
    pub(crate) fn deliver(&self, name: &TopicHash, gossip: PlaceGossip) -> bool {
        self.joined.get(name).is_some_and(|(_, queue)| queue.try_send(gossip).is_ok())
    }

    /// Places whose reader is gone.
    pub(crate) fn deserted(&self) -> Vec<[u8; 32]> {
        self.joined.values().filter(|(_, queue)| queue.is_closed()).map(|(place, _)| *place).collect()
    }
}
