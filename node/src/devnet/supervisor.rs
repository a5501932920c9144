//! The processes of a devnet: one child per node, all ended with their parent.
//!
//! Each child is `bitdust run --supervised`, whose standard input is a pipe from here. Nothing is ever written to it: when
//! this process ends, however it ends, the pipe closes and the child stops. So a `kill -9` of the parent leaves no orphan.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use bitdust_rpc::{Client, Token, api::NodeClient as _};
use tokio::process::{Child, Command};

use super::plan::{NodePlan, Plan};
use crate::{config::Config, home::Home, keys};

/// The password of all keys of a devnet. Its keys are public anyway.
pub const DEVNET_PASSWORD: &str = "devnet";

/// How long a node may take to answer its first call. A loaded machine with two cores starts 13 of them in about 20 s.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// One running (or stopped) node.
pub struct Process {
    /// Directory name.
    pub name: String,
    /// Its directory.
    pub home: Home,
    /// Its settings.
    pub config: Config,
    /// The program to run: this one's own file, unless somebody names another.
    pub program: PathBuf,
    child: Option<Child>,
}

/// All nodes of a devnet.
pub struct Supervisor {
    /// The network's directory.
    pub dir: PathBuf,
    /// The nodes: validators, suppliers, the customer, players.
    pub processes: Vec<Process>,
}

/// Writes a plan to disk: one directory per node.
pub fn lay_out(dir: &Path, plan: &Plan) -> Result<()> {
    let genesis = plan.genesis.to_json();
    for node in &plan.nodes {
        lay_out_node(dir, node, &genesis)?;
    }
    // Written last: its presence says that the layout is complete.
    fs::write(dir.join("nodes"), plan.nodes.iter().map(|node| format!("{}\n", node.name)).collect::<String>())
        .with_context(|| format!("writing {}", dir.join("nodes").display()))
}

/// Writes one node's directory.
pub fn lay_out_node(dir: &Path, node: &NodePlan, genesis: &str) -> Result<()> {
    let home = Home::new(dir.join(&node.name));
    keys::save(&home, &node.keys, DEVNET_PASSWORD)?;
    fs::write(home.genesis(), genesis).with_context(|| format!("writing {}", home.genesis().display()))?;
    node.config.save(&home)
}

impl Supervisor {
    /// Reads a directory that [`lay_out`] wrote; `None` if there is none.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        let list = dir.join("nodes");
        if !list.exists() {
            return Ok(None);
        }
        let names = fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
        let processes = names.lines().map(|name| Process::load(dir, name)).collect::<Result<_>>()?;
        Ok(Some(Supervisor { dir: dir.to_owned(), processes }))
    }

    /// Starts every node and waits until each answers.
    pub async fn start(&mut self) -> Result<()> {
        for process in &mut self.processes {
            process.spawn()?;
        }
        for process in &mut self.processes {
            process.wait_until_ready().await?;
        }
        Ok(())
    }

    /// The node with this name.
    pub fn find(&mut self, name: &str) -> Result<&mut Process> {
        let known = self.processes.iter().map(|process| process.name.clone()).collect::<Vec<_>>().join(", ");
        self.processes
            .iter_mut()
            .find(|process| process.name == name)
            .with_context(|| format!("no node is named {name}; there are {known}"))
    }

    /// Fails with the name and the log of the first node that ended by itself.
    pub fn check_alive(&mut self) -> Result<()> {
        self.processes.iter_mut().try_for_each(Process::check_alive)
    }

    /// The nodes that somebody told to stop since the last look: the others go on without them.
    ///
    /// # Errors
    /// With the name and the log of the first node that ended otherwise.
    pub fn look_after(&mut self) -> Result<Vec<String>> {
        let mut stopped = Vec::new();
        for process in &mut self.processes {
            match process.ended()? {
                Some(status) if status.success() => {
                    process.child = None;
                    stopped.push(process.name.clone());
                }
                Some(status) => return Err(process.obituary(status)),
                None => {}
            }
        }
        Ok(stopped)
    }

    /// Asks every node to stop, and ends those that don't within ten seconds.
    pub async fn stop(&mut self) {
        for process in &mut self.processes {
            process.release();
        }
        for process in &mut self.processes {
            process.stop().await;
        }
    }
}

