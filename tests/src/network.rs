//! A network of processes for one test: laid out in a directory of its own on free ports, with fast blocks.
//!
//! If a test ends before [`Net::finish`], the end of every node's log is printed. `BITDUST_TEST_DIR` names a directory in
//! which the networks' directories are made and left for a look.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use bitdust_node::{
    chain::now_ms,
    config::{CustomerConfig, Role},
    devnet::{
        plan::{NodePlan, Plan, Shape},
        supervisor::{Process, Supervisor, lay_out, lay_out_node},
    },
};
use bitdust_rpc::{
    Client,
    api::{LedgerClient as _, MarketClient as _, NodeClient as _},
    client::Progress,
    objects::{At, ObjectPath, PutReport, Terms},
};

use crate::{
    program,
    waiting::{PATIENCE, until},
};

/// Lines of each log that a failed test shows.
const LINES_SHOWN: usize = 25;
/// Directories of networks are left below this one, if it is set.
const DIR_VARIABLE: &str = "BITDUST_TEST_DIR";

/// A running network.
pub struct Net {
    /// Its processes.
    pub supervisor: Supervisor,
    /// Its genesis file.
    pub genesis: String,
    dir: PathBuf,
    // Removed when it is dropped, unless the directory is to be left.
    _scratch: Option<tempfile::TempDir>,
    finished: bool,
}

/// A network with blocks each 250 ms and epochs of 30 blocks.
pub fn shape(validators: u16, suppliers: u16) -> Shape {
    Shape { validators, suppliers, players: 0, block_time_ms: 250, epoch_blocks: 30, free_ports: true }
}

/// Makes a plan's customers store with this layout.
pub fn with_layout(k: u8, n: u8) -> impl FnOnce(&mut Plan) {
    move |plan| {
        for node in plan.nodes.iter_mut().filter(|node| node.config.has(Role::Customer)) {
            node.config.customer = CustomerConfig { k, n, ..CustomerConfig::default() };
        }
    }
}

impl Net {
    /// Lays a network out and starts every node of it.
    pub async fn start(shape: &Shape, change: impl FnOnce(&mut Plan)) -> Result<Self> {
        let mut net = Net::lay_out(shape, change)?;
        net.supervisor.start().await?;
        Ok(net)
    }

    /// Lays a network out; nothing runs yet.
    pub fn lay_out(shape: &Shape, change: impl FnOnce(&mut Plan)) -> Result<Self> {
        let program = program::bitdust()?;
        let kept = std::env::var_os(DIR_VARIABLE).map(PathBuf::from);
        let mut builder = tempfile::Builder::new();
        builder.prefix("bitdust-test-");
        let scratch = match &kept {
            Some(dir) => builder.tempdir_in(dir),
            None => builder.tempdir(),
        };
        let scratch = scratch.context("making a directory for the network")?;
        let dir = scratch.path().to_owned();
        let scratch = match kept {
            Some(_) => {
                println!("the network's directory is left at {}", scratch.keep().display());
                None
            }
            None => Some(scratch),
        };
        let mut plan = shape.plan(now_ms())?;
        change(&mut plan);
        let nodes = dir.join("nodes.d");
        fs::create_dir_all(&nodes)?;
        lay_out(&nodes, &plan)?;
        let mut supervisor = Supervisor::load(&nodes)?.context("a network that was just laid out is there")?;
        supervisor.processes.iter_mut().for_each(|process| process.program.clone_from(&program));
        Ok(Net { supervisor, genesis: plan.genesis.to_json(), dir, _scratch: scratch, finished: false })
    }

    /// A directory for the test's own files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// One node.
    pub fn node(&mut self, name: &str) -> Result<&mut Process> {
        self.supervisor.find(name)
    }

    /// A client of one node, with its token.
    pub fn client(&self, name: &str) -> Result<Client> {
        let process = self.supervisor.processes.iter().find(|process| process.name == name);
        process.with_context(|| format!("a node named {name}"))?.client()
    }

    /// A client of the customer.
    pub fn customer(&self) -> Result<Client> {
        self.client("customer-0")
    }

