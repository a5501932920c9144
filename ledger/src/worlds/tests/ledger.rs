//! A ledger of nothing but the Worlds and the Market: storage, balances and logs in memory, a few people.
//!
//! The host doesn't roll storage back after a refusal, on purpose: the contract promises to have written nothing.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, LogData, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use bitdust_types::{ChainParams, amount::GRAINS_PER_DUST, system};

use super::super::{
    IWorlds, Place, WorldsView, call, explain,
    layout::{self, Account, Claim, World},
    limits::WORLD_FEE,
};
use crate::{
    contract::{
        Stop,
        host::{Host, HostError},
        words::{Record, StateWords, Store, Words},
    },
    market::{self, IMarket},
    state::{self, StateError, StateReader},
};

/// Money that every person starts with.
pub const FUNDS: u128 = 1_000_000 * GRAINS_PER_DUST;
/// What a claim costs in [`Ledger::with_world`]: an odd number.
pub const PRICE: u128 = 1_000_000_007;
/// Epochs of a claim there.
pub const TERM: u64 = 10;
/// Claims of one account there.
pub const LIMIT: u32 = 3;
pub const PEOPLE: u64 = 5;
/// The first world.
pub const WORLD: B256 = B256::repeat_byte(0xaa);

/// Gas that a call may use, more than any should.
const GAS: u64 = 30_000_000;

pub struct Ledger {
    pub storage: BTreeMap<(Address, U256), U256>,
    pub balances: BTreeMap<Address, u128>,
    /// Logs of the Worlds.
    pub logs: Vec<LogData>,
    pub height: u64,
    pub params: ChainParams,
    pub salt: u32,
    /// Gas of the last call that succeeded.
    pub gas: u64,
    /// Calls that the host had to stop: a correct contract never gets so far.
    pub stopped: u64,
}

struct MemoryHost<'a> {
    ledger: &'a mut Ledger,
    contract: Address,
    caller: Address,
    value: u128,
    is_static: bool,
    gas: u64,
}

impl Host for MemoryHost<'_> {
    fn sload(&mut self, slot: U256) -> Result<U256, HostError> {
        self.sload_of(self.contract, slot)
    }
    fn sload_of(&mut self, contract: Address, slot: U256) -> Result<U256, HostError> {
        self.use_gas(2_100)?;
        Ok(self.ledger.storage(contract, slot)?)
    }
    fn sstore(&mut self, slot: U256, value: U256) -> Result<(), HostError> {
        assert!(!self.is_static, "a view wrote");
        let at = (self.contract, slot);
        self.use_gas(if self.ledger.storage.contains_key(&at) { 2_900 } else { 20_000 })?;
        if value.is_zero() {
            self.ledger.storage.remove(&at);
        } else {
            self.ledger.storage.insert(at, value);
        }
        Ok(())
    }
    fn log(&mut self, topics: Vec<B256>, data: Bytes) -> Result<(), HostError> {
        assert!(topics.len() <= 4);
        self.use_gas(375 * (1 + topics.len() as u64) + 8 * data.len() as u64)?;
        if self.contract == system::WORLDS {
            self.ledger.logs.push(LogData::new_unchecked(topics, data));
        }
        Ok(())
    }
    fn pay(&mut self, to: Address, amount: U256) -> Result<(), HostError> {
        self.use_gas(11_600)?;
        let grains = u128::try_from(amount).unwrap();
        let balance = self.ledger.balances.entry(self.contract).or_default();
        *balance = balance.checked_sub(grains).ok_or(HostError::Funds(amount))?;
        *self.ledger.balances.entry(to).or_default() += grains;
        Ok(())
    }
    fn use_gas(&mut self, gas: u64) -> Result<(), HostError> {
        self.gas = self.gas.checked_sub(gas).ok_or(HostError::OutOfGas)?;
        Ok(())
    }
    fn caller(&self) -> Address {
        self.caller
    }
    fn value(&self) -> U256 {
        U256::from(self.value)
    }
    fn height(&self) -> u64 {
        self.ledger.height
    }
    fn params(&self) -> &ChainParams {
        &self.ledger.params
    }
    fn is_static(&self) -> bool {
        self.is_static
    }
}

impl StateReader for Ledger {
    fn account(&self, _: Address) -> Result<Option<state::Account>, StateError> {
        Ok(None)
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        Ok(self.storage.get(&(address, slot)).copied().unwrap_or_default())
    }
    fn code(&self, _: B256) -> Result<Bytes, StateError> {
        Ok(Bytes::new())
    }
    fn block_hash(&self, _: u64) -> Result<B256, StateError> {
        Ok(B256::ZERO)
    }
}

pub fn person(number: u64) -> Address {
    Address::left_padding_from(&(0xc0de_0000 + number).to_be_bytes())
}

