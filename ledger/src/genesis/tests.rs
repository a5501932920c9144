//! Genesis files.

use bitdust_types::Height;

use super::*;
use crate::{
    beacon::HashChain,
    state::{Overlay, StateReader},
    testing::{account, key},
};

const DEVNET: &str = include_str!("../../../genesis/devnet.json");

fn sample() -> Genesis {
    Genesis::new(ChainParams::devnet(30, 1000), 5)
        .with_validator(Validator::new(key(1).verifying_key(), 3), B256::repeat_byte(1))
        .with_validator(Validator::new(key(2).verifying_key(), 4), B256::repeat_byte(2))
        .with_balance(account(3), Amount::from_grains(77))
}

#[test]
fn the_file_round_trips() {
    let genesis = sample();
    assert_eq!(Genesis::parse(&genesis.to_json()).unwrap(), genesis);
}

#[test]
fn the_first_state_is_as_written() {
    let built = sample().build().unwrap();
    assert_eq!(built.supply.grains(), 77);
    let mut state = Overlay::in_memory();
    state.push(built.diff);
    assert_eq!(state.account(account(3)).unwrap().unwrap().balance, U256::from(77));
    for contract in system::CONTRACTS {
        let account = state.account(contract).unwrap().unwrap();
        assert_eq!(account.nonce, 1, "or it is swept as empty");
        assert_eq!(state.code(account.code_hash).unwrap().as_ref(), system::CONTRACT_CODE);
    }
    let tip = beacon::tip(&state, &sample().params, Height(1), account(2)).unwrap();
    assert_eq!(tip, B256::repeat_byte(2));
}

#[test]
fn the_id_names_all_contents_and_no_spelling() {
    let id = sample().id().unwrap();
    let mut turned = sample();
    turned.validators.reverse();
    assert_eq!(turned.id().unwrap(), id, "the order of validators doesn't matter");
    let mut richer = sample();
    richer.alloc.insert(account(3), Amount::from_grains(78));
    let mut later = sample();
    later.timestamp_ms += 1;
    let mut other_tip = sample();
    other_tip.validators[0].beacon_tip = B256::repeat_byte(9);
    let mut slower = sample();
    slower.params.block_time_ms += 1;
    for (what, other) in [("alloc", richer), ("time", later), ("tip", other_tip), ("params", slower)] {
        assert_ne!(other.id().unwrap(), id, "{what}");
    }
}

#[test]
fn what_makes_no_network_is_refused_and_named() {
    let edit = |change: fn(&mut Genesis)| {
        let mut genesis = sample();
        change(&mut genesis);
        genesis.build().unwrap_err().to_string()
    };
    type Change = fn(&mut Genesis);
    let cases: [(Change, &str); 8] = [
        (|g| g.validators.clear(), "0 validators"),
        (|g| g.validators.push(g.validators[0].clone()), "twice"),
        (|g| g.validators[0].address = account(9), "has the key of"),
        (|g| g.validators[0].power = 0, "voting power 0"),
        (|g| g.validators[0].beacon_tip = B256::ZERO, "beaconTip"),
        (|g| g.params.window_first = 0, "window"),
        (|g| _ = g.alloc.insert(system::MARKET, Amount::from_grains(1)), "system address"),
        (|g| _ = g.alloc.insert(account(4), Amount::from_grains(u128::MAX)), "above 2^128"),
    ];
    for (change, words) in cases {
        let error = edit(change);
        assert!(error.contains(words), "'{error}' should mention '{words}'");
    }
    for bad in ["", "{}", "[]", &sample().to_json().replace("alloc", "allocs"), &sample().to_json().replace("77", "-1")]
    {
        assert!(matches!(Genesis::parse(bad), Err(Invalid::Malformed { .. })), "{bad}");
    }
}

/// `genesis/devnet.json` is made by this: change it here, and copy what the failing test prints.
#[test]
fn the_devnet_file_is_reproducible() {
    let secret = |what: &str| keccak256(format!("BitDust devnet {what}"));
    let validator = k256::ecdsa::SigningKey::from_slice(secret("validator 0").as_slice()).unwrap();
    let tip = HashChain::new(secret("beacon 0"), 1 << 20).tip();
    let phrase = "test test test test test test test test test test test junk";
    let phrase = bitdust_types::keys::Phrase::parse(phrase).unwrap();
    let customer = bitdust_types::keys::account_of(&phrase.coin_key(0).unwrap());
    let genesis = Genesis::new(ChainParams::devnet(30, 1000), 1_767_225_600_000)
        .with_validator(Validator::new(validator.verifying_key(), 1), tip)
        .with_balance(customer, Amount::from_dust(1_000_000).unwrap());
    assert_eq!(DEVNET, genesis.to_json(), "genesis/devnet.json");
    assert_eq!(genesis.id().unwrap().to_string(), "0x358cababf458316866af93bcc5ca43e2da3d485fffd514b3a49ab90c0e438b63");
}
