//! How validators sign: recoverable secp256k1 over Keccak-256, as everything else in the ledger. A signature counts only
//! in its one canonical form, including the recovery byte, because certificates are checked by recovery: were the engine
//! laxer than [`crate::Certificate::verify`], a single validator could spoil certificates for those who follow.

use async_trait::async_trait;
use bitdust_types::{Address, B256, keccak256, signing};
use borsh::{BorshDeserialize, BorshSerialize};
use k256::ecdsa::{SigningKey, VerifyingKey};
use malachitebft_core_types::{
    NilOrVal, SignedExtension, SignedMessage, SignedProposal, SignedVote, SigningScheme, ValidatorProof,
    VoteExtensionScope, VoteType,
};
use malachitebft_signing::{Error, Signer, VerificationResult, Verifier};

use super::context::{Bft, Proposal, Vote};
use crate::sign_bytes::{self, Step};

/// A signature: `r ‖ s ‖ v`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(super) struct Signature(pub [u8; 65]);

/// A public key with the address it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    compressed: [u8; 33],
    address: Address,
}

/// The signing scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scheme;

/// Signs and verifies for one chain.
#[derive(Clone)]
pub(super) struct Keeper {
    pub chain_id: u64,
    /// `None` in those who only verify.
    pub key: Option<SigningKey>,
}

impl PublicKey {
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let key = VerifyingKey::from_sec1_bytes(bytes).map_err(|_| "not a secp256k1 key".to_string())?;
        Ok(Self::of(&key))
    }

    pub fn of(key: &VerifyingKey) -> Self {
        let mut compressed = [0; 33];
        compressed.copy_from_slice(key.to_encoded_point(true).as_bytes());
        PublicKey { compressed, address: signing::address_of(key) }
    }

    pub fn compressed(&self) -> &[u8; 33] {
        &self.compressed
    }

    fn check(&self, hash: B256, signature: &Signature) -> VerificationResult {
        VerificationResult::from_bool(signing::recover(hash, &signature.0) == Ok(self.address))
    }
}

impl SigningScheme for Scheme {
    type DecodingError = String;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = SigningKey;

    fn decode_signature(bytes: &[u8]) -> Result<Signature, String> {
        bytes.try_into().map(Signature).map_err(|_| format!("{} bytes, a signature has 65", bytes.len()))
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, String> {
        PublicKey::decode(bytes)
    }

    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.compressed.to_vec()
    }
}

impl Keeper {
    /// Signs a hash with our key.
    pub fn sign(&self, hash: B256) -> Result<Signature, Error> {
        let key = self.key.as_ref().ok_or_else(|| Error::from_source("this node has no validator key"))?;
        signing::sign(key, hash).map(Signature).map_err(Error::from_source)
    }

    fn vote_hash(&self, vote: &Vote) -> B256 {
        let step = match vote.kind {
            VoteType::Prevote => Step::Prevote,
            VoteType::Precommit => Step::Precommit,
        };
        let block = match vote.value {
            NilOrVal::Nil => None,
            NilOrVal::Val(id) => Some(id.into()),
        };
        sign_bytes::vote(self.chain_id, step, vote.height.0, vote.round.as_i64(), block)
    }

    fn proposal_hash(&self, proposal: &Proposal) -> B256 {
        let (round, pol_round) = (proposal.round.as_i64(), proposal.pol_round.as_i64());
        sign_bytes::proposal(self.chain_id, proposal.height.0, round, pol_round, proposal.value.0.into())
    }
}

#[async_trait]
impl Verifier<Bft> for Keeper {
    async fn verify_signed_vote(
        &self,
        vote: &Vote,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(key.check(self.vote_hash(vote), signature))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(key.check(self.proposal_hash(proposal), signature))
    }

    async fn verify_signed_vote_extension(
        &self,
        _: &VoteExtensionScope<Bft>,
        _: &(),
        _: &Signature,
        _: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        // There are none on this chain.
        Ok(VerificationResult::Invalid)
    }

    async fn verify_validator_proof(&self, proof: &ValidatorProof<Bft>) -> Result<VerificationResult, Error> {
        Ok(match proof.decoded_public_key() {
            Ok(key) => key.check(keccak256(proof.preimage()), &proof.signature),
            Err(_) => VerificationResult::Invalid,
        })
    }
}

#[async_trait]
impl Signer<Bft> for Keeper {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedVote<Bft>, Error> {
        let signature = self.sign(self.vote_hash(&vote))?;
        Ok(SignedMessage::new(vote, signature))
    }

    async fn sign_proposal(&self, proposal: Proposal) -> Result<SignedProposal<Bft>, Error> {
        let signature = self.sign(self.proposal_hash(&proposal))?;
        Ok(SignedMessage::new(proposal, signature))
    }

    async fn sign_vote_extension(&self, _: VoteExtensionScope<Bft>, _: ()) -> Result<SignedExtension<Bft>, Error> {
        Err(Error::from_source("votes carry no extensions on this chain"))
    }

    async fn sign_validator_proof(&self, public_key: Vec<u8>, peer_id: Vec<u8>) -> Result<ValidatorProof<Bft>, Error> {
        let signature = self.sign(keccak256(ValidatorProof::<Bft>::signing_bytes(&public_key, &peer_id)))?;
        Ok(ValidatorProof::new(public_key, peer_id, signature))
    }
}
