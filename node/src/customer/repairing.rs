//! Bringing lagging and free slots to their target, by the owner itself: shards that a slot lacks are rebuilt from k others
//! and sent, its supplier signs, and anybody may bring the signature to the ledger (`hold`, or `takeover` for a slot that
//! changes hands). A repair is right if and only if the roots are equal, which the codec checks.
//!
//! One slab at a time: k shards in memory, and as many rebuilt ones as slots lack. What can't be had for one slot costs that slot
//! alone. Who repairs has the dataset's turn ([`super::turns`]).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, anyhow, bail};
use bitdust_ledger::market::abi::IMarket;
use bitdust_market::{
    codec::{EncodedShard, SealedSlab, Workers},
    customer::{Placement, revision::targets},
    manifest::{Item, Manifest, SlabEntry},
    wire::{BlobRef, READ_BYTES_MAX, SignedHold},
};
use bitdust_proof::blob::decode_range;
use bitdust_types::{Amount, U256, system::MARKET};
use futures::{StreamExt as _, stream};

use super::{
    Dataset, Shared,
    catalog::DatasetState,
    escrow, placing,
    remote::{Remote, RemoteError},
    revise::{Asked, commit, hold_sig, rate},
};

/// What a repair came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Slots that lagged or had nobody.
    pub lagging: Vec<u16>,
    /// Slots that hold the newest revision now.
    pub repaired: Vec<u16>,
    /// Slots that don't, and why.
    pub failed: BTreeMap<u16, String>,
    /// Shards that were rebuilt.
    pub rebuilt_shards: u64,
    /// Bytes of shards that were sent.
    pub sent_bytes: u64,
    /// True if it made way for a put. What was sent stays at the suppliers for the next time.
    pub yielded: bool,
}

/// Repairs a dataset as far as suppliers can be reached, between two puts. With `yields` it stops when another put comes.
pub async fn repair(shared: &Arc<Shared>, dataset: &Arc<Dataset>, yields: bool) -> Result<Repaired> {
    let manifest = dataset.manifest(shared).await?;
    let mut state = dataset.refresh(shared)?;
    let number = state.info.number;
    if number == 0 {
        return Ok(Repaired::default());
    }
    if manifest.number() != number {
        bail!("another writer has made revision {number} of dataset {} meanwhile; repair again", dataset.id);
    }
    let lags = |slot: &u16| placing::is_free(&state, *slot) || state.slots[usize::from(*slot)].number < number;
    let lagging: Vec<u16> = state.slot_numbers().filter(lags).collect();
    let mut repaired = Repaired { lagging: lagging.clone(), ..Repaired::default() };
    if lagging.is_empty() {
        return Ok(repaired);
    }
    let (placed, refused) = placing::fill(shared, dataset, &state).await?;
    repaired.failed = refused;
    let mut open: Vec<u16> = lagging.into_iter().filter(|slot| !repaired.failed.contains_key(slot)).collect();
    vacate(shared, &state, &placed, &mut open, &mut repaired).await;
    state = dataset.refresh(shared)?;
    // A reader may have pointed the lane of a slot at whoever held it until now.
    for placement in placed.values() {
        if let Err(reason) = placing::aim(shared, dataset, placement) {
            give_up(&mut open, &mut repaired, placement.slot, reason);
        }
    }
    cover(shared, dataset, &state, &placed, &open).await;
    for item in manifest.order() {
        if open.is_empty() {
            break;
        }
        if yields && dataset.turns.is_wanted() {
            repaired.yielded = true;
            return Ok(repaired);
        }
        bring(shared, dataset, &manifest, item, &mut open, &mut repaired).await;
    }
    let slots = u16::from(state.info.layout.n());
    let goals = targets(&manifest, slots)?;
    for slot in open {
        let list = manifest.slot_list(slot);
        let rate = rate(&state, slot, placed.get(&slot).map(|placement| placement.rate));
        let asked = &Asked { number, target: goals[usize::from(slot)], rate, list: &list };
        let done = async {
            let question = |mut remote| async move {
                let hold = commit(&mut remote, asked).await;
                (remote, hold)
            };
            let hold = dataset.lanes.ask(shared, slot, question).await?;
            bind(shared, &state, slot, &hold).await?;
            placing::forget(shared, dataset.id, std::iter::once(slot)).await
        };
        match done.await {
            Ok(()) => repaired.repaired.push(slot),
            Err(error) => {
                repaired.failed.insert(slot, format!("{error:#}"));
            }
        }
    }
    Ok(repaired)
}

