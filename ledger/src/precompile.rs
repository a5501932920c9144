//! The system contracts inside the EVM: native code whose storage, balance and logs are the EVM's own.
//!
//! Everything a contract does goes through the EVM's journal, so a revert anywhere above it undoes it, `eth_call` and
//! gas estimation work, and receipts show its logs. The traps of native contracts, and what stops each:
//!
//! * DELEGATECALL and CALLCODE run foreign code on the caller's own account, and show a value that was never moved here;
//!   believing it would mint coins. Only plain CALL and STATICCALL with target = code address are answered.
//! * STATICCALL may not write: the host refuses storage, logs and payments, whatever the contract tries.
//! * Work must cost gas: the host charges storage, logs and payments as the EVM would (EIP-2929, without refunds), the
//!   contract charges signatures and loops by [`Host::use_gas`].
//! * A fault of this machine's state is no verdict: it aborts execution instead of becoming a revert.

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use alloy_sol_types::{Revert as Message, SolError};
use bitdust_types::{ChainParams, system};
use revm::{
    context::{Cfg, ContextTr, JournalTr},
    context_interface::Block as _,
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, CallScheme, Gas, InstructionResult, InterpreterResult},
    primitives::{AddressSet, hardfork::SpecId},
};

use crate::{
    beacon,
    contract::{
        Stop,
        host::{Host, HostError},
    },
    market,
    state::StateError,
    tx::SPEC,
    worlds,
};

/// Gas of the host's services, as the EVM charges them.
pub mod gas {
    /// First read or write of a slot in a transaction (EIP-2929).
    pub const COLD_SLOT: u64 = 2100;
    /// Any further access.
    pub const WARM: u64 = 100;
    /// First access of an account.
    pub const COLD_ACCOUNT: u64 = 2600;
    /// A slot from zero to something.
    pub const SLOT_SET: u64 = 20_000;
    /// A slot from something to something else.
    pub const SLOT_RESET: u64 = 2900;
    /// A log, and each of its topics.
    pub const LOG: u64 = 375;
    /// A byte of a log's data.
    pub const LOG_BYTE: u64 = 8;
    /// Moving coins.
    pub const PAY: u64 = 9000;
    /// Moving coins to an account that doesn't exist yet.
    pub const NEW_ACCOUNT: u64 = 25_000;
}

/// The EVM's precompiles together with the system contracts.
pub(crate) struct SystemContracts {
    eth: EthPrecompiles,
    warm: AddressSet,
    params: ChainParams,
}

impl SystemContracts {
    pub(crate) fn new(params: &ChainParams) -> Self {
        let eth = EthPrecompiles::new(SPEC);
        let warm = with_contracts(&eth);
        SystemContracts { eth, warm, params: params.clone() }
    }
}

fn with_contracts(eth: &EthPrecompiles) -> AddressSet {
    let mut warm = eth.warm_addresses().clone();
    warm.extend(system::CONTRACTS);
    warm
}

impl<C: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<C> for SystemContracts {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        let changed = PrecompileProvider::<C>::set_spec(&mut self.eth, spec);
        if changed {
            self.warm = with_contracts(&self.eth);
        }
        changed
    }

    fn run(&mut self, context: &mut C, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        if !system::CONTRACTS.contains(&inputs.bytecode_address) {
            return self.eth.run(context, inputs);
        }
        let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, inputs.reservoir);
        let is_plain = matches!(inputs.scheme, CallScheme::Call | CallScheme::StaticCall)
            && inputs.target_address == inputs.bytecode_address;
        // Under any other scheme the value is apparent, or moved from the caller to itself.
        let (true, Some(value)) = (is_plain, inputs.value.transfer()) else {
            let why = "a system contract answers plain calls only, no DELEGATECALL or CALLCODE";
            return Ok(Some(ended(InstructionResult::Revert, message(why), gas)));
        };
        let input = inputs.input.bytes(context);
        // The journal wants an account loaded before its storage is read. A call's target is; this makes it certain.
        context.journal_mut().load_account(inputs.target_address).map_err(|error| error.to_string())?;
        let mut host = JournalHost {
            contract: inputs.target_address,
            caller: inputs.caller,
            value,
            height: u64::try_from(context.block().number()).unwrap_or(u64::MAX),
            is_static: inputs.is_static || inputs.scheme == CallScheme::StaticCall,
            params: &self.params,
            gas: &mut gas,
            fault: None,
            context,
        };
        let answer = dispatch(&mut host, &input);
        let fault = host.fault.take();
        // The host's word counts, whatever the contract made of it.
        match (fault, answer) {
            (Some(HostError::State(StateError(reason))), _) => Err(reason),
            (Some(HostError::OutOfGas), _) => {
                gas.spend_all();
                Ok(Some(ended(InstructionResult::PrecompileOOG, Bytes::new(), gas)))
            }
            (Some(error @ (HostError::StaticWrite | HostError::Funds(_))), _) => {
                Ok(Some(ended(InstructionResult::Revert, message(&error.to_string()), gas)))
            }
            (None, Err(reason)) => Ok(Some(ended(InstructionResult::Revert, reason, gas))),
            (None, Ok(output)) => Ok(Some(ended(InstructionResult::Return, output, gas))),
        }
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.warm
    }
}

