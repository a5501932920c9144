//! `world_`: worlds, claims and building, as this node's account.

use alloy_primitives::{Address, B256};
use bitdust_ledger::worlds::{
    Build, Claimants, Standing,
    view::{AccessInfo as Access, ClaimInfo as Claim, WorldInfo as Info},
};
use bitdust_proof::blob;
use bitdust_rpc::{
    Code, Failure,
    api::WorldServer,
    jsonrpsee::core::async_trait,
    types::world::{
        AccessChange, AccessInfo, ClaimInfo, ClaimPage, ClaimReport, ClaimRequest, CreateWorld, EditReport,
        LocationInfo, MayBuild, ReleaseReport, RenewReport, SaveReport, VoxelEdit, WhoMayClaim, WorldInfo, WorldStats,
        WorldSummary,
    },
};
use bitdust_types::{Amount, Layout};
use bitdust_world::{
    LocationPos, VoxelPos,
    edits::{AccessList, Builders},
    place::LOCATION_VOXELS,
};

use super::{Api, internal, rejected};
use crate::worlds::{
    admitting,
    claiming::{NewClaim, Terms, read_definition},
};

/// Worlds listed at most.
const WORLDS_MAX: u32 = 1000;
/// Claims on a page at most.
const CLAIMS_MAX: u32 = 100;
/// Metres around a place in which claims are looked for: 8 locations in each direction.
const NEAR_MAX: u32 = 2048;
/// Voxels in one call.
const EDITS_MAX: usize = 65_536;

#[async_trait]
impl WorldServer for Api {
    async fn world_list(&self) -> Result<Vec<WorldSummary>, Failure> {
        Ok(self.worlds()?.list(WORLDS_MAX).map_err(internal)?.into_iter().map(summary).collect())
    }

    async fn world_info(&self, world: B256) -> Result<WorldInfo, Failure> {
        let worlds = self.worlds()?;
        let info = worlds.info(world).map_err(not_found)?;
        let known = worlds.world(world).await.map_err(unavailable)?;
        Ok(WorldInfo { summary: summary(info), definition: known.bytes.clone().into() })
    }

    async fn world_create(&self, request: CreateWorld) -> Result<WorldSummary, Failure> {
        let worlds = self.worlds()?.clone();
        let terms = self.world_terms()?;
        let text = request.definition.to_string();
        let def = read_definition(&text, worlds.account())
            .map_err(|error| Failure::params(format!("the world's definition: {error:#}"), ""))?;
        // A claim of the first hour is worth nothing without the definition.
        let epochs = request.epochs.unwrap_or(def.rules.term_epochs);
        let making = worlds.clone();
        let (id, _) = spawned(async move { making.create(&def, terms, epochs).await }).await?;
        Ok(summary(worlds.info(id).map_err(internal)?))
    }

    async fn world_claims(&self, world: B256, after: Option<u64>, limit: Option<u32>) -> Result<ClaimPage, Failure> {
        let worlds = self.worlds()?;
        let info = worlds.info(world).map_err(not_found)?;
        let limit = limit.unwrap_or(CLAIMS_MAX).clamp(1, CLAIMS_MAX);
        let from = after.and_then(|after| u32::try_from(after).ok()).unwrap_or(0);
        let claims = worlds.claims(world, from, limit).map_err(internal)?;
        let end = from.saturating_add(limit);
        Ok(ClaimPage {
            claims: claims.into_iter().filter(|claim| self.counts(claim)).map(claim_info).collect(),
            next: (end < info.claims).then_some(end.into()),
        })
    }

    async fn world_near(&self, world: B256, at: VoxelPos, metres: u32) -> Result<Vec<ClaimInfo>, Failure> {
        let worlds = self.worlds()?;
        worlds.info(world).map_err(not_found)?;
        if metres > NEAR_MAX {
            let what = format!("claims are looked for within {NEAR_MAX} m at most, not {metres}");
            return Err(Failure::params(what, "ask for several places, or page through world_claims"));
        }
        let reach = i64::from(metres.div_ceil(LOCATION_VOXELS as u32));
        let centre = at.chunk().location();
        let mut found = Vec::new();
        for dy in -reach..=reach {
            for dz in -reach..=reach {
                for dx in -reach..=reach {
                    let pos = centre.offset(dx, dy, dz);
                    found.extend(worlds.claim(world, pos).map_err(internal)?.map(claim_info));
                }
            }
        }
        Ok(found)
    }

