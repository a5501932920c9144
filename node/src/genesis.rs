//! How a network begins, as people and the devnet make it: a validator's registration, the genesis file that holds those of
//! all validators and the first balances, and whether a validator belongs to it.
//!
//! What a genesis means is the ledger's ([`bitdust_ledger::genesis`]). Here are the files, what a node's keys put into them,
//! and the parameters with which a network begins unless somebody says otherwise: those of `genesis/devnet.json`.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

use alloy_primitives::Address;
use anyhow::{Context as _, Result, bail, ensure};
use bitdust_ledger::{
    Genesis,
    beacon::HashChain,
    genesis::{GenesisBlock, GenesisValidator},
};
use bitdust_types::{Amount, ChainParams, Validator};

use crate::keys::NodeKeys;

/// Reveals of a validator's hash chain: one per proposed block, 12 days of one-second blocks alone.
pub const BEACON_REVEALS: u64 = 1 << 20;

/// Voting power of a validator that nobody has given another.
pub const POWER: u64 = 1;

/// A file of 2^16 accounts, as many as a genesis may fund, has 6 MiB.
const GENESIS_BYTES_MAX: u64 = 16 << 20;
/// A registration has 300 bytes.
const REGISTRATION_BYTES_MAX: u64 = 4096;

const DEVNET: &str = include_str!("../../genesis/devnet.json");

/// `genesis/devnet.json`, as it was when this program was built.
pub fn devnet() -> Result<Genesis> {
    Genesis::parse(DEVNET).context("in genesis/devnet.json")
}

/// A network's parameters with another epoch length and block time. Reveals and the proof window scale with the epoch.
pub fn params(like: &ChainParams, epoch_blocks: u64, block_time_ms: u64) -> ChainParams {
    if epoch_blocks == like.epoch_blocks {
        return ChainParams { block_time_ms, ..like.clone() };
    }
    let ChainParams { reveals, window_first, window_last, .. } = ChainParams::devnet(epoch_blocks, block_time_ms);
    ChainParams { epoch_blocks, block_time_ms, reveals, window_first, window_last, ..like.clone() }
}

/// What a genesis needs of the validator with these keys; nothing in it is secret. Computes a hash chain, 0.3 s of work.
pub fn registration(keys: &NodeKeys) -> GenesisValidator {
    let Validator { address, public_key, power } = Validator::new(keys.coin.verifying_key(), POWER);
    let beacon_tip = HashChain::new((*keys.beacon_seed()).into(), BEACON_REVEALS).tip();
    GenesisValidator { address, public_key, power, beacon_tip }
}

/// A genesis that makes a network.
///
/// # Errors
/// Names the field that doesn't.
pub fn make(
    params: ChainParams,
    timestamp_ms: u64,
    validators: Vec<GenesisValidator>,
    alloc: BTreeMap<Address, Amount>,
) -> Result<Genesis> {
    let genesis = Genesis { params, timestamp_ms, validators, alloc };
    genesis.build()?;
    Ok(genesis)
}

/// Reads a genesis file. Whether it makes a network is [`Genesis::build`]'s to say.
pub fn read(path: &Path) -> Result<Genesis> {
    let text = read_bounded(path, GENESIS_BYTES_MAX).context("reading the genesis file")?;
    Genesis::parse(&text).with_context(|| format!("in {}", path.display()))
}

/// Reads a genesis file that makes a network.
pub fn read_built(path: &Path) -> Result<(Genesis, GenesisBlock)> {
    let genesis = read(path)?;
    let built = genesis.build().with_context(|| format!("in {}", path.display()))?;
    Ok((genesis, built))
}

/// Reads a validator's registration.
pub fn read_registration(path: &Path) -> Result<GenesisValidator> {
    let text = read_bounded(path, REGISTRATION_BYTES_MAX).context("reading a validator's registration")?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is no validator's registration; `bitdust init --role validator` writes one as validator.json",
            path.display()
        )
    })
}

/// A registration as the text of its file.
pub fn registration_text(registration: &GenesisValidator) -> Result<String> {
    Ok(serde_json::to_string_pretty(registration).context("writing a registration")? + "\n")
}

