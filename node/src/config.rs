//! This node's own settings: `config.toml`. What all nodes must agree on is not here but in the genesis file.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use anyhow::{Context as _, Result, bail};
use bitdust_types::Amount;
use serde::{Deserialize, Serialize};

use crate::home::{Home, write_private};

/// What a node does beside following the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Orders and executes blocks.
    Validator,
    /// Sells disk space.
    Supplier,
    /// Stores its owner's data.
    Customer,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Role::Validator => "validator",
            Role::Supplier => "supplier",
            Role::Customer => "customer",
        })
    }
}

/// `config.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A name for logs.
    pub name: String,
    /// What this node does.
    pub roles: Vec<Role>,
    /// JSON-RPC, WebSocket and objects.
    pub rpc: SocketAddr,
    /// Names of hosts under which `rpc` is called, beside `localhost` and plain IP addresses: without scheme and port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rpc_hosts: Vec<String>,
    /// Web pages that may call `rpc`, each as its origin such as `http://127.0.0.1:8180`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rpc_origins: Vec<String>,
    /// Prometheus metrics.
    pub metrics: SocketAddr,
    /// libp2p, TCP and QUIC on the same port.
    pub p2p: SocketAddr,
    /// Whether others can dial `p2p`. A node that nobody reaches (its router forwards nothing) says `false`: it listens on
    /// nothing, dials out, and tells nobody an address that leads nowhere.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub reachable: bool,
    /// Whether this node can dial nobody but `bootstrap`: behind a firewall that lets out to named hosts only. For nodes that
    /// are not `reachable`.
    #[serde(default, skip_serializing_if = "is_no")]
    pub walled: bool,
    /// Addresses (multiaddr) under which others reach this node if they aren't `p2p`: a router forwards them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub announce: Vec<String>,
    /// The addresses (multiaddr with peer id) to begin with; one is enough.
    pub bootstrap: Vec<String>,
    /// Milliseconds by which this node's clock is ahead of the machine's. For machines whose clock can't be set, and for
    /// tests: no part of the protocol but a validator's proposals goes by a clock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_ahead_ms: i64,
    /// Relays: being reached through them, and being one.
    #[serde(default)]
    pub network: NetworkConfig,
    /// Required of a validator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consensus: Option<ConsensusConfig>,
    /// Required of a supplier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier: Option<SupplierConfig>,
    /// Used by a customer.
    #[serde(default)]
    pub customer: CustomerConfig,
    /// Used by a customer who walks through worlds.
    #[serde(default)]
    pub world: WorldConfig,
}

/// How a node is reached, if not only at its own address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Nodes through which others reach this one: each a multiaddr that ends in /p2p/<peer id>. A node that isn't hidden names
    /// them so that hidden ones reach it.
    pub relays: Vec<String>,
    /// Reach others and be reached through the relays alone, so that nobody but they learn this node's address.
    pub hidden: bool,
    /// Relay between others. For a node that everybody can reach.
    pub relay: bool,
    /// Connections that are relayed at once.
    pub relay_circuits: usize,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        // Four hidden players with all of their 64 lines; a circuit is cut after 256 MiB or two hours.
        NetworkConfig { relays: Vec::new(), hidden: false, relay: false, relay_circuits: 256 }
    }
}

fn yes() -> bool {
    true
}

// serde passes a reference.
fn is_yes(value: &bool) -> bool {
    *value
}

fn is_no(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Where a validator meets the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The other validators.
    pub peers: Vec<SocketAddr>,
}

/// What a supplier offers when it starts for the first time. Afterwards the operator's last word counts: `supplier register`,
/// `price` or `exit`. The collateral is filled up to what is said here until the operator leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplierConfig {
    /// Disk space for sale in bytes.
    pub capacity_bytes: u64,
    /// Price per GiB and epoch, as text: `0.5 DUST`.
    pub price_per_gib_epoch: String,
    /// Price per GiB read, as text.
    pub egress_per_gib: String,
    /// Longest term in epochs.
    pub term_epochs_max: u64,
    /// Collateral to hold in the pool, as text.
    pub collateral: String,
    /// Where the disk stands, for owners who want regions.
    pub region: String,
}

