//! What is done about a location on the ledger, and what it is afterwards.

use std::collections::BTreeMap;

use bitdust_rpc::{
    api::{MeetClient, NodeClient, WorldClient},
    client::Client,
    jsonrpsee::core::ClientError,
    types::{
        meet::MeetEvent,
        world::{AccessChange, AccessInfo, ClaimRequest, MayBuild, WhoMayClaim, WorldSummary},
    },
};
use bitdust_types::{Address, Amount, B256};
use bitdust_world::LocationPos;

use crate::{
    model::chat::clean,
    source::{Builders, Deed, Land, Owner, Person},
};

/// Claims within so many metres of a location's middle are no others than its own.
const NEAR_M: u32 = 1;
/// Characters of somebody's name that are shown.
const NAME_CHARS_MAX: usize = 32;

/// Does it, and looks. A claim takes as long as the ledger and the suppliers do, so several seconds.
pub(super) async fn tend(client: &Client, world: B256, location: LocationPos, deed: Deed) -> Land {
    let done = act(client, world, location, deed).await;
    let note = done.unwrap_or_else(|error| client.explain(error).to_string());
    match look(client, world, location).await {
        Ok(land) => Land { note, ..land },
        Err(error) => {
            let note = if note.is_empty() { client.explain(error).to_string() } else { note };
            let (owner, build, terms) = (Owner::Unknown, Builders::Owner, String::new());
            Land { location, owner, build, end_epoch: 0, guests: vec![], near: vec![], terms, note }
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
            let has_guests = !admitted(client, world, location).await?.guests.is_empty();
            let (build, said) = match (open, has_guests) {
                (true, _) => (MayBuild::Everybody, "Everybody may build here now."),
                (false, false) => (MayBuild::Owner, "Only you may build here now."),
                (false, true) => (MayBuild::Guests, "Only you and your guests may build here now."),
            };
            client.world_admit(world, location, AccessChange { build: Some(build), ..AccessChange::default() }).await?;
            said.to_owned()
        }
        Deed::Welcome(account) => {
            let change = AccessChange { welcome: vec![account], ..AccessChange::default() };
            client.world_admit(world, location, change).await?;
            format!("{} may build here now.", short(account))
        }
        Deed::Dismiss(account) => {
            let change = AccessChange { dismiss: vec![account], ..AccessChange::default() };
            client.world_admit(world, location, change).await?;
            format!("{} may build here no longer; what stands there stays.", short(account))
        }
    })
}

/// The list as it is.
async fn admitted(client: &Client, world: B256, location: LocationPos) -> Result<AccessInfo, ClientError> {
    let nobodys = AccessInfo { build: MayBuild::Owner, guests: vec![], compactors: vec![] };
    Ok(client.world_admitted(world, location).await?.unwrap_or(nobodys))
}

/// Those in sight, by what they call themselves; nobody if the node's player isn't in the world.
async fn in_sight(client: &Client, world: B256) -> Vec<Person> {
    let Ok(around) = client.meet_around(world, None).await else { return vec![] };
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    for event in around.events {
        match event {
            MeetEvent::Met { peer, account, name, .. } => {
                people.insert(peer, Person { account, name: clean(&name, NAME_CHARS_MAX) });
            }
            MeetEvent::Left { peer } => drop(people.remove(&peer)),
            _ => {}
        }
    }
    people.into_values().collect()
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
    let (mut guests, mut near) = (vec![], vec![]);
    if owner == Owner::You {
        near = in_sight(client, world).await;
        for account in admitted(client, world, location).await?.guests {
            let known = near.iter().find(|person| person.account == account).cloned();
            guests.push(known.unwrap_or_else(|| Person { account, name: short(account) }));
        }
        near.retain(|person| person.account != own && !guests.iter().any(|guest| guest.account == person.account));
    }
    Ok(Land { location, owner, build, end_epoch, guests, near, terms: terms(&info.summary), note: String::new() })
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
