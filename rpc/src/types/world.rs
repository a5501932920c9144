//! JSON of `world_`: worlds, claims, edits, and who is where.

use alloy_primitives::{Address, B256, Bytes};
use bitdust_types::{Amount, DatasetId};
use bitdust_world::{BlockId, LocationPos, VoxelPos};
use serde::{Deserialize, Serialize};

/// A world as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorldSummary {
    /// Its id.
    pub id: B256,
    /// Its name.
    pub name: String,
    /// Who published it.
    pub creator: Address,
    /// The dataset that holds its definition and content.
    pub dataset: DatasetId,
    /// Who may claim a location.
    pub who_may_claim: WhoMayClaim,
    /// What a claim costs, paid to the creator.
    pub price: Amount,
    /// Epochs that a claim lasts.
    pub term_epochs: u64,
    /// Claims that one account may have.
    pub claims_per_account: u32,
    /// Locations that are claimed.
    pub claims: u64,
}

/// Who may claim a location of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhoMayClaim {
    /// Anybody who pays.
    Everybody,
    /// Accounts that the creator has listed.
    Listed,
    /// The creator alone.
    Creator,
}

/// A world with all that is needed to walk through it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorldInfo {
    /// What the ledger says.
    #[serde(flatten)]
    pub summary: WorldSummary,
    /// The canonical bytes of its definition (`bitdust_world::content::WorldDef`), which hash to its id.
    pub definition: Bytes,
}

/// A world to publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWorld {
    /// The definition as its creator writes it, see `bitdust_world::content::WorldDef::from_json`.
    pub definition: serde_json::Value,
    /// Epochs that the definition's storage is paid for; as long as a claim lasts if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
}

/// A claimed location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimInfo {
    /// Where.
    pub pos: LocationPos,
    /// Whose.
    pub owner: Address,
    /// The dataset that keeps it.
    pub dataset: DatasetId,
    /// Who may build.
    pub build: MayBuild,
    /// The last epoch of the claim.
    pub end_epoch: u64,
    /// The version that was compacted last; 0 before the first.
    pub sequence: u64,
}

/// Who may build at a location.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MayBuild {
    /// Its owner.
    #[default]
    Owner,
    /// Its owner and the accounts listed.
    Guests,
    /// Whoever passes by.
    Everybody,
}

/// A page of claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimPage {
    /// In the order of the ledger's list.
    pub claims: Vec<ClaimInfo>,
    /// If there are more: pass this as `after`.
    pub next: Option<u64>,
}

/// A location to claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimRequest {
    /// Where.
    pub pos: LocationPos,
    /// Who may build.
    #[serde(default)]
    pub build: MayBuild,
    /// Epochs that its storage is paid for; the claim's own term if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
}

/// What a claim came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimReport {
    /// The claim.
    pub claim: ClaimInfo,
    /// The transaction.
    pub transaction: B256,
    /// The block it is in.
    pub height: u64,
    /// What was paid to the world's creator.
    pub price: Amount,
}

/// What renewing came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenewReport {
    /// The claim as it stands now; none if only the world's definition was renewed.
    pub claim: Option<ClaimInfo>,
    /// What was paid to the world's creator; 0 if the claim can't be renewed yet.
    pub price: Amount,
    /// The first epoch in which the claim can be renewed next: half a term before its end.
    pub renewable_from: Option<u64>,
    /// The last epoch for which the location's dataset is funded.
    pub dataset_until: Option<u64>,
    /// The same for the dataset of the world's definition; none if somebody else published the world.
    pub definition_until: Option<u64>,
}

/// What releasing a claim came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseReport {
    /// The transaction.
    pub transaction: B256,
    /// Whether the location's dataset was ended and its escrow came back; not so if it wasn't made for the location.
    pub dataset_ended: bool,
}

/// Who may do what at a claimed location, beside its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessInfo {
    /// Who may build.
    pub build: MayBuild,
    /// Accounts that may build unless the owner alone may, and that may bring edits to the suppliers.
    pub guests: Vec<Address>,
    /// Accounts that may make versions.
    pub compactors: Vec<Address>,
}

