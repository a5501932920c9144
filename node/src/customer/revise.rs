//! A revision's last mile: its blob and the new list to every slot, the promises back, one transaction to the ledger.

use std::{collections::BTreeMap, sync::Arc};

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result};
use bitdust_ledger::market::abi::IMarket;
use bitdust_market::{
    customer::{Placement, Record, Revision, difference, revision::SlotTarget},
    manifest::{Change, Manifest},
    wire::{BlobRef, Code, Commit, SignedHold},
};
use bitdust_types::{Amount, DatasetId, SlabId, U256, system::MARKET};
use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Dataset, Shared,
    catalog::DatasetState,
    escrow,
    remote::{Remote, RemoteError, patiently},
    slab::Batch,
};
use crate::chain_api::{Included, look};

/// A revision that is final.
pub struct Final {
    /// The manifest as of it.
    pub manifest: Arc<Manifest>,
    /// The transaction.
    pub included: Included,
    /// Slots that hold it.
    pub held: u16,
}

/// Another revision was made meanwhile: by another writer, or by this account before it was stopped.
#[derive(Debug, thiserror::Error)]
#[error("dataset {dataset} was changed by another writer (revision {number}); put again")]
pub struct Overtaken {
    dataset: DatasetId,
    number: u64,
}

fn overtaken(dataset: &Dataset, state: &DatasetState, current: &Manifest) -> Result<(), Overtaken> {
    let number = state.info.number;
    if number == current.number() { Ok(()) } else { Err(Overtaken { dataset: dataset.id, number }) }
}

/// Makes a change final: at least k + margin slots hold it when this returns.
///
/// # Errors
/// [`Overtaken`]; too few promises, or the ledger's refusal in words. The dataset is as before then; what was sent stays staged.
pub async fn revise(
    shared: &Arc<Shared>,
    dataset: &Dataset,
    current: &Arc<Manifest>,
    change: Change,
    placed: &BTreeMap<u16, Placement>,
    batch: &Batch,
) -> Result<Final> {
    let state = dataset.refresh(shared)?;
    overtaken(dataset, &state, current)?;
    let new: Vec<SlabId> = change.slabs.iter().map(|slab| slab.id).collect();
    let revision = assemble(shared, current, change, &state).await?;
    let agreed = |slot: &u16| (*slot, rate(&state, *slot, placed.get(slot).map(|placement| placement.rate)));
    let rates: Vec<(u16, Amount)> = batch.reachable().iter().map(agreed).collect();
    escrow::ensure(shared, dataset, &state, revision.bytes(), &rates).await?;
    let holds = gather(shared, dataset, &state, &revision, placed, batch).await;
    batch.check()?;
    let call = IMarket::reviseCall {
        dataset: dataset.id.into(),
        number: revision.number(),
        bytesPerSlot: revision.bytes(),
        head: revision.blob.root.into(),
        roots: revision.targets.iter().map(|target| target.root.into()).collect(),
        holds: holds.iter().map(hold_sig).collect(),
    };
    let sent = shared.sender.transact(MARKET, U256::ZERO, call.abi_encode().into()).await;
    if sent.is_err() {
        // Why it was refused matters less than that another revision came first.
        overtaken(dataset, &dataset.refresh(shared)?, current)?;
    }
    let included = sent.with_context(|| format!("revision {} of dataset {}", revision.number(), dataset.id))?;
    let held = count_held(shared, dataset, &revision)?;
    let manifest = Arc::new(revision.manifest);
    dataset.adopt(manifest.clone()).await;
    let number = manifest.number();
    shared.logbook.write(Record::Final { dataset: dataset.id, number, slabs: new }, true).await?;
    Ok(Final { manifest, included, held })
}

/// The promise as the ledger's ABI has it.
pub fn hold_sig(hold: &SignedHold) -> IMarket::HoldSig {
    IMarket::HoldSig {
        slot: hold.slot,
        supplier: hold.supplier,
        rate: hold.rate.grains(),
        validUntil: hold.valid_until,
        signature: hold.signature.to_vec().into(),
    }
}

async fn assemble(
    shared: &Arc<Shared>,
    current: &Arc<Manifest>,
    change: Change,
    state: &DatasetState,
) -> Result<Revision> {
    let (current, keys) = (current.clone(), shared.manifest_keys(&state.info).public());
    let slots = u16::from(state.info.layout.n());
    let assembled =
        tokio::task::spawn_blocking(move || Revision::assemble(&current, &change, slots, &keys, &mut rand::rng()));
    Ok(assembled.await.context("a worker stopped while the manifest was being sealed")??)
}

