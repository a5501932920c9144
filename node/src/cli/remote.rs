//! Commands that ask a running node: where it is, with which token, and `bitdust status`.

use std::path::PathBuf;

use anyhow::Result;
use bitdust_rpc::{
    Client, Token,
    api::{LedgerClient as _, NodeClient as _},
    jsonrpsee::core::ClientError,
};
use clap::Args;
use serde::Serialize;

use super::output;
use crate::home::Home;

/// Which node to ask.
#[derive(Args, Clone)]
pub struct RemoteArgs {
    /// The node's JSON-RPC address.
    #[arg(long, default_value = "http://127.0.0.1:8545", env = "BITDUST_RPC")]
    pub rpc: String,
    /// File with the node's bearer token; found by itself for a node of this user on this machine.
    #[arg(long, env = "BITDUST_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

impl RemoteArgs {
    /// A client of the node, with its token where there is one.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::new(&self.rpc, self.token()?.as_ref())?)
    }

    /// The token from the file named, or from the places where a node of this user leaves it.
    fn token(&self) -> Result<Option<Token>> {
        if let Some(path) = &self.token_file {
            return Ok(Some(Token::load(path)?));
        }
        // A devnet's node says exactly where its token is, so it goes before the default place.
        let places = [self.devnet_token(), Some(Home::new(super::init::default_dir()).token())];
        Ok(places.into_iter().flatten().find_map(|path| Token::load(&path).ok()))
    }

    /// A running devnet says in a file of this user where its nodes' tokens are.
    fn devnet_token(&self) -> Option<PathBuf> {
        let address = self.rpc.trim_start_matches("http://").trim_end_matches('/');
        crate::devnet::register::token_file(address)
    }
}

/// What a failed call means, in words.
pub fn explain(client: &Client) -> impl Fn(ClientError) -> anyhow::Error + '_ {
    |error| client.explain(error).into()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    node: bitdust_rpc::types::node::NodeStatus,
    ledger: bitdust_rpc::types::ledger::LedgerStatus,
}

/// `bitdust status`.
pub async fn status(args: &RemoteArgs, json: bool) -> Result<()> {
    let client = args.client()?;
    let node = client.node_status().await.map_err(explain(&client))?;
    let ledger = client.ledger_status().await.map_err(explain(&client))?;
    output::show(json, &Status { node, ledger }, |status| {
        let Status { node, ledger } = status;
        let roles: Vec<String> = node.roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect();
        let mut rows = vec![
            row("node", format!("{} ({}), version {}", node.name, roles.join(", "), node.version)),
            row("network", format!("{}, chain id {}", node.network, node.chain_id)),
            row("account", format!("{} with {}", node.address, node.balance)),
            row("block", format!("{} in epoch {}", node.height, ledger.epoch)),
            row("peers", node.peers.to_string()),
            row("waiting", format!("{} transactions, {} proofs", ledger.pool.pending, ledger.pool.proofs)),
        ];
        rows.extend(node.warnings.iter().map(|warning| row("warning", warning.clone())));
        output::table(&rows)
    })
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}
