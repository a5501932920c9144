//! The Worlds read from outside of execution: worlds, claims, access lists, over any [`StateReader`].
//!
//! The same reading functions answer the contract's ABI views. A state doesn't know its height; whether a claim is held
//! depends on it: ask [`ClaimInfo::standing`].

use alloy_primitives::{Address, B256};
use bitdust_types::{Amount, DatasetId, Epoch, Root, system};

use super::{
    claims,
    layout::{self, Claim, List, Place, World},
    rights::{Build, Claimants},
    term::{self, Standing},
};
use crate::{
    contract::words::{Record, StateWords, Words},
    state::{StateError, StateReader},
};

/// A published world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldInfo {
    /// Its id.
    pub id: B256,
    /// Who sets the rules and is paid.
    pub creator: Address,
    /// Its name, 1 to 64 bytes without control characters. Names are not unique.
    pub name: String,
    /// The dataset with its definition and content.
    pub dataset: DatasetId,
    /// Who may claim.
    pub claimants: Claimants,
    /// What a claim or a renewal costs.
    pub price: Amount,
    /// Epochs that it lasts.
    pub term_epochs: u64,
    /// Claims that one account may get.
    pub claims_per_account: u32,
    /// Claims in its list, lapsed ones included.
    pub claims: u32,
}

/// The claim of a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimInfo {
    /// The world.
    pub world: B256,
    /// The location, in locations.
    pub place: Place,
    /// Whose it is.
    pub owner: Address,
    /// The dataset that keeps the location.
    pub dataset: DatasetId,
    /// Epoch of the claim.
    pub start: Epoch,
    /// Its last epoch.
    pub until: Epoch,
    /// Number of its access list: see [`AccessInfo`].
    pub access_revision: u64,
    /// Who may build.
    pub build: Build,
    /// Root of the last compacted manifest.
    pub manifest: Option<Root>,
    /// Number of the last compacted version; 0 before the first.
    pub sequence: u64,
}

impl ClaimInfo {
    /// Whether the claim is held, in grace or lapsed in an epoch.
    pub fn standing(&self, epoch: Epoch) -> Standing {
        term::standing(self.until.0, epoch.0)
    }
}

/// A claim's access list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessInfo {
    /// Whose the location is.
    pub owner: Address,
    /// Its number, which never repeats at this location.
    pub revision: u64,
    /// Who may build.
    pub build: Build,
    /// Accounts that may build if `build` says so.
    pub guests: Vec<Address>,
    /// Accounts that may enter compacted versions beside the owner.
    pub compactors: Vec<Address>,
}

impl AccessInfo {
    /// Whether an account may build here.
    pub fn may_build(&self, who: Address) -> bool {
        match self.build {
            Build::Everybody => true,
            Build::Guests => who == self.owner || self.guests.contains(&who),
            Build::Owner => who == self.owner,
        }
    }

    /// Whether an account may enter a compacted version.
    pub fn may_compact(&self, who: Address) -> bool {
        who == self.owner || self.compactors.contains(&who)
    }
}

/// An account in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountInfo {
    /// Claims that it has, lapsed ones included until they are taken or pruned.
    pub claims: u32,
    /// Whether the creator has put it on the list of those who may claim.
    pub allowed: bool,
    /// Whether it may claim one more now.
    pub may_claim: bool,
}

/// The Worlds as of one state.
#[derive(Clone, Copy)]
pub struct WorldsView<'a> {
    state: &'a dyn StateReader,
}

impl<'a> WorldsView<'a> {
    /// A view of a state.
    pub fn new(state: &'a dyn StateReader) -> Self {
        WorldsView { state }
    }

    fn words(&self) -> StateWords<'a> {
        StateWords::new(self.state, system::WORLDS)
    }

    /// A world, if it was ever published.
    pub fn world(&self, id: B256) -> Result<Option<WorldInfo>, StateError> {
        world(&mut self.words(), id)
    }

    /// How many worlds there are.
    pub fn world_count(&self) -> Result<u32, StateError> {
        u32::load(&mut self.words(), layout::world_count())
    }

    /// Worlds in the order of their making.
    pub fn worlds(&self, from: u32, count: u32) -> Result<Vec<WorldInfo>, StateError> {
        worlds(&mut self.words(), from, count)
    }

    /// The claim of a location, held, in grace or lapsed.
    pub fn claim(&self, world: B256, place: Place) -> Result<Option<ClaimInfo>, StateError> {
        claim(&mut self.words(), world, place)
    }

    /// Claims of a world by their place in its list.
    pub fn claims(&self, world: B256, from: u32, count: u32) -> Result<Vec<ClaimInfo>, StateError> {
        claims(&mut self.words(), world, from, count)
    }

    /// An account's claims in one world.
    pub fn claims_in(&self, world: B256, account: Address) -> Result<Vec<ClaimInfo>, StateError> {
        claims_of(&mut self.words(), world, account, 0, u32::MAX)
    }

    /// An account's claims in all worlds: reads two words for every world there is.
    pub fn claims_of(&self, account: Address) -> Result<Vec<ClaimInfo>, StateError> {
        let mut words = self.words();
        let mut found = Vec::new();
        for position in 0..self.world_count()? {
            let world = B256::load(&mut words, layout::world_at(position))?;
            found.extend(claims_of(&mut words, world, account, 0, u32::MAX)?);
        }
        Ok(found)
    }

    /// A claim's access list; `None` for a location that nobody claims.
    pub fn access(&self, world: B256, place: Place) -> Result<Option<AccessInfo>, StateError> {
        access(&mut self.words(), world, place)
    }

    /// What a world makes of an account; `None` for an unknown world.
    pub fn account(&self, world: B256, account: Address) -> Result<Option<AccountInfo>, StateError> {
        let mut words = self.words();
        let record = World::load(&mut words, layout::world(world))?;
        if record.creator.is_zero() {
            return Ok(None);
        }
        let found = claims::may_claim(&mut words, world, &record, account)?;
        let may_claim = found.admitted && found.account.claims < record.per_account;
        Ok(Some(AccountInfo { claims: found.account.claims, allowed: found.account.allowed, may_claim }))
    }
}

