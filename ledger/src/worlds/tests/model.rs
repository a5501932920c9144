//! The published rules, written a second time from `docs/claims.md` alone: it reads logs and knows nothing of storage.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, LogData};
use alloy_sol_types::SolEvent;
use bitdust_types::system;

use super::ledger::{FUNDS, Ledger, PEOPLE, person, place};
use crate::worlds::{IWorlds, Place};

#[derive(Clone, Debug, Default)]
struct World {
    creator: Address,
    rule: u8,
    price: u128,
    term: u64,
    limit: u32,
    listed: BTreeMap<Address, bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    owner: Address,
    dataset: B256,
    until: u64,
    build: u8,
    manifest: B256,
    sequence: u64,
    guests: Vec<Address>,
    compactors: Vec<Address>,
}

/// Everything, as the logs tell.
#[derive(Debug, Default)]
pub struct Model {
    worlds: BTreeMap<B256, World>,
    claims: BTreeMap<(B256, Place), Claim>,
    /// The last access revision of each location, claimed or not.
    revisions: BTreeMap<(B256, Place), u64>,
    /// What each account has spent and earned.
    spent: BTreeMap<Address, u128>,
    earned: BTreeMap<Address, u128>,
    read: usize,
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl Model {
    /// Reads the logs that have come since the last time, all of them of the current epoch, and holds the result against
    /// what the contract shows.
    pub fn follow(&mut self, ledger: &Ledger) -> Result<(), String> {
        for log in &ledger.logs[self.read..] {
            self.enter(log, ledger.epoch())?;
        }
        self.read = ledger.logs.len();
        self.check(ledger)
    }

    fn enter(&mut self, log: &LogData, epoch: u64) -> Result<(), String> {
        if let Ok(e) = IWorlds::WorldCreated::decode_log_data(log) {
            let world = World {
                creator: e.creator,
                rule: e.whoMayClaim,
                price: e.price.to(),
                term: e.termEpochs,
                limit: e.claimsPerAccount,
                ..World::default()
            };
            ensure(self.worlds.insert(e.world, world).is_none(), || format!("world {} was made twice", e.world))?;
            self.pay(e.creator, system::SHARES, e.fee.to());
        } else if let Ok(e) = IWorlds::WorldSet::decode_log_data(log) {
            let world = self.world(e.world)?;
            (world.rule, world.price, world.limit) = (e.whoMayClaim, e.price.to(), e.claimsPerAccount);
        } else if let Ok(e) = IWorlds::WorldTransferred::decode_log_data(log) {
            self.world(e.world)?.creator = e.to;
        } else if let Ok(e) = IWorlds::Allowed::decode_log_data(log) {
            self.world(e.world)?.listed.insert(e.account, e.allowed);
        } else if let Ok(e) = IWorlds::Claimed::decode_log_data(log) {
            self.claimed(&e, epoch)?;
        } else if let Ok(e) = IWorlds::ClaimReleased::decode_log_data(log) {
            let claim = self.claims.remove(&(e.world, place(e.x, e.y, e.z))).ok_or("released, but not claimed")?;
            let over = epoch > claim.until + 7;
            ensure(over == e.lapsed && (over || e.by == claim.owner), || format!("in epoch {epoch}: {e:?}"))?;
        } else {
            self.enter_change(log, epoch)?;
        }
        Ok(())
    }

    /// What happens to a claim while it stands.
    fn enter_change(&mut self, log: &LogData, epoch: u64) -> Result<(), String> {
        if let Ok(e) = IWorlds::ClaimRenewed::decode_log_data(log) {
            let world = self.world(e.world)?.clone();
            let claim = self.claim(e.world, place(e.x, e.y, e.z))?;
            let early = epoch + world.term / 2 < claim.until;
            let late = epoch > claim.until + 7;
            claim.until = claim.until.max(epoch) + world.term;
            let fits = claim.until == e.untilEpoch && world.price == e.paid.to::<u128>();
            ensure(!early && !late && fits, || format!("in epoch {epoch}: {e:?}"))?;
            self.pay(e.owner, world.creator, world.price);
        } else if let Ok(e) = IWorlds::ClaimTransferred::decode_log_data(log) {
            let at = place(e.x, e.y, e.z);
            let claim = self.held(e.world, at, epoch)?;
            let from = std::mem::replace(&mut claim.owner, e.to);
            (claim.build, claim.guests, claim.compactors) = (0, vec![], vec![]);
            ensure(from == e.from, || format!("{from} had the claim: {e:?}"))?;
            self.may_have(e.world, e.to)?;
            self.raise(e.world, at, e.accessRevision)?;
        } else if let Ok(e) = IWorlds::AccessSet::decode_log_data(log) {
            let at = place(e.x, e.y, e.z);
            let claim = self.held(e.world, at, epoch)?;
            ensure(e.guests.len() <= 64 && e.compactors.len() <= 8, || format!("{e:?}"))?;
            (claim.build, claim.guests, claim.compactors) = (e.build, e.guests, e.compactors);
            self.raise(e.world, at, e.accessRevision)?;
        } else if let Ok(e) = IWorlds::Compacted::decode_log_data(log) {
            let claim = self.held(e.world, place(e.x, e.y, e.z), epoch)?;
            ensure(e.sequence > claim.sequence, || format!("after {}: {e:?}", claim.sequence))?;
            ensure(e.by == claim.owner || claim.compactors.contains(&e.by), || format!("without the right: {e:?}"))?;
            (claim.manifest, claim.sequence) = (e.manifest, e.sequence);
        } else if let Ok(e) = IWorlds::ClaimDatasetSet::decode_log_data(log) {
            self.held(e.world, place(e.x, e.y, e.z), epoch)?.dataset = e.dataset;
        } else {
            return Err(format!("an unknown log: {log:?}"));
        }
        Ok(())
    }

    fn claimed(&mut self, e: &IWorlds::Claimed, epoch: u64) -> Result<(), String> {
        let at = place(e.x, e.y, e.z);
        let world = self.world(e.world)?.clone();
        let admitted = e.owner == world.creator
            || world.rule == 0
            || (world.rule == 1 && world.listed.get(&e.owner).copied().unwrap_or_default());
        ensure(admitted, || format!("not admitted: {e:?}"))?;
        let fits = e.paid.to::<u128>() == world.price && e.untilEpoch == epoch + world.term;
        ensure(fits && e.creator == world.creator, || format!("in epoch {epoch}: {e:?}"))?;
        let claim = Claim {
            owner: e.owner,
            dataset: e.dataset,
            until: e.untilEpoch,
            build: e.build,
            manifest: B256::ZERO,
            sequence: 0,
            guests: vec![],
            compactors: vec![],
        };
        ensure(self.claims.insert((e.world, at), claim).is_none(), || format!("claimed twice: {e:?}"))?;
        self.may_have(e.world, e.owner)?;
        self.raise(e.world, at, e.accessRevision)?;
        self.pay(e.owner, world.creator, world.price);
        Ok(())
    }

    /// An account that has just got a claim has no more than its world allows.
    fn may_have(&mut self, id: B256, who: Address) -> Result<(), String> {
        let limit = self.world(id)?.limit as usize;
        let has = self.claims.iter().filter(|((world, _), claim)| *world == id && claim.owner == who).count();
        ensure(has <= limit, || format!("{who} has {has} claims of {limit}"))
    }

    fn raise(&mut self, id: B256, at: Place, revision: u64) -> Result<(), String> {
        let last = self.revisions.entry((id, at)).or_default();
        *last += 1;
        ensure(*last == revision, || format!("revision {revision} of {at:?} instead of {last}"))
    }

    fn pay(&mut self, from: Address, to: Address, grains: u128) {
        *self.spent.entry(from).or_default() += grains;
        *self.earned.entry(to).or_default() += grains;
    }

    fn world(&mut self, id: B256) -> Result<&mut World, String> {
        self.worlds.get_mut(&id).ok_or_else(|| format!("world {id} was never made"))
    }

    fn claim(&mut self, id: B256, at: Place) -> Result<&mut Claim, String> {
        self.claims.get_mut(&(id, at)).ok_or_else(|| format!("nobody claims {at:?}"))
    }

    fn held(&mut self, id: B256, at: Place, epoch: u64) -> Result<&mut Claim, String> {
        let claim = self.claim(id, at)?;
        ensure(epoch <= claim.until, || format!("{at:?} was changed in epoch {epoch}, after {}", claim.until))?;
        Ok(claim)
    }

    /// The contract shows what its logs told, and everybody has what they should.
    fn check(&self, ledger: &Ledger) -> Result<(), String> {
        let view = ledger.view();
        let mut seen = BTreeMap::new();
        for id in self.worlds.keys() {
            for info in view.claims(*id, 0, u32::MAX).unwrap() {
                let access = view.access(*id, info.place).unwrap().ok_or("a claim without access list")?;
                let claim = Claim {
                    owner: info.owner,
                    dataset: info.dataset.into(),
                    until: info.until.0,
                    build: info.build as u8,
                    manifest: info.manifest.map(Into::into).unwrap_or_default(),
                    sequence: info.sequence,
                    guests: access.guests,
                    compactors: access.compactors,
                };
                let twice = seen.insert((*id, info.place), claim).is_some();
                ensure(!twice, || format!("{:?} is listed twice", info.place))?;
            }
        }
        ensure(seen == self.claims, || format!("the contract shows {seen:?}\ninstead of {:?}", self.claims))?;
        let of = |sums: &BTreeMap<Address, u128>, who| sums.get(&who).copied().unwrap_or_default();
        for who in (0..PEOPLE).map(person) {
            let should = FUNDS + of(&self.earned, who) - of(&self.spent, who);
            ensure(ledger.balance(who) == should, || format!("{who} has {} instead of {should}", ledger.balance(who)))?;
        }
        let (shares, fees) = (ledger.balance(system::SHARES), of(&self.earned, system::SHARES));
        ensure(shares == fees, || format!("the shares have {shares} instead of {fees}"))
    }
}
