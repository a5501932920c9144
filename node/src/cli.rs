//! What was typed: the verbs of `bitdust` and their options. Parsing only; each verb's work is in its own file.

pub mod devnet;
pub mod genesis;
pub mod init;
pub mod market;
pub mod objects;
pub mod output;
pub mod remote;
pub mod statement;
pub mod supplier;
pub mod validator;
pub mod wallet;
pub mod world;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A storage network, a coin ledger and worlds, run by equals.
#[derive(Parser)]
#[command(name = "bitdust", version, propagate_version = true)]
pub struct Cli {
    /// Print one JSON object (or one per line, for what goes on) instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Subcommand)]
pub enum Verb {
    /// Run a whole network on this machine.
    Devnet(devnet::DevnetArgs),
    /// Make a node's directory: keys, settings, genesis.
    Init(Box<init::InitArgs>),
    /// Genesis files: make one, show one, name the network that one begins.
    #[command(subcommand)]
    Genesis(genesis::GenesisVerb),
    /// Run the node of a directory.
    Run(RunArgs),
    /// What a node does: roles, tip, peers.
    Status(remote::RemoteArgs),
    /// Keys, balances, payments.
    #[command(subcommand)]
    Wallet(wallet::WalletVerb),
    /// Store a file or a directory.
    Put(objects::PutArgs),
    /// Fetch a file, a part of it, or everything below a path.
    Get(objects::GetArgs),
    /// List stored files.
    Ls(objects::ListArgs),
    /// How a stored file is kept.
    Stat(objects::PathArgs),
    /// Forget a stored file.
    Rm(objects::PathArgs),
    /// Check that a stored file can be rebuilt.
    Verify(objects::PathArgs),
    /// Find everything that this account has stored, from its phrase alone, and fetch it.
    Restore(objects::RestoreArgs),
    /// Offers and storage contracts.
    #[command(subcommand)]
    Market(market::MarketVerb),
    /// Selling disk space.
    #[command(subcommand)]
    Supplier(supplier::SupplierVerb),
    /// Ordering blocks.
    #[command(subcommand)]
    Validator(validator::ValidatorVerb),
    /// Worlds: publish one, claim a place in it.
    #[command(subcommand)]
    World(world::WorldVerb),
}

/// `bitdust run`.
#[derive(Args)]
pub struct RunArgs {
    /// The node's directory.
    #[arg(long, default_value_os_t = init::default_dir())]
    pub dir: PathBuf,
    /// File with the keys' password; otherwise BITDUST_PASSWORD.
    #[arg(long)]
    pub password_file: Option<PathBuf>,
    /// Log lines as JSON.
    #[arg(long)]
    pub log_json: bool,
    /// Stop when standard input closes.
    #[arg(long, hide = true)]
    pub supervised: bool,
}
