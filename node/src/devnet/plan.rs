//! Who is on a devnet: nodes with their roles, keys and ports, and the genesis that they share.
//!
//! Parameters and first balances are those of `genesis/devnet.json`, with other validators and as many more accounts as there
//! are nodes. All keys come from the development phrase, so that a devnet is the same each time. Account 0 is the customer, whose
//! address any wallet shows for the phrase; validators begin at account 100, suppliers at account 1000.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use anyhow::{Context as _, Result, bail};
use bitdust_ledger::genesis::Genesis;
use bitdust_types::{
    Amount, ChainParams,
    keys::{DEVNET_PHRASE, Phrase},
};

use rand::Rng as _;

use crate::{
    config::{
        CONSENSUS_PORT, Config, ConsensusConfig, METRICS_PORT, P2P_PORT, RPC_PORT, Role, SupplierConfig, loopback,
    },
    genesis,
    keys::NodeKeys,
};

/// What a devnet shall look like.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Validators.
    pub validators: u16,
    /// Suppliers.
    pub suppliers: u16,
    /// Players beside the customer, each with an account of its own.
    pub players: u16,
    /// Aimed time between blocks in milliseconds.
    pub block_time_ms: u64,
    /// Blocks in an epoch.
    pub epoch_blocks: u64,
    /// Ports chosen by the system instead of the standard ones.
    pub free_ports: bool,
}

/// One node of the plan.
#[derive(Clone)]
pub struct NodePlan {
    /// Directory name and name in logs.
    pub name: String,
    /// Its settings.
    pub config: Config,
    /// Its keys.
    pub keys: NodeKeys,
}

/// A whole network.
pub struct Plan {
    /// The nodes: validators, then suppliers, then the customer, then players.
    pub nodes: Vec<NodePlan>,
    /// What they share.
    pub genesis: Genesis,
}

/// The name of the node that people talk to.
pub const CUSTOMER: &str = "customer-0";

const VALIDATOR_ACCOUNT: u32 = 100;
const SUPPLIER_ACCOUNT: u32 = 1000;
/// Players who come later.
const PLAYER_ACCOUNT: u32 = 2000;
/// So many of them have coins from the beginning.
const PLAYERS: u16 = 8;
/// Funded accounts for suppliers that aren't there from the start.
const SPARE_SUPPLIERS: u32 = 8;

impl Shape {
    /// Checks the numbers.
    pub fn check(&self) -> Result<()> {
        if !(1..=100).contains(&self.validators) {
            bail!("--validators {}: between 1 and 100 are possible", self.validators);
        }
        if self.suppliers > 100 {
            bail!("--suppliers {}: at most 100 fit one machine", self.suppliers);
        }
        if self.players > PLAYERS {
            bail!("--players {}: at most {PLAYERS} have coins", self.players);
        }
        self.params(&genesis::devnet()?.params).check().context("--epoch-blocks and --block-time-ms")
    }

    /// The parameters of the devnet's genesis file, with this shape's epochs and blocks.
    fn params(&self, file: &ChainParams) -> ChainParams {
        genesis::params(file, self.epoch_blocks, self.block_time_ms)
    }

