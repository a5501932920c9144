//! Coins are conserved: over random transactions, and provably by a check that notices a single grain.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use bitdust_types::system;
use proptest::prelude::*;

use super::{
    super::*,
    contracts::deposit,
    evm_code::{Opcode, Then, forwarder, suicide},
    worlds::{self, to},
};
use crate::{
    market::IMarket,
    testing::{Bug, FUNDS, TestChain, account, with_bug},
    worlds::{IWorlds, WorldsView, limits::WORLD_FEE},
};

#[derive(Clone, Debug)]
enum Act {
    Transfer {
        to: u64,
        value: u128,
    },
    TransferAll,
    Deposit(u128),
    Withdraw(u128),
    Create {
        opcode: u8,
        then: u8,
    },
    Suicide(u128),
    CallContract {
        which: usize,
        value: u128,
        deposit: bool,
    },
    Garbage {
        to: u8,
        data: Vec<u8>,
        value: u128,
    },
    /// A public dataset with some escrow.
    Dataset(u128),
    /// A world of the sender's, named by its number.
    World {
        value: u128,
    },
    /// A claim in somebody's world.
    Claim {
        of: u64,
        x: i64,
        value: u128,
    },
}

/// What a claim costs in these worlds.
const PRICE: u128 = 1;

fn act() -> impl Strategy<Value = Act> {
    let value = prop_oneof![Just(0), Just(1), 2u128..1_000_000, Just(FUNDS / 3), Just(FUNDS * 2)];
    prop_oneof![
        3 => (0u64..14, value.clone()).prop_map(|(to, value)| Act::Transfer { to, value }),
        1 => Just(Act::TransferAll),
        2 => value.clone().prop_map(Act::Deposit),
        2 => value.clone().prop_map(Act::Withdraw),
        2 => (0u8..4, 0u8..3).prop_map(|(opcode, then)| Act::Create { opcode, then }),
        1 => value.clone().prop_map(Act::Suicide),
        4 => (any::<usize>(), value.clone(), any::<bool>())
            .prop_map(|(which, value, deposit)| Act::CallContract { which, value, deposit }),
        2 => value.clone().prop_map(Act::Dataset),
        2 => prop_oneof![4 => Just(WORLD_FEE), 1 => value.clone()].prop_map(|value| Act::World { value }),
        4 => (0u64..10, -1i64..2, prop_oneof![4 => Just(PRICE), 1 => value.clone()])
            .prop_map(|(of, x, value)| Act::Claim { of, x, value }),
        1 => (0u8..7, prop::collection::vec(any::<u8>(), 0..70), value)
            .prop_map(|(to, data, value)| Act::Garbage { to, data, value }),
    ]
}

fn as_tx(chain: &TestChain, made: &[Address], from: u64, ahead: u64, act: &Act) -> CheckedTx {
    let to_market = |value: u128, input: Vec<u8>| {
        chain.tx(from, ahead, TxKind::Call(system::MARKET), U256::from(value), input.into())
    };
    match act {
        Act::Transfer { to, value } => chain.transfer(from, ahead, account(*to), *value),
        Act::TransferAll => {
            // All but the fee for a million gas, so that the balance ends near zero.
            let fees = U256::from(100_000_000_000_000_000_u128);
            let value = chain.balance(account(from)).saturating_sub(fees);
            chain.tx(from, ahead, TxKind::Call(account(0)), value, Bytes::new())
        }
        Act::Deposit(value) => deposit(chain, from, ahead, *value),
        Act::Withdraw(amount) => {
            to_market(0, IMarket::withdrawCollateralCall { amount: U256::from(*amount) }.abi_encode())
        }
        Act::Create { opcode, then } => {
            let opcode = [Opcode::Call, Opcode::CallCode, Opcode::DelegateCall, Opcode::StaticCall][*opcode as usize];
            let then = [Then::PassOn, Then::Revert, Then::Ignore][*then as usize];
            chain.tx(from, ahead, TxKind::Create, U256::ZERO, forwarder(opcode, system::MARKET, then))
        }
        Act::Suicide(value) => chain.tx(from, ahead, TxKind::Create, U256::from(*value), suicide()),
        Act::CallContract { which, value, deposit } => {
            let input = if *deposit {
                IMarket::depositCollateralCall {}.abi_encode()
            } else {
                IMarket::withdrawCollateralCall { amount: U256::from(*value) }.abi_encode()
            };
            let to = made.get(which % made.len().max(1)).copied().unwrap_or(system::MARKET);
            chain.tx(from, ahead, TxKind::Call(to), U256::from(*value), input.into())
        }
        Act::Garbage { to, data, value } => {
            let to = [
                system::MARKET,
                system::CHAIN,
                system::SHARES,
                system::SYSTEM,
                Address::ZERO,
                Address::with_last_byte(4),
                system::WORLDS,
            ][*to as usize];
            chain.tx(from, ahead, TxKind::Call(to), U256::from(*value), data.clone().into())
        }
        Act::Dataset(value) => {
            let call = worlds::public_dataset(from);
            to(chain, system::MARKET, from, ahead, *value, &call)
        }
        Act::World { value } => {
            let world = IWorlds::createWorldCall {
                world: B256::with_last_byte(from as u8),
                price: U256::from(PRICE),
                ..worlds::create_world(worlds::dataset_id(chain, from))
            };
            to(chain, system::WORLDS, from, ahead, *value, &world)
        }
        Act::Claim { of, x, value } => {
            let dataset = worlds::dataset_id(chain, from);
            let world = B256::with_last_byte(*of as u8);
            let claim = IWorlds::claimCall { world, x: *x, y: 0, z: 0, dataset, build: 0 };
            to(chain, system::WORLDS, from, ahead, *value, &claim)
        }
    }
}