/// How a customer stores when a command names nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerConfig {
    /// Shards that are enough to rebuild.
    pub k: u8,
    /// Shards in all.
    pub n: u8,
    /// Term in epochs.
    pub term_epochs: u64,
    /// Highest price per GiB and epoch that is accepted, as text.
    pub price_cap: String,
}

/// What a player's node does for worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldConfig {
    /// How much of the disk visited places may take.
    pub cache_bytes: u64,
    /// Whether other players are given chunks of them.
    pub share: bool,
}

impl NetworkConfig {
    fn check(&self, roles: &[Role]) -> Result<()> {
        if self.hidden && self.relays.is_empty() {
            bail!("[network] hidden needs 'relays': nobody is reached without one");
        }
        if self.hidden && self.relay {
            bail!("[network] hidden and relay: who relays between others is reached at its own address");
        }
        if let Some(role) = roles.iter().find(|role| self.hidden && **role != Role::Customer) {
            bail!("[network] hidden: a {role} is reached at its own address; leave the role or the hiding");
        }
        Ok(())
    }
}

impl Default for WorldConfig {
    fn default() -> Self {
        // A place of 100 built chunks takes 400 KiB of the disk: 2,500 places.
        WorldConfig { cache_bytes: 1 << 30, share: true }
    }
}

impl Default for CustomerConfig {
    fn default() -> Self {
        CustomerConfig { k: 4, n: 8, term_epochs: 60, price_cap: "10 DUST".to_owned() }
    }
}

impl Default for SupplierConfig {
    fn default() -> Self {
        SupplierConfig {
            capacity_bytes: 8 << 30,
            price_per_gib_epoch: "1 DUST".to_owned(),
            egress_per_gib: "0.1 DUST".to_owned(),
            term_epochs_max: 3650,
            collateral: "1000 DUST".to_owned(),
            region: "local".to_owned(),
        }
    }
}

/// Port of JSON-RPC: the one that Ethereum's tools expect.
pub const RPC_PORT: u16 = 8545;
/// Port of the metrics.
pub const METRICS_PORT: u16 = 9180;
/// Port of libp2p, TCP and QUIC.
pub const P2P_PORT: u16 = 7771;
/// Port on which validators meet.
pub const CONSENSUS_PORT: u16 = 7971;

