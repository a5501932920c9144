//! Which supplier gets which slot.
//!
//! At most one slot of a dataset per operator and per /24 (IPv4) or /48 (IPv6), so that no one failure of a person, a house
//! or a network takes two shards. Among those that may, the score decides: price, proof record, latency, throughput, and
//! failures remembered from earlier uploads. Integers only, so that a choice can be explained and repeated.
//!
//! Ties are broken by a lot, keccak256(dataset ‖ account), and by lot the chosen are dealt to the slots. A small dataset's
//! bytes may all lie in one slot, and suppliers may be each other's equals: in any order that is the same for all datasets
//! one supplier would have to hand out everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
};

use bitdust_types::{Address, Amount, B256, DatasetId, keccak256, signing};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::supplier::admission::reserve;

/// Suppliers whose failures are remembered; the ones forgotten first failed longest ago.
pub const FAILURES_MAX: usize = 4096;
/// After this time a failure counts half.
pub const FAILURE_HALF_LIFE_MS: u64 = 600_000;

/// A supplier that might take a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Account.
    pub account: Address,
    /// Who runs it; zero if it didn't say, which counts as an operator of its own.
    pub operator: B256,
    /// Region, as it says.
    pub region: String,
    /// Price per GiB and epoch.
    pub price: Amount,
    /// Capacity offered and not yet held.
    pub capacity_free_bytes: u64,
    /// Collateral that isn't reserved.
    pub collateral_free: Amount,
    /// Longest term in epochs.
    pub term_epochs_max: u64,
    /// Where the network says it is.
    pub addresses: Vec<IpAddr>,
    /// Epochs proved.
    pub proven_epochs: u64,
    /// Epochs due and not proved.
    pub missed_epochs: u64,
    /// Measured round trip, if any.
    pub latency_ms: Option<u64>,
    /// Measured throughput, if any.
    pub kib_per_second: Option<u64>,
}

/// What the owner asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whose slots: decides between equals.
    pub dataset: DatasetId,
    /// Highest rate per GiB and epoch.
    pub price_cap: Amount,
    /// Bytes that a slot is expected to need at least.
    pub slot_bytes: u64,
    /// Epochs until the term's end.
    pub term_epochs: u64,
    /// Regions to choose from; empty for any.
    pub regions: BTreeSet<String>,
    /// Whether several slots may share a loopback address: on a devnet all suppliers are one machine.
    pub share_loopback: bool,
}

/// A slot and who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Slot.
    pub slot: u16,
    /// Supplier.
    pub supplier: Address,
    /// Rate to offer: the supplier's price.
    pub rate: Amount,
}

/// Why not every slot found a supplier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// Slots to fill.
    pub needed: usize,
    /// Slots that could be filled.
    pub found: usize,
    /// Who was passed over, and why.
    pub refused: Vec<(Address, String)>,
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} suppliers are needed, {} fit", self.needed, self.found)?;
        for (account, reason) in self.refused.iter().take(8) {
            write!(f, "; {account}: {reason}")?;
        }
        if self.refused.len() > 8 {
            write!(f, "; and {} more", self.refused.len() - 8)?;
        }
        f.write_str(". Wait for more offers, raise the price cap, or choose a smaller n")
    }
}

impl std::error::Error for Unplaced {}

/// Failures of suppliers, remembered across uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Failures(Vec<Failure>);

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Failure {
    #[borsh(serialize_with = "signing::write_address", deserialize_with = "signing::read_address")]
    account: Address,
    /// In thousandths of a failure.
    weight: u32,
    at_ms: u64,
}

impl Failures {
    /// A transfer to or from this supplier failed.
    pub fn note(&mut self, account: Address, now_ms: u64) {
        let weight = self.weight(account, now_ms).saturating_add(1000).min(32_000);
        self.0.retain(|failure| failure.account != account);
        if self.0.len() >= FAILURES_MAX {
            self.0.remove(0);
        }
        self.0.push(Failure { account, weight, at_ms: now_ms });
    }

    /// A transfer went well: an old grudge counts half.
    pub fn forgive(&mut self, account: Address) {
        self.0.iter_mut().filter(|failure| failure.account == account).for_each(|failure| failure.weight /= 2);
        self.0.retain(|failure| failure.weight > 0);
    }

    /// Failures in thousandths, the older the less.
    pub fn weight(&self, account: Address, now_ms: u64) -> u32 {
        let Some(failure) = self.0.iter().find(|failure| failure.account == account) else { return 0 };
        let half_lives = now_ms.saturating_sub(failure.at_ms) / FAILURE_HALF_LIFE_MS;
        u32::try_from(half_lives).ok().and_then(|times| failure.weight.checked_shr(times)).unwrap_or(0)
    }
}

/// A candidate's score, higher is better: up to 4000 for price, 3000 for the proof record, 2000 for latency, 1000 for
/// throughput; then halved, roughly, by each recent failure.
pub fn score(candidate: &Candidate, cheapest: Amount, failures: u32) -> u64 {
    let price = match candidate.price.grains() {
        0 => 4000,
        price => u64::try_from(cheapest.grains().saturating_mul(4000) / price).unwrap_or(4000).min(4000),
    };
    let (proven, missed) = (candidate.proven_epochs.min(1 << 32), candidate.missed_epochs.min(1 << 32));
    // Laplace's rule: a newcomer stands between one that always proved and one that never did.
    let record = 3000 * (proven + 1) / (proven + missed + 2);
    let latency = 2000 * 50 / (50 + candidate.latency_ms.unwrap_or(150).min(1 << 32));
    let speed = candidate.kib_per_second.unwrap_or(512).min(1 << 32);
    let throughput = 1000 * speed / (speed + 1024);
    (price + record + latency + throughput) * 1000 / (1000 + u64::from(failures))
}

