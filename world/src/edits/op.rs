//! One edit: what was changed, on top of what, relying on which access list, signed.
//!
//! Canonical bytes: `magic "BDE", version 1 ‖ borsh(statement) ‖ 65 bytes of signature`. The signature is over Keccak-256
//! of all but itself, chain id included, and the author is whoever the signature names. An operation's hash is BLAKE3 of all
//! the bytes: two signatures of one statement are two operations with equal effects.
//!
//! **Invariant:** a [`Checked`] operation has good bytes and a good signature; whether it is *allowed* is for the
//! [graph](super::graph) to say, which knows its past.

use std::fmt;

use bitdust_proof::blob;
use bitdust_types::{
    Address, B256, keccak256,
    signing::{InvalidSignature, SignError, SignatureBytes, read_address, recover, sign, write_address},
};
use borsh::{BorshDeserialize, BorshSerialize};
use k256::ecdsa::SigningKey;

use super::{AccessId, AccessList, Invalid, access::rising, limits, voxel::VOXEL_END};
use crate::{
    block::{BlockId, ID_END},
    place::LocationPos,
};

/// Magic and version.
const MAGIC: [u8; 4] = *b"BDE\x01";
const SIGNATURE_BYTES: usize = size_of::<SignatureBytes>();

/// Names an operation: BLAKE3 of its canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct OpHash(pub [u8; 32]);

impl fmt::Display for OpHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        B256::new(self.0).fmt(f)
    }
}

impl fmt::Debug for OpHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpHash({self})")
    }
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Body {
    /// Puts blocks at voxels, by their [numbers](super::voxel): rising, at least one, at most 4,096.
    Place(Vec<(u32, BlockId)>),
    /// Leaves a text at a voxel, for a sign; an empty one takes it away.
    Note {
        /// The voxel's number.
        voxel: u32,
        /// At most 200 bytes, no control characters but line ends.
        text: String,
    },
    /// Replaces the access lists in its past. Only for the owner of that term.
    Access {
        /// The owner's number on the ledger.
        term: u32,
        /// The new list.
        list: AccessList,
    },
    /// Takes a key's rights away: what it signed outside the past of the heads that were seen is dropped by everyone.
    Revoke {
        /// Whose rights.
        #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
        key: Address,
        /// What stays: these operations and their past. Usually the revocation's own parents; older ones undo more. Those
        /// that are not in the revocation's past are ignored. Rising, at most 16.
        seen: Vec<OpHash>,
    },
}

impl Body {
    /// For messages to people: "... has no right to {}".
    pub(super) const fn act(&self) -> &'static str {
        match self {
            Body::Place(_) => "build",
            Body::Note { .. } => "leave a note",
            Body::Access { .. } => "change the access list",
            Body::Revoke { .. } => "revoke that key",
        }
    }

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Body::Place(writes) => {
                if writes.is_empty() || writes.len() > limits::VOXELS_PER_OP_MAX {
                    return Err(Invalid::Shape("an edit writes 1 to 4,096 voxels"));
                }
                if !writes.is_sorted_by(|a, b| a.0 < b.0) {
                    return Err(Invalid::Shape("an edit's voxels must be sorted, each named once"));
                }
                if writes.iter().any(|(voxel, block)| *voxel >= VOXEL_END || block.0 >= ID_END) {
                    return Err(Invalid::Shape("an edit's voxels must lie in the location and blocks below 16,384"));
                }
            }
            Body::Note { voxel, text } => {
                if *voxel >= VOXEL_END {
                    return Err(Invalid::Shape("a note's voxel must lie in the location"));
                }
                if text.len() > limits::NOTE_BYTES_MAX || text.chars().any(|c| c.is_control() && c != '\n') {
                    return Err(Invalid::Shape("a note has at most 200 bytes and no control characters but line ends"));
                }
            }
            Body::Access { list, .. } => list.check()?,
            Body::Revoke { seen, .. } => {
                if seen.len() > limits::SEEN_MAX || !rising(seen) {
                    return Err(Invalid::Shape("a revocation names at most 16 heads, sorted, each once"));
                }
            }
        }
        Ok(())
    }
}

