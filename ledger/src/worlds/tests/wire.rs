//! Recorded forms: a change here breaks every caller, or the state of every chain.

use alloy_primitives::{B256, U256, b256, hex, keccak256};
use alloy_sol_types::{SolCall, SolInterface};
use bitdust_types::system;

use super::ledger::*;
use crate::worlds::IWorlds;

#[test]
fn a_claim_is_encoded_as_any_abi_library_encodes_it() {
    // Put together by hand from the ABI specification; the selector is Keccak-256 of the signature.
    let signature = "claim(bytes32,int64,int64,int64,bytes32,uint8)";
    let mut bytes = keccak256(signature)[..4].to_vec();
    bytes.extend([0x11; 32]);
    bytes.extend(hex!("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")); // -1
    bytes.extend(hex!("ffffffffffffffffffffffffffffffffffffffffffffffff8000000000000000")); // -2^63
    bytes.extend(hex!("0000000000000000000000000000000000000000000000007fffffffffffffff")); // 2^63 - 1
    bytes.extend([0x22; 32]);
    bytes.extend(U256::from(2).to_be_bytes::<32>());
    let call = IWorlds::claimCall {
        world: B256::repeat_byte(0x11),
        x: -1,
        y: i64::MIN,
        z: i64::MAX,
        dataset: B256::repeat_byte(0x22),
        build: 2,
    };
    assert_eq!(hex::encode(call.abi_encode()), hex::encode(&bytes));
    assert_eq!(IWorlds::claimCall::abi_decode_validate(&bytes).unwrap(), call);
}

/// All selectors of functions and errors, in ascending order, hashed: a renamed function or another argument changes it.
#[test]
fn the_interface_is_the_recorded_one() {
    let mut functions: Vec<[u8; 4]> = IWorlds::IWorldsCalls::selectors().collect();
    let mut errors: Vec<[u8; 4]> = IWorlds::IWorldsErrors::selectors().collect();
    functions.sort_unstable();
    errors.sort_unstable();
    let mut events: Vec<B256> = IWorlds::IWorldsEvents::SELECTORS.iter().map(|topic| B256::from(*topic)).collect();
    events.sort_unstable();
    let all = [functions.concat(), errors.concat(), events.iter().flat_map(|topic| topic.0).collect()].concat();
    assert_eq!((functions.len(), errors.len(), events.len(), keccak256(all)), INTERFACE);
}

#[test]
fn storage_lies_where_it_lay() {
    // One world with a listed account, a claim with guests and a compacted version: every kind of record.
    let mut ledger = Ledger::with_claim();
    ledger.ok(person(0), 0, IWorlds::allowCall { world: WORLD, account: person(3), allowed: true });
    let guests = vec![person(2), person(3)];
    let (x, y, z) = (HOME.x, HOME.y, HOME.z);
    let access = IWorlds::setAccessCall { world: WORLD, x, y, z, build: 1, guests, compactors: vec![person(4)] };
    ledger.ok(person(1), 0, access);
    ledger.ok(person(4), 0, IWorlds::setCompactedCall { world: WORLD, x, y, z, manifest: manifest(7), sequence: 7 });
    let words: Vec<[u8; 64]> = ledger
        .storage
        .iter()
        .filter(|((contract, _), _)| *contract == system::WORLDS)
        .map(|((_, at), word)| {
            let mut both = [0; 64];
            both[..32].copy_from_slice(&at.to_be_bytes::<32>());
            both[32..].copy_from_slice(&word.to_be_bytes::<32>());
            both
        })
        .collect();
    assert_eq!((words.len(), keccak256(words.concat())), STORAGE);
}

const INTERFACE: (usize, usize, usize, B256) =
    (20, 36, 11, b256!("0x11f7378735d259cc2324ee05d56ad322d990263000938a4144cbba5ade6d7e17"));
const STORAGE: (usize, B256) = (17, b256!("0xdf1c7e0a9875a9fe884ff87a5e6dfcec9ffea4e43811a8d1b3f8afbe28b424c2"));
