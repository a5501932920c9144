//! Recorded forms: a change here breaks every signed promise, every dataset's id, or the state of every chain.

use alloy_primitives::{B256, b256, keccak256};

use super::world::*;
use crate::market::{Hold, hold_digest};

#[test]
fn a_promise_hashes_as_any_eip712_library_hashes_it() {
    // Computed with a separate implementation of EIP-712 and Keccak-256.
    let hold = Hold {
        dataset: keccak256("dataset"),
        slot: 3,
        number: 7,
        bytesHeld: 1000,
        root: root(7, 3),
        rate: 1_000_000_007,
        validUntil: 99,
    };
    let digest = b256!("0xd25d09e9f804c5fdd73e76603e80761074884d7eec5fed27675d328147edeb4f");
    assert_eq!(hold_digest(45439, &hold), digest);
}

#[test]
fn a_dataset_is_named_by_owner_payer_salt_and_chain() {
    let id = b256!("0xfd76b830aa3b4d95bfe6b4cafc191e92a91def999693bde62aa65bbf0f3417f6");
    assert_eq!(World::new().create(customer(1), 0, standard_dataset(5)), id);
}

#[test]
fn storage_lies_where_it_lay() {
    // A dataset held in two slots, one proof that puts one of them on probation, one settlement: every kind of
    // record but the writer's and the barrier's.
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    world.goto(2, 2);
    world.prove(0, &[1]).unwrap();
    world.ok(customer(0), 0, crate::market::IMarket::settleCall { dataset: id });
    let words: Vec<u8> = world
        .storage
        .iter()
        .flat_map(|(at, word)| [at.to_be_bytes::<32>(), word.to_be_bytes::<32>()].concat())
        .collect();
    assert_eq!((world.storage.len(), keccak256(words)), RECORDED);
}

const RECORDED: (usize, B256) = (78, b256!("0x3420974976a0d68ebbd3aeefb8ba3de9776721124dd194e04c1dec02a9994415"));
