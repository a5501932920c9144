//! The Worlds and the Market in one block: a claim names a dataset of the same chain.

use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use alloy_sol_types::SolCall;
use bitdust_types::{Amount, system};

use super::{
    super::*,
    evm_code::{Opcode, Then, forwarder},
};
use crate::{
    market::{IMarket, MarketView},
    testing::{Bug, FUNDS, TestChain, account, with_bug},
    worlds::{IWorlds, Place, WorldsView, limits::WORLD_FEE},
};

const WORLD: B256 = B256::repeat_byte(3);
const PRICE: u128 = 1_000_003;

pub fn to(chain: &TestChain, contract: Address, from: u64, ahead: u64, value: u128, call: &impl SolCall) -> CheckedTx {
    chain.tx(from, ahead, TxKind::Call(contract), U256::from(value), call.abi_encode().into())
}

/// The call that opens a public dataset of an account.
pub fn public_dataset(owner: u64) -> IMarket::createDatasetCall {
    let params = IMarket::CreateParams {
        owner: account(owner),
        k: 1,
        n: 2,
        visibility: 1,
        termEpochs: 50,
        priceCap: 1,
        salt: 1,
    };
    IMarket::createDatasetCall { params }
}

/// The name that the dataset has before it exists: owner, payer, salt and chain.
pub fn dataset_id(chain: &TestChain, owner: u64) -> B256 {
    let mut bytes = [account(owner).as_slice(), account(owner).as_slice()].concat();
    bytes.extend(1u32.to_be_bytes());
    bytes.extend(chain.params.chain_id.to_be_bytes());
    keccak256(bytes)
}

/// A dataset of an account, by a transaction `ahead` of others in its block.
fn dataset(chain: &TestChain, owner: u64, ahead: u64, visibility: u8) -> CheckedTx {
    let mut call = public_dataset(owner);
    call.params.visibility = visibility;
    to(chain, system::MARKET, owner, ahead, 0, &call)
}

fn owned(chain: &TestChain, owner: u64) -> B256 {
    MarketView::new(&chain.state, &chain.params).datasets_of(account(owner)).unwrap()[0].into()
}

pub fn create_world(dataset: B256) -> IWorlds::createWorldCall {
    IWorlds::createWorldCall {
        world: WORLD,
        name: "Hills".into(),
        dataset,
        whoMayClaim: 0,
        price: U256::from(PRICE),
        termEpochs: 10,
        claimsPerAccount: 2,
    }
}

fn claim(dataset: B256) -> IWorlds::claimCall {
    IWorlds::claimCall { world: WORLD, x: -1, y: 0, z: 5, dataset, build: 2 }
}

/// Account 1 made a world, and 2 has a public dataset.
fn chain_with_world() -> TestChain {
    let mut chain = TestChain::new();
    let made = vec![dataset(&chain, 1, 0, 1), dataset(&chain, 2, 0, 1)];
    chain.advance(made, vec![]);
    let create = to(&chain, system::WORLDS, 1, 0, WORLD_FEE, &create_world(owned(&chain, 1)));
    let (_, outcome) = chain.advance(vec![create], vec![]);
    assert!(outcome.receipts[0].success, "{:?}", crate::worlds::explain(&outcome.receipts[0].output));
    chain
}

#[test]
fn a_claim_by_transaction_arrives_and_its_price_reaches_the_creator() {
    let mut chain = chain_with_world();
    let supply = chain.supply();
    let before = chain.balance(account(1));
    let tx = to(&chain, system::WORLDS, 2, 0, PRICE, &claim(owned(&chain, 2)));
    let (_, outcome) = chain.advance(vec![tx], vec![]);
    assert!(outcome.receipts[0].success && outcome.receipts[0].logs.len() == 1);
    assert!(outcome.receipts[0].gas_used < 400_000, "a claim costs {} gas", outcome.receipts[0].gas_used);
    let seen = WorldsView::new(&chain.state).claim(WORLD, Place { x: -1, y: 0, z: 5 }).unwrap().unwrap();
    assert_eq!((seen.owner, B256::from(seen.dataset)), (account(2), owned(&chain, 2)));
    assert_eq!(chain.balance(account(1)), before + U256::from(PRICE));
    assert_eq!((chain.balance(system::WORLDS), chain.supply()), (U256::ZERO, supply));
}

/// The dataset is looked at as it stands at this very place in the block.
#[test]
fn a_dataset_of_the_same_block_counts_and_one_that_was_just_ended_does_not() {
    let mut chain = chain_with_world();
    let own = owned(&chain, 2);
    let end = to(&chain, system::MARKET, 2, 0, 0, &IMarket::endCall { dataset: own });
    let late = to(&chain, system::WORLDS, 2, 1, PRICE, &claim(own));
    let made = dataset(&chain, 3, 0, 1);
    let id = dataset_id(&chain, 3);
    let early = to(&chain, system::WORLDS, 3, 1, PRICE, &claim(id));
    let (_, outcome) = chain.advance(vec![end, late, made, early], vec![]);
    let success: Vec<bool> = outcome.receipts.iter().map(|receipt| receipt.success).collect();
    assert_eq!(success, [true, false, true, true]);
    let why = crate::precompile::explain(system::WORLDS, &outcome.receipts[1].output).unwrap();
    assert!(why.contains("was ended"), "{why}");
}