/// Asks every slot that is still in for its promise; those that fail are given up.
async fn gather(
    shared: &Arc<Shared>,
    dataset: &Dataset,
    state: &DatasetState,
    revision: &Revision,
    placed: &BTreeMap<u16, Placement>,
    batch: &Batch,
) -> Vec<SignedHold> {
    let mut asked: FuturesUnordered<_> = batch
        .reachable()
        .into_iter()
        .map(|slot| async move {
            let rate = rate(state, slot, placed.get(&slot).map(|placement| placement.rate));
            (slot, patiently(|| promise(shared, dataset, revision, slot, rate)).await)
        })
        .collect();
    let mut holds = Vec::new();
    while let Some((slot, promised)) = asked.next().await {
        match promised {
            Ok(hold) => holds.push(hold),
            Err(error) => batch.give_up(slot, error.to_string()),
        }
    }
    holds.sort_by_key(|hold| hold.slot);
    holds
}

/// What to offer a slot: what was agreed, or less if its supplier asks for less by now; a newcomer's price otherwise.
pub fn rate(state: &DatasetState, slot: u16, placed: Option<Amount>) -> Amount {
    let index = usize::from(slot);
    let agreed = state.slots.get(index).map_or(Amount::ZERO, |info| info.rate);
    let asked = state.offers.get(index).and_then(Option::as_ref).map(|offer| offer.price_per_gib_epoch);
    placed.unwrap_or_else(|| asked.map_or(agreed, |asked| asked.min(agreed)))
}

async fn promise(
    shared: &Shared,
    dataset: &Dataset,
    revision: &Revision,
    slot: u16,
    rate: Amount,
) -> Result<SignedHold, RemoteError> {
    let target = revision.targets[usize::from(slot)];
    let list = revision.manifest.slot_list(slot);
    let number = revision.number();
    let asked = &Asked { number, target, rate, list: &list };
    let question = |mut remote| async move {
        let hold = ask(&mut remote, &revision.blob_bytes, revision.blob, asked).await;
        (remote, hold)
    };
    dataset.lanes.ask(shared, slot, question).await
}

/// A list that a supplier is asked to promise.
pub struct Asked<'a> {
    /// Revision.
    pub number: u64,
    /// Its root and bytes.
    pub target: SlotTarget,
    /// The rate offered.
    pub rate: Amount,
    /// The list itself.
    pub list: &'a [BlobRef],
}

async fn ask(remote: &mut Remote, bytes: &[u8], blob: BlobRef, asked: &Asked<'_>) -> Result<SignedHold, RemoteError> {
    remote.put(blob.root, bytes).await?;
    commit(remote, asked).await
}

/// Asks for a promise, starting from the newest list that the supplier keeps and that leads to the one wanted.
pub async fn commit(remote: &mut Remote, asked: &Asked<'_>) -> Result<SignedHold, RemoteError> {
    let lists = remote.inventory().await?;
    let newest = lists.iter().filter(|list| list.number < asked.number).max_by_key(|list| (list.held, list.number));
    let (base_number, base_root, base) = match newest {
        Some(list) => (list.number, list.root, remote.list(list.number, list.root).await?),
        None => (0, Default::default(), Vec::new()),
    };
    let (removed, added) = difference(&base, asked.list);
    let commit = Commit {
        base_number,
        base_root,
        number: asked.number,
        removed,
        added,
        root: asked.target.root,
        bytes: asked.target.bytes,
        rate: asked.rate,
    };
    match remote.commit(commit).await {
        // The base went away between the two questions: the whole list needs none.
        Err(error) if error.refusal().is_some_and(|refusal| refusal.code == Code::UnknownBase) => {
            let commit = Commit {
                base_number: 0,
                base_root: Default::default(),
                number: asked.number,
                removed: Vec::new(),
                added: asked.list.to_vec(),
                root: asked.target.root,
                bytes: asked.target.bytes,
                rate: asked.rate,
            };
            remote.commit(commit).await
        }
        other => other,
    }
}

/// Slots that hold the revision, by the ledger's word.
fn count_held(shared: &Shared, dataset: &Dataset, revision: &Revision) -> Result<u16> {
    let slots = look(&*shared.chain, |view, _| Ok(view.slots(dataset.id)?))?;
    let held = slots.iter().filter(|slot| slot.supplier.is_some() && slot.number >= revision.number()).count();
    // At most 64.
    Ok(held as u16)
}
