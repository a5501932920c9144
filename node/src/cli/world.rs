//! `bitdust world`: worlds and the places claimed in them. Walking through them is `bitdust-world`'s.

mod access;
mod import;

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use anyhow::{Context as _, Result, bail};
use bitdust_rpc::{
    api::WorldClient as _,
    types::world::{AccessInfo, ClaimRequest, CreateWorld, LocationInfo, MayBuild},
};
use bitdust_types::Amount;
use bitdust_world::{LocationPos, content::limits::JSON_BYTES_MAX};
use clap::Subcommand;
use serde::Serialize;

use super::{
    output,
    remote::{RemoteArgs, explain},
};

/// `bitdust world`.
#[derive(Subcommand)]
pub enum WorldVerb {
    /// Publish a world from its definition, or a new revision of it.
    Create {
        /// The definition, as JSON.
        file: PathBuf,
        /// Epochs that its storage is paid for; as long as a claim lasts if left out.
        #[arg(long)]
        epochs: Option<u64>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Claim a location: 256 m in each direction, kept by suppliers.
    Claim {
        /// The world's id.
        world: B256,
        /// The location, such as 0,0,-1: voxel coordinates divided by 256, rounded down.
        #[arg(allow_hyphen_values = true)]
        pos: String,
        /// Who may build: owner, guests or everybody.
        #[arg(long, default_value = "owner")]
        build: String,
        /// Epochs that its storage is paid for; the claim's own term if left out.
        #[arg(long)]
        epochs: Option<u64>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Say who may build at a place of yours.
    Access(access::AccessArgs),
    /// Build a place from a file of boxes: lines of `x y z dx dy dz block`, counted from the place's corner.
    Import {
        /// The world's id.
        world: B256,
        /// The location, such as 0,0,-1.
        #[arg(allow_hyphen_values = true)]
        pos: String,
        /// The file.
        file: PathBuf,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Keep a place for another term: the claim from half of its term on, its storage until the claim's end, and the world's
    /// definition if you published it. Whoever got a place from somebody else begins with this.
    Renew {
        /// The world's id.
        world: B256,
        /// The location, such as 0,0,-1; without it the definition of a world of yours.
        #[arg(allow_hyphen_values = true)]
        pos: Option<String>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Pass a place on to another account.
    Transfer {
        /// The world's id.
        world: B256,
        /// The location, such as 0,0,-1.
        #[arg(allow_hyphen_values = true)]
        pos: String,
        /// The account that gets it.
        to: Address,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Give a place back: anybody may claim it then, and what stands there is kept no more.
    Release {
        /// The world's id.
        world: B256,
        /// The location, such as 0,0,-1.
        #[arg(allow_hyphen_values = true)]
        pos: String,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// The worlds that the ledger lists.
    List {
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// A world's claims, or one location and how it is kept.
    Stat {
        /// The world's id.
        world: B256,
        /// The location, such as 0,0,-1.
        #[arg(allow_hyphen_values = true)]
        pos: Option<String>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Fold a location's edits into a new version of it.
    Save {
        /// The world's id.
        world: B256,
        /// The location, such as 0,0,-1.
        #[arg(allow_hyphen_values = true)]
        pos: String,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

/// Runs the verb.
pub async fn run(verb: &WorldVerb, json: bool) -> Result<()> {
    match verb {
        WorldVerb::Create { file, epochs, remote } => {
            let text = read_definition(file)?;
            let definition =
                serde_json::from_str(&text).with_context(|| format!("the definition {} is no JSON", file.display()))?;
            let client = remote.client()?;
            let world = client.world_create(CreateWorld { definition, epochs: *epochs }).await;
            output::show(json, &world.map_err(explain(&client))?, |world| {
                format!("world '{}' is published: {}\ndefinition in dataset {}", world.name, world.id, world.dataset)
            })
        }
        WorldVerb::Claim { world, pos, build, epochs, remote } => {
            let request = ClaimRequest { pos: position(pos)?, build: may_build(build)?, epochs: *epochs };
            let client = remote.client()?;
            let report = client.world_claim(*world, request).await.map_err(explain(&client))?;
            output::show(json, &report, |report| {
                format!(
                    "location {} is yours until epoch {}; paid {} to the creator, in block {}\nkept in dataset {}",
                    report.claim.pos, report.claim.end_epoch, report.price, report.height, report.claim.dataset
                )
            })
        }
        WorldVerb::Access(arguments) => arguments.run(json).await,
        WorldVerb::Import { world, pos, file, remote } => {
            let client = remote.client()?;
            let imported = import::import(&client, *world, position(pos)?, file).await?;
            output::show(json, &imported, |imported| {
                format!("{} boxes of {} voxels are in version {}", imported.boxes, imported.voxels, imported.sequence)
            })
        }
        WorldVerb::Renew { world, pos, remote } => renew(*world, pos.as_deref(), remote, json).await,
        WorldVerb::Transfer { world, pos, to, remote } => {
            let client = remote.client()?;
            let transaction = client.world_transfer(*world, position(pos)?, *to).await.map_err(explain(&client))?;
            output::show(json, &transaction, |transaction| {
                format!(
                    "location {pos} is {to}'s by transaction {transaction}\nits new owner has it kept by `bitdust world renew`, and \
                     until then your dataset does: don't end it before"
                )
            })
        }
        WorldVerb::Release { world, pos, remote } => {
            let client = remote.client()?;
            let report = client.world_release(*world, position(pos)?).await.map_err(explain(&client))?;
            output::show(json, &report, |report| {
                let dataset = match report.dataset_ended {
                    true => "its dataset is ended, and the rest of the escrow is back",
                    false => "its dataset was not made for it, and goes on",
                };
                format!("location {pos} is released by transaction {}; {dataset}", report.transaction)
            })
        }
        WorldVerb::List { remote } => list(remote, json).await,
        WorldVerb::Stat { world, pos: Some(pos), remote } => location(*world, position(pos)?, remote, json).await,
        WorldVerb::Stat { world, pos: None, remote } => claims(*world, remote, json).await,
        WorldVerb::Save { world, pos, remote } => {
            let client = remote.client()?;
            let saved = client.world_save(*world, position(pos)?).await.map_err(explain(&client))?;
            output::show(json, &saved, |saved| {
                format!(
                    "version {} holds {} built chunks in {} and {} edits, revision {}",
                    saved.sequence,
                    saved.chunks,
                    output::bytes(saved.bytes),
                    saved.folded,
                    saved.revision
                )
            })
        }
    }
}

/// A file that no definition fits in is not read.
fn read_definition(file: &Path) -> Result<String> {
    let what = || format!("reading the definition {}", file.display());
    let bytes = std::fs::metadata(file).with_context(what)?.len();
    if bytes > JSON_BYTES_MAX as u64 {
        bail!("the definition {} has {bytes} bytes, and at most {JSON_BYTES_MAX} make sense", file.display());
    }
    std::fs::read_to_string(file).with_context(what)
}

async fn renew(world: B256, pos: Option<&str>, remote: &RemoteArgs, json: bool) -> Result<()> {
    let pos = pos.map(position).transpose()?;
    let client = remote.client()?;
    let report = client.world_renew(world, pos).await.map_err(explain(&client))?;
    output::show(json, &report, |report| {
        let mut lines = Vec::new();
        if let Some(claim) = &report.claim {
            let paid = match report.price {
                Amount::ZERO => String::new(),
                price => format!("; paid {price} to the creator"),
            };
            lines.push(format!("location {} is yours until epoch {}{paid}", claim.pos, claim.end_epoch));
        }
        if let Some(from) = report.renewable_from {
            lines.push(format!("the claim can be renewed next from epoch {from} on"));
        }
        if let Some(until) = report.dataset_until {
            lines.push(format!("what stands there is paid for until epoch {until}"));
        }
        if let Some(until) = report.definition_until {
            lines.push(format!("the world's definition is paid for until epoch {until}"));
        }
        lines.join("\n")
    })
}

async fn list(remote: &RemoteArgs, json: bool) -> Result<()> {
    let client = remote.client()?;
    let worlds = client.world_list().await.map_err(explain(&client))?;
    output::show(json, &worlds, |worlds| {
        let mut rows = vec![cells(["world", "name", "creator", "claims", "price", "epochs"])];
        rows.extend(worlds.iter().map(|world| {
            cells([
                &world.id.to_string(),
                &world.name,
                &world.creator.to_string(),
                &world.claims.to_string(),
                &world.price.to_string(),
                &world.term_epochs.to_string(),
            ])
        }));
        output::table(&rows)
    })
}

async fn claims(world: B256, remote: &RemoteArgs, json: bool) -> Result<()> {
    let client = remote.client()?;
    let (mut claims, mut after) = (Vec::new(), None);
    loop {
        let page = client.world_claims(world, after, None).await.map_err(explain(&client))?;
        claims.extend(page.claims);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    output::show(json, &claims, |claims| {
        let mut rows = vec![cells(["location", "owner", "may build", "until epoch", "version", "dataset"])];
        rows.extend(claims.iter().map(|claim| {
            cells([
                &claim.pos.to_string(),
                &claim.owner.to_string(),
                &format!("{:?}", claim.build).to_lowercase(),
                &claim.end_epoch.to_string(),
                &claim.sequence.to_string(),
                &claim.dataset.to_string(),
            ])
        }));
        output::table(&rows)
    })
}

async fn location(world: B256, pos: LocationPos, remote: &RemoteArgs, json: bool) -> Result<()> {
    let client = remote.client()?;
    let kept = client.world_location(world, pos).await.map_err(explain(&client))?;
    let access = client.world_admitted(world, pos).await.map_err(explain(&client))?;
    output::show(json, &Location { kept, access }, |Location { kept: place, access }| {
        let owner = place.claim.as_ref().map_or("nobody: the generator's alone".to_owned(), |claim| {
            format!("{} until epoch {}, dataset {}", claim.owner, claim.end_epoch, claim.dataset)
        });
        let edits = format!("{}, of which suppliers lack {}", place.edits, place.unsaved_edits);
        output::table(&[
            cells(["owner", &owner]),
            cells(["may build", &access::admitted(access.as_ref())]),
            cells(["version", &place.sequence.to_string()]),
            cells(["built chunks", &place.built_chunks.to_string()]),
            cells(["edits since", &edits]),
            cells(["state", &place.state.to_string()]),
        ])
    })
}

/// A location as it is shown.
#[derive(Serialize)]
struct Location {
    #[serde(flatten)]
    kept: LocationInfo,
    access: Option<AccessInfo>,
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn position(text: &str) -> Result<LocationPos> {
    let parts: Vec<_> = text.split(',').map(|part| part.trim().parse::<i64>()).collect();
    match parts[..] {
        [Ok(x), Ok(y), Ok(z)] => Ok(LocationPos::new(x, y, z)),
        _ => bail!("'{text}' is no location: write three whole numbers, such as 0,0,-1"),
    }
}

fn may_build(text: &str) -> Result<MayBuild> {
    match text {
        "owner" => Ok(MayBuild::Owner),
        "guests" => Ok(MayBuild::Guests),
        "everybody" => Ok(MayBuild::Everybody),
        _ => bail!("'{text}' says not who may build: write owner, guests or everybody"),
    }
}
