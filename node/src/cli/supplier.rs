//! `bitdust supplier`: selling disk space.

use anyhow::Result;
use bitdust_rpc::{
    api::SupplierClient as _,
    types::{node::Sent, supplier::RegisterRequest},
};
use bitdust_types::{Amount, DatasetId};
use clap::Subcommand;

use super::{
    output,
    remote::{RemoteArgs, explain},
};

/// `bitdust supplier`.
#[derive(Subcommand)]
pub enum SupplierVerb {
    /// Publish an offer; what is left out stays as it is, or is taken from config.toml the first time.
    Register {
        /// DUST per GiB and epoch.
        #[arg(long)]
        price: Option<Amount>,
        /// DUST per GiB read.
        #[arg(long)]
        egress: Option<Amount>,
        /// Bytes offered.
        #[arg(long)]
        capacity_bytes: Option<u64>,
        /// Longest term in epochs.
        #[arg(long)]
        term_epochs_max: Option<u64>,
        /// DUST to add to the collateral pool.
        #[arg(long)]
        collateral: Option<Amount>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// How this supplier stands.
    Status {
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Change the price for new contracts.
    Price {
        /// DUST per GiB and epoch.
        price: Amount,
        /// DUST per GiB read.
        #[arg(long)]
        egress: Option<Amount>,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Give a slot up before its bytes are asked for; costs the price of its repair.
    DeclareFault {
        /// The dataset.
        dataset: DatasetId,
        /// The slot.
        slot: u16,
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Withdraw the offer for good and, once no slot is held, the collateral.
    Exit {
        /// The node to ask.
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

/// Runs the verb.
pub async fn run(verb: &SupplierVerb, json: bool) -> Result<()> {
    match verb {
        SupplierVerb::Register { price, egress, capacity_bytes, term_epochs_max, collateral, remote } => {
            let client = remote.client()?;
            let request = RegisterRequest {
                price_per_gib_epoch: *price,
                egress_per_gib: *egress,
                capacity_bytes: *capacity_bytes,
                max_term_epochs: *term_epochs_max,
                collateral: *collateral,
                ..RegisterRequest::default()
            };
            sent(json, &client.supplier_register(request).await.map_err(explain(&client))?)
        }
        SupplierVerb::Status { remote } => status(remote, json).await,
        SupplierVerb::Price { price, egress, remote } => {
            let client = remote.client()?;
            sent(json, &client.supplier_price(*price, *egress).await.map_err(explain(&client))?)
        }
        SupplierVerb::DeclareFault { dataset, slot, remote } => {
            let client = remote.client()?;
            sent(json, &client.supplier_declare_fault(*dataset, *slot).await.map_err(explain(&client))?)
        }
        SupplierVerb::Exit { remote } => {
            let client = remote.client()?;
            sent(json, &client.supplier_exit().await.map_err(explain(&client))?)
        }
    }
}

async fn status(remote: &RemoteArgs, json: bool) -> Result<()> {
    let client = remote.client()?;
    let status = client.supplier_status().await.map_err(explain(&client))?;
    output::show(json, &status, |status| {
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("account", format!("{} with {}", status.address, status.balance)),
            row("offer", if status.registered { "published" } else { "none" }.to_owned()),
            row("stored", output::bytes(status.stored_bytes)),
            row("free", output::bytes(status.free_bytes)),
        ];
        if let Some(ledger) = &status.ledger {
            rows.push(row("slots", ledger.slots.to_string()));
            rows.push(row(
                "collateral",
                format!("{} free, {} bound", ledger.collateral_free, ledger.collateral_reserved),
            ));
            rows.push(row("proven epochs", ledger.proven_epochs.to_string()));
        }
        rows.extend(status.warnings.iter().map(|warning| row("warning", warning.clone())));
        output::table(&rows)
    })
}

/// Shows a transaction that was sent.
pub fn sent(json: bool, sent: &Sent) -> Result<()> {
    output::show(json, sent, |sent| {
        let gas = sent.gas_paid.map_or_else(String::new, |gas| format!(", gas {gas}"));
        match sent.height {
            Some(height) => format!("transaction {} is in block {height}{gas}", sent.transaction),
            None => format!("transaction {} is on its way", sent.transaction),
        }
    })
}
