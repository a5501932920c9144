//! Who may build at a location of this account: said in its edits, which everybody goes by, and on the ledger, where menus find
//! it, versions are entered and writers are known.
//!
//! **Invariant:** a list is read, changed and written by one call at a time, so that no change undoes another.

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::{
    market::IMarket,
    worlds::{
        Build, IWorlds,
        limits::{COMPACTORS_MAX, GUESTS_MAX},
        view::AccessInfo,
    },
};
use bitdust_types::{Address, B256, DatasetId, U256, limits::WRITERS_PER_DATASET_MAX, system::MARKET};
use bitdust_world::{
    LocationPos,
    edits::{AccessList, Body, Builders, OpHash},
};

use super::{Worlds, place::Place, registry::on_ledger};
use crate::chain_api::{Included, look};

/// What one guest may write to a location's dataset: four full logs of 17 MiB.
const GUEST_QUOTA_BYTES: u64 = 68 << 20;

/// A change of a list, name by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessChange {
    /// Who may build from now on; as before if not given.
    pub build: Option<Builders>,
    /// Accounts that may.
    pub welcome: Vec<Address>,
    /// Accounts that may no longer.
    pub dismiss: Vec<Address>,
}

impl Worlds {
    /// Says who may build at a location of this account, and who may make its versions: in its edits, which everybody goes by,
    /// and on the ledger, where menus find it and versions are entered. The order of names doesn't matter. Who is named and
    /// whose rights were taken away is let in again.
    pub async fn set_access(&self, world: B256, pos: LocationPos, list: AccessList) -> Result<Included> {
        let _turn = self.admitting.lock().await;
        self.replace_access(world, pos, list).await
    }

    /// Changes the list as the ledger has it, name by name: whoever isn't named stays as before, however many change it at a time.
    /// Who is let in may build, whatever the list said before. Answers the list as it is now.
    pub async fn change_access(&self, world: B256, pos: LocationPos, change: &AccessChange) -> Result<AccessInfo> {
        let known = |list: Option<AccessInfo>| {
            list.with_context(|| format!("location {pos} is nobody's: claim it with `bitdust world claim`"))
        };
        if let Some(account) = change.welcome.iter().find(|account| change.dismiss.contains(account)) {
            bail!("{account} can't be both welcome and dismissed");
        }
        let _turn = self.admitting.lock().await;
        let before = known(self.access(world, pos)?)?;
        for account in &change.dismiss {
            self.take_rights(world, pos, *account).await?;
        }
        if change.build.is_some() || !change.welcome.is_empty() {
            self.replace_access(world, pos, changed(before, change)).await?;
        }
        known(self.access(world, pos)?)
    }

    async fn replace_access(&self, world: B256, pos: LocationPos, mut list: AccessList) -> Result<Included> {
        for names in [&mut list.guests, &mut list.compactors] {
            names.sort_unstable();
            names.dedup();
        }
        // The ledger's lists are shorter than those of edits; nothing is to be signed that it would refuse.
        if list.guests.len() > GUESTS_MAX || list.compactors.len() > COMPACTORS_MAX {
            bail!(
                "an access list names at most {GUESTS_MAX} guests and {COMPACTORS_MAX} compactors; let everybody in instead"
            );
        }
        list.lifted.extend(self.revocations_of(world, pos, &[&list.guests[..], &list.compactors].concat()).await?);
        list.lifted.sort_unstable();
        list.lifted.dedup();
        self.admit(world, pos, list.clone()).await?;
        // Whoever makes versions must be able to store them, and so comes first.
        let others = list.guests.iter().filter(|guest| list.compactors.binary_search(guest).is_err());
        let writers: Vec<Address> = list.compactors.iter().chain(others).copied().collect();
        let place = self.place(world, pos).await?.with_context(|| format!("location {pos} is nobody's"))?;
        self.entrust(place.dataset(), pos, &writers).await?;
        let AccessList { guests, builders, compactors, .. } = list;
        self.enter_access(world, pos, builders as u8, guests, compactors).await
    }

