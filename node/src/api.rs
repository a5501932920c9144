//! What programs ask of this node: the server side of [`bitdust_rpc`]'s traits, one file per namespace.
//!
//! Each answer looks at one snapshot of the chain. Reading the database blocks for microseconds and happens in place;
//! executing a call or walking many blocks goes to a blocking thread.

mod eth;
mod ledger;
mod market;
mod meet;
mod node;
mod objects;
mod storage;
mod supplier;
mod world;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use alloy_primitives::Address;
use anyhow::{Result, anyhow};
use bitdust_rpc::{Backends, Code, Failure, Handle as Server, Modules, Token, objects::Objects, places::Places};
use bitdust_types::Amount;

use crate::{
    chain::{Chain, ingress::Ingress, sender::Sender},
    config::Config,
    customer::Customer,
    meeting::Meetings,
    supplier::Supplier,
    worlds::{Worlds, chunks::Serving},
};

/// What all namespaces share.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// The parts of a node that answer questions.
pub struct Shared {
    /// This node's settings.
    pub config: Config,
    /// The ledger.
    pub chain: Arc<Chain>,
    /// Where transactions go in.
    pub ingress: Ingress,
    /// This node's account.
    pub sender: Arc<Sender>,
    /// The peer-to-peer network.
    pub network: bitdust_network::Handle,
    /// Set if the node stores its owner's files.
    pub customer: Option<Arc<Customer>>,
    /// Set if the node stores its owner's files: the worlds stand on the same store.
    pub worlds: Option<Arc<Worlds>>,
    /// Set if the node stores its owner's files, as a player's node does.
    pub meetings: Option<Arc<Meetings>>,
    /// Set if the node sells space.
    pub supplier: Option<Arc<Supplier>>,
    /// When the process started.
    pub started: Instant,
    /// Bytes received from suppliers since then.
    pub fetched_bytes: AtomicU64,
    /// Bytes sent to suppliers since then.
    pub sent_bytes: AtomicU64,
    /// Held while a dataset for new files is looked for and made.
    pub making_datasets: tokio::sync::Mutex<()>,
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Starts the server.
pub async fn serve(shared: Shared, token_file: PathBuf) -> Result<Server> {
    let token = Token::load_or_create(&token_file, rand::random())?;
    let config = server_config(&shared.config, &token_file);
    let api = Api(Arc::new(shared));
    let modules = Modules::new(concat!("bitdust/", env!("CARGO_PKG_VERSION")))
        .eth(api.clone())?
        .net(api.clone())?
        .ledger(api.clone())?
        .market(api.clone())?
        .storage(api.clone())?
        .supplier(api.clone())?
        .node(api.clone())?
        .world(api.clone())?
        .meet(api.clone())?;
    let places = api.worlds.clone().map(|worlds| Arc::new(Serving(worlds)) as Arc<dyn Places>);
    let objects = api.customer.is_some().then(|| Arc::new(api) as Arc<dyn Objects>);
    let started = bitdust_rpc::server::start(config, token, modules, Backends { objects, places }).await;
    started.map_err(|error| match error {
        bitdust_rpc::server::Error::Listen { .. } => anyhow!(error).context("config.toml, rpc"),
        bitdust_rpc::server::Error::Origin(_) => anyhow!(error).context("config.toml, rpc_origins"),
        error => error.into(),
    })
}

/// What this node's settings say about who may call.
fn server_config(config: &Config, token_file: &Path) -> bitdust_rpc::Config {
    bitdust_rpc::Config {
        listen: config.rpc,
        hosts: config.rpc_hosts.clone(),
        origins: config.rpc_origins.clone(),
        token_file: token_file.to_owned(),
        ..bitdust_rpc::Config::default()
    }
}

impl Api {
    /// Runs something that executes or reads much on a blocking thread.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Api) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let api = self.clone();
        match tokio::task::spawn_blocking(move || work(&api)).await {
            Ok(done) => done,
            Err(error) => Err(Failure::internal(format!("a worker stopped: {error}"))),
        }
    }

    fn customer(&self) -> Result<&Arc<Customer>, Failure> {
        self.customer.as_ref().ok_or_else(|| missing_role("customer", "store files"))
    }

    fn worlds(&self) -> Result<&Arc<Worlds>, Failure> {
        self.worlds.as_ref().ok_or_else(|| missing_role("customer", "know worlds"))
    }

    fn supplier(&self) -> Result<&Arc<Supplier>, Failure> {
        self.supplier.as_ref().ok_or_else(|| missing_role("supplier", "sell disk space"))
    }

    /// Balance of an account, as an amount.
    fn balance_of(&self, address: Address) -> Result<Amount, Failure> {
        let balance = self.chain.balance(address).map_err(internal)?;
        Amount::try_from(balance).map_err(internal)
    }
}

fn missing_role(role: &str, what: &str) -> Failure {
    Failure::new(
        Code::Unavailable,
        format!("this node does not {what}"),
        format!("ask a node whose config.toml has the role '{role}', or add it there and start this node again"),
    )
}

/// This machine failed.
fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::internal(format!("{error:#}"))
}

/// Something that the caller asked for failed, for a reason that the error names.
fn rejected(error: anyhow::Error) -> Failure {
    Failure::new(Code::Rejected, format!("{error:#}"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_whom_the_settings_name_may_call() {
        let (hosts, origins) = (vec!["node.example".to_owned()], vec!["http://127.0.0.1:8180".to_owned()]);
        let settings = Config { rpc_hosts: hosts.clone(), rpc_origins: origins.clone(), ..Config::follower("one") };
        let server = server_config(&settings, Path::new("t"));
        assert_eq!((server.hosts, server.origins, server.listen), (hosts, origins, settings.rpc));
        assert_eq!(server.token_file, Path::new("t"));
    }
}
