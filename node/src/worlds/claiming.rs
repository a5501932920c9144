//! Publishing a world and claiming a location: the dataset first, then the entry on the ledger that names it.
//!
//! A node that is killed in between finds the dataset again when it is told the same once more, since its id follows from
//! the account and the name.

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, bail};
use bitdust_ledger::worlds::{Claimants, IWorlds, limits::WORLD_FEE};
use bitdust_types::{Amount, B256, DatasetId, Layout, U256, system::WORLDS};
use bitdust_world::{
    LocationPos,
    content::{Authoring, Claimers, WorldDef},
    r#gen::{GENERATOR_VERSION, Params},
};
use serde_json::Value;

use super::{Worlds, copies::Definition, registry, renewing::location_name};
use crate::{
    chain::now_ms,
    chain_api::{Included, look},
    customer::{CreateDataset, Customer, PutFile, salt_of},
};

/// Bytes of a claimed location that its escrow is made for at first; more is added as it grows.
pub(super) const LOCATION_ESCROW_BYTES: u64 = 4 << 20;
/// The same for a world's definition.
pub(super) const DEFINITION_ESCROW_BYTES: u64 = 4 << 20;
/// Datasets of one name that are tried: each is used until its term ends.
const GENERATIONS_MAX: u32 = 1024;

/// Terms of the datasets that hold worlds and locations.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The erasure code.
    pub layout: Layout,
    /// Highest price per GiB and epoch.
    pub price_cap: Amount,
}

/// What a claim is to be.
#[derive(Clone, Debug)]
pub struct NewClaim {
    /// Where.
    pub pos: LocationPos,
    /// The ABI's number of who may build.
    pub build: u8,
    /// Epochs of storage; the claim's own term if not given.
    pub epochs: Option<u64>,
}

/// Reads a definition as its creator wrote it.
pub fn read_definition(text: &str, creator: bitdust_types::Address) -> Result<WorldDef> {
    let params = |value: Option<&Value>| -> Result<Vec<u8>, String> {
        let params: Params = match value {
            Some(value) => serde_json::from_value(value.clone()).map_err(|error| error.to_string())?,
            None => Params::default(),
        };
        params.check().map_err(|error| error.to_string())?;
        borsh::to_vec(&params).map_err(|error| error.to_string())
    };
    Ok(WorldDef::from_json(text, &Authoring { creator, generator: GENERATOR_VERSION, params: &params })?)
}

impl Worlds {
    /// Publishes a world, or a new revision of one's own.
    pub async fn create(&self, def: &WorldDef, terms: Terms, epochs: u64) -> Result<(B256, Included)> {
        let id = B256::from(def.id().0);
        let known = self.look(|view, _| Ok(view.world(id)?))?;
        if let Some(known) = known.as_ref().filter(|known| known.creator != self.account()) {
            bail!("world {id} was published by {}", known.creator);
        }
        // A definition that can't be walked through is refused before it costs anything.
        registry::generator(def)?;
        let bytes = def.to_bytes().context("the world's definition")?;
        let name = format!("world {id}");
        let dataset = self.dataset(&name, terms, epochs, DEFINITION_ESCROW_BYTES).await?;
        let definition = Definition::new(dataset, 0, bytes.clone());
        let copies = self.copies.clone();
        self.workers.run(move || copies.keep_definition(id, &definition)).await;
        let file = PutFile {
            path: registry::definition_file(id),
            bytes: Some(bytes.len() as u64),
            modified_ms: now_ms(),
            aligned: false,
            metadata: vec![("title".to_owned(), def.name.clone())],
            content: Box::new(std::io::Cursor::new(bytes)),
        };
        self.customer.put_one(dataset, file).await.context("storing the world's definition")?;
        let (claimants, listed) = match &def.rules.claimers {
            Claimers::Everybody => (Claimants::Everybody, &[][..]),
            Claimers::Listed(accounts) => (Claimants::Listed, &accounts[..]),
            Claimers::CreatorOnly => (Claimants::Creator, &[][..]),
        };
        let price = U256::from(def.rules.price.grains());
        let included = if known.is_some() {
            let call = IWorlds::setWorldCall {
                world: id,
                dataset: dataset.into(),
                whoMayClaim: claimants as u8,
                price,
                claimsPerAccount: def.rules.claims_per_account,
            };
            self.transact(U256::ZERO, call.abi_encode()).await.context("changing the world's rules")?
        } else {
            let call = IWorlds::createWorldCall {
                world: id,
                name: def.name.clone(),
                dataset: dataset.into(),
                whoMayClaim: claimants as u8,
                price,
                termEpochs: def.rules.term_epochs,
                claimsPerAccount: def.rules.claims_per_account,
            };
            self.transact(U256::from(WORLD_FEE), call.abi_encode()).await.context("publishing the world")?
        };
        for account in listed {
            let call = IWorlds::allowCall { world: id, account: *account, allowed: true };
            self.transact(U256::ZERO, call.abi_encode()).await.with_context(|| format!("listing {account}"))?;
        }
        Ok((id, included))
    }

    /// Claims a location for this node's account. Answers the transaction and the price that was paid.
    pub async fn claim_place(&self, world: B256, new: &NewClaim, terms: Terms) -> Result<(Included, U256)> {
        let info = self.info(world)?;
        if let Some(claim) = self.claim(world, new.pos)? {
            bail!("location {} of '{}' is claimed by {} until epoch {}", new.pos, info.name, claim.owner, claim.until);
        }
        let name = location_name(world, new.pos);
        let epochs = new.epochs.unwrap_or(info.term_epochs);
        let dataset = self.dataset(&name, terms, epochs, LOCATION_ESCROW_BYTES).await?;
        let price = U256::from(info.price.grains());
        let call = IWorlds::claimCall {
            world,
            x: new.pos.x,
            y: new.pos.y,
            z: new.pos.z,
            dataset: dataset.into(),
            build: new.build,
        };
        let included = self.transact(price, call.abi_encode()).await;
        Ok((included.with_context(|| format!("claiming location {} of '{}'", new.pos, info.name))?, price))
    }

    pub(super) async fn transact(&self, value: U256, input: Vec<u8>) -> Result<Included> {
        self.sender.transact(WORLDS, value, input.into()).await
    }

    /// Salts of the datasets of a name, in the order of their use.
    pub(super) fn salts(&self, name: &str) -> impl Iterator<Item = u32> {
        (0..GENERATIONS_MAX).map(move |generation| salt_of(&format!("{name} number {generation}")))
    }

    /// This account's public dataset of a name, made if there is none that is running.
    pub(super) async fn dataset(&self, name: &str, terms: Terms, epochs: u64, bytes: u64) -> Result<DatasetId> {
        let params = self.chain.params().clone();
        for salt in self.salts(name) {
            let id = self.customer.dataset_id(salt);
            let known = look(&*self.chain, |view, height| Ok((view.dataset(id)?, params.epoch_of(height))))?;
            match known {
                (Some(info), epoch) if !info.ended && info.end > epoch => return Ok(id),
                (Some(_), _) => {}
                (None, _) => {
                    let deposit = Customer::escrow_for(terms.layout, bytes, epochs, terms.price_cap);
                    let create = CreateDataset {
                        layout: terms.layout,
                        term_epochs: epochs,
                        price_cap: terms.price_cap,
                        deposit: deposit.context("the escrow for such a term is beyond all coins")?,
                        public: true,
                        salt,
                    };
                    return Ok(self.customer.create(&create).await?.0);
                }
            }
        }
        bail!("{GENERATIONS_MAX} datasets of the name '{name}' have ended")
    }
}
