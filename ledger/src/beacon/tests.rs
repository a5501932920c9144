//! Reveals, seeds and the renewal of hash chains.

use alloy_primitives::{TxKind, U256};
use alloy_sol_types::SolCall;

use super::{contract::IChain, *};
use crate::{
    block::Header,
    exec,
    testing::{TestChain, account},
};

#[test]
fn a_hash_chain_leads_from_tip_to_secret() {
    let secret = B256::repeat_byte(3);
    let chain = HashChain::new(secret, 1100);
    let mut value = chain.tip();
    for used in 0..1100 {
        let (reveal, left) = chain.reveal_for(value, used).unwrap();
        assert_eq!(keccak256(reveal), value);
        assert_eq!(left, 1099 - used);
        value = reveal;
    }
    assert_eq!(value, secret);
    assert_eq!(chain.reveal_for(secret, 1100), None, "used up");
    assert_eq!(chain.reveal_for(B256::repeat_byte(9), 0), None, "another chain's tip");
    let far = chain.value(1000);
    assert_eq!(chain.reveal_for(far, 0), chain.reveal_for(far, 1000), "a wrong guess only costs time");
    assert_eq!(HashChain::new(secret, 0).reveal_for(secret, 0), None);
}

#[test]
fn seeds_are_made_of_the_reveals_in_the_blocks() {
    let mut chain = TestChain::new();
    let mut headers: Vec<Header> = Vec::new();
    while headers.len() < 70 {
        let height = chain.head.height;
        let (epoch, index) = (height / 30, height % 30);
        let known = seed(&chain.state, Epoch(epoch)).unwrap();
        assert_eq!(known.is_some(), index >= 7, "after block {height}");
        headers.push(chain.advance(vec![], vec![]).0.header);
    }
    for epoch in 0..2 {
        let of_epoch = |header: &&Header| header.height / 30 == epoch && header.height % 30 < 8;
        let reveals: Vec<B256> = headers.iter().filter(of_epoch).map(|header| header.reveal).collect();
        assert_eq!(reveals.len(), if epoch == 0 { 7 } else { 8 });
        let expected = recompute_seed(chain.params.chain_id, Epoch(epoch), &reveals);
        assert_eq!(seed(&chain.state, Epoch(epoch)).unwrap(), Some(expected));
    }
    assert_ne!(seed(&chain.state, Epoch(0)).unwrap(), seed(&chain.state, Epoch(1)).unwrap());
}

#[test]
fn only_the_next_preimage_of_the_proposers_own_chain_is_taken() {
    let mut chain = TestChain::new();
    for _ in 0..3 {
        chain.advance(vec![], vec![]);
    }
    let good = chain.proposal();
    let tip = tip(&chain.state, &chain.params, Height(4), good.proposer).unwrap();
    assert_eq!(keccak256(good.reveal), tip);
    let (own, other) = (&chain.chains[1], &chain.chains[0]);
    assert_eq!(own.0, good.proposer);
    for reveal in [B256::ZERO, tip, own.1.value(own.2 + 2), other.1.value(other.2 + 1), keccak256(good.reveal)] {
        let proposal = exec::Proposal { reveal, ..good };
        let error = exec::build(&chain.ctx(), &proposal, vec![], vec![]).unwrap_err();
        assert_eq!(error, Invalid::Reveal { proposer: good.proposer, reveal, tip }.into());
    }
}

#[test]
fn old_seeds_are_forgotten() {
    let mut slots = Map::default();
    let params = ChainParams::devnet(4, 1000);
    let chain = HashChain::new(B256::ZERO, 4 * (SEEDS_KEPT + 3));
    slots.store(slot(Field::Tip, account(1).as_slice()), word(chain.tip())).unwrap();
    let mut used = 0;
    for height in 1..4 * (SEEDS_KEPT + 2) {
        used += 1;
        step(&mut slots, &params, Height(height), account(1), chain.value(used)).unwrap();
    }
    let seed = |epoch: u64| slots.load(slot(Field::Seed, &epoch.to_be_bytes())).unwrap();
    assert!(seed(1).is_zero(), "the first is gone");
    assert!(!seed(2).is_zero() && !seed(SEEDS_KEPT + 1).is_zero());
    assert!(slots.0.len() as u64 <= SEEDS_KEPT + 1, "one tip and {SEEDS_KEPT} seeds, not {}", slots.0.len());
}

#[derive(Default)]
struct Map(std::collections::BTreeMap<U256, U256>);

impl Slots for Map {
    fn load(&self, slot: U256) -> Result<U256, StateError> {
        Ok(self.0.get(&slot).copied().unwrap_or_default())
    }

    fn store(&mut self, slot: U256, value: U256) -> Result<(), StateError> {
        if value.is_zero() {
            self.0.remove(&slot);
        } else {
            self.0.insert(slot, value);
        }
        Ok(())
    }
}

#[test]
fn a_renewed_chain_takes_over_two_epochs_later() {
    let mut chain = TestChain::new();
    let fresh = HashChain::new(B256::repeat_byte(0x55), 100);
    // Validator 100 has no coins at genesis: it earns the gas for its renewal by proposing.
    let gift = chain.transfer(1, 0, account(100), 10_u128.pow(18));
    chain.advance(vec![gift], vec![]);
    let input = IChain::renewTipCall { newTip: fresh.tip() }.abi_encode();
    let renew = chain.tx(100, 0, TxKind::Call(system::CHAIN), U256::ZERO, input.clone().into());
    let by_stranger = chain.tx(2, 0, TxKind::Call(system::CHAIN), U256::ZERO, input.into());
    let (_, outcome) = chain.advance(vec![renew, by_stranger], vec![]);
    let results: Vec<_> = outcome.receipts.iter().map(|receipt| (receipt.from, receipt.success)).collect();
    assert!(results.contains(&(account(100), true)) && results.contains(&(account(2), false)), "{results:?}");

    while chain.head.height < 59 {
        chain.advance(vec![], vec![]);
    }
    let old = chain.proposal();
    assert_eq!(chain.chains[1].0, account(101), "block 60 is 101's");
    chain.advance(vec![], vec![]);
    // Block 61 is 100's first in epoch 2: its old chain no longer counts, the new one does.
    let stale = chain.proposal();
    assert_eq!(stale.proposer, account(100));
    assert_ne!(stale.proposer, old.proposer);
    assert!(matches!(chain.build(vec![], vec![]), Err(Error::Invalid(Invalid::Reveal { .. }))));
    chain.chains[0].1 = fresh;
    chain.chains[0].2 = 0;
    for _ in 0..6 {
        chain.advance(vec![], vec![]);
    }
}
