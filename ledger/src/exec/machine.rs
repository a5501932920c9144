//! One EVM over one block's state: runs transactions one after another and sees that no coin appears or vanishes.

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use bitdust_types::{ChainParams, system};
use revm::{
    ExecuteEvm, SystemCallEvm,
    context::{BlockEnv, CfgEnv, Context, Evm, TxEnv},
    context_interface::{
        ContextTr, JournalTr,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    handler::{EthFrame, MainBuilder, MainnetContext, instructions::EthInstructions},
    interpreter::interpreter::EthInterpreter,
};

use super::cache::Cache;
use crate::{
    block::Header,
    error::{Error, Invalid},
    precompile::SystemContracts,
    state::StateError,
    tx::{CheckedTx, SPEC},
};

type Vm<'a> = Evm<
    MainnetContext<Cache<'a>>,
    (),
    EthInstructions<EthInterpreter, MainnetContext<Cache<'a>>>,
    SystemContracts,
    EthFrame<EthInterpreter>,
>;

/// What one execution gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub success: bool,
    pub gas_used: u64,
    pub logs: Vec<Log>,
    /// Return data, or the revert's bytes.
    pub output: Bytes,
    /// Why it stopped, if neither returned nor reverted.
    pub halt: Option<String>,
    pub created: Option<Address>,
}

/// The EVM of one block.
pub(crate) struct Machine<'a> {
    evm: Vm<'a>,
    base_fee: u64,
}

impl<'a> Machine<'a> {
    /// An EVM for the block that `header` describes. Of the header only chain id, height, time, proposer, reveal, gas
    /// limit and base fee are read.
    pub fn new(params: &ChainParams, header: &Header, cache: Cache<'a>) -> Self {
        Self::with_config(params, header, cache, header.base_fee, |_| {})
    }

    /// An EVM for views: no fees, no nonces, and any account may call.
    pub fn for_view(params: &ChainParams, header: &Header, cache: Cache<'a>) -> Self {
        Self::with_config(params, header, cache, 0, |config| {
            config.disable_nonce_check = true;
            config.disable_eip3607 = true;
            config.tx_chain_id_check = false;
        })
    }

    fn with_config(
        params: &ChainParams,
        header: &Header,
        cache: Cache<'a>,
        base_fee: u64,
        configure: impl FnOnce(&mut CfgEnv),
    ) -> Self {
        let block = BlockEnv {
            number: U256::from(header.height),
            beneficiary: header.proposer,
            timestamp: U256::from(header.timestamp_ms / 1000),
            gas_limit: header.gas_limit,
            basefee: base_fee,
            prevrandao: Some(header.reveal),
            ..BlockEnv::default()
        };
        let mut context: MainnetContext<Cache<'a>> = Context::new(cache, SPEC);
        context.cfg.chain_id = params.chain_id;
        // Osaka caps a transaction at 2^24 gas; a dataset of 64 slots may need more, and blocks are bounded anyway.
        context.cfg.tx_gas_limit_cap = Some(header.gas_limit);
        configure(&mut context.cfg);
        context.block = block;
        let evm = context.build_mainnet().with_precompiles(SystemContracts::new(params));
        Machine { evm, base_fee }
    }

    /// The block's state as it stands between two transactions.
    pub fn cache(&mut self) -> &mut Cache<'a> {
        self.evm.ctx.journal_mut().db_mut()
    }

    /// The block's state, after everything ran.
    pub fn into_cache(self) -> Cache<'a> {
        self.evm.ctx.journaled_state.database
    }

    /// Executes a transaction and keeps its changes. An [`Invalid`] one leaves no trace.
    pub fn transact(&mut self, tx: &CheckedTx) -> Result<Ran, Error> {
        let result = self.evm.transact_one(tx.env());
        let state = self.evm.finalize();
        let result = result.map_err(|error| refused(tx.hash(), error))?;
        let base_fees = U256::from(self.base_fee) * U256::from(result.tx_gas_used());
        self.keep(tx.hash(), state, base_fees)?;
        Ok(ran(result))
    }

    /// Calls a system contract as the protocol itself: no gas is paid. Changes are kept if the call succeeds.
    pub fn system_call(&mut self, name: B256, contract: Address, input: Bytes) -> Result<Ran, Error> {
        let result = self.evm.system_call_one_with_caller(system::SYSTEM, contract, input);
        let state = self.evm.finalize();
        let result = result.map_err(|error| refused(name, error))?;
        if result.is_success() {
            self.keep(name, state, U256::ZERO)?;
        }
        Ok(ran(result))
    }

    /// Executes without keeping anything.
    pub fn view(&mut self, tx: TxEnv) -> Result<Ran, Error> {
        let result = self.evm.transact_one(tx);
        self.evm.finalize();
        result.map(ran).map_err(|error| refused(B256::ZERO, error))
    }

    /// Commits changes if they conserve coins: what the accounts lose is exactly the base fee, which goes to Shares.
    fn keep(&mut self, name: B256, state: revm::state::EvmState, base_fees: U256) -> Result<(), Error> {
        let cache = self.cache();
        let sums = cache.sums(&state)?;
        let after = sums.after.saturating_add(base_fees);
        // A contract that destroys itself in the transaction that made it, in its own favour, burns its coins in
        // Ethereum. Here they go where the base fee goes.
        let burnt = if sums.destroyed { sums.before.saturating_sub(after) } else { U256::ZERO };
        if sums.before != after + burnt {
            return Err(Invalid::CoinsNotConserved { hash: name, before: sums.before, after }.into());
        }
        cache.commit(state)?;
        cache.credit(system::SHARES, base_fees + burnt)?;
        #[cfg(test)]
        if crate::testing::is_planted(crate::testing::Bug::FeeGrain) {
            cache.credit(system::SHARES, U256::from(1))?;
        }
        Ok(())
    }
}

fn refused(hash: B256, error: EVMError<StateError, InvalidTransaction>) -> Error {
    match error {
        EVMError::Transaction(reason) => Invalid::TxRefused { hash, reason: reason.to_string() }.into(),
        EVMError::Database(error) => error.into(),
        // Our precompiles report an unreadable state this way.
        EVMError::Custom(reason) => StateError(reason).into(),
        other => Error::Fault(format!("the EVM stopped at {hash}: {other}")),
    }
}

fn ran(result: ExecutionResult<HaltReason>) -> Ran {
    let gas_used = result.tx_gas_used();
    match result {
        ExecutionResult::Success { logs, output, .. } => Ran {
            success: true,
            gas_used,
            logs,
            created: output.address().copied(),
            output: output.into_data(),
            halt: None,
        },
        ExecutionResult::Revert { output, .. } => {
            Ran { success: false, gas_used, logs: Vec::new(), output, halt: None, created: None }
        }
        ExecutionResult::Halt { reason, .. } => Ran {
            success: false,
            gas_used,
            logs: Vec::new(),
            output: Bytes::new(),
            halt: Some(reason.to_string()),
            created: None,
        },
    }
}
