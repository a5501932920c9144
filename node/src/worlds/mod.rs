//! Worlds at work: the node reads what creators published and owners claimed, brings chunks from whoever has them, keeps
//! edits on suppliers' disks, and makes new versions.
//!
//! The rules are `bitdust_world`'s (formats, edits) and the ledger's (claims); here is what carries them out:
//! - [`registry`]: worlds on the ledger, their definitions from the market;
//! - [`claiming`]: publishing a world, claiming a location; [`renewing`]: for longer, for others, no more;
//! - [`place`]: an open location: its claim, its newest version, its edits; [`log`]: those that suppliers hold;
//! - [`chunks`]: chunks for callers; [`streaming`]: by deadline, from cache, generator, players and suppliers;
//! - [`cache`]: places once visited, on disk; [`sharing`]: for other players as well; [`tally`]: where chunks came from;
//! - [`copies`]: definitions and versions, on disk as well;
//! - [`workers`]: the threads for heavy work;
//! - [`survey`]: a whole location at a glance;
//! - [`admitting`]: who may build; [`building`]: edits; [`journal`]: those that suppliers lack, on disk; [`keeping`]: bringing them to the suppliers, and
//!   [`keeper`]: whose turn that is; [`saving`]: new versions;
//! - [`spreading`]: telling those who are there; [`exchange`]: two of them give each other what they lack;
//! - [`heads`]: which is the newest state that suppliers hold, by its writer's word; [`announcing`]: saying and hearing it.
//!
//! **Invariant:** a chunk that is handed out is what the location's newest known version and its edits say, or nothing: every
//! byte from a supplier, a player or the cache is held against the manifest's hash.
//! **Invariant:** memory is bounded: [`PLACES_MAX`] open locations, [`registry::WORLDS_MAX`] worlds.

pub mod admitting;
pub mod announcing;
pub mod building;
pub mod cache;
pub mod chunks;
pub mod claiming;
pub mod copies;
pub mod exchange;
pub mod heads;
pub mod journal;
pub mod keeper;
pub mod keeping;
mod log;
pub mod place;
pub mod registry;
pub mod renewing;
pub mod saving;
pub mod sharing;
pub mod spreading;
pub mod streaming;
pub mod survey;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod workers;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use anyhow::{Context as _, Result};
use bitdust_rpc::types::world::WorldStats;
use bitdust_types::{Address, B256};
use bitdust_world::LocationPos;
use tokio::sync::Semaphore;

use crate::{
    chain_api::{ChainReader, TxSender},
    customer::Customer,
};
use cache::Cache;
use copies::Copies;
use exchange::door::Door;
use heads::HeadJudge;
use journal::Journal;
use place::Place;
use registry::Registry;
use sharing::Sharing;
use streaming::Streams;
use tally::Tally;
use workers::Workers;

/// Locations open at the same time: a view of 384 m touches about 60; each holds a manifest of 20 KiB and its edits.
pub const PLACES_MAX: usize = 256;

/// Talks about edits that this node begins at the same time.
const CALLS_AT_ONCE: usize = 8;
/// Searches near keys at the same time, of the 64 that the network makes for everybody.
const SEARCHES_AT_ONCE: usize = 8;
/// What an owner stored and nobody can make sense of. Asking again is in vain until something else is stored.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsound(pub String);

/// What the service is made of.
pub struct Parts {
    /// The chain.
    pub chain: Arc<dyn ChainReader>,
    /// Which heads are true.
    pub judge: Arc<HeadJudge>,
    /// This node's account.
    pub sender: Arc<dyn TxSender>,
    /// Reads and writes datasets.
    pub customer: Arc<Customer>,
    /// Directory of the cache.
    pub dir: PathBuf,
    /// How much of the disk the cache may take.
    pub cache_bytes: u64,
    /// Directory of the journal of edits that suppliers lack.
    pub journal_dir: PathBuf,
    /// Whether other players are given chunks from it.
    pub shares: bool,
}

/// The worlds as one node knows them.
pub struct Worlds {
    chain: Arc<dyn ChainReader>,
    judge: Arc<HeadJudge>,
    journal: Arc<Journal>,
    sender: Arc<dyn TxSender>,
    customer: Arc<Customer>,
    cache: Arc<Cache>,
    copies: Arc<Copies>,
    registry: Registry,
    tally: Tally,
    workers: Workers,
    streams: Streams,
    sharing: Sharing,
    shares: bool,
    places: Mutex<Places>,
    door: Mutex<Door>,
    calls: Semaphore,
    searches: Semaphore,
    /// Whose turn it is to change who may build; see [`admitting`].
    admitting: tokio::sync::Mutex<()>,
    /// Set when the node has joined the network.
    network: OnceLock<bitdust_network::Handle>,
}

#[derive(Default)]
struct Places {
    open: HashMap<(B256, LocationPos), (Arc<Place>, u64)>,
    clock: u64,
}

