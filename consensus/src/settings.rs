//! What one validator sets for itself. What all validators must agree on comes from the genesis file instead; of that,
//! only the chain id and the block time are needed here.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bitdust_types::limits::{BLOCK_BYTES_MAX, VALIDATORS_MAX};
use k256::ecdsa::SigningKey;

use crate::Error;

/// Settings of one validator.
#[derive(Clone)]
pub struct Settings {
    /// EIP-155 chain id: part of everything that is signed, so that no vote counts on two networks.
    pub chain_id: u64,
    /// Where other validators reach us (TCP). Port 0 is refused: the others must know it.
    pub listen: SocketAddr,
    /// Where to reach the other validators; tried again and again, forever.
    pub peers: Vec<SocketAddr>,
    /// Directory of the write-ahead log; created if missing.
    pub wal_dir: PathBuf,
    /// Aimed time between two blocks.
    pub block_time: Duration,
    /// Name of this node in logs and metrics.
    pub moniker: String,
    /// The validator's key.
    pub signing_key: SigningKey,
    /// Largest block in bytes, at most [`BLOCK_BYTES_MAX`].
    pub block_bytes_max: usize,
}

impl Settings {
    /// Checks what can be checked without touching the system.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |field, reason: String| Err(Error::Settings { field, reason });
        if self.listen.port() == 0 {
            return wrong("listen", "port 0 lets the system choose, but other validators must know the port".into());
        }
        if self.peers.len() > VALIDATORS_MAX {
            return wrong("peers", format!("{} addresses, at most {VALIDATORS_MAX} are allowed", self.peers.len()));
        }
        if self.block_bytes_max == 0 || self.block_bytes_max > BLOCK_BYTES_MAX {
            return wrong("block_bytes_max", format!("{} is not within 1..={BLOCK_BYTES_MAX}", self.block_bytes_max));
        }
        if self.block_time.is_zero() || self.block_time > Duration::from_secs(600) {
            return wrong("block_time", format!("{:?} is not within 1 ms..=10 min", self.block_time));
        }
        Ok(())
    }
}
