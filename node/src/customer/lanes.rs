//! The way to each slot of a dataset: who holds it, and idle streams to it that wait for the next question.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bitdust_market::{access::sign_access, wire::AccessToken};
use bitdust_types::DatasetId;

use super::{
    Shared,
    remote::{Remote, RemoteError, SupplierRef},
};

/// Idle streams kept for one slot: as many as windows of one download are under way.
const IDLE_PER_SLOT: usize = 4;
/// How long a node counts as just started.
const YOUTH_MS: u64 = 30_000;
/// Between two attempts.
const MEETING_STEP: Duration = Duration::from_millis(250);
/// Heights for which an access token is signed: several minutes, so that a stream can be opened again and again.
const TOKEN_HEIGHTS: u64 = 600;

/// One slot's way.
#[derive(Default)]
struct Lane {
    holder: Option<SupplierRef>,
    idle: Vec<Remote>,
}

/// All slots of one dataset.
pub struct Lanes {
    dataset: DatasetId,
    /// Whether this account may sign for the dataset; a public one can be read without.
    signs: bool,
    lanes: Mutex<HashMap<u16, Lane>>,
}

impl Lanes {
    /// No way is known yet.
    pub fn new(dataset: DatasetId, signs: bool) -> Self {
        Lanes { dataset, signs, lanes: Mutex::default() }
    }

    /// Says who holds a slot. Streams to another one are dropped.
    pub fn set(&self, slot: u16, holder: Option<SupplierRef>) {
        self.locked(|lanes| {
            let lane = lanes.entry(slot).or_default();
            if lane.holder != holder {
                *lane = Lane { holder, idle: Vec::new() };
            }
        });
    }

    /// Who holds a slot.
    pub fn holder(&self, slot: u16) -> Option<SupplierRef> {
        self.locked(|lanes| lanes.get(&slot).and_then(|lane| lane.holder.clone()))
    }

    /// Takes an idle stream to a slot, or opens one.
    pub async fn take(&self, shared: &Shared, slot: u16) -> Result<Remote, RemoteError> {
        let (idle, holder) = self.locked(|lanes| match lanes.get_mut(&slot) {
            Some(lane) => (lane.idle.pop(), lane.holder.clone()),
            None => (None, None),
        });
        if let Some(remote) = idle {
            return Ok(remote);
        }
        self.fresh(shared, slot, holder).await
    }

    /// Opens a stream to a slot, leaving idle ones alone: they may have died with the line that broke.
    pub async fn reopen(&self, shared: &Shared, slot: u16) -> Result<Remote, RemoteError> {
        let holder = self.locked(|lanes| {
            let lane = lanes.get_mut(&slot)?;
            lane.idle.clear();
            lane.holder.clone()
        });
        self.fresh(shared, slot, holder).await
    }

    /// Puts a stream back that works.
    pub fn give_back(&self, slot: u16, remote: Remote) {
        self.locked(|lanes| {
            let Some(lane) = lanes.get_mut(&slot) else { return };
            if lane.idle.len() < IDLE_PER_SLOT && lane.holder.as_ref() == Some(remote.supplier()) {
                lane.idle.push(remote);
            }
        });
    }

    async fn fresh(&self, shared: &Shared, slot: u16, holder: Option<SupplierRef>) -> Result<Remote, RemoteError> {
        let Some(supplier) = holder else {
            let nobody = SupplierRef { account: Default::default(), peer: Vec::new() };
            return Err(RemoteError::Line { supplier: nobody, reason: format!("nobody holds slot {slot}") });
        };
        let access = if self.signs { Some(self.token(shared, slot, &supplier)?) } else { None };
        let chain_id = shared.chain.params().chain_id;
        let give_up_ms = shared.now_ms() + shared.meeting_ms;
        loop {
            let opened =
                Remote::open(&*shared.dialer, supplier.clone(), chain_id, self.dataset, slot, access.clone()).await;
            let now_ms = shared.now_ms();
            match opened {
                // A node that has just started, perhaps with all others after a power cut, is only meeting its peers.
                Err(error) if error.is_line() && now_ms < YOUTH_MS && now_ms < give_up_ms => {
                    tokio::time::sleep(MEETING_STEP).await;
                }
                other => return other,
            }
        }
    }

    fn token(&self, shared: &Shared, slot: u16, supplier: &SupplierRef) -> Result<AccessToken, RemoteError> {
        let valid_until = shared.chain.height().0 + TOKEN_HEIGHTS;
        let chain_id = shared.chain.params().chain_id;
        sign_access(shared.sender.signing_key(), chain_id, self.dataset, slot, &supplier.peer, valid_until)
            .map_err(|error| RemoteError::Line { supplier: supplier.clone(), reason: error.to_string() })
    }

    fn locked<T>(&self, work: impl FnOnce(&mut HashMap<u16, Lane>) -> T) -> T {
        work(&mut self.lanes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
