//! One file of a public dataset, range by range, each from the suppliers that the caller names.
//!
//! Who streams a world weighs deadlines, players nearby and all its reads together, and so decides itself whom to ask and when
//! to ask somebody else (`bitdust_world::stream`). Here a decision is carried out: one range from the one supplier whose shard
//! holds it, or the same range of the shards of k others and decoded. Nothing is retried elsewhere and nobody else is asked;
//! [`super::reading`] is for callers who want that done for them.
//!
//! **Invariant:** bytes that are handed out were held against the roots of their shards.

use std::{ops::Range, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use bitdust_market::{
    codec::ReadPlan,
    manifest::{FileEntry, Manifest, SlabEntry},
};
use bitdust_types::Address;
use bytes::Bytes;
use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{Dataset, Shared, pieces::Pieces, remote::RemoteError};

/// A file as one revision of its dataset has it.
pub struct Ranges {
    pieces: Pieces,
    file: FileEntry,
}

/// Bytes, and what they cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// The range.
    pub bytes: Bytes,
    /// What came over the network for it, hashes included.
    pub wire_bytes: u64,
}

/// Why a range can't be had from those who were asked.
#[derive(Debug, thiserror::Error)]
pub enum Missed {
    /// The dataset's owner laid it out so that it can't be read like this.
    #[error("{0:#}")]
    Layout(anyhow::Error),
    /// A holder couldn't be reached, or refused.
    #[error("{reason}")]
    Failed {
        /// Who.
        by: Address,
        /// Why.
        reason: String,
    },
    /// A holder sent bytes that its shard doesn't have.
    #[error("{reason}")]
    Wrong {
        /// Who.
        by: Address,
        /// What it did.
        reason: String,
    },
}

/// Where a range lies.
struct Lying {
    entry: Arc<SlabEntry>,
    plan: ReadPlan,
    slot: u8,
}

impl Ranges {
    /// The file must be of a public dataset: parts of a private one's units can't be opened.
    pub(super) fn new(
        shared: Arc<Shared>,
        dataset: Arc<Dataset>,
        manifest: Arc<Manifest>,
        file: FileEntry,
    ) -> Result<Self> {
        ensure!(dataset.public, "dataset {} is private", dataset.id);
        Ok(Ranges { pieces: Pieces { shared, dataset, manifest }, file })
    }

    /// The account that holds each slot of the dataset now, of `slots`.
    pub fn holders(&self, slots: u16) -> Vec<Option<Address>> {
        let lanes = &self.pieces.dataset.lanes;
        (0..slots).map(|slot| lanes.holder(slot).map(|holder| holder.account)).collect()
    }

    /// Shards that rebuild a range, and slots of the dataset. `None` if nothing is in the file.
    pub fn layout(&self) -> Option<(u16, u16)> {
        let slab = self.pieces.manifest.slab(&self.file.segments.first()?.slab)?;
        Some((slab.layout.k().into(), slab.layout.n().into()))
    }

    /// The slot whose shard holds a range by itself.
    ///
    /// # Errors
    /// It isn't in the file, or lies across stripe units.
    pub fn slot(&self, range: &Range<u64>) -> Result<u16> {
        Ok(self.find(range)?.slot.into())
    }

    /// A range from the supplier of its slot.
    pub async fn from_slot(&self, range: &Range<u64>, holder: Address) -> Result<Got, Missed> {
        let lying = self.find(range).map_err(Missed::Layout)?;
        let (piece, wire_bytes) = self.piece(&lying, lying.slot, holder).await?;
        let bytes = self.pieces.decode(&lying.entry, lying.plan, vec![piece]).await.map_err(Missed::Layout)?;
        Ok(Got { bytes, wire_bytes })
    }

    /// A range from the first `needed` of these slots and holders to answer; `answered` is told of each that does. Ends at
    /// once if one of them lies.
    pub async fn from_column(
        &self,
        range: &Range<u64>,
        needed: u16,
        holders: &[(u16, Address)],
        mut answered: impl FnMut(Address),
    ) -> Result<Got, Missed> {
        let lying = self.find(range).map_err(Missed::Layout)?;
        let wanted = &lying;
        let mut running: FuturesUnordered<_> = holders
            .iter()
            // A dataset has at most 64 slots.
            .map(|(slot, holder)| async move { (*holder, self.piece(wanted, *slot as u8, *holder).await) })
            .collect();
        let (mut pieces, mut wire_bytes, mut last) = (Vec::new(), 0, None);
        while pieces.len() < usize::from(needed) {
            match running.next().await {
                Some((holder, Ok((piece, bytes)))) => {
                    answered(holder);
                    pieces.push(piece);
                    wire_bytes += bytes;
                }
                Some((_, Err(wrong @ Missed::Wrong { .. }))) => return Err(wrong),
                Some((_, Err(missed))) if pieces.len() + running.len() < usize::from(needed) => return Err(missed),
                Some((_, Err(missed))) => last = Some(missed),
                None => {
                    let few = || Missed::Layout(anyhow::anyhow!("{} holders for {needed} shards", holders.len()));
                    return Err(last.unwrap_or_else(few));
                }
            }
        }
        drop(running);
        let bytes = self.pieces.decode(&lying.entry, lying.plan, pieces).await.map_err(Missed::Layout)?;
        Ok(Got { bytes, wire_bytes })
    }

    async fn piece(
        &self,
        lying: &Lying,
        slot: u8,
        holder: Address,
    ) -> Result<(bitdust_market::codec::VerifiedPiece, u64), Missed> {
        let shared = &self.pieces.shared;
        let now = self.pieces.dataset.lanes.holder(slot.into()).map(|holder| holder.account);
        if now != Some(holder) {
            let reason = format!("slot {slot} isn't {holder}'s any more");
            return Err(Missed::Failed { by: holder, reason });
        }
        let (_, begun, got) = self.pieces.piece(&lying.entry, slot, lying.plan.column()).await;
        match got {
            Ok(got) => {
                shared.note_answer(&holder, u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
                Ok(got)
            }
            Err(error) => {
                shared.note_failure(holder);
                let reason = error.to_string();
                Err(match error {
                    RemoteError::Fault { .. } => Missed::Wrong { by: holder, reason },
                    RemoteError::Line { .. } | RemoteError::Refused { .. } => Missed::Failed { by: holder, reason },
                })
            }
        }
    }

    fn find(&self, range: &Range<u64>) -> Result<Lying> {
        let (path, manifest) = (&self.file.path, &self.pieces.manifest);
        let what = || format!("bytes {}..{} of '{path}'", range.start, range.end);
        ensure!(range.start < range.end && range.end <= self.file.bytes, "{} are not in the file", what());
        let segments = manifest.segments(&self.file, range.start, range.end);
        let [segment] = &segments[..] else { anyhow::bail!("{} lie in {} slabs", what(), segments.len()) };
        let entry = manifest.slab(&segment.slab).with_context(|| format!("{} lie in an unknown slab", what()))?;
        let plan = ReadPlan::part(entry.shape()?, segment.offset..segment.offset + segment.len)?;
        let [piece] = plan.pieces() else {
            anyhow::bail!("{} lie across stripe units, and must each be in one: store the file aligned", what())
        };
        let slot = piece.shard;
        Ok(Lying { entry: Arc::new(entry.clone()), plan, slot })
    }
}
