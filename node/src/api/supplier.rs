//! `supplier_`: this node as a seller of disk space.

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

#[async_trait]
impl SupplierServer for Api {
    async fn supplier_register(&self, request: RegisterRequest) -> Result<Sent, Failure> {
        let terms = self.supplier()?.terms().clone();
        if let Some(collateral) = request.collateral {
            let input = IMarket::depositCollateralCall {}.abi_encode();
            self.market_call(collateral.into(), input).await?;
        }
        let height = self.chain.tip().height.0;
        let offer = IMarket::Offer {
            pricePerGibEpoch: request.price_per_gib_epoch.unwrap_or(terms.price).grains(),
            egressPerGib: request.egress_per_gib.unwrap_or(terms.egress).grains(),
            capacityBytes: request.capacity_bytes.unwrap_or(terms.capacity_bytes),
            maxTermEpochs: request.max_term_epochs.unwrap_or(terms.term_epochs_max),
            validUntil: request.valid_until.unwrap_or(height + terms.valid_heights),
            operator: terms.operator,
            region: request.region.unwrap_or_else(|| terms.region.clone()),
            peerId: self.network.local_peer().to_bytes().into(),
        };
        self.market_call(U256::ZERO, IMarket::registerOfferCall { offer }.abi_encode()).await
    }

    async fn supplier_status(&self) -> Result<SupplierStatus, Failure> {
        let status = self.supplier()?.status();
        let ledger =
            self.chain.market(|view, height| self.supplier_json(view, height, status.account)).map_err(internal)?;
        let mut warnings: Vec<String> = status.warning.into_iter().collect();
        warnings.extend(ledger.iter().flat_map(|record| record.warnings.clone()));
        Ok(SupplierStatus {
            address: status.account,
            registered: ledger.as_ref().is_some_and(|record| record.offer.is_some()),
            stored_bytes: status.usage.live_bytes,
            free_bytes: status.usage.free_bytes(),
            balance: self.balance_of(status.account)?,
            last_proof_epoch: ledger.as_ref().and_then(|record| record.last_proven_epoch),
            last_proof_misses: u16::try_from(status.misses).unwrap_or(u16::MAX),
            ledger,
            warnings,
        })
    }

    async fn supplier_price(&self, per_gib_epoch: Amount, egress_per_gib: Option<Amount>) -> Result<Sent, Failure> {
        let request =
            RegisterRequest { price_per_gib_epoch: Some(per_gib_epoch), egress_per_gib, ..RegisterRequest::default() };
        self.supplier_register(request).await
    }

    async fn supplier_declare_fault(&self, dataset: DatasetId, slot: u16) -> Result<Sent, Failure> {
        self.supplier()?;
        let call = IMarket::declareFaultCall { dataset: dataset.into(), slot };
        self.market_call(U256::ZERO, call.abi_encode()).await
    }

    async fn supplier_exit(&self) -> Result<Sent, Failure> {
        let supplier = self.supplier()?.status();
        let record = self.chain.market(|view, _| Ok(view.supplier(supplier.account)?)).map_err(internal)?;
        if record.slots > 0 {
            let text = format!("this supplier still holds {} slots", record.slots);
            let todo = "withdrawing the offer now takes no new ones; leave when their terms end, or give each up with \
                        supplier_declareFault";
            self.market_call(U256::ZERO, IMarket::withdrawOfferCall {}.abi_encode()).await?;
            return Err(Failure::new(Code::Conflict, text, todo));
        }
        self.market_call(U256::ZERO, IMarket::withdrawOfferCall {}.abi_encode()).await?;
        let free = IMarket::withdrawCollateralCall { amount: record.free.into() };
        self.market_call(U256::ZERO, free.abi_encode()).await
    }
}

impl Api {
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
