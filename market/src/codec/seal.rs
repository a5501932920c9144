//! Sealing: each unit is one XChaCha20-Poly1305 segment under the slab's own key.
//!
//! nonce (24 bytes) = salt (19) ‖ unit index (4, big endian) ‖ 1 if it is the slab's last unit, else 0
//! associated data  = slab id
//!
//! This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance", 2015): a unit can't be moved, and the slab can't be cut short. A key serves one slab, and
//! key and salt are drawn at random for it, so no nonce serves twice.

use chacha20::{
    XChaCha20,
    cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _},
};
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce, aead::inout::InOutBuf};
use zeroize::{Zeroize, ZeroizeOnDrop};

use bitdust_types::{SlabId, layout::TAG_BYTES};

const TAG: usize = TAG_BYTES as usize;
/// The key stream's first block makes the tag's key (RFC 8439, section 2.6); the plain bytes begin with the second.
const BODY_KEY_STREAM: u64 = 64;

/// `K_o` and the salt of one slab. Drawn at random; kept in the owner manifest.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealKey {
    key: [u8; 32],
    salt: [u8; 19],
}

impl SealKey {
    /// From random bytes: a fresh key and a fresh salt for every slab.
    pub fn new(key: [u8; 32], salt: [u8; 19]) -> Self {
        SealKey { key, salt }
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Seals and opens the units of one slab.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    salt: [u8; 19],
    slab: SlabId,
    units: u64,
}

/// The unit is not what was sealed under this key, salt, slab id, index and number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forged;

impl Sealer {
    /// For a slab of so many units (at most 2^32, far above a slab's 640).
    pub fn new(key: &SealKey, slab: SlabId, units: u64) -> Self {
        Sealer { cipher: XChaCha20Poly1305::new(&key.key.into()), salt: key.salt, slab, units }
    }

    /// Turns a part of a unit's sealed bytes, from `offset` on, into the plain ones, where they lie.
    ///
    /// No tag covers a part: whoever calls this has held the bytes against a root that stands for the plain bytes too, as that
    /// of a public dataset's shard does, where the key is no secret and the tag says nothing that the root doesn't.
    pub fn decipher(&self, key: &SealKey, unit: u64, offset: u64, bytes: &mut [u8]) {
        let mut stream = XChaCha20::new(&key.key.into(), &self.nonce(unit));
        stream.seek(BODY_KEY_STREAM + offset);
        stream.apply_keystream(bytes);
    }

    fn nonce(&self, unit: u64) -> XNonce {
        let unit_index = u32::try_from(unit).expect("a slab has at most 640 units");
        let mut nonce = [0; 24];
        nonce[..19].copy_from_slice(&self.salt);
        nonce[19..23].copy_from_slice(&unit_index.to_be_bytes());
        nonce[23] = u8::from(unit + 1 == self.units);
        nonce.into()
    }

    /// Seals `plain` into `sealed`, which is a tag longer.
    ///
    /// # Panics
    /// If the lengths don't fit: both are our own.
    pub fn seal(&self, unit: u64, plain: &[u8], sealed: &mut [u8]) {
        let (body, tag) = sealed.split_at_mut(plain.len());
        assert_eq!(tag.len(), TAG, "a sealed unit is its plain bytes and a tag");
        let buffer = InOutBuf::new(plain, body).expect("equal lengths");
        let made = self
            .cipher
            .encrypt_inout_detached(&self.nonce(unit), &self.slab.0, buffer)
            .expect("64 KiB are below the cipher's limit of 256 GiB");
        tag.copy_from_slice(&made);
    }

    /// Opens `sealed` into `plain`, which is a tag shorter. `plain` is left as it was if the unit is forged.
    ///
    /// # Panics
    /// If the lengths don't fit: both are our own.
    pub fn open(&self, unit: u64, sealed: &[u8], plain: &mut [u8]) -> Result<(), Forged> {
        assert_eq!(plain.len() + TAG, sealed.len(), "a sealed unit is its plain bytes and a tag");
        let (body, tag) = sealed.split_at(plain.len());
        let tag = Tag::try_from(tag).expect("16 bytes");
        let buffer = InOutBuf::new(body, plain).expect("equal lengths");
        self.cipher.decrypt_inout_detached(&self.nonce(unit), &self.slab.0, buffer, &tag).map_err(|_| Forged)
    }
}
