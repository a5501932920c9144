//! Verdicts on what somebody sent or stored as part of a location.

use bitdust_types::{Address, Root, signing::InvalidSignature};

use crate::{pack, place::LocationPos};

/// Why bytes are no part of a location, or not of this one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A file or record is longer than permitted.
    #[error("a location's {part} has at most {most} bytes, not {found}")]
    TooLong {
        /// Which.
        part: &'static str,
        /// Its length.
        found: u64,
        /// The permitted length.
        most: u64,
    },
    /// It doesn't begin with the right magic and version.
    #[error("these bytes are no location's {part}: its magic and version are missing")]
    Magic {
        /// What was wanted.
        part: &'static str,
    },
    /// Its fields can't be read.
    #[error("a location's {part} is malformed: {why}")]
    Malformed {
        /// Which.
        part: &'static str,
        /// At what the reader stopped.
        why: String,
    },
    /// A field breaks a rule.
    #[error("a location's {part} breaks a rule: {rule}")]
    Rule {
        /// Which.
        part: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// It belongs to another world.
    #[error("the location at {0} belongs to another world than the one it was asked for in")]
    World(LocationPos),
    /// It belongs to another place.
    #[error("a location at {found} came where the one at {wanted} was asked for")]
    Position {
        /// Whose it is.
        found: LocationPos,
        /// Whose it should be.
        wanted: LocationPos,
    },
    /// It names another dataset than the ledger's claim does, or a revision or version that the ledger doesn't have.
    #[error(
        "the head of the location at {0} names another dataset, or a later revision or version, than the ledger does"
    )]
    Claim(LocationPos),
    /// The stored file has another length than the manifest says.
    #[error("a location's {part} has {found} bytes where its manifest says {said}")]
    FileLength {
        /// Which file.
        part: &'static str,
        /// Its length.
        found: u64,
        /// The length by the manifest.
        said: u64,
    },
    /// Bytes are not those that a hash names.
    #[error("a location's {part} has the hash {found} where {wanted} is needed: its holder sent something else")]
    Hash {
        /// What was hashed.
        part: &'static str,
        /// Its hash.
        found: Root,
        /// The hash by the manifest, the head, or the next segment.
        wanted: Root,
    },
    /// A frame is no chunk.
    #[error("chunk {index} of a location can't be unpacked: {invalid}")]
    Chunk {
        /// Its number in the location.
        index: u16,
        /// Why.
        invalid: pack::Invalid,
    },
    /// The signature names nobody.
    #[error("a location's head has a bad signature: {0}")]
    Signature(InvalidSignature),
    /// The signer has no right to announce versions of this location.
    #[error("the head of the location at {pos} is signed by {signer}, who may not write there")]
    Writer {
        /// Where.
        pos: LocationPos,
        /// Who signed.
        signer: Address,
    },
}
