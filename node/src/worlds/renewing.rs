//! Keeping what was claimed for longer, passing it on, giving it back.
//!
//! A place stands as long as three terms do: its claim's, its dataset's, and that of the dataset with the world's definition.
//! [`Worlds::renew`] sees to all three that are this account's. A dataset that isn't this account's (the place was passed on),
//! or that nobody is paid for any more, is replaced.
//!
//! Order, where a dataset is replaced: what stands at the place is stored in the new one as a version → the ledger is told
//! the version's hash → the ledger is told the dataset. A node that is killed in between does the rest when it is told to renew
//! again: it has that version on its disk.

use std::sync::Arc;

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::{
    market::view::DatasetInfo,
    worlds::{IWorlds, limits::GRACE_EPOCHS, term, view::ClaimInfo},
};
use bitdust_proof::blob;
use bitdust_types::{B256, DatasetId, Epoch, U256, limits::TERM_EPOCHS_MAX};
use bitdust_world::{
    LocationPos,
    edits::Fold,
    location::{Stored, Version},
};

use super::{
    Worlds,
    claiming::{DEFINITION_ESCROW_BYTES, LOCATION_ESCROW_BYTES, Terms},
    place::Place,
};
use crate::{
    chain_api::{Included, look},
    customer::Customer,
};

/// What renewing came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// What was paid to the world's creator; nothing if the claim can't be renewed yet.
    pub price: U256,
    /// The first epoch in which the claim can be renewed next.
    pub renewable_from: Option<Epoch>,
    /// The last epoch for which the place's dataset is funded.
    pub dataset_until: Option<Epoch>,
    /// The same for the definition's, if the world is this account's.
    pub definition_until: Option<Epoch>,
}

impl Worlds {
    /// Renews a claim of this account as soon as that may be, lengthens its dataset's term to the claim's, and the term of the
    /// world's definition if the world is this account's. Without a place it's about the definition alone.
    pub async fn renew(&self, world: B256, pos: Option<LocationPos>, terms: Terms) -> Result<Renewed> {
        let info = self.info(world)?;
        let is_creator = info.creator == self.account();
        if pos.is_none() && !is_creator {
            bail!(
                "world '{}' belongs to {}, who keeps its definition: name a location of yours",
                info.name,
                info.creator
            );
        }
        let mut renewed = Renewed::default();
        if let Some(pos) = pos {
            let claim = self.own_claim(world, pos)?;
            if self.epoch().0 >= term::renewable_from(claim.until.0, info.term_epochs) {
                let price = U256::from(info.price.grains());
                let call = IWorlds::renewClaimCall { world, x: pos.x, y: pos.y, z: pos.z };
                let sent = self.transact(price, call.abi_encode()).await;
                sent.with_context(|| format!("renewing the claim of {pos} in '{}'", info.name))?;
                renewed.price = price;
            }
            let claim = self.own_claim(world, pos)?;
            renewed.renewable_from = Some(Epoch(term::renewable_from(claim.until.0, info.term_epochs)));
            renewed.dataset_until = Some(self.keep_dataset(&claim, pos, terms).await?);
        }
        if is_creator {
            renewed.definition_until = Some(self.keep_definition(world, terms).await?);
        }
        Ok(renewed)
    }

    /// Passes a claim of this account on. What was edited since its newest version is folded into another first, so that the
    /// ledger names all that its new owner gets.
    pub async fn transfer(&self, world: B256, pos: LocationPos, to: bitdust_types::Address) -> Result<Included> {
        self.own_claim(world, pos)?;
        let place = self.place(world, pos).await?.with_context(|| format!("location {pos} is nobody's"))?;
        let has_edits = place.state().graph.log().len() > 0;
        if has_edits {
            self.save(world, pos).await?;
        }
        let call = IWorlds::transferClaimCall { world, x: pos.x, y: pos.y, z: pos.z, to };
        let sent = self.transact(U256::ZERO, call.abi_encode()).await;
        let included = sent.with_context(|| format!("passing location {pos} on to {to}"))?;
        self.places().open.remove(&(world, pos));
        Ok(included)
    }