/// A world by its id.
pub(super) fn world<W: Words>(words: &mut W, id: B256) -> Result<Option<WorldInfo>, W::Error> {
    let record = World::load(words, layout::world(id))?;
    let mut name = [record.name_low.0, record.name_high.0].concat();
    name.truncate(usize::from(record.name_len));
    Ok((!record.creator.is_zero()).then(|| WorldInfo {
        id,
        creator: record.creator,
        name: String::from_utf8_lossy(&name).into_owned(),
        dataset: record.dataset.into(),
        // `registry` admits known rules only.
        claimants: Claimants::from_number(record.claimants).unwrap_or(Claimants::Creator),
        price: Amount::from_grains(record.price),
        term_epochs: record.term,
        claims_per_account: record.per_account,
        claims: record.claims,
    }))
}

/// Worlds by their place in the list.
pub(super) fn worlds<W: Words>(words: &mut W, from: u32, count: u32) -> Result<Vec<WorldInfo>, W::Error> {
    let total = u32::load(words, layout::world_count())?;
    let mut found = Vec::new();
    for position in from..total.min(from.saturating_add(count)) {
        let id = B256::load(words, layout::world_at(position))?;
        found.extend(world(words, id)?);
    }
    Ok(found)
}

/// The claim of a location.
pub(super) fn claim<W: Words>(words: &mut W, world: B256, place: Place) -> Result<Option<ClaimInfo>, W::Error> {
    let record = Claim::load(words, layout::claim(world, place))?;
    Ok((!record.owner.is_zero()).then(|| ClaimInfo {
        world,
        place,
        owner: record.owner,
        dataset: record.dataset.into(),
        start: Epoch(record.start),
        until: Epoch(record.until),
        access_revision: record.revision,
        build: build(&record),
        manifest: (!record.manifest.is_zero()).then(|| record.manifest.into()),
        sequence: record.sequence,
    }))
}

/// Claims by their place in the world's list.
pub(super) fn claims<W: Words>(words: &mut W, id: B256, from: u32, count: u32) -> Result<Vec<ClaimInfo>, W::Error> {
    let total = World::load(words, layout::world(id))?.claims;
    let mut found = Vec::new();
    for position in from..total.min(from.saturating_add(count)) {
        let place = Place::load(words, layout::listed_at(id, position))?;
        found.extend(claim(words, id, place)?);
    }
    Ok(found)
}

/// Claims by their place in an account's list.
pub(super) fn claims_of<W: Words>(
    words: &mut W,
    id: B256,
    who: Address,
    from: u32,
    count: u32,
) -> Result<Vec<ClaimInfo>, W::Error> {
    let total = layout::Account::load(words, layout::account(id, who))?.claims;
    let mut found = Vec::new();
    for position in from..total.min(from.saturating_add(count)) {
        let place = Place::load(words, layout::owned_at(id, who, position))?;
        found.extend(claim(words, id, place)?);
    }
    Ok(found)
}

/// A claim's access list.
pub(super) fn access<W: Words>(words: &mut W, world: B256, place: Place) -> Result<Option<AccessInfo>, W::Error> {
    let record = Claim::load(words, layout::claim(world, place))?;
    if record.owner.is_zero() {
        return Ok(None);
    }
    Ok(Some(AccessInfo {
        owner: record.owner,
        revision: record.revision,
        build: build(&record),
        guests: members(words, world, place, List::Guests, record.guests)?,
        compactors: members(words, world, place, List::Compactors, record.compactors)?,
    }))
}

/// One of a claim's lists.
pub(super) fn members<W: Words>(
    words: &mut W,
    world: B256,
    place: Place,
    list: List,
    count: u8,
) -> Result<Vec<Address>, W::Error> {
    (0..count).map(|position| Address::load(words, layout::member(world, place, list, position))).collect()
}

fn build(record: &Claim) -> Build {
    // `claims::check_build` admits known numbers only.
    Build::from_number(record.build).unwrap_or(Build::Owner)
}
