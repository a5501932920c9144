//! Refusals in words: what was refused, by which numbers, and what to do about it.

use alloy_primitives::U256;
use alloy_sol_types::SolInterface;
use bitdust_types::Amount;

use super::{
    abi::IWorlds::IWorldsErrors as Errors,
    limits::{CLAIMS_PER_ACCOUNT_MAX, GRACE_EPOCHS},
};

/// Puts the ABI-encoded custom error of a refused call into words. `None` if the bytes are no error of the Worlds.
pub fn explain(data: &[u8]) -> Option<String> {
    let error = Errors::abi_decode_validate(data).ok()?;
    Some(of_calls(&error).or_else(|| of_worlds(&error)).unwrap_or_else(|| of_claims(&error)))
}

/// An amount for people.
fn dust(grains: U256) -> String {
    u128::try_from(grains).map_or_else(|_| format!("{grains} grains"), |grains| Amount::from_grains(grains).to_string())
}

/// Refusals that concern the call as such.
fn of_calls(error: &Errors) -> Option<String> {
    Some(match error {
        Errors::UnknownFunction(e) => {
            format!("the Worlds have no function {}: compare with ledger/abi/Worlds.sol", e.selector)
        }
        Errors::BadArguments(e) => {
            format!("the arguments of function {} can't be decoded: compare with ledger/abi/Worlds.sol", e.selector)
        }
        Errors::NotPayable(e) => format!("this function takes no coins, but {} came with it: send none", dust(e.value)),
        Errors::ReadOnly(e) => {
            format!("function {} writes and can't run in a view call: send it as a transaction", e.selector)
        }
        Errors::AmountTooLarge(_) => "an amount exceeds 2^128 - 1 grains: use a smaller price".into(),
        Errors::BrokenPromise(e) => {
            format!("the Worlds broke a promise of their own ({}): nothing was changed; please report it", e.what)
        }
        _ => return None,
    })
}

/// Refusals that concern worlds, and the data they name.
fn of_worlds(error: &Errors) -> Option<String> {
    Some(match error {
        Errors::NoSuchWorld(e) => format!("there is no world {}: check the id, or publish it first", e.world),
        Errors::WorldExists(e) => {
            format!("world {} was published by {}: change the definition, which gives another id", e.world, e.creator)
        }
        Errors::TooManyWorlds(e) => {
            format!("there are {} worlds, the most there can be: claim in one of them instead", e.limit)
        }
        Errors::BadName(e) => {
            format!("the name has {} bytes, but must have 1 to {}: choose a shorter or any name", e.given, e.limit)
        }
        Errors::NameHasControls(e) => {
            format!("the name has a control character at byte {}: use printable characters only", e.at)
        }
        Errors::BadRule(e) => format!(
            "{} says nothing about who may claim: 0 everybody, 1 listed accounts, {} nobody but the creator",
            e.given, e.limit
        ),
        Errors::BadTerm(e) => format!("a term of {} epochs is not within 1..={}: choose another", e.epochs, e.limit),
        Errors::BadClaimLimit(e) => {
            format!("{} claims per account were asked for, but {} are the most: lower the number", e.given, e.limit)
        }
        Errors::WrongFee(e) => {
            format!("publishing a world costs {}, but {} came: send exactly the fee", dust(e.fee), dust(e.given))
        }
        Errors::NotCreator(e) => {
            format!("only the world's creator {} may do this, not {}: send it from that account", e.creator, e.caller)
        }
        Errors::NoAccount(_) => "an account in the call is the zero address: name a real one".into(),
        Errors::NoSuchDataset(e) => {
            format!("the Market has no dataset {}: create it first, and wait for its block", e.dataset)
        }
        Errors::DatasetIsOver(e) => format!(
            "dataset {} was ended or its term is over (it runs until epoch {}, now is {}): renew it in time, or name \
             another",
            e.dataset, e.endEpoch, e.epoch
        ),
        Errors::DatasetIsPrivate(e) => {
            format!("dataset {} is private, but others must read it: create a public one", e.dataset)
        }
        Errors::NotDatasetOwner(e) => {
            format!("dataset {} belongs to {}, not to {}: name one of your own", e.dataset, e.owner, e.caller)
        }
        _ => return None,
    })
}

/// Refusals that concern claims: all that are left.
fn of_claims(error: &Errors) -> String {
    match error {
        Errors::WrongPrice(e) => format!(
            "the price is {}, but {} came (the creator may have changed it): look again and send exactly the price",
            dust(e.price),
            dust(e.given)
        ),
        Errors::NotAllowed(e) if e.whoMayClaim == 1 => {
            format!("{} is not among those who may claim in this world: ask its creator to allow it", e.account)
        }
        Errors::NotAllowed(e) => {
            format!("only the creator may claim in this world, not {}: choose another world", e.account)
        }
        Errors::TooManyClaims(e) => format!(
            "{} has {} claims in this world, where one account may get {} (and never more than {}): release one first",
            e.account, e.claims, e.limit, CLAIMS_PER_ACCOUNT_MAX
        ),
        Errors::WorldIsFull(e) => {
            format!("world {} has {} claims, the most there can be: prune a lapsed one first", e.world, e.limit)
        }
        Errors::IsClaimed(e) => format!(
            "the location belongs to {} until epoch {}, and is free from epoch {} on if it isn't renewed: choose \
             another, or wait",
            e.owner, e.untilEpoch, e.freeFromEpoch
        ),
        Errors::NoSuchClaim(e) => format!(
            "nobody claims location ({}, {}, {}) of world {}: check the position, or claim it first",
            e.x, e.y, e.z, e.world
        ),
        Errors::NotClaimOwner(e) => {
            format!("the claim belongs to {}, not to {}: send it from the owner's account", e.owner, e.caller)
        }
        Errors::ClaimIsOver(e) => format!(
            "the claim ended with epoch {}, now is {}: renew it within {GRACE_EPOCHS} epochs of its end, or claim anew",
            e.untilEpoch, e.epoch
        ),
        Errors::RenewTooEarly(e) => format!(
            "the claim can be renewed from epoch {} on, now is {}: wait until half of its term is over",
            e.fromEpoch, e.epoch
        ),
        Errors::BadBuild(e) => {
            format!("{} says nothing about who may build: 0 the owner, 1 the guests too, 2 everybody", e.given)
        }
        Errors::TooManyAccounts(e) => {
            format!("{} {} were named, but {} are the most: name fewer", e.given, e.list, e.limit)
        }
        Errors::AccountTwice(e) => format!("{} is twice among the {}: name each account once", e.account, e.list),
        Errors::NotCompactor(e) => format!(
            "{} may not enter a compacted version: its owner {} must name it as a compactor first",
            e.caller, e.owner
        ),
        Errors::NoManifest(_) => "the manifest's root is zero: send the root of the manifest that was stored".into(),
        Errors::BadSequence(e) => format!(
            "version {} was sent, but the last one is {} and the next must be above it, up to {}: compact upon the \
             newest version",
            e.given, e.last, e.limit
        ),
        // The functions above take every other error; the test over all errors holds them to it.
        _ => "the Worlds refused the call".into(),
    }
}