    /// Gives a claim of this account back, and ends the dataset that was made for it, whose escrow comes back. Whether there was
    /// one to end.
    pub async fn release(&self, world: B256, pos: LocationPos) -> Result<(Included, bool)> {
        let claim = self.own_claim(world, pos)?;
        let call = IWorlds::releaseClaimCall { world, x: pos.x, y: pos.y, z: pos.z };
        let sent = self.transact(U256::ZERO, call.abi_encode()).await;
        let included = sent.with_context(|| format!("releasing location {pos}"))?;
        self.places().open.remove(&(world, pos));
        let is_to_end = self.is_made_for(claim.dataset, &location_name(world, pos)) && !self.is_over(claim.dataset)?;
        if is_to_end {
            let ended = self.customer.end(claim.dataset).await;
            ended.with_context(|| format!("location {pos} is released, but its dataset goes on"))?;
        }
        Ok((included, is_to_end))
    }

    fn own_claim(&self, world: B256, pos: LocationPos) -> Result<ClaimInfo> {
        let claim = self.claim(world, pos)?.with_context(|| format!("location {pos} is nobody's: claim it"))?;
        if claim.owner != self.account() {
            bail!("location {pos} belongs to {}", claim.owner);
        }
        Ok(claim)
    }

    fn epoch(&self) -> Epoch {
        self.chain.params().epoch_of(self.chain.height())
    }

    fn dataset_info(&self, dataset: DatasetId) -> Result<DatasetInfo> {
        let info = look(&*self.chain, |view, _| Ok(view.dataset(dataset)?))?;
        info.with_context(|| format!("the ledger has no dataset {dataset}"))
    }

    /// Funds a claim's dataset until nobody else can take the claim.
    async fn keep_dataset(&self, claim: &ClaimInfo, pos: LocationPos, terms: Terms) -> Result<Epoch> {
        let until = Epoch(claim.until.0.saturating_add(GRACE_EPOCHS));
        let info = self.dataset_info(claim.dataset)?;
        if info.owner != self.account() || self.is_over(claim.dataset)? {
            let dataset = self.rehouse(claim, &info, pos, until, terms).await;
            let dataset = dataset.with_context(|| format!("moving location {pos} to a dataset of its owner's"))?;
            return Ok(self.dataset_info(dataset)?.end);
        }
        let end = self.lengthen(&info, until, LOCATION_ESCROW_BYTES).await?;
        let writers = look(&*self.chain, |view, _| Ok(view.writers(claim.dataset)?))?;
        let writers: Vec<_> = writers.into_iter().map(|known| known.writer).collect();
        self.entrust(claim.dataset, pos, &writers).await?;
        Ok(end)
    }

    /// Funds a world's definition for another of its terms, in a new dataset if the old one is over.
    async fn keep_definition(&self, world: B256, terms: Terms) -> Result<Epoch> {
        let info = self.info(world)?;
        if self.is_over(info.dataset)? {
            let known = self.world(world).await?;
            self.create(&known.def, terms, info.term_epochs).await?;
            let dataset = self.info(world)?.dataset;
            return Ok(self.dataset_info(dataset)?.end);
        }
        let until = Epoch(self.epoch().0.saturating_add(info.term_epochs));
        self.lengthen(&self.dataset_info(info.dataset)?, until, DEFINITION_ESCROW_BYTES).await
    }

    /// Lengthens a dataset's term, with escrow for what it holds, or for so many bytes if it holds less. Answers its last
    /// epoch.
    async fn lengthen(&self, info: &DatasetInfo, until: Epoch, bytes_min: u64) -> Result<Epoch> {
        let until = until.0.min(self.epoch().0.saturating_add(TERM_EPOCHS_MAX));
        let Some(extra) = until.checked_sub(info.end.0).filter(|extra| *extra > 0) else { return Ok(info.end) };
        let bytes = info.bytes_per_slot.saturating_mul(u64::from(info.layout.k())).max(bytes_min);
        let deposit = Customer::escrow_for(info.layout, bytes, extra, info.price_cap);
        let deposit = deposit.context("the escrow for such a term is beyond all coins")?;
        self.customer.renew(info.id, extra, deposit).await?;
        Ok(self.dataset_info(info.id)?.end)
    }