    async fn world_claim(&self, world: B256, request: ClaimRequest) -> Result<ClaimReport, Failure> {
        let worlds = self.worlds()?.clone();
        let terms = self.world_terms()?;
        let (pos, build) = (request.pos, request.build);
        let new = NewClaim { pos, build: builders(build) as u8, epochs: request.epochs };
        let claiming = worlds.clone();
        let (included, price) = spawned(async move {
            let claimed = claiming.claim_place(world, &new, terms).await?;
            if build != MayBuild::Owner {
                // Edits go by the list among them; the ledger's is for menus.
                claiming.admit(world, pos, access_list(build, Vec::new(), None)).await?;
            }
            Ok(claimed)
        })
        .await?;
        let claim = worlds.claim(world, pos).map_err(internal)?;
        let claim = claim.ok_or_else(|| Failure::internal(format!("the claim of {pos} is not on the ledger")))?;
        Ok(ClaimReport {
            claim: claim_info(claim),
            transaction: included.hash,
            height: included.height.0,
            price: Amount::try_from(price).map_err(internal)?,
        })
    }

    async fn world_renew(&self, world: B256, pos: Option<LocationPos>) -> Result<RenewReport, Failure> {
        let worlds = self.worlds()?.clone();
        let terms = self.world_terms()?;
        let renewing = worlds.clone();
        let renewed = spawned(async move { renewing.renew(world, pos, terms).await }).await?;
        let claim = pos.map(|pos| worlds.claim(world, pos)).transpose().map_err(internal)?.flatten();
        Ok(RenewReport {
            claim: claim.map(claim_info),
            price: Amount::try_from(renewed.price).map_err(internal)?,
            renewable_from: renewed.renewable_from.map(|epoch| epoch.0),
            dataset_until: renewed.dataset_until.map(|epoch| epoch.0),
            definition_until: renewed.definition_until.map(|epoch| epoch.0),
        })
    }

    async fn world_transfer(&self, world: B256, pos: LocationPos, to: Address) -> Result<B256, Failure> {
        let worlds = self.worlds()?.clone();
        Ok(spawned(async move { worlds.transfer(world, pos, to).await }).await?.hash)
    }

    async fn world_release(&self, world: B256, pos: LocationPos) -> Result<ReleaseReport, Failure> {
        let worlds = self.worlds()?.clone();
        let (included, dataset_ended) = spawned(async move { worlds.release(world, pos).await }).await?;
        Ok(ReleaseReport { transaction: included.hash, dataset_ended })
    }

    async fn world_access(
        &self,
        world: B256,
        pos: LocationPos,
        build: MayBuild,
        guests: Vec<Address>,
        compactors: Option<Vec<Address>>,
    ) -> Result<ClaimInfo, Failure> {
        let worlds = self.worlds()?.clone();
        let setting = worlds.clone();
        let list = access_list(build, guests, compactors);
        spawned(async move { setting.set_access(world, pos, list).await }).await?;
        let claim = worlds.claim(world, pos).map_err(internal)?;
        claim.map(claim_info).ok_or_else(|| Failure::internal(format!("the claim of {pos} is gone")))
    }

    async fn world_admit(&self, world: B256, pos: LocationPos, change: AccessChange) -> Result<AccessInfo, Failure> {
        let worlds = self.worlds()?.clone();
        let AccessChange { build, welcome, dismiss } = change;
        let change = admitting::AccessChange { build: build.map(builders), welcome, dismiss };
        spawned(async move { worlds.change_access(world, pos, &change).await }).await.map(access_info)
    }

    async fn world_admitted(&self, world: B256, pos: LocationPos) -> Result<Option<AccessInfo>, Failure> {
        let worlds = self.worlds()?;
        worlds.info(world).map_err(not_found)?;
        let list = worlds.access(world, pos).map_err(internal)?;
        Ok(list.map(access_info))
    }

    async fn world_revoke(&self, world: B256, pos: LocationPos, account: Address) -> Result<B256, Failure> {
        let worlds = self.worlds()?.clone();
        spawned(async move { worlds.revoke(world, pos, account).await }).await
    }

