//! `bitdust market`: who sells space, what was agreed with whom, and the money and terms of this node's datasets.

use alloy_primitives::Address;
use anyhow::{Context as _, Result, bail};
use bitdust_rpc::{
    api::{MarketClient as _, NodeClient as _},
    types::market::DatasetChange,
};
use bitdust_types::{Amount, DatasetId};
use clap::Subcommand;
use serde::Serialize;

use super::{
    output,
    remote::{RemoteArgs, explain},
};

/// `bitdust market`.
#[derive(Subcommand)]
pub enum MarketVerb {
    /// Suppliers with their prices.
    Offers {
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Datasets of an account, this node's by default.
    Contracts {
        /// The account.
        #[arg(long)]
        owner: Option<Address>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// One dataset with its slots.
    Contract {
        /// The dataset.
        id: DatasetId,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Add coins to a dataset's escrow, from which its suppliers are paid.
    Fund {
        /// The dataset.
        id: DatasetId,
        /// DUST to add.
        amount: Amount,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Keep a dataset for longer: its term is lengthened, and what that costs is added to its escrow.
    Renew {
        /// The dataset.
        id: DatasetId,
        /// Epochs to add to its term.
        epochs: u64,
        /// DUST to add to its escrow; what it lacks for the longer term by default.
        #[arg(long)]
        amount: Option<Amount>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Pay a dataset's suppliers what they have earned so far.
    Settle {
        /// The dataset.
        id: DatasetId,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// End a dataset: its suppliers are paid what is due and delete its files, and the rest of its escrow comes back.
    End {
        /// The dataset.
        id: DatasetId,
        /// Yes, its files are to be deleted.
        #[arg(long)]
        yes: bool,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// What an account earned, paid and lost, line by line; this node's by default.
    Statement {
        /// The account.
        #[arg(long)]
        address: Option<Address>,
        /// First block.
        #[arg(long)]
        from: Option<u64>,
        /// Last block.
        #[arg(long)]
        to: Option<u64>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

#[derive(Serialize)]
struct Contract {
    dataset: bitdust_rpc::types::market::DatasetInfo,
    slots: Vec<bitdust_rpc::types::market::SlotInfo>,
}

/// Runs the verb.
pub async fn run(verb: &MarketVerb, json: bool) -> Result<()> {
    match verb {
        MarketVerb::Offers { remote } => offers(remote, json).await,
        MarketVerb::Contracts { owner, remote } => contracts(*owner, remote, json).await,
        MarketVerb::Contract { id, remote } => contract(*id, remote, json).await,
        MarketVerb::Fund { id, amount, remote } => {
            let client = remote.client()?;
            let change = client.market_fund(*id, *amount).await.map_err(explain(&client))?;
            output::show(json, &change, |change| told(change, &format!("{} added to its escrow", change.paid)))
        }
        MarketVerb::Renew { id, epochs, amount, remote } => {
            let client = remote.client()?;
            let change = client.market_renew(*id, *epochs, *amount).await.map_err(explain(&client))?;
            output::show(json, &change, |change| {
                told(change, &format!("paid for until epoch {}, {} added to its escrow", change.end_epoch, change.paid))
            })
        }
        MarketVerb::Settle { id, remote } => {
            let client = remote.client()?;
            let change = client.market_settle(*id).await.map_err(explain(&client))?;
            output::show(json, &change, |change| told(change, &format!("{} paid to its suppliers", change.settled)))
        }
        MarketVerb::End { id, yes, remote } => end(*id, *yes, remote, json).await,
        MarketVerb::Statement { address, from, to, remote } => statement(*address, *from, *to, remote, json).await,
    }
}

async fn offers(remote: &RemoteArgs, json: bool) -> Result<()> {
    let client = remote.client()?;
    let offers = client.market_offers().await.map_err(explain(&client))?;
    output::show(json, &offers, |offers| {
        let mut rows = vec![cells(["supplier", "per GiB and epoch", "per GiB read", "held", "of", "region"])];
        rows.extend(offers.iter().map(|offer| {
            vec![
                offer.supplier.to_string(),
                offer.price_per_gib_epoch.to_string(),
                offer.egress_per_gib.to_string(),
                output::bytes(offer.held_bytes),
                output::bytes(offer.capacity_bytes),
                offer.region.clone(),
            ]
        }));
        output::table(&rows)
    })
}

async fn contracts(owner: Option<Address>, remote: &RemoteArgs, json: bool) -> Result<()> {
    let client = remote.client()?;
    let datasets = client.market_datasets(owner).await.map_err(explain(&client))?;
    output::show(json, &datasets, |datasets| {
        let mut rows = vec![cells(["dataset", "slots", "held", "bytes each", "escrow", "deposits", "until epoch"])];
        rows.extend(datasets.iter().map(|dataset| {
            vec![
                dataset.id.to_string(),
                format!("{} of {}", dataset.k, dataset.n),
                dataset.slots_held.to_string(),
                output::bytes(dataset.slot_bytes),
                dataset.escrow.to_string(),
                dataset.deposits.to_string(),
                dataset.end_epoch.to_string(),
            ]
        }));
        output::table(&rows)
    })
}

async fn contract(id: DatasetId, remote: &RemoteArgs, json: bool) -> Result<()> {
    let client = remote.client()?;
    let dataset = client.market_dataset(id).await.map_err(explain(&client))?;
    let dataset = dataset.with_context(|| format!("no dataset {id}; `bitdust market contracts` lists this node's"))?;
    let slots = client.market_slots(id).await.map_err(explain(&client))?;
    output::show(json, &Contract { dataset, slots }, |contract| {
        let mut rows = vec![cells(["slot", "supplier", "healthy", "revision", "bytes", "rate", "deposit", "reserve"])];
        rows.extend(contract.slots.iter().map(|slot| {
            vec![
                slot.slot.to_string(),
                slot.supplier.map_or_else(|| "free".to_owned(), |supplier| supplier.to_string()),
                if slot.healthy { "yes" } else { "no" }.to_owned(),
                format!("{} of {}", slot.held_revision, slot.target_revision),
                output::bytes(slot.held_bytes),
                slot.rate.to_string(),
                slot.deposit.to_string(),
                slot.reserve.to_string(),
            ]
        }));
        output::table(&rows)
    })
}

async fn end(id: DatasetId, yes: bool, remote: &RemoteArgs, json: bool) -> Result<()> {
    let client = remote.client()?;
    if !yes {
        let dataset = client.market_dataset(id).await.map_err(explain(&client))?;
        let dataset =
            dataset.with_context(|| format!("no dataset {id}; `bitdust market contracts` lists this node's"))?;
        bail!(
            "the suppliers of dataset {id} would delete its files ({} on each of {} slots), which can't be undone; if that is \
             meant, add --yes",
            output::bytes(dataset.slot_bytes),
            dataset.n
        );
    }
    let change = client.market_end(id).await.map_err(explain(&client))?;
    output::show(json, &change, |change| {
        told(change, &format!("ended; {} paid to its suppliers, {} came back", change.settled, change.refunded))
    })
}

/// A change of a dataset in words, and what to know about it.
fn told(change: &DatasetChange, what: &str) -> String {
    let mut text = format!(
        "dataset {}: {what} (block {}, gas {})\nescrow {}, bound in deposits {}",
        change.dataset, change.height, change.gas_paid, change.escrow, change.deposits
    );
    if !change.short_slots.is_empty() {
        text.push_str(&format!(
            "\nwarning: the suppliers of slots {:?} don't offer so long a term at the agreed rate; their slots are given to \
             others when they end",
            change.short_slots
        ));
    }
    text
}

async fn statement(
    address: Option<Address>,
    from: Option<u64>,
    to: Option<u64>,
    remote: &RemoteArgs,
    json: bool,
) -> Result<()> {
    let client = remote.client()?;
    let address = match address {
        Some(address) => address,
        None => client.node_status().await.map_err(explain(&client))?.address,
    };
    let statement = super::statement::fetch(&client, address, from, to, json).await?;
    output::show(json, &statement, |statement| {
        let mut rows = vec![cells(["block", "what", "epochs", "bytes", "gross", "fee", "net"])];
        rows.extend(statement.lines.iter().map(|line| {
            let epochs = match (line.from_epoch, line.to_epoch) {
                (Some(from), Some(to)) => format!("{from} to {to}"),
                (Some(from), None) => from.to_string(),
                _ => String::new(),
            };
            vec![
                line.height.to_string(),
                format!("{:?}", line.kind),
                epochs,
                if line.bytes > 0 { output::bytes(line.bytes) } else { String::new() },
                line.gross.to_string(),
                line.fee.to_string(),
                line.net.to_string(),
            ]
        }));
        format!(
            "{}\nearned {}, fees {}, slashed {}, paid in {}, refunded {}, sent {}, received {}, gas {}",
            output::table(&rows),
            statement.earned,
            statement.fees,
            statement.slashed,
            statement.paid,
            statement.refunded,
            statement.sent,
            statement.received,
            statement.gas
        )
    })
}

fn cells<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
