//! One revision's manifests as they lie on the suppliers: the clear frame around two seals.
//!
//! The frame is clear so that a scrubber or an owner can walk the chain without opening every seal. It tells a supplier
//! nothing that the ledger doesn't: dataset, revision, predecessor.

use bitdust_types::{DatasetId, Root, limits::REVISION_BLOB_BYTES_MAX};
use borsh::{BorshDeserialize, BorshSerialize};

use super::Invalid;

/// First bytes of every revision blob: what it is, and the version of its form.
const MAGIC: [u8; 8] = *b"bdrevis1";

/// A revision's manifests.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RevisionBlob {
    /// The dataset.
    pub dataset: DatasetId,
    /// The revision, from 1.
    pub number: u64,
    /// Root of the blob that this one follows; zero for the first.
    pub prev: Root,
    /// Whether it holds all there is, so that nothing before it is needed.
    pub snapshot: bool,
    /// The sealed [`super::OwnerDelta`].
    pub owner: Vec<u8>,
    /// The sealed [`super::RepairDelta`].
    pub repair: Vec<u8>,
}

impl RevisionBlob {
    /// The bytes that are stored, or an error when they would exceed [`REVISION_BLOB_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, Invalid> {
        let mut bytes = MAGIC.to_vec();
        let body = borsh::to_vec(self).map_err(|error| bad(error.to_string()))?;
        bytes.extend_from_slice(&body);
        if bytes.len() as u64 > REVISION_BLOB_BYTES_MAX {
            return Err(Invalid::Field {
                what: "manifest",
                reason: format!(
                    "revision {} takes {} bytes, above the {REVISION_BLOB_BYTES_MAX} that fit; use a second dataset, or larger files",
                    self.number,
                    bytes.len()
                ),
            });
        }
        Ok(bytes)
    }

    /// Reads what [`RevisionBlob::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() as u64 > REVISION_BLOB_BYTES_MAX {
            return Err(bad(format!("{} bytes are above the limit of {REVISION_BLOB_BYTES_MAX}", bytes.len())));
        }
        let body = bytes.strip_prefix(&MAGIC).ok_or_else(|| bad("it doesn't begin as one".to_owned()))?;
        let blob: RevisionBlob = borsh::from_slice(body).map_err(|error| bad(error.to_string()))?;
        if blob.number == 0 || (blob.number == 1) != blob.prev.is_zero() {
            return Err(bad(format!("revision {} can't follow blob {}", blob.number, blob.prev)));
        }
        Ok(blob)
    }
}

fn bad(reason: String) -> Invalid {
    Invalid::Bytes { what: "revision blob", reason }
}
