//! New versions: the edits of a location folded into its chunks, stored, and entered on the ledger.
//!
//! Order: chunks, base and manifest are stored in one revision → the ledger is told the manifest's hash → the graph is put on
//! the new base. The version before stays for readers that have begun with it; what is older goes.

use std::{collections::BTreeMap, sync::Arc};

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::worlds::IWorlds;
use bitdust_proof::blob;
use bitdust_types::{B256, U256};
use bitdust_world::{
    Chunk, ChunkPos, LocationPos,
    edits::Fold,
    location::{MANIFEST_FILE, Manifest, Place as Kept, Snapshot, Stored, Version, base_file, chunks_file},
};

use super::{
    Worlds,
    keeping::file,
    place::{Place, fresh_log},
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

impl Worlds {
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
        let (before, mut graph, log_first, onto) = {
            let state = place.state();
            (state.manifest.clone(), state.graph.clone(), state.log.next, state.revision)
        };
        let folded = graph.log().len() as u64;
        if folded == 0 {
            bail!("location {} has no edits since its version {}", place.pos(), sequence(before.as_deref()));
        }
        let heads: Vec<_> = graph.heads().iter().copied().collect();
        let fold = graph.fold(&heads)?;
        let changed = self.chunks_after(place, before.as_deref(), &fold).await?;
        let base = graph.base().encode();
        let version = Version {
            world: place.world().id.0,
            pos: place.pos(),
            sequence: graph.base().sequence(),
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
        let receipt = self.store(place, onto, &manifest, snapshot.frames.clone(), base).await?;
        self.remember(manifest.clone(), snapshot.frames).await;
        let pos = place.pos();
        let (world, x, y, z) = (place.world().id, pos.x, pos.y, pos.z);
        let call = IWorlds::setCompactedCall { world, x, y, z, manifest: manifest.hash().into(), sequence };
        self.transact(U256::ZERO, call.abi_encode()).await.context("entering the new version on the ledger")?;
        {
            let mut state = place.state();
            // Edits that arrived meanwhile go on top.
            for op in state.graph.log() {
                if !graph.contains(&op.hash()) {
                    let _ = graph.insert(op.clone());
                }
            }
            state.graph = graph;
            state.log = fresh_log(Some(&manifest));
            state.manifest = Some(manifest.clone());
            (state.revision, state.is_read) = (receipt, true);
        }
        self.settle(place).await?;
        self.announce(place).await;
        if self.clear(place, sequence).await.is_some_and(|cleared| cleared == receipt + 1) {
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

    /// Every chunk that differs from the generator's, after the fold.
    async fn chunks_after(
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

    async fn snapshot(
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
    async fn store(
        &self,
        place: &Place,
        onto: u64,
        manifest: &Manifest,
        frames: Vec<u8>,
        base: Vec<u8>,
    ) -> Result<u64> {
        let sequence = manifest.version().sequence;
        let (files, queue) = tokio::sync::mpsc::channel(3);
        let mut all = vec![
            file(place.file(&base_file(sequence)), base, false),
            file(place.file(MANIFEST_FILE), manifest.encode(), false),
        ];
        if !frames.is_empty() {
            all.push(file(place.file(&chunks_file(sequence)), frames, true));
        }
        for file in all {
            files.send(file).await.map_err(|_| anyhow::anyhow!("the version could not be queued"))?;
        }
        drop(files);
        let receipt = self.customer.put_onto(place.dataset(), onto, queue).await;
        Ok(receipt.with_context(|| format!("storing version {sequence} of location {}", place.pos()))?.number)
    }

    /// Removes what no reader of the last two versions needs, and answers the revision that this makes. That it fails only
    /// costs space.
    async fn clear(&self, place: &Place, sequence: u64) -> Option<u64> {
        let cleared = async {
            let files = self.customer.manifest(place.dataset()).await?;
            let prefix = place.file("");
            let stale = |name: &str| {
                let number = |prefix: &str| name.strip_prefix(prefix).and_then(|number| number.parse::<u64>().ok());
                let old = |number: u64| number + 1 < sequence;
                number("chunks-").or_else(|| number("base-")).is_some_and(old)
            };
            let log_first = |name: &str| name.strip_prefix("edits-").and_then(|first| first.parse::<u64>().ok());
            let before = files.list(&prefix).filter_map(|file| file.path.strip_prefix(&prefix));
            let first = place.state().manifest.as_ref().map_or(0, |manifest| manifest.version().log_first);
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
