//! New versions: the edits of a location folded into its chunks, stored, and entered on the ledger.
//!
//! Order: chunks, base and manifest are stored in one revision, under names of their own → the ledger is told the manifest's
//! hash → the graph is put on the new base. Until the ledger has it, and if it never does, readers go by the version before,
//! whose files are as they were. That one stays for readers that have begun with it; what is older goes.

use std::{collections::BTreeMap, sync::Arc};

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::worlds::IWorlds;
use bitdust_proof::blob;
use bitdust_types::{B256, DatasetId, U256};
use bitdust_world::{
    Chunk, ChunkPos, LocationPos,
    edits::Fold,
    location::{
        LOG_BYTES_MAX, LOG_SEGMENTS_MAX, Manifest, Place as Kept, Snapshot, Stored, Version, base_file, chunks_file,
        manifest_file, version_of,
    },
};

use super::{
    Worlds,
    keeping::file,
    log::Log,
    place::{Named, Place},
};

/// Tries of one save that other writers may get in the way of.
const TRIES_MAX: u32 = 4;

/// What a new version came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its number.
    pub sequence: u64,
    /// The dataset's revision.
    pub revision: u64,
    /// Chunks with frames.
    pub chunks: u32,
    /// Bytes of the frames.
    pub bytes: u64,
    /// Edits folded into it.
    pub folded: u64,
}

/// Edits on top of a version after which its owner's node makes a new one.
const EDITS_PER_VERSION: usize = 512;
/// After so many a named compactor's node makes it: the owner's would have, if it were up.
const EDITS_PER_VERSION_UNATTENDED: usize = 2 * EDITS_PER_VERSION;
/// Segments that the log must have room for when the owner's node makes a version; a compactor's waits for half of that.
const SEGMENTS_SPARE: u32 = 8;
/// The same in bytes: what one author may make before suppliers take some of it.
const BYTES_SPARE: u64 = 1 << 20;

impl Worlds {
    /// Whether it falls to this node to make a new version of a place now: its log is nearly full, or files of its version were
    /// destroyed. The owner's node comes first; one that the owner named for it leaves it twice as many edits.
    pub(super) fn is_due_to_save(&self, place: &Place) -> bool {
        let state = place.state();
        let is_owner = place.owner() == self.account();
        if !is_owner && !state.graph.may_fold(self.account()) {
            return false;
        }
        let log = &state.log;
        let (edits_max, spare) = match is_owner {
            true => (EDITS_PER_VERSION, SEGMENTS_SPARE),
            false => (EDITS_PER_VERSION_UNATTENDED, SEGMENTS_SPARE / 2),
        };
        let is_full = state.graph.log().len() >= edits_max
            || log.segments() + spare >= LOG_SEGMENTS_MAX
            || log.bytes() + BYTES_SPARE >= LOG_BYTES_MAX as u64;
        is_full || is_owner && state.is_damaged
    }

