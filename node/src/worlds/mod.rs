//! Worlds at work: the node reads what creators published and owners claimed, brings chunks from whoever has them, keeps
//! edits on suppliers' disks, and makes new versions.
//!
//! The rules are `bitdust_world`'s (formats, edits) and the ledger's (claims); here is what carries them out:
//! - [`registry`]: worlds on the ledger, their definitions from the market;
//! - [`claiming`]: publishing a world, claiming a location;
//! - [`place`]: an open location: its claim, its newest version, its edits;
//! - [`chunks`]: chunks from cache, generator and suppliers;
//! - [`cache`]: places once visited, on disk; [`tally`]: where chunks came from;
//! - [`survey`]: a whole location at a glance;
//! - [`building`]: edits; [`spreading`]: telling those who are there; [`keeping`]: bringing them to the
//!   suppliers; [`saving`]: new versions.
//!
//! **Invariant:** a chunk that is handed out is what the location's newest known version and its edits say, or nothing: every
//! byte from a supplier, a player or the cache is held against the manifest's hash.
//! **Invariant:** memory is bounded: [`PLACES_MAX`] open locations, [`registry::WORLDS_MAX`] worlds.

pub mod building;
pub mod cache;
pub mod chunks;
pub mod claiming;
pub mod keeping;
pub mod place;
pub mod registry;
pub mod saving;
pub mod spreading;
pub mod survey;
pub mod tally;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use anyhow::{Context as _, Result};
use bitdust_types::{Address, B256};
use bitdust_world::LocationPos;

use crate::{
    chain_api::{ChainReader, TxSender},
    customer::Customer,
};
use cache::Cache;
use place::Place;
use registry::Registry;
use tally::Tally;

/// Locations open at the same time: a view of 384 m touches about 60; each holds a manifest of 20 KiB and its edits.
pub const PLACES_MAX: usize = 256;

/// What the service is made of.
pub struct Parts {
    /// The chain.
    pub chain: Arc<dyn ChainReader>,
    /// This node's account.
    pub sender: Arc<dyn TxSender>,
    /// Reads and writes datasets.
    pub customer: Arc<Customer>,
    /// Directory of the cache.
    pub dir: PathBuf,
    /// How much of the disk the cache may take.
    pub cache_bytes: u64,
}

/// The worlds as one node knows them.
pub struct Worlds {
    chain: Arc<dyn ChainReader>,
    sender: Arc<dyn TxSender>,
    customer: Arc<Customer>,
    cache: Arc<Cache>,
    registry: Registry,
    tally: Tally,
    places: Mutex<Places>,
    /// Set when the node has joined the network.
    network: OnceLock<bitdust_network::Handle>,
}

#[derive(Default)]
struct Places {
    open: HashMap<(B256, LocationPos), (Arc<Place>, u64)>,
    clock: u64,
}

impl Worlds {
    /// Opens the cache.
    pub fn open(parts: Parts) -> Result<Arc<Self>> {
        let cache = Cache::open(&parts.dir, parts.cache_bytes).context("opening the cache of places")?;
        Ok(Arc::new(Worlds {
            chain: parts.chain,
            sender: parts.sender,
            customer: parts.customer,
            cache: Arc::new(cache),
            registry: Registry::default(),
            tally: Tally::default(),
            places: Mutex::default(),
            network: OnceLock::new(),
        }))
    }

    /// This node's account.
    pub fn account(&self) -> Address {
        self.sender.account()
    }

    /// Where chunks came from.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// An open location; none if nobody has claimed it.
    pub async fn place(&self, world: B256, pos: LocationPos) -> Result<Option<Arc<Place>>> {
        let Some(claim) = self.claim(world, pos)? else {
            self.places().open.remove(&(world, pos));
            return Ok(None);
        };
        let known = self.registry.world(self, world).await?;
        let place = self.places().get(world, pos, || Place::new(known, pos, &claim, self.chain.params().chain_id))?;
        if place.owner() != claim.owner || place.dataset() != claim.dataset {
            // Somebody else's by now: its edits begin anew, on a dataset of its own.
            self.places().open.remove(&(world, pos));
            let known = self.registry.world(self, world).await?;
            let fresh =
                self.places().get(world, pos, || Place::new(known, pos, &claim, self.chain.params().chain_id))?;
            fresh.refresh(self).await?;
            return Ok(Some(fresh));
        }
        place.refresh(self).await?;
        Ok(Some(place))
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
    /// The place, made if it isn't open; the one that was used longest ago makes room, unless it has edits that suppliers
    /// don't hold.
    fn get(&mut self, world: B256, pos: LocationPos, make: impl FnOnce() -> Result<Place>) -> Result<Arc<Place>> {
        self.clock += 1;
        let clock = self.clock;
        if let Some((place, used)) = self.open.get_mut(&(world, pos)) {
            *used = clock;
            return Ok(place.clone());
        }
        if self.open.len() >= PLACES_MAX {
            let idle = self.open.iter().filter(|(_, (place, _))| !place.has_unsaved());
            if let Some(oldest) = idle.min_by_key(|(_, (_, used))| *used).map(|(at, _)| *at) {
                self.open.remove(&oldest);
            }
        }
        let place = Arc::new(make()?);
        self.open.insert((world, pos), (place.clone(), clock));
        Ok(place)
    }
}
