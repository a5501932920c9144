//! The lists that make claims findable: all of a world, and those of one account in it.
//!
//! A list has no holes: the last entry takes a freed place. A claim knows its position in both.

use alloy_primitives::{Address, B256};

use super::{
    abi::IWorlds,
    layout::{self, Account, Claim, List, Place, World},
    limits::CLAIMS_PER_WORLD_MAX,
};
use crate::contract::{
    call::{Call, Stop, refuse},
    refusal::BrokenPromise,
    words::Record,
};

/// Enters a new claim at the end of both lists. The caller saves world and claim.
pub fn enter(call: &mut Call<'_>, id: B256, world: &mut World, place: Place, claim: &mut Claim) -> Result<(), Stop> {
    if world.claims >= CLAIMS_PER_WORLD_MAX {
        return Err(refuse(IWorlds::WorldIsFull { world: id, limit: u64::from(CLAIMS_PER_WORLD_MAX) }));
    }
    claim.listed = world.claims;
    world.claims += 1;
    call.save(layout::listed_at(id, claim.listed), &place);
    enter_owned(call, id, place, claim)
}

/// Enters a claim at the end of its owner's list. The caller saves the claim.
pub fn enter_owned(call: &mut Call<'_>, id: B256, place: Place, claim: &mut Claim) -> Result<(), Stop> {
    let at = layout::account(id, claim.owner);
    let mut account: Account = call.load(at)?;
    claim.owned = account.claims;
    // `may_claim` holds the count below a limit of 32 bits.
    account.claims = account.claims.saturating_add(1);
    call.save(layout::owned_at(id, claim.owner, claim.owned), &place);
    call.save(at, &account);
    Ok(())
}

/// Takes a claim out of both lists and forgets all of it but its revision. The caller saves the world.
pub fn remove(call: &mut Call<'_>, id: B256, world: &mut World, place: Place, claim: &Claim) -> Result<(), Stop> {
    let last = last(world.claims)?;
    if claim.listed != last {
        let moved: Place = call.load(layout::listed_at(id, last))?;
        change(call, id, moved, |other| other.listed = claim.listed)?;
        call.save(layout::listed_at(id, claim.listed), &moved);
    }
    call.save(layout::listed_at(id, last), &Place::default());
    world.claims = last;
    remove_owned(call, id, claim)?;
    clear_access(call, id, place, claim);
    call.save(layout::claim(id, place), &Claim { revision: claim.revision, ..Claim::default() });
    Ok(())
}

/// Takes a claim out of its owner's list.
pub fn remove_owned(call: &mut Call<'_>, id: B256, claim: &Claim) -> Result<(), Stop> {
    let at = layout::account(id, claim.owner);
    let mut account: Account = call.load(at)?;
    let last = last(account.claims)?;
    if claim.owned != last {
        let moved: Place = call.load(layout::owned_at(id, claim.owner, last))?;
        change(call, id, moved, |other| other.owned = claim.owned)?;
        call.save(layout::owned_at(id, claim.owner, claim.owned), &moved);
    }
    call.save(layout::owned_at(id, claim.owner, last), &Place::default());
    account.claims = last;
    call.save(at, &account);
    Ok(())
}

/// Wipes both access lists out of storage. The caller saves the claim.
pub fn clear_access(call: &mut Call<'_>, id: B256, place: Place, claim: &Claim) {
    for (list, count) in [(List::Guests, claim.guests), (List::Compactors, claim.compactors)] {
        (0..count).for_each(|position| call.save(layout::member(id, place, list, position), &Address::ZERO));
    }
}

/// The last position of a list that has the claim in it.
fn last(count: u32) -> Result<u32, Stop> {
    count.checked_sub(1).ok_or_else(|| refuse(BrokenPromise { what: "a claim is in no list".to_owned() }))
}

fn change(call: &mut Call<'_>, id: B256, place: Place, change: impl FnOnce(&mut Claim)) -> Result<(), Stop> {
    let at = layout::claim(id, place);
    let mut claim = Claim::load(call, at)?;
    change(&mut claim);
    call.save(at, &claim);
    Ok(())
}
