//! Chunks of a world, from whoever has them: the cache, the generator, the suppliers.
//!
//! Order of work for one chunk: what the location's version says it is (a hash; the generator's, or a frame) → the base chunk
//! from the cache, else from the one supplier whose shard holds the frame (the customer's reading hedges slow ones and
//! combines others where that one is gone) → held against the hash → the edits on top. The caller's order is kept: the most
//! urgent begin first.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bitdust_rpc::{
    Code, Failure,
    places::{ChunksRequest, Frame, FrameStream, Places, Source, WantedChunk},
};
use bitdust_types::B256;
use bitdust_world::{
    Chunk, ChunkPos, LocationPos,
    location::{Manifest, Place as Kept, chunks_file},
    pack,
};
use futures::{StreamExt as _, stream};

use super::{Worlds, place::Place};
use crate::customer::reading::Download;

/// Chunks of one request that are fetched at the same time. A fetch takes a round trip, so this many of 1.5 KiB per 100 ms
/// are 320 chunks a second, several times what a flight at 30 m/s uncovers.
const FETCHES_AT_ONCE: usize = 32;

/// The service as the HTTP server sees it.
pub struct Serving(pub Arc<Worlds>);

#[async_trait]
impl Places for Serving {
    async fn chunks(&self, world: B256, request: ChunksRequest) -> Result<FrameStream, Failure> {
        let worlds = self.0.clone();
        let missing = |error: anyhow::Error| Failure::new(Code::NotFound, format!("{error:#}"), "");
        worlds.info(world).map_err(missing)?;
        let mut wanted = request.chunks;
        wanted.sort_by_key(|chunk| chunk.deadline_ms);
        // A location's claim and version are looked at once for all of its chunks.
        let locations: BTreeMap<LocationPos, Arc<tokio::sync::OnceCell<Looked>>> =
            wanted.iter().map(|chunk| (chunk.pos.location(), Arc::default())).collect();
        let frames = stream::iter(wanted).map(move |wanted| {
            let (worlds, looked) = (worlds.clone(), locations.get(&wanted.pos.location()).cloned().unwrap_or_default());
            async move {
                let looked = looked.get_or_init(|| worlds.look_for(world, wanted.pos.location())).await;
                worlds.frame(looked, wanted).await
            }
        });
        Ok(frames.buffer_unordered(FETCHES_AT_ONCE).boxed())
    }
}

/// What was found out about a location.
enum Looked {
    Unclaimed,
    Open(Arc<Place>),
    Failed(String),
}

impl Worlds {
    async fn look_for(&self, world: B256, pos: LocationPos) -> Looked {
        match self.place(world, pos).await {
            Ok(None) => Looked::Unclaimed,
            Ok(Some(place)) => Looked::Open(place),
            Err(error) => {
                tracing::warn!(%world, %pos, "a location can't be opened: {error:#}");
                Looked::Failed(format!("{error:#}"))
            }
        }
    }

    async fn frame(&self, looked: &Looked, wanted: WantedChunk) -> Frame {
        let pos = wanted.pos;
        let made = match looked {
            Looked::Unclaimed => {
                self.tally.delivered(Source::Generator, 0);
                return Frame::Generated { pos, unclaimed: true };
            }
            Looked::Failed(reason) => Err(anyhow::anyhow!("{reason}")),
            Looked::Open(place) => self.answer(place, wanted).await,
        };
        made.unwrap_or_else(|error| {
            self.tally.failed();
            Frame::failed(pos, format!("{error:#}"))
        })
    }

