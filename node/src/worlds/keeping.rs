//! Bringing edits to the suppliers: what was built since is appended to the location's log, at most a few seconds after.
//!
//! Only who may write the dataset does that: the claim's owner, whose node keeps everybody's edits of the place, and guests
//! whom the owner entrusted with it, while the owner's node doesn't; whose turn it is decides [`super::keeper`].

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use bitdust_proof::blob;
use bitdust_types::{Address, DatasetId};
use bitdust_world::{
    edits::{Checked, Inserted, OpHash},
    location::{LOG_SEGMENTS_MAX, LogSegment, edits_file},
};

use super::{
    Worlds,
    building::bytes_of,
    keeper::{Keeper, Turn},
    log::Log,
    place::{Place, checked},
};
use crate::{
    chain::now_ms,
    customer::{PutFile, catalog},
};

/// How often edits are looked for.
const PERIOD: Duration = Duration::from_millis(250);
/// For so long edits are gathered into one revision, each of which costs a fee and a transaction; counted from the one before, if
/// edits go on. An edit waits for at most that, and then for its block: 1 s, and what the suppliers take to promise.
const GATHER: Duration = Duration::from_millis(1500);
/// A last segment below this is made longer instead of beginning another: few files, little that is written twice.
const SEGMENT_GROWS_BYTES: usize = 16 << 10;
/// So long after it last kept edits in the owner's stead a guest's node says that it does, unless others overtook it.
const STANDS_IN: Duration = Duration::from_secs(120);
/// For so long it counts that this account may not write a dataset: to see that reads all of the dataset's state.
const NO_WRITER: Duration = Duration::from_secs(10);
/// How often edits that were written down before this node's last end are looked for, until all are back.
const RESTORE: Duration = Duration::from_secs(5);

/// A place with edits that suppliers lack.
struct Waiting {
    /// The first of them.
    oldest: OpHash,
    /// When it was first seen so.
    since: Instant,
    /// When edits of the place were last begun to be brought to the suppliers.
    begun: Option<Instant>,
    /// When this account was last seen to have no right to do that.
    barred: Option<Instant>,
}

/// How an attempt to keep a place's edits ended.
struct Outcome {
    dataset: DatasetId,
    at: Instant,
    is_kept: bool,
}

impl Waiting {
    fn new(oldest: OpHash, since: Instant) -> Self {
        Waiting { oldest, since, begun: None, barred: None }
    }

    /// Whether to bring edits to the suppliers now, `oldest` being the first that they lack and `patience` the time for which they
    /// are left to others.
    fn is_due(&mut self, oldest: OpHash, now: Instant, patience: Duration) -> bool {
        if self.oldest != oldest {
            (self.oldest, self.since) = (oldest, now);
        }
        // Of a place that stays busy the next edits came while the last ones were on their way.
        let from = self.begun.unwrap_or(self.since);
        let is_barred = self.barred.is_some_and(|at| now.saturating_duration_since(at) < NO_WRITER);
        let gathered = now.saturating_duration_since(from) >= GATHER;
        gathered && !is_barred && now.saturating_duration_since(self.since) >= patience
    }
}