impl Worlds {
    /// Opens the cache and the journal of edits.
    pub fn open(parts: Parts) -> Result<Arc<Self>> {
        let cache = Cache::open(&parts.dir, parts.cache_bytes).context("opening the cache of places")?;
        let sharing = Sharing::open(&parts.dir, &cache);
        Ok(Arc::new(Worlds {
            chain: parts.chain,
            judge: parts.judge,
            journal: Arc::new(Journal::open(&parts.journal_dir)?),
            sender: parts.sender,
            customer: parts.customer,
            cache: Arc::new(cache),
            copies: Arc::new(Copies::open(&parts.dir)?),
            registry: Registry::default(),
            tally: Tally::default(),
            workers: Workers::default(),
            streams: Streams::default(),
            sharing,
            shares: parts.shares,
            places: Mutex::default(),
            door: Mutex::default(),
            calls: Semaphore::new(CALLS_AT_ONCE),
            searches: Semaphore::new(SEARCHES_AT_ONCE),
            admitting: tokio::sync::Mutex::default(),
            network: OnceLock::new(),
        }))
    }

    /// This node's account.
    pub fn account(&self) -> Address {
        self.sender.account()
    }

    /// Where chunks came from, and how those that are wanted stand.
    pub fn stats(&self) -> WorldStats {
        let mut stats = self.tally.stats();
        self.add_standing(&mut stats);
        stats
    }

    /// An open location; none if nobody has claimed it.
    pub async fn place(&self, world: B256, pos: LocationPos) -> Result<Option<Arc<Place>>> {
        let Some(claim) = self.claim(world, pos)? else {
            self.places().open.remove(&(world, pos));
            return Ok(None);
        };
        if self.open_place(world, pos).is_none_or(|open| open.owner() != claim.owner) {
            self.check_keeper(&claim, pos)?;
        }
        let known = self.registry.world(self, world).await?;
        let (account, chain) = (self.account(), self.chain.params().chain_id);
        let place = self.places().get(account, world, pos, || Place::new(known, pos, &claim, chain))?;
        if place.owner() != claim.owner || place.dataset() != claim.dataset {
            // Somebody else's by now: its edits begin anew, on a dataset of its own.
            self.places().open.remove(&(world, pos));
            let known = self.registry.world(self, world).await?;
            let fresh = self.places().get(account, world, pos, || Place::new(known, pos, &claim, chain))?;
            fresh.refresh(self).await?;
            return Ok(Some(fresh));
        }
        place.refresh(self).await?;
        Ok(Some(place))
    }

    /// A location if it is open.
    fn open_place(&self, world: B256, pos: LocationPos) -> Option<Arc<Place>> {
        self.places().open.get(&(world, pos)).map(|(place, _)| place.clone())
    }

    /// The open locations that matter most to this node: those with edits that suppliers lack, then those looked at last.
    fn places_to_listen_to(&self, most: usize) -> Vec<Arc<Place>> {
        let mut open: Vec<(Arc<Place>, u64)> = self.places().open.values().cloned().collect();
        open.sort_by_cached_key(|(place, used)| std::cmp::Reverse((place.has_unsaved(), *used)));
        open.into_iter().take(most).map(|(place, _)| place).collect()
    }

    fn door(&self) -> std::sync::MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an open location is in use. Whether it is the one that is open.
    fn touch(&self, place: &Arc<Place>) -> bool {
        let mut places = self.places();
        places.clock += 1;
        let clock = places.clock;
        let open = places.open.get_mut(&(place.world().id, place.pos()));
        open.is_some_and(|(open, used)| {
            *used = clock;
            Arc::ptr_eq(open, place)
        })
    }

    /// Open locations, in no order.
    fn open_places(&self) -> Vec<Arc<Place>> {
        self.places().open.values().map(|(place, _)| place.clone()).collect()
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// The place, made if it isn't open; the one that was used longest ago makes room, unless it has edits of this account that
    /// suppliers don't hold. Those of others are others' to keep.
    ///
    /// # Errors
    /// None can make room, or this one can't be made.
    fn get(
        &mut self,
        account: Address,
        world: B256,
        pos: LocationPos,
        make: impl FnOnce() -> Result<Place>,
    ) -> Result<Arc<Place>> {
        self.clock += 1;
        let clock = self.clock;
        if let Some((place, used)) = self.open.get_mut(&(world, pos)) {
            *used = clock;
            return Ok(place.clone());
        }
        if self.open.len() >= PLACES_MAX {
            let mut by_use: Vec<_> = self.open.iter().map(|(at, (place, used))| (*used, *at, place)).collect();
            by_use.sort_unstable_by_key(|(used, ..)| *used);
            let idle = by_use.into_iter().find(|(.., place)| !place.has_unsaved_of(account)).map(|(_, at, _)| at);
            let idle = idle.with_context(|| {
                format!(
                    "{PLACES_MAX} locations are open, and suppliers lack edits of yours in every one: go on when they are kept; \
                     `bitdust world stat` shows how many are not"
                )
            })?;
            self.open.remove(&idle);
        }
        let place = Arc::new(make()?);
        self.open.insert((world, pos), (place.clone(), clock));
        Ok(place)
    }
}
