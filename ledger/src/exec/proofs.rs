//! Judging suppliers' proofs and putting the verdicts on the ledger.

use alloy_primitives::B256;
use bitdust_types::{ChainParams, Epoch, Height, system};

use super::{
    cache::Cache,
    machine::{Machine, Ran},
};
use crate::{
    beacon,
    block::Header,
    error::{Error, Invalid},
    market::{self, MarketView},
    prove::Prove,
    state::StateReader,
};

/// A proof that was judged against the state: signed by the supplier, of this epoch, with one answer to each sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedProve {
    prove: Prove,
    failed: Vec<u16>,
}

impl CheckedProve {
    /// The proof as it came.
    pub fn prove(&self) -> &Prove {
        &self.prove
    }

    /// Indexes of the samples that it doesn't answer rightly.
    pub fn failed(&self) -> &[u16] {
        &self.failed
    }
}

/// Judges a proof as the block after `parent` would, on the state before that block, and tries whether the Market
/// records it: what a node asks before it keeps or forwards one.
///
/// # Errors
/// [`Error::Invalid`] if the next block couldn't carry it. [`Invalid::ProofWindow`] for a window to come says that a later
/// one could: the signature is the supplier's, and it has bytes to prove by what is on the ledger so far.
/// [`Invalid::ProofNothing`] is final in an epoch that has begun: what is due is what was held at its start.
pub fn admit_proof(
    state: &dyn StateReader,
    params: &ChainParams,
    parent: &Header,
    prove: Prove,
) -> Result<CheckedProve, Error> {
    let next = Header { height: parent.height + 1, ..parent.clone() };
    let (seed, failed) = judge(state, params, Height(next.height), &prove)?;
    record(&mut Machine::new(params, &next, Cache::new(state)), &prove, seed, &failed)?;
    Ok(CheckedProve { prove, failed })
}

/// The epoch's seed, and the failed samples of a proof in a block of this height.
pub(super) fn judge(
    state: &dyn StateReader,
    params: &ChainParams,
    height: Height,
    prove: &Prove,
) -> Result<(B256, Vec<u16>), Error> {
    let Prove { supplier, epoch, .. } = *prove;
    let opening = params.first_block(Epoch(epoch)).0;
    let (first, last) = (opening.saturating_add(params.window_first), opening.saturating_add(params.window_last));
    let outside = || Error::from(Invalid::ProofWindow { epoch, height: height.0, first, last });
    // What is over is over, whoever sends it.
    if height.0 > last {
        return Err(outside());
    }
    // Then whose it is, before anything makes it wait: anybody can send bytes in somebody's name, or for nothing held.
    let proof = prove.check(params)?;
    let nothing = || Error::from(Invalid::ProofNothing { supplier, epoch });
    let view = MarketView::new(state, params);
    if view.due_bytes(supplier, Epoch(epoch))? == Some(0) {
        return Err(nothing());
    }
    if height.0 < first {
        return Err(outside());
    }
    let seed = beacon::seed(state, Epoch(epoch))?.ok_or_else(nothing)?;
    let samples = view.samples(supplier, Epoch(epoch))?.filter(|samples| !samples.is_empty()).ok_or_else(nothing)?;
    if proof.answers.len() != samples.len() {
        return Err(Invalid::ProofAnswers { expected: samples.len(), found: proof.answers.len() }.into());
    }
    Ok((seed, market::judge(&samples, &proof)))
}

/// Records a verdict by a system call of the Market.
pub(super) fn record(machine: &mut Machine<'_>, prove: &Prove, seed: B256, failed: &[u16]) -> Result<Ran, Error> {
    let input = market::record_proof_input(prove.supplier, prove.epoch, seed, failed);
    let ran = machine.system_call(prove.hash(), system::MARKET, input)?;
    if ran.success {
        return Ok(ran);
    }
    let reason = ran.halt.or_else(|| market::explain(&ran.output)).unwrap_or_else(|| ran.output.to_string());
    Err(Invalid::ProofRefused { supplier: prove.supplier, reason }.into())
}
