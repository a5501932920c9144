//! `bitdust devnet`: options of a whole network on this machine.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{devnet::plan::Shape, genesis};

/// `bitdust devnet`.
#[derive(Args)]
pub struct DevnetArgs {
    /// Directory of the network; one that exists goes on where it stopped. Without it the network is gone at the end.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Validators.
    #[arg(long, default_value_t = 4)]
    pub validators: u16,
    /// Suppliers.
    #[arg(long, default_value_t = 8)]
    pub suppliers: u16,
    /// Players beside the customer: nodes of the same kind with accounts of their own.
    #[arg(long, default_value_t = 0)]
    pub players: u16,
    /// Aimed time between blocks in milliseconds; by default that of genesis/devnet.json, 1000.
    #[arg(long)]
    pub block_time_ms: Option<u64>,
    /// Blocks in an epoch; by default those of genesis/devnet.json, 30.
    #[arg(long)]
    pub epoch_blocks: Option<u64>,
    /// Let the system choose free ports instead of 8545, 7771 and so on.
    #[arg(long)]
    pub free_ports: bool,
    /// Show what the network does: store, prove, settle, lose suppliers, get everything back.
    #[arg(long)]
    pub demo: bool,
    /// End after the demo.
    #[arg(long, requires = "demo")]
    pub exit: bool,
    /// Directory whose files the demo stores; this project's own tree by default.
    #[arg(long, requires = "demo")]
    pub tree: Option<PathBuf>,
}

impl DevnetArgs {
    /// The network that is asked for.
    ///
    /// # Errors
    /// If the genesis file that this program was built with is none.
    pub fn shape(&self) -> Result<Shape> {
        let usual = genesis::devnet()?.params;
        Ok(Shape {
            validators: self.validators,
            suppliers: self.suppliers,
            players: self.players,
            block_time_ms: self.block_time_ms.unwrap_or(usual.block_time_ms),
            epoch_blocks: self.epoch_blocks.unwrap_or(usual.epoch_blocks),
            free_ports: self.free_ports,
        })
    }
}
