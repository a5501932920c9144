//! Edits on their way between those who are at a place: gossiped at once, repeated until suppliers hold them.
//!
//! Order: an edit is signed and put into our own graph → gossiped in the place's topic → everybody there checks signature,
//! rights and past before it is passed on → the owner's node brings it to the suppliers ([`super::keeping`]). What is lost on
//! the way (a network that was cut in two, a node that came later) is repeated by its author until it is in the log that
//! suppliers hold, so that both halves end with the same edits.
//!
//! **Invariant:** a peer's edit is neither kept nor passed on before this node has checked it.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use anyhow::Result;
use bitdust_network::{Handle, Joined, PlaceGossip};
use bitdust_world::{
    edits::{Inserted, Invalid, Message, Op, Secp256k1},
    location::head_key,
};

use super::{Worlds, place::Place};

/// How often places are looked after.
const PERIOD: Duration = Duration::from_millis(500);
/// Before an edit that suppliers lack is said again: gossip forgets after 10 s what it has passed on.
const REPEAT: Duration = Duration::from_secs(11);
/// Edits said again at once.
const REPEATED_AT_ONCE: usize = 64;
/// How often the account's own claims are opened, so that guests' edits find somebody who keeps them.
const OWN_CLAIMS: Duration = Duration::from_secs(10);
/// Own claims kept open.
const OWN_CLAIMS_MAX: usize = 48;

impl Worlds {
    /// Listens and speaks at the places that are open, until the node stops.
    pub async fn spread(self: Arc<Self>, network: Handle) -> Result<()> {
        // Set once, before anything is edited.
        let _ = self.network.set(network.clone());
        let mut claims_opened: Option<Instant> = None;
        loop {
            if claims_opened.is_none_or(|at| at.elapsed() >= OWN_CLAIMS) {
                claims_opened = Some(Instant::now());
                self.open_own_claims().await;
            }
            for place in self.open_places() {
                if place.begin_listening() {
                    match network.join(place.topic()).await {
                        Ok(joined) => drop(tokio::spawn(listen(Arc::downgrade(&place), joined))),
                        // There are more places open than can be listened to; this one may have its turn later.
                        Err(_) => place.end_listening(),
                    }
                }
                self.repeat(&place).await;
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Says an edit to everybody at the place.
    pub(super) async fn say(&self, place: &Place, op: Vec<u8>) {
        let Some(network) = self.network.get() else { return };
        let sequence = place.state().graph.base().sequence();
        let batch = bitdust_world::edits::sync::Batch { sequence, ops: vec![op], next: None };
        // Nobody may be there; whoever comes reads it from the suppliers.
        let _ = network.publish_in(place.topic(), Message::Ops(batch).encode().into()).await;
    }

    async fn repeat(&self, place: &Place) {
        let account = self.account();
        let due: Vec<Vec<u8>> = {
            let state = place.state();
            let own = state.unsaved().filter(|op| op.author() == account).take(REPEATED_AT_ONCE);
            own.map(super::building::bytes_of).collect()
        };
        if due.is_empty() || !place.is_repeat_due(REPEAT) {
            return;
        }
        for op in due {
            self.say(place, op).await;
        }
    }

    async fn open_own_claims(&self) {
        let claims = self.look(|view, _| Ok(view.claims_of(self.account())?));
        for claim in claims.unwrap_or_default().into_iter().take(OWN_CLAIMS_MAX) {
            let pos = bitdust_world::LocationPos::new(claim.place.x, claim.place.y, claim.place.z);
            if let Err(error) = self.place(claim.world, pos).await {
                tracing::warn!(world = %claim.world, %pos, "an own location can't be opened: {error:#}");
            }
        }
    }
}

impl Place {
    /// Where it is spoken about.
    pub(super) fn topic(&self) -> [u8; 32] {
        head_key(&self.world().id.0, self.pos()).0
    }
}

/// Takes what is said at a place as long as it is open.
async fn listen(place: Weak<Place>, mut joined: Joined) {
    while let Some(gossip) = joined.next().await {
        let Some(place) = place.upgrade() else { return };
        let _ = tokio::task::spawn_blocking(move || take(&place, gossip)).await;
    }
    if let Some(place) = place.upgrade() {
        place.end_listening();
    }
}

fn take(place: &Place, gossip: PlaceGossip) {
    let PlaceGossip { data, reply, .. } = gossip;
    let batch = match Message::decode(&data) {
        Ok(Message::Ops(batch)) => batch,
        // Those who want to know more ask the suppliers, not the crowd.
        Ok(Message::Have(_)) => return reply.ignore(),
        Err(error) => return reply.reject(error.to_string()),
    };
    let mut is_news = true;
    for bytes in batch.ops {
        let checked = Op::decode(&bytes).and_then(|op| op.check(&Secp256k1));
        let inserted = checked.and_then(|op| place.state().graph.insert(op));
        match inserted {
            Ok(Inserted::Applied | Inserted::Known | Inserted::Dropped(_) | Inserted::Pending(_)) => {}
            Ok(Inserted::TooOld | Inserted::Full) => is_news = false,
            // Who owns the place can be seen differently for a block or two.
            Err(Invalid::Elsewhere) => is_news = false,
            Err(refused) => return reply.reject(refused.to_string()),
        }
    }
    if is_news { reply.accept() } else { reply.ignore() }
}