/// A change of who may build at a location, name by name: whoever isn't named stays as before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessChange {
    /// Who may build from now on; as before if left out, but for an owner's place that gets its first guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<MayBuild>,
    /// Accounts that may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub welcome: Vec<Address>,
    /// Accounts that may no longer; what they built and the node has seen stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dismiss: Vec<Address>,
}

/// A location and how it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocationInfo {
    /// The claim; none if the place is the generator's alone.
    pub claim: Option<ClaimInfo>,
    /// The compacted version that this node knows.
    pub sequence: u64,
    /// Chunks of it that players have changed.
    pub built_chunks: u32,
    /// Edits on top of that version.
    pub edits: u64,
    /// Edits of this node that suppliers don't hold yet.
    pub unsaved_edits: u64,
    /// A hash of every voxel of the location: equal on two nodes if and only if they see the same.
    pub state: B256,
}

/// A voxel to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoxelEdit {
    /// Where.
    pub pos: VoxelPos,
    /// What it becomes.
    pub block: BlockId,
}

/// What edits came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EditReport {
    /// Names of the signed operations, one for each location touched.
    pub operations: Vec<B256>,
    /// Voxels changed.
    pub voxels: u64,
}

/// What saving a location came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveReport {
    /// The version that suppliers hold now.
    pub sequence: u64,
    /// The dataset's revision.
    pub revision: u64,
    /// Chunks kept in it.
    pub chunks: u32,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Edits folded into it.
    pub folded: u64,
}

/// Where this node's world data came from since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorldStats {
    /// Chunks by source.
    pub chunks: SourceCounts,
    /// Packed bytes by source.
    pub bytes: SourceCounts,
    /// Bytes over the network for them, hashes and manifests included.
    pub wire_bytes: u64,
    /// Packed bytes given to other players.
    pub given_bytes: u64,
    /// Chunks that could not be had.
    pub failed: u64,
    /// Chunks that weren't there by their deadlines, by what they were waiting for then.
    pub late: LateCounts,
    /// Generated terrain that was shown until chunks arrived.
    pub stand_ins: StandInCounts,
    /// Second requests for chunks whose first was slow.
    pub hedges: u64,
    /// Requests to holders that were given up.
    pub timeouts: u64,
    /// Chunks that are wanted now and aren't there.
    pub waiting: u64,
    /// Requests to holders under way.
    pub in_flight: u64,
    /// What all but the slowest twentieth of the slowest holder's answers take, if any is known: how far ahead to ask.
    pub latency_ms: Option<u32>,
    /// Holders that sent something else than they should, with the last reason.
    pub blamed: Vec<Blamed>,
}

/// Late chunks, by what they were waiting for at their deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LateCounts {
    /// In view when they were first asked for: nobody could have been in time.
    pub unforeseen: u64,
    /// The location's claim, manifest and edits.
    pub location: u64,
    /// The generator.
    pub generator: u64,
    /// Their turn: every holder had as many requests as it takes.
    pub turn: u64,
    /// A holder that could be asked.
    pub holder: u64,
    /// An answer.
    pub answer: u64,
}

/// Generated terrain that stood in for chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StandInCounts {
    /// It turned out to be what stands there.
    pub right: u64,
    /// It was replaced by something else.
    pub stale: u64,
}

/// A count for every source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceCounts {
    /// Suppliers of the location's dataset.
    pub supplier: u64,
    /// Other players.
    pub player: u64,
    /// This node's disk.
    pub cache: u64,
    /// Made from the seed.
    pub generator: u64,
    /// Decoded from the shards of others, where the supplier that should have had them was dead, slow or wrong.
    pub rebuilt: u64,
}

/// A holder at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blamed {
    /// An account or a peer id.
    pub holder: String,
    /// What it did.
    pub reason: String,
}
