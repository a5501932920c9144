//! The door: decodes a call's input, refuses what doesn't fit (unknown functions, coins where none belong, writes under
//! STATICCALL), hands it to the function's rule, and commits.

use alloy_primitives::{Address, B256, Bytes, FixedBytes};
use alloy_sol_types::{SolCall, SolInterface};

use super::{
    abi::IMarket::{self, IMarketCalls as Calls},
    datasets, hold, offers, prove, query, reap, revise, settle,
};
use crate::contract::{
    call::{Call, Stop, refuse},
    host::Host,
};

/// Decoding and dispatch: about what a Solidity contract pays, and 3 gas per word of input.
const CALL_GAS: u64 = 300;

/// Answers one call.
///
/// # Errors
/// [`Stop`]. Nothing was written unless it is [`Stop::Host`]; then the caller must roll back.
pub fn call(host: &mut dyn Host, input: &[u8]) -> Result<Bytes, Stop> {
    host.use_gas(CALL_GAS.saturating_add(3 * (input.len() as u64).div_ceil(32)))?;
    let selector = input.first_chunk::<4>().copied().map(FixedBytes).unwrap_or_default();
    if input.len() < 4 || !Calls::valid_selector(selector.0) {
        return Err(refuse(IMarket::UnknownFunction { selector }));
    }
    let calls = Calls::abi_decode_validate(input).map_err(|_| refuse(IMarket::BadArguments { selector }))?;
    let payable =
        matches!(calls, Calls::depositCollateral(_) | Calls::createDataset(_) | Calls::fund(_) | Calls::renew(_));
    if !payable && !host.value().is_zero() {
        return Err(refuse(IMarket::NotPayable { value: host.value() }));
    }
    let is_static = host.is_static();
    let mut call = Call::new(host);
    if let Some(answer) = query::answer(&mut call, &calls)? {
        return Ok(answer);
    }
    if is_static {
        return Err(refuse(IMarket::ReadOnly { selector }));
    }
    let answer = act(&mut call, calls)?;
    call.commit()?;
    Ok(answer)
}

/// Runs a function that writes.
fn act(call: &mut Call<'_>, calls: Calls) -> Result<Bytes, Stop> {
    match calls {
        Calls::registerOffer(args) => offers::register(call, &args.offer)?,
        Calls::withdrawOffer(_) => offers::withdraw(call)?,
        Calls::pruneOffer(args) => offers::prune(call, args.supplier)?,
        Calls::depositCollateral(_) => offers::deposit(call)?,
        Calls::withdrawCollateral(args) => offers::withdraw_collateral(call, args.amount)?,
        Calls::declareFault(args) => reap::declare_fault(call, args.dataset, args.slot)?,
        Calls::createDataset(args) => {
            let id = datasets::create(call, &args.params)?;
            return Ok(IMarket::createDatasetCall::abi_encode_returns(&id).into());
        }
        Calls::fund(args) => datasets::fund(call, args.dataset)?,
        Calls::renew(args) => datasets::renew(call, args.dataset, args.extraEpochs)?,
        Calls::setWriter(args) => datasets::set_writer(call, &args)?,
        Calls::end(args) => datasets::end(call, args.dataset)?,
        Calls::revise(args) => revise::revise(call, &args)?,
        Calls::hold(args) => hold::hold(call, args.dataset, &args.sig)?,
        Calls::takeover(args) => hold::takeover(call, args.dataset, args.slot, &args.sig)?,
        Calls::settle(args) => {
            let paid = settle::settle_all(call, args.dataset)?;
            return Ok(IMarket::settleCall::abi_encode_returns(&paid).into());
        }
        Calls::reap(args) => reap::reap(call, args.dataset, args.slot)?,
        Calls::recordProof(args) => prove::record(call, &args)?,
        // `query::answer` has taken every view before.
        _ => return Err(refuse(IMarket::BrokenPromise { what: "a view came to the writers".to_owned() })),
    }
    Ok(Bytes::new())
}

/// Input of the system call that puts a verdict on the ledger: the numbers of the failed samples, ascending.
pub fn record_proof_input(supplier: Address, epoch: u64, seed: B256, failed: &[u16]) -> Bytes {
    IMarket::recordProofCall { supplier, epoch, seed, failed: failed.to_vec() }.abi_encode().into()
}