/// Calls the contract that lives at the host's address. `Err` carries the revert's bytes.
fn dispatch(host: &mut JournalHost<'_, impl ContextTr>, input: &[u8]) -> Result<Bytes, Bytes> {
    let answer = match host.contract {
        system::CHAIN => beacon::contract::call(host, input),
        system::MARKET => market::call(host, input),
        system::WORLDS => worlds::call(host, input),
        _ => return Err(message("this system contract takes no calls")),
    };
    answer.map_err(|stop| match stop {
        Stop::Revert(reason) => reason,
        Stop::Host(error) => message(&error.to_string()),
    })
}

/// Puts a refusal of a system contract into words, by the contract that was called. `None` if the bytes are none of its
/// errors, or it has no words.
pub fn explain(contract: Address, data: &[u8]) -> Option<String> {
    match contract {
        system::MARKET => market::explain(data),
        system::WORLDS => worlds::explain(data),
        _ => None,
    }
}

fn ended(result: InstructionResult, output: Bytes, gas: Gas) -> InterpreterResult {
    InterpreterResult::new(result, output, gas)
}

/// A reason as Solidity's `Error(string)`.
fn message(reason: &str) -> Bytes {
    Message::from(reason).abi_encode().into()
}

/// The EVM's journal as a system contract sees it, for one call.
struct JournalHost<'a, C> {
    context: &'a mut C,
    contract: Address,
    caller: Address,
    value: U256,
    height: u64,
    is_static: bool,
    params: &'a ChainParams,
    gas: &'a mut Gas,
    /// The first refusal: nothing the contract does after it counts.
    fault: Option<HostError>,
}

impl<C: ContextTr> JournalHost<'_, C> {
    /// Remembers why the host refuses, so that a contract can't swallow it.
    fn refuse<T>(&mut self, error: HostError) -> Result<T, HostError> {
        Err(self.fault.get_or_insert(error).clone())
    }

    fn charge(&mut self, cost: u64) -> Result<(), HostError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if self.gas.record_regular_cost(cost) { Ok(()) } else { self.refuse(HostError::OutOfGas) }
    }

    fn charge_write(&mut self, cost: u64) -> Result<(), HostError> {
        if self.is_static {
            return self.refuse(HostError::StaticWrite);
        }
        self.charge(cost)
    }

    fn load_slot(&mut self, contract: Address, slot: U256) -> Result<U256, HostError> {
        self.charge(gas::WARM)?;
        let loaded = self.context.journal_mut().sload(contract, slot);
        let loaded = self.read(loaded)?;
        if loaded.is_cold {
            self.charge(gas::COLD_SLOT - gas::WARM)?;
        }
        Ok(loaded.data)
    }

    fn read<T, E: std::fmt::Display>(&mut self, result: Result<T, E>) -> Result<T, HostError> {
        result.or_else(|error| self.refuse(HostError::State(StateError(error.to_string()))))
    }
}