/// Frees slots that have found a successor: the deposit of whoever is gone goes back to the escrow, from which the successor
/// must see its own covered before it takes a byte.
async fn vacate(
    shared: &Shared,
    state: &DatasetState,
    placed: &BTreeMap<u16, Placement>,
    open: &mut Vec<u16>,
    repaired: &mut Repaired,
) {
    for (slot, placement) in placed {
        let Some(info) = state.slots.get(usize::from(*slot)) else { continue };
        let Some(supplier) = info.supplier else { continue };
        if supplier == placement.supplier {
            if info.number == state.info.number && info.end >= state.epoch {
                give_up(open, repaired, *slot, format!("its supplier {supplier} is back, and has to prove again"));
            }
            continue;
        }
        let input = IMarket::reapCall { dataset: state.info.id.into(), slot: *slot }.abi_encode();
        if let Err(error) = shared.sender.transact(MARKET, U256::ZERO, input.into()).await {
            give_up(open, repaired, *slot, format!("it could not be taken from {supplier}: {error:#}"));
        }
    }
}

/// Adds what the escrow lacks to pay the slots' suppliers, at the price cap at most. If that fails, each supplier says for
/// itself what it lacks.
async fn cover(
    shared: &Shared,
    dataset: &Dataset,
    state: &DatasetState,
    placed: &BTreeMap<u16, Placement>,
    open: &[u16],
) {
    let agreed = |slot: &u16| (*slot, rate(state, *slot, placed.get(slot).map(|placement| placement.rate)));
    let rates: Vec<(u16, Amount)> = open.iter().map(agreed).collect();
    if let Err(error) = escrow::ensure(shared, dataset, state, state.info.bytes_per_slot, &rates).await {
        tracing::warn!(dataset = %dataset.id, "a repair's escrow could not be covered: {error:#}");
    }
}

/// Brings the signature to the ledger.
async fn bind(shared: &Shared, state: &DatasetState, slot: u16, hold: &SignedHold) -> Result<()> {
    let (dataset, sig) = (state.info.id.into(), hold_sig(hold));
    let input = if state.slots[usize::from(slot)].supplier == Some(hold.supplier) {
        IMarket::holdCall { dataset, sig }.abi_encode()
    } else {
        IMarket::takeoverCall { dataset, slot, sig }.abi_encode()
    };
    shared.sender.transact(MARKET, U256::ZERO, input.into()).await.map(drop)
}

/// Sends one blob to the slots that lack it. Slots that fail are taken off the list.
async fn bring(
    shared: &Arc<Shared>,
    dataset: &Arc<Dataset>,
    manifest: &Arc<Manifest>,
    item: &Item,
    open: &mut Vec<u16>,
    repaired: &mut Repaired,
) {
    let mut lacking = Vec::new();
    for slot in open.clone() {
        let Some(blob) = manifest.blob_of(item, slot) else { continue };
        match has(shared, dataset, slot, blob).await {
            Ok(true) => {}
            Ok(false) => lacking.push(slot),
            Err(error) => give_up(open, repaired, slot, error.to_string()),
        }
    }
    if lacking.is_empty() {
        return;
    }
    let bytes = match made(shared, dataset, manifest, item, &lacking, repaired).await {
        Ok(bytes) => bytes,
        Err(error) => {
            // Slots that have this one may still lack others that can be had.
            lacking.into_iter().for_each(|slot| give_up(open, repaired, slot, format!("{error:#}")));
            return;
        }
    };
    for (slot, bytes) in bytes {
        let Some(blob) = manifest.blob_of(item, slot) else { continue };
        let bytes = &bytes;
        let put = |mut remote: Remote| async move {
            let sent = remote.put(blob.root, bytes).await;
            (remote, sent)
        };
        match dataset.lanes.ask(shared, slot, put).await {
            Ok(_) => repaired.sent_bytes += bytes.len() as u64,
            Err(error) => give_up(open, repaired, slot, error.to_string()),
        }
    }
}

/// The blob of an item for each of these slots.
async fn made(
    shared: &Arc<Shared>,
    dataset: &Arc<Dataset>,
    manifest: &Manifest,
    item: &Item,
    lacking: &[u16],
    repaired: &mut Repaired,
) -> Result<BTreeMap<u16, Vec<u8>>> {
    match item {
        Item::Slab(id) => {
            let entry = manifest.slab(id).context("the list names a slab that the manifest lacks")?;
            let made = rebuild(shared, dataset, manifest, entry, lacking).await;
            let made = made.with_context(|| format!("slab {id} can't be rebuilt"))?;
            repaired.rebuilt_shards += made.len() as u64;
            Ok(lacking.iter().copied().zip(made.into_iter().map(|shard| shard.bytes)).collect())
        }
        Item::Revision(blob) => {
            let found = whole(shared, dataset, *blob, lacking).await?;
            Ok(lacking.iter().map(|slot| (*slot, found.clone())).collect())
        }
    }
}

