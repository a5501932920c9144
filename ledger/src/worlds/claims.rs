//! Claims: taking a location, keeping it, giving it back, passing it on.

use alloy_primitives::{Address, B256, U256};

use super::{
    abi::IWorlds,
    content,
    layout::{self, Account, Claim, Place, World},
    lists,
    registry::published,
    rights::{Build, Claimants},
    term::{self, Standing},
};
use crate::contract::{
    call::{Call, Stop, refuse},
    words::{Record, Words},
};

/// The claim of a location, held, in grace or lapsed.
pub fn existing(call: &mut Call<'_>, id: B256, place: Place) -> Result<Claim, Stop> {
    let claim: Claim = call.load(layout::claim(id, place))?;
    if claim.owner.is_zero() {
        // A location of no world is more likely a wrong id than a free place.
        published(call, id)?;
        return Err(refuse(IWorlds::NoSuchClaim { world: id, x: place.x, y: place.y, z: place.z }));
    }
    Ok(claim)
}

/// Refuses when the claim's last epoch is over.
pub fn held(call: &Call<'_>, claim: &Claim) -> Result<(), Stop> {
    match term::standing(claim.until, call.epoch) {
        Standing::Held => Ok(()),
        Standing::Grace | Standing::Lapsed => {
            Err(refuse(IWorlds::ClaimIsOver { untilEpoch: claim.until, epoch: call.epoch }))
        }
    }
}

/// A claim that the caller owns and that isn't over.
pub fn own(call: &mut Call<'_>, id: B256, place: Place) -> Result<Claim, Stop> {
    let claim = existing(call, id, place)?;
    by_owner(call, &claim)?;
    held(call, &claim)?;
    Ok(claim)
}

fn by_owner(call: &Call<'_>, claim: &Claim) -> Result<(), Stop> {
    if call.caller() != claim.owner {
        return Err(refuse(IWorlds::NotClaimOwner { caller: call.caller(), owner: claim.owner }));
    }
    Ok(())
}

/// Whether an account may get one more claim, by the rules of the world as read through anything.
pub fn may_claim<W: Words>(words: &mut W, id: B256, world: &World, who: Address) -> Result<Verdict, W::Error> {
    let account = Account::load(words, layout::account(id, who))?;
    // `registry` admits known rules only.
    let rule = Claimants::from_number(world.claimants).unwrap_or(Claimants::Creator);
    let admitted = rule.admit(who == world.creator, account.allowed);
    Ok(Verdict { account, admitted })
}

/// What [`may_claim`] found.
pub struct Verdict {
    /// What the world knows of the account.
    pub account: Account,
    /// Whether the world's rule admits it, its number of claims aside.
    pub admitted: bool,
}

fn check_claimant(call: &mut Call<'_>, id: B256, world: &World, who: Address) -> Result<(), Stop> {
    let Verdict { account, admitted } = may_claim(call, id, world, who)?;
    if !admitted {
        return Err(refuse(IWorlds::NotAllowed { account: who, whoMayClaim: world.claimants }));
    }
    if account.claims >= world.per_account {
        let (claims, limit) = (account.claims, world.per_account);
        return Err(refuse(IWorlds::TooManyClaims { account: who, claims, limit }));
    }
    Ok(())
}

/// Takes exactly the world's price and owes it to the creator. Exactly, because the price may have changed since the
/// caller looked: nobody pays what they didn't see.
fn take_price(call: &mut Call<'_>, world: &World) -> Result<u128, Stop> {
    let given = call.value()?;
    if given != world.price {
        return Err(refuse(IWorlds::WrongPrice { given: U256::from(given), price: U256::from(world.price) }));
    }
    #[cfg(test)]
    let given = {
        use crate::contract::planted::{Place, grain};
        given.saturating_sub(grain(Place::ClaimPriceShort)) + grain(Place::ClaimPriceOver)
    };
    call.pay(world.creator, given)?;
    Ok(given)
}