/// Checks that a network begins with this validator, with the key and the hash chain that it has.
///
/// # Errors
/// Names what differs: with another hash chain, every block that it proposes would be refused.
pub fn check_registered(genesis: &Genesis, own: &GenesisValidator) -> Result<()> {
    let address = own.address;
    let Some(known) = genesis.validators.iter().find(|validator| validator.address == address) else {
        bail!(
            "this network begins without the validator {address}; its validator.json is needed when the genesis is made \
             (`bitdust genesis new --validator FILE`)"
        );
    };
    ensure!(
        (known.public_key, known.beacon_tip) == (own.public_key, own.beacon_tip),
        "the genesis has the validator {address} with beaconTip {}, but its keys here give {}; make the genesis with the \
         validator.json of these keys",
        known.beacon_tip,
        own.beacon_tip
    );
    Ok(())
}

fn read_bounded(path: &Path, bytes_max: u64) -> Result<String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(bytes_max + 1).read_to_string(&mut text))
        .with_context(|| path.display().to_string())?;
    ensure!(text.len() as u64 <= bytes_max, "{}: longer than {bytes_max} bytes", path.display());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use bitdust_types::{
        B256,
        keys::{DEVNET_PHRASE, Phrase},
    };

    use super::*;

    fn keys(index: u32) -> NodeKeys {
        NodeKeys::devnet(&Phrase::parse(DEVNET_PHRASE).unwrap(), index).unwrap()
    }

    fn sample() -> (Genesis, GenesisValidator) {
        let own = registration(&keys(100));
        let alloc = BTreeMap::from([(keys(1).account(), Amount::from_grains(5))]);
        (make(ChainParams::devnet(30, 1000), 7, vec![own.clone()], alloc).unwrap(), own)
    }

    #[test]
    fn a_validator_finds_itself_in_its_network_and_a_stranger_is_told() {
        let (genesis, own) = sample();
        check_registered(&genesis, &own).unwrap();
        let stranger = GenesisValidator { address: keys(101).account(), ..own.clone() };
        let error = check_registered(&genesis, &stranger).unwrap_err().to_string();
        assert!(
            error.contains("begins without the validator") && error.contains(&stranger.address.to_string()),
            "{error}"
        );
        let other_chain = GenesisValidator { beacon_tip: B256::repeat_byte(7), ..own };
        let error = check_registered(&genesis, &other_chain).unwrap_err().to_string();
        assert!(error.contains("beaconTip"), "{error}");
    }

    #[test]
    fn files_round_trip_and_what_is_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (genesis, own) = sample();
        let (file, registration) = (dir.path().join("genesis.json"), dir.path().join("validator.json"));
        std::fs::write(&file, genesis.to_json()).unwrap();
        std::fs::write(&registration, registration_text(&own).unwrap()).unwrap();
        assert_eq!(read_built(&file).unwrap().0, genesis);
        assert_eq!(read_registration(&registration).unwrap(), own);
        let words = format!("{:#}", read_registration(&file).unwrap_err());
        assert!(words.contains("genesis.json") && words.contains("bitdust init --role validator"), "{words}");
        std::fs::write(&file, " ".repeat(REGISTRATION_BYTES_MAX as usize + 1)).unwrap();
        let words = format!("{:#}", read_registration(&file).unwrap_err());
        assert!(words.contains("longer than 4096 bytes"), "{words}");
        let words = format!("{:#}", read(&dir.path().join("missing")).unwrap_err());
        assert!(words.contains("reading the genesis file") && words.contains("missing"), "{words}");
    }

    #[test]
    fn other_epochs_keep_the_rest_of_a_networks_parameters() {
        let like = ChainParams { chain_id: 7, samples: 5, gas_limit: 2_000_000, ..ChainParams::devnet(30, 1000) };
        let faster = params(&like, 30, 250);
        assert_eq!(faster, ChainParams { block_time_ms: 250, ..like.clone() });
        let longer = params(&like, 60, 1000);
        assert_eq!((longer.chain_id, longer.samples, longer.gas_limit), (7, 5, 2_000_000));
        assert_eq!((longer.epoch_blocks, longer.reveals, longer.window_last), (60, 16, 58));
    }
}