fn give_up(open: &mut Vec<u16>, repaired: &mut Repaired, slot: u16, reason: String) {
    open.retain(|other| *other != slot);
    repaired.failed.insert(slot, reason);
}

async fn has(shared: &Shared, dataset: &Dataset, slot: u16, blob: BlobRef) -> Result<bool, RemoteError> {
    let question = |mut remote: Remote| async move {
        let found = remote.has(&[blob.root]).await;
        (remote, found)
    };
    let found = dataset.lanes.ask(shared, slot, question).await?;
    Ok(found.first().copied().unwrap_or(false))
}

/// Makes the shards of these slots again, from k others.
async fn rebuild(
    shared: &Arc<Shared>,
    dataset: &Arc<Dataset>,
    manifest: &Manifest,
    entry: &SlabEntry,
    wanted: &[u16],
) -> Result<Vec<EncodedShard>> {
    let k = usize::from(entry.layout.k());
    let errors = Mutex::new(Vec::new());
    let others = (0..entry.layout.n()).filter(|slot| !wanted.contains(&u16::from(*slot)));
    let fetches = others.map(|slot| {
        let errors = &errors;
        async move {
            match shard(shared, dataset, entry, slot).await {
                Ok(bytes) => Some((slot, bytes)),
                Err(error) => {
                    if let Ok(mut errors) = errors.lock() {
                        errors.push(error.to_string());
                    }
                    None
                }
            }
        }
    });
    let shards: Vec<(u8, Vec<u8>)> =
        stream::iter(fetches).buffer_unordered(k).filter_map(std::future::ready).take(k).collect().await;
    if shards.len() < k {
        let reasons = errors.into_inner().unwrap_or_default().join("; ");
        bail!("only {} of the {k} shards needed can be had: {reasons}", shards.len());
    }
    let (entry, repair_root) = (entry.clone(), manifest.repair_root().clone());
    // At most 64 slots.
    let wanted: Vec<u8> = wanted.iter().map(|slot| *slot as u8).collect();
    let rebuilt = tokio::task::spawn_blocking(move || {
        let (key, mask) = (entry.seal_key(), entry.mask_key(&repair_root)?);
        let slab = SealedSlab::new(entry.shape()?, entry.id, &key, &mask, &entry.roots)?;
        let sources: Vec<(u8, &[u8])> = shards.iter().map(|(slot, bytes)| (*slot, bytes.as_slice())).collect();
        slab.masked().rebuild(&sources, &wanted, Workers::all_cores())
    });
    Ok(rebuilt.await.context("a worker stopped while shards were being rebuilt")??)
}

/// A whole shard, verified window by window.
async fn shard(shared: &Shared, dataset: &Dataset, entry: &SlabEntry, slot: u8) -> Result<Vec<u8>, RemoteError> {
    let number = u16::from(slot);
    let (root, len) = (entry.roots[usize::from(slot)], entry.shard_bytes());
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < len {
        let start = bytes.len() as u64;
        let end = (start + READ_BYTES_MAX).min(len);
        let window = |mut remote: Remote| async move {
            let sent = remote.slice(root, len, start, end).await;
            let checked = sent.and_then(|bao| {
                decode_range(root, len, start..end, &bao).map_err(|error| remote.fault(error.to_string()))
            });
            (remote, checked)
        };
        bytes.extend_from_slice(&dataset.lanes.ask(shared, number, window).await?);
    }
    Ok(bytes)
}

/// A revision's blob, from any slot but these.
async fn whole(shared: &Shared, dataset: &Dataset, blob: BlobRef, except: &[u16]) -> Result<Vec<u8>> {
    let mut last = "no other slot has a supplier".to_owned();
    for slot in 0..u16::from(bitdust_types::Layout::N_MAX) {
        if except.contains(&slot) || dataset.lanes.holder(slot).is_none() {
            continue;
        }
        let question = |mut remote: Remote| async move {
            let found = remote.whole(blob.root).await;
            (remote, found)
        };
        match dataset.lanes.ask(shared, slot, question).await {
            Ok(bytes) => return Ok(bytes),
            Err(error) => last = error.to_string(),
        }
    }
    Err(anyhow!("revision blob {} can't be had: {last}", blob.root))
}
