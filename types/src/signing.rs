//! Recoverable secp256k1 signatures over 32-byte hashes, as Ethereum makes them: `r ‖ s ‖ v` with v = 27 or 28 and s in
//! the lower half of the order (EIP-2).

use std::io::{self, Read, Write};

use alloy_primitives::{Address, B256, keccak256};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};

/// A signature of 65 bytes.
pub type SignatureBytes = [u8; 65];

/// Why a signature names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// `r`, `s` or `v` out of range, or `s` in the upper half of the order.
    #[error("the signature is malformed: r, s or v out of range, or s not in the lower half of the order (EIP-2)")]
    Malformed,
    /// No key gives this signature for this hash.
    #[error("no key gives this signature for this message")]
    NoKey,
}

/// Our own key could not sign.
#[derive(Clone, Debug, thiserror::Error)]
#[error("signing failed: {0}")]
pub struct SignError(String);

/// Signs a hash.
pub fn sign(key: &SigningKey, hash: B256) -> Result<SignatureBytes, SignError> {
    let (signature, recovery): (Signature, RecoveryId) =
        key.sign_prehash_recoverable(hash.as_slice()).map_err(|error| SignError(error.to_string()))?;
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature.to_bytes());
    bytes[64] = 27 + recovery.to_byte();
    Ok(bytes)
}

/// The account whose key signed a hash.
pub fn recover(hash: B256, bytes: &SignatureBytes) -> Result<Address, InvalidSignature> {
    let signature = Signature::from_slice(&bytes[..64]).map_err(|_| InvalidSignature::Malformed)?;
    if signature.normalize_s().is_some() {
        return Err(InvalidSignature::Malformed);
    }
    let recovery = bytes[64]
        .checked_sub(27)
        .filter(|id| *id < 2)
        .and_then(RecoveryId::from_byte)
        .ok_or(InvalidSignature::Malformed)?;
    VerifyingKey::recover_from_prehash(hash.as_slice(), &signature, recovery)
        .map(|key| address_of(&key))
        .map_err(|_| InvalidSignature::NoKey)
}

/// The account of a key: the last 20 bytes of Keccak-256 of its uncompressed point.
pub fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_encoded_point(false);
    Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..])
}

/// Borsh form of an address: its 20 bytes.
pub fn write_address<W: Write>(address: &Address, writer: &mut W) -> io::Result<()> {
    writer.write_all(address.as_slice())
}

/// Reads what [`write_address`] wrote.
pub fn read_address<R: Read>(reader: &mut R) -> io::Result<Address> {
    let mut bytes = [0; 20];
    reader.read_exact(&mut bytes)?;
    Ok(Address::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signer_is_recovered_and_every_flip_is_noticed() {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let hash = keccak256(b"a message");
        let signature = sign(&key, hash).unwrap();
        let address = address_of(key.verifying_key());
        assert_eq!(recover(hash, &signature), Ok(address));
        for bit in 0..65 * 8 {
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(recover(hash, &other), Ok(address), "bit {bit}");
        }
    }
}