/// The value shown under DELEGATECALL was never moved here, under CALLCODE it went from the caller to itself, and under
/// STATICCALL there is none.
#[test]
fn only_a_plain_call_claims() {
    for opcode in [Opcode::Call, Opcode::DelegateCall, Opcode::CallCode, Opcode::StaticCall] {
        let mut chain = chain_with_world();
        let code = forwarder(opcode, system::WORLDS, Then::PassOn);
        let deploy = chain.tx(4, 0, TxKind::Create, U256::ZERO, code);
        let contract = chain.advance(vec![deploy], vec![]).1.receipts[0].contract_address.unwrap();
        // The contract is the caller, so the dataset must be its own: paid by account 5.
        let params =
            IMarket::CreateParams { owner: contract, k: 1, n: 1, visibility: 1, termEpochs: 9, priceCap: 1, salt: 0 };
        let gift = to(&chain, system::MARKET, 5, 0, 0, &IMarket::createDatasetCall { params });
        chain.advance(vec![gift], vec![]);
        let id: B256 = MarketView::new(&chain.state, &chain.params).datasets_of(contract).unwrap()[0].into();
        let supply = chain.supply();
        let tx = to(&chain, contract, 2, 0, PRICE, &claim(id));
        let (_, outcome) = chain.advance(vec![tx], vec![]);
        assert_eq!(outcome.receipts[0].success, opcode == Opcode::Call, "{opcode:?}");
        let claims = WorldsView::new(&chain.state).claims(WORLD, 0, 9).unwrap();
        assert_eq!(claims.len(), usize::from(opcode == Opcode::Call), "{opcode:?}");
        assert_eq!((chain.balance(system::WORLDS), chain.supply()), (U256::ZERO, supply), "{opcode:?}");
    }
}

#[test]
fn looking_under_static_call_answers() {
    let mut chain = chain_with_world();
    let code = forwarder(Opcode::StaticCall, system::WORLDS, Then::PassOn);
    let deploy = chain.tx(4, 0, TxKind::Create, U256::ZERO, code);
    let contract = chain.advance(vec![deploy], vec![]).1.receipts[0].contract_address;
    for asked in [contract, Some(system::WORLDS)] {
        let data = IWorlds::worldCall { world: WORLD }.abi_encode();
        let asked = Call { to: asked, data: data.into(), ..Call::default() };
        let answer = call(&chain.state, &chain.params, &chain.head, &asked).unwrap();
        let info = IWorlds::worldCall::abi_decode_returns(&answer.output).unwrap();
        assert_eq!((info.creator, info.name.as_str()), (account(1), "Hills"));
    }
}

/// A private dataset is seen as such through the journal too, and gas that ends within the look changes nothing.
#[test]
fn a_look_at_the_market_is_charged_and_believed() {
    let mut chain = chain_with_world();
    let made = dataset(&chain, 3, 0, 0);
    chain.advance(vec![made], vec![]);
    let input = claim(owned(&chain, 3)).abi_encode();
    let asked = |gas| Call {
        from: account(3),
        to: Some(system::WORLDS),
        value: U256::from(PRICE),
        data: input.clone().into(),
        gas,
    };
    let refused = call(&chain.state, &chain.params, &chain.head, &asked(None)).unwrap();
    let why = crate::worlds::explain(&refused.output).unwrap();
    assert!(why.contains("is private"), "{why}");
    // Five words of the dataset are part of it: with five cold reads less the call doesn't get so far.
    let short = refused.gas_used - 5 * crate::precompile::gas::COLD_SLOT;
    let outcome = call(&chain.state, &chain.params, &chain.head, &asked(Some(short))).unwrap();
    assert!(!outcome.success && outcome.output.is_empty() && outcome.gas_used == short);
}

/// One grain too many in the creator's payment: our own check drops the transaction, and a block with it is refused.
#[test]
fn a_grain_too_many_for_a_creator_is_noticed() {
    let chain = chain_with_world();
    let tx = to(&chain, system::WORLDS, 2, 0, PRICE, &claim(owned(&chain, 2)));
    let (good, _) = chain.build(vec![tx.clone()], vec![]).unwrap();
    assert_eq!(good.txs.len(), 1);
    with_bug(Bug::PayGrain, || {
        assert!(chain.build(vec![tx.clone()], vec![]).unwrap().0.txs.is_empty(), "left out of our own block");
        let error = apply(&chain.ctx(), &good).unwrap_err();
        assert!(matches!(error, Error::Invalid(Invalid::CoinsNotConserved { .. })), "{error}");
    });
    apply(&chain.ctx(), &good).unwrap();
}

#[test]
fn the_fee_of_a_world_reaches_the_shares() {
    let mut chain = TestChain::new();
    let made = dataset(&chain, 1, 0, 1);
    chain.advance(vec![made], vec![]);
    let before = chain.balance(system::SHARES);
    let create = to(&chain, system::WORLDS, 1, 0, WORLD_FEE, &create_world(owned(&chain, 1)));
    let (block, outcome) = chain.advance(vec![create], vec![]);
    assert!(outcome.receipts[0].success);
    let base_fees = U256::from(block.header.base_fee) * U256::from(block.header.gas_used);
    assert_eq!(chain.balance(system::SHARES), before + base_fees + U256::from(WORLD_FEE));
    assert!(chain.balance(account(1)) < U256::from(FUNDS - WORLD_FEE));
    let market = MarketView::new(&chain.state, &chain.params);
    let seen = WorldsView::new(market.state()).world(WORLD).unwrap().unwrap();
    assert_eq!(seen.price, Amount::from_grains(PRICE));
}
