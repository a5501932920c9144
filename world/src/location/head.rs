//! The head of a location: which version is the newest, and which log follows it.
//!
//! The ledger learns of a location's changes at compaction only; between compactions a writer announces them by a
//! signed record in the DHT under [`head_key`]. Anybody may put anything there: a reader takes the [newest](newer) of
//! those records that [`Head::verify`] and [`Head::check_for`] let pass, and holds what it fetches against the hashes
//! in it. Withholding the newest record makes a reader see an older state, never a false one.
//!
//! Canonical bytes: `"BDLH", 1 ‖ borsh(record) ‖ 65 bytes of signature`. The signature (secp256k1, recoverable) is over
//! Keccak-256 of a domain, the chain's id and the record.

use std::cmp::Ordering;

use bitdust_types::{
    Address, B256, DatasetId, Root, keccak256,
    signing::{SignError, SignatureBytes, recover, sign},
};
use borsh::{BorshDeserialize, BorshSerialize};
use k256::ecdsa::SigningKey;

use super::{Invalid, LOG_SEGMENTS_MAX, manifest::check_place};
use crate::LocationPos;

/// Bytes of a head: 5 + 32 + 24 + 32 + 8 + 8 + 32 + 4 + 32 + 65 = 242, and what later versions may add.
pub const HEAD_BYTES_MAX: usize = 1024;

const PART: &str = "head";
const MAGIC: [u8; 5] = *b"BDLH\x01";
const DOMAIN: &[u8] = b"bitdust location head\x01";
const SIGNATURE_BYTES: usize = size_of::<SignatureBytes>();

/// Where in the DHT a location's head is: Keccak-256 of world ‖ position.
pub fn head_key(world: &[u8; 32], pos: LocationPos) -> B256 {
    keccak256([&world[..], &pos.to_bytes()].concat())
}

/// What the ledger knows of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnLedger {
    /// The dataset that the claim names.
    pub dataset: DatasetId,
    /// That dataset's newest revision.
    pub revision: u64,
    /// The sequence number of the newest version that the claim names.
    pub sequence: u64,
}

/// What a writer announces.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct HeadRecord {
    /// The world's id.
    pub world: [u8; 32],
    /// Where in it.
    pub pos: LocationPos,
    /// The dataset that keeps it.
    pub dataset: DatasetId,
    /// The dataset's revision on the ledger that holds all of this.
    pub revision: u64,
    /// The newest version's sequence number; 0 before the first.
    pub sequence: u64,
    /// Its [hash](super::Manifest::hash); zero before the first.
    pub manifest: Root,
    /// Segments in the log after it.
    pub segments: u32,
    /// The newest segment's hash; without segments the manifest's.
    pub newest: Root,
}

/// A record and its writer's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What is announced.
    pub record: HeadRecord,
    /// Over the record and the chain's id.
    pub signature: SignatureBytes,
}

impl HeadRecord {
    /// What is signed.
    pub fn signing_hash(&self, chain_id: u64) -> B256 {
        let mut bytes = DOMAIN.to_vec();
        borsh::to_writer(&mut bytes, &(chain_id, self)).expect("a vector takes any bytes");
        keccak256(bytes)
    }

    /// Signs it.
    pub fn sign(self, chain_id: u64, key: &SigningKey) -> Result<Head, SignError> {
        let signature = sign(key, self.signing_hash(chain_id))?;
        Ok(Head { record: self, signature })
    }

    fn check(&self) -> Result<(), Invalid> {
        let rule = |kept, rule| if kept { Ok(()) } else { Err(Invalid::Rule { part: PART, rule }) };
        rule(
            (self.sequence == 0) == (self.manifest == Root::default()),
            "version 0 has no manifest, each other one has",
        )?;
        rule(self.segments <= LOG_SEGMENTS_MAX, "a log has at most 1,024 segments")?;
        rule(self.segments > 0 || self.newest == self.manifest, "without a log the newest hash is the manifest's")
    }
}

impl Head {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        borsh::to_writer(&mut bytes, &self.record).expect("a vector takes any bytes");
        bytes.extend(self.signature);
        bytes
    }

    /// Reads canonical bytes and holds every field against its bounds. The signature is not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(Invalid::TooLong { part: PART, found: bytes.len() as u64, most: HEAD_BYTES_MAX as u64 });
        }
        let rest = bytes.strip_prefix(&MAGIC).ok_or(Invalid::Magic { part: PART })?;
        let malformed = |why: String| Invalid::Malformed { part: PART, why };
        let (record, signature) = rest
            .split_last_chunk::<SIGNATURE_BYTES>()
            .ok_or_else(|| malformed("it is too short for a signature".into()))?;
        let record: HeadRecord = borsh::from_slice(record).map_err(|error| malformed(error.to_string()))?;
        record.check()?;
        Ok(Head { record, signature: *signature })
    }

    /// Who signed it, if that is somebody who may. `allowed` knows the claim's owner and the dataset's writers.
    pub fn verify(&self, chain_id: u64, allowed: &dyn Fn(Address) -> bool) -> Result<Address, Invalid> {
        self.record.check()?;
        let signer = recover(self.record.signing_hash(chain_id), &self.signature).map_err(Invalid::Signature)?;
        if allowed(signer) { Ok(signer) } else { Err(Invalid::Writer { pos: self.record.pos, signer }) }
    }

    /// Whether it is the place that was asked for, and announces nothing beyond what the ledger has. Without the latter
    /// a writer who is leaving could announce number 2^64 - 1 and have the last word for ever.
    pub fn check_for(&self, world: &[u8; 32], pos: LocationPos, ledger: &OnLedger) -> Result<(), Invalid> {
        check_place((&self.record.world, self.record.pos), (world, pos))?;
        let HeadRecord { dataset, revision, sequence, .. } = self.record;
        if dataset != ledger.dataset || revision > ledger.revision || sequence > ledger.sequence {
            return Err(Invalid::Claim(pos));
        }
        Ok(())
    }
}

/// Which of two valid heads of one location is the newer one (`Greater`: the first): by version, then by the dataset's
/// revision, then by the log's length; what is left is decided by the hash of their bytes, so that all who know both
/// agree.
pub fn newer(a: &Head, b: &Head) -> Ordering {
    let rank = |head: &Head| (head.record.sequence, head.record.revision, head.record.segments);
    rank(a).cmp(&rank(b)).then_with(|| keccak256(a.encode()).cmp(&keccak256(b.encode())))
}
