//! Where the devnets that run on this machine keep their tokens, so that `bitdust put` finds them without being told: one
//! file per devnet in `~/.bitdust/devnets/`, with a line `ADDRESS TOKEN-FILE` per node.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::supervisor::Supervisor;
use crate::home::{private_dir, write_private};

/// Takes the devnet out of the register when it is dropped.
pub struct Entry(Option<PathBuf>);

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // A leftover names a port that nobody answers on; the next reader skips it.
            let _ = fs::remove_file(path);
        }
    }
}

/// Enters a devnet. Without a home directory there is no register, and tokens must be named by hand.
pub fn enter(network: &Supervisor) -> Result<Entry> {
    let Some(dir) = register() else { return Ok(Entry(None)) };
    private_dir(&dir)?;
    let lines: String = network
        .processes
        .iter()
        .map(|process| format!("{} {}\n", process.config.rpc, process.home.token().display()))
        .collect();
    let path = dir.join(std::process::id().to_string());
    write_private(&path, lines.as_bytes())?;
    Ok(Entry(Some(path)))
}

/// The token file of the devnet's node that listens on `address`. Of several entries the newest counts: an older one is
/// what a killed devnet has left.
pub fn token_file(address: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(register()?).ok()?.flatten();
    let named = entries.filter_map(|entry| {
        let text = fs::read_to_string(entry.path()).ok()?;
        let (_, token) = text.lines().filter_map(|line| line.split_once(' ')).find(|(rpc, _)| *rpc == address)?;
        let written = entry.metadata().ok()?.modified().ok()?;
        Path::new(token).exists().then(|| (written, PathBuf::from(token)))
    });
    named.max().map(|(_, token)| token)
}

fn register() -> Option<PathBuf> {
    std::env::var_os("HOME").map(|home| Path::new(&home).join(".bitdust/devnets"))
}
