//! What is said at a place reaches those who are there: gossiped at once, and talked over with some of them later, so that
//! what gossip has lost on the way (a network that was cut in two, a mesh that was only forming) arrives all the same
//! ([`super::exchange`]).
//!
//! Order: an edit is signed, put into our own graph and written down ([`super::journal`]) → gossiped in the place's topic →
//! everybody there checks signature, rights and past before it is passed on → the owner's node brings it to the suppliers
//! ([`super::keeping`]), and says so ([`super::announcing`]).
//!
//! **Invariant:** a peer's edit is neither kept nor passed on before this node has checked it.
//! **Invariant:** at most [`LISTENED_MAX`] places are listened to: those with edits that suppliers lack, then those that were
//! looked at last.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use anyhow::Result;
use bitdust_network::{Handle, Joined, PLACES_MAX as JOINED_MAX, PlaceGossip};
use bitdust_world::{
    edits::{Inserted, Invalid, Message, Op, Secp256k1, sync::Batch},
    location::head_key,
};

use super::{
    Worlds,
    announcing::Word,
    exchange::{self, company::Company},
    heads::Hearing,
    place::Place,
};

/// How often places are looked after.
const PERIOD: Duration = Duration::from_millis(500);
/// How often the account's own claims are opened, so that guests' edits find somebody who keeps them.
const OWN_CLAIMS: Duration = Duration::from_secs(10);
/// Own claims kept open.
const OWN_CLAIMS_MAX: usize = 48;
/// Places that are listened to; a few of those that the network may join are left to others.
const LISTENED_MAX: usize = JOINED_MAX - 8;

