//! Refusals in words: what was refused, by which numbers, and what to do about it.

use alloy_primitives::U256;
use alloy_sol_types::SolInterface;
use bitdust_types::Amount;

use super::abi::IMarket::IMarketErrors as Errors;

/// Puts the ABI-encoded custom error of a refused call into words. `None` if the bytes are no error of the Market.
pub fn explain(data: &[u8]) -> Option<String> {
    let error = Errors::abi_decode_validate(data).ok()?;
    Some(
        of_calls(&error)
            .or_else(|| of_offers(&error))
            .or_else(|| of_datasets(&error))
            .unwrap_or_else(|| of_slots(&error)),
    )
}

/// An amount for people.
fn dust(grains: U256) -> String {
    u128::try_from(grains).map_or_else(|_| format!("{grains} grains"), |grains| Amount::from_grains(grains).to_string())
}

/// How much more is needed.
fn missing(needed: U256, available: U256) -> String {
    dust(needed.saturating_sub(available))
}

/// Refusals that concern the call as such, and the protocol's own.
fn of_calls(error: &Errors) -> Option<String> {
    Some(match error {
        Errors::UnknownFunction(e) => {
            format!("the Market has no function {}: compare with ledger/abi/Market.sol", e.selector)
        }
        Errors::BadArguments(e) => {
            format!("the arguments of function {} can't be decoded: compare with ledger/abi/Market.sol", e.selector)
        }
        Errors::NotPayable(e) => format!("this function takes no coins, but {} came with it: send none", dust(e.value)),
        Errors::ReadOnly(e) => {
            format!("function {} writes and can't run in a view call: send it as a transaction", e.selector)
        }
        Errors::NotSystem(e) => format!("only the protocol itself enters verdicts, not {}", e.caller),
        Errors::AmountTooLarge(_) => "an amount exceeds 2^128 - 1 grains: use smaller prices or values".into(),
        Errors::BrokenPromise(e) => {
            format!("the Market broke a promise of its own ({}): nothing was changed; please report it", e.what)
        }
        Errors::WrongEpoch(e) => format!("the proof is of epoch {}, but the ledger is in epoch {}", e.given, e.epoch),
        Errors::OutsideWindow(e) => format!(
            "proofs are taken in blocks {} to {} of an epoch, this is block {}: wait for the window",
            e.first, e.last, e.blockInEpoch
        ),
        Errors::AlreadyProven(e) => format!("{} has proven epoch {} already", e.supplier, e.epoch),
        Errors::NothingDue(e) => format!("{} held no bytes when epoch {} began: nothing to prove", e.supplier, e.epoch),
        Errors::BadVerdict(e) => {
            format!("sample {} in the verdict is not ascending or not among the {}", e.sample, e.samples)
        }
        _ => return None,
    })
}

/// Refusals that concern suppliers.
fn of_offers(error: &Errors) -> Option<String> {
    Some(match error {
        Errors::OfferHasExpired(e) => format!(
            "the offer of {} was valid until height {}, now is {}: the supplier must register it again",
            e.supplier, e.validUntil, e.height
        ),
        Errors::OfferStillValid(e) => format!(
            "the offer of {} is valid until height {}, now is {}: only an expired one can be \
             pruned, or, when the list is full, one with less than 1 DUST of collateral",
            e.supplier, e.validUntil, e.height
        ),
        Errors::BadOffer(e) => {
            format!("{} of the offer is {}, but the limit is {}: change it", e.field, e.value, e.limit)
        }
        Errors::NoOffer(e) => format!("{} has no offer: register one first", e.supplier),
        Errors::TooManyOffers(e) => {
            format!("the list of {} offers is full: prune one that has expired or has no collateral first", e.limit)
        }
        Errors::InsufficientCollateral(e) => format!(
            "{} needs {} of free collateral and has {}: deposit {} more",
            e.supplier,
            dust(e.needed),
            dust(e.available),
            missing(e.needed, e.available)
        ),
        Errors::NothingSent(_) => "no coins came with the call: send the amount to deposit as its value".into(),
        Errors::CapacityExceeded(e) => format!(
            "{} would hold {} bytes but offers {}: choose another supplier, or let it offer more",
            e.supplier, e.needed, e.capacity
        ),
        Errors::TooManySlots(e) => {
            format!("{} holds {} slots, the most there can be: choose another", e.supplier, e.limit)
        }
        Errors::AlreadyHoldsSlot(e) => format!(
            "{} holds slot {} of this dataset already: only the owner may give it a second one",
            e.supplier, e.slot
        ),
        Errors::NotSupplier(e) => {
            format!("{} doesn't hold this slot, {} does: send it from the supplier's account", e.caller, e.supplier)
        }
        Errors::SeedIsKnown(e) => format!(
            "the seed of epoch {} is known (block {} of the epoch, {} reveals): declare before the last reveal, or \
             after this epoch's proof",
            e.epoch, e.blockInEpoch, e.reveals
        ),
        _ => return None,
    })
}

