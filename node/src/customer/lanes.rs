//! The way to each slot of a dataset: who holds it, and streams to it, idle ones ([`super::idle`]) before fresh ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bitdust_market::{access::sign_access, wire::AccessToken};
use bitdust_types::DatasetId;

use super::{
    Shared,
    idle::Idle,
    remote::{Remote, RemoteError, SupplierRef},
};

/// How long a node counts as just started.
const YOUTH_MS: u64 = 30_000;
/// Between two attempts.
const MEETING_STEP: Duration = Duration::from_millis(250);
/// Heights for which an access token is signed: several minutes, so that a stream can be opened again and again.
const TOKEN_HEIGHTS: u64 = 600;

/// All slots of one dataset.
pub struct Lanes {
    dataset: DatasetId,
    /// Whether this account may sign for the dataset; a public one can be read without.
    signs: bool,
    holders: Mutex<HashMap<u16, SupplierRef>>,
    idle: Arc<Idle>,
}

impl Lanes {
    /// No way is known yet.
    pub fn new(dataset: DatasetId, signs: bool, idle: Arc<Idle>) -> Self {
        Lanes { dataset, signs, holders: Mutex::default(), idle }
    }

    /// Says who holds a slot.
    pub fn set(&self, slot: u16, holder: Option<SupplierRef>) {
        self.locked(|holders| match holder {
            Some(holder) => holders.insert(slot, holder),
            None => holders.remove(&slot),
        });
    }

    /// Who holds a slot.
    pub fn holder(&self, slot: u16) -> Option<SupplierRef> {
        self.locked(|holders| holders.get(&slot).cloned())
    }

    /// Takes an idle stream to a slot, or opens one.
    pub async fn take(&self, shared: &Shared, slot: u16) -> Result<Remote, RemoteError> {
        let holder = self.holder(slot);
        let idle = holder.as_ref().and_then(|holder| self.idle.take(&holder.account, self.dataset, slot));
        match idle {
            Some(remote) => Ok(remote),
            None => self.fresh(shared, slot, holder).await,
        }
    }

    /// Opens a stream to a slot, leaving idle ones alone: they may have died with the line that broke.
    pub async fn reopen(&self, shared: &Shared, slot: u16) -> Result<Remote, RemoteError> {
        let holder = self.holder(slot);
        holder.iter().for_each(|holder| self.idle.forget(&holder.account));
        self.fresh(shared, slot, holder).await
    }

    /// Asks a slot's supplier something, once more on a fresh stream if the line broke: an idle one may have died since it was
    /// used. The question gives the stream back with its answer.
    pub async fn ask<T, A: Future<Output = (Remote, Result<T, RemoteError>)>>(
        &self,
        shared: &Shared,
        slot: u16,
        question: impl Fn(Remote) -> A,
    ) -> Result<T, RemoteError> {
        let remote = match self.take(shared, slot).await {
            Err(error) if error.is_line() => self.reopen(shared, slot).await?,
            other => other?,
        };
        let (mut remote, mut answer) = question(remote).await;
        if answer.as_ref().is_err_and(RemoteError::is_line) {
            (remote, answer) = question(self.reopen(shared, slot).await?).await;
        }
        if answer.as_ref().err().is_none_or(RemoteError::is_usable_after) {
            self.give_back(slot, remote);
        }
        answer
    }

    /// Puts a stream back that works.
    pub fn give_back(&self, slot: u16, remote: Remote) {
        if self.holder(slot).as_ref() == Some(remote.supplier()) {
            self.idle.put(self.dataset, slot, remote);
        }
    }

    async fn fresh(&self, shared: &Shared, slot: u16, holder: Option<SupplierRef>) -> Result<Remote, RemoteError> {
        let Some(supplier) = holder else {
            let nobody = SupplierRef { account: Default::default(), peer: Vec::new() };
            return Err(RemoteError::Line { supplier: nobody, reason: format!("nobody holds slot {slot}") });
        };
        self.idle.make_room(&supplier.account);
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

    fn locked<T>(&self, work: impl FnOnce(&mut HashMap<u16, SupplierRef>) -> T) -> T {
        work(&mut self.holders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
