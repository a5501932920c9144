//! System contracts called from the EVM's side: every way in, and that only the plain one works.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use bitdust_types::system;

use super::{
    super::*,
    evm_code::{Opcode, Then, code_size_of, forwarder, suicide},
};
use crate::{
    market::{IMarket, MarketView},
    testing::{TestChain, account},
};

pub fn deposit(chain: &TestChain, from: u64, ahead: u64, value: u128) -> CheckedTx {
    let input = IMarket::depositCollateralCall {}.abi_encode();
    chain.tx(from, ahead, TxKind::Call(system::MARKET), U256::from(value), input.into())
}

/// What an account's collateral pool has free.
fn free(chain: &TestChain, who: Address) -> u128 {
    MarketView::new(&chain.state, &chain.params).supplier(who).unwrap().free.grains()
}

fn deploy(chain: &mut TestChain, code: Bytes) -> Address {
    let (_, outcome) = chain.advance(vec![chain.tx(1, 0, TxKind::Create, U256::ZERO, code)], vec![]);
    assert!(outcome.receipts[0].success);
    outcome.receipts[0].contract_address.unwrap()
}

fn through(chain: &mut TestChain, contract: Address, value: u128, input: Vec<u8>) -> Receipt {
    let tx = chain.tx(2, 0, TxKind::Call(contract), U256::from(value), input.into());
    let (_, outcome) = chain.advance(vec![tx], vec![]);
    outcome.receipts[0].clone()
}

#[test]
fn a_deposit_by_an_account_arrives() {
    let mut chain = TestChain::new();
    let (_, outcome) = chain.advance(vec![deposit(&chain, 1, 0, 500)], vec![]);
    assert!(outcome.receipts[0].success);
    assert_eq!(outcome.receipts[0].logs.len(), 1);
    assert_eq!((free(&chain, account(1)), chain.balance(system::MARKET)), (500, U256::from(500)));
}

#[test]
fn a_contract_may_deposit_by_plain_call() {
    let mut chain = TestChain::new();
    let contract = deploy(&mut chain, forwarder(Opcode::Call, system::MARKET, Then::PassOn));
    let receipt = through(&mut chain, contract, 500, IMarket::depositCollateralCall {}.abi_encode());
    assert!(receipt.success);
    assert_eq!((free(&chain, contract), chain.balance(system::MARKET)), (500, U256::from(500)));
    assert_eq!(free(&chain, account(2)), 0, "the contract is the caller");
}

/// The value shown under DELEGATECALL was never moved here, under CALLCODE it went from the caller to itself, and under
/// STATICCALL there is none: each must leave pools and balances as they were.
#[test]
fn a_deposit_by_any_other_way_changes_nothing() {
    for opcode in [Opcode::DelegateCall, Opcode::CallCode, Opcode::StaticCall] {
        for then in [Then::PassOn, Then::Ignore] {
            let mut chain = TestChain::new();
            let contract = deploy(&mut chain, forwarder(opcode, system::MARKET, then));
            let supply = chain.supply();
            let receipt = through(&mut chain, contract, 500, IMarket::depositCollateralCall {}.abi_encode());
            assert_eq!(receipt.success, then == Then::Ignore, "{opcode:?}");
            assert!(receipt.logs.is_empty(), "{opcode:?}");
            let kept = if then == Then::Ignore { 500 } else { 0 };
            assert_eq!(chain.balance(contract), U256::from(kept), "{opcode:?}");
            for who in [contract, account(2)] {
                assert_eq!(free(&chain, who), 0, "{opcode:?}");
            }
            assert_eq!(chain.balance(system::MARKET), U256::ZERO, "{opcode:?}");
            assert_eq!(chain.supply(), supply);
        }
    }
}

#[test]
fn views_answer_under_static_call_and_writes_do_not() {
    let mut chain = TestChain::new();
    chain.advance(vec![deposit(&chain, 3, 0, 77)], vec![]);
    let view = deploy(&mut chain, forwarder(Opcode::StaticCall, system::MARKET, Then::PassOn));
    let nested = deploy(&mut chain, forwarder(Opcode::Call, system::MARKET, Then::PassOn));
    let outer = deploy(&mut chain, forwarder(Opcode::StaticCall, nested, Then::PassOn));
    let look = IMarket::supplierCall { supplier: account(3) }.abi_encode();
    let write = IMarket::registerOfferCall { offer: offer() }.abi_encode();
    for (contract, writes) in [(nested, true), (view, false), (outer, false)] {
        let ask = |data: &[u8]| {
            let asked = Call { to: Some(contract), data: data.to_vec().into(), ..Call::default() };
            call(&chain.state, &chain.params, &chain.head, &asked).unwrap()
        };
        let answer = ask(&look);
        assert!(answer.success);
        let info = IMarket::supplierCall::abi_decode_returns(&answer.output).unwrap();
        assert_eq!(info.free, U256::from(77));
        assert_eq!(ask(&write).success, writes, "a write, through STATICCALL or not");
    }
}

