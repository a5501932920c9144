//! Who may do what at a location.
//!
//! The ledger says who owns it ([`Claim`], and later owners by term); lists say whom the owner lets in. A list is data: which
//! list counts for which operation is decided in [`graph`](super::graph).

use std::{
    fmt,
    io::{self, Read, Write},
};

use bitdust_proof::blob;
use bitdust_types::{
    Address, B256,
    signing::{read_address, write_address},
};
use borsh::{BorshDeserialize, BorshSerialize};

use super::{Invalid, OpHash, limits};
use crate::place::LocationPos;

/// Names an access list: the hash of the claim for the first one, of the operation for the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct AccessId(pub [u8; 32]);

impl fmt::Display for AccessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        B256::new(self.0).fmt(f)
    }
}

impl fmt::Debug for AccessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessId({self})")
    }
}

/// Who may place and break blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Builders {
    /// The owner alone.
    #[default]
    Owner,
    /// The owner and the guests.
    Guests,
    /// Everybody.
    Everybody,
}

/// Whom an owner lets in. The owner is not part of it: the ledger names him.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccessList {
    /// Sorted, unique, at most 256.
    #[borsh(serialize_with = "write_addresses", deserialize_with = "read_addresses")]
    pub guests: Vec<Address>,
    /// Who may build.
    pub builders: Builders,
    /// Who may fold, and revoke anybody but the owner and each other. Sorted, unique, at most 16.
    #[borsh(serialize_with = "write_addresses", deserialize_with = "read_addresses")]
    pub compactors: Vec<Address>,
    /// Revocations that do not bind those who rely on this list: how somebody is let in again. A new list has to repeat
    /// them. Sorted, unique, at most 256.
    pub lifted: Vec<OpHash>,
}

impl AccessList {
    /// Holds the list against its bounds.
    pub fn check(&self) -> Result<(), Invalid> {
        let is_sorted = rising(&self.guests) && rising(&self.compactors) && rising(&self.lifted);
        if !is_sorted {
            return Err(Invalid::Shape("guests, compactors and lifted revocations must be sorted, each named once"));
        }
        if self.guests.len() > limits::GUESTS_MAX
            || self.compactors.len() > limits::COMPACTORS_MAX
            || self.lifted.len() > limits::LIFTED_MAX
        {
            return Err(Invalid::Shape(
                "an access list names at most 256 guests, 16 compactors and 256 lifted revocations",
            ));
        }
        Ok(())
    }

    /// Whether somebody may place and break blocks and leave notes.
    pub fn may_build(&self, owner: Address, who: Address) -> bool {
        who == owner
            || match self.builders {
                Builders::Owner => false,
                Builders::Guests => self.guests.binary_search(&who).is_ok(),
                Builders::Everybody => true,
            }
    }

    /// Whether somebody may fold edits into a new version.
    pub fn may_fold(&self, owner: Address, who: Address) -> bool {
        who == owner || self.compactors.binary_search(&who).is_ok()
    }

    /// Whether somebody may revoke a key: the owner any but his own, a compactor those that are neither.
    pub fn may_revoke(&self, owner: Address, who: Address, key: Address) -> bool {
        key != owner && self.may_fold(owner, who) && (who == owner || !self.may_fold(owner, key))
    }

    /// Whether the list names somebody, or he is the owner.
    pub fn knows(&self, owner: Address, who: Address) -> bool {
        self.may_fold(owner, who) || self.guests.binary_search(&who).is_ok()
    }
}

/// What the ledger says about a location when its graph begins. All replicas must hold the same one.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Claim {
    /// The chain on whose ledger the claim stands.
    pub chain: u64,
    /// The world's id.
    pub world: [u8; 32],
    /// The location.
    pub pos: LocationPos,
    /// The owner of term 0.
    #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
    pub owner: Address,
    /// The list of term 0 that operations without ancestors rely on.
    pub access: AccessList,
}

impl Claim {
    /// Names the claim's list.
    pub fn access_id(&self) -> AccessId {
        let mut bytes = b"BDC\x01".to_vec();
        borsh::to_writer(&mut bytes, self).expect("a vector takes any bytes");
        AccessId(blob::root(&bytes).0)
    }
}

/// Whether each item is greater than the one before it.
pub(super) fn rising<T: Ord>(items: &[T]) -> bool {
    items.is_sorted_by(|a, b| a < b)
}

fn write_addresses<W: Write>(addresses: &[Address], writer: &mut W) -> io::Result<()> {
    borsh::to_writer(&mut *writer, &(addresses.len() as u32))?;
    addresses.iter().try_for_each(|address| write_address(address, writer))
}

fn read_addresses<R: Read>(reader: &mut R) -> io::Result<Vec<Address>> {
    let count = u32::deserialize_reader(reader)? as usize;
    if count > limits::GUESTS_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too many addresses in an access list"));
    }
    (0..count).map(|_| read_address(reader)).collect()
}
