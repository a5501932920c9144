//! One phrase, many keys: what a person's BIP-39 phrase derives.
//!
//! `m/44'/60'/0'/0/i` are coin accounts, the same that any wallet shows for the phrase. The identity root
//! (`m/45437'/0'`) and the storage key (`m/45437'/1'`) are hardened children that no wallet derives, because people
//! paste phrases into wallets and wallets hand out keys.

use std::fmt;

use alloy_primitives::Address;
use alloy_signer_local::{
    MnemonicBuilder,
    coins_bip39::{English, Mnemonic},
};
use k256::ecdsa::SigningKey;
use zeroize::Zeroizing;

use crate::signing;

/// The phrase that development tools have agreed on; its coins are worthless on any network but a devnet.
pub const DEVNET_PHRASE: &str = "test test test test test test test test test test test junk";

/// A BIP-39 phrase with a valid checksum.
#[derive(Clone)]
pub struct Phrase(Zeroizing<String>);

/// Why a phrase or a path gives no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a BIP-39 phrase.
    #[error("this is not a BIP-39 phrase ({0}): 12, 15, 18, 21 or 24 English words whose checksum fits are needed")]
    Phrase(String),
    /// Derivation failed.
    #[error("no key at {path}: {reason}")]
    Path {
        /// The derivation path.
        path: String,
        /// Why.
        reason: String,
    },
}

impl Phrase {
    /// Checks words and checksum.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let normal = Zeroizing::new(text.split_whitespace().collect::<Vec<_>>().join(" "));
        Mnemonic::<English>::new_from_phrase(&normal).map_err(|error| KeyError::Phrase(error.to_string()))?;
        Ok(Phrase(normal))
    }

    /// The 12-word phrase of 16 random bytes, which the caller draws.
    pub fn from_entropy(entropy: [u8; 16]) -> Result<Self, KeyError> {
        let mnemonic = Mnemonic::<English>::new_from_entropy(entropy.into());
        Ok(Phrase(Zeroizing::new(mnemonic.to_phrase())))
    }

    /// The words. They are the whole of a person's secrets: show them to their owner only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The coin account number `index`.
    pub fn coin_key(&self, index: u32) -> Result<SigningKey, KeyError> {
        self.derive(&format!("m/44'/60'/0'/0/{index}"))
    }

    /// The root of the identity: signs certificates of sub-keys and nothing else.
    pub fn identity_key(&self) -> Result<SigningKey, KeyError> {
        self.derive("m/45437'/0'")
    }

    /// The secret X25519 scalar to which manifests are sealed.
    pub fn storage_secret(&self) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let key = self.derive("m/45437'/1'")?;
        Ok(Zeroizing::new(key.to_bytes().into()))
    }

    fn derive(&self, path: &str) -> Result<SigningKey, KeyError> {
        let fail = |reason: String| KeyError::Path { path: path.to_owned(), reason };
        let signer = MnemonicBuilder::<English>::default()
            .phrase(self.0.as_str())
            .derivation_path(path)
            .and_then(|builder| builder.build())
            .map_err(|error| fail(error.to_string()))?;
        SigningKey::from_slice(signer.to_bytes().as_slice()).map_err(|error| fail(error.to_string()))
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(..)")
    }
}

/// The account of a signing key.
pub fn account_of(key: &SigningKey) -> Address {
    signing::address_of(key.verifying_key())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;

    #[test]
    fn the_devnet_phrase_gives_the_address_that_wallets_show() {
        let phrase = Phrase::parse(DEVNET_PHRASE).unwrap();
        let first = account_of(&phrase.coin_key(0).unwrap());
        assert_eq!(first, address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        let identity = account_of(&phrase.identity_key().unwrap());
        assert_ne!(identity, first);
    }

    #[test]
    fn bad_phrases_are_refused() {
        for text in ["", "test", "test test test test test test test test test test test test", "böse wörter"] {
            assert!(matches!(Phrase::parse(text), Err(KeyError::Phrase(_))), "{text}");
        }
    }

    #[test]
    fn a_phrase_never_prints_itself() {
        assert_eq!(format!("{:?}", Phrase::parse(DEVNET_PHRASE).unwrap()), "Phrase(..)");
    }
}
