//! One slab on its way: hashed, planned in the journal, encoded, sent to every slot that can be reached.
//!
//! A slab that the manifest has already needs nothing. A slab that an earlier, interrupted put began gets the same id, key
//! and salt again; its shards then have the same roots, and suppliers that hold them say so before a byte is sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, anyhow};
use bitdust_market::{
    codec::{EncodedShard, Encoder, RepairRoot, SealKey, SlabShape, Workers},
    customer::{PackedSlab, Record, Uplink, upload::PlannedSlab},
    manifest::{Manifest, SlabEntry, entry::SecretKey},
};
use bitdust_proof::blob;
use bitdust_types::{Layout, SlabId};
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{
    Dataset, Progress, Shared, margin,
    remote::{PutOutcome, Remote, RemoteError, patiently},
};

/// What the slabs of one batch share.
pub struct Batch {
    /// Who gave up during this batch, and why: not asked again.
    failed: Mutex<BTreeMap<u16, String>>,
    uplink: Mutex<Uplink>,
    pub(super) progress: watch::Sender<Progress>,
    layout: Layout,
}

/// A slab that enough slots have.
pub struct Sent {
    /// What the manifest will say.
    pub entry: SlabEntry,
    /// Whether the manifest says it already.
    pub known: bool,
}

/// What a slab needs to know of its dataset.
pub struct Context {
    /// What all datasets share.
    pub shared: Arc<Shared>,
    /// The dataset.
    pub dataset: Arc<Dataset>,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// The batch.
    pub batch: Arc<Batch>,
}

impl Batch {
    /// A batch for so many slots, of which some are out of reach from the start.
    pub fn new(layout: Layout, failed: BTreeMap<u16, String>, now_ms: u64) -> Self {
        let most = usize::from(layout.n());
        Batch {
            failed: Mutex::new(failed),
            uplink: Mutex::new(Uplink::new(most, now_ms)),
            progress: watch::Sender::default(),
            layout,
        }
    }

    /// Slots that gave up, and why.
    pub fn failed(&self) -> BTreeMap<u16, String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A slot gave up.
    pub fn give_up(&self, slot: u16, reason: String) {
        tracing::warn!(slot, reason, "a slot gave up; it will lag behind");
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(slot, reason);
    }

    /// Slots that are still in.
    pub fn reachable(&self) -> Vec<u16> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        (0..u16::from(self.layout.n())).filter(|slot| !failed.contains_key(slot)).collect()
    }

    /// Fails if a revision could not count any more.
    pub fn check(&self) -> Result<()> {
        let (needed, have) = (u16::from(self.layout.k()) + margin(self.layout), self.reachable().len());
        if have >= usize::from(needed) {
            return Ok(());
        }
        let reasons: Vec<String> =
            self.failed().into_iter().map(|(slot, reason)| format!("slot {slot}: {reason}")).collect();
        Err(anyhow!(
            "only {have} of {} slots can be reached, {needed} must hold a revision before it counts. {}. What was sent is \
             kept for a while: put again when more suppliers are up",
            self.layout.n(),
            reasons.join("; ")
        ))
    }

    fn limit(&self) -> usize {
        self.uplink.lock().unwrap_or_else(PoisonError::into_inner).limit()
    }

    fn count(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }
}

/// Brings one slab to its suppliers. `permit` bounds memory; a part of it is given back as memory is.
pub async fn send(context: &Context, slab: PackedSlab, mut permit: OwnedSemaphorePermit) -> Result<Sent> {
    let plain_bytes = slab.plain.len() as u64;
    let (plain, plain_hash) = blocking(move || {
        let hash = blob::root(&slab.plain);
        (slab.plain, hash)
    })
    .await?;
    let layout = context.batch.layout;
    if let Some(entry) = context.manifest.slab_with_plain(&plain_hash)
        && (entry.layout, entry.plain_bytes) == (layout, plain_bytes)
    {
        let shards = u64::from(layout.n());
        context.batch.count(|progress| {
            progress.skipped_shards += shards;
            progress.slabs += 1;
        });
        return Ok(Sent { entry: entry.clone(), known: true });
    }
    let id = context.dataset.id;
    let planned = context.shared.logbook.decide(move |uploads| {
        let draw = || {
            let mut salt = [0; 19];
            rand::fill(&mut salt[..]);
            (SlabId(rand::random()), SecretKey::from(rand::random::<[u8; 32]>()), salt)
        };
        uploads.plan(id, layout, plain_bytes, plain_hash, draw)
    });
    let planned = planned.await?.planned;
    let repair_root = RepairRoot::new(context.manifest.repair_root().0);
    let (shards, entry) = encode(planned, plain, repair_root).await?;
    // The plain bytes are gone: their part of the budget is free for the next slab.
    drop(permit.split(budget_units(plain_bytes).min(permit.num_permits())));
    let encoded = Record::Encoded { id: entry.id, ciphertext: entry.ciphertext, roots: entry.roots.clone() };
    context.shared.logbook.write(encoded, false).await?;
    upload(context, entry.id, shards, &mut permit).await?;
    context.batch.count(|progress| progress.slabs += 1);
    Ok(Sent { entry, known: false })
}

