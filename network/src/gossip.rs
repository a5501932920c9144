//! Gossip: how messages spread, and what it costs to spread bad ones.
//!
//! Order of events: a message arrives → its signature and size are checked → it waits in a bounded queue → the
//! application answers its [`Reply`] → only then does it travel on. A message that is rejected costs the peer that
//! *forwarded* it: honest nodes judge before they forward, so they never pass on what every node rejects.
//!
//! This holds for the chain's topics and for places (`places.rs`) alike.
//!
//! Messages are named by the hash of their content, so the same transaction sent twice within [`REMEMBERED`] travels once.

use std::{net::IpAddr, time::Duration};

use bitdust_types::keccak256;
use bytes::Bytes;
use libp2p::{
    PeerId,
    gossipsub::{
        self, ConfigBuilder, IdentityTransform, MaxCountSubscriptionFilter, Message, MessageAcceptance,
        MessageAuthenticity, MessageId, PeerScoreParams, PeerScoreThresholds, TopicHash, TopicScoreParams,
        TopicSubscriptionFilter, ValidationMode, score_parameter_decay,
    },
    identity::Keypair,
};
use tokio::sync::mpsc;

use crate::{
    error::Error,
    places::PLACES_MAX,
    topic::{Subject, Topic, is_subject},
};

pub use bitdust_types::limits::GOSSIP_BYTES_MAX;

/// Room for the envelope: signature, key, author, topic and control messages in the same packet.
const ENVELOPE_BYTES: usize = 16 << 10;
/// Messages waiting to be sent to one peer. Old ones are dropped by time before the queue is full of large ones.
const SEND_QUEUE: usize = 1024;
/// How long a message may wait to be sent to a peer before it is dropped for that peer.
const SEND_PATIENCE: Duration = Duration::from_secs(5);
/// Subscriptions of one peer that are remembered: everything that an honest node can be subscribed to.
const SUBSCRIPTIONS_MAX: usize = Topic::ALL.len() + PLACES_MAX;
/// Heartbeats (seconds) for which an unjudged message can still be forwarded.
const JUDGEMENT_HEARTBEATS: usize = 20;

/// How long a message is remembered: it isn't passed on twice within this time, and may be after it. Spreading takes a
/// second or two; a message that was lost, because meshes were only forming, can be repeated soon.
pub const REMEMBERED: Duration = Duration::from_secs(10);

/// Score for one rejected message; the penalty grows with the square of their number.
const REJECTED_WEIGHT: f64 = -20.0;
/// How long rejected messages are held against a peer.
const REJECTED_MEMORY: Duration = Duration::from_secs(600);
/// Below this we tell a peer nothing about messages that it may have missed: three rejected ones.
const GOSSIP_SCORE: f64 = -100.0;
/// Below this we send it no messages of our own.
const PUBLISH_SCORE: f64 = -200.0;
/// Below this its messages are thrown away unread, the connection is closed and the peer banned. Four rejected messages
/// score −20 × 4² = −320; what a peer can earn is at most 10, so no merit buys a fifth.
pub(crate) const BAN_SCORE: f64 = -300.0;
/// Peers behind one address before their number counts against them: a household or a small data centre.
const PEERS_PER_IP: f64 = 32.0;

/// Whether a message of ours went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It was handed to at least one peer.
    Sent,
    /// The same bytes were seen within [`REMEMBERED`]; they are spreading already.
    AlreadySeen,
    /// Nobody we are connected with listens to the topic yet.
    NobodyListens,
}

/// A gossiped message that waits for a verdict.
#[derive(Debug)]
pub struct Gossip {
    /// Its subject.
    pub topic: Topic,
    /// Who wrote and signed it.
    pub source: PeerId,
    /// Who passed it to us.
    pub forwarder: PeerId,
    /// The message, at most [`GOSSIP_BYTES_MAX`] bytes.
    pub data: Bytes,
    /// Where the verdict goes.
    pub reply: Reply,
}

/// The verdict on one message is given by consuming this. Dropping it counts as [`Reply::ignore`].
#[derive(Debug)]
pub struct Reply {
    open: Option<Box<(MessageId, PeerId, Subject)>>,
    // Unbounded, but it holds at most one verdict per message that waits in a bounded queue or with the application.
    judged: mpsc::UnboundedSender<Judged>,
}

/// A verdict on its way to the swarm.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) id: MessageId,
    pub(crate) forwarder: PeerId,
    pub(crate) subject: Subject,
    pub(crate) verdict: MessageAcceptance,
    pub(crate) reason: Option<String>,
}

impl Reply {
    pub(crate) fn new(
        id: MessageId,
        forwarder: PeerId,
        subject: Subject,
        judged: mpsc::UnboundedSender<Judged>,
    ) -> Self {
        Reply { open: Some(Box::new((id, forwarder, subject))), judged }
    }

