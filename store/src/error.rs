//! How this machine fails at keeping bytes, and verdicts on what callers ask for.

use std::{
    io,
    path::{Path, PathBuf},
};

use bitdust_market::supplier::blob_store::BlobError;

/// This machine failed. The text names the file and says what a person can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused an operation on a file.
    #[error("can't {action} {}: {source}", place.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        place: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No room left. Nothing was half-done.
    #[error("can't {action} {}: the disk is full; free some space or lower the offered capacity", place.display())]
    DiskFull {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        place: PathBuf,
    },
    /// Bytes that were synced came back different.
    #[error("{} is damaged at byte {offset}: {what}", place.display())]
    Rot {
        /// The file.
        place: PathBuf,
        /// Where the damage begins, in bytes.
        offset: u64,
        /// What is wrong and what to do about it.
        what: String,
    },
    /// The file or directory is not one of ours, or of a newer version.
    #[error("{} can't be used: {what}", place.display())]
    Foreign {
        /// The file or directory.
        place: PathBuf,
        /// What was found, what was expected, what to do.
        what: String,
    },
    /// An earlier failure left the file in a state that only reopening can settle.
    #[error("{} failed earlier and takes nothing more until the node is restarted", place.display())]
    Broken {
        /// The file.
        place: PathBuf,
    },
    /// RocksDB failed.
    #[error("the database {} failed: {source}", place.display())]
    Database {
        /// Its directory.
        place: PathBuf,
        /// RocksDB's own words.
        source: rocksdb::Error,
    },
    /// A record in a database can't be decoded.
    #[error("the database {} holds a damaged record in column '{column}': {what}; remove the directory to sync it anew", place.display())]
    Record {
        /// The database's directory.
        place: PathBuf,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A commit that doesn't extend the chain.
    #[error("block {height} doesn't extend the chain's tip at height {tip}: {what}")]
    NotNext {
        /// The block's height.
        height: u64,
        /// The tip's height.
        tip: u64,
        /// What doesn't fit.
        what: String,
    },
}

/// A verdict on what a caller asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The range of blocks is empty or goes backwards.
    #[error("blocks {from} to {to}: the first must not lie behind the last")]
    RangeBackwards {
        /// First height asked for.
        from: u64,
        /// Last height asked for.
        to: u64,
    },
    /// Too many blocks for one call.
    #[error("blocks {from} to {to} are more than the {max} that one call looks through; ask in parts")]
    RangeTooLong {
        /// First height asked for.
        from: u64,
        /// Last height asked for.
        to: u64,
        /// Most blocks of one call.
        max: u64,
    },
    /// Too many matches for one call.
    #[error("more than {max} logs match up to block {height}; ask for fewer blocks")]
    TooManyLogs {
        /// Most logs of one call.
        max: usize,
        /// The block at which the bound was reached.
        height: u64,
    },
    /// Matches with too many bytes for one call.
    #[error("more than {max} bytes of logs match up to block {height}; ask for fewer blocks")]
    LogsTooLarge {
        /// Most bytes of data of one call.
        max: usize,
        /// The block at which the bound was reached.
        height: u64,
    },
}

impl Error {
    /// Wraps the system's answer; a full disk becomes [`Error::DiskFull`].
    pub(crate) fn io(action: &'static str, place: &Path, source: io::Error) -> Self {
        let place = place.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull { action, place },
            _ => Error::Io { action, place, source },
        }
    }
}

impl From<Error> for BlobError {
    fn from(error: Error) -> Self {
        match error {
            Error::DiskFull { place, .. } => BlobError::DiskFull { place: place.display().to_string() },
            other => BlobError::Disk(other.to_string()),
        }
    }
}
