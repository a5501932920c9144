//! The definition of a world and its canonical bytes.

use std::io;

use bitdust_types::{
    Address, Amount, keccak256,
    signing::{read_address, write_address},
};
use borsh::{BorshDeserialize, BorshSerialize};

use super::{
    bounded,
    id::WorldId,
    invalid::{Invalid, Problem},
    limits,
    parts::Content,
};
use crate::VoxelPos;

/// The first bytes of a definition.
const MAGIC: [u8; 8] = *b"bdworld\0";
/// The form of what follows.
const VERSION: u8 = 1;
/// What the hash of the immutable part begins with, so that it can't be the hash of anything else.
const ID_DOMAIN: &[u8] = b"bitdust world id 1\0";

/// A world as its creator publishes it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct WorldDef {
    /// What it is called. Part of the id.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::TITLE_BYTES_MAX }>")]
    pub name: String,
    /// What it is about; may have line breaks.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::WORLD_DESCRIPTION_BYTES_MAX }>")]
    pub description: String,
    /// Who may publish revisions. Part of the id.
    #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
    pub creator: Address,
    /// The terrain's seed. Part of the id.
    pub seed: u64,
    /// The generator's version. Part of the id.
    pub generator: u32,
    /// The generator's parameters in its own bytes. Part of the id.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::PARAMS_BYTES_MAX }>")]
    pub params: Vec<u8>,
    /// Who may claim, and for how much.
    pub rules: Rules,
    /// Where newcomers begin, if not where the generator thinks best.
    pub spawn: Option<VoxelPos>,
    /// Places worth a visit.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::FEATURED_MAX }>")]
    pub featured: Vec<Featured>,
    /// What there is beyond terrain.
    pub content: Content,
}

/// Rules of claiming locations.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Rules {
    /// Who may claim.
    pub claimers: Claimers,
    /// What a claim costs.
    pub price: Amount,
    /// How long a claim lasts, in epochs.
    pub term_epochs: u64,
    /// How many one account may hold at a time.
    pub claims_per_account: u32,
    /// Who may build in a claimed location until its owner says otherwise.
    pub builders: Builders,
}

impl Default for Rules {
    /// Everybody may claim, for a year of days, 16 locations each, for nothing; guests may build.
    fn default() -> Self {
        Rules {
            claimers: Claimers::Everybody,
            price: Amount::ZERO,
            term_epochs: 365,
            claims_per_account: 16,
            builders: Builders::Guests,
        }
    }
}

/// Who may claim locations.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Claimers {
    /// Any account.
    Everybody,
    /// These accounts and the creator.
    Listed(
        #[borsh(
            serialize_with = "bounded::write_addresses",
            deserialize_with = "bounded::addresses::<_, { limits::LISTED_MAX }>"
        )]
        Vec<Address>,
    ),
    /// The creator alone.
    CreatorOnly,
}

/// Who may build in a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Builders {
    /// Its owner.
    Owner,
    /// Its owner and whom the owner named.
    Guests,
    /// Anybody.
    Everybody,
}

/// A place worth a visit.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Featured {
    /// What the travel menu shows.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::TITLE_BYTES_MAX }>")]
    pub name: String,
    /// Where the traveller arrives.
    pub pos: VoxelPos,
    /// Why to go there.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::DESCRIPTION_BYTES_MAX }>")]
    pub description: String,
}

impl WorldDef {
    /// The world's id: Keccak-256 of `"bitdust world id 1\0" ‖ borsh(creator, name, seed, generator, params)`.
    pub fn id(&self) -> WorldId {
        let mut bytes = ID_DOMAIN.to_vec();
        let rest = borsh::to_vec(&(self.creator.into_array(), &self.name, self.seed, self.generator, &self.params));
        bytes.extend(rest.expect("lists are shorter than 2^32 and memory doesn't fail to be written"));
        WorldId(keccak256(bytes).0)
    }

    /// Whether this account may claim a location, as far as the creator's rules go.
    pub fn may_claim(&self, account: Address) -> bool {
        account == self.creator
            || match &self.rules.claimers {
                Claimers::Everybody => true,
                Claimers::Listed(accounts) => accounts.contains(&account),
                Claimers::CreatorOnly => false,
            }
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// What [`Self::check`] finds: a definition that nobody would read is not written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Invalid> {
        self.check()?;
        write(MAGIC, VERSION, self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Invalid`] for bytes that are too many, unreadable, not canonical, or a definition that [`Self::check`] refuses.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        let def: WorldDef = read(MAGIC, VERSION, limits::WORLD_BYTES_MAX, "a world's definition", bytes)?;
        def.check()?;
        Ok(def)
    }
}

/// Magic, version and borsh.
pub(super) fn write<T: BorshSerialize>(magic: [u8; 8], version: u8, value: &T) -> Result<Vec<u8>, Invalid> {
    let mut bytes = magic.to_vec();
    bytes.push(version);
    borsh::to_writer(&mut bytes, value).map_err(|error: io::Error| unreadable(error.to_string()))?;
    Ok(bytes)
}

/// Reads what [`write`] wrote, and nothing else that would mean the same.
pub(super) fn read<T: BorshSerialize + BorshDeserialize>(
    magic: [u8; 8],
    version: u8,
    max: usize,
    what: &'static str,
    bytes: &[u8],
) -> Result<T, Invalid> {
    if bytes.len() > max {
        return Err(Invalid::at("document", Problem::TooLarge { bytes: bytes.len(), max }));
    }
    let rest = bytes.strip_prefix(&magic).ok_or_else(|| Invalid::at("document", Problem::OtherMagic(what)))?;
    let (found, mut rest) = rest.split_first().ok_or_else(|| unreadable("it ends before the version".into()))?;
    if *found != version {
        return Err(Invalid::at("document", Problem::OtherVersion { found: *found, known: version }));
    }
    let value = T::deserialize(&mut rest).map_err(|error| unreadable(error.to_string()))?;
    if write(magic, version, &value)? != bytes {
        return Err(Invalid::at("document", Problem::NotCanonical));
    }
    Ok(value)
}

fn unreadable(why: String) -> Invalid {
    Invalid::at("document", Problem::Unreadable(why))
}
