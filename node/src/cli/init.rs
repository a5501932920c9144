//! `bitdust init`: a node's directory with keys, settings and the network's genesis.
//!
//! A validator's directory may be made before its network has a genesis, since a genesis needs the validators' keys. Then
//! `init` leaves the registration that the genesis needs, and a second `init` with the genesis completes the directory.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use bitdust_ledger::genesis::GenesisValidator;
use bitdust_network::Multiaddr;
use bitdust_types::keys::Phrase;
use clap::Args;
use serde::Serialize;

use super::output;
use crate::{
    config::{
        CONSENSUS_PORT, Config, ConsensusConfig, CustomerConfig, METRICS_PORT, P2P_PORT, RPC_PORT, Role,
        SupplierConfig, every_interface, loopback,
    },
    genesis,
    home::{Home, write_private},
    keys::{self, NodeKeys},
};

/// `bitdust init`.
#[derive(Args)]
pub struct InitArgs {
    /// The directory to make; or that of a validator which was made without a genesis, to complete it.
    #[arg(long, default_value_os_t = default_dir())]
    pub dir: PathBuf,
    /// The network's genesis file. Only a validator's directory is made before there is one.
    #[arg(long)]
    pub genesis: Option<PathBuf>,
    /// What the node does beside following the chain.
    #[arg(long, value_enum)]
    pub role: Vec<RoleArg>,
    /// Where the node listens and whom it knows.
    #[command(flatten)]
    pub addresses: AddressArgs,
    /// File with the keys' password; otherwise BITDUST_PASSWORD.
    #[arg(long)]
    pub password_file: Option<PathBuf>,
    /// File with the phrase to use; a new one is drawn and shown otherwise.
    #[arg(long)]
    pub phrase_file: Option<PathBuf>,
    /// Use the keys that are in the directory already: `bitdust wallet import` has put them there.
    #[arg(long, conflicts_with = "phrase_file")]
    pub keep_keys: bool,
}

/// Where a node listens and whom it knows. ADDRESS is IP:PORT, or a port alone for the IP that is usual.
#[derive(Args, Default)]
pub struct AddressArgs {
    /// Where other nodes reach this one, over TCP and QUIC (UDP) on the same port; 7771 on every interface by default.
    #[arg(long, value_name = "ADDRESS", value_parser = on_every_interface)]
    pub listen: Option<SocketAddr>,
    /// Address under which others reach this node if it isn't that of an interface (a router forwards it), as a multiaddr
    /// such as /ip4/203.0.113.5/tcp/7771.
    #[arg(long, value_name = "MULTIADDR", value_parser = multiaddr, conflicts_with = "hidden")]
    pub external: Vec<Multiaddr>,
    /// Where people and programs of this machine ask the node; 8545 on loopback by default.
    #[arg(long, value_name = "ADDRESS", value_parser = on_loopback)]
    pub rpc_listen: Option<SocketAddr>,
    /// Where metrics are read; 9180 on loopback by default.
    #[arg(long, value_name = "ADDRESS", value_parser = on_loopback)]
    pub metrics_listen: Option<SocketAddr>,
    /// Where other validators reach this one; 7971 on every interface by default.
    #[arg(long, value_name = "ADDRESS", value_parser = on_every_interface)]
    pub consensus_listen: Option<SocketAddr>,
    /// Where another validator listens for validators. Once for each of them.
    #[arg(long, value_name = "IP:PORT")]
    pub validator_peer: Vec<SocketAddr>,
    /// Address of a node to begin with, as a multiaddr that ends in /p2p/<peer id>.
    #[arg(long, value_name = "MULTIADDR", value_parser = multiaddr)]
    pub bootstrap: Vec<Multiaddr>,
    /// Address of a node through which others reach this one, as a multiaddr that ends in /p2p/<peer id>.
    #[arg(long, value_name = "MULTIADDR", value_parser = multiaddr)]
    pub relay: Vec<Multiaddr>,
    /// Reach others and be reached through the relays alone, so that nobody but they learn this node's address.
    #[arg(long, requires = "relay")]
    pub hidden: bool,
    /// Relay between others. For a node that everybody can reach.
    #[arg(long, conflicts_with = "hidden")]
    pub relay_for_others: bool,
}

/// A role that a node may begin with.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RoleArg {
    /// Order and execute blocks. For those whom the network's genesis names.
    Validator,
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
    /// None as long as the directory waits for its genesis.
    chain_id: Option<u64>,
    /// Other nodes' name of this one; only when its keys were at hand.
    peer_id: Option<String>,
    /// Addresses that others can be given to begin with, as far as they are known here.
    addresses: Vec<String>,
    /// Port on every interface, if others have to be told the machine's address.
    #[serde(skip)]
    port: Option<u16>,
    /// What the network's genesis needs of a validator.
    validator: Option<GenesisValidator>,
    /// Only when it was drawn here; it is written nowhere.
    phrase: Option<String>,
}

/// `~/.bitdust/node`, or `bitdust-node` here when there is no home directory.
pub fn default_dir() -> PathBuf {
    std::env::var_os("HOME")
        .map_or_else(|| PathBuf::from("bitdust-node"), |home| Path::new(&home).join(".bitdust/node"))
}