impl<C: ContextTr> Host for JournalHost<'_, C> {
    fn sload(&mut self, slot: U256) -> Result<U256, HostError> {
        self.load_slot(self.contract, slot)
    }

    fn sload_of(&mut self, contract: Address, slot: U256) -> Result<U256, HostError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        // A system contract's account is always warm; the journal wants it loaded before its storage.
        let account = self.context.journal_mut().load_account(contract).map(drop);
        self.read(account)?;
        self.load_slot(contract, slot)
    }

    fn sstore(&mut self, slot: U256, value: U256) -> Result<(), HostError> {
        self.charge_write(gas::WARM)?;
        let stored = self.context.journal_mut().sstore(self.contract, slot, value);
        let stored = self.read(stored)?;
        let change = &stored.data;
        let write = if change.new_value == change.present_value || change.original_value != change.present_value {
            0
        } else if change.original_value.is_zero() {
            gas::SLOT_SET - gas::WARM
        } else {
            gas::SLOT_RESET - gas::WARM
        };
        self.charge(write + if stored.is_cold { gas::COLD_SLOT } else { 0 })
    }

    fn log(&mut self, topics: Vec<B256>, data: Bytes) -> Result<(), HostError> {
        let bytes = gas::LOG_BYTE.saturating_mul(data.len() as u64);
        self.charge_write((gas::LOG * (1 + topics.len() as u64)).saturating_add(bytes))?;
        self.context.journal_mut().log(Log::new_unchecked(self.contract, topics, data));
        Ok(())
    }

    fn pay(&mut self, to: Address, amount: U256) -> Result<(), HostError> {
        if amount.is_zero() {
            return Ok(());
        }
        self.charge_write(gas::PAY)?;
        let loaded = self.context.journal_mut().load_account(to).map(|load| (load.is_cold, load.data.is_empty()));
        let (is_cold, is_empty) = self.read(loaded)?;
        let access = if is_cold { gas::COLD_ACCOUNT } else { gas::WARM };
        self.charge(access + if is_empty { gas::NEW_ACCOUNT } else { 0 })?;
        let moved = self.context.journal_mut().transfer(self.contract, to, amount);
        if self.read(moved)?.is_some() {
            return self.refuse(HostError::Funds(amount));
        }
        #[cfg(test)]
        if crate::testing::is_planted(crate::testing::Bug::PayGrain) {
            let minted = self.context.journal_mut().balance_incr(to, U256::from(1));
            self.read(minted)?;
        }
        Ok(())
    }

    fn use_gas(&mut self, gas: u64) -> Result<(), HostError> {
        self.charge(gas)
    }

    fn caller(&self) -> Address {
        self.caller
    }

    fn value(&self) -> U256 {
        self.value
    }

    fn height(&self) -> u64 {
        self.height
    }

    fn params(&self) -> &ChainParams {
        self.params
    }

    fn is_static(&self) -> bool {
        self.is_static
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{exec::testing_cache, state::EmptyState};
    use revm::{context::Context, handler::MainnetContext};

    /// Asks the host for something as a contract with 100,000 gas would, and once more for a harmless read.
    fn ask<T>(
        is_static: bool,
        gas: u64,
        act: impl FnOnce(&mut dyn Host) -> Result<T, HostError>,
    ) -> [Option<HostError>; 2] {
        let mut context: MainnetContext<_> = Context::new(testing_cache(&EmptyState), SPEC);
        context.journal_mut().load_account(system::MARKET).unwrap();
        let mut gas = Gas::new(gas);
        let params = ChainParams::devnet(30, 1000);
        let mut host = JournalHost {
            context: &mut context,
            contract: system::MARKET,
            caller: Address::ZERO,
            value: U256::ZERO,
            height: 1,
            is_static,
            params: &params,
            gas: &mut gas,
            fault: None,
        };
        [act(&mut host).err(), host.sload(U256::ZERO).err()]
    }

    /// The host refuses by itself, and goes on refusing, even if a contract takes no notice.
    #[test]
    fn the_host_trusts_no_contract() {
        let one = U256::from(1);
        let both = |error: HostError| [Some(error.clone()), Some(error)];
        for is_static in [false, true] {
            let expected =
                |writes: [Option<HostError>; 2]| if is_static { both(HostError::StaticWrite) } else { writes };
            assert_eq!(ask(is_static, 100_000, |host| host.sload(one)), [None, None]);
            assert_eq!(ask(is_static, 100_000, |host| host.sload_of(system::CHAIN, one)), [None, None]);
            assert_eq!(ask(is_static, 100_000, |host| host.sstore(one, one)), expected([None, None]));
            assert_eq!(ask(is_static, 100_000, |host| host.log(vec![], Bytes::new())), expected([None, None]));
            let broke = both(HostError::Funds(one));
            assert_eq!(ask(is_static, 100_000, |host| host.pay(Address::ZERO, one)), expected(broke));
        }
        let out = both(HostError::OutOfGas);
        assert_eq!(ask(false, gas::COLD_SLOT - 1, |host| host.sload(one)), out);
        assert_eq!(ask(false, gas::COLD_SLOT - 1, |host| host.sload_of(system::CHAIN, one)), out);
        assert_eq!(ask(false, gas::COLD_SLOT + gas::SLOT_SET - 1, |host| host.sstore(one, one)), out);
        assert_eq!(ask(false, gas::COLD_SLOT + gas::SLOT_SET, |host| host.sstore(one, one))[0], None);
        assert_eq!(ask(false, gas::LOG + gas::LOG_BYTE - 1, |host| host.log(vec![], Bytes::from_static(b"x"))), out);
        assert_eq!(ask(false, 6, |host| host.use_gas(7)), out);
    }
}