impl Worlds {
    /// Keeps edits until the node stops.
    pub async fn run(self: Arc<Self>) -> Result<()> {
        let mut waiting: HashMap<DatasetId, Waiting> = HashMap::new();
        // Where this node keeps edits in the owner's stead, and since when.
        let mut stood_in: HashMap<DatasetId, Instant> = HashMap::new();
        let (done, mut outcomes) = tokio::sync::mpsc::channel::<Outcome>(64);
        let mut restored: Option<Instant> = None;
        loop {
            if restored.is_none_or(|at| at.elapsed() >= RESTORE) {
                restored = Some(Instant::now());
                self.restore().await;
            }
            tokio::time::sleep(PERIOD).await;
            while let Ok(Outcome { dataset, at, is_kept }) = outcomes.try_recv() {
                // What failed was most likely overtaken: the owner is back, or another guest stands in.
                if is_kept {
                    stood_in.insert(dataset, at);
                } else {
                    stood_in.remove(&dataset);
                }
            }
            stood_in.retain(|_, at| at.elapsed() < STANDS_IN);
            if self.is_cut_off() {
                continue;
            }
            let open = self.open_places();
            open.iter().for_each(|place| place.stand_in(stood_in.contains_key(&place.dataset())));
            let oldest = |place: &Place| place.state().unsaved().next().map(|op| (op.hash(), op.author()));
            let unsaved = |place: Arc<Place>| oldest(&place).map(|oldest| (place, oldest));
            let places: Vec<_> = open.into_iter().filter_map(unsaved).collect();
            let datasets: HashSet<DatasetId> = places.iter().map(|(place, _)| place.dataset()).collect();
            waiting.retain(|dataset, _| datasets.contains(dataset));
            for (place, (oldest, author)) in places {
                let now = Instant::now();
                let waiting = waiting.entry(place.dataset()).or_insert_with(|| Waiting::new(oldest, now));
                let patience = self.turn(&place, author, now).patience();
                if !waiting.is_due(oldest, now, patience) {
                    continue;
                }
                // Whoever is at it already takes these edits along, or the next round does.
                let Ok(writing) = place.writing.clone().try_lock_owned() else { continue };
                if place.owner() != self.account() && !self.may_write(&place) {
                    waiting.barred = Some(now);
                    continue;
                }
                waiting.begun = Some(now);
                let (worlds, done) = (self.clone(), done.clone());
                tokio::spawn(async move {
                    let _writing = writing;
                    let kept = worlds.keep(&place).await;
                    // A full queue loses no edit, only that a guest is patient once more.
                    let _ = done.try_send(Outcome { dataset: place.dataset(), at: now, is_kept: kept.is_ok() });
                    if let Err(error) = kept {
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

    /// Whose turn it is to keep a place's edits, the first of which is `author`'s.
    fn turn(&self, place: &Place, author: Address, now: Instant) -> Turn {
        let keeps = place.keeps(self.account());
        let company = place.company();
        Turn {
            me: self.network.get().map(|network| Keeper::new(keeps, network.local_peer())),
            keeps,
            other: company.keeper(),
            is_introduced: company.is_introduced(now),
            is_author: author == self.account(),
        }
    }

    fn may_write(&self, place: &Place) -> bool {
        let state = catalog::read(&*self.chain, place.dataset());
        state.is_ok_and(|state| state.may_write(self.account()))
    }

    async fn keep(&self, place: &Arc<Place>) -> Result<()> {
        place.refresh_to_write(self).await?;
        if place.state().log.segments() >= LOG_SEGMENTS_MAX && self.is_due_to_save(place) {
            return self.save_place(place).await.map(drop);
        }
        let (segments, log, base) = {
            let state = place.state();
            let ops: Vec<Vec<u8>> = state.unsaved().map(bytes_of).collect();
            let mut log = state.log.clone();
            (append(&mut log, ops)?, log, state.revision)
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
        if self.is_due_to_save(place) {
            self.save_place(place).await?;
        }
        Ok(())
    }
}

/// Lays edits out behind a log: the files to write, by the number of their first edit.
fn append(log: &mut Log, mut ops: Vec<Vec<u8>>) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut written = Vec::new();
    if ops.is_empty() {
        return Ok(written);
    }
    ops.splice(0..0, log.reopen(SEGMENT_GROWS_BYTES));
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

#[cfg(test)]
mod tests {
    use super::{super::keeper::PATIENCE, *};

    fn edit(number: u8) -> OpHash {
        OpHash([number; 32])
    }

    #[test]
    fn edits_are_gathered_and_a_busy_place_has_a_rhythm() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut waiting = Waiting::new(edit(1), start);
        assert!(!waiting.is_due(edit(1), at(1400), Duration::ZERO));
        assert!(waiting.is_due(edit(1), at(1500), Duration::ZERO));
        waiting.begun = Some(at(1500));
        // While the first is on its way others come, which go with the next one.
        assert!(!waiting.is_due(edit(1), at(2900), Duration::ZERO));
        assert!(waiting.is_due(edit(2), at(3000), Duration::ZERO));
    }

    #[test]
    fn edits_that_others_keep_in_time_are_left_to_them() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut waiting = Waiting::new(edit(1), start);
        for second in 0..60 {
            // The owner keeps the oldest every five seconds.
            assert!(!waiting.is_due(edit((second / 5) as u8), at(second), PATIENCE), "at {second} s");
        }
        assert!(waiting.is_due(edit(11), at(55 + 15), PATIENCE));
    }

    #[test]
    fn who_may_not_write_looks_again_once_in_a_while() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut waiting = Waiting::new(edit(1), start);
        assert!(waiting.is_due(edit(1), at(2), Duration::ZERO));
        waiting.barred = Some(at(2));
        assert!(!waiting.is_due(edit(1), at(11), Duration::ZERO));
        assert!(waiting.is_due(edit(1), at(12), Duration::ZERO), "it may have been let in");
    }
}
