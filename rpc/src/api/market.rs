//! The market as the ledger records it: offers, datasets, slots, suppliers, and who earned what. What only reads is public; what
//! this node's account does with its datasets' money and term needs the token.

use alloy_primitives::{Address, Bytes};
use bitdust_types::{Amount, DatasetId};
use jsonrpsee::proc_macros::rpc;

use crate::{
    failure::Failure,
    types::market::{DatasetChange, DatasetInfo, OfferInfo, RevertInfo, SlotInfo, Statement, SupplierInfo},
};

/// The namespace `market_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "market"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "market"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "market"))]
pub trait Market {
    /// Every offer that is valid now.
    #[method(name = "offers")]
    async fn market_offers(&self) -> Result<Vec<OfferInfo>, Failure>;

    /// One dataset's terms, escrow and revision. `null` if there is none.
    #[method(name = "dataset")]
    async fn market_dataset(&self, id: DatasetId) -> Result<Option<DatasetInfo>, Failure>;

    /// The datasets of an owner; of everybody if none is named, newest first and bounded.
    #[method(name = "datasets")]
    async fn market_datasets(&self, owner: Option<Address>) -> Result<Vec<DatasetInfo>, Failure>;

    /// A dataset's n slots: target, held, supplier, deposit.
    #[method(name = "slots")]
    async fn market_slots(&self, id: DatasetId) -> Result<Vec<SlotInfo>, Failure>;

    /// A supplier's collateral, proofs and slots. `null` if it never registered.
    #[method(name = "supplier")]
    async fn market_supplier(&self, address: Address) -> Result<Option<SupplierInfo>, Failure>;

    /// What an account earned and paid, line by line from the ledger's receipts, within blocks `from..=to`.
    #[method(name = "statement")]
    async fn market_statement(
        &self,
        address: Address,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Statement, Failure>;

    /// What the bytes of a revert mean, in words.
    #[method(name = "explainRevert")]
    async fn market_explain_revert(&self, data: Bytes) -> Result<RevertInfo, Failure>;

    /// Adds grains to a dataset's escrow. Anybody may.
    #[method(name = "fund")]
    async fn market_fund(&self, id: DatasetId, amount: Amount) -> Result<DatasetChange, Failure>;

    /// Lengthens a dataset's term, as its owner or payer, and adds grains to its escrow: if no amount is given, what the slots'
    /// suppliers must be promised for the longer term and the escrow lacks.
    #[method(name = "renew")]
    async fn market_renew(
        &self,
        id: DatasetId,
        extra_epochs: u64,
        amount: Option<Amount>,
    ) -> Result<DatasetChange, Failure>;

    /// Pays a dataset's suppliers what they have earned so far. Anybody may.
    #[method(name = "settle")]
    async fn market_settle(&self, id: DatasetId) -> Result<DatasetChange, Failure>;

    /// Ends a dataset, as its owner or payer: pays what is due, gives the payer the rest back, and lets the suppliers delete what
    /// lies in it. It can't be undone.
    #[method(name = "end")]
    async fn market_end(&self, id: DatasetId) -> Result<DatasetChange, Failure>;
}
