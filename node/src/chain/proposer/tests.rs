//! A sole validator with short hash chains goes on beyond their ends, whatever interrupts the renewal.

use std::path::Path;

use bitdust_consensus::Certificate;
use bitdust_ledger::Genesis;
use bitdust_store::{
    Memory,
    chain::{ChainOptions, ChainStore},
};
use bitdust_types::{Amount, Validator, keccak256, keys::account_of};
use k256::ecdsa::SigningKey;

use super::*;
use crate::chain::sender::{UnsignedCall, sign_call};

const EPOCH_BLOCKS: u64 = 4;
/// Five epochs, of which the last four are for the renewal.
const LENGTH: u64 = 20;

fn key() -> SigningKey {
    SigningKey::from_slice(keccak256(b"validator").as_slice()).unwrap()
}

fn secret(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

fn proposer(dir: &Path) -> Proposer {
    Proposer::open(account_of(&key()), secret, LENGTH, dir.join("beacon.json")).unwrap()
}

fn chain(dir: &Path) -> Arc<Chain> {
    let params = ChainParams::devnet(EPOCH_BLOCKS, 1000);
    let tip = HashChain::new(secret(0), LENGTH).tip();
    let genesis = Genesis::new(params, 1_700_000_000_000)
        .with_validator(Validator::new(key().verifying_key(), 1), tip)
        .with_balance(account_of(&key()), Amount::from_dust(1000).unwrap());
    let store = ChainStore::open(dir, &Memory::default(), ChainOptions::default()).unwrap();
    Chain::open(store, &genesis).unwrap()
}

/// Proposes and decides the next block.
fn advance(chain: &Chain, proposer: &Proposer) -> Result<()> {
    let height = chain.tip().height.0 + 1;
    let (block_id, _) = chain.propose(proposer, height, 0)?;
    chain.commit(&Certificate { height, round: 0, block_id: block_id.into(), signatures: Vec::new() })
}

/// Sends the renewal, as [`renew`] does.
fn send(chain: &Chain, tip: B256) {
    let call = UnsignedCall {
        chain_id: chain.params().chain_id,
        nonce: chain.pending_nonce(account_of(&key())).unwrap(),
        gas: 200_000,
        base_fee: chain.next_base_fee(&chain.tip().header).into(),
        to: system::CHAIN,
        value: U256::ZERO,
        input: IChain::renewTipCall { newTip: tip }.abi_encode().into(),
    };
    chain.admit_transaction(&sign_call(&key(), &call).unwrap()).unwrap();
}

#[test]
fn a_validator_outlives_its_hash_chain() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, proposer) = (chain(&dir.path().join("chain")), proposer(dir.path()));
    let mut sent = Vec::new();
    for _ in 0..4 * LENGTH {
        if let Some(tip) = proposer.renewal(&chain).unwrap() {
            send(&chain, tip);
            sent.push(tip);
        }
        advance(&chain, &proposer).unwrap();
    }
    // Each chain is registered once, and in its order.
    let expected: Vec<B256> =
        (1..).map(|number| HashChain::new(secret(number), LENGTH).tip()).take(sent.len()).collect();
    assert!(sent.len() >= 4, "{} renewals", sent.len());
    assert_eq!(sent, expected);
}

#[test]
fn without_renewal_a_hash_chain_comes_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, proposer) = (chain(&dir.path().join("chain")), proposer(dir.path()));
    for _ in 0..LENGTH {
        advance(&chain, &proposer).unwrap();
    }
    let error = advance(&chain, &proposer).unwrap_err().to_string();
    assert!(error.contains("used up"), "{error}");
}

#[test]
fn a_renewal_survives_a_crash_at_any_point() {
    let dir = tempfile::tempdir().unwrap();
    let chain = chain(&dir.path().join("chain"));
    let mut running = proposer(dir.path());
    let first = loop {
        if let Some(tip) = running.renewal(&chain).unwrap() {
            break tip;
        }
        advance(&chain, &running).unwrap();
    };
    // Between writing it down and sending it: the same tip is due again.
    assert!(dir.path().join("beacon.json").exists());
    running = proposer(dir.path());
    assert_eq!(running.renewal(&chain).unwrap(), Some(first));
    advance(&chain, &running).unwrap();
    // Between sending it and its block, and after that, before the new chain counts.
    send(&chain, first);
    running = proposer(dir.path());
    advance(&chain, &running).unwrap();
    assert_eq!(running.renewal(&chain).unwrap(), None, "it is registered");
    running = proposer(dir.path());
    assert_eq!(running.renewal(&chain).unwrap(), None, "it is still registered");
    let registered = chain.tip().height.0;
    while chain.tip().height.0 < registered + 3 * EPOCH_BLOCKS {
        advance(&chain, &running).unwrap();
    }
    // The new one has taken over: also for a node that starts now, and for one that has lost the file.
    running = proposer(dir.path());
    advance(&chain, &running).unwrap();
    assert_eq!(lock(&running.chains).current.number, 1);
    std::fs::remove_file(dir.path().join("beacon.json")).unwrap();
    running = proposer(dir.path());
    advance(&chain, &running).unwrap();
    assert_eq!(lock(&running.chains).current.number, 1);
}

#[test]
fn a_foreign_tip_and_a_damaged_file_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = proposer(dir.path()).reveal(B256::repeat_byte(9)).unwrap_err().to_string();
    assert!(foreign.contains("none of its hash chains"), "{foreign}");
    std::fs::write(dir.path().join("beacon.json"), "{").unwrap();
    let damaged = Proposer::open(account_of(&key()), secret, LENGTH, dir.path().join("beacon.json")).err().unwrap();
    assert!(damaged.to_string().contains("beacon.json is damaged; remove it"), "{damaged}");
}