/// Bytes in units of the memory budget.
pub fn budget_units(bytes: u64) -> usize {
    // A slab and its shards are a few hundred MiB at most.
    (bytes.div_ceil(1 << 20)) as usize
}

async fn encode(
    planned: PlannedSlab,
    plain: Vec<u8>,
    repair_root: RepairRoot,
) -> Result<(Vec<EncodedShard>, SlabEntry)> {
    blocking(move || {
        let shape = SlabShape::new(planned.layout, planned.plain_bytes)?;
        let key = SealKey::new(planned.key.0, planned.salt);
        let encoded = Encoder::new(Workers::all_cores()).encode(shape, planned.id, &key, &repair_root, &plain);
        let entry = SlabEntry {
            id: planned.id,
            key: planned.key,
            salt: planned.salt,
            plain_bytes: planned.plain_bytes,
            plain_hash: planned.plain_hash,
            layout: planned.layout,
            ciphertext: encoded.ciphertext,
            roots: encoded.roots(),
        };
        Ok((encoded.shards, entry))
    })
    .await?
}

/// Sends each shard to its slot, as many at once as the uplink bears. A slot that fails twice is given up for this batch.
async fn upload(
    context: &Context,
    slab: SlabId,
    shards: Vec<EncodedShard>,
    permit: &mut OwnedSemaphorePermit,
) -> Result<()> {
    // At most 64 slots.
    let mut waiting = shards.into_iter().enumerate().map(|(slot, shard)| (slot as u16, shard));
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < context.batch.limit() {
            let Some((slot, shard)) = waiting.next() else { break };
            if context.batch.failed().contains_key(&slot) {
                drop(permit.split(budget_units(shard.bytes.len() as u64).min(permit.num_permits())));
                continue;
            }
            running.push(async move {
                let sent = patiently(|| put(context, slot, &shard)).await;
                (slot, shard.bytes.len() as u64, sent)
            });
        }
        let Some((slot, bytes, sent)) = running.next().await else { break };
        drop(permit.split(budget_units(bytes).min(permit.num_permits())));
        match sent {
            Ok(outcome) => {
                note_sent(context, slot, bytes, outcome);
                context.shared.logbook.write(Record::Stored { id: slab, slot }, false).await?;
            }
            Err(error) => {
                if let Some(holder) = context.dataset.lanes.holder(slot) {
                    context.shared.note_failure(holder.account);
                }
                if error.is_line() {
                    let now_ms = context.shared.now_ms();
                    context.batch.uplink.lock().unwrap_or_else(PoisonError::into_inner).timed_out(now_ms);
                }
                context.batch.give_up(slot, error.to_string());
                context.batch.check()?;
            }
        }
    }
    Ok(())
}

fn note_sent(context: &Context, slot: u16, bytes: u64, outcome: PutOutcome) {
    tracing::debug!(slot, bytes, ?outcome, "shard stored");
    match outcome {
        PutOutcome::Sent => {
            let now_ms = context.shared.now_ms();
            context.batch.uplink.lock().unwrap_or_else(PoisonError::into_inner).finished(bytes, now_ms);
            context.batch.count(|progress| {
                progress.sent_shards += 1;
                progress.sent_bytes += bytes;
            });
            metrics::counter!("bitdust_customer_sent_bytes_total").increment(bytes);
        }
        PutOutcome::Skipped => context.batch.count(|progress| progress.skipped_shards += 1),
    }
}

/// Sends one shard; once more on a fresh stream if the line broke.
async fn put(context: &Context, slot: u16, shard: &EncodedShard) -> Result<PutOutcome, RemoteError> {
    let put = |mut remote: Remote| async move {
        let sent = remote.put(shard.root(), &shard.bytes).await;
        (remote, sent)
    };
    context.dataset.lanes.ask(&context.shared, slot, put).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("a worker stopped while a slab was being encoded")
}
