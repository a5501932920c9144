//! Worlds: who published them, who claimed which location, and building there. Chunks go over HTTP
//! (`POST /worlds/{id}/chunks`), not through here.

use alloy_primitives::{Address, B256};
use bitdust_world::{LocationPos, VoxelPos};
use jsonrpsee::proc_macros::rpc;

use crate::{
    failure::Failure,
    types::world::{
        AccessChange, AccessInfo, ClaimInfo, ClaimPage, ClaimReport, ClaimRequest, CreateWorld, EditReport,
        LocationInfo, MayBuild, ReleaseReport, RenewReport, SaveReport, VoxelEdit, WorldInfo, WorldStats, WorldSummary,
    },
};

/// The namespace `world_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "world"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "world"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "world"))]
pub trait World {
    /// The worlds that the ledger lists.
    #[method(name = "list")]
    async fn world_list(&self) -> Result<Vec<WorldSummary>, Failure>;

    /// A world with its definition, read from its suppliers.
    #[method(name = "info")]
    async fn world_info(&self, world: B256) -> Result<WorldInfo, Failure>;

    /// Publishes a world: stores its definition and registers it.
    #[method(name = "create")]
    async fn world_create(&self, request: CreateWorld) -> Result<WorldSummary, Failure>;

    /// Claimed locations of a world, after `after`, at most `limit` (100 if not given).
    #[method(name = "claims")]
    async fn world_claims(&self, world: B256, after: Option<u64>, limit: Option<u32>) -> Result<ClaimPage, Failure>;

    /// Claimed locations within so many metres of a place.
    #[method(name = "near")]
    async fn world_near(&self, world: B256, at: VoxelPos, metres: u32) -> Result<Vec<ClaimInfo>, Failure>;

    /// Claims a location for this node's account, and makes and funds the dataset that keeps it.
    #[method(name = "claim")]
    async fn world_claim(&self, world: B256, request: ClaimRequest) -> Result<ClaimReport, Failure>;

    /// Renews a claim of this node's account if its time has come, and funds its dataset until the claim's end; with the world's
    /// definition if this account published the world. Without a location only the latter. A dataset that isn't this account's, or
    /// that is over, is replaced, and what stands at the location is stored in the new one.
    #[method(name = "renew")]
    async fn world_renew(&self, world: B256, pos: Option<LocationPos>) -> Result<RenewReport, Failure>;

    /// Passes a claim of this node's account on to another, who renews it to have it kept. Answers the transaction.
    #[method(name = "transfer")]
    async fn world_transfer(&self, world: B256, pos: LocationPos, to: Address) -> Result<B256, Failure>;

    /// Gives a claim of this node's account back, and ends the dataset that was made for it.
    #[method(name = "release")]
    async fn world_release(&self, world: B256, pos: LocationPos) -> Result<ReleaseReport, Failure>;

    /// Says who may build at a location of this node's account, and who beside it may make its versions, in place of whatever was
    /// said before. Whoever is named is let in again if its right was taken away before.
    #[method(name = "access")]
    async fn world_access(
        &self,
        world: B256,
        pos: LocationPos,
        build: MayBuild,
        guests: Vec<Address>,
        compactors: Option<Vec<Address>>,
    ) -> Result<ClaimInfo, Failure>;

    /// Changes who may build at a location of this node's account, name by name, whoever else changes it meanwhile. Answers the
    /// list as it is then.
    #[method(name = "admit")]
    async fn world_admit(&self, world: B256, pos: LocationPos, change: AccessChange) -> Result<AccessInfo, Failure>;

    /// Who may do what at a location, as the ledger has it; none if nobody claims it.
    #[method(name = "admitted")]
    async fn world_admitted(&self, world: B256, pos: LocationPos) -> Result<Option<AccessInfo>, Failure>;

    /// Takes an account's rights at a location of this node's account away: what it signed and this node hasn't seen by now is
    /// dropped by everyone, whenever it arrives, and it writes the location's dataset no more. Answers the revocation's name.
    #[method(name = "revoke")]
    async fn world_revoke(&self, world: B256, pos: LocationPos, account: Address) -> Result<B256, Failure>;

    /// A location and how it is kept.
    #[method(name = "location")]
    async fn world_location(&self, world: B256, pos: LocationPos) -> Result<LocationInfo, Failure>;

    /// Changes voxels, as this node's account. They are seen here at once, by others as soon as they hear of it, and are
    /// kept by suppliers within seconds.
    #[method(name = "edit")]
    async fn world_edit(&self, world: B256, edits: Vec<VoxelEdit>) -> Result<EditReport, Failure>;

    /// Folds a location's edits into a new version of it.
    #[method(name = "save")]
    async fn world_save(&self, world: B256, pos: LocationPos) -> Result<SaveReport, Failure>;

    /// Where this node's world data came from.
    #[method(name = "stats")]
    async fn world_stats(&self) -> Result<WorldStats, Failure>;
}
