//! Worlds as the ledger lists them, with the definitions that their creators keep in the market.
//!
//! A definition is read from its suppliers once per revision and held against the world's id, so it doesn't matter who
//! brought it. A copy stays on this disk ([`super::copies`]), so that a world whose creator has let its dataset's term run out
//! can still be walked through by those who have been there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bitdust_ledger::worlds::{
    Place as LedgerPlace, Standing, WorldsView, view::AccessInfo, view::ClaimInfo, view::WorldInfo,
};
use bitdust_types::{B256, DatasetId, Height};
use bitdust_world::{
    LocationPos,
    content::{WorldDef, limits::WORLD_BYTES_MAX},
    r#gen::{GENERATOR_VERSION, Generator, Params},
};

use super::{Unsound, Worlds, copies::Definition};
use crate::chain_api::look_at_worlds;

/// Worlds whose definitions are kept in memory, at most 4 MiB each.
pub const WORLDS_MAX: usize = 16;
/// After so long a definition that could not be read is asked for again; until then this disk's copy of an earlier one serves.
const READ_AGAIN: Duration = Duration::from_secs(300);

/// A world that can be walked through.
pub struct World {
    /// Its id.
    pub id: B256,
    /// Its definition.
    pub def: WorldDef,
    /// The definition's canonical bytes.
    pub bytes: Vec<u8>,
    /// Makes its terrain.
    pub generator: Generator,
    dataset: DatasetId,
    revision: u64,
    /// When to ask for it again, if this is not what the dataset holds now.
    read_again: Option<Instant>,
}

/// The worlds used last.
#[derive(Default)]
pub struct Registry(Mutex<Known>);

#[derive(Default)]
pub(super) struct Known {
    worlds: BTreeMap<B256, (Arc<World>, u64)>,
    clock: u64,
}

impl World {
    /// A definition, as the world that it must be; `dataset` has the `revision` by now.
    ///
    /// # Errors
    /// It is another world's, or made by another generator.
    pub fn of_definition(id: B256, definition: Definition, dataset: DatasetId, revision: u64) -> Result<Self> {
        let def = WorldDef::decode(&definition.bytes)?;
        if def.id().0 != id.0 {
            bail!("it is the definition of another world, {}", def.id());
        }
        let read_again = (!definition.is_of(dataset, revision)).then(|| Instant::now() + READ_AGAIN);
        Ok(World { id, generator: generator(&def)?, def, bytes: definition.bytes, dataset, revision, read_again })
    }

    fn is_current(&self, dataset: DatasetId, revision: u64) -> bool {
        let is_due = self.read_again.is_some_and(|at| at <= Instant::now());
        (self.dataset, self.revision) == (dataset, revision) && !is_due
    }
}

impl Known {
    pub(super) fn get(&mut self, id: &B256) -> Option<Arc<World>> {
        self.clock += 1;
        let (world, used) = self.worlds.get_mut(id)?;
        *used = self.clock;
        Some(world.clone())
    }

    /// Takes a world in; the one that was used longest ago makes room.
    pub(super) fn insert(&mut self, world: Arc<World>) {
        if self.worlds.len() >= WORLDS_MAX && !self.worlds.contains_key(&world.id) {
            let oldest = self.worlds.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            oldest.map(|oldest| self.worlds.remove(&oldest));
        }
        self.clock += 1;
        self.worlds.insert(world.id, (world, self.clock));
    }
}

/// The file in a world's dataset that holds its definition.
pub fn definition_file(world: B256) -> String {
    format!("worlds/{}/definition", hex::encode(&world[..8]))
}

/// Where a location's files are in its dataset.
pub fn location_file(world: B256, pos: LocationPos, file: &str) -> String {
    format!("worlds/{}/{},{},{}/{file}", hex::encode(&world[..8]), pos.x, pos.y, pos.z)
}

/// A position as the ledger writes it.
pub fn on_ledger(pos: LocationPos) -> LedgerPlace {
    LedgerPlace { x: pos.x, y: pos.y, z: pos.z }
}

impl Registry {
    /// A world, from memory or this disk if its dataset hasn't changed since.
    pub async fn world(&self, worlds: &Worlds, id: B256) -> Result<Arc<World>> {
        let info = worlds.info(id)?;
        let revision = worlds.revision(info.dataset)?;
        if let Some(known) = self.known().get(&id).filter(|known| known.is_current(info.dataset, revision)) {
            return Ok(known);
        }
        let copies = worlds.copies.clone();
        let copy = worlds.workers.run(move || copies.definition(id)).await.flatten();
        let is_over = worlds.is_over(info.dataset)?;
        let definition = match copy {
            Some(copy) if copy.is_of(info.dataset, revision) || is_over => copy,
            copy => match (worlds.read_definition(id, info.dataset, revision).await, copy) {
                (Ok(read), _) => read,
                (Err(error), Some(copy)) => {
                    tracing::warn!(world = info.name, "an earlier definition has to do: {error:#}");
                    copy
                }
                (Err(error), None) => {
                    return Err(error.context(format!("the definition of world '{}' can't be read", info.name)));
                }
            },
        };
        let world = World::of_definition(id, definition, info.dataset, revision);
        let world = Arc::new(world.with_context(|| format!("the definition of world '{}'", info.name))?);
        self.known().insert(world.clone());
        Ok(world)
    }

