//! Each field of a block, changed: each refused by its own verdict.

use alloy_primitives::{Bloom, Bytes};
use bitdust_types::Address;

use super::super::*;
use crate::testing::{TestChain, account};

fn chain_and_block() -> (TestChain, Block) {
    let mut chain = TestChain::new();
    chain.advance(vec![], vec![]);
    let txs = vec![chain.transfer(1, 0, account(9), 5), super::contracts::deposit(&chain, 2, 0, 7)];
    let (block, _) = chain.build(txs, vec![]).unwrap();
    apply(&chain.ctx(), &block).unwrap();
    (chain, block)
}

#[test]
fn every_header_field_is_checked() {
    let (chain, block) = chain_and_block();
    let odd = B256::repeat_byte(0xee);
    type Change = fn(&mut Header, B256);
    type Expected = fn(&Invalid) -> bool;
    let cases: [(&str, Change, Expected); 16] = [
        ("chain id", |h, _| h.chain_id += 1, |e| matches!(e, Invalid::ChainId { expected: 45439, found: 45440 })),
        ("height", |h, _| h.height += 1, |e| matches!(e, Invalid::Height { expected: 2, found: 3 })),
        ("parent", |h, odd| h.parent = BlockId(odd.0), |e| matches!(e, Invalid::Parent { .. })),
        ("time", |h, _| h.timestamp_ms = 1, |e| matches!(e, Invalid::Timestamp { found: 1, .. })),
        ("proposer", |h, _| h.proposer = Address::ZERO, |e| *e == Invalid::Proposer(Address::ZERO)),
        ("reveal", |h, odd| h.reveal = odd, |e| matches!(e, Invalid::Reveal { .. })),
        ("state root", |h, odd| h.state_root = odd, |e| commitment(e) == Some(Commitment::StateRoot)),
        ("tx root", |h, odd| h.tx_root = odd, |e| commitment(e) == Some(Commitment::TxRoot)),
        ("receipts", |h, odd| h.receipts_root = odd, |e| commitment(e) == Some(Commitment::ReceiptsRoot)),
        ("proofs", |h, odd| h.proofs_root = odd, |e| commitment(e) == Some(Commitment::ProofsRoot)),
        ("bloom", |h, _| h.logs_bloom = Bloom::ZERO, |e| commitment(e) == Some(Commitment::LogsBloom)),
        ("gas used", |h, _| h.gas_used += 1, |e| quantity(e) == Some(Quantity::GasUsed)),
        ("gas limit", |h, _| h.gas_limit += 1, |e| quantity(e) == Some(Quantity::GasLimit)),
        ("base fee", |h, _| h.base_fee += 1, |e| quantity(e) == Some(Quantity::BaseFee)),
        ("validators", |h, odd| h.validators_hash = odd, |e| commitment(e) == Some(Commitment::Validators)),
        ("next", |h, odd| h.next_validators_hash = odd, |e| commitment(e) == Some(Commitment::NextValidators)),
    ];
    for (field, change, expected) in cases {
        let mut bad = block.clone();
        change(&mut bad.header, odd);
        match apply(&chain.ctx(), &bad) {
            Err(Error::Invalid(error)) => assert!(expected(&error), "{field}: {error}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}

fn commitment(error: &Invalid) -> Option<Commitment> {
    if let Invalid::Commitment { field, .. } = error { Some(*field) } else { None }
}

fn quantity(error: &Invalid) -> Option<Quantity> {
    if let Invalid::Quantity { field, .. } = error { Some(*field) } else { None }
}

/// The proposer of another turn can't take this one with its own reveal.
#[test]
fn another_validator_needs_its_own_reveal() {
    let (chain, mut block) = chain_and_block();
    block.header.proposer = account(100);
    assert!(matches!(apply(&chain.ctx(), &block), Err(Error::Invalid(Invalid::Reveal { .. }))));
}

#[test]
fn every_change_of_the_body_is_noticed() {
    let (chain, block) = chain_and_block();
    let with = |txs: Vec<Bytes>| Block { txs, ..block.clone() };
    let [first, second] = [block.txs[0].clone(), block.txs[1].clone()];
    let root = |bad: Block| {
        let error = apply(&chain.ctx(), &bad).unwrap_err();
        assert!(matches!(&error, Error::Invalid(error) if commitment(error) == Some(Commitment::TxRoot)), "{error}");
        // The root alone doesn't save it: with the right root for the wrong list, execution decides.
        let hashes: Vec<B256> = bad.txs.iter().map(alloy_primitives::keccak256).collect();
        let mut rooted = bad;
        rooted.header.tx_root = block::tx_root(&hashes);
        assert!(matches!(apply(&chain.ctx(), &rooted), Err(Error::Invalid(_))));
    };
    root(with(vec![]));
    root(with(vec![first.clone()]));
    root(with(vec![second.clone(), first.clone()]));
    root(with(vec![first.clone(), first.clone(), second.clone()]));
    let error = apply(&chain.ctx(), &with(vec![first, Bytes::from_static(&[9])])).unwrap_err();
    assert_eq!(error, Invalid::TxType(9).into());
    let mut cut = second.to_vec();
    cut.pop();
    let error = apply(&chain.ctx(), &with(vec![cut.into()])).unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::Malformed { .. })), "{error}");
}

#[test]
fn voters_refuse_the_far_future_and_followers_do_not_ask() {
    let (chain, block) = chain_and_block();
    let now = block.header.timestamp_ms;
    let at = |now_ms| apply(&Ctx { now_ms, ..chain.ctx() }, &block);
    at(Some(now)).unwrap();
    at(Some(now - CLOCK_DRIFT_MS_MAX)).unwrap();
    let error = at(Some(now - CLOCK_DRIFT_MS_MAX - 1)).unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::Timestamp { .. })), "{error}");
    at(None).unwrap();
}
