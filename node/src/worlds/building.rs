//! Edits of this node's account: signed operations, one for each location that they touch.

use std::{collections::BTreeMap, sync::Arc};

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::{
    market::IMarket,
    worlds::{
        IWorlds,
        limits::{COMPACTORS_MAX, GUESTS_MAX},
    },
};
use bitdust_types::{Address, B256, DatasetId, U256, limits::WRITERS_PER_DATASET_MAX, system::MARKET};
use bitdust_world::{
    BlockId, LocationPos, VoxelPos,
    block::ID_END,
    edits::{AccessList, Body, Checked, Inserted, OpHash, Secp256k1, limits::VOXELS_PER_OP_MAX, voxel},
};

use super::{Worlds, journal::Entry, place::Place, registry::on_ledger};
use crate::chain_api::{Included, look};

/// What one guest may write to a location's dataset: four full logs of 17 MiB.
const GUEST_QUOTA_BYTES: u64 = 68 << 20;
/// Locations that one call may touch: a structure of 768 m.
const LOCATIONS_MAX: usize = 27;

impl Worlds {
    /// Changes voxels. All of them are seen here at once, or none.
    pub async fn edit(&self, world: B256, edits: &[(VoxelPos, BlockId)]) -> Result<Vec<B256>> {
        let mut by_location: BTreeMap<LocationPos, BTreeMap<u32, BlockId>> = BTreeMap::new();
        for (pos, block) in edits {
            if block.0 >= ID_END {
                bail!("block {} at {pos}: ids end at {ID_END}", block.0);
            }
            by_location.entry(pos.chunk().location()).or_default().insert(voxel::number(*pos), *block);
        }
        if by_location.is_empty() {
            bail!("there is nothing to change");
        }
        if by_location.len() > LOCATIONS_MAX {
            bail!("{} locations at once are too many: at most {LOCATIONS_MAX}", by_location.len());
        }
        self.info(world)?;
        let mut places = Vec::new();
        for (pos, writes) in by_location {
            let place = self.place(world, pos).await?;
            let place = place.with_context(|| {
                format!("location {pos} is nobody's, and only what is claimed can be changed: claim it first")
            })?;
            place.check_right(self.account(), &writes)?;
            places.push((place, writes));
        }
        let mut operations = Vec::new();
        for (place, writes) in places {
            let writes: Vec<(u32, BlockId)> = writes.into_iter().collect();
            let parts = writes.chunks(VOXELS_PER_OP_MAX).map(|part| Body::Place(part.to_vec()));
            operations.extend(self.make(&place, parts).await?);
        }
        Ok(operations)
    }

    /// Signs edits of a location, writes them down, and says them. Answers their names; they are durable by then.
    async fn make(&self, place: &Arc<Place>, bodies: impl Iterator<Item = Body>) -> Result<Vec<B256>> {
        let mut made = Vec::new();
        // What can't be signed any more leaves what was signed before as it is.
        let mut refused = None;
        for body in bodies {
            match self.sign(place, body) {
                Ok(entry) => made.push(entry),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let (journal, world, pos, entries) = (self.journal.clone(), place.world().id, place.pos(), made.clone());
        let written = tokio::task::spawn_blocking(move || journal.enter(world, pos, &entries)).await?;
        written
            .with_context(|| format!("edits of location {pos} are seen here, but would be lost if this node ended"))?;
        let mut names = Vec::new();
        for (hash, op) in made {
            names.push(B256::new(hash.0));
            self.say(place, op).await;
        }
        refused.map_or(Ok(names), Err)
    }

    /// Says who may build at a location of this account, and who may make its versions: in its edits, which everybody goes by,
    /// and on the ledger, where menus find it and versions are entered. The order of names doesn't matter. Who is named and
    /// whose rights were taken away is let in again.
    pub async fn set_access(&self, world: B256, pos: LocationPos, mut list: AccessList) -> Result<Included> {
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

    /// Signs an edit and puts it into the graph.
    fn sign(&self, place: &Arc<Place>, body: Body) -> Result<Entry> {
        let mut state = place.state();
        let statement = state.graph.draft(self.account(), body)?;
        let op = statement.sign(self.sender.signing_key())?.check(&Secp256k1)?;
        let (hash, bytes) = (op.hash(), bytes_of(&op));
        match state.graph.insert(op)? {
            Inserted::Applied | Inserted::Known => Ok((hash, bytes)),
            Inserted::Dropped(why) => bail!("everybody would drop this edit of location {}: {why:?}", place.pos()),
            Inserted::Pending(_) => bail!("the edit follows others that this node doesn't have; try again"),
            Inserted::TooOld | Inserted::Full => {
                bail!("location {} takes no more edits until its owner makes a new version of it", place.pos())
            }
        }
    }
}

impl Place {
    /// Whether an account may write these voxels, before anything is signed.
    fn check_right(&self, author: Address, writes: &BTreeMap<u32, BlockId>) -> Result<()> {
        let some: Vec<(u32, BlockId)> = writes.iter().take(1).map(|(at, block)| (*at, *block)).collect();
        let drafted = self.state().graph.draft(author, Body::Place(some));
        drafted.map(drop).with_context(|| format!("location {} of '{}'", self.pos(), self.world().def.name))
    }
}

impl super::place::State {
    /// Whether edits touch a chunk.
    pub(super) fn edits(&self, index: u16) -> bool {
        self.graph.edits_chunk(index)
    }
}

/// An edit as it travels.
pub fn bytes_of(op: &Checked) -> Vec<u8> {
    op.op().encode()
}
