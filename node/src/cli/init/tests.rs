//! Directories as `init` makes them.

use std::collections::BTreeMap;

use bitdust_types::{Amount, ChainParams, keys::DEVNET_PHRASE};
use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Verb};

/// What is typed after `bitdust init --dir D --password-file D.password`.
fn typed(dir: &Path, words: &[&str]) -> InitArgs {
    let password = dir.with_extension("password");
    fs::write(&password, "secret").unwrap();
    let (dir, password) = (dir.to_str().unwrap(), password.to_str().unwrap());
    let mut line = vec!["bitdust", "init", "--dir", dir, "--password-file", password];
    line.extend(words);
    match Cli::try_parse_from(line).unwrap().verb {
        Verb::Init(args) => *args,
        _ => panic!("init was typed"),
    }
}

fn settings(dir: &Path) -> Config {
    Config::load(&Home::new(dir)).unwrap()
}

/// A genesis file in `dir` with these validators.
fn genesis_file(dir: &Path, validators: Vec<GenesisValidator>) -> String {
    let alloc = BTreeMap::from([(validators[0].address, Amount::from_grains(5))]);
    let made = genesis::make(ChainParams::devnet(30, 1000), 7, validators, alloc).unwrap();
    let path = dir.join("genesis.json");
    fs::write(&path, made.to_json()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn somebody() -> GenesisValidator {
    let phrase = Phrase::parse(DEVNET_PHRASE).unwrap();
    genesis::registration(&NodeKeys::devnet(&phrase, 100).unwrap())
}

#[test]
fn a_suppliers_node_is_reached_by_others_and_asked_from_here_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let file = genesis_file(scratch.path(), vec![somebody()]);
    let dir = scratch.path().join("usual");
    run(&typed(&dir, &["--genesis", &file, "--role", "supplier"]), true).unwrap();
    let config = settings(&dir);
    assert_eq!(config.roles, [Role::Supplier]);
    assert_eq!(config.p2p.to_string(), "0.0.0.0:7771");
    assert_eq!(
        (config.rpc.to_string(), config.metrics.to_string()),
        ("127.0.0.1:8545".into(), "127.0.0.1:9180".into())
    );

    // A second one on the same machine.
    let dir = scratch.path().join("second");
    let words = [
        "--genesis",
        &file,
        "--role",
        "customer",
        "--listen",
        "192.168.1.2:7772",
        "--rpc-listen",
        "8546",
        "--metrics-listen",
        "9181",
        "--external",
        "/ip4/203.0.113.5/tcp/7772",
    ];
    run(&typed(&dir, &words), true).unwrap();
    let config = settings(&dir);
    assert_eq!(
        (config.p2p.to_string(), config.rpc.to_string(), config.metrics.to_string()),
        ("192.168.1.2:7772".into(), "127.0.0.1:8546".into(), "127.0.0.1:9181".into())
    );
    assert_eq!(config.announce, ["/ip4/203.0.113.5/tcp/7772"]);
}

#[test]
fn a_validators_directory_is_made_first_and_completed_by_the_genesis() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("validator");
    let made = make(&typed(&dir, &["--role", "validator", "--consensus-listen", "7972"]), &Home::new(&dir)).unwrap();
    let own = made.validator.clone().unwrap();
    assert!(made.chain_id.is_none() && made.phrase.is_some() && made.text().contains(&own.beacon_tip.to_string()));
    assert_eq!(genesis::read_registration(&Home::new(&dir).validator()).unwrap(), own);
    let words = run(&typed(&dir, &[]), true).unwrap_err().to_string();
    assert!(words.contains("waits for its network's genesis"), "{words}");

    // A genesis of others is refused, and leaves the directory as it was.
    let foreign = genesis_file(scratch.path(), vec![somebody()]);
    let words = format!("{:#}", run(&typed(&dir, &["--genesis", &foreign]), true).unwrap_err());
    assert!(words.contains("begins without the validator"), "{words}");
    assert!(!Home::new(&dir).genesis().exists());

    let file = genesis_file(scratch.path(), vec![own.clone(), somebody()]);
    run(&typed(&dir, &["--genesis", &file, "--validator-peer", "192.168.1.3:7971"]), true).unwrap();
    let consensus = settings(&dir).consensus.unwrap();
    assert_eq!(consensus.listen.to_string(), "0.0.0.0:7972");
    assert_eq!(consensus.peers, ["192.168.1.3:7971".parse().unwrap()]);
    assert_eq!(genesis::read(&Home::new(&dir).genesis()).unwrap().validators, [own, somebody()]);
    let words = run(&typed(&dir, &["--genesis", &file]), true).unwrap_err().to_string();
    assert!(words.contains("is a node's directory already"), "{words}");
}

#[test]
fn nothing_is_made_of_what_does_not_fit() {
    let scratch = tempfile::tempdir().unwrap();
    let file = genesis_file(scratch.path(), vec![somebody()]);
    for (words, must_say) in [
        (vec!["--role", "supplier"], "--genesis"),
        (vec!["--role", "validator", "--genesis", &file], "begins without the validator"),
        (vec!["--role", "supplier", "--genesis", &file, "--validator-peer", "10.0.0.1:1"], "--role validator"),
        (vec!["--genesis", &file, "--keep-keys"], "coin.json"),
    ] {
        let dir = scratch.path().join("none");
        let error = format!("{:#}", run(&typed(&dir, &words), true).unwrap_err());
        assert!(error.contains(must_say), "{words:?}: {error}");
        assert!(!dir.exists(), "{words:?} left a directory");
    }
    for text in ["0", "7771x", "1.2.3:4", "", "127.0.0.1:0", "70000"] {
        assert!(on_loopback(text).is_err(), "{text}");
    }
}

#[test]
fn keys_in_the_directory_are_used_when_told_and_never_written_over() {
    let scratch = tempfile::tempdir().unwrap();
    let file = genesis_file(scratch.path(), vec![somebody()]);
    let dir = scratch.path().join("node");
    let own = NodeKeys::from_phrase(&Phrase::parse(DEVNET_PHRASE).unwrap()).unwrap();
    keys::save(&Home::new(&dir), &own, "secret").unwrap();
    let error = run(&typed(&dir, &["--genesis", &file]), true).unwrap_err().to_string();
    assert!(error.contains("--keep-keys"), "{error}");
    let made = make(&typed(&dir, &["--genesis", &file, "--keep-keys"]), &Home::new(&dir)).unwrap();
    assert_eq!((made.address, made.phrase), (own.account().to_string(), None));
    assert_eq!(keys::load(&Home::new(&dir), "secret").unwrap().account(), own.account());
}
