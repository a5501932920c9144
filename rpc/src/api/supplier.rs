//! This node as a supplier of disk space.

use bitdust_types::{Amount, DatasetId};
use jsonrpsee::proc_macros::rpc;

use crate::{
    failure::Failure,
    types::{
        node::Sent,
        supplier::{RegisterRequest, SupplierStatus},
    },
};

/// The namespace `supplier_`.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "supplier"))]
#[cfg_attr(not(feature = "server"), rpc(client, namespace = "supplier"))]
#[cfg_attr(all(feature = "client", feature = "server"), rpc(server, client, namespace = "supplier"))]
pub trait Supplier {
    /// Registers or replaces the offer and pays in collateral.
    #[method(name = "register")]
    async fn supplier_register(&self, request: RegisterRequest) -> Result<Sent, Failure>;

    /// Disk, slots, proofs, income, and warnings before anything costs money.
    #[method(name = "status")]
    async fn supplier_status(&self) -> Result<SupplierStatus, Failure>;

    /// Changes the prices for slots held from now on, in grains per GiB and epoch, and per GiB of egress.
    #[method(name = "price")]
    async fn supplier_price(&self, per_gib_epoch: Amount, egress_per_gib: Option<Amount>) -> Result<Sent, Failure>;

    /// Declares that a slot's bytes are lost, which costs less than a failed sample.
    #[method(name = "declareFault")]
    async fn supplier_declare_fault(&self, dataset: DatasetId, slot: u16) -> Result<Sent, Failure>;

    /// Withdraws the offer for good and, once no slot is held, the collateral; held slots are served until their terms end.
    #[method(name = "exit")]
    async fn supplier_exit(&self) -> Result<Sent, Failure>;
}
