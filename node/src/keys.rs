//! A node's keys at rest: Ethereum keystores (Web3 Secret Storage, version 3, scrypt) in files that only their owner can
//! read, and the keys that are derived from them.
//!
//! A node has one coin key, which is its account and, for a validator, signs blocks. Its libp2p identity and the start of
//! its beacon hash chain are derived from it, so that one file is all that must be kept. A customer's phrase is kept the
//! same way, since the storage key is derived from it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use alloy_primitives::{Address, keccak256};
use alloy_signer_local::LocalSigner;
use anyhow::{Context as _, Result, anyhow};
use bitdust_network::{Multiaddr, PeerId, listen_addresses};
use bitdust_types::keys::{Phrase, account_of};
use k256::{ecdsa::SigningKey, elliptic_curve::rand_core::OsRng};
use zeroize::Zeroizing;

use crate::home::{Home, write_private};

/// A node's secrets in memory.
#[derive(Clone)]
pub struct NodeKeys {
    /// Signs transactions, holds and blocks.
    pub coin: SigningKey,
    /// X25519 secret that manifests are sealed to.
    pub storage: Zeroizing<[u8; 32]>,
}

impl NodeKeys {
    /// What a phrase derives.
    pub fn from_phrase(phrase: &Phrase) -> Result<Self> {
        Ok(NodeKeys { coin: phrase.coin_key(0)?, storage: phrase.storage_secret()? })
    }

    /// What a coin key alone gives: the storage key is derived from it, so that the coin key is all that must be kept.
    pub fn from_coin_key(coin: SigningKey) -> Self {
        let storage = derive(&coin, b"bitdust storage of a coin key v1");
        NodeKeys { coin, storage }
    }

    /// The keys of a devnet's node: a numbered coin account of the development phrase, and a storage key of its own.
    pub fn devnet(phrase: &Phrase, index: u32) -> Result<Self> {
        let coin = phrase.coin_key(index)?;
        let storage = derive(&coin, b"bitdust devnet storage v1");
        Ok(NodeKeys { coin, storage })
    }

    /// The node's account.
    pub fn account(&self) -> Address {
        account_of(&self.coin)
    }

    /// Ed25519 secret of the libp2p identity.
    pub fn peer_secret(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.coin, b"bitdust libp2p identity v1")
    }

    /// The libp2p identity.
    pub fn peer_id(&self) -> Result<PeerId> {
        Ok(bitdust_network::peer_id(*self.peer_secret())?)
    }

    /// The address under which others dial the node with these keys that listens on `at`: TCP, which every network lets
    /// through.
    pub fn multiaddr(&self, at: SocketAddr) -> Result<Multiaddr> {
        let tcp = listen_addresses(at.ip(), at.port()).pop().context("a node listens on TCP")?;
        let whole = format!("{tcp}/p2p/{}", self.peer_id()?);
        whole.parse().with_context(|| format!("'{whole}' is no address"))
    }

    /// Start of the beacon's hash chain.
    pub fn beacon_seed(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.coin, b"bitdust beacon chain v1")
    }

    /// Start of the beacon's hash chain of a number: 0 is genesis's, each renewal takes the next.
    pub fn beacon_secret(&self, number: u64) -> Zeroizing<[u8; 32]> {
        match number {
            0 => self.beacon_seed(),
            _ => derive(&self.coin, &[b"bitdust beacon chain v1, renewal ".as_slice(), &number.to_be_bytes()].concat()),
        }
    }
}

fn derive(coin: &SigningKey, label: &[u8]) -> Zeroizing<[u8; 32]> {
    let secret = Zeroizing::new(coin.to_bytes());
    let message = Zeroizing::new([secret.as_slice(), label].concat());
    Zeroizing::new(keccak256(message.as_slice()).0)
}

/// Whether a directory holds keys.
pub fn exist(home: &Home) -> bool {
    coin_file(home).exists() || storage_file(home).exists()
}

/// The keystore of the account.
pub fn coin_file(home: &Home) -> PathBuf {
    home.keys().join("coin.json")
}

fn storage_file(home: &Home) -> PathBuf {
    home.keys().join("storage.json")
}

/// Writes both keys as keystores.
pub fn save(home: &Home, keys: &NodeKeys, password: &str) -> Result<()> {
    home.create()?;
    store(&coin_file(home), keys.coin.to_bytes().as_slice(), password)?;
    store(&storage_file(home), keys.storage.as_slice(), password)
}

/// Reads both keys.
pub fn load(home: &Home, password: &str) -> Result<NodeKeys> {
    let coin = open(&coin_file(home), password)?;
    let storage = open(&storage_file(home), password)?;
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(&storage.to_bytes());
    Ok(NodeKeys { coin, storage: secret })
}

/// The password from a file, or from `BITDUST_PASSWORD`.
pub fn password(file: Option<&Path>) -> Result<Zeroizing<String>> {
    if let Some(path) = file {
        let text = fs::read_to_string(path).with_context(|| format!("reading the password file {}", path.display()))?;
        return Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    std::env::var("BITDUST_PASSWORD")
        .map(Zeroizing::new)
        .map_err(|_| anyhow!("the keys' password is needed: name a file with --password-file, or set BITDUST_PASSWORD"))
}

fn store(path: &Path, secret: &[u8], password: &str) -> Result<()> {
    let scratch = tempfile::tempdir_in(path.parent().context("a key file lies in a directory")?)?;
    LocalSigner::<SigningKey>::encrypt_keystore(scratch.path(), &mut OsRng, secret, password, Some("key"))
        .with_context(|| format!("encrypting {}", path.display()))?;
    write_private(path, &fs::read(scratch.path().join("key"))?)
}

fn open(path: &PathBuf, password: &str) -> Result<SigningKey> {
    let signer = LocalSigner::decrypt_keystore(path, password).map_err(|error| {
        anyhow!(
            "key file {}: {error}; check that the file is whole and that the password is the one it was made with",
            path.display()
        )
    })?;
    Ok(SigningKey::from_slice(signer.to_bytes().as_slice())?)
}

#[cfg(test)]
mod tests {
    use bitdust_types::keys::DEVNET_PHRASE;

    use super::*;

    #[test]
    fn keys_survive_the_disk_and_a_wrong_password_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let keys = NodeKeys::from_phrase(&Phrase::parse(DEVNET_PHRASE).unwrap()).unwrap();
        save(&home, &keys, "secret").unwrap();
        let loaded = load(&home, "secret").unwrap();
        assert_eq!((loaded.account(), loaded.storage), (keys.account(), keys.storage.clone()));
        assert!(load(&home, "wrong").err().unwrap().to_string().contains("password"));
    }
}