/// A supplier's lot for a dataset: as good as drawn, and the same whenever it is asked for.
pub fn lot(dataset: &DatasetId, account: &Address) -> B256 {
    keccak256([dataset.0.as_slice(), account.as_slice()].concat())
}

/// Chooses suppliers for `slots`. `holders` are those of the dataset's other slots, which the rule of one slot per operator
/// and network counts too.
///
/// # Errors
/// [`Unplaced`], with the reason for everyone who was passed over.
pub fn place(
    slots: &[u16],
    holders: &[Candidate],
    candidates: &[Candidate],
    policy: &Policy,
    failures: &Failures,
    now_ms: u64,
) -> Result<Vec<Placement>, Unplaced> {
    let (mut placements, refused) = rank(holders, candidates, policy, failures, now_ms, slots.len());
    if placements.len() < slots.len() {
        return Err(Unplaced { needed: slots.len(), found: placements.len(), refused });
    }
    placements.sort_by_cached_key(|candidate| lot(&policy.dataset, &candidate.account));
    let place = |(slot, candidate): (&u16, &Candidate)| Placement {
        slot: *slot,
        supplier: candidate.account,
        rate: candidate.price,
    };
    Ok(slots.iter().zip(placements).map(place).collect())
}

fn rank<'a>(
    holders: &[Candidate],
    candidates: &'a [Candidate],
    policy: &Policy,
    failures: &Failures,
    now_ms: u64,
    wanted: usize,
) -> (Vec<&'a Candidate>, Vec<(Address, String)>) {
    let mut taken = Taken::default();
    holders.iter().for_each(|holder| taken.take(holder, policy));
    let mut refused = Vec::new();
    let mut fit: Vec<&Candidate> = Vec::new();
    for candidate in candidates {
        match unfit(candidate, policy) {
            Some(reason) => refused.push((candidate.account, reason)),
            None => fit.push(candidate),
        }
    }
    let cheapest = fit.iter().map(|candidate| candidate.price).min().unwrap_or(Amount::ZERO);
    let scored: BTreeMap<Address, u64> = fit
        .iter()
        .map(|candidate| {
            let failed = failures.weight(candidate.account, now_ms);
            (candidate.account, score(candidate, cheapest, failed))
        })
        .collect();
    fit.sort_by_cached_key(|candidate| {
        (std::cmp::Reverse(scored[&candidate.account]), lot(&policy.dataset, &candidate.account))
    });
    let mut chosen = Vec::new();
    for candidate in fit {
        if chosen.len() == wanted {
            break;
        }
        match taken.clash(candidate, policy) {
            Some(reason) => refused.push((candidate.account, reason)),
            None => {
                taken.take(candidate, policy);
                chosen.push(candidate);
            }
        }
    }
    (chosen, refused)
}

fn unfit(candidate: &Candidate, policy: &Policy) -> Option<String> {
    if candidate.price > policy.price_cap {
        return Some(format!("asks {} grains, the cap is {}", candidate.price.grains(), policy.price_cap.grains()));
    }
    if candidate.term_epochs_max < policy.term_epochs {
        return Some(format!("takes terms of {} epochs, {} are wanted", candidate.term_epochs_max, policy.term_epochs));
    }
    if candidate.capacity_free_bytes < policy.slot_bytes {
        return Some(format!("has {} bytes free, {} are wanted", candidate.capacity_free_bytes, policy.slot_bytes));
    }
    if !policy.regions.is_empty() && !policy.regions.contains(&candidate.region) {
        return Some(format!("is in region '{}'", candidate.region));
    }
    let needed = reserve(candidate.price, policy.slot_bytes, policy.term_epochs);
    if needed.is_none_or(|needed| needed > candidate.collateral_free) {
        return Some(format!("has only {} grains of free collateral", candidate.collateral_free.grains()));
    }
    None
}

/// Accounts, operators and networks that have a slot already.
#[derive(Default)]
struct Taken {
    accounts: BTreeSet<Address>,
    operators: BTreeSet<B256>,
    networks: BTreeSet<Vec<u8>>,
}

impl Taken {
    fn clash(&self, candidate: &Candidate, policy: &Policy) -> Option<String> {
        if self.accounts.contains(&candidate.account) {
            return Some("has a slot of this dataset already".to_owned());
        }
        if !candidate.operator.is_zero() && self.operators.contains(&candidate.operator) {
            return Some(format!("its operator {} has a slot of this dataset already", candidate.operator));
        }
        let shared = networks(candidate, policy).find(|network| self.networks.contains(network));
        shared.map(|_| "another slot of this dataset lies in its network (/24 or /48)".to_owned())
    }

    fn take(&mut self, candidate: &Candidate, policy: &Policy) {
        self.accounts.insert(candidate.account);
        self.operators.insert(candidate.operator);
        self.networks.extend(networks(candidate, policy));
    }
}

/// The /24 or /48 of each address.
fn networks<'a>(candidate: &'a Candidate, policy: &'a Policy) -> impl Iterator<Item = Vec<u8>> + 'a {
    let counted = |address: &&IpAddr| !(policy.share_loopback && address.is_loopback());
    candidate.addresses.iter().filter(counted).map(|address| match address {
        IpAddr::V4(address) => address.octets()[..3].to_vec(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => mapped.octets()[..3].to_vec(),
            None => address.octets()[..6].to_vec(),
        },
    })
}

#[cfg(test)]
mod tests;