/// Makes the directory, or completes it.
pub fn run(args: &InitArgs, json: bool) -> Result<()> {
    let home = Home::new(&args.dir);
    let made = match (home.config().exists(), home.genesis().exists()) {
        (true, true) => {
            bail!("{} is a node's directory already; name another with --dir", args.dir.display())
        }
        (true, false) => complete(args, &home)?,
        (false, _) => make(args, &home)?,
    };
    output::show(json, &made, Made::text)
}

/// A new directory. Everything is checked before anything is written.
fn make(args: &InitArgs, home: &Home) -> Result<Made> {
    let is_validator = args.role.contains(&RoleArg::Validator);
    let genesis = match &args.genesis {
        Some(path) => Some(genesis::read_built(path)?.0),
        None if is_validator => None,
        None => bail!(
            "the network's genesis file is needed: name it with --genesis (only a validator's directory can be made before)"
        ),
    };
    let mut config = Config::follower("node");
    config.p2p = every_interface(P2P_PORT);
    args.role.iter().for_each(|role| role.enter(&mut config));
    args.addresses.enter(&mut config)?;
    config.check()?;

    let password = keys::password(args.password_file.as_deref())?;
    let (node_keys, phrase) = args.keys(home, &password)?;
    let validator = is_validator.then(|| genesis::registration(&node_keys));
    if let (Some(genesis), Some(own)) = (&genesis, &validator) {
        genesis::check_registered(genesis, own)?;
    }
    home.create()?;
    if !args.keep_keys {
        keys::save(home, &node_keys, &password)?;
    }
    if let Some(own) = &validator {
        write_private(&home.validator(), genesis::registration_text(own)?.as_bytes())?;
    }
    if let Some(genesis) = &genesis {
        write_private(&home.genesis(), genesis.to_json().as_bytes())?;
    }
    config.save(home)?;
    let (addresses, port) = addresses(&config, &node_keys)?;
    Ok(Made {
        dir: args.dir.clone(),
        address: node_keys.account().to_string(),
        chain_id: genesis.map(|genesis| genesis.params.chain_id),
        peer_id: Some(node_keys.peer_id()?.to_string()),
        addresses,
        port,
        validator,
        phrase: phrase.map(|phrase| phrase.reveal().to_owned()),
    })
}

/// Gives a validator's directory the genesis that it was made for.
fn complete(args: &InitArgs, home: &Home) -> Result<Made> {
    let dir = args.dir.display();
    let Some(path) = &args.genesis else {
        bail!("{dir} is a node's directory that waits for its network's genesis; name the file with --genesis")
    };
    let is_new = args.role.is_empty() && args.phrase_file.is_none() && !args.keep_keys;
    ensure!(
        is_new,
        "{dir} has its keys and roles already: leave out --role, --phrase-file and --keep-keys, or name another directory \
         with --dir"
    );
    let (genesis, _) = genesis::read_built(path)?;
    let mut config = Config::load(home)?;
    ensure!(
        config.has(Role::Validator),
        "{dir} has lost its genesis.json: copy the network's genesis file there, under that name"
    );
    let own = genesis::read_registration(&home.validator())?;
    genesis::check_registered(&genesis, &own).with_context(|| format!("in {}", path.display()))?;
    args.addresses.enter(&mut config)?;
    config.save(home)?;
    // Last: its presence says that the directory is complete.
    write_private(&home.genesis(), genesis.to_json().as_bytes())?;
    Ok(Made {
        dir: args.dir.clone(),
        address: own.address.to_string(),
        chain_id: Some(genesis.params.chain_id),
        peer_id: None,
        addresses: Vec::new(),
        port: None,
        validator: Some(own),
        phrase: None,
    })
}

impl InitArgs {
    /// The node's keys, and the phrase if it was drawn here.
    fn keys(&self, home: &Home, password: &str) -> Result<(NodeKeys, Option<Phrase>)> {
        if self.keep_keys {
            return Ok((keys::load(home, password)?, None));
        }
        ensure!(
            !keys::exist(home),
            "{} holds keys already: use them with --keep-keys, or name another directory with --dir. If an earlier `init` was \
             interrupted before it showed their phrase, remove them",
            home.keys().display()
        );
        match &self.phrase_file {
            Some(path) => {
                let text =
                    fs::read_to_string(path).with_context(|| format!("reading the phrase file {}", path.display()))?;
                let phrase = Phrase::parse(&text).with_context(|| format!("in {}", path.display()))?;
                Ok((NodeKeys::from_phrase(&phrase)?, None))
            }
            None => {
                let phrase = Phrase::from_entropy(rand::random())?;
                Ok((NodeKeys::from_phrase(&phrase)?, Some(phrase)))
            }
        }
    }
}

