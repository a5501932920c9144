//! JSON of `market_`. Prices are grains per GiB (2^30 bytes) and epoch.

use alloy_primitives::{Address, B256, Bytes};
use bitdust_types::{Amount, DatasetId, Root, SlotRoot};
use serde::{Deserialize, Serialize};

/// A supplier's offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferInfo {
    /// Who offers.
    pub supplier: Address,
    /// Where to reach it: its libp2p peer id.
    pub peer_id: String,
    /// Grains per GiB and epoch.
    pub price_per_gib_epoch: Amount,
    /// Grains per GiB sent out.
    pub egress_per_gib: Amount,
    /// Bytes offered in all.
    pub capacity_bytes: u64,
    /// Bytes already held.
    pub held_bytes: u64,
    /// Longest term it accepts.
    pub max_term_epochs: u64,
    /// Last block at which the offer holds.
    pub valid_until: u64,
    /// Who runs it; one slot of a dataset per operator.
    pub operator: B256,
    /// Where, as it says.
    pub region: String,
}

/// A dataset's terms and state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetInfo {
    /// Its id.
    pub id: DatasetId,
    /// Who may change it.
    pub owner: Address,
    /// Who paid.
    pub payer: Address,
    /// Slots needed to read.
    pub k: u8,
    /// Slots in all.
    pub n: u8,
    /// True if its keys are public.
    pub public: bool,
    /// Number of the newest revision; 0 before the first.
    pub revision: u64,
    /// Bytes of each slot.
    pub slot_bytes: u64,
    /// Hash of the newest manifest.
    pub head: Root,
    /// Slots whose held equals target.
    pub slots_held: u16,
    /// Grains not bound to a slot.
    pub escrow: Amount,
    /// Grains bound to slots.
    pub deposits: Amount,
    /// Highest rate the owner accepts.
    pub price_cap: Amount,
    /// First epoch of the term.
    pub start_epoch: u64,
    /// First epoch after the term.
    pub end_epoch: u64,
    /// True once it was ended.
    pub ended: bool,
    /// Who else may add.
    pub writers: Vec<WriterInfo>,
}

/// What a change of a dataset's money or term came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetChange {
    /// Which dataset.
    pub dataset: DatasetId,
    /// The transaction that did it.
    pub transaction: B256,
    /// The block it is in.
    pub height: u64,
    /// Grains spent on gas.
    pub gas_paid: Amount,
    /// Grains that went from this account into the escrow.
    pub paid: Amount,
    /// Grains that the suppliers were paid for what they have proved, fees included.
    pub settled: Amount,
    /// Grains that the payer got back.
    pub refunded: Amount,
    /// Grains not bound to a slot, afterwards.
    pub escrow: Amount,
    /// Grains bound to slots, afterwards.
    pub deposits: Amount,
    /// Last epoch that is paid for, afterwards.
    pub end_epoch: u64,
    /// True if the dataset is ended.
    pub ended: bool,
    /// Slots that are held and end sooner than the dataset: their suppliers' offers don't cover the longer term at the agreed
    /// rate. They are given to others when they end.
    pub short_slots: Vec<u16>,
}

/// Someone who may add to a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriterInfo {
    /// Who.
    pub writer: Address,
    /// Bytes per slot it may add in all.
    pub quota_bytes: u64,
    /// Bytes it has added.
    pub used_bytes: u64,
    /// Last epoch in which it may.
    pub expiry_epoch: u64,
}

/// One slot: a storage contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotInfo {
    /// Which slot.
    pub slot: u16,
    /// Who holds it.
    pub supplier: Option<Address>,
    /// True if held equals target.
    pub healthy: bool,
    /// Revision that the owner wants held.
    pub target_revision: u64,
    /// Its bytes.
    pub target_bytes: u64,
    /// Its root.
    pub target_root: SlotRoot,
    /// Revision that the supplier signed for.
    pub held_revision: u64,
    /// Its bytes.
    pub held_bytes: u64,
    /// Its root.
    pub held_root: SlotRoot,
    /// Grains per GiB and epoch.
    pub rate: Amount,
    /// Grains bound to pay for the rest of the term.
    pub deposit: Amount,
    /// Collateral of the supplier bound to it.
    pub reserve: Amount,
    /// Samples failed since the last settlement.
    pub failed_epochs: u64,
    /// True after a failed sample: more are drawn next epoch.
    pub probation: bool,
}