/// Runs blocks of acts; `advance` holds `apply` against `build`.
fn run(blocks: &[Vec<(u64, Act)>]) -> TestChain {
    let mut chain = TestChain::new();
    let supply = chain.supply();
    let mut made = Vec::new();
    for acts in blocks {
        let mut sent = [0; 10];
        let txs = acts
            .iter()
            .map(|(from, act)| {
                let ahead = sent[*from as usize];
                sent[*from as usize] += 1;
                as_tx(&chain, &made, *from, ahead, act)
            })
            .collect();
        let (_, outcome) = chain.advance(txs, vec![]);
        made.extend(
            outcome.receipts.iter().filter(|receipt| receipt.success).filter_map(|receipt| receipt.contract_address),
        );
        assert_eq!(chain.supply(), supply, "after block {}", chain.head.height);
        assert_eq!(chain.balance(system::WORLDS), U256::ZERO, "after block {}", chain.head.height);
    }
    chain
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_coin_is_made_or_lost(
        blocks in prop::collection::vec(prop::collection::vec((0u64..10, act()), 0..12), 1..6)
    ) {
        run(&blocks);
    }
}

/// The same law with one grain too many planted in a payment: the proposer's own check drops the transaction, and a
/// block that carries it is refused by everybody else.
#[test]
fn a_grain_too_many_in_a_payment_is_noticed() {
    let mut chain = TestChain::new();
    chain.advance(vec![deposit(&chain, 1, 0, 500)], vec![]);
    let withdraw = IMarket::withdrawCollateralCall { amount: U256::from(200) }.abi_encode();
    let tx = chain.tx(1, 0, TxKind::Call(system::MARKET), U256::ZERO, withdraw.into());
    let (good, _) = chain.build(vec![tx.clone()], vec![]).unwrap();
    assert_eq!(good.txs.len(), 1);
    with_bug(Bug::PayGrain, || {
        let (without, _) = chain.build(vec![tx.clone()], vec![]).unwrap();
        assert!(without.txs.is_empty(), "left out of our own block");
        let error = apply(&chain.ctx(), &good).unwrap_err();
        let Error::Invalid(Invalid::CoinsNotConserved { hash, before, after }) = error else { panic!("{error}") };
        assert_eq!((hash, after), (tx.hash(), before + U256::from(1)));
    });
    apply(&chain.ctx(), &good).unwrap();
}

/// A grain too many outside of any transaction is our own fault, and stops the block.
#[test]
fn a_grain_too_many_in_the_fees_is_noticed() {
    let chain = TestChain::new();
    let tx = chain.transfer(1, 0, account(2), 5);
    with_bug(Bug::FeeGrain, || {
        assert!(matches!(chain.build(vec![tx.clone()], vec![]), Err(Error::Fault(_))));
    });
    chain.build(vec![tx], vec![]).unwrap();
}

/// Worlds and claims are among what the random law sees.
#[test]
fn worlds_and_claims_happen_in_random_blocks() {
    let world = |who| (who, Act::World { value: WORLD_FEE });
    let claim = |who, of, x| (who, Act::Claim { of, x, value: PRICE });
    let chain = run(&[vec![(1, Act::Dataset(5)), (2, Act::Dataset(0)), world(1), claim(2, 1, 0), claim(2, 1, 0)]]);
    assert_eq!(WorldsView::new(&chain.state).claims_of(account(2)).unwrap().len(), 1);
}

/// And the random law itself fails with either bug.
#[test]
fn the_law_has_teeth() {
    let blocks = vec![vec![(1, Act::Deposit(500)), (2, Act::Transfer { to: 3, value: 5 })]];
    run(&blocks);
    let failed = with_bug(Bug::FeeGrain, || std::panic::catch_unwind(|| run(&blocks)).is_err());
    assert!(failed);
}
