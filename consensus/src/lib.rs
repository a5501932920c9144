//! How do strangers agree on the next block?
//!
//! A Tendermint-style engine (Malachite) behind our own [`Application`] trait. This crate owns the engine with its
//! write-ahead log, its swarm among validators and its block sync; the rule for who proposes; the bytes that votes sign;
//! and the [`Certificate`] that lets anybody check a decision with nothing but the validator set. It refuses to know what
//! a block means: it carries bytes and a 32-byte id, and asks the application for verdicts. It never stores blocks.
//!
//! **Invariant:** a validator signs nothing about a block whose bytes the application has not yet made durable.
//!
//! **Invariant:** two blocks of one height can't both carry a valid certificate unless validators with more than a third
//! of the power signed twice.
//!
//! Read next: [`application`] for the contract, then [`certificate`], [`proposer`] and `engine` for how it runs.

pub mod application;
pub mod certificate;
pub mod error;
pub mod proposer;
pub mod settings;

mod engine;
mod sign_bytes;

pub use application::Application;
pub use certificate::Certificate;
pub use engine::handle::{Handle, peer_id, start};
pub use error::{Error, Invalid};
pub use settings::Settings;

/// Directives for `tracing-subscriber`'s filter that keep the engine's log to what concerns an operator: refused blocks and
/// certificates with the peer that served them, undecodable messages, failures. The engine's swarm reports every dropped
/// connection several times, and as an error that there is nobody to send to.
pub const LOG_DIRECTIVES: &str = "arc_malachitebft_network=off,arc_malachitebft_discovery=off,\
    arc_malachitebft_core_consensus=warn,arc_malachitebft_core_driver=warn,arc_malachitebft_core_votekeeper=warn,\
    arc_malachitebft_engine=warn,arc_malachitebft_sync=warn,arc_malachitebft_wal=warn,ractor=warn";
