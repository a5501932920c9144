//! `--devnet`: a whole network on this machine for a first look, ended with the viewer.
//!
//! The program `bitdust` does the work; it lies beside this one or on the `PATH`. Its customer's node publishes a world and
//! builds in it ([`first_look`](super::first_look)), and leaves; the viewer is another player, with a node of its own that has
//! seen nothing yet, so what it shows comes from the suppliers.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bitdust_rpc::{api::NodeClient, client::Client, token::Token};
use serde::Deserialize;

use super::first_look;

/// How long a node may take to stop.
const LEAVE_PATIENCE: Duration = Duration::from_secs(15);

/// A running network; dropping it ends it.
pub struct Devnet {
    child: Child,
    /// The player's API.
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
    name: String,
    rpc: String,
    dir: PathBuf,
    pid: Option<u32>,
}

impl Node {
    fn token(&self) -> PathBuf {
        self.dir.join("token")
    }

    fn client(&self) -> Result<Client, String> {
        let token = Token::load(&self.token()).map_err(|error| error.to_string())?;
        Client::new(&self.rpc, Some(&token)).map_err(|error| error.to_string())
    }

    /// Tells it to stop, and waits until it has.
    async fn leave(&self, client: &Client) -> Result<(), String> {
        let fail = |why: &str| Err(format!("{} can't be told to leave: {why}", self.name));
        let Some(pid) = self.pid else { return fail("the network doesn't name its process") };
        match Command::new("kill").args(["-TERM", &pid.to_string()]).status() {
            Ok(status) if status.success() => {}
            Ok(_) => return fail("it doesn't take the signal"),
            Err(error) => return fail(&error.to_string()),
        }
        let begun = Instant::now();
        while client.node_status().await.is_ok() {
            if begun.elapsed() > LEAVE_PATIENCE {
                return fail("it goes on answering");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

impl Network {
    fn find(&self, name: &str) -> Result<&Node, String> {
        let node = self.nodes.iter().find(|node| node.name == name);
        node.ok_or_else(|| {
            format!("the network has no node {name}; one that was laid out otherwise can't be used here")
        })
    }
}

impl Devnet {
    /// Starts one, and waits until its nodes have met and its world is built. A network that is in `dir` goes on; a new one is
    /// laid out there, or for this time only.
    pub fn start(dir: Option<&Path>) -> Result<Devnet, String> {
        let program = program();
        eprintln!("Starting a network on this machine: 4 validators, 8 suppliers, a builder and you…");
        let mut command = Command::new(&program);
        command.args(["--json", "devnet", "--free-ports", "--players", "1"]);
        if let Some(dir) = dir {
            command.arg("--dir").arg(dir);
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| {
                format!("{} can't be started: {error}; build it with `cargo build`", program.display())
            })?;
        let output = child.stdout.take().ok_or("the network's output can't be read")?;
        let mut devnet = Devnet { child, url: String::new(), token: PathBuf::new() };
        let network = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| serde_json::from_str::<Network>(&line).ok())
            .ok_or("the network ended before it was ready; what it said stands above")?;
        let (owner, player) = (network.find("customer-0")?, network.find("customer-1")?);
        devnet.url.clone_from(&player.rpc);
        devnet.token = player.token();
        let (builder, player) = (owner.client()?, player.client()?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no thread to talk to the node: {error}"))?;
        runtime.block_on(first_look::prepare(&builder, &player))?;
        // Whoever built is a player like others, and would hand on what it built before the suppliers are asked.
        runtime.block_on(owner.leave(&builder))?;
        eprintln!("The builder left.");
        Ok(devnet)
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
