//! `eth_call` and gas estimates.

use alloy_primitives::{TxKind, U256};
use alloy_sol_types::SolCall;
use bitdust_types::{Epoch, system};

use super::{
    super::*,
    evm_code::{Opcode, Then, forwarder},
};
use crate::{
    market::IMarket,
    testing::{FUNDS, TestChain, account},
};

fn estimate(chain: &TestChain, asked: &Call) -> Result<u64, CallOutcome> {
    estimate_gas(&chain.state, &chain.params, &chain.head, asked).unwrap()
}

#[test]
fn a_plain_transfer_needs_exactly_its_own_bytes() {
    let chain = TestChain::new();
    let asked = Call { from: account(1), to: Some(account(2)), value: U256::from(5), ..Call::default() };
    assert_eq!(estimate(&chain, &asked), Ok(21_000));
}

#[test]
fn an_estimate_is_enough_and_little_more() {
    let mut chain = TestChain::new();
    let deploy = chain.tx(1, 0, TxKind::Create, U256::ZERO, forwarder(Opcode::Call, system::MARKET, Then::PassOn));
    let contract = chain.advance(vec![deploy], vec![]).1.receipts[0].contract_address;
    let data = IMarket::depositCollateralCall {}.abi_encode();
    for to in [Some(system::MARKET), contract] {
        let asked = Call { from: account(1), to, value: U256::from(5), data: data.clone().into(), gas: None };
        let gas = estimate(&chain, &asked).unwrap();
        let with = |gas| call(&chain.state, &chain.params, &chain.head, &Call { gas: Some(gas), ..asked.clone() });
        assert!(with(gas).unwrap().success);
        assert!(!with(gas - gas / 32).is_ok_and(|outcome| outcome.success), "{gas} is far more than needed");
    }
}

#[test]
fn an_estimate_is_enough_for_the_epoch_that_is_about_to_begin() {
    let mut chain = TestChain::new();
    let first = chain.params.first_block(Epoch(1)).0;
    // Writes a slot from that block on: PUSH1 first, NUMBER, LT, PUSH1 12, JUMPI, PUSH1 1, PUSH1 0, SSTORE, JUMPDEST, STOP.
    let code =
        [&[0x60, u8::try_from(first).unwrap(), 0x43, 0x10, 0x60, 12, 0x57][..], &[0x60, 1, 0x60, 0, 0x55, 0x5b, 0]];
    let asked = Call { from: account(1), data: code.concat().into(), ..Call::default() };
    let early = estimate(&chain, &asked).unwrap();
    while chain.head.height + ESTIMATE_AHEAD_BLOCKS < first {
        assert_eq!(estimate(&chain, &asked).unwrap(), early, "in block {}", chain.head.height);
        chain.advance(vec![], vec![]);
    }
    let near = estimate(&chain, &asked).unwrap();
    assert!(near >= early + 20_000, "{near} does not cover the slot that costs 20,000 (EIP-2200), {early} did before");
    while chain.head.height < first {
        chain.advance(vec![], vec![]);
    }
    let late = call(&chain.state, &chain.params, &chain.head, &Call { gas: Some(near), ..asked }).unwrap();
    assert!(late.success, "{late:?}");
}

#[test]
fn a_call_that_fails_says_why_and_one_that_can_not_start_is_invalid() {
    let chain = TestChain::new();
    let data = IMarket::withdrawCollateralCall { amount: U256::from(5) }.abi_encode();
    let asked = Call { from: account(1), to: Some(system::MARKET), data: data.into(), ..Call::default() };
    let outcome = estimate(&chain, &asked).unwrap_err();
    assert!(!outcome.success && crate::market::explain(&outcome.output).is_some());
    let broke = Call { from: account(77), to: Some(account(1)), value: U256::from(1), ..Call::default() };
    for asked in [broke, Call { gas: Some(20_999), ..Call::default() }] {
        let error = call(&chain.state, &chain.params, &chain.head, &asked).unwrap_err();
        assert!(matches!(error, Error::Invalid(Invalid::TxRefused { .. })), "{error}");
    }
}

#[test]
fn looking_changes_nothing_and_costs_nothing() {
    let chain = TestChain::new();
    let data = IMarket::depositCollateralCall {}.abi_encode();
    // The whole balance as value: no grain is left for fees, and none is asked.
    let asked =
        Call { from: account(1), to: Some(system::MARKET), value: U256::from(FUNDS), data: data.into(), gas: None };
    let outcome = call(&chain.state, &chain.params, &chain.head, &asked).unwrap();
    assert!(outcome.success && outcome.logs.len() == 1);
    assert_eq!(chain.balance(account(1)), U256::from(FUNDS));
}