    /// The message is good: forward it.
    pub fn accept(mut self) {
        self.give(MessageAcceptance::Accept, None);
    }

    /// The message is not worth forwarding, but an honest peer may have thought so (for example its nonce was used by
    /// a block that the peer hadn't seen yet).
    pub fn ignore(mut self) {
        self.give(MessageAcceptance::Ignore, None);
    }

    /// The message could not have seemed good to any honest node (for example its signature is wrong): the forwarder
    /// is penalised, and banned after a few.
    pub fn reject(mut self, reason: impl Into<String>) {
        self.give(MessageAcceptance::Reject, Some(reason.into()));
    }

    fn give(&mut self, verdict: MessageAcceptance, reason: Option<String>) {
        if let Some(open) = self.open.take() {
            let (id, forwarder, subject) = *open;
            // A closed channel means that the network has stopped, and with it the need for verdicts.
            let _ = self.judged.send(Judged { id, forwarder, subject, verdict, reason });
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.give(MessageAcceptance::Ignore, None);
    }
}

/// Which subscriptions of peers are remembered: to the chain's topics and to places, and not too many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subjects {
    chain_id: u64,
}

impl TopicSubscriptionFilter for Subjects {
    fn can_subscribe(&mut self, name: &TopicHash) -> bool {
        is_subject(self.chain_id, name)
    }
}

/// The gossip protocol as it is used here.
pub(crate) type Behaviour = gossipsub::Behaviour<IdentityTransform, MaxCountSubscriptionFilter<Subjects>>;

/// The configured gossip protocol, subscribed to every topic of the chain.
pub(crate) fn behaviour(keypair: &Keypair, chain_id: u64) -> Result<Behaviour, Error> {
    let failed = |reason: String| Error::Setup { what: "gossip", reason };
    let config = ConfigBuilder::default()
        .protocol_id_prefix(format!("/bitdust/{chain_id}/gossip"))
        .max_transmit_size(GOSSIP_BYTES_MAX + ENVELOPE_BYTES)
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(message_id)
        .heartbeat_initial_delay(Duration::from_secs(1))
        .history_length(JUDGEMENT_HEARTBEATS)
        .duplicate_cache_time(REMEMBERED)
        .connection_handler_queue_len(SEND_QUEUE)
        .publish_queue_duration(SEND_PATIENCE)
        .forward_queue_duration(SEND_PATIENCE)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let authenticity = MessageAuthenticity::Signed(keypair.clone());
    let filter = MaxCountSubscriptionFilter {
        filter: Subjects { chain_id },
        max_subscribed_topics: SUBSCRIPTIONS_MAX,
        // A peer may leave all and join all anew at once.
        max_subscriptions_per_request: 2 * SUBSCRIPTIONS_MAX,
    };
    let mut behaviour = Behaviour::new_with_subscription_filter(authenticity, config, filter)
        .map_err(|reason| failed(reason.to_owned()))?;
    let thresholds = PeerScoreThresholds {
        gossip_threshold: GOSSIP_SCORE,
        publish_threshold: PUBLISH_SCORE,
        graylist_threshold: BAN_SCORE,
        ..PeerScoreThresholds::default()
    };
    behaviour.with_peer_score(scores(chain_id), thresholds).map_err(failed)?;
    for topic in Topic::ALL {
        behaviour.subscribe(&Subject::Chain(topic).ident(chain_id)).map_err(|error| failed(error.to_string()))?;
    }
    Ok(behaviour)
}

/// Content names a message. The topic is part of it, or bytes rejected on one topic would be lost on another.
fn message_id(message: &Message) -> MessageId {
    let mut named = message.topic.as_str().as_bytes().to_vec();
    named.push(0);
    named.extend_from_slice(&message.data);
    MessageId::new(keccak256(&named).as_slice())
}

/// Rejected messages and broken rules of the protocol cost; silence, slowness and sharing an address with a few others
/// don't. In particular P3, the penalty for delivering *few* messages, stays off: topics here are quiet at times, and
/// it would turn honest peers out.
fn scores(chain_id: u64) -> PeerScoreParams {
    let topic = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.001,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 1000.0,
        first_message_deliveries_weight: 0.02,
        first_message_deliveries_decay: score_parameter_decay(Duration::from_secs(600)),
        first_message_deliveries_cap: 100.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: REJECTED_WEIGHT,
        invalid_message_deliveries_decay: score_parameter_decay(REJECTED_MEMORY),
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: Topic::ALL.into_iter().map(|t| (Subject::Chain(t).ident(chain_id).hash(), topic.clone())).collect(),
        topic_score_cap: 10.0,
        ip_colocation_factor_threshold: PEERS_PER_IP,
        // A whole devnet lives on loopback.
        ip_colocation_factor_whitelist: [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])].into(),
        slow_peer_weight: 0.0,
        ..PeerScoreParams::default()
    }
}