impl RoleArg {
    fn enter(self, config: &mut Config) {
        let role = match self {
            RoleArg::Validator => Role::Validator,
            RoleArg::Supplier => Role::Supplier,
            RoleArg::Customer => Role::Customer,
        };
        if config.has(role) {
            return;
        }
        config.roles.push(role);
        match role {
            Role::Validator => {
                config.consensus = Some(ConsensusConfig { listen: every_interface(CONSENSUS_PORT), peers: Vec::new() });
            }
            Role::Supplier => config.supplier = Some(SupplierConfig::default()),
            Role::Customer => config.customer = CustomerConfig::default(),
        }
    }
}

impl AddressArgs {
    /// Changes the settings that are named, and no others.
    fn enter(&self, config: &mut Config) -> Result<()> {
        let texts = |list: &[Multiaddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (setting, given) in [
            (&mut config.p2p, self.listen),
            (&mut config.rpc, self.rpc_listen),
            (&mut config.metrics, self.metrics_listen),
        ] {
            *setting = given.unwrap_or(*setting);
        }
        for (setting, given) in [
            (&mut config.announce, &self.external),
            (&mut config.bootstrap, &self.bootstrap),
            (&mut config.network.relays, &self.relay),
        ] {
            if !given.is_empty() {
                *setting = texts(given);
            }
        }
        config.network.hidden |= self.hidden;
        config.network.relay |= self.relay_for_others;
        if self.consensus_listen.is_none() && self.validator_peer.is_empty() {
            return Ok(());
        }
        let consensus =
            config.consensus.as_mut().context("--consensus-listen and --validator-peer are for --role validator")?;
        consensus.listen = self.consensus_listen.unwrap_or(consensus.listen);
        if !self.validator_peer.is_empty() {
            consensus.peers.clone_from(&self.validator_peer);
        }
        Ok(())
    }
}

/// The addresses under which others dial a node, and the port of a node that listens on every interface of a machine whose
/// address is not known here. None of either for who doesn't want to be dialled.
fn addresses(config: &Config, keys: &NodeKeys) -> Result<(Vec<String>, Option<u16>)> {
    if config.network.hidden {
        return Ok((Vec::new(), None));
    }
    if !config.announce.is_empty() {
        let peer = keys.peer_id()?;
        let whole = |text: &String| if text.contains("/p2p/") { text.clone() } else { format!("{text}/p2p/{peer}") };
        return Ok((config.announce.iter().map(whole).collect(), None));
    }
    if config.p2p.ip().is_unspecified() {
        return Ok((Vec::new(), Some(config.p2p.port())));
    }
    Ok((vec![keys.multiaddr(config.p2p)?.to_string()], None))
}

impl Made {
    fn text(&self) -> String {
        let mut lines = vec![format!("Account: {}", self.address)];
        if let Some(phrase) = &self.phrase {
            lines.push(format!("Phrase:  {phrase}"));
            lines.push(
                "Write these words down now. They are the only way back to your coins and files, and they are stored \
                 nowhere."
                    .to_owned(),
            );
        }
        let peer = self.peer_id.as_deref().unwrap_or_default();
        let machine = self
            .port
            .map(|port| format!("/ip4/IP/tcp/{port}/p2p/{peer} (IP: this machine's address, as others see it)"));
        lines.extend(
            self.addresses.iter().chain(&machine).map(|address| format!("Others begin with --bootstrap {address}")),
        );
        let dir = self.dir.display();
        match &self.validator {
            Some(own) if self.chain_id.is_none() => {
                let file = Home::new(&self.dir).validator();
                lines.push(format!(
                    "Registration, beacon chain of {} reveals with the tip {}: {}",
                    genesis::BEACON_REVEALS,
                    own.beacon_tip,
                    file.display()
                ));
                lines.push(format!(
                    "Give that file to who makes the genesis (bitdust genesis new --validator {}); nothing in it is secret. \
                     With the genesis, go on: bitdust init --dir {dir} --genesis FILE",
                    file.display()
                ));
            }
            _ => lines.push(format!("Start it with: bitdust run --dir {dir}")),
        }
        lines.join("\n")
    }
}

/// Reads IP:PORT, or a port on every interface.
fn on_every_interface(text: &str) -> Result<SocketAddr, String> {
    address(text, every_interface(P2P_PORT).ip())
}

/// Reads IP:PORT, or a port of loopback.
fn on_loopback(text: &str) -> Result<SocketAddr, String> {
    address(text, loopback(RPC_PORT).ip())
}

fn multiaddr(text: &str) -> Result<Multiaddr, String> {
    text.parse().map_err(|_| format!("'{text}' is not an address such as /ip4/1.2.3.4/tcp/7771/p2p/12D3…"))
}

fn address(text: &str, usual: IpAddr) -> Result<SocketAddr, String> {
    let port = text.parse::<u16>().map(|port| SocketAddr::new(usual, port));
    let address = port.or_else(|_| text.parse::<SocketAddr>());
    let address = address.map_err(|_| {
        format!("'{text}' is neither a port such as {METRICS_PORT} nor an address such as 192.168.1.2:{METRICS_PORT}")
    })?;
    // Others must be told the number.
    if address.port() == 0 { Err("port 0 stands for any port; choose one".to_owned()) } else { Ok(address) }
}

#[cfg(test)]
mod tests;
