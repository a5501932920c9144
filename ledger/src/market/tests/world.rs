//! A ledger of nothing but the Market: storage, balances and logs in memory, a few suppliers and customers.
//!
//! The host doesn't roll storage back after a refusal, on purpose: the contract promises to have written nothing.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, LogData, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use bitdust_types::{Amount, ChainParams, amount::GIB, keys::account_of, signing, system};
use k256::ecdsa::SigningKey;

use super::super::{
    Hold, IMarket, MarketView, call, explain, hold_digest,
    layout::{self, Dataset, Slot, Supplier},
    record_proof_input,
};
use crate::{
    contract::{
        Stop,
        host::{Host, HostError},
        words::{Record, Words},
    },
    state::{Account, StateError, StateReader},
};

/// Money that every account starts with.
pub const FUNDS: u128 = 1_000_000_000_000_000_000_000_000;
/// Price per GiB and epoch that suppliers ask for: an odd number, so that rounding shows.
pub const RATE: u128 = 1_000_000_007;
pub const CUSTOMERS: u64 = 3;
pub const SUPPLIERS: u64 = 5;

pub struct World {
    pub storage: BTreeMap<U256, U256>,
    pub balances: BTreeMap<Address, u128>,
    pub logs: Vec<LogData>,
    pub height: u64,
    pub params: ChainParams,
    pub datasets: BTreeSet<B256>,
    pub promises: u64,
    /// Gas of the last call that succeeded.
    pub gas: u64,
}

/// Gas that a call may use, more than any should.
const GAS: u64 = 100_000_000;

struct MemoryHost<'a> {
    world: &'a mut World,
    caller: Address,
    value: u128,
    is_static: bool,
    gas: u64,
}

impl Host for MemoryHost<'_> {
    fn sload(&mut self, slot: U256) -> Result<U256, HostError> {
        self.use_gas(2_100)?;
        Ok(self.world.storage.get(&slot).copied().unwrap_or_default())
    }
    fn sload_of(&mut self, contract: Address, _: U256) -> Result<U256, HostError> {
        panic!("the Market looks at the storage of {contract}")
    }
    fn sstore(&mut self, slot: U256, value: U256) -> Result<(), HostError> {
        if self.is_static {
            return Err(HostError::StaticWrite);
        }
        self.use_gas(if self.world.storage.contains_key(&slot) { 2_900 } else { 20_000 })?;
        if value.is_zero() {
            self.world.storage.remove(&slot);
        } else {
            self.world.storage.insert(slot, value);
        }
        Ok(())
    }
    fn log(&mut self, topics: Vec<B256>, data: Bytes) -> Result<(), HostError> {
        assert!(topics.len() <= 4);
        self.use_gas(375 * (1 + topics.len() as u64) + 8 * data.len() as u64)?;
        self.world.logs.push(LogData::new_unchecked(topics, data));
        Ok(())
    }
    fn pay(&mut self, to: Address, amount: U256) -> Result<(), HostError> {
        self.use_gas(11_600)?;
        let grains = u128::try_from(amount).unwrap();
        let balance = self.world.balances.entry(system::MARKET).or_default();
        *balance = balance.checked_sub(grains).ok_or(HostError::Funds(amount))?;
        *self.world.balances.entry(to).or_default() += grains;
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
        self.world.height
    }
    fn params(&self) -> &ChainParams {
        &self.world.params
    }
    fn is_static(&self) -> bool {
        self.is_static
    }
}

impl StateReader for World {
    fn account(&self, _: Address) -> Result<Option<Account>, StateError> {
        Ok(None)
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        assert_eq!(address, system::MARKET);
        Ok(self.storage.get(&slot).copied().unwrap_or_default())
    }
    fn code(&self, _: B256) -> Result<Bytes, StateError> {
        Ok(Bytes::new())
    }
    fn block_hash(&self, _: u64) -> Result<B256, StateError> {
        Ok(B256::ZERO)
    }
}

impl Words for World {
    type Error = StateError;
    fn read(&mut self, at: U256) -> Result<U256, StateError> {
        self.storage(system::MARKET, at)
    }
}

pub fn supplier_key(number: u64) -> SigningKey {
    SigningKey::from_slice(keccak256([b"supplier", number.to_be_bytes().as_slice()].concat()).as_slice()).unwrap()
}

pub fn supplier(number: u64) -> Address {
    account_of(&supplier_key(number))
}

pub fn customer(number: u64) -> Address {
    Address::left_padding_from(&(0xc0de_0000 + number).to_be_bytes())
}

/// The root that slot `slot` has at revision `number` in these tests.
pub fn root(number: u64, slot: u16) -> B256 {
    keccak256([number.to_be_bytes().as_slice(), &slot.to_be_bytes()].concat())
}