    /// Makes a new version of a location, if its owner is this node's account, or has named it for that.
    pub async fn save(&self, world: B256, pos: LocationPos) -> Result<Saved> {
        let place = self.place(world, pos).await?.with_context(|| format!("location {pos} is nobody's"))?;
        let may_fold = place.state().graph.may_fold(self.account());
        if !may_fold {
            bail!("location {pos} belongs to {}, who makes its versions or names who else does", place.owner());
        }
        let _writing = place.writing.lock().await;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.save_place(&place).await {
                // A guest's edits were kept meanwhile: they belong into the version too.
                Err(_) if tries < TRIES_MAX && self.revision(place.dataset())? != place.state().revision => {}
                done => return done,
            }
        }
    }

    /// The same for who holds the place's lock for writing.
    pub(super) async fn save_place(&self, place: &Arc<Place>) -> Result<Saved> {
        place.refresh_to_write(self).await?;
        let (before, mut graph, log_first, onto, is_damaged) = {
            let state = place.state();
            (state.manifest.clone(), state.graph.clone(), state.log.next, state.revision, state.is_damaged)
        };
        let folded = graph.log().len() as u64;
        if folded == 0 && !is_damaged {
            bail!("location {} has no edits since its version {}", place.pos(), sequence(before.as_deref()));
        }
        let heads: Vec<_> = graph.heads().iter().copied().collect();
        let fold = graph.fold(&heads)?;
        let changed = self.chunks_after(place, before.as_deref(), &fold).await?;
        let base = graph.base().encode();
        let version = Version {
            world: place.world().id.0,
            pos: place.pos(),
            // Of a place that was passed on the graph began anew, its versions did not.
            sequence: sequence(before.as_deref()) + 1,
            seed: place.world().def.seed,
            generator: place.world().def.generator,
            params: place.world().def.params.clone(),
            folded: graph.base().heads().iter().map(|head| head.0).collect(),
            base: Some(Stored { bytes: u32::try_from(base.len())?, hash: blob::root(&base) }),
            log_first,
            author: self.account(),
        };
        let snapshot = self.snapshot(place, version, changed, before.clone()).await?;
        let manifest = Arc::new(snapshot.manifest);
        let sequence = manifest.version().sequence;
        let receipt = self.store(place, place.dataset(), onto, &manifest, snapshot.frames.clone(), &base).await?;
        self.keep_version(&manifest, snapshot.frames, base).await;
        self.enter_version(&manifest).await?;
        {
            let mut state = place.state();
            // Edits that arrived meanwhile go on top.
            for op in state.graph.log() {
                if !graph.contains(&op.hash()) {
                    let _ = graph.insert(op.clone());
                }
            }
            state.graph = graph;
            state.log = Log::after(Some(&manifest));
            state.version = Named { sequence, manifest: Some(manifest.hash()) };
            (state.manifest, state.files, state.is_damaged) = (Some(manifest.clone()), None, false);
            (state.revision, state.is_read) = (receipt, true);
        }
        self.settle(place).await?;
        self.announce(place).await;
        if self.clear(place, before.as_deref()).await.is_some_and(|cleared| cleared == receipt + 1) {
            // Nothing of it concerns readers; the head tells them so.
            place.state().revision = receipt + 1;
            self.announce(place).await;
        }
        Ok(Saved {
            sequence,
            revision: receipt,
            chunks: manifest.chunks().iter().filter(|entry| entry.place != Kept::Generated).count() as u32,
            bytes: manifest.frames_bytes(),
            folded,
        })
    }

    /// Keeps a version that was made here on this disk.
    pub(super) async fn keep_version(&self, manifest: &Arc<Manifest>, frames: Vec<u8>, base: Vec<u8>) {
        self.remember(manifest.clone(), frames).await;
        for bytes in [manifest.encode(), base] {
            self.keep_copy(blob::root(&bytes), bytes).await;
        }
    }

    /// Tells the ledger of a version that suppliers hold: from then on it counts.
    pub(super) async fn enter_version(&self, manifest: &Manifest) -> Result<()> {
        let Version { world, pos, sequence, .. } = *manifest.version();
        let (x, y, z) = (pos.x, pos.y, pos.z);
        let call =
            IWorlds::setCompactedCall { world: world.into(), x, y, z, manifest: manifest.hash().into(), sequence };
        self.transact(U256::ZERO, call.abi_encode()).await.context("entering the new version on the ledger")?;
        Ok(())
    }

    /// Every chunk that differs from the generator's, after the fold.
    pub(super) async fn chunks_after(
        &self,
        place: &Arc<Place>,
        before: Option<&Manifest>,
        fold: &Fold,
    ) -> Result<BTreeMap<u16, Chunk>> {
        let mut writes: BTreeMap<u16, Vec<(u16, bitdust_world::BlockId)>> = BTreeMap::new();
        for (voxel, block) in &fold.changes {
            // 24 bits: the chunk's number above the voxel's.
            writes.entry((voxel >> 15) as u16).or_default().push(((voxel & 0x7fff) as u16, *block));
        }
        let framed = before.into_iter().flat_map(|manifest| {
            (0u16..).zip(manifest.chunks()).filter(|(_, entry)| entry.place != Kept::Generated).map(|(index, _)| index)
        });
        let touched: std::collections::BTreeSet<u16> = framed.chain(writes.keys().copied()).collect();
        let mut changed = BTreeMap::new();
        for index in touched {
            let mut chunk = self.base(place, before, place.pos().chunk(index)).await?;
            if let Some(writes) = writes.get(&index) {
                let voxels = chunk.make_mixed();
                writes.iter().for_each(|(at, block)| voxels[usize::from(*at)] = *block);
            }
            changed.insert(index, chunk);
        }
        Ok(changed)
    }

    pub(super) async fn snapshot(
        &self,
        place: &Arc<Place>,
        version: Version,
        mut changed: BTreeMap<u16, Chunk>,
        before: Option<Arc<Manifest>>,
    ) -> Result<Snapshot> {
        let world = place.world().clone();
        let made = tokio::task::spawn_blocking(move || {
            // What was built and taken away again is the generator's once more.
            changed.retain(|index, chunk| {
                let generated = world.generator.chunk(version.pos.chunk(*index));
                *chunk != generated
            });
            let generated = |pos: ChunkPos| match before.as_ref().map(|manifest| manifest.chunk(pos.index())) {
                Some(entry) if entry.place == Kept::Generated => entry.hash,
                _ => world.generator.chunk(pos).hash(),
            };
            Snapshot::build(version, &changed, generated)
        });
        Ok(made.await.context("a worker stopped while a version was being made")??)
    }

    /// Stores a version on top of what was read. A segment that another has written since must go into it first.
    pub(super) async fn store(
        &self,
        place: &Place,
        dataset: DatasetId,
        onto: u64,
        manifest: &Manifest,
        frames: Vec<u8>,
        base: &[u8],
    ) -> Result<u64> {
        let sequence = manifest.version().sequence;
        let (files, queue) = tokio::sync::mpsc::channel(3);
        let hash = manifest.hash();
        let mut all = vec![file(place.file(&manifest_file(sequence, &hash)), manifest.encode(), false)];
        if !base.is_empty() {
            all.push(file(place.file(&base_file(sequence, &hash)), base.to_vec(), false));
        }
        if !frames.is_empty() {
            all.push(file(place.file(&chunks_file(sequence, &hash)), frames, true));
        }
        for file in all {
            files.send(file).await.map_err(|_| anyhow::anyhow!("the version could not be queued"))?;
        }
        drop(files);
        let receipt = self.customer.put_onto(dataset, onto, queue).await;
        Ok(receipt.with_context(|| format!("storing version {sequence} of location {}", place.pos()))?.number)
    }

    /// Removes what no reader of this version and the one before needs, versions that never came to count among it, and answers
    /// the revision that this makes. That it fails only costs space.
    async fn clear(&self, place: &Place, former: Option<&Manifest>) -> Option<u64> {
        let cleared = async {
            let files = self.customer.manifest(place.dataset()).await?;
            let prefix = place.file("");
            let newest = place.state().manifest.clone();
            let files_of = |manifest: &Manifest| {
                let (sequence, hash) = (manifest.version().sequence, manifest.hash());
                [manifest_file(sequence, &hash), base_file(sequence, &hash), chunks_file(sequence, &hash)]
            };
            let wanted: Vec<String> = newest.as_deref().into_iter().chain(former).flat_map(files_of).collect();
            let stale = |name: &str| {
                // One with a higher number is being made by somebody else.
                let is_past = version_of(name).is_some_and(|number| number <= sequence(newest.as_deref()));
                is_past && wanted.iter().all(|wanted| wanted != name)
            };
            let log_first = |name: &str| name.strip_prefix("edits-").and_then(|first| first.parse::<u64>().ok());
            let before = files.list(&prefix).filter_map(|file| file.path.strip_prefix(&prefix));
            let first = newest.as_ref().map_or(0, |manifest| manifest.version().log_first);
            let old: Vec<String> = before
                .filter(|name| stale(name) || log_first(name).is_some_and(|number| number < first))
                .map(|name| format!("{prefix}{name}"))
                .collect();
            if old.is_empty() {
                return anyhow::Ok(None);
            }
            Ok(Some(self.customer.remove(place.dataset(), old).await?.number))
        };
        cleared.await.unwrap_or_else(|error| {
            tracing::warn!(pos = %place.pos(), "older versions could not be removed: {error:#}");
            None
        })
    }
}

fn sequence(manifest: Option<&Manifest>) -> u64 {
    manifest.map_or(0, |manifest| manifest.version().sequence)
}
