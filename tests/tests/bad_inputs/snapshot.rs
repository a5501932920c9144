//! Everything that a bad input must not change.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use bitdust_node::config::Role;
use bitdust_rpc::{
    api::{LedgerClient as _, NodeClient as _, SupplierClient as _},
    types::ledger::{LedgerStatus, PoolInfo},
};
use bitdust_tests::{
    Net,
    bytes::hash_file,
    waiting::{PATIENCE, until},
};
use bitdust_types::{Amount, B256};

/// One node.
#[derive(Debug, PartialEq, Eq)]
pub struct NodeState {
    height: u64,
    state_root: B256,
    pool: PoolInfo,
    balance: Amount,
    /// A supplier's bytes stored. What is free depends on whatever else this machine does.
    stored: Option<u64>,
    /// Volumes and journals, with their hashes. Databases are left out: they rewrite themselves.
    files: BTreeMap<PathBuf, [u8; 32]>,
}

/// All nodes that run.
pub async fn snapshot(net: &Net) -> Result<BTreeMap<String, NodeState>> {
    let mut states = BTreeMap::new();
    for process in net.supervisor.processes.iter().filter(|process| process.pid().is_some()) {
        let client = process.client()?;
        let LedgerStatus { height, state_root, pool, .. } = client.ledger_status().await?;
        let stored = match process.config.has(Role::Supplier) {
            true => Some(client.supplier_status().await?.stored_bytes),
            false => None,
        };
        let mut files = BTreeMap::new();
        for dir in [process.home.volumes(), process.home.customer()] {
            inventory(&dir, &mut files)?;
        }
        let balance = client.node_status().await?.balance;
        states.insert(process.name.clone(), NodeState { height, state_root, pool, balance, stored, files });
    }
    Ok(states)
}

/// Bytes of memory that each node has now; from here on its peak is counted anew. Nothing where the system doesn't tell.
pub fn memory_now(net: &Net) -> Result<BTreeMap<String, u64>> {
    for process in &net.supervisor.processes {
        if let Some(pid) = process.pid() {
            // proc(5): this sets the peak back to what there is.
            let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
    }
    memory(net, "VmRSS:")
}

/// The most that each node had since [`memory_now`].
pub fn memory_peak(net: &Net) -> Result<BTreeMap<String, u64>> {
    memory(net, "VmHWM:")
}

fn memory(net: &Net, figure: &str) -> Result<BTreeMap<String, u64>> {
    let mut bytes = BTreeMap::new();
    for process in &net.supervisor.processes {
        let Some(pid) = process.pid() else { continue };
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        let line = status.lines().find_map(|line| line.strip_prefix(figure));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("a figure of the process")?;
        bytes.insert(process.name.clone(), kib.parse::<u64>()? * 1024);
    }
    Ok(bytes)
}

/// Waits until every node that runs has the last block, and nothing waits for another.
pub async fn halted(net: &Net) -> Result<()> {
    let mut last = None;
    until("every node has the last block", PATIENCE, async || {
        // Twice the same, a while apart.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let mut now = Vec::new();
        for process in net.supervisor.processes.iter().filter(|process| process.pid().is_some()) {
            now.push(process.client()?.ledger_status().await?.height);
        }
        let level = now.windows(2).all(|pair| pair[0] == pair[1]);
        let still = last.replace(now.clone()) == Some(now);
        Ok((level && still).then_some(()))
    })
    .await
}

fn inventory(dir: &Path, files: &mut BTreeMap<PathBuf, [u8; 32]>) -> Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        if path.is_file() {
            let hash = hash_file(&path)?;
            files.insert(path, hash);
        }
    }
    Ok(())
}