/// An offer that any account may make.
fn offer() -> IMarket::Offer {
    IMarket::Offer {
        pricePerGibEpoch: 1,
        egressPerGib: 1,
        capacityBytes: 1 << 30,
        maxTermEpochs: 100,
        validUntil: 100_000,
        operator: B256::repeat_byte(1),
        region: "eu".into(),
        peerId: vec![1; 38].into(),
    }
}

#[test]
fn what_a_revert_above_undoes_is_undone() {
    let mut chain = TestChain::new();
    let contract = deploy(&mut chain, forwarder(Opcode::Call, system::MARKET, Then::Revert));
    let before = chain.state.diff().clone();
    let receipt = through(&mut chain, contract, 500, IMarket::depositCollateralCall {}.abi_encode());
    assert!(!receipt.success && receipt.logs.is_empty());
    assert_eq!((free(&chain, contract), chain.balance(system::MARKET)), (0, U256::ZERO));
    let market = |diff: &StateDiff| -> Vec<_> {
        diff.storage
            .iter()
            .filter(|((who, _), value)| *who == system::MARKET && !value.is_zero())
            .map(|(k, v)| (*k, *v))
            .collect()
    };
    assert_eq!(market(chain.state.diff()), market(&before));
}

#[test]
fn running_out_of_gas_inside_changes_nothing() {
    let mut chain = TestChain::new();
    let input = IMarket::depositCollateralCall {}.abi_encode();
    for gas_limit in [21_160, 21_500, 23_000, 30_000, 43_000] {
        let tx = alloy_consensus::TxEip1559 {
            chain_id: chain.params.chain_id,
            nonce: chain.state.account(account(4)).unwrap().unwrap().nonce,
            gas_limit,
            max_fee_per_gas: 2_000_000_000,
            to: TxKind::Call(system::MARKET),
            value: U256::from(9),
            input: input.clone().into(),
            ..Default::default()
        };
        let raw = crate::testing::signed(&crate::testing::key(4), tx);
        let tx = tx::decode_and_check(&chain.params, &raw).unwrap();
        let (_, outcome) = chain.advance(vec![tx], vec![]);
        let receipt = &outcome.receipts[0];
        assert_eq!((receipt.success, receipt.gas_used), (false, gas_limit), "all gas is gone");
        assert_eq!((free(&chain, account(4)), chain.balance(system::MARKET)), (0, U256::ZERO));
    }
}

#[test]
fn system_contracts_look_like_contracts() {
    let mut chain = TestChain::new();
    for contract in system::CONTRACTS {
        let asker = deploy(&mut chain, code_size_of(contract));
        let asked = Call { to: Some(asker), ..Call::default() };
        let answer = call(&chain.state, &chain.params, &chain.head, &asked).unwrap();
        assert_eq!(U256::from_be_slice(&answer.output), U256::from(1));
        // Calls that make no sense are refused, cheaply, and leave the contract where it is.
        for (value, input) in [(0, vec![]), (5, vec![]), (0, vec![1, 2, 3]), (5, vec![0xff; 100])] {
            let receipt = through(&mut chain, contract, value, input);
            assert!(!receipt.success && receipt.gas_used < 30_000);
        }
        if contract != system::SHARES {
            assert_eq!(chain.balance(contract), U256::ZERO);
        }
        assert_eq!(chain.state.account(contract).unwrap().unwrap().nonce, 1);
    }
}

#[test]
fn nobody_speaks_for_the_protocol() {
    let mut chain = TestChain::new();
    let input = crate::market::record_proof_input(account(2), 0, B256::ZERO, &[]);
    let receipt = through(&mut chain, system::MARKET, 0, input.to_vec());
    assert!(!receipt.success);
    let reason = crate::market::explain(&receipt.output);
    assert!(reason.is_some(), "the receipt keeps the reason: {}", receipt.output);
}

#[test]
fn coins_that_a_contract_would_burn_go_to_shares() {
    let mut chain = TestChain::new();
    let supply = chain.supply();
    let before = chain.balance(system::SHARES);
    let tx = chain.tx(1, 0, TxKind::Create, U256::from(12_345), suicide());
    let (block, outcome) = chain.advance(vec![tx], vec![]);
    assert!(outcome.receipts[0].success);
    let base_fees = U256::from(block.header.base_fee) * U256::from(block.header.gas_used);
    assert_eq!(chain.balance(system::SHARES), before + base_fees + U256::from(12_345));
    assert_eq!(chain.balance(account(1).create(0)), U256::ZERO);
    assert_eq!(chain.supply(), supply);
}
