//! What the network tells the application, through bounded queues.
//!
//! Each topic has a queue of its own, so a flood of transactions can't push out proofs or blocks. Comings and goings of
//! peers may be dropped when nobody reads them; [`crate::Handle::peers`] is always right.

use libp2p::PeerId;
use tokio::sync::mpsc;

use crate::{gossip::Gossip, topic::Topic};

/// Comings and goings that wait to be read.
const NEWS_WAITING: usize = 256;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A message arrived and waits for a verdict.
    Gossip(Gossip),
    /// The first connection with a peer stands.
    Connected(PeerId),
    /// The last connection with a peer is gone.
    Disconnected(PeerId),
    /// A peer was shut out.
    Banned {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: String,
    },
}

/// The receiving end. Gossip that nobody reads is dropped, newest first.
#[derive(Debug)]
pub struct Events {
    news: mpsc::Receiver<Event>,
    blocks: mpsc::Receiver<Gossip>,
    proofs: mpsc::Receiver<Gossip>,
    transactions: mpsc::Receiver<Gossip>,
}

impl Events {
    /// The next event, blocks before proofs before transactions; `None` once the network has stopped. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            Some(news) = self.news.recv() => Some(news),
            Some(gossip) = self.blocks.recv() => Some(Event::Gossip(gossip)),
            Some(gossip) = self.proofs.recv() => Some(Event::Gossip(gossip)),
            Some(gossip) = self.transactions.recv() => Some(Event::Gossip(gossip)),
            else => None,
        }
    }
}

/// The swarm's end.
#[derive(Debug)]
pub(crate) struct Announcer {
    news: mpsc::Sender<Event>,
    blocks: mpsc::Sender<Gossip>,
    proofs: mpsc::Sender<Gossip>,
    transactions: mpsc::Sender<Gossip>,
}

impl Announcer {
    /// Passes a message on; `false` if its queue is full. The reply inside is then dropped, which ignores the message.
    pub(crate) fn gossip(&self, gossip: Gossip) -> bool {
        let queue = match gossip.topic {
            Topic::Blocks => &self.blocks,
            Topic::Proofs => &self.proofs,
            Topic::Transactions => &self.transactions,
        };
        queue.try_send(gossip).is_ok()
    }

    pub(crate) fn news(&self, event: Event) {
        // Full: see the file's head.
        let _ = self.news.try_send(event);
    }
}

/// Both ends, with room for `gossip_waiting` messages per topic.
pub(crate) fn channel(gossip_waiting: usize) -> (Announcer, Events) {
    let (news_in, news) = mpsc::channel(NEWS_WAITING);
    let (blocks_in, blocks) = mpsc::channel(gossip_waiting);
    let (proofs_in, proofs) = mpsc::channel(gossip_waiting);
    let (transactions_in, transactions) = mpsc::channel(gossip_waiting);
    let announcer = Announcer { news: news_in, blocks: blocks_in, proofs: proofs_in, transactions: transactions_in };
    (announcer, Events { news, blocks, proofs, transactions })
}