    /// Signs an access list, its names sorted and each there once, as an edit of a location of this account.
    pub async fn admit(&self, world: B256, pos: LocationPos, list: AccessList) -> Result<B256> {
        let place = self.place(world, pos).await?.with_context(|| format!("location {pos} is nobody's"))?;
        if place.owner() != self.account() {
            bail!("location {pos} belongs to {}", place.owner());
        }
        list.check()?;
        let term = place.state().graph.term();
        let made = self.make(&place, std::iter::once(Body::Access { term, list })).await?;
        made.first().copied().context("one list makes one edit")
    }

    /// The revocations in force of these accounts.
    async fn revocations_of(&self, world: B256, pos: LocationPos, accounts: &[Address]) -> Result<Vec<OpHash>> {
        let place = self.place(world, pos).await?.with_context(|| format!("location {pos} is nobody's"))?;
        let state = place.state();
        let of = |account| state.graph.revocations().get(account).into_iter().flatten();
        Ok(accounts.iter().flat_map(of).copied().collect())
    }

    /// Takes a key's rights at a location away: what it has signed and this node hasn't seen by now is dropped by everyone,
    /// whenever it arrives. If the location is this account's, the key's right to write the dataset and its place on the
    /// ledger's list go as well.
    pub async fn revoke(&self, world: B256, pos: LocationPos, key: Address) -> Result<B256> {
        let _turn = self.admitting.lock().await;
        self.take_rights(world, pos, key).await
    }

    async fn take_rights(&self, world: B256, pos: LocationPos, key: Address) -> Result<B256> {
        let place = self.place(world, pos).await?.with_context(|| format!("location {pos} is nobody's"))?;
        let seen = match place.state().graph.draft_revocation(self.account(), key)?.body {
            Body::Revoke { seen, .. } => seen,
            _ => Vec::new(),
        };
        let made = self.make(&place, std::iter::once(Body::Revoke { key, seen })).await?;
        if place.owner() == self.account() {
            let done = self.exclude(&place, key).await;
            done.with_context(|| {
                format!("what {key} signs counts no more, but the ledger isn't told yet; revoke again")
            })?;
        }
        made.first().copied().context("one revocation makes one edit")
    }

    /// Takes back what the ledger lets an account do at a location of this one: write its dataset, enter versions.
    async fn exclude(&self, place: &Place, key: Address) -> Result<()> {
        let (dataset, world, pos) = (place.dataset(), place.world().id, place.pos());
        let writers = look(&*self.chain, |view, _| Ok(view.writers(dataset)?))?;
        if writers.iter().any(|known| known.writer == key) {
            let call = IMarket::setWriterCall { dataset: dataset.into(), writer: key, quotaBytes: 0, expiryEpoch: 0 };
            let sent = self.sender.transact(MARKET, U256::ZERO, call.abi_encode().into()).await;
            sent.with_context(|| format!("taking the right to keep edits of location {pos} from {key}"))?;
        }
        let access = self.look(|view, _| Ok(view.access(world, on_ledger(pos))?))?;
        let listed = access.filter(|list| list.guests.contains(&key) || list.compactors.contains(&key));
        if let Some(mut list) = listed {
            list.guests.retain(|guest| *guest != key);
            list.compactors.retain(|compactor| *compactor != key);
            self.enter_access(world, pos, list.build as u8, list.guests, list.compactors).await?;
        }
        Ok(())
    }

    async fn enter_access(
        &self,
        world: B256,
        pos: LocationPos,
        build: u8,
        guests: Vec<Address>,
        compactors: Vec<Address>,
    ) -> Result<Included> {
        let call = IWorlds::setAccessCall { world, x: pos.x, y: pos.y, z: pos.z, build, guests, compactors };
        self.transact(U256::ZERO, call.abi_encode()).await.context("entering the access list")
    }

