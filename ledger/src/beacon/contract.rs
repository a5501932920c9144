//! Calls to the Chain contract: reading epoch, seeds and tips, and renewing a validator's tip.
//!
//! Takes no coins. Nobody but a validator can write, and only its own next tip.

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolError, SolEvent, SolInterface, SolValue, sol};
use bitdust_types::{Epoch, Height};

use super::{Field, RENEWAL_EPOCHS, expected_tip, hash, slot, word};
use crate::contract::{Stop, host::Host};

sol!("abi/Chain.sol");

/// ABI form of a custom error.
fn revert(error: impl SolError) -> Stop {
    Stop::Revert(error.abi_encode().into())
}

/// Decoding and dispatch, about what a Solidity contract pays.
const CALL_GAS: u64 = 300;

/// Answers one call.
///
/// # Errors
/// [`Stop`]; the caller must undo what was written.
pub fn call(host: &mut dyn Host, input: &[u8]) -> Result<Bytes, Stop> {
    host.use_gas(CALL_GAS)?;
    if !host.value().is_zero() {
        return Err(revert(IChain::BadCall {}));
    }
    let call = IChain::IChainCalls::abi_decode_validate(input).map_err(|_| revert(IChain::BadCall {}))?;
    let height = Height(host.height());
    let params = host.params().clone();
    match call {
        IChain::IChainCalls::epoch(_) => Ok(params.epoch_of(height).0.abi_encode().into()),
        IChain::IChainCalls::seed(call) => {
            let seed = host.sload(slot(Field::Seed, &Epoch(call.epoch).0.to_be_bytes()))?;
            Ok(hash(seed).abi_encode().into())
        }
        IChain::IChainCalls::tip(call) => {
            let tip = expected_tip(|slot| host.sload(slot), &params, height, call.validator)?;
            Ok(tip.abi_encode().into())
        }
        IChain::IChainCalls::renewTip(call) => renew(host, call),
    }
}

fn renew(host: &mut dyn Host, call: IChain::renewTipCall) -> Result<Bytes, Stop> {
    if host.is_static() {
        return Err(revert(IChain::ViewOnly {}));
    }
    if call.newTip == B256::ZERO {
        return Err(revert(IChain::ZeroTip {}));
    }
    let validator = host.caller();
    let key = validator.as_slice();
    if host.sload(slot(Field::Tip, key))?.is_zero() {
        return Err(revert(IChain::NotValidator { account: validator }));
    }
    // A tip that is already active, but hasn't been revealed from yet, is not lost: it moves into its place first.
    let epoch = host.params().epoch_of(Height(host.height())).0;
    let pending = host.sload(slot(Field::NextFrom, key))?;
    if !pending.is_zero() && U256::from(epoch) >= pending {
        let active = host.sload(slot(Field::NextTip, key))?;
        host.sstore(slot(Field::Tip, key), active)?;
    }
    let from = epoch + RENEWAL_EPOCHS;
    host.sstore(slot(Field::NextTip, key), word(call.newTip))?;
    host.sstore(slot(Field::NextFrom, key), U256::from(from))?;
    let log = IChain::TipRenewed { validator, tip: call.newTip, fromEpoch: from }.encode_log_data();
    host.log(log.topics().to_vec(), log.data)?;
    Ok(IChain::renewTipCall::abi_encode_returns(&IChain::renewTipReturn {}).into())
}
