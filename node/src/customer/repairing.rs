//! Bringing lagging and free slots to their target, by the owner itself: shards that a slot lacks are rebuilt from k others
//! and sent, its supplier signs, and anybody may bring the signature to the ledger (`hold`, or `takeover` for a slot that
//! changes hands). A repair is right if and only if the roots are equal, which the codec checks.
//!
//! One slab at a time: k shards in memory, and as many rebuilt ones as slots lack.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, anyhow, bail};
use bitdust_ledger::market::abi::IMarket;
use bitdust_market::{
    codec::{EncodedShard, SealedSlab, Workers},
    customer::revision::targets,
    manifest::{Item, Manifest, SlabEntry},
    wire::{BlobRef, READ_BYTES_MAX, SignedHold},
};
use bitdust_proof::blob::decode_range;
use bitdust_types::{U256, system::MARKET};
use futures::{StreamExt as _, stream};

use super::{
    Dataset, Shared,
    catalog::DatasetState,
    placing,
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
}

/// Repairs a dataset as far as suppliers can be reached.
pub async fn repair(shared: &Arc<Shared>, dataset: &Arc<Dataset>) -> Result<Repaired> {
    let manifest = dataset.manifest(shared).await?;
    let state = dataset.refresh(shared)?;
    let number = state.info.number;
    if number == 0 {
        return Ok(Repaired::default());
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
    for item in manifest.order() {
        bring(shared, dataset, &manifest, item, &mut open, &mut repaired).await?;
    }
    let slots = u16::from(state.info.layout.n());
    let goals = targets(&manifest, slots)?;
    for slot in open {
        let list = manifest.slot_list(slot);
        let rate = rate(&state, slot, placed.get(&slot).map(|placement| placement.rate));
        let asked = Asked { number, target: goals[usize::from(slot)], rate, list: &list };
        let done = async {
            let mut remote = dataset.lanes.take(shared, slot).await?;
            let hold = commit(&mut remote, &asked).await?;
            dataset.lanes.give_back(slot, remote);
            bind(shared, &state, slot, &hold).await
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
) -> Result<()> {
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
        return Ok(());
    }
    let bytes: BTreeMap<u16, Vec<u8>> = match item {
        Item::Slab(id) => {
            let entry = manifest.slab(id).context("the list names a slab that the manifest lacks")?;
            let made = rebuild(shared, dataset, manifest, entry, &lacking).await;
            let made = made.with_context(|| format!("slab {id} can't be rebuilt"))?;
            repaired.rebuilt_shards += made.len() as u64;
            lacking.iter().copied().zip(made.into_iter().map(|shard| shard.bytes)).collect()
        }
        Item::Revision(blob) => {
            let found = whole(shared, dataset, *blob, &lacking).await?;
            lacking.iter().map(|slot| (*slot, found.clone())).collect()
        }
    };
    for (slot, bytes) in bytes {
        let Some(blob) = manifest.blob_of(item, slot) else { continue };
        let sent = async {
            let mut remote = dataset.lanes.take(shared, slot).await?;
            let outcome = remote.put(blob.root, &bytes).await?;
            dataset.lanes.give_back(slot, remote);
            Ok::<_, RemoteError>(outcome)
        };
        match sent.await {
            Ok(_) => repaired.sent_bytes += bytes.len() as u64,
            Err(error) => give_up(open, repaired, slot, error.to_string()),
        }
    }
    Ok(())
}

fn give_up(open: &mut Vec<u16>, repaired: &mut Repaired, slot: u16, reason: String) {
    open.retain(|other| *other != slot);
    repaired.failed.insert(slot, reason);
}

async fn has(shared: &Shared, dataset: &Dataset, slot: u16, blob: BlobRef) -> Result<bool, RemoteError> {
    let mut remote = dataset.lanes.take(shared, slot).await?;
    let found = remote.has(&[blob.root]).await?;
    dataset.lanes.give_back(slot, remote);
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
    let mut remote: Remote = dataset.lanes.take(shared, number).await?;
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < len {
        let start = bytes.len() as u64;
        let end = (start + READ_BYTES_MAX).min(len);
        let bao = remote.slice(root, len, start, end).await?;
        let part = decode_range(root, len, start..end, &bao).map_err(|error| remote.fault(error.to_string()))?;
        bytes.extend_from_slice(&part);
    }
    dataset.lanes.give_back(number, remote);
    Ok(bytes)
}

/// A revision's blob, from any slot but these.
async fn whole(shared: &Shared, dataset: &Dataset, blob: BlobRef, except: &[u16]) -> Result<Vec<u8>> {
    let mut last = "no other slot has a supplier".to_owned();
    for slot in 0..u16::from(bitdust_types::Layout::N_MAX) {
        if except.contains(&slot) || dataset.lanes.holder(slot).is_none() {
            continue;
        }
        let got = async {
            let mut remote = dataset.lanes.take(shared, slot).await?;
            let bytes = remote.whole(blob.root).await?;
            dataset.lanes.give_back(slot, remote);
            Ok::<_, RemoteError>(bytes)
        };
        match got.await {
            Ok(bytes) => return Ok(bytes),
            Err(error) => last = error.to_string(),
        }
    }
    Err(anyhow!("revision blob {} can't be had: {last}", blob.root))
}
