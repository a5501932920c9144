//! Worlds themselves: publishing one, changing its rules, passing it on, listing who may claim.

use alloy_primitives::{Address, B256, U256};
use bitdust_types::{limits::TERM_EPOCHS_MAX, system};

use super::{
    abi::IWorlds,
    content,
    layout::{self, Account, World},
    limits::{CLAIMS_PER_ACCOUNT_MAX, NAME_BYTES_MAX, WORLD_FEE, WORLDS_MAX},
    rights::Claimants,
};
use crate::contract::{
    call::{Call, Stop, refuse},
    money,
};

/// A published world.
pub fn published(call: &mut Call<'_>, id: B256) -> Result<World, Stop> {
    let world: World = call.load(layout::world(id))?;
    if world.creator.is_zero() {
        return Err(refuse(IWorlds::NoSuchWorld { world: id }));
    }
    Ok(world)
}

fn by_creator(call: &mut Call<'_>, id: B256) -> Result<World, Stop> {
    let world = published(call, id)?;
    if call.caller() != world.creator {
        return Err(refuse(IWorlds::NotCreator { caller: call.caller(), creator: world.creator }));
    }
    Ok(world)
}

/// Publishes a world.
pub fn create(call: &mut Call<'_>, given: &IWorlds::createWorldCall) -> Result<(), Stop> {
    check_name(&given.name)?;
    check_rules(given.whoMayClaim, given.claimsPerAccount)?;
    if !(1..=TERM_EPOCHS_MAX).contains(&given.termEpochs) {
        return Err(refuse(IWorlds::BadTerm { epochs: given.termEpochs, limit: TERM_EPOCHS_MAX }));
    }
    let (creator, fee) = (call.caller(), call.value()?);
    if fee != WORLD_FEE {
        return Err(refuse(IWorlds::WrongFee { given: U256::from(fee), fee: U256::from(WORLD_FEE) }));
    }
    let price = money::narrow(given.price)?;
    let taken: World = call.load(layout::world(given.world))?;
    if !taken.creator.is_zero() {
        return Err(refuse(IWorlds::WorldExists { world: given.world, creator: taken.creator }));
    }
    content::check(call, given.dataset, creator)?;
    let count: u32 = call.load(layout::world_count())?;
    if count >= WORLDS_MAX {
        return Err(refuse(IWorlds::TooManyWorlds { limit: u64::from(WORLDS_MAX) }));
    }
    call.save(layout::world_at(count), &given.world);
    call.save(layout::world_count(), &(count + 1));
    let (name_low, name_high) = split(&given.name);
    let world = World {
        creator,
        claimants: given.whoMayClaim,
        // `check_name` bounds it by 64.
        name_len: given.name.len() as u8,
        per_account: given.claimsPerAccount,
        price,
        term: given.termEpochs,
        claims: 0,
        dataset: given.dataset,
        name_low,
        name_high,
    };
    call.save(layout::world(given.world), &world);
    #[cfg(test)]
    let fee = fee.saturating_sub(crate::contract::planted::grain(crate::contract::planted::Place::WorldFee));
    call.pay(system::SHARES, fee)?;
    call.log(&IWorlds::WorldCreated {
        world: given.world,
        creator,
        name: given.name.clone(),
        dataset: given.dataset,
        whoMayClaim: given.whoMayClaim,
        price: given.price,
        termEpochs: given.termEpochs,
        claimsPerAccount: given.claimsPerAccount,
        fee: U256::from(fee),
    });
    Ok(())
}

/// Changes a world's content and rules.
pub fn set(call: &mut Call<'_>, given: &IWorlds::setWorldCall) -> Result<(), Stop> {
    let mut world = by_creator(call, given.world)?;
    check_rules(given.whoMayClaim, given.claimsPerAccount)?;
    // What stands may stay, even if its dataset has ended meanwhile: prices must be changeable without paying for data.
    if given.dataset != world.dataset {
        content::check(call, given.dataset, world.creator)?;
    }
    world.dataset = given.dataset;
    world.claimants = given.whoMayClaim;
    world.price = money::narrow(given.price)?;
    world.per_account = given.claimsPerAccount;
    call.save(layout::world(given.world), &world);
    call.log(&IWorlds::WorldSet {
        world: given.world,
        dataset: given.dataset,
        whoMayClaim: given.whoMayClaim,
        price: given.price,
        claimsPerAccount: given.claimsPerAccount,
    });
    Ok(())
}

/// Passes a world on to another creator.
pub fn transfer(call: &mut Call<'_>, id: B256, to: Address) -> Result<(), Stop> {
    let mut world = by_creator(call, id)?;
    if to.is_zero() {
        return Err(refuse(IWorlds::NoAccount {}));
    }
    let from = std::mem::replace(&mut world.creator, to);
    call.save(layout::world(id), &world);
    call.log(&IWorlds::WorldTransferred { world: id, from, to });
    Ok(())
}

/// Puts an account on the list of those who may claim, or takes it off.
pub fn allow(call: &mut Call<'_>, id: B256, who: Address, allowed: bool) -> Result<(), Stop> {
    by_creator(call, id)?;
    let at = layout::account(id, who);
    let account: Account = call.load(at)?;
    call.save(at, &Account { allowed, ..account });
    call.log(&IWorlds::Allowed { world: id, account: who, allowed });
    Ok(())
}

fn check_name(name: &str) -> Result<(), Stop> {
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) {
        let (given, limit) = (U256::from(name.len()), U256::from(NAME_BYTES_MAX));
        return Err(refuse(IWorlds::BadName { given, limit }));
    }
    // A name stands in other people's menus and terminals. Unicode's set of control characters is fixed for ever.
    match name.find(char::is_control) {
        Some(at) => Err(refuse(IWorlds::NameHasControls { at: U256::from(at) })),
        None => Ok(()),
    }
}

fn check_rules(claimants: u8, per_account: u32) -> Result<(), Stop> {
    if Claimants::from_number(claimants).is_none() {
        return Err(refuse(IWorlds::BadRule { given: claimants, limit: Claimants::MAX }));
    }
    if per_account > CLAIMS_PER_ACCOUNT_MAX {
        return Err(refuse(IWorlds::BadClaimLimit { given: per_account, limit: CLAIMS_PER_ACCOUNT_MAX }));
    }
    Ok(())
}

/// Up to 64 bytes as two words, padded with zeros.
fn split(name: &str) -> (B256, B256) {
    let (low, high) = name.as_bytes().split_at(name.len().min(32));
    (B256::right_padding_from(low), B256::right_padding_from(high))
}