    async fn answer(&self, place: &Arc<Place>, wanted: WantedChunk) -> Result<Frame> {
        let (pos, index) = (wanted.pos, wanted.pos.index());
        let (manifest, is_edited) = {
            let state = place.state();
            (state.manifest.clone(), state.edits(index))
        };
        let sequence = manifest.as_ref().map_or(0, |manifest| manifest.version().sequence);
        let entry = manifest.as_ref().map(|manifest| *manifest.chunk(index));
        let is_generated = entry.is_none_or(|entry| entry.place == Kept::Generated);
        if is_generated && !is_edited {
            self.tally.delivered(Source::Generator, 0);
            return Ok(Frame::Generated { pos, unclaimed: false });
        }
        if let (Some(entry), false) = (entry, is_edited)
            && wanted.have == Some(entry.hash)
        {
            return Ok(Frame::Same { pos });
        }
        let base = self.base(place, manifest.as_deref(), pos).await?;
        let place = place.clone();
        let made = tokio::task::spawn_blocking(move || {
            let Base { mut chunk, source, packed } = base;
            if !is_edited && let (Some(packed), Some(entry)) = (packed, entry) {
                return (entry.hash, source, packed);
            }
            place.state().graph.apply_to(index, &mut chunk);
            (chunk.hash(), source, pack::pack(&chunk))
        });
        let (hash, source, packed) = made.await.context("a worker stopped while a chunk was being packed")?;
        if wanted.have == Some(hash) {
            return Ok(Frame::Same { pos });
        }
        self.tally.delivered(source, packed.len() as u64);
        Ok(Frame::Chunk { pos, hash, sequence, source, packed })
    }

    /// A chunk of the newest version, without the edits on top of it.
    pub(super) async fn base(&self, place: &Arc<Place>, manifest: Option<&Manifest>, pos: ChunkPos) -> Result<Base> {
        let index = pos.index();
        let framed = manifest.and_then(|manifest| Some((manifest, manifest.frame_range(index)?)));
        let Some((manifest, range)) = framed else {
            let world = place.world().clone();
            let chunk = tokio::task::spawn_blocking(move || world.generator.chunk(pos)).await?;
            return Ok(Base { chunk, source: Source::Generator, packed: None });
        };
        let hash = manifest.chunk(index).hash;
        let cache = self.cache.clone();
        if let Some(packed) = tokio::task::spawn_blocking(move || cache.get(hash)).await? {
            match manifest.verify_chunk(&mut pack::Unpacker::default(), index, &packed) {
                Ok(chunk) => return Ok(Base { chunk, source: Source::Cache, packed: Some(packed) }),
                Err(error) => {
                    tracing::warn!(%pos, %error, "a chunk in the cache is damaged; fetching it anew");
                    self.cache.forget(hash);
                }
            }
        }
        let file = place.file(&chunks_file(manifest.version().sequence));
        let mut download = self.customer.get(place.dataset(), &file, Some(range)).await?;
        let packed = download.collect().await;
        let source = self.note(&download);
        let packed = packed.with_context(|| format!("chunk {pos} of '{}'", place.world().def.name))?;
        let verified = manifest.verify_chunk(&mut pack::Unpacker::default(), index, &packed);
        // Every byte was held against the shard's root: if the chunk is wrong, its owner stored it wrong.
        let chunk = verified.with_context(|| format!("chunk {pos}, as {} stored it", place.owner()))?;
        let (cache, kept) = (self.cache.clone(), packed.clone());
        tokio::task::spawn_blocking(move || cache.put(hash, &kept)).await?;
        Ok(Base { chunk, source, packed: Some(packed) })
    }

    /// Counts what a download cost, and names who failed. Answers who brought most of it.
    pub(super) fn note(&self, download: &Download) -> Source {
        let report = download.report();
        self.tally.received(report.fetched_bytes);
        for (supplier, reason) in report.failed {
            self.tally.blame(supplier.to_string(), reason);
        }
        let most = report.by_supplier.into_iter().max_by_key(|(_, bytes)| *bytes);
        // Units read lately are in memory: nobody was asked.
        most.map_or(Source::Cache, |(account, _)| Source::supplier(account))
    }
}

/// A chunk of a version, and where it came from.
pub(super) struct Base {
    /// Its voxels.
    pub chunk: Chunk,
    /// Who had it.
    pub source: Source,
    /// Its bytes as they are kept; none if it was made.
    pub packed: Option<Vec<u8>>,
}
