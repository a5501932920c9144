//! Masking: shard `j` is XORed with the key stream XChaCha20(`K_r`, nonce `j`).
//!
//! `K_r` = HKDF-SHA-256 (RFC 5869) of the dataset's repair root with
//! info = `"BitDust mask 1"` ‖ slab id ‖ k ‖ n ‖ shard length (8 bytes, big endian) ‖ BLAKE3(ciphertext); no salt.
//! nonce = j as a 24-byte big endian number.
//!
//! Other bytes or another layout give another key, so no key stream serves two plaintexts even if a slab id is used twice.
//! What stands between suppliers is only this mask: whoever has `K_r` can turn any `k` shards into all, and sees
//! ciphertext.

use chacha20::{
    XChaCha20,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use bitdust_types::{Root, SlabId};

use super::SlabShape;

/// The dataset's secret from which every slab's mask key is derived. Drawn at random; kept in both manifests.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RepairRoot([u8; 32]);

impl RepairRoot {
    /// From random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        RepairRoot(bytes)
    }

    /// The bytes, for the manifests.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for RepairRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RepairRoot(..)")
    }
}

/// `K_r` of one slab.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MaskKey([u8; 32]);

impl MaskKey {
    /// The key for these bytes in this layout.
    pub fn derive(repair_root: &RepairRoot, slab: SlabId, shape: SlabShape, ciphertext: Root) -> Self {
        let layout = shape.layout();
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, &repair_root.0)
            .expand_multi_info(
                &[
                    b"BitDust mask 1".as_slice(),
                    &slab.0,
                    &[layout.k(), layout.n()],
                    &shape.shard_bytes().to_be_bytes(),
                    &ciphertext.0,
                ],
                &mut key,
            )
            .expect("32 bytes are a length that HKDF-SHA-256 can give");
        MaskKey(key)
    }
}

impl std::fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MaskKey(..)")
    }
}

/// The key stream of one shard. Masking and unmasking are the same.
pub struct Mask(XChaCha20);

impl Mask {
    /// Of shard `index`.
    pub fn new(key: &MaskKey, index: u8) -> Self {
        let mut nonce = [0; 24];
        nonce[23] = index;
        Mask(XChaCha20::new(&key.0.into(), &nonce.into()))
    }

    /// Of several shards, in the order of `indices`.
    pub(super) fn all(key: &MaskKey, indices: &[u8]) -> Vec<Mask> {
        indices.iter().map(|index| Mask::new(key, *index)).collect()
    }

    /// Masks the shard's bytes from `offset` on where they lie.
    pub fn apply(&mut self, offset: u64, bytes: &mut [u8]) {
        self.0.seek(offset);
        self.0.apply_keystream(bytes);
    }

    /// Masks the shard's bytes from `offset` on into `out`, which has the same length.
    pub fn apply_into(&mut self, offset: u64, bytes: &[u8], out: &mut [u8]) {
        self.0.seek(offset);
        self.0.apply_keystream_b2b(bytes, out);
    }
}
