//! Bringing edits to the suppliers: what was built since is appended to the location's log, at most a few seconds after.
//!
//! Only who may write the dataset does that: the claim's owner, whose node keeps everybody's edits of the place, and guests
//! whom the owner entrusted with it, if the owner's node doesn't for a while. If two are at it the ledger takes one of them, and
//! the other looks again.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use bitdust_proof::blob;
use bitdust_types::DatasetId;
use bitdust_world::{
    edits::{Checked, Inserted, OpHash},
    location::{LOG_SEGMENTS_MAX, LogSegment, edits_file},
};

use super::{
    Worlds,
    building::bytes_of,
    place::{Place, checked},
};
use crate::{
    chain::now_ms,
    customer::{PutFile, catalog},
};

/// How often edits are looked for. An edit waits for half of it, for the pack to be flushed, and for two blocks.
const PERIOD: Duration = Duration::from_millis(500);
/// A last segment below this is made longer instead of beginning another: few files, little that is written twice.
const SEGMENT_GROWS_BYTES: usize = 16 << 10;
/// For so long a guest leaves edits to the owner's node.
const GUEST_PATIENCE: Duration = Duration::from_secs(15);
/// How often edits that were written down before this node's last end are looked for, until all are back.
const RESTORE: Duration = Duration::from_secs(5);
/// Edits on top of a version after which a new one is made.
const EDITS_PER_VERSION: usize = 512;

impl Worlds {
    /// Keeps edits until the node stops.
    pub async fn run(self: Arc<Self>) -> Result<()> {
        let mut waiting: HashMap<DatasetId, Instant> = HashMap::new();
        let mut restored: Option<Instant> = None;
        loop {
            if restored.is_none_or(|at| at.elapsed() >= RESTORE) {
                restored = Some(Instant::now());
                self.restore().await;
            }
            tokio::time::sleep(PERIOD).await;
            if self.is_cut_off() {
                continue;
            }
            let places: Vec<_> = self.open_places().into_iter().filter(|place| place.has_unsaved()).collect();
            waiting.retain(|dataset, _| places.iter().any(|place| place.dataset() == *dataset));
            for place in places {
                let since = *waiting.entry(place.dataset()).or_insert_with(Instant::now);
                if place.owner() != self.account() && (since.elapsed() < GUEST_PATIENCE || !self.may_write(&place)) {
                    continue;
                }
                let worlds = self.clone();
                tokio::spawn(async move {
                    // Whoever is at it already takes these edits along, or the next round does.
                    let Ok(_writing) = place.writing.try_lock() else { return };
                    if let Err(error) = worlds.keep(&place).await {
                        tracing::warn!(pos = %place.pos(), "edits could not be kept, trying again: {error:#}");
                    }
                });
            }
        }
    }

    /// Opens the places of which edits were written down before this node's last end, and so brings them back.
    async fn restore(&self) {
        let journal = self.journal.clone();
        let written = tokio::task::spawn_blocking(move || journal.places()).await;
        let places = match written {
            Ok(Ok(places)) => places,
            Ok(Err(error)) => return tracing::error!("edits that were written down can't be read: {error:#}"),
            Err(error) => return tracing::error!(%error, "a worker stopped while the journal of edits was read"),
        };
        for (world, pos) in places {
            if self.open_place(world, pos).is_some_and(|place| place.is_restored()) {
                continue;
            }
            match self.place(world, pos).await {
                Ok(Some(place)) => {
                    let unsaved = place.state().unsaved().count();
                    tracing::info!(%pos, unsaved, "edits that suppliers lack are back");
                }
                Ok(None) => tracing::debug!(%pos, "edits of a location wait for its claim"),
                Err(error) => tracing::warn!(%pos, "edits of a location can't be brought back yet: {error:#}"),
            }
        }
    }

