//! One call while it runs: what it has read, and what it will do if it succeeds.
//!
//! Reads go to the host once and are kept; writes, payments and logs are collected and handed to the host in one go at
//! the end, in an order that depends on nothing but the call itself.

use std::collections::{BTreeMap, btree_map::Entry};

use alloy_primitives::{Address, B256, Bytes, LogData, U256};
use alloy_sol_types::{SolError, SolEvent};
use bitdust_types::{ChainParams, Height};

use super::{
    host::{Host, HostError},
    money,
    words::{Record, Store, Words},
};

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The contract refuses: an ABI-encoded custom error of its interface; its `explain` puts it into words.
    Revert(Bytes),
    /// The host refused; passed on unchanged.
    Host(HostError),
}

impl From<HostError> for Stop {
    fn from(error: HostError) -> Self {
        Stop::Host(error)
    }
}

/// A refusal.
pub(crate) fn refuse(error: impl SolError) -> Stop {
    Stop::Revert(error.abi_encode().into())
}

/// A storage word: as the host gave it (if it was asked), and as it is now.
struct Word {
    loaded: Option<U256>,
    now: U256,
}

/// One running call.
pub struct Call<'h> {
    host: &'h mut dyn Host,
    words: BTreeMap<U256, Word>,
    pays: BTreeMap<Address, u128>,
    logs: Vec<LogData>,
    /// The network's constants.
    pub params: ChainParams,
    /// Height of the block.
    pub height: u64,
    /// Epoch of the block.
    pub epoch: u64,
    /// The block's place in its epoch.
    pub index: u64,
}

impl<'h> Call<'h> {
    /// Nothing read or written yet.
    pub fn new(host: &'h mut dyn Host) -> Self {
        let params = host.params().clone();
        let height = Height(host.height());
        let (epoch, index) = (params.epoch_of(height).0, params.index_in_epoch(height));
        Call {
            host,
            words: BTreeMap::new(),
            pays: BTreeMap::new(),
            logs: Vec::new(),
            params,
            height: height.0,
            epoch,
            index,
        }
    }

    /// Who called.
    pub fn caller(&self) -> Address {
        self.host.caller()
    }

    /// Grains that came with the call.
    pub fn value(&self) -> Result<u128, Stop> {
        money::narrow(self.host.value())
    }

    /// Charges for work that the host can't see.
    pub fn use_gas(&mut self, gas: u64) -> Result<(), Stop> {
        Ok(self.host.use_gas(gas)?)
    }

    /// Reads a record of another system contract, as it stands now.
    pub fn load_of<R: Record>(&mut self, contract: Address, at: U256) -> Result<R, Stop> {
        R::load(&mut Foreign { call: self, contract }, at)
    }

    /// Reads a record.
    pub fn load<R: Record>(&mut self, at: U256) -> Result<R, Stop> {
        R::load(self, at)
    }

    /// Writes a record.
    pub fn save<R: Record>(&mut self, at: U256, record: &R) {
        record.save(self, at);
    }

    /// Owes grains to an account; paid when the call has succeeded.
    pub fn pay(&mut self, to: Address, grains: u128) -> Result<(), Stop> {
        if grains > 0 {
            let sum = self.pays.entry(to).or_default();
            *sum = money::add(*sum, grains)?;
        }
        Ok(())
    }

    /// Logs an event, when the call has succeeded.
    pub fn log(&mut self, event: &impl SolEvent) {
        self.logs.push(event.encode_log_data());
    }

    /// Does what was collected: storage in slot order, payments in address order, logs in their own.
    pub fn commit(self) -> Result<(), Stop> {
        let Call { host, words, pays, logs, .. } = self;
        for (at, word) in words {
            if word.loaded != Some(word.now) {
                host.sstore(at, word.now)?;
            }
        }
        for (to, grains) in pays {
            host.pay(to, U256::from(grains))?;
        }
        for log in logs {
            let topics: Vec<B256> = log.topics().to_vec();
            host.log(topics, log.data)?;
        }
        Ok(())
    }
}

/// Another contract's words, read through a running call.
struct Foreign<'c, 'h> {
    call: &'c mut Call<'h>,
    contract: Address,
}

impl Words for Foreign<'_, '_> {
    type Error = Stop;

    fn read(&mut self, at: U256) -> Result<U256, Stop> {
        Ok(self.call.host.sload_of(self.contract, at)?)
    }
}

impl Words for Call<'_> {
    type Error = Stop;

    fn read(&mut self, at: U256) -> Result<U256, Stop> {
        match self.words.entry(at) {
            Entry::Occupied(entry) => Ok(entry.get().now),
            Entry::Vacant(entry) => {
                let value = self.host.sload(at)?;
                entry.insert(Word { loaded: Some(value), now: value });
                Ok(value)
            }
        }
    }
}

impl Store for Call<'_> {
    fn write(&mut self, at: U256, value: U256) {
        self.words.entry(at).or_insert(Word { loaded: None, now: value }).now = value;
    }
}