/// Takes a free or lapsed location for one term.
pub fn claim(call: &mut Call<'_>, id: B256, place: Place, dataset: B256, build: u8) -> Result<(), Stop> {
    let mut world = published(call, id)?;
    check_build(build)?;
    let former: Claim = call.load(layout::claim(id, place))?;
    if !former.owner.is_zero() {
        if term::standing(former.until, call.epoch) != Standing::Lapsed {
            return Err(refuse(IWorlds::IsClaimed {
                owner: former.owner,
                untilEpoch: former.until,
                freeFromEpoch: term::free_from(former.until),
            }));
        }
        remove(call, id, &mut world, place, &former)?;
    }
    let owner = call.caller();
    check_claimant(call, id, &world, owner)?;
    content::check(call, dataset, owner)?;
    let paid = take_price(call, &world)?;
    let mut claim = Claim {
        owner,
        build,
        revision: former.revision + 1,
        start: call.epoch,
        until: call.epoch.saturating_add(world.term),
        dataset,
        ..Claim::default()
    };
    lists::enter(call, id, &mut world, place, &mut claim)?;
    call.save(layout::world(id), &world);
    call.save(layout::claim(id, place), &claim);
    call.log(&IWorlds::Claimed {
        world: id,
        owner,
        x: place.x,
        y: place.y,
        z: place.z,
        dataset,
        build,
        untilEpoch: claim.until,
        accessRevision: claim.revision,
        creator: world.creator,
        paid: U256::from(paid),
    });
    Ok(())
}

/// Adds a term. The world's list is not asked: whoever was once let in stays as long as it pays.
pub fn renew(call: &mut Call<'_>, id: B256, place: Place) -> Result<(), Stop> {
    let mut claim = existing(call, id, place)?;
    by_owner(call, &claim)?;
    if term::standing(claim.until, call.epoch) == Standing::Lapsed {
        return Err(refuse(IWorlds::ClaimIsOver { untilEpoch: claim.until, epoch: call.epoch }));
    }
    let world = published(call, id)?;
    let from = term::renewable_from(claim.until, world.term);
    if call.epoch < from {
        return Err(refuse(IWorlds::RenewTooEarly { fromEpoch: from, epoch: call.epoch }));
    }
    let paid = take_price(call, &world)?;
    claim.until = term::renewed(claim.until, world.term, call.epoch);
    call.save(layout::claim(id, place), &claim);
    call.log(&IWorlds::ClaimRenewed {
        world: id,
        owner: claim.owner,
        x: place.x,
        y: place.y,
        z: place.z,
        untilEpoch: claim.until,
        creator: world.creator,
        paid: U256::from(paid),
    });
    Ok(())
}

/// Gives a location back, or prunes a lapsed claim.
pub fn release(call: &mut Call<'_>, id: B256, place: Place) -> Result<(), Stop> {
    let claim = existing(call, id, place)?;
    if term::standing(claim.until, call.epoch) != Standing::Lapsed {
        by_owner(call, &claim)?;
    }
    let mut world = published(call, id)?;
    remove(call, id, &mut world, place, &claim)?;
    call.save(layout::world(id), &world);
    Ok(())
}

/// Ends a claim. The caller saves the world.
fn remove(call: &mut Call<'_>, id: B256, world: &mut World, place: Place, claim: &Claim) -> Result<(), Stop> {
    lists::remove(call, id, world, place, claim)?;
    call.log(&IWorlds::ClaimReleased {
        world: id,
        owner: claim.owner,
        x: place.x,
        y: place.y,
        z: place.z,
        lapsed: term::standing(claim.until, call.epoch) == Standing::Lapsed,
        by: call.caller(),
    });
    Ok(())
}

/// Gives the rest of the term to another account, which must be one that may claim. The former owner's guests and
/// compactors lose their rights: the new owner never named them.
pub fn transfer(call: &mut Call<'_>, id: B256, place: Place, to: Address) -> Result<(), Stop> {
    let former = own(call, id, place)?;
    if to.is_zero() {
        return Err(refuse(IWorlds::NoAccount {}));
    }
    let world = published(call, id)?;
    lists::remove_owned(call, id, &former)?;
    check_claimant(call, id, &world, to)?;
    lists::clear_access(call, id, place, &former);
    let mut claim = Claim {
        owner: to,
        build: Build::Owner as u8,
        guests: 0,
        compactors: 0,
        revision: former.revision + 1,
        ..former.clone()
    };
    lists::enter_owned(call, id, place, &mut claim)?;
    call.save(layout::claim(id, place), &claim);
    call.log(&IWorlds::ClaimTransferred {
        world: id,
        from: former.owner,
        to,
        x: place.x,
        y: place.y,
        z: place.z,
        accessRevision: claim.revision,
    });
    Ok(())
}

/// Refuses a number that means no right to build.
pub fn check_build(build: u8) -> Result<(), Stop> {
    Build::from_number(build).map(drop).ok_or_else(|| refuse(IWorlds::BadBuild { given: build }))
}
