//! Sealing manifests: anonymous public-key encryption (libsodium's sealed box: X25519, XSalsa20-Poly1305), so that a
//! writer without the owner's secret can still add to the owner's manifest.
//!
//! The storage secret comes from the owner's phrase. The dataset's repair key is derived from it and the dataset's id; its
//! secret can be given to a scrubber without giving away the manifest of names, or any other dataset.
//!
//! A *public* dataset's manifests are sealed to keys whose secrets everybody can derive from the dataset's id: the same code
//! on every path, and no secret. Who may read a dataset is part of its terms on the ledger and never changes.

use bitdust_types::DatasetId;
use crypto_box::{
    PublicKey, SecretKey as BoxSecret,
    aead::rand_core::{CryptoRng, Error as RngError, RngCore},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Invalid;

/// The secrets that open one dataset's manifests.
#[derive(Clone)]
pub struct ManifestKeys {
    owner: BoxSecret,
    repair: BoxSecret,
}

/// The public keys that manifests are sealed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealKeys {
    owner: PublicKey,
    repair: PublicKey,
}

impl ManifestKeys {
    /// The keys of one dataset, from its owner's storage secret (`m/45437'/1'` of the phrase).
    pub fn derive(storage_secret: &[u8; 32], dataset: DatasetId) -> Self {
        let mut repair = Zeroizing::new([0; 32]);
        // HKDF (RFC 5869) gives up to 255 × 32 bytes, so 32 can't fail; the zero key would only make opening fail.
        let _ = Hkdf::<Sha256>::new(Some(b"bitdust repair key 1"), storage_secret).expand(&dataset.0, repair.as_mut());
        ManifestKeys { owner: BoxSecret::from(*storage_secret), repair: BoxSecret::from(*repair) }
    }

    /// The keys of a public dataset, which anybody can derive: its integrity rests on the roots alone.
    pub fn of_public(dataset: DatasetId) -> Self {
        let mut secret = [0; 32];
        // As above: 32 bytes can't fail.
        let _ = Hkdf::<Sha256>::new(Some(b"bitdust public key 1"), &[]).expand(&dataset.0, &mut secret);
        ManifestKeys::derive(&secret, dataset)
    }

    /// The keys to seal to.
    pub fn public(&self) -> SealKeys {
        SealKeys { owner: self.owner.public_key(), repair: self.repair.public_key() }
    }

    /// Opens an owner manifest.
    pub fn open_owner(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Invalid> {
        self.owner.unseal(sealed).map(Zeroizing::new).map_err(|_| Invalid::Seal("owner"))
    }

    /// Opens a repair manifest.
    pub fn open_repair(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Invalid> {
        self.repair.unseal(sealed).map(Zeroizing::new).map_err(|_| Invalid::Seal("repair"))
    }
}

impl SealKeys {
    /// Seals an owner manifest.
    pub fn seal_owner(&self, plain: &[u8], rng: &mut impl rand::RngCore) -> Result<Vec<u8>, Invalid> {
        self.owner.seal(&mut OldRng(rng), plain).map_err(|_| Invalid::Seal("owner"))
    }

    /// Seals a repair manifest.
    pub fn seal_repair(&self, plain: &[u8], rng: &mut impl rand::RngCore) -> Result<Vec<u8>, Invalid> {
        self.repair.seal(&mut OldRng(rng), plain).map_err(|_| Invalid::Seal("repair"))
    }
}

/// Our random numbers (rand 0.9) in the form that `crypto_box` takes them (rand_core 0.6).
struct OldRng<'a, R>(&'a mut R);

impl<R: rand::RngCore> RngCore for OldRng<'_, R> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

// The caller promises a cryptographic generator, as everywhere in this crate; tests pass a seeded one.
impl<R: rand::RngCore> CryptoRng for OldRng<'_, R> {}