    /// Lets the first of these accounts write the location's dataset, so that what they build is kept while the owner is away;
    /// and nobody else any more.
    pub(super) async fn entrust(&self, dataset: DatasetId, pos: LocationPos, accounts: &[Address]) -> Result<()> {
        let known = look(&*self.chain, |view, _| Ok((view.dataset(dataset)?, view.writers(dataset)?)))?;
        let (Some(info), writers) = known else { bail!("the ledger has no dataset {dataset}") };
        let wanted = &accounts[..accounts.len().min(WRITERS_PER_DATASET_MAX as usize)];
        // A right that ends before the dataset does is given anew: the dataset was renewed since.
        let is_writer =
            |guest: &Address| writers.iter().any(|known| known.writer == *guest && known.expiry >= info.end);
        let gone = writers.iter().map(|known| known.writer).filter(|known| !wanted.contains(known));
        let come = wanted.iter().copied().filter(|guest| !is_writer(guest));
        let changes: Vec<_> =
            gone.map(|writer| (writer, 0, 0)).chain(come.map(|guest| (guest, GUEST_QUOTA_BYTES, info.end.0))).collect();
        for (writer, quota, expiry) in changes {
            let (dataset, what) = (dataset.into(), || format!("letting {writer} keep edits of location {pos}"));
            let call = IMarket::setWriterCall { dataset, writer, quotaBytes: quota, expiryEpoch: expiry };
            self.sender.transact(MARKET, U256::ZERO, call.abi_encode().into()).await.with_context(what)?;
        }
        Ok(())
    }
}

/// A list with some let in and some out.
fn changed(before: AccessInfo, change: &AccessChange) -> AccessList {
    let AccessChange { build, welcome, dismiss } = change;
    let stays = |account: &Address| !dismiss.contains(account);
    let mut guests: Vec<Address> = before.guests.into_iter().filter(stays).chain(welcome.iter().copied()).collect();
    guests.sort_unstable();
    guests.dedup();
    let compactors = before.compactors.into_iter().filter(stays).collect();
    let as_before = match before.build {
        // A guest who may not build is none.
        Build::Owner if !welcome.is_empty() => Builders::Guests,
        Build::Owner => Builders::Owner,
        Build::Guests => Builders::Guests,
        Build::Everybody => Builders::Everybody,
    };
    AccessList { builders: build.unwrap_or(as_before), guests, compactors, ..AccessList::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Address = Address::repeat_byte(9);
    const ADA: Address = Address::repeat_byte(1);
    const BEN: Address = Address::repeat_byte(2);

    fn before(build: Build, guests: &[Address]) -> AccessInfo {
        AccessInfo { owner: OWNER, revision: 1, build, guests: guests.to_vec(), compactors: vec![BEN] }
    }

    fn list(builders: Builders, guests: &[Address]) -> AccessList {
        AccessList { builders, guests: guests.to_vec(), compactors: vec![BEN], ..AccessList::default() }
    }

    #[test]
    fn who_is_not_named_stays_as_before() {
        let change = |build, welcome: &[Address], dismiss: &[Address]| AccessChange {
            build,
            welcome: welcome.to_vec(),
            dismiss: dismiss.to_vec(),
        };
        let welcome_ada = change(None, &[ADA], &[]);
        assert_eq!(changed(before(Build::Owner, &[]), &welcome_ada), list(Builders::Guests, &[ADA]));
        assert_eq!(changed(before(Build::Guests, &[BEN]), &welcome_ada), list(Builders::Guests, &[ADA, BEN]));
        assert_eq!(changed(before(Build::Guests, &[ADA]), &welcome_ada), list(Builders::Guests, &[ADA]), "once");
        let close = change(Some(Builders::Owner), &[], &[]);
        assert_eq!(changed(before(Build::Guests, &[ADA]), &close), list(Builders::Owner, &[ADA]));
        let swap = change(None, &[BEN], &[ADA]);
        assert_eq!(changed(before(Build::Everybody, &[ADA]), &swap), list(Builders::Everybody, &[BEN]));
        assert!(changed(before(Build::Everybody, &[]), &change(None, &[], &[BEN])).compactors.is_empty());
    }
}
