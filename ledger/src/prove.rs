//! A supplier's proof as it travels: the one system transaction, without gas and in a lane of its own.
//!
//! Order of events: the epoch's seed is on the ledger → the supplier signs a [`Prove`] with answers to its samples →
//! nodes gossip it after [`crate::exec::admit_proof`] → a proposer judges it and puts [`crate::JudgedProof`] into a
//! block → every voter judges it again from the same bytes → the verdict is executed as a system call of the Market.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use bitdust_proof::answer::SupplierProof;
use bitdust_types::{
    ChainParams,
    limits::PROOF_BYTES_MAX,
    signing::{self, SignError, SignatureBytes},
};
use borsh::{BorshDeserialize, BorshSerialize};
use k256::ecdsa::SigningKey;

use crate::{canon, error::Invalid};

/// Keeps a proof's signature from meaning anything elsewhere.
const DOMAIN: &[u8] = b"BitDust prove 1";

/// A supplier's signed proof of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Prove {
    /// The supplier's account.
    #[borsh(serialize_with = "canon::address::write", deserialize_with = "canon::address::read")]
    pub supplier: Address,
    /// The epoch that is proved.
    pub epoch: u64,
    /// Canonical bytes of [`SupplierProof`].
    #[borsh(serialize_with = "canon::bytes::write", deserialize_with = "canon::bytes::read")]
    pub proof: Bytes,
    /// The supplier's signature over [`Prove::signing_hash`].
    pub signature: SignatureBytes,
}

impl Prove {
    /// What the supplier signs: domain ‖ chain id ‖ supplier ‖ epoch ‖ Keccak-256 of the proof, integers big-endian.
    pub fn signing_hash(chain_id: u64, supplier: Address, epoch: u64, proof: &[u8]) -> B256 {
        let mut bytes = Vec::with_capacity(DOMAIN.len() + 68);
        bytes.extend_from_slice(DOMAIN);
        bytes.extend_from_slice(&chain_id.to_be_bytes());
        bytes.extend_from_slice(supplier.as_slice());
        bytes.extend_from_slice(&epoch.to_be_bytes());
        bytes.extend_from_slice(keccak256(proof).as_slice());
        keccak256(bytes)
    }

    /// Signs a proof with the supplier's account key.
    ///
    /// # Errors
    /// [`SignError`] if the key can't sign.
    pub fn sign(params: &ChainParams, key: &SigningKey, epoch: u64, proof: Bytes) -> Result<Self, SignError> {
        let supplier = signing::address_of(key.verifying_key());
        let signature = signing::sign(key, Self::signing_hash(params.chain_id, supplier, epoch, &proof))?;
        Ok(Prove { supplier, epoch, proof, signature })
    }

    /// Name of this system transaction: Keccak-256 of its canonical bytes.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory fails only for a proof of 2^32 bytes; ours are bounded by `check`.
        borsh::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Prove::encode`] wrote.
    ///
    /// # Errors
    /// [`Invalid::Size`] and [`Invalid::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        // Supplier, epoch, length and signature are 97 bytes.
        let max = PROOF_BYTES_MAX + 97;
        if bytes.len() > max {
            return Err(Invalid::Size { what: "the proof", size: bytes.len(), max });
        }
        borsh::from_slice(bytes).map_err(|error| Invalid::Malformed { what: "the proof", reason: error.to_string() })
    }

    /// Checks size and signature, and decodes the answers.
    ///
    /// # Errors
    /// [`Invalid::Size`], [`Invalid::ProofSignature`], [`Invalid::Malformed`].
    pub fn check(&self, params: &ChainParams) -> Result<SupplierProof, Invalid> {
        if self.proof.len() > PROOF_BYTES_MAX {
            return Err(Invalid::Size { what: "the proof", size: self.proof.len(), max: PROOF_BYTES_MAX });
        }
        let hash = Self::signing_hash(params.chain_id, self.supplier, self.epoch, &self.proof);
        if signing::recover(hash, &self.signature) != Ok(self.supplier) {
            return Err(Invalid::ProofSignature(self.supplier));
        }
        SupplierProof::decode(&self.proof)
            .map_err(|error| Invalid::Malformed { what: "the proof's answers", reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{account, key};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decoding_inverts_encoding(prove in crate::block::tests::prove()) {
            prop_assert_eq!(Prove::decode(&prove.encode()).unwrap(), prove);
        }
    }

    #[test]
    fn the_signature_covers_everything() {
        let params = ChainParams::devnet(30, 1000);
        let proof = Bytes::from(SupplierProof::default().encode());
        let good = Prove::sign(&params, &key(1), 5, proof).unwrap();
        assert_eq!(good.supplier, account(1));
        good.check(&params).unwrap();
        let mut signature = good.signature;
        signature[3] ^= 1;
        let other_chain = ChainParams { chain_id: 1, ..params.clone() };
        assert_eq!(good.check(&other_chain), Err(Invalid::ProofSignature(account(1))));
        for bad in [
            Prove { epoch: 6, ..good.clone() },
            Prove { proof: Bytes::from_static(b"x"), ..good.clone() },
            Prove { supplier: account(2), ..good.clone() },
            Prove { signature, ..good.clone() },
        ] {
            assert_eq!(bad.check(&params), Err(Invalid::ProofSignature(bad.supplier)));
        }
        let garbage = Prove::sign(&params, &key(1), 5, Bytes::from_static(&[0xff; 9])).unwrap();
        assert!(matches!(garbage.check(&params), Err(Invalid::Malformed { .. })));
        let huge = Prove { proof: vec![0; PROOF_BYTES_MAX + 1].into(), ..good };
        assert!(matches!(huge.check(&params), Err(Invalid::Size { .. })));
        assert!(matches!(Prove::decode(&huge.encode()), Err(Invalid::Size { .. })));
    }
}