    /// Holds what is written down of a place against what is known of it: edits that this node has lost come back, those that
    /// suppliers hold are struck off.
    pub(super) async fn settle(&self, place: &Place) -> Result<()> {
        let (journal, world, pos) = (self.journal.clone(), place.world().id, place.pos());
        let written = tokio::task::spawn_blocking(move || journal.of(world, pos)).await??;
        if written.is_empty() {
            return Ok(());
        }
        let unknown: Vec<Vec<u8>> = {
            let state = place.state();
            written.iter().filter(|(hash, _)| !state.graph.contains(hash)).map(|(_, bytes)| bytes.clone()).collect()
        };
        let mut back = tokio::task::spawn_blocking(move || checked(unknown)).await?;
        back.sort_by_key(|op| op.statement().depth);
        let over: Vec<OpHash> = {
            let mut state = place.state();
            let mut lost = BTreeSet::new();
            for op in back {
                let hash = op.hash();
                let inserted = state.graph.insert(op);
                if let Ok(Inserted::TooOld) | Err(_) = inserted {
                    tracing::warn!(%pos, edit = %hash, ?inserted, "an edit that was written down counts no more");
                    lost.insert(hash);
                }
            }
            let unsaved: BTreeSet<OpHash> = state.unsaved().map(Checked::hash).collect();
            let is_over = |hash: &OpHash| lost.contains(hash) || state.graph.contains(hash) && !unsaved.contains(hash);
            written.into_iter().map(|(hash, _)| hash).filter(is_over).collect()
        };
        if over.is_empty() {
            return Ok(());
        }
        let journal = self.journal.clone();
        tokio::task::spawn_blocking(move || journal.strike(world, pos, &over)).await?
    }

    /// Whether this node has lost every peer, so that nothing can be kept.
    fn is_cut_off(&self) -> bool {
        self.network.get().is_some_and(|network| network.peers().is_empty())
    }

    fn may_write(&self, place: &Place) -> bool {
        let state = catalog::read(&*self.chain, place.dataset());
        state.is_ok_and(|state| state.may_write(self.account()))
    }

    async fn keep(&self, place: &Arc<Place>) -> Result<()> {
        place.refresh_to_write(self).await?;
        let (segments, log, edits, base) = {
            let state = place.state();
            let ops: Vec<Vec<u8>> = state.unsaved().map(bytes_of).collect();
            let mut log = state.log.clone();
            (append(&mut log, ops)?, log, state.graph.log().len(), state.revision)
        };
        let mut waiting = Vec::new();
        let (files, queue) = tokio::sync::mpsc::channel(segments.len().max(1));
        for (first, bytes) in segments {
            let path = place.file(&edits_file(first));
            waiting.push(path.clone());
            let queued = files.send(file(path, bytes, false)).await;
            queued.map_err(|_| anyhow::anyhow!("the edits could not be queued"))?;
        }
        drop(files);
        if waiting.is_empty() {
            return Ok(());
        }
        // Another writer's segment must not be overwritten by this one: what is appended to must still be the newest.
        let receipt = self.customer.put_onto(place.dataset(), base, queue).await?;
        {
            let mut state = place.state();
            // A version made meanwhile has a log of its own.
            if state.log.newest != log.newest && state.log.next <= log.next {
                state.log = log.clone();
                (state.revision, state.is_read) = (receipt.number, true);
            }
        }
        tracing::debug!(pos = %place.pos(), revision = receipt.number, "edits are kept");
        self.settle(place).await?;
        self.announce(place).await;
        let is_full = edits >= EDITS_PER_VERSION || log.segments + 8 >= LOG_SEGMENTS_MAX;
        if is_full && place.owner() == self.account() {
            self.save_place(place).await?;
        }
        Ok(())
    }
}

/// Lays edits out behind a log: the files to write, by the number of their first edit.
fn append(log: &mut super::place::Log, mut ops: Vec<Vec<u8>>) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut written = Vec::new();
    if ops.is_empty() {
        return Ok(written);
    }
    let grown = log.last.take_if(|last| last.ops.iter().map(Vec::len).sum::<usize>() < SEGMENT_GROWS_BYTES);
    if let Some(last) = grown {
        ops.splice(0..0, last.ops);
        log.next = last.first;
        log.newest = log.before_last;
        log.segments -= 1;
    }
    while !ops.is_empty() {
        let segment = LogSegment::fill(log.next, log.newest, &ops);
        anyhow::ensure!(!segment.ops.is_empty(), "an edit of {} bytes fits no segment", ops[0].len());
        ops.drain(..segment.ops.len());
        let bytes = segment.encode()?;
        written.push((segment.first, bytes.clone()));
        log.extend(segment, blob::root(&bytes), &mut Vec::new())?;
    }
    Ok(written)
}

/// A file of a location.
pub(super) fn file(path: String, bytes: Vec<u8>, aligned: bool) -> PutFile {
    PutFile {
        path,
        bytes: Some(bytes.len() as u64),
        modified_ms: now_ms(),
        aligned,
        metadata: Vec::new(),
        content: Box::new(std::io::Cursor::new(bytes)),
    }
}
