//! What a player sees and hears of others, in the words of the API.

use bitdust_network::PeerId;
use bitdust_rpc::types::meet::{Around, MeetEvent, PlayerPose};
use bitdust_world::meeting::{Effect, Neighbour, Peer};

use super::{
    super::{board::News, json},
    Presence, State,
};

impl Presence {
    /// What there is to be seen, and what happened from an event on.
    pub fn around(&self, after: Option<u64>) -> Around {
        let state = self.lock();
        let now_ms = self.now_ms();
        let events = match state.board.since(after) {
            News::Since(events) => events,
            News::Anew => {
                let missed = after.map(|_| MeetEvent::Missed);
                let met = state.crowd.neighbours(now_ms).map(|neighbour| met(&neighbour));
                let over = state.over.map(|reason| MeetEvent::Over { reason: reason.to_owned() });
                missed.into_iter().chain(met).chain(over).collect()
            }
        };
        let players = state.crowd.neighbours(now_ms).filter_map(|neighbour| {
            let seen = neighbour.seen?;
            let heard_ms = state.crowd.newest(neighbour.peer).map_or(now_ms, |(_, heard_ms)| heard_ms);
            Some(PlayerPose {
                peer: name_of(neighbour.peer),
                pose: json::pose(&seen),
                age_ms: now_ms.saturating_sub(heard_ms),
                stale: seen.stale,
            })
        });
        Around { next: state.board.next(), events, players: players.collect() }
    }

    /// The right to look on for a while; none if too many do.
    pub fn watch(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        self.watchers.clone().try_acquire_owned().ok()
    }

    /// Lines that stand.
    pub fn lines(&self) -> usize {
        self.lock().lines.len()
    }

    /// Players who have introduced themselves.
    pub fn neighbours(&self) -> Vec<Peer> {
        self.lock().crowd.neighbours(self.now_ms()).map(|neighbour| neighbour.peer.clone()).collect()
    }

    /// Puts what the player sees and hears on the board.
    pub(super) fn note(&self, state: &mut State, now_ms: u64, effect: Effect) {
        let neighbour = |state: &State, peer: &Peer| {
            state.crowd.neighbours(now_ms).find(|neighbour| neighbour.peer == peer).map(|neighbour| met(&neighbour))
        };
        let event = match effect {
            Effect::Met(peer) => neighbour(state, &peer),
            Effect::Left(peer) => Some(MeetEvent::Left { peer: name_of(&peer) }),
            Effect::Said(peer, text) => match neighbour(state, &peer) {
                Some(MeetEvent::Met { peer, name, .. }) => Some(MeetEvent::Said { peer, name, text }),
                _ => None,
            },
            Effect::Gestured(peer, gesture) => {
                Some(MeetEvent::Gestured { peer: name_of(&peer), gesture: json::gesture(gesture) })
            }
            Effect::Refused(peer, invalid) => Some(self.blame(&peer, &invalid.to_string())),
            Effect::Flooding(peer, kind) => {
                Some(self.blame(&peer, &format!("it sends more messages of the kind {kind:?} than is allowed")))
            }
            _ => None,
        };
        event.into_iter().for_each(|event| state.board.note(event));
    }

    pub(super) fn blame(&self, peer: &Peer, reason: &str) -> MeetEvent {
        let name = name_of(peer);
        tracing::warn!(peer = %name, world = %self.me.world, reason, "a player misbehaves");
        self.common.tally.blame(name.clone(), reason);
        MeetEvent::Misbehaved { peer: name, reason: reason.to_owned() }
    }
}

/// A peer's name for people: its libp2p id, or hexadecimal if it is none.
pub fn name_of(peer: &Peer) -> String {
    PeerId::from_bytes(peer.as_bytes()).map_or_else(|_| hex::encode(peer.as_bytes()), |id| id.to_string())
}

fn met(neighbour: &Neighbour<'_>) -> MeetEvent {
    MeetEvent::Met {
        peer: name_of(neighbour.peer),
        account: neighbour.account,
        name: neighbour.name.to_owned(),
        look: json::look(neighbour.look),
        muted: neighbour.muted,
    }
}
