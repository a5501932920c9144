//! Heads on their way: whoever has written a segment or a version says so, and those who are there read it at once.
//!
//! Order: suppliers hold a segment or a version → its writer signs the head → gossips it to those who are there → gives it to
//! the nodes nearest to the location's key, which keep it for whoever comes. A reader takes the newest true one of all that
//! it finds there, hears, or is told in a talk about edits; reads what it names; holds what it has read against it
//! ([`Place::refresh`]); and puts it back if nodes near the key hold older ones.
//!
//! The ledger's revision of the dataset stays the trigger of last resort: who withholds a head makes others see an older
//! state for a while, never a false one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bitdust_network::{Error, Handle};
use bitdust_types::Root;
use bitdust_world::{
    edits::{Message, sync::Misconduct},
    location::{Head, HeadRecord, Manifest, head_key},
};

use super::{
    Worlds,
    heads::Hearing,
    place::{Place, State},
};

/// Between two times that the head of one location is given to the nodes near its key: each asks some twenty nodes, and
/// somebody who builds makes a new head every few seconds.
const GIVE_PAUSE: Duration = Duration::from_secs(5);
/// It is given once more after this: some may not have had the block that bears it out.
const GIVE_AGAIN: Duration = Duration::from_secs(15);
/// Between two looks near a location's key while it is open. In between gossip and talks bring what is new.
const LOOK: Duration = Duration::from_secs(600);
/// After a look that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(20);
/// How often the ledger is asked whether a location has a revision that nobody told of.
const LAST_RESORT: Duration = Duration::from_secs(20);

/// When to do what for one location's heads.
#[derive(Debug)]
pub(super) struct Errands {
    give_at: Option<Instant>,
    given: Option<Instant>,
    again: bool,
    look_at: Instant,
    ledger_at: Instant,
}

impl Errands {
    pub(super) fn new(now: Instant) -> Self {
        Errands { give_at: None, given: None, again: false, look_at: now, ledger_at: now + LAST_RESORT }
    }

    /// There is a new head to give.
    fn give(&mut self, now: Instant) {
        self.give_at = Some(self.given.map_or(now, |at| (at + GIVE_PAUSE).max(now)));
        self.again = true;
    }

    fn is_give_due(&mut self, now: Instant) -> bool {
        let is_due = self.give_at.is_some_and(|at| at <= now);
        if is_due {
            self.given = Some(now);
            self.give_at = std::mem::take(&mut self.again).then_some(now + GIVE_AGAIN);
        }
        is_due
    }

    fn is_look_due(&mut self, now: Instant) -> bool {
        let is_due = self.look_at <= now;
        if is_due {
            self.look_at = now + LOOK;
        }
        is_due
    }

    fn is_ledger_due(&mut self, now: Instant) -> bool {
        let is_due = self.ledger_at <= now;
        if is_due {
            self.ledger_at = now + LAST_RESORT;
        }
        is_due
    }
}

