//! `bitdust wallet`: phrases, balances and payments.

mod import;

use alloy_primitives::Address;
use anyhow::Result;
use bitdust_rpc::{
    api::{EthClient as _, NodeClient as _},
    types::node::SendRequest,
};
use bitdust_types::{
    Amount,
    keys::{Phrase, account_of},
};
use clap::Subcommand;
use serde::Serialize;

use super::{
    output,
    remote::{RemoteArgs, explain},
    statement,
    supplier::sent,
};

/// `bitdust wallet`.
#[derive(Subcommand)]
pub enum WalletVerb {
    /// Draw a new phrase and show it, once.
    New,
    /// Put keys that exist already into a node's directory: a phrase or a private key, from a file or standard input.
    Import(import::ImportArgs),
    /// The account of a node's directory, or the accounts of a phrase.
    #[command(visible_alias = "accounts")]
    List(import::ListArgs),
    /// An account's balance, this node's by default.
    Balance {
        /// The account.
        address: Option<Address>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Send coins from this node's account and wait for the block.
    Send {
        /// To whom.
        to: Address,
        /// DUST.
        amount: Amount,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Transfers, gas, pay and deposits of an account, this node's by default.
    History {
        /// The account.
        address: Option<Address>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

#[derive(Serialize)]
struct NewWallet {
    phrase: String,
    address: Address,
}

#[derive(Serialize)]
struct Balance {
    address: Address,
    grains: Amount,
}

/// Runs the verb.
pub async fn run(verb: &WalletVerb, json: bool) -> Result<()> {
    match verb {
        WalletVerb::New => {
            let phrase = Phrase::from_entropy(rand::random())?;
            let address = account_of(&phrase.coin_key(0)?);
            output::show(json, &NewWallet { phrase: phrase.reveal().to_owned(), address }, |wallet| {
                format!(
                    "phrase:  {}\naccount: {}\nWrite the words down: they are the only way back, and stored nowhere.",
                    wallet.phrase, wallet.address
                )
            })
        }
        WalletVerb::Import(args) => import::import(args, json),
        WalletVerb::List(args) => import::list(args, json),
        WalletVerb::Balance { address, remote } => {
            let client = remote.client()?;
            let address = own_or(*address, &client).await?;
            let balance = client.eth_get_balance(address, None).await.map_err(explain(&client))?;
            let grains = Amount::try_from(balance)?;
            output::show(json, &Balance { address, grains }, |balance| balance.grains.to_string())
        }
        WalletVerb::Send { to, amount, remote } => {
            let client = remote.client()?;
            let request = SendRequest { to: *to, amount: *amount, wait: true };
            sent(json, &client.node_send(request).await.map_err(explain(&client))?)
        }
        WalletVerb::History { address, remote } => {
            let client = remote.client()?;
            let address = own_or(*address, &client).await?;
            let statement = statement::fetch(&client, address, None, None, json).await?;
            output::show(json, &statement, |statement| {
                let rows = statement.lines.iter().map(|line| {
                    let transaction = line.transaction.map_or_else(|| "system".to_owned(), |hash| hash.to_string());
                    let other = line.counterparty.map_or_else(String::new, |other| other.to_string());
                    vec![line.height.to_string(), format!("{:?}", line.kind), line.net.to_string(), transaction, other]
                });
                output::table(&rows.collect::<Vec<_>>())
            })
        }
    }
}

async fn own_or(address: Option<Address>, client: &bitdust_rpc::Client) -> Result<Address> {
    match address {
        Some(address) => Ok(address),
        None => Ok(client.node_status().await.map_err(explain(client))?.address),
    }
}
