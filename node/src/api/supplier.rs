//! `supplier_`: this node as a seller of disk space.

use std::sync::Arc;

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall as _;
use bitdust_ledger::market::IMarket;
use bitdust_rpc::{
    Code, Failure,
    api::SupplierServer,
    jsonrpsee::core::async_trait,
    types::{
        node::Sent,
        supplier::{RegisterRequest, SupplierStatus},
    },
};
use bitdust_types::{Amount, DatasetId, system::MARKET};

use super::{Api, internal, rejected};
use crate::supplier::{
    Supplier,
    decision::{Decision, Offered},
};

#[async_trait]
impl SupplierServer for Api {
    async fn supplier_register(&self, request: RegisterRequest) -> Result<Sent, Failure> {
        let supplier = self.supplier()?.clone();
        let _turn = supplier.offer_turn().await;
        self.change_offer(&supplier, request).await
    }

    async fn supplier_status(&self) -> Result<SupplierStatus, Failure> {
        let status = self.supplier()?.status();
        let ledger =
            self.chain.market(|view, height| self.supplier_json(view, height, status.account)).map_err(internal)?;
        let mut warnings = status.warnings;
        warnings.extend(ledger.iter().flat_map(|record| record.warnings.clone()));
        Ok(SupplierStatus {
            address: status.account,
            registered: ledger.as_ref().is_some_and(|record| record.offer.is_some()),
            stored_bytes: status.usage.live_bytes,
            free_bytes: status.usage.free_bytes(),
            balance: self.balance_of(status.account)?,
            // Since the start nothing may have been due yet.
            last_proof_epoch: match status.last_proof {
                Some(proof) => Some(proof.epoch.0),
                None => ledger.as_ref().and_then(|record| record.last_proven_epoch),
            },
            last_proof_misses: status.last_proof.map_or(0, |proof| proof.misses),
            ledger,
            warnings,
        })
    }

    async fn supplier_price(&self, per_gib_epoch: Amount, egress_per_gib: Option<Amount>) -> Result<Sent, Failure> {
        let supplier = self.supplier()?.clone();
        let _turn = supplier.offer_turn().await;
        if supplier.decision() == Some(Decision::Out) {
            let text = "this supplier offers nothing: it has left";
            return Err(Failure::new(Code::Conflict, text, "supplier_register offers again, at a price that you name"));
        }
        let request =
            RegisterRequest { price_per_gib_epoch: Some(per_gib_epoch), egress_per_gib, ..RegisterRequest::default() };
        self.change_offer(&supplier, request).await
    }

    async fn supplier_declare_fault(&self, dataset: DatasetId, slot: u16) -> Result<Sent, Failure> {
        self.supplier()?;
        let call = IMarket::declareFaultCall { dataset: dataset.into(), slot };
        self.market_call(U256::ZERO, call.abi_encode()).await
    }

    async fn supplier_exit(&self) -> Result<Sent, Failure> {
        let supplier = self.supplier()?.clone();
        let account = supplier.status().account;
        let _turn = supplier.offer_turn().await;
        // Noted first: whatever happens to the transactions, nothing is renewed any more.
        supplier.decide(Decision::Out).await.map_err(internal)?;
        let look = || self.chain.market(|view, _| Ok((view.supplier(account)?, view.offer(account)?.is_some())));
        let mut sent = None;
        if look().map_err(internal)?.1 {
            sent = Some(self.market_call(U256::ZERO, IMarket::withdrawOfferCall {}.abi_encode()).await?);
        }
        let (record, _) = look().map_err(internal)?;
        if record.slots > 0 {
            let text = format!("the offer is withdrawn, but this supplier still holds {} slots", record.slots);
            let todo = "each is freed by itself when its term ends; leave again then, or give each up now with \
                        supplier_declareFault";
            return Err(Failure::new(Code::Conflict, text, todo));
        }
        if record.free > Amount::ZERO {
            let free = IMarket::withdrawCollateralCall { amount: record.free.into() };
            sent = Some(self.market_call(U256::ZERO, free.abi_encode()).await?);
        }
        sent.ok_or_else(|| {
            let text = "this supplier has neither an offer nor collateral on the ledger";
            Failure::new(Code::Conflict, text, "there is nothing to leave; supplier_register begins anew")
        })
    }
}

impl Api {
    /// Publishes an offer. What the request leaves out stays as it is. The caller holds the turn.
    async fn change_offer(&self, supplier: &Arc<Supplier>, request: RegisterRequest) -> Result<Sent, Failure> {
        let before = supplier.offer_before().map_err(internal)?;
        if let Some(collateral) = request.collateral {
            let input = IMarket::depositCollateralCall {}.abi_encode();
            self.market_call(collateral.into(), input).await?;
        }
        let height = self.chain.tip().height.0;
        let offered = Offered {
            price: request.price_per_gib_epoch.unwrap_or(before.price),
            egress: request.egress_per_gib.unwrap_or(before.egress),
            capacity_bytes: request.capacity_bytes.unwrap_or(before.capacity_bytes),
            term_epochs_max: request.max_term_epochs.unwrap_or(before.term_epochs_max),
            region: request.region.unwrap_or(before.region),
            operator: before.operator,
            valid_until: request.valid_until.unwrap_or(height + supplier.offer_heights()),
            // A named end is meant.
            renews: request.valid_until.is_none(),
            seen_at: height,
        };
        let peer = self.network.local_peer().to_bytes();
        let sent = self.market_call(U256::ZERO, offered.call(&peer).abi_encode()).await?;
        let seen_at = sent.height.unwrap_or(height);
        supplier.decide(Decision::Offer(Offered { seen_at, ..offered })).await.map_err(internal)?;
        Ok(sent)
    }

    /// Sends a call to the Market from this node's account and waits for its block.
    async fn market_call(&self, value: U256, input: Vec<u8>) -> Result<Sent, Failure> {
        let nonce = self.chain.pending_nonce(self.sender.address()).map_err(internal)?;
        let sender = self.sender.clone();
        // The caller may hang up; a transaction on its way goes on.
        let sending = tokio::spawn(async move { sender.send_and_wait(MARKET, value, Bytes::from(input)).await });
        let (place, receipt) = sending.await.map_err(internal)?.map_err(rejected)?;
        let gas_paid = u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price);
        Ok(Sent {
            transaction: receipt.tx_hash,
            from: receipt.from,
            nonce,
            height: Some(place.height),
            success: Some(receipt.success),
            gas_paid: Some(Amount::from_grains(gas_paid)),
        })
    }
}
