//! A part of one shard from the supplier that holds it, held against the shard's root as it arrives; and parts of several
//! put together.
//!
//! Who is asked, and when somebody else is asked too, others decide: [`super::reading`] for files and ranges by itself,
//! [`super::ranges`] for callers that have a plan of their own.

use std::{ops::Range, sync::Arc, time::Instant};

use anyhow::{Context as _, Result};
use bitdust_market::{
    codec::{ReadPlan, SealedSlab, VerifiedPiece},
    manifest::{Manifest, SlabEntry},
};
use bytes::Bytes;

use super::{
    Dataset, Shared,
    pipes::Short,
    remote::{Remote, RemoteError, SupplierRef},
};

/// Bytes that are asked for through a slot's [`super::pipes`], as a chunk's range is; more keeps a stream to itself.
pub(super) const SHORT_BYTES_MAX: u64 = 64 << 10;

/// A slot's answer: the verified piece and its size on the wire.
pub(super) type Answer = (u8, Instant, Result<(VerifiedPiece, u64), RemoteError>);

/// The shards of one dataset, as one of its manifests lists them.
pub(super) struct Pieces {
    pub shared: Arc<Shared>,
    pub dataset: Arc<Dataset>,
    pub manifest: Arc<Manifest>,
}

impl Pieces {
    /// Bytes `range` of the shard of a slot.
    pub async fn piece(&self, entry: &SlabEntry, slot: u8, range: Range<u64>) -> Answer {
        let begun = Instant::now();
        let part = Short {
            root: entry.roots.get(usize::from(slot)).copied().unwrap_or_default(),
            len: entry.shard_bytes(),
            range: range.clone(),
        };
        let is_short = range.end.saturating_sub(range.start) <= SHORT_BYTES_MAX;
        let asked = match is_short {
            true => self.shared.pipes.ask(&self.shared, &self.dataset, slot.into(), &part).await,
            false => long(&self.shared, &self.dataset, slot.into(), &part).await,
        };
        let got = asked.and_then(|(bao, supplier)| {
            let size = bao.len() as u64;
            self.verify(entry, slot.into(), &range, &bao, supplier).map(|piece| (piece, size))
        });
        (slot, begun, got)
    }

    /// The plain bytes that a plan is for, from pieces that are enough for them.
    pub async fn decode(&self, entry: &Arc<SlabEntry>, plan: ReadPlan, pieces: Vec<VerifiedPiece>) -> Result<Bytes> {
        let (entry, repair_root) = (entry.clone(), self.manifest.repair_root().clone());
        let decoded = tokio::task::spawn_blocking(move || {
            let (key, mask) = (entry.seal_key(), entry.mask_key(&repair_root)?);
            let slab = SealedSlab::new(entry.shape()?, entry.id, &key, &mask, &entry.roots)?;
            slab.read(&plan, &pieces).map(|(plain, _)| plain)
        });
        let plain = decoded.await.context("a worker stopped while a window was being decoded")??;
        Ok(plain.into())
    }

    fn verify(
        &self,
        entry: &SlabEntry,
        slot: u16,
        range: &Range<u64>,
        bao: &[u8],
        supplier: SupplierRef,
    ) -> Result<VerifiedPiece, RemoteError> {
        let fault = |reason: String| RemoteError::Fault { supplier: supplier.clone(), reason };
        let verified = entry.mask_key(self.manifest.repair_root()).and_then(|mask| {
            let (shape, key) = (entry.shape()?, entry.seal_key());
            let slab = SealedSlab::new(shape, entry.id, &key, &mask, &entry.roots)?;
            // A dataset has at most 64 slots.
            slab.masked().verify_piece(slot as u8, range.clone(), bao)
        });
        verified.map_err(|error| fault(error.to_string()))
    }
}

/// A longer part, on a stream of its own.
async fn long(
    shared: &Shared,
    dataset: &Dataset,
    slot: u16,
    part: &Short,
) -> Result<(Vec<u8>, SupplierRef), RemoteError> {
    dataset
        .lanes
        .ask(shared, slot, async |mut remote: Remote| {
            let asked = remote.slice(part.root, part.len, part.range.start, part.range.end).await;
            let supplier = remote.supplier().clone();
            (remote, asked.map(|bao| (bao, supplier)))
        })
        .await
}
