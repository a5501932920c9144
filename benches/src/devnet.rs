//! A network of real processes: `bitdust devnet` on free ports, in a directory of its own that is gone afterwards.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use bitdust_rpc::{Client, Token};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// How long the network may take to end after it was asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// One node, as the devnet tells of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    /// Its name, such as `validator-0`.
    pub name: String,
    /// Its URL.
    pub rpc: String,
    /// Its directory.
    pub dir: PathBuf,
}

impl Node {
    /// A client with the node's token.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::new(&self.rpc, Some(&Token::load(&self.token_file())?))?)
    }

    /// Where its token is.
    pub fn token_file(&self) -> PathBuf {
        self.dir.join("token")
    }
}

/// What `bitdust devnet --json` prints once all nodes answer.
#[derive(Deserialize)]
struct Ready {
    nodes: Vec<Node>,
}

/// A running network. Dropped, it is killed; better to [`Devnet::stop`] it.
pub struct Devnet {
    /// Validators, then suppliers, then the customer.
    pub nodes: Vec<Node>,
    child: Child,
    // Held open, or the devnet's next line would end it.
    _lines: Lines<BufReader<ChildStdout>>,
    dir: TempDir,
}

impl Devnet {
    /// Starts a network and waits until every node answers.
    pub async fn start(validators: usize, suppliers: usize) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bitdust-bench-").tempdir().context("making a directory")?;
        let program = program()?;
        let mut child = Command::new(&program)
            .args(["devnet", "--json", "--free-ports", "--validators", &validators.to_string()])
            .args(["--suppliers", &suppliers.to_string(), "--dir"])
            .arg(dir.path().join("net"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("its output is a pipe")?).lines();
        let line = lines.next_line().await?.context("the devnet ended without a word")?;
        let ready: Ready = serde_json::from_str(&line).with_context(|| format!("the devnet says: {line}"))?;
        Ok(Devnet { nodes: ready.nodes, child, _lines: lines, dir })
    }

    /// The nodes that order blocks.
    pub fn validators(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.name.starts_with("validator"))
    }

    /// The node that people talk to.
    pub fn customer(&self) -> Result<&Node> {
        self.nodes.iter().find(|node| node.name.starts_with("customer")).context("a devnet has a customer")
    }

    /// Room for files beside the network's own.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    /// Runs the program with these arguments against a node, and waits.
    pub async fn command(&self, node: &Node, arguments: &[&str]) -> Result<()> {
        let output = Command::new(program()?)
            .args(arguments)
            .args(["--json", "--rpc", &node.rpc, "--token-file"])
            .arg(node.token_file())
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "bitdust {} failed: {}", arguments.join(" "), said.trim());
        Ok(())
    }

    /// Ends the network as Ctrl-C does.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            Command::new("kill").args(["-INT", &id.to_string()]).status().await.context("sending Ctrl-C")?;
        }
        tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.context("the devnet does not end")??;
        Ok(())
    }
}

/// The program that was built beside this one, or what `BITDUST` names.
fn program() -> Result<PathBuf> {
    if let Some(named) = env::var_os("BITDUST") {
        return Ok(named.into());
    }
    let own = env::current_exe().context("finding this program's own file")?;
    // target/debug/deps/network-… and target/debug/bitdust
    let beside = own.ancestors().nth(2).context("a bench lies in target/PROFILE/deps")?.join("bitdust");
    ensure!(beside.exists(), "{} is not there: build it with `cargo build --workspace`", beside.display());
    Ok(beside)
}