impl Process {
    /// Reads one node's directory.
    pub fn load(dir: &Path, name: &str) -> Result<Self> {
        let home = Home::new(dir.join(name));
        let config = Config::load(&home)?;
        let program = std::env::current_exe().context("finding this program's own file")?;
        Ok(Process { name: name.to_owned(), home, config, program, child: None })
    }

    /// Starts the node's process.
    pub fn spawn(&mut self) -> Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.home.log())
            .with_context(|| format!("opening {}", self.home.log().display()))?;
        let child = Command::new(&self.program)
            .args(["run", "--supervised", "--dir"])
            .arg(self.home.path())
            .env("BITDUST_PASSWORD", DEVNET_PASSWORD)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.name))?;
        self.child = Some(child);
        Ok(())
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Waits until the node answers on its RPC port.
    pub async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = tokio::time::Instant::now() + START_TIMEOUT;
        loop {
            self.check_alive()?;
            if let Ok(client) = self.client()
                && client.node_status().await.is_ok()
            {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                bail!(
                    "{} did not answer on {} within {START_TIMEOUT:?}{}",
                    self.name,
                    self.config.rpc,
                    self.log_tail()
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A client of this node, with its token if it has written one.
    pub fn client(&self) -> Result<Client> {
        let token = Token::load(&self.home.token()).ok();
        Ok(Client::new(&format!("http://{}", self.config.rpc), token.as_ref())?)
    }

    /// Fails if the process ended by itself.
    pub fn check_alive(&mut self) -> Result<()> {
        self.ended()?.map_or(Ok(()), |status| Err(self.obituary(status)))
    }

    /// How the process ended, if it did without being ended from here.
    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        child.try_wait().with_context(|| format!("looking after {}", self.name))
    }

    fn obituary(&self, status: ExitStatus) -> anyhow::Error {
        anyhow!("{} ended ({status}){}", self.name, self.log_tail())
    }

    /// Ends the process at once, as a power cut would.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await.with_context(|| format!("killing {}", self.name))?;
        }
        Ok(())
    }

    /// Closes the pipe that keeps the process alive.
    fn release(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
        }
    }

    /// Stops the process: politely, then not.
    pub async fn stop(&mut self) {
        self.release();
        if let Some(mut child) = self.child.take()
            && tokio::time::timeout(Duration::from_secs(10), child.wait()).await.is_err()
        {
            // It is dropped next, which kills it; an error here would only say that it is gone already.
            let _ = child.kill().await;
        }
    }

    fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.home.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        let tail = lines.into_iter().rev().collect::<Vec<_>>().join("\n  ");
        format!("; the end of {}:\n  {tail}", self.home.log().display())
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, time::Instant};

    use super::*;
    use crate::devnet::plan::Shape;

    /// A network of a validator and a customer, whose processes end at once with this code.
    fn ending_with(dir: &Path, code: u8) -> Supervisor {
        let shape =
            Shape { validators: 1, suppliers: 0, players: 0, block_time_ms: 1000, epoch_blocks: 30, free_ports: true };
        lay_out(dir, &shape.plan(0).unwrap()).unwrap();
        let program = dir.join("program");
        fs::write(&program, format!("#!/bin/sh\nexit {code}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let mut network = Supervisor::load(dir).unwrap().unwrap();
        let customer = network.find("customer-0").unwrap();
        customer.program = program;
        customer.spawn().unwrap();
        network
    }

    /// Looks until something has happened.
    async fn news(network: &mut Supervisor) -> Result<Vec<String>> {
        let begun = Instant::now();
        loop {
            let stopped = network.look_after()?;
            if !stopped.is_empty() {
                return Ok(stopped);
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing happens");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_network_goes_on_without_a_node_that_was_told_to_stop() {
        let dir = tempfile::tempdir().unwrap();
        let mut network = ending_with(dir.path(), 0);
        assert_eq!(news(&mut network).await.unwrap(), ["customer-0"]);
        assert!(network.look_after().unwrap().is_empty() && network.check_alive().is_ok());
    }

    #[tokio::test]
    async fn a_node_that_fails_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut network = ending_with(dir.path(), 3);
        let error = news(&mut network).await.unwrap_err().to_string();
        assert!(error.contains("customer-0") && error.contains('3'), "{error}");
    }
}
