//! Each epoch's proof: samples from the ledger, bytes from the disk, one system transaction.
//!
//! One proof at a time, on a blocking thread of its own, so that a busy uplink or a burst of puts can't make this supplier
//! miss its window. A proof that no block has taken is sent again every few blocks while the window lasts.

use std::sync::{Arc, atomic::Ordering};

use anyhow::{Context as _, Result};
use bitdust_ledger::Prove;
use bitdust_market::supplier::{SampleRef, prove};
use bitdust_types::{Epoch, Height};

use super::{LastProof, Supplier, Trouble, keeper::is_proved};
use crate::chain_api::look;

/// Blocks after which a proof that isn't on the ledger is sent again.
const RESEND_BLOCKS: u64 = 3;

/// Proves every epoch until the chain stops.
pub async fn run(supplier: Arc<Supplier>) {
    let mut sent: Option<(Epoch, Height, Prove)> = None;
    let mut height = supplier.chain.height();
    loop {
        match step(&supplier, height, &mut sent).await {
            Ok(true) => supplier.clear(Trouble::Proof),
            Ok(false) => {}
            Err(error) => {
                let epoch = supplier.chain.params().epoch_of(height);
                supplier.warn(Trouble::Proof, format!("the proof of epoch {epoch} failed: {error:#}"));
            }
        }
        match supplier.chain.above(height).await {
            Ok(next) => height = next,
            Err(_) => return,
        }
    }
}

/// Answers whether this epoch's proof is under way or on the ledger, or none is due: then nothing is wrong with it.
async fn step(supplier: &Arc<Supplier>, height: Height, sent: &mut Option<(Epoch, Height, Prove)>) -> Result<bool> {
    let params = supplier.chain.params();
    // A proof can be in the next block at the earliest.
    let next = height.next();
    let epoch = params.epoch_of(next);
    if !params.in_proof_window(next) || params.epoch_of(height) != epoch {
        return Ok(false);
    }
    if let Some((of, at, again)) = sent
        && *of == epoch
    {
        if height.0 < at.0 + RESEND_BLOCKS {
            return Ok(false);
        }
        if is_on_ledger(supplier, epoch)? {
            return Ok(true);
        }
        *at = height;
        supplier.proofs.submit(again.clone()).await.context("sending the proof again")?;
        return Ok(true);
    }
    if is_on_ledger(supplier, epoch)? {
        return Ok(true);
    }
    let account = supplier.sender.account();
    let Some(samples) = look(&*supplier.chain, |view, _| Ok(view.samples(account, epoch)?))? else { return Ok(false) };
    if samples.is_empty() {
        supplier.clear(Trouble::Samples);
        return Ok(true);
    }
    let working = supplier.clone();
    let built = tokio::task::spawn_blocking(move || build(&working, &samples)).await.context("the prover stopped")?;
    // As many as samples at most, which are a few hundred.
    let misses = u16::try_from(built.misses.len()).unwrap_or(u16::MAX);
    match built.misses.first() {
        None => supplier.clear(Trouble::Samples),
        Some((index, reason)) => {
            let text = format!(
                "{misses} of {} samples of epoch {epoch} can't be shown and will cost pay; sample {index}: {reason}",
                built.proof.answers.len()
            );
            supplier.warn(Trouble::Samples, text);
            supplier.counters.misses.fetch_add(misses.into(), Ordering::Relaxed);
        }
    }
    let bytes = built.proof.encode();
    let prove = Prove::sign(params, supplier.sender.signing_key(), epoch.0, bytes.into())?;
    *sent = Some((epoch, height, prove.clone()));
    supplier.proofs.submit(prove).await.context("sending the proof")?;
    supplier.note_proof(LastProof { epoch, misses });
    supplier.counters.proofs.fetch_add(1, Ordering::Relaxed);
    metrics::counter!("bitdust_supplier_proofs_total").increment(1);
    metrics::counter!("bitdust_supplier_sample_misses_total").increment(built.misses.len() as u64);
    tracing::info!(%epoch, samples = built.proof.answers.len(), misses = built.misses.len(), "proof sent");
    Ok(true)
}

fn build(supplier: &Supplier, samples: &[bitdust_ledger::market::samples::Sample]) -> bitdust_market::supplier::Proved {
    let samples: Vec<SampleRef> = samples
        .iter()
        .map(|sample| SampleRef {
            dataset: sample.dataset,
            slot: sample.slot,
            slot_root: sample.slot_root,
            slot_bytes: sample.slot_bytes,
            offset: sample.offset_in_slot,
        })
        .collect();
    let list_of = |sample: &SampleRef| supplier.keeper.list(sample.dataset, sample.slot, &sample.slot_root);
    prove(&samples, list_of, &**supplier.keeper.store())
}

fn is_on_ledger(supplier: &Supplier, epoch: Epoch) -> Result<bool> {
    let account = supplier.sender.account();
    let own = look(&*supplier.chain, |view, _| Ok(view.supplier(account)?))?;
    Ok(is_proved(own.proven_bitmap, own.last_proven, epoch.0))
}
