//! A node's data directory: which file lies where, and who may read it.
//!
//! ```text
//! config.toml      this node's own settings
//! genesis.json     what all nodes of the network agree on
//! validator.json   what the network's genesis needs of a validator: public
//! keys/            keystores (Web3 Secret Storage v3, scrypt)
//! chain/           blocks, state, receipts (RocksDB)
//! volumes/         stored blobs of a supplier, with their index
//! edits/           journal of a player's edits that suppliers don't hold yet
//! places/          chunks of places that a player has visited
//! customer/        upload journal and cached manifests of a customer
//! consensus/       the consensus engine's write-ahead log
//! beacon.json      which of a validator's hash chains is the newest
//! token            bearer token for calls that spend
//! peers.json       addresses of peers met before
//! node.log         log, when the node is supervised
//! ```

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// A node's data directory.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// Names a directory; nothing is touched yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Home(dir.into())
    }

    /// Creates the directory and its private parts, readable by the owner only.
    pub fn create(&self) -> Result<()> {
        for dir in [self.0.clone(), self.keys()] {
            private_dir(&dir)?;
        }
        Ok(())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// This node's settings.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The network's genesis.
    pub fn genesis(&self) -> PathBuf {
        self.0.join("genesis.json")
    }

    /// A validator's registration.
    pub fn validator(&self) -> PathBuf {
        self.0.join("validator.json")
    }

    /// The keystores.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Blocks and state.
    pub fn chain(&self) -> PathBuf {
        self.0.join("chain")
    }

    /// A supplier's blobs.
    pub fn volumes(&self) -> PathBuf {
        self.0.join("volumes")
    }

    /// A customer's journal.
    pub fn customer(&self) -> PathBuf {
        self.0.join("customer")
    }

    /// Chunks of places that were visited.
    pub fn places(&self) -> PathBuf {
        self.0.join("places")
    }

    /// The journal of edits that suppliers don't hold yet.
    pub fn edits(&self) -> PathBuf {
        self.0.join("edits")
    }

    /// The consensus engine's write-ahead log.
    pub fn consensus(&self) -> PathBuf {
        self.0.join("consensus")
    }

    /// The number of a validator's newest hash chain.
    pub fn beacon(&self) -> PathBuf {
        self.0.join("beacon.json")
    }

    /// The bearer token.
    pub fn token(&self) -> PathBuf {
        self.0.join("token")
    }

    /// Peers met before.
    pub fn peers(&self) -> PathBuf {
        self.0.join("peers.json")
    }

    /// The log of a supervised node.
    pub fn log(&self) -> PathBuf {
        self.0.join("node.log")
    }
}

/// Creates a directory that only its owner can enter; an existing one stays as it is.
pub fn private_dir(dir: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("creating the directory {}", dir.display()))
}

/// Writes a file that only its owner can read, whole or not at all, and syncs it with its directory entry.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let part = path.with_extension("part");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        if let Some(dir) = path.parent() {
            fs::File::open(dir)?.sync_all()?;
        }
        Ok(())
    };
    write().with_context(|| format!("writing {}", path.display()))
}
