//! Gossip on its way through: ours out, that of others to the application, and the verdicts back.

use std::time::Instant;

use bytes::Bytes;
use libp2p::{
    PeerId,
    gossipsub::{Message, MessageAcceptance, MessageId, PublishError},
};

use super::Driver;
use crate::{
    error::Error,
    gossip::{BAN_SCORE, GOSSIP_BYTES_MAX, Gossip, Judged, Published, Reply},
    meters,
    places::{Joined, PLACE_MESSAGE_BYTES_MAX, PlaceGossip},
    topic::{Subject, Topic},
};

impl Driver {
    pub(super) fn publish(&mut self, subject: Subject, data: Bytes) -> Result<Published, Error> {
        if let Subject::Place(place) = subject
            && !self.places.has_joined(self.chain_id, place)
        {
            return Err(Error::NotJoined);
        }
        let len = data.len();
        let sent = self.swarm.behaviour_mut().gossip.publish(subject.ident(self.chain_id), data);
        match sent {
            Ok(_) => {
                meters::gossip(subject, "published");
                meters::gossip_bytes(subject, len);
                Ok(Published::Sent)
            }
            Err(PublishError::Duplicate) => Ok(Published::AlreadySeen),
            Err(PublishError::NoPeersSubscribedToTopic) => Ok(Published::NobodyListens),
            Err(PublishError::MessageTooLarge) => Err(Error::TooLarge { len, max: bytes_max(subject) }),
            Err(PublishError::AllQueuesFull(_)) => Err(Error::Busy { what: "gossip to every peer" }),
            Err(error @ (PublishError::SigningError(_) | PublishError::TransformFailed(_))) => {
                Err(Error::Setup { what: "a gossip message", reason: error.to_string() })
            }
        }
    }

    pub(super) fn judge(&mut self, judged: Judged) {
        let Judged { id, forwarder, subject, verdict, reason } = judged;
        let rejected = matches!(verdict, MessageAcceptance::Reject);
        meters::gossip(
            subject,
            match verdict {
                MessageAcceptance::Accept => "accepted",
                MessageAcceptance::Ignore => "ignored",
                MessageAcceptance::Reject => "rejected",
            },
        );
        let in_time = self.swarm.behaviour_mut().gossip.report_message_validation_result(&id, &forwarder, verdict);
        if !in_time {
            tracing::debug!(%forwarder, topic = subject.name(), "verdict on gossip came too late");
        }
        if rejected {
            let reason = reason.unwrap_or_default();
            tracing::warn!(%forwarder, topic = subject.name(), %reason, "gossip rejected");
            let reason = format!("rejected gossip on {}: {reason}", subject.name());
            match subject {
                Subject::Chain(_) => self.ban_if_outcast(forwarder, &reason),
                Subject::Place(_) if self.blame.rejected(forwarder, Instant::now()) => self.ban(forwarder, &reason),
                Subject::Place(_) => {}
            }
        }
    }

    pub(super) fn join(&mut self, place: [u8; 32]) -> Result<Joined, Error> {
        let joined = self.places.join(self.chain_id, place)?;
        let topic = Subject::Place(place).ident(self.chain_id);
        // Subscribing twice, to a place whose reader has just gone, is no failure.
        if let Err(error) = self.swarm.behaviour_mut().gossip.subscribe(&topic) {
            self.places.leave(self.chain_id, place);
            return Err(Error::Setup { what: "the gossip of a place", reason: error.to_string() });
        }
        Ok(joined)
    }

    pub(super) fn leave(&mut self, place: [u8; 32]) {
        if self.places.leave(self.chain_id, place) {
            self.swarm.behaviour_mut().gossip.unsubscribe(&Subject::Place(place).ident(self.chain_id));
        }
    }

    pub(super) fn leave_deserted_places(&mut self) {
        for place in self.places.deserted() {
            self.leave(place);
        }
    }

    pub(super) fn gossip_arrived(&mut self, forwarder: PeerId, id: MessageId, message: Message) {
        let known = Topic::from_hash(self.chain_id, &message.topic).map(Subject::Chain);
        let Some(subject) = known.or_else(|| self.places.by_name(&message.topic).map(Subject::Place)) else { return };
        let reply = Reply::new(id, forwarder, subject, self.judged_in.clone());
        meters::gossip_bytes(subject, message.data.len());
        let max = bytes_max(subject);
        if message.data.len() > max {
            reply.reject(format!("{} bytes are over the limit of {max}", message.data.len()));
            return;
        }
        // Strict validation has checked that the author is named and has signed.
        let Some(source) = message.source else {
            reply.reject("no author");
            return;
        };
        let data = Bytes::from(message.data);
        let delivered = match subject {
            Subject::Chain(topic) => self.announcer.gossip(Gossip { topic, source, forwarder, data, reply }),
            Subject::Place(place) => {
                self.places.deliver(&message.topic, PlaceGossip { place, source, forwarder, data, reply })
            }
        };
        if !delivered {
            meters::gossip(subject, "dropped");
            tracing::debug!(topic = subject.name(), "gossip dropped: the application's queue is full");
        }
    }

    /// Bans a peer whose gossip has earned it.
    pub(super) fn ban_if_outcast(&mut self, peer: PeerId, reason: &str) {
        let score = self.swarm.behaviour().gossip.peer_score(&peer);
        if score.is_some_and(|score| score < BAN_SCORE) {
            self.ban(peer, reason);
        }
    }
}

/// Bytes of the longest message.
fn bytes_max(subject: Subject) -> usize {
    match subject {
        Subject::Chain(_) => GOSSIP_BYTES_MAX,
        Subject::Place(_) => PLACE_MESSAGE_BYTES_MAX,
    }
}
