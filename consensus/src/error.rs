//! What can go wrong: [`Error`] when our own machine fails, [`Invalid`] as a verdict on what others sent.

use std::{fmt::Display, net::SocketAddr, path::PathBuf};

use bitdust_types::Address;

/// Our own machine failed. Texts rather than sources, because one fault is reported to several readers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting that can't work.
    #[error("consensus setting `{field}`: {reason}")]
    Settings {
        /// Which.
        field: &'static str,
        /// Why not, and what would do.
        reason: String,
    },
    /// The port for other validators is not to be had.
    #[error("can't listen for other validators on {address}: {reason}; choose another port or stop what holds it")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The log that keeps us from voting twice can't be used.
    #[error("the write-ahead log {path}: {reason}")]
    WriteAheadLog {
        /// Its file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The engine did not come up.
    #[error("the consensus engine did not start: {0}")]
    Start(String),
    /// The engine died; this node signs nothing any more. It is safe to start again unless the text names the log.
    #[error("the consensus engine stopped: {0}")]
    Stopped(String),
    /// The application could not do its part.
    #[error("consensus can't go on, because the application failed to {task}: {reason}")]
    Application {
        /// What it was asked to do.
        task: String,
        /// Its reason.
        reason: String,
    },
    /// Our key could not sign.
    #[error("signing failed: {0}")]
    Sign(String),
}

impl Error {
    /// For implementations of [`crate::Application`]: what failed and why.
    pub fn application(task: impl Into<String>, reason: impl Display) -> Self {
        Error::Application { task: task.into(), reason: reason.to_string() }
    }
}

/// A verdict on a certificate or a proposal part that somebody gave us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The bytes are no certificate.
    #[error("the bytes are no certificate: {0}")]
    Encoding(String),
    /// More signatures than there are validators.
    #[error("{got} signatures, but there are only {validators} validators")]
    TooMany {
        /// Signatures given.
        got: usize,
        /// Validators of that height.
        validators: usize,
    },
    /// Somebody who is no validator of this height.
    #[error("{0} is no validator of this height")]
    Foreign(Address),
    /// One validator twice.
    #[error("validator {0} signed twice")]
    Duplicate(Address),
    /// Signatures must be sorted by address, so that a certificate has one form only.
    #[error("signatures are not sorted by address at {0}")]
    Order(Address),
    /// The signature is not that validator's for this height, round and block.
    #[error("the signature of {0} is not for this height, round and block")]
    Signature(Address),
    /// Too little voting power signed.
    #[error("validators with {signed} of {total} voting power signed: more than two thirds are needed")]
    Power {
        /// Power of the signers.
        signed: u64,
        /// Power of all.
        total: u64,
    },
    /// A part of a block for a height that is not being decided.
    #[error("a part of a block of height {got}, while height {working} is being decided")]
    PartHeight {
        /// Its height.
        got: u64,
        /// Ours.
        working: u64,
    },
    /// A part of a block for a round far from ours.
    #[error("a part of a block of round {got}, while round {working} is running")]
    PartRound {
        /// Its round.
        got: u32,
        /// Ours.
        working: u32,
    },
    /// The proposer named is not the one of that round.
    #[error("the part names {named} as proposer, but it is {expected}'s turn")]
    PartProposer {
        /// Named in the part.
        named: Address,
        /// By the rule.
        expected: Address,
    },
    /// Sizes that don't fit each other or our limit.
    #[error("a part with index {index} and {bytes} bytes of a block of {block_bytes} bytes (at most {limit})")]
    PartSize {
        /// Its place.
        index: u16,
        /// Bytes in it.
        bytes: usize,
        /// Bytes of the whole block as claimed.
        block_bytes: u32,
        /// The largest block.
        limit: u32,
    },
    /// The part is not signed by the validator that it names as sender.
    #[error("the part is not signed by {0}, whom it names as sender")]
    PartSignature(Address),
    /// Two parts of one stream contradict each other.
    #[error("{0} sent parts of one stream that contradict each other")]
    PartMismatch(Address),
    /// One sender opened too many streams in a round.
    #[error("{sender} opened more than {max} streams in one round")]
    Streams {
        /// Who.
        sender: Address,
        /// How many are allowed.
        max: usize,
    },
}
