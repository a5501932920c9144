//! Definitions and a player's progress as bytes: there and back, and what is refused.

use bitdust_types::{Address, keccak256};
use proptest::prelude::*;

use super::{FIRST_STEPS, documents::FULL, read, with_content};
use crate::content::{Problem, WorldDef, WorldId, limits};

fn quest_world() -> WorldDef {
    with_content(FIRST_STEPS).unwrap()
}

#[test]
fn bytes_and_id_are_recorded() {
    let def = read(FULL).unwrap();
    let hashes = [def.id().to_string(), keccak256(def.to_bytes().unwrap()).to_string()];
    let recorded = [
        "0x2625dff186cd06e95a89dd4f8062607aa87dc9c93c55637a2f71d2e7a7318b65",
        "0x494820f3a28e3cd38aa0722a315c01335042128fa67fd2f58f0c6eda6beaef11",
    ];
    assert_eq!(hashes, recorded);
}

#[test]
fn definitions_survive_their_bytes() {
    let def = quest_world();
    assert_eq!(WorldDef::decode(&def.to_bytes().unwrap()).unwrap(), def);
}

#[test]
fn content_can_be_revised_and_what_makes_the_world_cannot() {
    let def = quest_world();
    let same = |change: fn(&mut WorldDef)| {
        let mut other = def.clone();
        change(&mut other);
        assert_ne!(other, def);
        other.id() == def.id()
    };
    assert!(same(|def| def.description = "longer".into()));
    assert!(same(|def| def.content = Default::default()));
    assert!(same(|def| def.rules.claims_per_account += 1));
    assert!(same(|def| def.spawn = Some(Default::default())));
    assert!(!same(|def| def.name.push('x')));
    assert!(!same(|def| def.creator = Address::repeat_byte(8)));
    assert!(!same(|def| def.seed += 1));
    assert!(!same(|def| def.generator += 1));
    assert!(!same(|def| def.params.push(0)));
}

#[test]
fn ids_are_written_and_read() {
    let id = quest_world().id();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(id.to_string()[2..].parse(), Ok(id));
    assert_eq!(serde_json::from_str::<WorldId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    for text in ["", "0x", "0x12", &format!("{id}0"), &format!("0x{}", "g".repeat(64)), &"ä".repeat(32)] {
        assert!(text.parse::<WorldId>().is_err(), "{text}");
    }
}

#[test]
fn foreign_bytes_are_refused_by_kind() {
    let bytes = quest_world().to_bytes().unwrap();
    let problem = |bytes: &[u8]| WorldDef::decode(bytes).unwrap_err().problem;
    assert!(matches!(problem(&[]), Problem::OtherMagic(_)));
    assert!(matches!(problem(&bytes[..8]), Problem::Unreadable(_)));
    assert!(matches!(problem(&bytes[..100]), Problem::Unreadable(_)));
    assert!(matches!(problem(&vec![0; limits::WORLD_BYTES_MAX + 1]), Problem::TooLarge { .. }));
    let mut other = bytes.clone();
    other[8] = 2;
    assert_eq!(problem(&other), Problem::OtherVersion { found: 2, known: 1 });
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(problem(&longer), Problem::NotCanonical);
    // A name that claims four gigabytes is refused before memory is taken.
    let mut bomb = bytes[..9].to_vec();
    bomb.extend([0xff; 4]);
    assert!(matches!(problem(&bomb), Problem::Unreadable(why) if why.contains("4294967295")));
}

#[test]
fn a_list_out_of_order_is_not_canonical() {
    let def = with_content(r#"{ "texts": { "aa": { "body": "x" }, "bb": { "body": "x" } } }"#).unwrap();
    let bytes = def.to_bytes().unwrap();
    let at = |what: &[u8]| bytes.windows(what.len()).position(|window| window == what).unwrap();
    let (a, b) = (at(b"\x02\0\0\0aa"), at(b"\x02\0\0\0bb"));
    let mut swapped = bytes.clone();
    swapped[a + 4..a + 6].copy_from_slice(b"bb");
    swapped[b + 4..b + 6].copy_from_slice(b"aa");
    assert_eq!(WorldDef::decode(&swapped).unwrap_err().problem, Problem::NotCanonical);
}

#[test]
fn who_may_claim_is_the_creators_rule() {
    let claims = |claimers: &str, account: u8| {
        let text = format!(r#"{{ "name": "w", "seed": 1, "rules": {{ "claimers": {claimers} }} }}"#);
        read(&text).unwrap().may_claim(Address::repeat_byte(account))
    };
    let listed = format!("[\"{}\"]", Address::repeat_byte(9));
    assert!(claims("\"everybody\"", 9) && claims("\"everybody\"", 7));
    assert!(!claims("\"creator-only\"", 9) && claims("\"creator-only\"", 7));
    assert!(claims(&listed, 9) && claims(&listed, 7) && !claims(&listed, 8));
}

proptest! {
    #[test]
    fn a_changed_byte_gives_another_valid_definition_or_an_error(at in 0usize..6000, to: u8) {
        let mut bytes = quest_world().to_bytes().unwrap();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(def) = WorldDef::decode(&bytes) {
            prop_assert_eq!(def.to_bytes().unwrap(), bytes);
        }
    }
}
