//! `bitdust init`: a node's directory with keys, settings and the network's genesis.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use bitdust_ledger::Genesis;
use bitdust_types::keys::Phrase;
use clap::Args;
use serde::Serialize;

use super::output;
use crate::{
    config::{Config, CustomerConfig, NetworkConfig, Role, SupplierConfig},
    home::Home,
    keys::{self, NodeKeys},
};

/// `bitdust init`.
#[derive(Args)]
pub struct InitArgs {
    /// The directory to make.
    #[arg(long, default_value_os_t = default_dir())]
    pub dir: PathBuf,
    /// The network's genesis file.
    #[arg(long)]
    pub genesis: PathBuf,
    /// Address of a node to begin with, as a multiaddr that ends in /p2p/<peer id>.
    #[arg(long)]
    pub bootstrap: Vec<String>,
    /// What the node does beside following the chain.
    #[arg(long, value_enum)]
    pub role: Vec<RoleArg>,
    /// Address of a node through which others reach this one, as a multiaddr that ends in /p2p/<peer id>.
    #[arg(long)]
    pub relay: Vec<String>,
    /// Reach others and be reached through the relays alone, so that nobody but they learn this node's address.
    #[arg(long, requires = "relay")]
    pub hidden: bool,
    /// Relay between others. For a node that everybody can reach.
    #[arg(long, conflicts_with = "hidden")]
    pub relay_for_others: bool,
    /// File with the keys' password; otherwise BITDUST_PASSWORD.
    #[arg(long)]
    pub password_file: Option<PathBuf>,
    /// File with the phrase to use; a new one is drawn and shown otherwise.
    #[arg(long)]
    pub phrase_file: Option<PathBuf>,
}

/// A role that needs no further settings.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RoleArg {
    /// Sell disk space.
    Supplier,
    /// Store files.
    Customer,
}

/// What was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    dir: PathBuf,
    address: String,
    chain_id: u64,
    /// Only when it was drawn here; it is written nowhere.
    phrase: Option<String>,
}

/// `~/.bitdust/node`, or `bitdust-node` here when there is no home directory.
pub fn default_dir() -> PathBuf {
    std::env::var_os("HOME")
        .map_or_else(|| PathBuf::from("bitdust-node"), |home| Path::new(&home).join(".bitdust/node"))
}

/// Makes the directory.
pub fn run(args: &InitArgs, json: bool) -> Result<()> {
    let home = Home::new(&args.dir);
    if home.config().exists() {
        bail!("{} is a node's directory already; name another with --dir", args.dir.display());
    }
    let genesis_text = fs::read_to_string(&args.genesis)
        .with_context(|| format!("reading the genesis file {}", args.genesis.display()))?;
    let genesis = Genesis::parse(&genesis_text).with_context(|| format!("in {}", args.genesis.display()))?;
    let password = keys::password(args.password_file.as_deref())?;
    let (phrase, drawn) = match &args.phrase_file {
        Some(path) => {
            let text =
                fs::read_to_string(path).with_context(|| format!("reading the phrase file {}", path.display()))?;
            (Phrase::parse(&text).with_context(|| format!("in {}", path.display()))?, false)
        }
        None => (Phrase::from_entropy(rand::random())?, true),
    };
    let node_keys = NodeKeys::from_phrase(&phrase)?;
    keys::save(&home, &node_keys, &password)?;
    fs::write(home.genesis(), genesis.to_json())?;

    let mut config = Config::follower("node");
    config.bootstrap = args.bootstrap.clone();
    let (relays, hidden, relay) = (args.relay.clone(), args.hidden, args.relay_for_others);
    config.network = NetworkConfig { relays, hidden, relay, ..NetworkConfig::default() };
    for role in &args.role {
        match role {
            RoleArg::Supplier => {
                config.roles.push(Role::Supplier);
                config.supplier = Some(SupplierConfig::default());
            }
            RoleArg::Customer => {
                config.roles.push(Role::Customer);
                config.customer = CustomerConfig::default();
            }
        }
    }
    config.save(&home)?;
    let made = Made {
        dir: args.dir.clone(),
        address: node_keys.account().to_string(),
        chain_id: genesis.params.chain_id,
        phrase: drawn.then(|| phrase.reveal().to_owned()),
    };
    output::show(json, &made, |made| {
        let start = format!("Start it with: bitdust run --dir {}", made.dir.display());
        let secret = match &made.phrase {
            Some(phrase) => format!(
                "Phrase:  {phrase}\nWrite these words down now. They are the only way back to your coins and files, and \
                 they are stored nowhere.\n"
            ),
            None => String::new(),
        };
        format!("Account: {}\n{secret}{start}", made.address)
    })
}
