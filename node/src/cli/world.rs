//! `bitdust world`: worlds and the places claimed in them. Walking through them is `bitdust-world`'s.

use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use anyhow::{Context as _, Result, bail};
use bitdust_rpc::{
    api::WorldClient as _,
    types::world::{ClaimRequest, CreateWorld, MayBuild},
};
use bitdust_world::{LocationPos, content::limits::JSON_BYTES_MAX};
use clap::Subcommand;

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
        /// Epochs that its storage is paid for.
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
    let place = client.world_location(world, pos).await.map_err(explain(&client))?;
    output::show(json, &place, |place| {
        let owner = place.claim.as_ref().map_or("nobody: the generator's alone".to_owned(), |claim| {
            format!("{} until epoch {}, dataset {}", claim.owner, claim.end_epoch, claim.dataset)
        });
        let edits = format!("{}, of which suppliers lack {}", place.edits, place.unsaved_edits);
        output::table(&[
            cells(["owner", &owner]),
            cells(["version", &place.sequence.to_string()]),
            cells(["built chunks", &place.built_chunks.to_string()]),
            cells(["edits since", &edits]),
            cells(["state", &place.state.to_string()]),
        ])
    })
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