pub fn place(x: i64, y: i64, z: i64) -> Place {
    Place { x, y, z }
}

/// Where most tests claim.
pub const HOME: Place = Place { x: -3, y: 0, z: 1 << 40 };

impl Ledger {
    /// Epochs of 8 blocks. Begins with epoch 1.
    pub fn new() -> Self {
        let params = ChainParams {
            epoch_blocks: 8,
            reveals: 2,
            window_first: 2,
            window_last: 6,
            samples: 8,
            ..ChainParams::devnet(30, 1000)
        };
        params.check().unwrap();
        Ledger {
            storage: BTreeMap::new(),
            balances: (0..PEOPLE).map(|number| (person(number), FUNDS)).collect(),
            logs: Vec::new(),
            height: params.epoch_blocks,
            params,
            salt: 0,
            gas: 0,
            stopped: 0,
        }
    }

    /// With a world of person 0 in which everybody may claim.
    pub fn with_world() -> Self {
        let mut ledger = Ledger::new();
        let create = ledger.new_world(0, WORLD);
        ledger.ok(person(0), WORLD_FEE, create);
        ledger
    }

    /// And person 1 owns [`HOME`].
    pub fn with_claim() -> Self {
        let mut ledger = Ledger::with_world();
        ledger.claim(1, HOME);
        ledger
    }

    pub fn epoch(&self) -> u64 {
        self.height / self.params.epoch_blocks
    }

    /// Goes to the first block of a later epoch.
    pub fn goto(&mut self, epoch: u64) {
        assert!(epoch >= self.epoch(), "time goes forward");
        self.height = epoch * self.params.epoch_blocks;
    }

    /// The call that publishes a standard world.
    pub fn new_world(&mut self, creator: u64, world: B256) -> IWorlds::createWorldCall {
        IWorlds::createWorldCall {
            world,
            name: "Green hills 🌳".into(),
            dataset: self.dataset(creator, 1, 100),
            whoMayClaim: 0,
            price: U256::from(PRICE),
            termEpochs: TERM,
            claimsPerAccount: LIMIT,
        }
    }

    /// A new dataset in the Market.
    pub fn dataset(&mut self, owner: u64, visibility: u8, term: u64) -> B256 {
        self.salt += 1;
        let params = IMarket::CreateParams {
            owner: person(owner),
            k: 1,
            n: 2,
            visibility,
            termEpochs: term,
            priceCap: 1,
            salt: self.salt,
        };
        let input = IMarket::createDatasetCall { params }.abi_encode();
        let answer = self.raw_at(system::MARKET, person(owner), 0, false, &input).unwrap();
        IMarket::createDatasetCall::abi_decode_returns(&answer).unwrap()
    }

    /// Ends a dataset in the Market.
    pub fn end(&mut self, owner: u64, dataset: B256) {
        let input = IMarket::endCall { dataset }.abi_encode();
        self.raw_at(system::MARKET, person(owner), 0, false, &input).unwrap();
    }

    pub fn claim_call(&mut self, who: u64, at: Place) -> IWorlds::claimCall {
        let dataset = self.dataset(who, 1, 1000);
        IWorlds::claimCall { world: WORLD, x: at.x, y: at.y, z: at.z, dataset, build: 0 }
    }

    pub fn claim(&mut self, who: u64, at: Place) {
        let call = self.claim_call(who, at);
        self.ok(person(who), PRICE, call);
    }

    /// One call of the Worlds with raw input.
    pub fn raw(&mut self, caller: Address, value: u128, is_static: bool, input: &[u8]) -> Result<Bytes, Stop> {
        self.raw_at(system::WORLDS, caller, value, is_static, input)
    }

    /// One call. A refusal returns the value, as the EVM does, and nothing else.
    fn raw_at(
        &mut self,
        contract: Address,
        caller: Address,
        value: u128,
        is_static: bool,
        input: &[u8],
    ) -> Result<Bytes, Stop> {
        let untouched = (self.storage.clone(), self.balances.clone(), self.logs.len());
        let purse = self.balances.entry(caller).or_default();
        *purse = purse.checked_sub(value).expect("the caller is rich");
        *self.balances.entry(contract).or_default() += value;
        let before = (self.storage.clone(), self.balances.clone(), self.logs.len());
        let mut host = MemoryHost { ledger: self, contract, caller, value, is_static, gas: GAS };
        let answer = match contract {
            system::MARKET => market::call(&mut host, input),
            _ => call(&mut host, input),
        };
        let gas = GAS - host.gas;
        match &answer {
            Ok(_) => self.gas = gas,
            Err(stop) => {
                if matches!(stop, Stop::Revert(_)) {
                    let after = (self.storage.clone(), self.balances.clone(), self.logs.len());
                    assert!(before == after, "a refused call changed something");
                } else {
                    self.stopped += 1;
                }
                let logs;
                (self.storage, self.balances, logs) = untouched;
                self.logs.truncate(logs);
            }
        }
        answer
    }