/// What an author signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Statement {
    /// The chain whose ledger holds the claim, so that no edit can be replayed on another.
    pub chain: u64,
    /// The world's id.
    pub world: [u8; 32],
    /// The location.
    pub pos: LocationPos,
    /// What the author had seen: rising, at most 16. None for the first operations of a location.
    pub parents: Vec<OpHash>,
    /// 1 + the largest depth of the parents, 1 without parents.
    pub depth: u64,
    /// The access list that the author relies on.
    pub access: AccessId,
    /// What changes.
    pub body: Body,
}

impl Statement {
    /// What the signature is over.
    pub fn signing_hash(&self) -> B256 {
        keccak256(self.preimage())
    }

    /// Signs it.
    pub fn sign(self, key: &SigningKey) -> Result<Op, SignError> {
        let signature = sign(key, self.signing_hash())?;
        Ok(Op { statement: self, signature })
    }

    fn preimage(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        borsh::to_writer(&mut bytes, self).expect("a vector takes any bytes");
        bytes
    }

    fn check(&self) -> Result<(), Invalid> {
        if self.parents.len() > limits::PARENTS_MAX || !rising(&self.parents) {
            return Err(Invalid::Shape("an operation names at most 16 parents, sorted, each once"));
        }
        if self.depth == 0 {
            return Err(Invalid::Shape("depths begin at 1"));
        }
        self.body.check()
    }
}

/// A signed operation, as it came from somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// What was signed.
    pub statement: Statement,
    /// Of [`Statement::signing_hash`].
    pub signature: SignatureBytes,
}

impl Op {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.statement.preimage();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Reads canonical bytes and holds every field against its bounds. The signature is not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() > limits::OP_BYTES_MAX {
            return Err(Invalid::Size(bytes.len()));
        }
        let rest = bytes.strip_prefix(&MAGIC).ok_or_else(|| Invalid::Malformed("no magic 'BDE', version 1".into()))?;
        let (statement, signature) = rest
            .split_last_chunk::<SIGNATURE_BYTES>()
            .ok_or_else(|| Invalid::Malformed("too short for a signature".into()))?;
        let statement: Statement =
            borsh::from_slice(statement).map_err(|error| Invalid::Malformed(error.to_string()))?;
        statement.check()?;
        Ok(Op { statement, signature: *signature })
    }

    /// Its name.
    pub fn hash(&self) -> OpHash {
        OpHash(blob::root(&self.encode()).0)
    }

    /// Checks bounds and signature; the only slow step (about 0.2 ms), fit for a pool of workers.
    pub fn check(self, recover: &impl Recover) -> Result<Checked, Invalid> {
        self.statement.check()?;
        let bytes = self.encode();
        if bytes.len() > limits::OP_BYTES_MAX {
            return Err(Invalid::Size(bytes.len()));
        }
        let author = recover.author(self.statement.signing_hash(), &self.signature)?;
        Ok(Checked { op: self, author, hash: OpHash(blob::root(&bytes).0), bytes: bytes.len() as u32 })
    }
}

/// Tells who signed a hash.
pub trait Recover {
    /// The signer's account.
    fn author(&self, hash: B256, signature: &SignatureBytes) -> Result<Address, InvalidSignature>;
}

/// Recovers secp256k1 signatures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secp256k1;

impl Recover for Secp256k1 {
    fn author(&self, hash: B256, signature: &SignatureBytes) -> Result<Address, InvalidSignature> {
        recover(hash, signature)
    }
}

/// An operation whose bounds and signature were checked. Nothing but [`Op::check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    op: Op,
    author: Address,
    hash: OpHash,
    bytes: u32,
}

impl Checked {
    /// The operation.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// What was signed.
    pub fn statement(&self) -> &Statement {
        &self.op.statement
    }

    /// What it does.
    pub fn body(&self) -> &Body {
        &self.op.statement.body
    }

    /// Who signed.
    pub fn author(&self) -> Address {
        self.author
    }

    /// Its name.
    pub fn hash(&self) -> OpHash {
        self.hash
    }

    /// Length of its canonical bytes.
    pub fn size_bytes(&self) -> usize {
        self.bytes as usize
    }
}