    /// A world whose definition is in memory.
    pub fn known_world(&self, id: &B256) -> Option<Arc<World>> {
        self.known().get(id)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The generator that a definition names.
pub fn generator(def: &WorldDef) -> Result<Generator> {
    if def.generator != GENERATOR_VERSION {
        bail!(
            "world '{}' is made by generator version {}, and this program has version {GENERATOR_VERSION}; use the \
             release that its creator used",
            def.name,
            def.generator
        );
    }
    let params: Params =
        borsh::from_slice(&def.params).with_context(|| format!("the terrain parameters of world '{}'", def.name))?;
    Generator::new(def.seed, params).with_context(|| format!("the terrain of world '{}'", def.name))
}

impl Worlds {
    /// A world with its definition.
    pub async fn world(&self, id: B256) -> Result<Arc<World>> {
        self.registry.world(self, id).await
    }

    /// What the ledger says of a world.
    pub fn info(&self, id: B256) -> Result<WorldInfo> {
        let known = self.look(|view, _| Ok(view.world(id)?))?;
        known.with_context(|| format!("the ledger has no world {id}; `bitdust world list` shows which there are"))
    }

    /// The worlds on the ledger, at most `count`.
    pub fn list(&self, count: u32) -> Result<Vec<WorldInfo>> {
        self.look(|view, _| Ok(view.worlds(0, count)?))
    }

    /// The claim of a location, if it still counts.
    pub fn claim(&self, world: B256, pos: LocationPos) -> Result<Option<ClaimInfo>> {
        let params = self.chain.params().clone();
        self.look(|view, height| {
            let claim = view.claim(world, on_ledger(pos))?;
            Ok(claim.filter(|claim| claim.standing(params.epoch_of(height)) != Standing::Lapsed))
        })
    }

    /// Who may do what at a claimed location.
    pub fn access(&self, world: B256, pos: LocationPos) -> Result<Option<AccessInfo>> {
        let Some(claim) = self.claim(world, pos)? else { return Ok(None) };
        let access = self.look(|view, _| Ok(view.access(world, on_ledger(pos))?))?;
        // Of a claim that changed hands between the two looks the next look tells.
        Ok(access.filter(|access| access.owner == claim.owner))
    }

    /// Claims of a world, from a place in its list on.
    pub fn claims(&self, world: B256, from: u32, count: u32) -> Result<Vec<ClaimInfo>> {
        self.look(|view, _| Ok(view.claims(world, from, count)?))
    }

    /// Whether the dataset that keeps a location is its owner's. After `transferClaim` it is the former owner's, whose edits
    /// and versions are no word of the new one.
    pub(super) fn check_keeper(&self, claim: &ClaimInfo, pos: LocationPos) -> Result<()> {
        let info = crate::chain_api::look(&*self.chain, |view, _| Ok(view.dataset(claim.dataset)?))?;
        let info = info.with_context(|| format!("the ledger has no dataset {}", claim.dataset))?;
        if info.owner != claim.owner {
            bail!(
                "location {pos} was passed on to {}, and its dataset {} still is {}'s: its new owner has to name a dataset of \
                 its own by `setClaimDataset` in the Worlds contract, which `bitdust world renew` does, and brings there what \
                 was built",
                claim.owner,
                claim.dataset,
                info.owner
            );
        }
        Ok(())
    }

    /// A file of a dataset, if its owner says that it has at most so many bytes. What is said is held against what comes.
    pub(super) async fn read(&self, dataset: DatasetId, file: &str, bytes_max: usize) -> Result<Vec<u8>> {
        let mut download = self.customer.get(dataset, file, None).await?;
        let bytes = download.file.bytes;
        if bytes > bytes_max as u64 {
            let what = format!("'{file}' in dataset {dataset} is said to have {bytes} bytes");
            return Err(Unsound(format!("{what}, and at most {bytes_max} make sense")).into());
        }
        let bytes = download.collect().await?;
        self.note(&download);
        Ok(bytes)
    }

    /// A world's definition from its suppliers. It is kept on this disk if it makes the world's id.
    async fn read_definition(&self, id: B256, dataset: DatasetId, revision: u64) -> Result<Definition> {
        let bytes = self.read(dataset, &definition_file(id), WORLD_BYTES_MAX).await?;
        let def = WorldDef::decode(&bytes)?;
        if def.id().0 != id.0 {
            bail!("its dataset {dataset} holds the definition of another world, {}", def.id());
        }
        let definition = Definition::new(dataset, revision, bytes);
        let (copies, kept) = (self.copies.clone(), definition.clone());
        self.workers.run(move || copies.keep_definition(id, &kept)).await;
        Ok(definition)
    }

    /// Whether nobody is paid for a dataset any more.
    pub(super) fn is_over(&self, dataset: DatasetId) -> Result<bool> {
        let params = self.chain.params().clone();
        let known = crate::chain_api::look(&*self.chain, |view, height| {
            Ok(view.dataset(dataset)?.map(|info| info.ended || info.end < params.epoch_of(height)))
        })?;
        Ok(known.unwrap_or(true))
    }

    /// The newest revision of a dataset.
    pub(super) fn revision(&self, dataset: DatasetId) -> Result<u64> {
        let info = crate::chain_api::look(&*self.chain, |view, _| Ok(view.dataset(dataset)?))?;
        Ok(info.with_context(|| format!("the ledger has no dataset {dataset}"))?.number)
    }

    pub(super) fn look<T>(&self, see: impl FnMut(&WorldsView<'_>, Height) -> Result<T>) -> Result<T> {
        look_at_worlds(&*self.chain, see)
    }
}