impl Worlds {
    /// Listens and speaks at the places that are open, until the node stops.
    pub async fn spread(self: Arc<Self>, network: Handle) -> Result<()> {
        // Set once, before anything is edited.
        let _ = self.network.set(network.clone());
        let mut claims_opened: Option<Instant> = None;
        let mut listened: BTreeMap<[u8; 32], Weak<Place>> = BTreeMap::new();
        loop {
            if claims_opened.is_none_or(|at| at.elapsed() >= OWN_CLAIMS) {
                claims_opened = Some(Instant::now());
                self.open_own_claims().await;
            }
            let places = self.places_to_listen_to(LISTENED_MAX);
            let wanted: BTreeMap<_, _> = places.iter().map(|place| (place.topic(), Arc::downgrade(place))).collect();
            for (topic, old) in &listened {
                // A place that was given to somebody else is opened anew; its listener ends with the old one.
                if !wanted.get(topic).is_some_and(|new| new.ptr_eq(old)) {
                    let _ = network.leave(*topic).await;
                }
            }
            listened = wanted;
            for place in &places {
                self.clone().begin_listening(&network, place).await;
                self.search(&network, place);
                self.talk(&network, place);
                self.tend_heads(&network, place);
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    async fn begin_listening(self: Arc<Self>, network: &Handle, place: &Arc<Place>) {
        if !place.begin_listening() {
            return;
        }
        match network.join(place.topic()).await {
            Ok(joined) => {
                let key = exchange::key(place.world().id, place.pos());
                drop(tokio::spawn(self.listen(Arc::downgrade(place), key, joined)));
            }
            // The last one's listener isn't gone yet; this one has its turn soon.
            Err(_) => place.end_listening(),
        }
    }

    /// Says an edit to everybody at the place.
    pub(super) async fn say(&self, place: &Place, op: Vec<u8>) {
        let sequence = place.state().graph.base().sequence();
        let batch = Batch { sequence, ops: vec![op], next: None };
        self.gossip(place, Message::Ops(batch).encode()).await;
    }

    /// Gossips at a place. Nobody may be there; whoever comes reads it from the suppliers.
    pub(super) async fn gossip(&self, place: &Place, bytes: Vec<u8>) {
        let Some(network) = self.network.get() else { return };
        if let Err(error) = network.publish_in(place.topic(), bytes.into()).await {
            tracing::debug!(pos = %place.pos(), %error, "nobody at the place was told");
        }
    }

    /// Says that the place is open here, and looks for others who say so.
    fn search(self: &Arc<Self>, network: &Handle, place: &Arc<Place>) {
        let is_unsaved = place.has_unsaved();
        let is_announced = {
            let mut company = place.company();
            if !company.is_search_due(Instant::now(), is_unsaved) {
                return;
            }
            company.is_announced()
        };
        let (worlds, network, place) = (self.clone(), network.clone(), place.clone());
        tokio::spawn(async move {
            let Ok(_turn) = worlds.searches.acquire().await else { return };
            let key = exchange::key(place.world().id, place.pos());
            if !is_announced {
                match network.provide(&key).await {
                    Ok(()) => place.company().set_announced(),
                    Err(error) => tracing::debug!(pos = %place.pos(), %error, "nobody was told that the place is open"),
                }
            }
            match network.providers(&key).await {
                Ok(found) => {
                    let me = network.local_peer();
                    let mut company = place.company();
                    found
                        .into_iter()
                        .filter(|peer| *peer != me)
                        .for_each(|peer| company.heard_of(peer, Instant::now()));
                }
                Err(error) => tracing::debug!(pos = %place.pos(), %error, "nobody could be looked for"),
            }
        });
    }

    async fn open_own_claims(&self) {
        let claims = self.look(|view, _| Ok(view.claims_of(self.account())?));
        for claim in claims.unwrap_or_default().into_iter().take(OWN_CLAIMS_MAX) {
            let pos = bitdust_world::LocationPos::new(claim.place.x, claim.place.y, claim.place.z);
            if self.open_place(claim.world, pos).is_some() {
                continue;
            }
            match self.place(claim.world, pos).await {
                Ok(Some(place)) => self.announce(&place).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(world = %claim.world, %pos, "an own location can't be opened: {error:#}");
                }
            }
        }
    }

    /// Takes what is said at a place as long as it is listened to.
    async fn listen(self: Arc<Self>, place: Weak<Place>, key: [u8; 32], mut joined: Joined) {
        while let Some(gossip) = joined.next().await {
            let Some(place) = place.upgrade() else { break };
            let worlds = self.clone();
            let _ = tokio::task::spawn_blocking(move || worlds.take(&place, gossip)).await;
        }
        if let Some(network) = self.network.get() {
            // The network may have stopped, which ends every announcement.
            let _ = network.unprovide(&key).await;
        }
        if let Some(place) = place.upgrade() {
            *place.company() = Company::new(Instant::now());
            place.end_listening();
        }
    }

    fn take(&self, place: &Place, gossip: PlaceGossip) {
        let PlaceGossip { data, reply, source, forwarder, .. } = gossip;
        let reject = |reply: bitdust_network::Reply, reason: String| {
            self.tally.blame(forwarder.to_string(), reason.clone());
            reply.reject(reason);
        };
        let batch = match Word::decode(&data) {
            Ok(Word::Edits(Message::Ops(batch))) => batch,
            // Those who want to know more call, and don't ask the crowd.
            Ok(Word::Edits(Message::Have(_))) => return reply.ignore(),
            Ok(Word::Head(head)) => {
                return match self.hear(place, head) {
                    Hearing::News => reply.accept(),
                    // Ledgers differ for a block or two: what is false here may be true elsewhere.
                    Hearing::Old | Hearing::Ahead | Hearing::False(_) => reply.ignore(),
                };
            }
            Err(reason) => return reject(reply, reason),
        };
        let mut is_news = true;
        for bytes in batch.ops {
            let checked = Op::decode(&bytes).and_then(|op| op.check(&Secp256k1));
            let inserted = checked.and_then(|op| place.state().graph.insert(op));
            match inserted {
                Ok(Inserted::Applied | Inserted::Dropped(_)) => {
                    metrics::counter!("bitdust_world_edits_received_total", "way" => "gossip").increment(1);
                    place.company().heard_of(source, Instant::now());
                }
                Ok(Inserted::Known) => {}
                // Who passed it on has what it rests on, or its author has.
                Ok(Inserted::Pending(_)) => {
                    let mut company = place.company();
                    company.ask(source, Instant::now());
                    company.ask(forwarder, Instant::now());
                }
                Ok(Inserted::TooOld | Inserted::Full) => is_news = false,
                // Who owns the place can be seen differently for a block or two, and whose list counts with it.
                Err(Invalid::Elsewhere | Invalid::NotInForce(_)) => is_news = false,
                Err(refused) => return reject(reply, refused.to_string()),
            }
        }
        if is_news { reply.accept() } else { reply.ignore() }
    }
}

impl Place {
    /// Where it is spoken about.
    pub(super) fn topic(&self) -> [u8; 32] {
        head_key(&self.world().id.0, self.pos()).0
    }
}
