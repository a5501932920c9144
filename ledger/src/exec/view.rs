//! Calls that change nothing: `eth_call`, and how much gas a call would need.

use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use bitdust_types::{ChainParams, Epoch, Height};
use revm::context::TxEnv;

use super::{cache::Cache, machine::Machine};
use crate::{
    block::Header,
    error::{Error, Invalid},
    state::StateReader,
};

/// How far ahead a gas estimate looks for a new epoch: longer than a transaction waits unless blocks are full.
pub const ESTIMATE_AHEAD_BLOCKS: u64 = 10;

/// A call to try.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Who calls; any account, no signature is asked for.
    pub from: Address,
    /// Who is called; `None` creates a contract.
    pub to: Option<Address>,
    /// Grains moved with the call. `from` must have them.
    pub value: U256,
    /// Input.
    pub data: Bytes,
    /// Gas limit; `None` for a block's.
    pub gas: Option<u64>,
}

/// What a call would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// False if it reverts or halts.
    pub success: bool,
    /// Return data, or the revert's bytes.
    pub output: Bytes,
    /// Gas that it uses, its own bytes included.
    pub gas_used: u64,
    /// Logs that it would leave.
    pub logs: Vec<Log>,
    /// Why it halted, if it neither returned nor reverted.
    pub halt: Option<String>,
}

/// Executes a call on `state` as if in the block that `header` describes. No fee is asked, and nothing is kept.
///
/// # Errors
/// [`Error::Invalid`] if the call can't even start (no funds for the value, gas limit below the call's own bytes).
pub fn call(state: &dyn StateReader, params: &ChainParams, header: &Header, call: &Call) -> Result<CallOutcome, Error> {
    let gas_limit = call.gas.unwrap_or(header.gas_limit).min(header.gas_limit);
    run(&mut Machine::for_view(params, header, Cache::new(state)), params, call, gas_limit)
}

fn run(machine: &mut Machine<'_>, params: &ChainParams, call: &Call, gas_limit: u64) -> Result<CallOutcome, Error> {
    let ran = machine.view(TxEnv {
        caller: call.from,
        gas_limit,
        kind: call.to.map_or(TxKind::Create, TxKind::Call),
        value: call.value,
        data: call.data.clone(),
        chain_id: Some(params.chain_id),
        ..TxEnv::default()
    })?;
    Ok(CallOutcome { success: ran.success, output: ran.output, gas_used: ran.gas_used, logs: ran.logs, halt: ran.halt })
}

/// The smallest gas limit with which a call succeeds, found to within 1/64, or the failed outcome if it fails even with
/// a whole block's gas.
///
/// The gas that a call *uses* isn't enough as its limit: inner calls get at most 63/64 of what is left (EIP-150), and
/// contracts may look at what is left. Nor is what it needs in the next block always enough, since it may wait for a few: in
/// an epoch's first blocks the Market writes what it only changes later on. If an epoch begins within
/// [`ESTIMATE_AHEAD_BLOCKS`], the answer is enough for its first block too.
///
/// # Errors
/// As [`call`].
pub fn estimate_gas(
    state: &dyn StateReader,
    params: &ChainParams,
    header: &Header,
    call: &Call,
) -> Result<Result<u64, CallOutcome>, Error> {
    let gas = match estimate_at(state, params, header, call)? {
        Ok(gas) => gas,
        failed => return Ok(failed),
    };
    let first = params.first_block(Epoch(params.epoch_of(Height(header.height)).0 + 1));
    if first.0 > header.height + ESTIMATE_AHEAD_BLOCKS {
        return Ok(Ok(gas));
    }
    let blocks = first.0 - header.height;
    let timestamp_ms = header.timestamp_ms + blocks * params.block_time_ms;
    let header = Header { height: first.0, timestamp_ms, ..header.clone() };
    // A call that will fail by then is the caller's affair: it may well be in a block before.
    let later = estimate_at(state, params, &header, call)?;
    Ok(Ok(later.map_or(gas, |later| later.max(gas))))
}

fn estimate_at(
    state: &dyn StateReader,
    params: &ChainParams,
    header: &Header,
    call: &Call,
) -> Result<Result<u64, CallOutcome>, Error> {
    let mut enough = call.gas.unwrap_or(header.gas_limit).min(header.gas_limit);
    let mut machine = Machine::for_view(params, header, Cache::new(state));
    let most = run(&mut machine, params, call, enough)?;
    if !most.success {
        return Ok(Err(most));
    }
    let mut short = most.gas_used.saturating_sub(1);
    // A plain guess first: most calls succeed with a 64th above what they use.
    let guess = most.gas_used.saturating_add(most.gas_used / 63 + 1);
    for limit in [most.gas_used, guess].into_iter().filter(|limit| *limit < header.gas_limit) {
        if limit >= enough || limit <= short {
            continue;
        }
        if succeeds(&mut machine, params, call, limit)? {
            enough = limit;
        } else {
            short = limit;
        }
    }
    // 64-bit range halves each time: at most 30 rounds for a limit of 30 million.
    while enough - short > 1 && enough - short > enough / 64 {
        let middle = short + (enough - short) / 2;
        if succeeds(&mut machine, params, call, middle)? {
            enough = middle;
        } else {
            short = middle;
        }
    }
    Ok(Ok(enough))
}

fn succeeds(machine: &mut Machine<'_>, params: &ChainParams, call: &Call, gas_limit: u64) -> Result<bool, Error> {
    match run(machine, params, call, gas_limit) {
        Ok(outcome) => Ok(outcome.success),
        // Too little even to start.
        Err(Error::Invalid(Invalid::TxRefused { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}
