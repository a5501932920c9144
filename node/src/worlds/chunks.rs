//! Chunks of a world: for callers by deadline ([`super::streaming`]), and one after the other for this node's own work on a
//! whole location, which has time.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bitdust_rpc::{
    Code, Failure,
    places::{ChunksRequest, FrameStream, Places},
};
use bitdust_types::B256;
use bitdust_world::{
    Chunk, ChunkPos,
    location::{Manifest, chunks_file},
    pack,
    place::LOCATION_CHUNKS,
};

use super::{Worlds, place::Place};
use crate::customer::reading::Download;

/// The service as the HTTP server sees it.
pub struct Serving(pub Arc<Worlds>);

#[async_trait]
impl Places for Serving {
    async fn chunks(&self, world: B256, request: ChunksRequest) -> Result<FrameStream, Failure> {
        let missing = |error: anyhow::Error| Failure::new(Code::NotFound, format!("{error:#}"), "");
        self.0.info(world).map_err(missing)?;
        self.0.stream(world, request).await
    }
}

impl Worlds {
    /// A chunk of the newest version, without the edits on top of it.
    pub(super) async fn base(&self, place: &Arc<Place>, manifest: Option<&Manifest>, pos: ChunkPos) -> Result<Chunk> {
        let index = pos.index();
        let framed = manifest.and_then(|manifest| Some((manifest, manifest.frame_range(index)?)));
        let Some((manifest, range)) = framed else {
            let world = place.world().clone();
            let chunk = tokio::task::spawn_blocking(move || world.generator.chunk(pos)).await?;
            return Ok(chunk);
        };
        let hash = manifest.chunk(index).hash;
        let cache = self.cache.clone();
        if let Some(packed) = tokio::task::spawn_blocking(move || cache.get(hash)).await? {
            match manifest.verify_chunk(&mut pack::Unpacker::default(), index, &packed) {
                Ok(chunk) => return Ok(chunk),
                Err(error) => {
                    tracing::warn!(%pos, %error, "a chunk in the cache is damaged; fetching it anew");
                    self.cache.forget(hash);
                }
            }
        }
        let file = place.file(&chunks_file(manifest.version().sequence, &manifest.hash()));
        let mut download = self.customer.get(place.dataset(), &file, Some(range)).await?;
        let packed = download.collect().await;
        self.note(&download);
        let packed = packed.with_context(|| format!("chunk {pos} of '{}'", place.world().def.name))?;
        let verified = manifest.verify_chunk(&mut pack::Unpacker::default(), index, &packed);
        if verified.is_err() {
            place.state().is_damaged = true;
        }
        // Every byte was held against the shard's root: if the chunk is wrong, a writer of the dataset stored it wrong.
        let chunk = verified.with_context(|| format!("chunk {pos}, as a writer of {} stored it", place.dataset()))?;
        let cache = self.cache.clone();
        tokio::task::spawn_blocking(move || cache.put(hash, &packed)).await?;
        Ok(chunk)
    }

    /// Keeps the frames of a version that was made here on this disk, for this node and for those who come to it before they
    /// go to the suppliers.
    pub(super) async fn remember(&self, manifest: Arc<Manifest>, frames: Vec<u8>) {
        let (world, pos) = (B256::from(manifest.version().world), manifest.version().pos);
        let ranges = (0..LOCATION_CHUNKS as u16).filter_map(|index| Some((index, manifest.frame_range(index)?)));
        let kept: Vec<_> = ranges.map(|(index, range)| (manifest.chunk(index).hash, range)).collect();
        let (cache, hashes) = (self.cache.clone(), kept.iter().map(|(hash, _)| *hash).collect::<Vec<_>>());
        self.workers
            .run(move || {
                for (hash, range) in kept {
                    // Frames are at most 32 MiB.
                    if let Some(packed) = frames.get(range.start as usize..range.end as usize) {
                        cache.put(hash, packed);
                    }
                }
            })
            .await;
        self.sharing.note(world, pos, &hashes, hashes.len());
    }

    /// Counts what a download cost, and names who sent something else than they should.
    pub(super) fn note(&self, download: &Download) {
        let report = download.report();
        self.tally.received(report.fetched_bytes);
        for (supplier, reason) in report.faults {
            self.tally.blame(supplier.to_string(), reason);
        }
    }
}
