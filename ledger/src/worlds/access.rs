//! What an owner says about its location: who may build, which version is compacted, where the data is.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256};

use super::{
    abi::IWorlds,
    claims, content,
    layout::{self, Claim, List, Place},
    limits::{COMPACTORS_MAX, GUESTS_MAX, SEQUENCE_STEP_MAX},
    lists, view,
};
use crate::contract::call::{Call, Stop, refuse};

/// Replaces the access list.
pub fn set_access(call: &mut Call<'_>, place: Place, given: &IWorlds::setAccessCall) -> Result<(), Stop> {
    let id = given.world;
    let former = claims::own(call, id, place)?;
    claims::check_build(given.build)?;
    check_list("guests", &given.guests, GUESTS_MAX)?;
    check_list("compactors", &given.compactors, COMPACTORS_MAX)?;
    lists::clear_access(call, id, place, &former);
    for (list, members) in [(List::Guests, &given.guests), (List::Compactors, &given.compactors)] {
        for (position, member) in (0u8..).zip(members) {
            call.save(layout::member(id, place, list, position), member);
        }
    }
    let claim = Claim {
        build: given.build,
        // `check_list` bounds both by 64.
        guests: given.guests.len() as u8,
        compactors: given.compactors.len() as u8,
        revision: former.revision + 1,
        ..former
    };
    call.save(layout::claim(id, place), &claim);
    call.log(&IWorlds::AccessSet {
        world: id,
        x: place.x,
        y: place.y,
        z: place.z,
        accessRevision: claim.revision,
        build: given.build,
        guests: given.guests.clone(),
        compactors: given.compactors.clone(),
    });
    Ok(())
}

fn check_list(list: &str, accounts: &[Address], limit: usize) -> Result<(), Stop> {
    if accounts.len() > limit {
        let (given, limit) = (U256::from(accounts.len()), U256::from(limit));
        return Err(refuse(IWorlds::TooManyAccounts { list: list.to_owned(), given, limit }));
    }
    let mut seen = BTreeSet::new();
    for account in accounts {
        if account.is_zero() {
            return Err(refuse(IWorlds::NoAccount {}));
        }
        if !seen.insert(account) {
            return Err(refuse(IWorlds::AccountTwice { list: list.to_owned(), account: *account }));
        }
    }
    Ok(())
}

/// Enters a compacted version.
pub fn set_compacted(call: &mut Call<'_>, place: Place, given: &IWorlds::setCompactedCall) -> Result<(), Stop> {
    let (id, by) = (given.world, call.caller());
    let mut claim = claims::existing(call, id, place)?;
    if by != claim.owner && !view::members(call, id, place, List::Compactors, claim.compactors)?.contains(&by) {
        return Err(refuse(IWorlds::NotCompactor { caller: by, owner: claim.owner }));
    }
    claims::held(call, &claim)?;
    if given.manifest.is_zero() {
        return Err(refuse(IWorlds::NoManifest {}));
    }
    let limit = claim.sequence.saturating_add(SEQUENCE_STEP_MAX);
    if given.sequence <= claim.sequence || given.sequence > limit {
        return Err(refuse(IWorlds::BadSequence { given: given.sequence, last: claim.sequence, limit }));
    }
    claim.manifest = given.manifest;
    claim.sequence = given.sequence;
    call.save(layout::claim(id, place), &claim);
    call.log(&IWorlds::Compacted {
        world: id,
        by,
        x: place.x,
        y: place.y,
        z: place.z,
        dataset: claim.dataset,
        manifest: claim.manifest,
        sequence: claim.sequence,
    });
    Ok(())
}

/// Moves the location to another dataset.
pub fn set_dataset(call: &mut Call<'_>, id: B256, place: Place, dataset: B256) -> Result<(), Stop> {
    let mut claim = claims::own(call, id, place)?;
    content::check(call, dataset, claim.owner)?;
    claim.dataset = dataset;
    call.save(layout::claim(id, place), &claim);
    call.log(&IWorlds::ClaimDatasetSet { world: id, x: place.x, y: place.y, z: place.z, dataset });
    Ok(())
}
