//! `--devnet`: a whole network on this machine for a first look, ended with the viewer.
//!
//! The program `bitdust` does the work; it lies beside this one or on the `PATH`. Its customer's node keeps the world; a
//! ledger that lists none gets one.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bitdust_rpc::{
    api::{MarketClient, WorldClient},
    client::Client,
    token::Token,
    types::world::CreateWorld,
};
use serde::Deserialize;

/// The world of a fresh devnet.
const WORLD: &str = include_str!("devnet-world.json");

/// Suppliers of a devnet, all of which a world's dataset needs.
const SUPPLIERS: usize = 8;
/// Offers are there within a few blocks of a second each.
const OFFERS_PATIENCE: Duration = Duration::from_secs(60);

/// A running network; dropping it ends it.
pub struct Devnet {
    child: Child,
    /// Its customer's API.
    pub url: String,
    /// Where that node wrote its token.
    pub token: PathBuf,
}

#[derive(Deserialize)]
struct Network {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    role: String,
    rpc: String,
    dir: String,
}

impl Devnet {
    /// Starts one, and waits until its nodes have met. That takes about half a minute.
    pub fn start() -> Result<Devnet, String> {
        let program = program();
        eprintln!("Starting a network on this machine; this takes about half a minute…");
        let mut child = Command::new(&program)
            .args(["--json", "devnet", "--free-ports"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} can't be started: {error}; build it with `cargo build`", program.display()))?;
        let output = child.stdout.take().ok_or("the network's output can't be read")?;
        let mut devnet = Devnet { child, url: String::new(), token: PathBuf::new() };
        let network = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| serde_json::from_str::<Network>(&line).ok())
            .ok_or("the network ended before it was ready; what it said stands above")?;
        let customer = network
            .nodes
            .into_iter()
            .find(|node| node.role.contains("customer"))
            .ok_or("the network has no customer, who would keep the world")?;
        devnet.url = customer.rpc;
        devnet.token = Path::new(&customer.dir).join("token");
        devnet.make_world()?;
        Ok(devnet)
    }

    fn make_world(&self) -> Result<(), String> {
        let token = Token::load(&self.token).map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no thread to talk to the node: {error}"))?;
        runtime.block_on(async {
            let client = Client::connect(&self.url, Some(&token)).await.map_err(|error| error.to_string())?;
            let explain = |error| client.explain(error).to_string();
            if client.world_list().await.map_err(explain)?.is_empty() {
                let definition = serde_json::from_str(WORLD).map_err(|error| format!("the devnet's world: {error}"))?;
                wait_for_suppliers(&client).await?;
                eprintln!("Publishing a world…");
                client.world_create(CreateWorld { definition, epochs: None }).await.map_err(explain)?;
            }
            Ok(())
        })
    }
}

/// A network that has just started needs some blocks until its suppliers have entered their offers on the ledger.
async fn wait_for_suppliers(client: &Client) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let offers = client.market_offers().await.map_err(|error| client.explain(error).to_string())?.len();
        if offers >= SUPPLIERS {
            return Ok(());
        }
        if begun.elapsed() > OFFERS_PATIENCE {
            return Err(format!(
                "only {offers} of {SUPPLIERS} suppliers offer space after {OFFERS_PATIENCE:?}; try again"
            ));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        // Asked to end, it ends its nodes and removes their data; killed, it could do neither.
        let asked = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The program `bitdust`: beside this one, or wherever the `PATH` finds it.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("bitdust"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("bitdust"))
}