/// Refusals that concern datasets and revisions.
fn of_datasets(error: &Errors) -> Option<String> {
    Some(match error {
        Errors::BadLayout(e) => {
            format!("{} of {} is no layout: 1 <= k <= n <= 64 is needed, k data shards among n slots", e.k, e.n)
        }
        Errors::BadVisibility(e) => format!("visibility {} is unknown: 0 is private, 1 is public", e.given),
        Errors::BadTerm(e) => format!("a term of {} epochs is not within 1..={}: choose another", e.epochs, e.limit),
        Errors::NoOwner(_) => "the owner is the zero address: name the account that shall own the dataset".into(),
        Errors::DatasetExists(e) => {
            format!("dataset {} exists, and ids are not used twice: choose another salt", e.dataset)
        }
        Errors::NoSuchDataset(e) => format!("there is no dataset {}: check the id", e.dataset),
        Errors::DatasetHasEnded(e) => format!("dataset {} was ended: create another", e.dataset),
        Errors::TermIsOver(e) => format!(
            "the term of dataset {} ends with epoch {}, now is {}: renew it in time, or create another",
            e.dataset, e.endEpoch, e.epoch
        ),
        Errors::TooManyDatasets(e) => {
            format!("{} has {} datasets, the most there can be: end one first", e.owner, e.limit)
        }
        Errors::NotOwner(e) => format!("only the owner {} may do this, not {}", e.owner, e.caller),
        Errors::NotOwnerOrPayer(e) => {
            format!("only the owner {} or the payer {} may do this, not {}", e.owner, e.payer, e.caller)
        }
        Errors::NotWriter(e) => {
            format!("{} may not write to dataset {}: its owner must set it as a writer", e.caller, e.dataset)
        }
        Errors::WriterHasExpired(e) => format!(
            "the right of {} to write ended with epoch {}, now is {}: its owner must set it again",
            e.writer, e.expiryEpoch, e.epoch
        ),
        Errors::WriterQuotaExceeded(e) => format!(
            "{} would add {} bytes but has {} left of its quota: its owner must raise it",
            e.writer, e.needed, e.available
        ),
        Errors::TooManyWriters(e) => format!("a dataset has at most {} writers: remove one first", e.limit),
        Errors::WrongNumber(e) => format!(
            "revision {} was sent, but {} is next: read the newest revision and build upon it",
            e.given, e.expected
        ),
        Errors::WrongRootCount(e) => {
            format!("{} slot roots were sent, but the dataset has {} slots", e.given, e.expected)
        }
        Errors::TooManyHolds(e) => format!("{} promises were sent, but the dataset has {} slots", e.given, e.limit),
        Errors::SlotTooLarge(e) => {
            format!("{} bytes per slot exceed the limit of {}: use a second dataset", e.bytesPerSlot, e.limit)
        }
        Errors::ShrinkNeedsOwner(e) => format!(
            "the revision shrinks each slot from {} to {} bytes, which only the owner may do",
            e.bytesNow, e.bytesWanted
        ),
        Errors::InsufficientEscrow(e) => format!(
            "the slots need {} of escrow until the end of the term, and {} is left: fund the dataset with {} more",
            dust(e.needed),
            dust(e.available),
            missing(e.needed, e.available)
        ),
        _ => return None,
    })
}

/// Refusals that concern slots and promises: all that are left.
fn of_slots(error: &Errors) -> String {
    match error {
        Errors::NoSuchSlot(e) => format!("there is no slot {}: the dataset has {}, counted from 0", e.slot, e.n),
        Errors::SlotMismatch(e) => format!("slot {} was asked for, but the promise is for slot {}", e.asked, e.signed),
        Errors::NothingToHold(e) => format!("dataset {} has no revision yet: revise it first", e.dataset),
        Errors::SlotIsTaken(e) => {
            format!("slot {} is held by {}, which is alive: choose another slot", e.slot, e.supplier)
        }
        Errors::SlotIsFree(e) => format!("slot {} is free: there is nothing to reap", e.slot),
        Errors::HoldHasExpired(e) => format!(
            "the promise for slot {} was valid until height {}, now is {}: ask the supplier to sign again",
            e.slot, e.validUntil, e.height
        ),
        Errors::HoldIsStale(e) => format!(
            "the promise for slot {} (valid until {}) is not newer than the last one used (valid until {}): ask the \
             supplier to sign again",
            e.slot, e.validUntil, e.lastValidUntil
        ),
        Errors::BadHoldSignature(e) => format!(
            "the promise for slot {} is not signed by {} for the dataset's newest revision (the signature names {}): \
             ask the supplier to sign the revision on the ledger",
            e.slot, e.supplier, e.recovered
        ),
        Errors::RateAboveCap(e) => format!(
            "the rate of slot {} is {} per GiB and epoch, but {} is the most allowed: ask another supplier, or let the \
             owner agree",
            e.slot,
            dust(U256::from(e.rate)),
            dust(U256::from(e.cap))
        ),
        Errors::TermAboveOffer(e) => format!(
            "slot {} would be held for {} epochs, but the supplier offers {}: choose another or a shorter term",
            e.slot, e.epochs, e.limit
        ),
        Errors::NotReapable(e) => format!(
            "slot {} is alive: {} of {} windows missed in a row, paid until epoch {}",
            e.slot, e.missedWindows, e.needed, e.endEpoch
        ),
        // The three functions above take every other error; the test over all errors holds them to it.
        _ => "the Market refused the call".into(),
    }
}