    /// Draws up the network. `now_ms` is the genesis' time, in milliseconds since 1970.
    pub fn plan(&self, now_ms: u64) -> Result<Plan> {
        self.check()?;
        let phrase = Phrase::parse(DEVNET_PHRASE)?;
        let total = usize::from(self.validators) + usize::from(self.suppliers) + 1 + usize::from(self.players);
        let ports = if self.free_ports { free_ports(total)? } else { standard_ports(total) };
        let mut ports = ports.into_iter();
        // The customer comes first, so that the standard ports are those of the node that people talk to.
        let mut next = || ports.next().context("a port for every node");
        let customer_ports = next()?;
        let validator_keys: Vec<NodeKeys> = (0..u32::from(self.validators))
            .map(|index| NodeKeys::devnet(&phrase, VALIDATOR_ACCOUNT + index))
            .collect::<Result<_>>()?;
        let mut validator_ports = Vec::new();
        for _ in 0..self.validators {
            validator_ports.push(next()?);
        }
        let meeting: Vec<SocketAddr> = validator_ports.iter().map(|ports| loopback(ports.consensus)).collect();
        let bootstrap = vec![validator_keys[0].multiaddr(loopback(validator_ports[0].p2p))?.to_string()];

        let mut nodes = Vec::new();
        for (index, (keys, ports)) in validator_keys.iter().zip(&validator_ports).enumerate() {
            let mut config = node_config(format!("validator-{index}"), Role::Validator, *ports, &bootstrap);
            if index == 0 {
                config.bootstrap.clear();
            }
            let peers = meeting.iter().copied().filter(|peer| *peer != meeting[index]).collect();
            config.consensus = Some(ConsensusConfig { listen: meeting[index], peers });
            nodes.push(NodePlan { name: config.name.clone(), config, keys: keys.clone() });
        }
        for index in 0..self.suppliers {
            nodes.push(supplier(&phrase, index, next()?, &bootstrap)?);
        }
        let keys = NodeKeys::from_phrase(&phrase)?;
        let config = node_config(CUSTOMER.to_owned(), Role::Customer, customer_ports, &bootstrap);
        nodes.push(NodePlan { name: config.name.clone(), config, keys });

        let genesis = self.genesis(&nodes, now_ms)?;
        for index in 1..=self.players {
            nodes.push(player(&phrase, index, next()?, &bootstrap)?);
        }
        Ok(Plan { nodes, genesis })
    }

    fn genesis(&self, nodes: &[NodePlan], now_ms: u64) -> Result<Genesis> {
        let file = genesis::devnet()?;
        let dust = |amount| Amount::from_dust(amount).context("an allotment fits an amount");
        // The file funds the customer.
        let mut alloc = file.alloc.clone();
        let mut validators = Vec::new();
        for node in nodes {
            alloc.entry(node.keys.account()).or_insert(dust(10_000)?);
            if node.config.has(Role::Validator) {
                validators.push(genesis::registration(&node.keys));
            }
        }
        // Suppliers that join a running devnet find their accounts funded.
        let phrase = Phrase::parse(DEVNET_PHRASE)?;
        for index in u32::from(self.suppliers)..u32::from(self.suppliers) + SPARE_SUPPLIERS {
            let keys = NodeKeys::devnet(&phrase, SUPPLIER_ACCOUNT + index)?;
            alloc.insert(keys.account(), dust(10_000)?);
        }
        for index in 1..=PLAYERS {
            let keys = NodeKeys::devnet(&phrase, PLAYER_ACCOUNT + u32::from(index))?;
            alloc.insert(keys.account(), dust(100_000)?);
        }
        genesis::make(self.params(&file.params), now_ms, validators, alloc)
    }
}

/// A supplier of the devnet, number `index`.
pub fn supplier(phrase: &Phrase, index: u16, ports: Ports, bootstrap: &[String]) -> Result<NodePlan> {
    let mut config = node_config(format!("supplier-{index}"), Role::Supplier, ports, bootstrap);
    config.supplier = Some(SupplierConfig::default());
    let keys = NodeKeys::devnet(phrase, SUPPLIER_ACCOUNT + u32::from(index))?;
    Ok(NodePlan { name: config.name.clone(), config, keys })
}

/// A player of the devnet who comes later, number `index` from 1: a customer with an account of its own.
pub fn player(phrase: &Phrase, index: u16, ports: Ports, bootstrap: &[String]) -> Result<NodePlan> {
    let config = node_config(format!("customer-{index}"), Role::Customer, ports, bootstrap);
    let keys = NodeKeys::devnet(phrase, PLAYER_ACCOUNT + u32::from(index))?;
    Ok(NodePlan { name: config.name.clone(), config, keys })
}

/// A node's ports on loopback.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    rpc: u16,
    metrics: u16,
    p2p: u16,
    consensus: u16,
}