impl Worlds {
    /// Signs the head of what suppliers hold, and says it.
    pub(super) async fn announce(&self, place: &Place) {
        match self.sign_head(place) {
            Ok(Some(head)) => {
                if self.hear(place, head.clone()) == Hearing::News {
                    self.gossip(place, head.encode()).await;
                    place.errands().give(Instant::now());
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(pos = %place.pos(), "the location's head could not be announced: {error:#}"),
        }
    }

    fn sign_head(&self, place: &Place) -> Result<Option<Head>> {
        let Some(record) = place.head_to_announce() else { return Ok(None) };
        let head = record.sign(self.chain.params().chain_id, self.sender.signing_key());
        Ok(Some(head.context("signing it")?))
    }

    /// Takes in a head that somebody says.
    pub(super) fn hear(&self, place: &Place, head: Head) -> Hearing {
        if (head.record.world, head.record.pos) != (place.world().id.0, place.pos()) {
            return Hearing::Old;
        }
        let hearing = place.heard().hear(&self.judge, head);
        let outcome = match &hearing {
            Hearing::News => "news",
            Hearing::Old => "old",
            Hearing::Ahead => "ahead",
            Hearing::False(_) => "false",
        };
        metrics::counter!("bitdust_world_heads_total", "outcome" => outcome).increment(1);
        if hearing == Hearing::News {
            place.hold_against_head(self);
        }
        hearing
    }

    /// Does what is due for the heads of a place.
    pub(super) fn tend_heads(self: &Arc<Self>, network: &Handle, place: &Arc<Place>) {
        let now = Instant::now();
        place.heard().catch_up(&self.judge);
        let (give, look, ask_ledger) = {
            let mut errands = place.errands();
            (errands.is_give_due(now), errands.is_look_due(now), errands.is_ledger_due(now))
        };
        if place.is_behind_its_head() || ask_ledger {
            let (worlds, place) = (self.clone(), place.clone());
            tokio::spawn(async move {
                // Whoever is at it already reads this too, or the next round does.
                let Ok(_following) = place.following.try_lock() else { return };
                if let Err(error) = place.refresh(&worlds).await {
                    tracing::debug!(pos = %place.pos(), "what its head names can't be read yet: {error:#}");
                    return;
                }
                // Files that somebody destroyed, or a log that is full while nobody builds here any more.
                if worlds.is_due_to_save(&place)
                    && let Ok(_writing) = place.writing.try_lock()
                    && let Err(error) = worlds.save_place(&place).await
                {
                    tracing::warn!(pos = %place.pos(), "a version that is due could not be made yet: {error:#}");
                }
            });
        }
        if !give && !look {
            return;
        }
        let (worlds, network, place) = (self.clone(), network.clone(), place.clone());
        tokio::spawn(async move {
            let Ok(_turn) = worlds.searches.acquire().await else { return };
            if give {
                worlds.give_head(&network, &place).await;
            }
            if look && let Err(error) = worlds.look_for_head(&network, &place).await {
                tracing::debug!(pos = %place.pos(), %error, "no head could be looked for");
                place.errands().look_at = Instant::now() + LOOK_AGAIN;
            }
        });
    }

    /// Gives the newest head to the nodes near its key.
    async fn give_head(&self, network: &Handle, place: &Place) {
        let Some(head) = place.heard().newest().cloned() else { return };
        let key = head_key(&place.world().id.0, place.pos()).0;
        match network.put_record(key, head.encode().into()).await {
            Ok(told) => tracing::debug!(pos = %place.pos(), revision = head.record.revision, told, "head given"),
            // Somebody else's newer one is here already.
            Err(Error::RecordRefused) => place.errands().look_at = Instant::now(),
            Err(error) => tracing::debug!(pos = %place.pos(), %error, "the head could not be given"),
        }
        if place.owner() != self.account() {
            // Its owner repeats it, or those who keep it do.
            let _ = network.forget_record(key).await;
        }
    }

    /// Hears the heads that nodes near the key keep, and puts the newest back where older ones are.
    async fn look_for_head(&self, network: &Handle, place: &Place) -> Result<(), Error> {
        let key = head_key(&place.world().id.0, place.pos()).0;
        let found = network.get_records(key).await?;
        let heads: Vec<Head> = found.iter().filter_map(|bytes| Head::decode(bytes).ok()).collect();
        heads.iter().for_each(|head| drop(self.hear(place, head.clone())));
        let newest = place.heard().newest().cloned();
        if newest.is_some_and(|newest| heads.iter().any(|head| *head != newest)) {
            metrics::counter!("bitdust_world_heads_total", "outcome" => "put back").increment(1);
            place.errands().give(Instant::now());
        }
        Ok(())
    }
}

impl Place {
    /// What is to be announced: what suppliers hold, if it was read or written here.
    fn head_to_announce(&self) -> Option<HeadRecord> {
        let state = self.state();
        self.head_of(&state).filter(|_| state.is_read)
    }

    /// The head of a state; none before anything is held.
    pub(super) fn head_of(&self, state: &State) -> Option<HeadRecord> {
        let is_anything = state.revision > 0 && (state.manifest.is_some() || state.log.segments() > 0);
        is_anything.then(|| HeadRecord {
            world: self.world().id.0,
            pos: self.pos(),
            dataset: self.dataset(),
            revision: state.revision,
            sequence: state.manifest.as_ref().map_or(0, |manifest| manifest.version().sequence),
            manifest: state.manifest.as_deref().map_or(Root::default(), Manifest::hash),
            segments: state.log.segments(),
            newest: state.log.newest,
        })
    }

    /// Whether a head names a revision or a version that was not read yet.
    fn is_behind_its_head(&self) -> bool {
        let told = self.heard().newest().map_or((0, 0), |head| (head.record.revision, head.record.sequence));
        let state = self.state();
        told.0 > state.revision || told.1 > state.version.sequence
    }

    /// Takes over the revision of a head that names just what is known here already. False if it names something else.
    pub(super) fn takes_over(&self, told: &HeadRecord) -> bool {
        let mut state = self.state();
        let own = self.head_of(&state);
        let is_same = own.is_some_and(|own| HeadRecord { revision: told.revision, ..own } == *told);
        if is_same {
            (state.revision, state.is_read) = (told.revision, false);
        }
        is_same
    }
}

/// What is said at a place: edits, or a head.
pub(super) enum Word {
    Edits(Message),
    Head(Head),
}

impl Word {
    /// Reads bytes from a peer.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match Message::decode(bytes) {
            Ok(message) => Ok(Word::Edits(message)),
            Err(error) => match Head::decode(bytes) {
                Ok(head) => Ok(Word::Head(head)),
                Err(_) if matches!(error, Misconduct::Malformed(_)) => {
                    Err(format!("neither edits nor a head: {error}"))
                }
                Err(_) => Err(error.to_string()),
            },
        }
    }
}