    async fn world_location(&self, world: B256, pos: LocationPos) -> Result<LocationInfo, Failure> {
        let worlds = self.worlds()?.clone();
        worlds.info(world).map_err(not_found)?;
        let claim = worlds.claim(world, pos).map_err(internal)?.map(claim_info);
        let seen = worlds.survey(world, pos).await.map_err(unavailable)?;
        Ok(LocationInfo {
            claim,
            sequence: seen.sequence,
            built_chunks: seen.built_chunks,
            edits: seen.edits,
            unsaved_edits: seen.unsaved_edits,
            state: blob::root(&seen.hashes).into(),
        })
    }

    async fn world_edit(&self, world: B256, edits: Vec<VoxelEdit>) -> Result<EditReport, Failure> {
        if edits.len() > EDITS_MAX {
            let what = format!("{} voxels at once are too many: at most {EDITS_MAX}", edits.len());
            return Err(Failure::new(Code::LimitExceeded, what, "send them in several calls"));
        }
        let edits: Vec<_> = edits.into_iter().map(|edit| (edit.pos, edit.block)).collect();
        let operations = self.worlds()?.edit(world, &edits).await.map_err(rejected)?;
        Ok(EditReport { operations, voxels: edits.len() as u64 })
    }

    async fn world_save(&self, world: B256, pos: LocationPos) -> Result<SaveReport, Failure> {
        let worlds = self.worlds()?.clone();
        let saved = spawned(async move { worlds.save(world, pos).await }).await?;
        Ok(SaveReport {
            sequence: saved.sequence,
            revision: saved.revision,
            chunks: saved.chunks,
            bytes: saved.bytes,
            folded: saved.folded,
        })
    }

    async fn world_stats(&self) -> Result<WorldStats, Failure> {
        Ok(self.worlds()?.stats())
    }
}

impl Api {
    /// Layout and price cap of datasets that hold worlds: the customer's own defaults.
    fn world_terms(&self) -> Result<Terms, Failure> {
        let defaults = &self.config.customer;
        let layout = Layout::new(defaults.k, defaults.n).map_err(internal)?;
        Ok(Terms { layout, price_cap: defaults.price_cap.parse().map_err(internal)? })
    }

    fn counts(&self, claim: &Claim) -> bool {
        let epoch = self.chain.params().epoch_of(self.chain.tip().height);
        claim.standing(epoch) != Standing::Lapsed
    }
}

/// Runs work that goes on when its caller hangs up.
async fn spawned<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(work).await.map_err(internal)?.map_err(rejected)
}

fn summary(info: Info) -> WorldSummary {
    WorldSummary {
        id: info.id,
        name: info.name,
        creator: info.creator,
        dataset: info.dataset,
        who_may_claim: match info.claimants {
            Claimants::Everybody => WhoMayClaim::Everybody,
            Claimants::Listed => WhoMayClaim::Listed,
            Claimants::Creator => WhoMayClaim::Creator,
        },
        price: info.price,
        term_epochs: info.term_epochs,
        claims_per_account: info.claims_per_account,
        claims: info.claims.into(),
    }
}

fn claim_info(claim: Claim) -> ClaimInfo {
    ClaimInfo {
        pos: LocationPos::new(claim.place.x, claim.place.y, claim.place.z),
        owner: claim.owner,
        dataset: claim.dataset,
        build: may_build(claim.build),
        end_epoch: claim.until.0,
        sequence: claim.sequence,
    }
}

fn may_build(build: Build) -> MayBuild {
    match build {
        Build::Owner => MayBuild::Owner,
        Build::Guests => MayBuild::Guests,
        Build::Everybody => MayBuild::Everybody,
    }
}

fn builders(build: MayBuild) -> Builders {
    match build {
        MayBuild::Owner => Builders::Owner,
        MayBuild::Guests => Builders::Guests,
        MayBuild::Everybody => Builders::Everybody,
    }
}

fn access_info(list: Access) -> AccessInfo {
    AccessInfo { build: may_build(list.build), guests: list.guests, compactors: list.compactors }
}

fn access_list(build: MayBuild, guests: Vec<Address>, compactors: Option<Vec<Address>>) -> AccessList {
    let (builders, compactors) = (builders(build), compactors.unwrap_or_default());
    AccessList { guests, builders, compactors, ..AccessList::default() }
}

fn not_found(error: anyhow::Error) -> Failure {
    Failure::not_found(format!("{error:#}"), "")
}

fn unavailable(error: anyhow::Error) -> Failure {
    Failure::new(Code::DataUnavailable, format!("{error:#}"), "")
}