impl World {
    /// Epochs of 8 blocks: the seed is made in blocks 0 and 1, proofs come in blocks 2 to 6. Begins with epoch 1.
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
        let everyone = (0..CUSTOMERS).map(customer).chain((0..SUPPLIERS).map(supplier));
        World {
            storage: BTreeMap::new(),
            balances: everyone.map(|who| (who, FUNDS)).collect(),
            logs: Vec::new(),
            height: params.epoch_blocks,
            params,
            datasets: BTreeSet::new(),
            promises: 0,
            gas: 0,
        }
    }

    /// With all suppliers offering, each with 1000 DUST of collateral.
    pub fn with_suppliers() -> Self {
        let mut world = World::new();
        for number in 0..SUPPLIERS {
            world.ok(supplier(number), 0, IMarket::registerOfferCall { offer: standard_offer() });
            world.ok(supplier(number), 1000 * 10u128.pow(18), IMarket::depositCollateralCall {});
        }
        world
    }

    pub fn epoch(&self) -> u64 {
        self.height / self.params.epoch_blocks
    }

    /// Goes to a block of a later epoch.
    pub fn goto(&mut self, epoch: u64, index: u64) {
        let height = epoch * self.params.epoch_blocks + index;
        assert!(height >= self.height, "time goes forward");
        self.height = height;
    }

    /// One call with raw input. A refusal returns the value, as the EVM does, and nothing else.
    pub fn raw(&mut self, caller: Address, value: u128, is_static: bool, input: &[u8]) -> Result<Bytes, Stop> {
        let purse = self.balances.entry(caller).or_default();
        *purse = purse.checked_sub(value).expect("the caller is rich");
        *self.balances.entry(system::MARKET).or_default() += value;
        let before = (self.storage.clone(), self.balances.clone(), self.logs.len());
        let mut host = MemoryHost { world: self, caller, value, is_static, gas: GAS };
        let answer = call(&mut host, input);
        let gas = GAS - host.gas;
        self.gas = gas;
        if let Err(stop) = &answer {
            assert!(matches!(stop, Stop::Revert(_)), "the host refused: {stop:?}");
            let after = (self.storage.clone(), self.balances.clone(), self.logs.len());
            assert!(before == after, "a refused call changed something");
            *self.balances.entry(system::MARKET).or_default() -= value;
            *self.balances.entry(caller).or_default() += value;
        }
        answer
    }

    /// A call that may be refused, with the refusal in words.
    pub fn send<C: SolCall>(&mut self, caller: Address, value: u128, call: C) -> Result<(), String> {
        self.raw(caller, value, false, &call.abi_encode()).map(drop).map_err(words)
    }

    /// A call that must succeed.
    pub fn ok<C: SolCall>(&mut self, caller: Address, value: u128, call: C) -> C::Return {
        match self.raw(caller, value, false, &call.abi_encode()) {
            Ok(bytes) => C::abi_decode_returns(&bytes).unwrap(),
            Err(stop) => panic!("{}: {}", C::SIGNATURE, words(stop)),
        }
    }

    /// A call that must be refused: the error's bytes.
    pub fn refusal<C: SolCall>(&mut self, caller: Address, value: u128, call: C) -> Bytes {
        match self.raw(caller, value, false, &call.abi_encode()) {
            Err(Stop::Revert(data)) => data,
            other => panic!("{} was not refused: {other:?}", C::SIGNATURE),
        }
    }

    pub fn record<R: Record>(&mut self, at: U256) -> R {
        R::load(self, at).unwrap()
    }

    /// Puts a record where the rules wouldn't.
    pub fn poke<R: Record>(&mut self, at: U256, record: &R) {
        struct Poke<'a>(&'a mut World);
        impl Words for Poke<'_> {
            type Error = StateError;
            fn read(&mut self, at: U256) -> Result<U256, StateError> {
                Words::read(self.0, at)
            }
        }
        impl crate::contract::words::Store for Poke<'_> {
            fn write(&mut self, at: U256, value: U256) {
                self.0.storage.insert(at, value);
            }
        }
        record.save(&mut Poke(self), at);
    }

    pub fn dataset(&mut self, id: B256) -> Dataset {
        self.record(layout::dataset(id))
    }

    pub fn slot(&mut self, id: B256, number: u16) -> Slot {
        self.record(layout::slot(id, number))
    }

    pub fn supplier(&mut self, who: Address) -> Supplier {
        self.record(layout::supplier(who))
    }

    pub fn view(&self) -> MarketView<'_> {
        MarketView::new(self, &self.params)
    }

    pub fn create(&mut self, by: Address, value: u128, params: IMarket::CreateParams) -> B256 {
        let id = self.ok(by, value, IMarket::createDatasetCall { params });
        self.datasets.insert(id);
        id
    }

    /// A promise by supplier `number` for what `slot` aims at, or will aim at with the given revision.
    pub fn promise(&mut self, id: B256, slot: u16, number: u64, revision: u64, bytes: u64) -> IMarket::HoldSig {
        self.promises += 1;
        let valid_until = self.height + 100 + self.promises;
        self.signed(number, id, slot, revision, bytes, RATE, valid_until)
    }

    /// A promise with all its parts given.
    pub fn signed(
        &self,
        number: u64,
        dataset: B256,
        slot: u16,
        revision: u64,
        bytes: u64,
        rate: u128,
        valid_until: u64,
    ) -> IMarket::HoldSig {
        let (held, root) = (bytes, root(revision, slot));
        let hold = Hold { dataset, slot, number: revision, bytesHeld: held, root, rate, validUntil: valid_until };
        let digest = hold_digest(self.params.chain_id, &hold);
        let signature = signing::sign(&supplier_key(number), digest).unwrap();
        IMarket::HoldSig {
            slot,
            supplier: supplier(number),
            rate,
            validUntil: valid_until,
            signature: signature.to_vec().into(),
        }
    }

    /// The next revision of a dataset, with promises by `who` for the slots given.
    pub fn revision(&mut self, id: B256, bytes: u64, holds: &[(u16, u64)]) -> IMarket::reviseCall {
        let dataset = self.dataset(id);
        let number = dataset.number + 1;
        let holds = holds.iter().map(|(slot, who)| self.promise(id, *slot, *who, number, bytes)).collect();
        IMarket::reviseCall {
            dataset: id,
            number,
            bytesPerSlot: bytes,
            head: keccak256(number.to_be_bytes()),
            roots: (0..u16::from(dataset.n)).map(|slot| root(number, slot)).collect(),
            holds,
        }
    }

    /// A 1-of-2 dataset of customer 0 for ten epochs, with 1 GiB in each slot, held by suppliers 0 and 1.
    pub fn held_dataset(&mut self) -> B256 {
        let id = self.create(customer(0), 100 * 10u128.pow(18), standard_dataset(0));
        let revise = self.revision(id, GIB, &[(0, 0), (1, 1)]);
        self.ok(customer(0), 0, revise);
        id
    }

    /// Enters a proof of the current epoch by a supplier, in its window.
    pub fn prove(&mut self, number: u64, failed: &[u16]) -> Result<(), String> {
        let epoch = self.epoch();
        if self.height % self.params.epoch_blocks < self.params.window_first {
            self.goto(epoch, self.params.window_first);
        }
        let input = record_proof_input(supplier(number), epoch, seed(epoch), failed);
        self.raw(system::SYSTEM, 0, false, &input).map(drop).map_err(words)
    }

    pub fn balance(&self, who: Address) -> u128 {
        self.balances.get(&who).copied().unwrap_or_default()
    }

    pub fn events<E: SolEvent>(&self) -> Vec<E> {
        self.logs.iter().filter_map(|log| E::decode_log_data(log).ok()).collect()
    }

    /// The laws of money and bytes.
    pub fn laws(&mut self) -> Result<(), String> {
        let total: u128 = self.balances.values().sum();
        let minted = u128::from(CUSTOMERS + SUPPLIERS) * FUNDS;
        same("coins in all", total, minted)?;
        let (mut escrow, mut deposits, mut pools) = (0, 0, 0);
        let mut slots: BTreeMap<Address, (u128, u64, u32)> = BTreeMap::new();
        for id in self.datasets.clone() {
            let dataset = self.dataset(id);
            escrow += dataset.escrow;
            for number in 0..u16::from(dataset.n) {
                let slot = self.slot(id, number);
                deposits += slot.deposit;
                if slot.supplier.is_zero() {
                    same("a free slot's deposit and reserve", slot.deposit + slot.reserve, 0)?;
                    continue;
                }
                let sums = slots.entry(slot.supplier).or_default();
                *sums = (sums.0 + slot.reserve, sums.1 + slot.bytes, sums.2 + 1);
            }
        }
        for number in 0..SUPPLIERS {
            let record = self.supplier(supplier(number));
            pools += record.free + record.reserved;
            let (reserves, bytes, count) = slots.get(&supplier(number)).copied().unwrap_or_default();
            same(&format!("reserved collateral of supplier {number}"), record.reserved, reserves)?;
            same(&format!("bytes of supplier {number}"), record.total.into(), bytes.into())?;
            same(&format!("slots of supplier {number}"), record.slots.into(), count.into())?;
        }
        same("the Market's balance", self.balance(system::MARKET), escrow + deposits + pools)
    }
}

fn words(stop: Stop) -> String {
    match stop {
        Stop::Revert(data) => explain(&data).unwrap_or_else(|| format!("unexplained {data}")),
        Stop::Host(error) => panic!("{error}"),
    }
}

fn same(what: &str, is: u128, should: u128) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: {is}, but must be {should}")) }
}

pub fn seed(epoch: u64) -> B256 {
    keccak256(epoch.to_be_bytes())
}

pub fn standard_offer() -> IMarket::Offer {
    IMarket::Offer {
        pricePerGibEpoch: RATE,
        egressPerGib: 3 * RATE,
        capacityBytes: 1 << 50,
        maxTermEpochs: 1000,
        validUntil: 1_000_000,
        operator: B256::repeat_byte(7),
        region: "eu-north".into(),
        peerId: vec![0x12; 34].into(),
    }
}

pub fn standard_dataset(salt: u32) -> IMarket::CreateParams {
    IMarket::CreateParams {
        owner: customer(0),
        k: 1,
        n: 2,
        visibility: 0,
        termEpochs: 10,
        priceCap: Amount::from_dust(1).unwrap().grains(),
        salt,
    }
}