/// A port that only this machine reaches.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// A port on every interface of this machine.
pub fn every_interface(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

impl Config {
    /// A node that only follows the chain, on the standard ports of loopback.
    pub fn follower(name: &str) -> Self {
        Config {
            name: name.to_owned(),
            roles: Vec::new(),
            rpc: loopback(RPC_PORT),
            rpc_hosts: Vec::new(),
            rpc_origins: Vec::new(),
            metrics: loopback(METRICS_PORT),
            p2p: loopback(P2P_PORT),
            reachable: true,
            walled: false,
            announce: Vec::new(),
            bootstrap: Vec::new(),
            clock_ahead_ms: 0,
            network: NetworkConfig::default(),
            consensus: None,
            supplier: None,
            customer: CustomerConfig::default(),
            world: WorldConfig::default(),
        }
    }

    /// True if the node has this role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Reads and checks a node's settings.
    pub fn load(home: &Home) -> Result<Self> {
        let path = home.config();
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "reading {}; is {} a node's directory? `bitdust init` makes one",
                path.display(),
                home.path().display()
            )
        })?;
        let config: Config = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
        config.check().with_context(|| format!("in {}", path.display()))?;
        Ok(config)
    }

    /// Writes the settings.
    pub fn save(&self, home: &Home) -> Result<()> {
        self.check()?;
        write_private(&home.config(), toml::to_string_pretty(self)?.as_bytes())
    }

    /// Checks that the settings fit each other.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self) -> Result<()> {
        if let Some(host) = self.rpc_hosts.iter().find(|host| !is_host_name(host)) {
            bail!(
                "rpc_hosts: '{host}' is no name of a host; write it without scheme and port, such as node.example.org"
            );
        }
        if let Some(origin) = self.rpc_origins.iter().find(|origin| !is_origin(origin)) {
            bail!(
                "rpc_origins: '{origin}' is no origin of a web page; write scheme, host and port without a path, such as \
                 http://127.0.0.1:8180"
            );
        }
        if self.has(Role::Validator) && self.consensus.is_none() {
            bail!("the role 'validator' needs a section [consensus] with 'listen' and 'peers'");
        }
        if self.walled && self.reachable {
            bail!("a node that is 'walled' in can't be dialled: write 'reachable = false' too");
        }
        if self.has(Role::Supplier) && self.supplier.is_none() {
            bail!("the role 'supplier' needs a section [supplier]");
        }
        self.network.check(&self.roles)?;
        if let Some(supplier) = &self.supplier {
            for (field, text) in [
                ("price_per_gib_epoch", &supplier.price_per_gib_epoch),
                ("egress_per_gib", &supplier.egress_per_gib),
                ("collateral", &supplier.collateral),
            ] {
                text.parse::<Amount>().with_context(|| format!("[supplier] {field}"))?;
            }
        }
        self.customer.price_cap.parse::<Amount>().context("[customer] price_cap")?;
        bitdust_types::Layout::new(self.customer.k, self.customer.n).context("[customer] k and n")?;
        Ok(())
    }
}

/// Letters, digits, dots and hyphens, as names in a Host header are written.
fn is_host_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// `scheme://host[:port]`, as browsers write it.
fn is_origin(origin: &str) -> bool {
    let rest = origin.split_once("://").map(|(_, rest)| rest);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_pages_that_may_call_are_settings() {
        let text = toml::to_string_pretty(&Config::follower("one")).unwrap();
        let with = |line: &str| toml::from_str::<Config>(&format!("{line}\n{text}")).unwrap();
        let config = with("rpc_hosts = [\"node.example\"]\nrpc_origins = [\"http://127.0.0.1:8180\"]");
        config.check().unwrap();
        assert_eq!(
            (config.rpc_hosts, config.rpc_origins),
            (vec!["node.example".into()], vec!["http://127.0.0.1:8180".into()])
        );
        for (line, field) in [
            ("rpc_hosts = [\"node.example:8545\"]", "rpc_hosts"),
            ("rpc_hosts = [\"http://node.example\"]", "rpc_hosts"),
            ("rpc_hosts = [\"\"]", "rpc_hosts"),
            ("rpc_origins = [\"127.0.0.1:8180\"]", "rpc_origins"),
            ("rpc_origins = [\"http://127.0.0.1:8180/\"]", "rpc_origins"),
        ] {
            let error = with(line).check().unwrap_err().to_string();
            assert!(error.contains(field), "{line}: {error}");
        }
    }

    #[test]
    fn settings_round_trip_and_mistakes_are_named() {
        let mut config = Config::follower("one");
        config.roles = vec![Role::Supplier];
        assert!(config.check().unwrap_err().to_string().contains("[supplier]"));
        config.supplier = Some(SupplierConfig::default());
        let text = toml::to_string_pretty(&config).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
        for (relays, roles, word) in [
            (vec![], vec![Role::Customer], "needs 'relays'"),
            (vec!["a".to_owned()], vec![Role::Supplier], "a supplier is reached"),
        ] {
            let network = NetworkConfig { relays, hidden: true, ..NetworkConfig::default() };
            let error = network.check(&roles).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let typo = text.replace("capacity_bytes", "capacity_byte");
        assert!(toml::from_str::<Config>(&typo).unwrap_err().to_string().contains("capacity_byte"));
    }
}