    /// Moves what stands at a place to a new dataset of this account.
    async fn rehouse(
        &self,
        claim: &ClaimInfo,
        former: &DatasetInfo,
        pos: LocationPos,
        until: Epoch,
        terms: Terms,
    ) -> Result<DatasetId> {
        let world = claim.world;
        let known = self.world(world).await?;
        // Its edits were the former owner's to judge, who is the dataset's.
        let judged = ClaimInfo { owner: former.owner, ..claim.clone() };
        let open =
            self.open_place(world, pos).filter(|open| (open.owner(), open.dataset()) == (judged.owner, former.id));
        let place = match open {
            Some(open) => open,
            None => Arc::new(Place::new(known, pos, &judged, self.chain.params().chain_id)?),
        };
        let _writing = place.writing.lock().await;
        if let Err(error) = place.refresh_to_write(self).await {
            tracing::warn!(%pos, "suppliers don't bring all of the location any more; its version is looked for here: {error:#}");
            place.recall(self).await?;
        }
        // Nobody takes a longer term from the start than it offers; renewing lengthens it.
        let epochs = until.0.saturating_sub(self.epoch().0).min(self.longest_term(terms)?).clamp(1, TERM_EPOCHS_MAX);
        let dataset = self.dataset(&location_name(world, pos), terms, epochs, LOCATION_ESCROW_BYTES).await?;
        self.store_anew(claim, &place, dataset).await?;
        let call = IWorlds::setClaimDatasetCall { world, x: pos.x, y: pos.y, z: pos.z, dataset: dataset.into() };
        self.transact(U256::ZERO, call.abi_encode()).await.context("naming the new dataset on the ledger")?;
        self.places().open.remove(&(world, pos));
        Ok(dataset)
    }

    /// The longest term for which as many suppliers as a dataset needs offer space now.
    fn longest_term(&self, terms: Terms) -> Result<u64> {
        let (offers, height) = look(&*self.chain, |view, height| Ok((view.offers()?, height)))?;
        let live = offers.iter().filter(|offer| offer.valid_until >= height);
        let mut longest: Vec<u64> = live.map(|offer| offer.max_term_epochs).collect();
        longest.sort_unstable_by(|a, b| b.cmp(a));
        // With too few of them, making the dataset says so.
        Ok(longest.get(usize::from(terms.layout.n()) - 1).copied().unwrap_or(TERM_EPOCHS_MAX))
    }

    /// Stores what stands at a place in another dataset, as its next version, and enters that on the ledger. The edits in it are
    /// remembered if its owner is the same; whose it was before can't be looked up by those who read it, so after a transfer they
    /// begin anew.
    async fn store_anew(&self, claim: &ClaimInfo, place: &Arc<Place>, dataset: DatasetId) -> Result<()> {
        let (before, mut graph, log_next) = {
            let state = place.state();
            (state.manifest.clone(), state.graph.clone(), state.log.next)
        };
        let has_edits = graph.log().len() > 0;
        if !has_edits && before.is_none() {
            return Ok(());
        }
        let heads: Vec<_> = graph.heads().iter().copied().collect();
        let fold = match has_edits {
            true => graph.fold(&heads)?,
            false => Fold { changes: Default::default(), orphaned: Vec::new() },
        };
        let changed = self.chunks_after(place, before.as_deref(), &fold).await?;
        let is_same_owner = place.owner() == claim.owner;
        let base = is_same_owner.then(|| graph.base().encode());
        let stored = |base: &Vec<u8>| -> Result<Stored> {
            Ok(Stored { bytes: u32::try_from(base.len())?, hash: blob::root(base) })
        };
        let version = Version {
            world: claim.world.0,
            pos: place.pos(),
            sequence: claim.sequence + 1,
            seed: place.world().def.seed,
            generator: place.world().def.generator,
            params: place.world().def.params.clone(),
            folded: match is_same_owner {
                true => graph.base().heads().iter().map(|head| head.0).collect(),
                false => Vec::new(),
            },
            base: base.as_ref().map(stored).transpose()?,
            log_first: log_next,
            author: self.account(),
        };
        let snapshot = self.snapshot(place, version, changed, before).await?;
        let manifest = Arc::new(snapshot.manifest);
        let base = base.unwrap_or_default();
        let onto = self.revision(dataset)?;
        self.store(place, dataset, onto, &manifest, snapshot.frames.clone(), &base).await?;
        self.keep_version(&manifest, snapshot.frames, base).await;
        self.enter_version(&manifest).await
    }

    /// Whether this account made a dataset under a name.
    fn is_made_for(&self, dataset: DatasetId, name: &str) -> bool {
        self.salts(name).any(|salt| self.customer.dataset_id(salt) == dataset)
    }
}

/// The name of the dataset that this node makes for a location.
pub(super) fn location_name(world: B256, pos: LocationPos) -> String {
    format!("location {pos} of {world}")
}