    /// The log of one node.
    pub fn log(&self, name: &str) -> Result<String> {
        let process = self.supervisor.processes.iter().find(|process| process.name == name);
        let path = process.with_context(|| format!("a node named {name}"))?.home.log();
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// Lays out one more node; it is not started.
    pub fn add(&mut self, node: &NodePlan) -> Result<&mut Process> {
        lay_out_node(&self.supervisor.dir, node, &self.genesis)?;
        let mut process = Process::load(&self.supervisor.dir, &node.name)?;
        process.program = program::bitdust()?;
        self.supervisor.processes.push(process);
        self.node(&node.name)
    }

    /// Starts a node that isn't running, and waits until it answers.
    pub async fn launch(&mut self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        node.spawn()?;
        node.wait_until_ready().await
    }

    /// Ends a node as a power cut would.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        self.node(name)?.kill().await
    }

    /// Ends every node at once, as a power cut would: nobody gets the time to notice that another has gone.
    pub async fn kill_all(&mut self) -> Result<()> {
        let ids: Vec<String> =
            self.supervisor.processes.iter().filter_map(Process::pid).map(|pid| pid.to_string()).collect();
        // Only processes that this test started and still holds; `kill` takes all of them in one call.
        let killed = tokio::process::Command::new("kill").arg("-KILL").args(&ids).status().await?;
        ensure!(killed.success(), "not all of {ids:?} could be killed");
        for process in &mut self.supervisor.processes {
            process.kill().await?;
        }
        Ok(())
    }

    /// Waits until a node has a block of this height.
    pub async fn reach(&self, name: &str, height: u64) -> Result<()> {
        let client = self.client(name)?;
        until(&format!("{name} has block {height}"), PATIENCE, async || {
            Ok(client.node_status().await.ok().filter(|status| status.height >= height))
        })
        .await
        .map(drop)
    }

    /// The height of a node.
    pub async fn height(&self, name: &str) -> Result<u64> {
        Ok(self.client(name)?.ledger_status().await?.height)
    }

    /// Waits until the customer sees so many offers.
    pub async fn wait_for_offers(&self, count: usize) -> Result<()> {
        let client = self.customer()?;
        until(&format!("{count} suppliers have an offer"), PATIENCE, async || {
            Ok((client.market_offers().await?.len() >= count).then_some(()))
        })
        .await
    }

    /// Stores a file with the customer's defaults.
    pub async fn put(&self, source: &Path, name: &str) -> Result<PutReport> {
        let client = self.customer()?;
        let file = tokio::fs::File::open(source).await.with_context(|| format!("opening {}", source.display()))?;
        let bytes = file.metadata().await?.len();
        let done = client.put_object(&ObjectPath::parse(name)?, file, Some(bytes), &Terms::default(), silent()).await;
        done.with_context(|| format!("putting {name}"))
    }

    /// Fetches a file, and answers its SHA-256.
    pub async fn get(&self, name: &str) -> Result<[u8; 32]> {
        let client = self.customer()?;
        let mut content = Vec::new();
        let got = client.get_object(&ObjectPath::parse(name)?, &At::default(), None, &mut content, silent()).await;
        got.with_context(|| format!("getting {name}"))?;
        Ok(crate::bytes::hash(&content))
    }

    /// Fails if a node that should run has ended, or if any node has panicked since the beginning.
    pub fn check_alive(&mut self) -> Result<()> {
        self.supervisor.check_alive()?;
        for process in &self.supervisor.processes {
            // A node that was never started has no log.
            let log = fs::read_to_string(process.home.log()).unwrap_or_default();
            let panicked = log.lines().find(|line| line.contains("panicked"));
            ensure!(panicked.is_none(), "{} panicked: {}", process.name, panicked.unwrap_or_default());
        }
        Ok(())
    }

    /// The end of a test that has passed: all is well with the nodes, and they stop.
    pub async fn finish(mut self) -> Result<()> {
        self.check_alive()?;
        self.supervisor.stop().await;
        self.check_alive()?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        for process in &self.supervisor.processes {
            let log = fs::read_to_string(process.home.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            println!("---- {}", process.name);
            lines.iter().skip(lines.len().saturating_sub(LINES_SHOWN)).for_each(|line| println!("{line}"));
        }
    }
}

/// Nobody follows.
pub fn silent() -> Progress {
    std::sync::Arc::new(|_| {})
}

/// Bound of one test: a process that hangs must not hold CI.
pub const TEST_LIMIT: Duration = Duration::from_secs(420);
