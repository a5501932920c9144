//! A whole network on this machine: plans it, lays it out on disk, supervises its processes, and shows what it does.

pub mod demo;
pub mod plan;
pub mod register;
pub mod supervisor;

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use bitdust_rpc::api::NodeClient as _;
use bitdust_types::{Amount, keys::DEVNET_PHRASE};
use serde::Serialize;

use crate::{
    chain::now_ms,
    cli::{devnet::DevnetArgs, output, remote::explain},
    home::private_dir,
};
use plan::Shape;
use supervisor::Supervisor;

/// How often the nodes are looked after.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// What is printed of a node.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeLine {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Its account.
    pub address: String,
    /// JSON-RPC, WebSocket and objects.
    pub rpc: String,
    /// Its data directory.
    pub dir: String,
    /// Its process.
    pub pid: Option<u32>,
}

/// `bitdust devnet`.
pub async fn run(args: &DevnetArgs, json: bool) -> Result<()> {
    let scratch = match &args.dir {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("bitdust-devnet-")
                .tempdir()
                .context("making a directory for the devnet")?,
        ),
    };
    let dir =
        args.dir.as_deref().or(scratch.as_ref().map(|scratch| scratch.path())).context("a devnet has a directory")?;
    let shape = args.shape()?;
    if args.demo {
        demo::check_suppliers(dir, &shape)?;
    }
    let mut network = prepare(dir, &shape)?;
    let outcome = tokio::select! {
        outcome = show(&mut network, args, json) => outcome,
        interrupted = tokio::signal::ctrl_c() => interrupted.context("waiting for Ctrl-C"),
    };
    if !json {
        output::complain("stopping the network");
    }
    network.stop().await;
    outcome
}

/// A supervisor over the network of a directory; a new network if there is none yet.
pub fn prepare(dir: &Path, shape: &Shape) -> Result<Supervisor> {
    private_dir(dir)?;
    if let Some(known) = Supervisor::load(dir)? {
        return Ok(known);
    }
    supervisor::lay_out(dir, &shape.plan(now_ms())?)?;
    Supervisor::load(dir)?.context("a network that was just laid out is there")
}

async fn show(network: &mut Supervisor, args: &DevnetArgs, json: bool) -> Result<()> {
    network.start().await?;
    let _registered = register::enter(network)?;
    let nodes = describe(network).await?;
    let balance = customer_balance(network).await?;
    if !json {
        print_network(network, &nodes, balance);
    }
    if args.demo {
        let report = demo::run(network, &nodes, args, json).await?;
        if json {
            output::say(serde_json::to_string(&report)?);
        }
        if args.exit {
            return Ok(());
        }
        demo::revive(network, &report.stopped, json).await?;
    } else if json {
        let network = serde_json::json!({ "nodes": nodes, "customerBalance": balance, "phrase": DEVNET_PHRASE });
        output::say(network.to_string());
    }
    if !json {
        output::say("\nThe network stays up; Ctrl-C ends it.");
    }
    loop {
        tokio::time::sleep(LOOK_AFTER).await;
        for name in network.look_after()? {
            output::complain(format!("{name} was told to stop; the others go on"));
        }
    }
}

async fn describe(network: &Supervisor) -> Result<Vec<NodeLine>> {
    let mut nodes = Vec::new();
    for process in &network.processes {
        let client = process.client()?;
        let status = client.node_status().await.map_err(explain(&client))?;
        let roles: Vec<String> = process.config.roles.iter().map(ToString::to_string).collect();
        nodes.push(NodeLine {
            name: process.name.clone(),
            role: roles.join(", "),
            address: status.address.to_string(),
            rpc: format!("http://{}", process.config.rpc),
            dir: process.home.path().display().to_string(),
            pid: process.pid(),
        });
    }
    Ok(nodes)
}

async fn customer_balance(network: &Supervisor) -> Result<Amount> {
    let customer = network.processes.iter().find(|process| process.name == plan::CUSTOMER);
    let client = customer.context("a devnet has a customer")?.client()?;
    Ok(client.node_status().await.map_err(explain(&client))?.balance)
}

fn print_network(network: &Supervisor, nodes: &[NodeLine], balance: Amount) {
    output::say(format!(
        "A network of {} nodes, each a process with a directory below {}\n",
        nodes.len(),
        network.dir.display()
    ));
    let mut rows = vec![["node", "role", "address", "RPC"].map(str::to_owned).to_vec()];
    rows.extend(
        nodes.iter().map(|node| vec![node.name.clone(), node.role.clone(), node.address.clone(), node.rpc.clone()]),
    );
    output::say(output::table(&rows));
    output::say(format!(
        "\nThe customer has {balance}. Its phrase, for any Ethereum wallet (worthless outside of devnets):"
    ));
    output::say(format!("  {DEVNET_PHRASE}"));
}