/// JSON-RPC from 8545, metrics from 9180, libp2p from 7771, consensus from 7971.
fn standard_ports(nodes: usize) -> Vec<Ports> {
    (0..nodes as u16)
        .map(|index| Ports {
            rpc: RPC_PORT + index,
            metrics: METRICS_PORT + index,
            p2p: P2P_PORT + index,
            consensus: CONSENSUS_PORT + index,
        })
        .collect()
}

/// Where free ports are looked for: below those that systems give to outgoing connections (from 32,768 on by default on Linux),
/// so that nobody comes upon a node's port by chance while it is down.
const FREE_PORTS: std::ops::Range<u16> = 12_000..32_000;
/// Ports that are tried for one that is free.
const PORTS_TRIED_MAX: usize = 10_000;

/// Ports that are free now. All are held until the last is found, so that none is given twice.
pub fn free_ports(nodes: usize) -> Result<Vec<Ports>> {
    let mut held = Vec::new();
    let mut free = || -> Result<u16> {
        for _ in 0..PORTS_TRIED_MAX {
            let port = rand::rng().random_range(FREE_PORTS);
            // libp2p wants the same number for QUIC.
            if let (Ok(listener), Ok(socket)) = (TcpListener::bind(loopback(port)), UdpSocket::bind(loopback(port))) {
                held.push((listener, socket));
                return Ok(port);
            }
        }
        bail!("no port of {FREE_PORTS:?} is free on this machine")
    };
    (0..nodes).map(|_| Ok(Ports { rpc: free()?, metrics: free()?, p2p: free()?, consensus: free()? })).collect()
}

fn node_config(name: String, role: Role, ports: Ports, bootstrap: &[String]) -> Config {
    Config {
        roles: vec![role],
        rpc: loopback(ports.rpc),
        metrics: loopback(ports.metrics),
        p2p: loopback(ports.p2p),
        bootstrap: bootstrap.to_vec(),
        ..Config::follower(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape { validators: 4, suppliers: 8, players: 2, block_time_ms: 1000, epoch_blocks: 30, free_ports: false }
    }

    #[test]
    fn every_port_and_key_is_used_once_and_one_bootstrap_is_known() {
        let plan = shape().plan(0).unwrap();
        let mut ports: Vec<SocketAddr> = Vec::new();
        let mut accounts = Vec::new();
        for node in &plan.nodes {
            ports.extend([node.config.rpc, node.config.metrics, node.config.p2p]);
            ports.extend(node.config.consensus.as_ref().map(|consensus| consensus.listen));
            accounts.push(node.keys.account());
            assert!(node.config.bootstrap.len() <= 1);
            assert!(plan.genesis.alloc.contains_key(&node.keys.account()), "{} has no coins", node.name);
        }
        let (all_ports, all_accounts) = (ports.len(), accounts.len());
        ports.sort();
        ports.dedup();
        accounts.sort();
        accounts.dedup();
        assert_eq!((ports.len(), accounts.len()), (all_ports, all_accounts));
    }

    #[test]
    fn a_devnet_begins_as_its_genesis_file_says() {
        let file = genesis::devnet().unwrap();
        let made = shape().plan(0).unwrap().genesis;
        assert_eq!(made.params, file.params);
        assert!(!file.alloc.is_empty(), "the file funds somebody");
        for (account, amount) in &file.alloc {
            assert_eq!(made.alloc.get(account), Some(amount), "{account}");
        }
        // Whoever changes the file finds the change in every devnet.
        let changed = ChainParams { samples: 5, gas_limit: 2_000_000, ..file.params };
        let longer = Shape { epoch_blocks: 60, ..shape() }.params(&changed);
        assert_eq!((longer.samples, longer.gas_limit, longer.epoch_blocks), (5, 2_000_000, 60));
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let impossible = [(0, 8, 0, 30), (101, 8, 0, 30), (4, 101, 0, 30), (4, 8, 9, 30), (4, 8, 0, 3)];
        for (validators, suppliers, players, epoch_blocks) in impossible {
            let shape = Shape { validators, suppliers, players, epoch_blocks, ..shape() };
            assert!(shape.check().is_err(), "{shape:?}");
        }
    }
}
