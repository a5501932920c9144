//! `bitdust validator`: who orders blocks.

use anyhow::Result;
use bitdust_rpc::api::{LedgerClient as _, NodeClient as _};
use clap::Subcommand;
use serde::Serialize;

use super::{
    output,
    remote::{RemoteArgs, explain},
};

/// `bitdust validator`.
#[derive(Subcommand)]
pub enum ValidatorVerb {
    /// The validators, and whether this node is one.
    Status {
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    own: bool,
    height: u64,
    validators: Vec<bitdust_rpc::types::ledger::ValidatorInfo>,
}

/// Runs the verb.
pub async fn run(verb: &ValidatorVerb, json: bool) -> Result<()> {
    let ValidatorVerb::Status { remote } = verb;
    let client = remote.client()?;
    let node = client.node_status().await.map_err(explain(&client))?;
    let ledger = client.ledger_status().await.map_err(explain(&client))?;
    let own = ledger.validators.iter().any(|validator| validator.address == node.address);
    output::show(json, &Status { own, height: ledger.height, validators: ledger.validators }, |status| {
        let mut rows = vec![vec!["validator".to_owned(), "power".to_owned()]];
        rows.extend(status.validators.iter().map(|one| vec![one.address.to_string(), one.power.to_string()]));
        let own = if status.own { "this node is one of them" } else { "this node is none of them" };
        format!("{}\n{own}; block {}", output::table(&rows), status.height)
    })
}