/// A supplier as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupplierInfo {
    /// Who.
    pub supplier: Address,
    /// Its offer, if it has one.
    pub offer: Option<OfferInfo>,
    /// Collateral that is bound to nothing.
    pub collateral_free: Amount,
    /// Collateral bound to slots.
    pub collateral_reserved: Amount,
    /// Bytes held in all.
    pub held_bytes: u64,
    /// Slots held.
    pub slots: u32,
    /// Epochs proven since it began.
    pub proven_epochs: u64,
    /// The last of them.
    pub last_proven_epoch: Option<u64>,
    /// Recent epochs in which a proof was due, newest first.
    pub recent: Vec<EpochRecord>,
    /// What will cost money unless something is done.
    pub warnings: Vec<String>,
}

/// Whether a due proof came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochRecord {
    /// Which epoch.
    pub epoch: u64,
    /// True if it was proven.
    pub proven: bool,
}

/// What an account earned and paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// Whose.
    pub address: Address,
    /// First block looked at.
    pub from_block: u64,
    /// Last block looked at.
    pub to_block: u64,
    /// Line by line, oldest first.
    pub lines: Vec<StatementLine>,
    /// Grains received for storage, after the fee.
    pub earned: Amount,
    /// Fee kept back for the holders of shares.
    pub fees: Amount,
    /// Grains lost to slashes.
    pub slashed: Amount,
    /// Grains paid in as deposits.
    pub paid: Amount,
    /// Grains that came back.
    pub refunded: Amount,
    /// Grains sent by plain transfers.
    pub sent: Amount,
    /// Grains received by plain transfers.
    pub received: Amount,
    /// Grains spent on gas.
    pub gas: Amount,
    /// Set if the lines were cut: ask again from this block.
    pub next_block: Option<u64>,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementLine {
    /// In which block.
    pub height: u64,
    /// By which transaction; `null` for a system transaction.
    pub transaction: Option<B256>,
    /// What happened.
    pub kind: LineKind,
    /// Of a transfer: who is at its other end.
    pub counterparty: Option<Address>,
    /// Which dataset.
    pub dataset: Option<DatasetId>,
    /// Which slot.
    pub slot: Option<u16>,
    /// First epoch covered.
    pub from_epoch: Option<u64>,
    /// First epoch no longer covered.
    pub to_epoch: Option<u64>,
    /// Epochs proven.
    pub proven_epochs: u64,
    /// Epochs failed.
    pub failed_epochs: u64,
    /// Grains per GiB and epoch.
    pub rate: Amount,
    /// Bytes held.
    pub bytes: u64,
    /// Before the fee.
    pub gross: Amount,
    /// The fee.
    pub fee: Amount,
    /// Gross less fee: what changed hands.
    pub net: Amount,
}

/// What a line of a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LineKind {
    /// Pay for storage.
    Settled,
    /// Collateral lost.
    Slashed,
    /// Coins put into a dataset.
    Deposited,
    /// Coins back from a dataset.
    Refunded,
    /// Collateral paid in.
    CollateralIn,
    /// Collateral taken out.
    CollateralOut,
    /// Gas paid.
    Gas,
    /// Coins sent with a transaction of the account, to anybody but the Market.
    Sent,
    /// Coins that somebody's transaction brought.
    Received,
}

/// What a revert means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevertInfo {
    /// The custom error's name, if it is one of the market's.
    pub name: Option<String>,
    /// In words.
    pub text: String,
    /// The bytes.
    pub data: Bytes,
}