    /// A call that may be refused, with the refusal in words.
    pub fn send<C: SolCall>(&mut self, caller: Address, value: u128, call: C) -> Result<(), String> {
        self.raw(caller, value, false, &call.abi_encode()).map(drop).map_err(words)
    }

    /// A call that must succeed.
    pub fn ok<C: SolCall>(&mut self, caller: Address, value: u128, call: C) {
        self.send(caller, value, call).unwrap_or_else(|why| panic!("{}: {why}", C::SIGNATURE));
    }

    /// A call that must be refused: the error's bytes.
    pub fn refusal<C: SolCall>(&mut self, caller: Address, value: u128, call: C) -> Bytes {
        match self.raw(caller, value, false, &call.abi_encode()) {
            Err(Stop::Revert(data)) => data,
            other => panic!("{} was not refused: {other:?}", C::SIGNATURE),
        }
    }

    /// What a view answers, asked under STATICCALL.
    pub fn ask<C: SolCall>(&mut self, call: C) -> C::Return {
        let answer = self.raw(person(4), 0, true, &call.abi_encode()).map_err(words);
        C::abi_decode_returns(&answer.unwrap_or_else(|why| panic!("{}: {why}", C::SIGNATURE))).unwrap()
    }

    pub fn record<R: Record>(&self, at: U256) -> R {
        R::load(&mut StateWords::new(self, system::WORLDS), at).unwrap()
    }

    /// Puts a record where the rules wouldn't.
    pub fn poke<R: Record>(&mut self, at: U256, record: &R) {
        struct Poke<'a>(&'a mut Ledger);
        impl Words for Poke<'_> {
            type Error = StateError;
            fn read(&mut self, at: U256) -> Result<U256, StateError> {
                self.0.storage(system::WORLDS, at)
            }
        }
        impl Store for Poke<'_> {
            fn write(&mut self, at: U256, value: U256) {
                self.0.storage.insert((system::WORLDS, at), value);
            }
        }
        record.save(&mut Poke(self), at);
    }

    pub fn world(&self, id: B256) -> World {
        self.record(layout::world(id))
    }

    pub fn view(&self) -> WorldsView<'_> {
        WorldsView::new(self)
    }

    pub fn balance(&self, who: Address) -> u128 {
        self.balances.get(&who).copied().unwrap_or_default()
    }

    pub fn events<E: SolEvent>(&self) -> Vec<E> {
        self.logs.iter().filter_map(|log| E::decode_log_data(log).ok()).collect()
    }

    /// The laws of coins and lists.
    pub fn laws(&self) -> Result<(), String> {
        same("coins in all", self.balances.values().sum(), u128::from(PEOPLE) * FUNDS)?;
        same("the Worlds' balance", self.balance(system::WORLDS), 0)?;
        same("calls that the host had to stop", self.stopped.into(), 0)?;
        let count: u32 = self.record(layout::world_count());
        same("fees", self.balance(system::SHARES), u128::from(count) * WORLD_FEE)?;
        for position in 0..count {
            self.laws_of(self.record(layout::world_at(position)))?;
        }
        Ok(())
    }

    /// Each claim stands once in its world's list and once in its owner's, and knows where; nothing else stands there.
    fn laws_of(&self, id: B256) -> Result<(), String> {
        let world = self.world(id);
        let mut owned: BTreeMap<Address, u32> = BTreeMap::new();
        for position in 0..world.claims {
            let place: Place = self.record(layout::listed_at(id, position));
            let claim: Claim = self.record(layout::claim(id, place));
            same("a claim's position in its world", claim.listed.into(), position.into())?;
            if claim.owner.is_zero() {
                return Err(format!("{place:?} is listed, but nobody owns it"));
            }
            let at: Place = self.record(layout::owned_at(id, claim.owner, claim.owned));
            if at != place {
                return Err(format!("{} finds {at:?} in its list instead of {place:?}", claim.owner));
            }
            *owned.entry(claim.owner).or_default() += 1;
        }
        for number in 0..PEOPLE {
            let account: Account = self.record(layout::account(id, person(number)));
            let listed = owned.get(&person(number)).copied().unwrap_or_default();
            same(&format!("claims of person {number}"), account.claims.into(), listed.into())?;
        }
        Ok(())
    }
}

pub fn words(stop: Stop) -> String {
    match stop {
        Stop::Revert(data) => explain(&data).unwrap_or_else(|| format!("unexplained {data}")),
        Stop::Host(error) => format!("the host stopped the call: {error}"),
    }
}

fn same(what: &str, is: u128, should: u128) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: {is}, but must be {should}")) }
}

/// The root of version `number` of a manifest in these tests.
pub fn manifest(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}
