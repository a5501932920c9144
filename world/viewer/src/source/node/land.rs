//! What is done about a location on the ledger, and what it is afterwards.

use bitdust_rpc::{
    api::{NodeClient, WorldClient},
    client::Client,
    jsonrpsee::core::ClientError,
    types::world::{ClaimRequest, MayBuild, WhoMayClaim, WorldSummary},
};
use bitdust_types::{Address, Amount, B256};
use bitdust_world::LocationPos;

use crate::source::{Builders, Deed, Land, Owner};

/// Claims within so many metres of a location's middle are no others than its own.
const NEAR_M: u32 = 1;

/// Does it, and looks. A claim takes as long as the ledger and the suppliers do, so several seconds.
pub(super) async fn tend(client: &Client, world: B256, location: LocationPos, deed: Deed) -> Land {
    let done = act(client, world, location, deed).await;
    let note = done.unwrap_or_else(|error| client.explain(error).to_string());
    match look(client, world, location).await {
        Ok(land) => Land { note, ..land },
        Err(error) => {
            let note = if note.is_empty() { client.explain(error).to_string() } else { note };
            let (owner, build) = (Owner::Unknown, Builders::Owner);
            Land { location, owner, build, end_epoch: 0, terms: String::new(), note }
        }
    }
}

/// What came of it, for people.
async fn act(client: &Client, world: B256, location: LocationPos, deed: Deed) -> Result<String, ClientError> {
    Ok(match deed {
        Deed::Look => String::new(),
        Deed::Claim => {
            let request = ClaimRequest { pos: location, build: MayBuild::Owner, epochs: None };
            let report = client.world_claim(world, request).await?;
            format!("It is yours now, for {}. Build!", report.price)
        }
        Deed::Renew => {
            let report = client.world_renew(world, Some(location)).await?;
            match report.renewable_from {
                Some(epoch) if report.price == Amount::ZERO => {
                    format!("Its storage is paid; the claim can be renewed from epoch {epoch} on.")
                }
                _ => format!("Renewed, for {}.", report.price),
            }
        }
        Deed::Open(open) => {
            let build = if open { MayBuild::Everybody } else { MayBuild::Owner };
            client.world_access(world, location, build, vec![], None).await?;
            if open { "Everybody may build here now." } else { "Only you may build here now." }.to_owned()
        }
    })
}

async fn look(client: &Client, world: B256, location: LocationPos) -> Result<Land, ClientError> {
    let middle = location.chunk(0).origin().offset(128, 128, 128);
    let claims = client.world_near(world, middle, NEAR_M).await?;
    let claim = claims.into_iter().find(|claim| claim.pos == location);
    let info = client.world_info(world).await?;
    let own = client.node_status().await?.address;
    let owner = match &claim {
        None => Owner::Nobody,
        Some(claim) if claim.owner == own => Owner::You,
        Some(claim) => Owner::Other(short(claim.owner)),
    };
    let build = match claim.as_ref().map(|claim| claim.build) {
        None | Some(MayBuild::Owner) => Builders::Owner,
        Some(MayBuild::Guests) => Builders::Guests,
        Some(MayBuild::Everybody) => Builders::Everybody,
    };
    let end_epoch = claim.map_or(0, |claim| claim.end_epoch);
    Ok(Land { location, owner, build, end_epoch, terms: terms(&info.summary), note: String::new() })
}

fn terms(world: &WorldSummary) -> String {
    let who = match world.who_may_claim {
        WhoMayClaim::Everybody => "anybody",
        WhoMayClaim::Listed => "those whom its creator listed",
        WhoMayClaim::Creator => "its creator alone",
    };
    format!(
        "In this world land is for {who}: {} for {} epochs, up to {} places each. Storage is paid beside that.",
        world.price, world.term_epochs, world.claims_per_account
    )
}

/// An account for people.
pub(super) fn short(account: Address) -> String {
    let hex = format!("{account:#x}");
    format!("{}…{}", &hex[..6], &hex[hex.len() - 4..])
}
