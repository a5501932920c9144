//! What this node's account does with a dataset's money and term: one transaction each, and what it came to, read from its receipt
//! and from the ledger after it.

use std::sync::Arc;

use alloy_sol_types::SolEventInterface as _;
use anyhow::{Context as _, Result};
use bitdust_ledger::{Receipt, market::IMarket::IMarketEvents, market::view};
use bitdust_rpc::{Failure, types::market::DatasetChange};
use bitdust_types::{Amount, DatasetId, Epoch, U256, limits::TERM_EPOCHS_MAX, system::MARKET};

use super::super::{Api, internal, rejected};
use crate::{
    chain_api::Included,
    customer::{Customer, catalog, escrow},
};

/// Grains that a transaction moved, by its receipt's logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moved {
    settled: Amount,
    refunded: Amount,
}

impl Api {
    pub(super) async fn fund_dataset(&self, id: DatasetId, amount: Amount) -> Result<DatasetChange, Failure> {
        self.dataset_or_failure(id)?;
        if amount == Amount::ZERO {
            return Err(Failure::params("the amount is nothing", "name the amount to add, such as 5 DUST"));
        }
        self.change(id, amount, move |customer| async move { customer.fund(id, amount).await }).await
    }

    pub(super) async fn renew_dataset(
        &self,
        id: DatasetId,
        extra_epochs: u64,
        amount: Option<Amount>,
    ) -> Result<DatasetChange, Failure> {
        let info = self.dataset_or_failure(id)?;
        let amount = match amount {
            Some(amount) => amount,
            None => {
                let state = catalog::read(&*self.chain, id).map_err(internal)?;
                let term = info.end.0.saturating_sub(state.epoch.0).saturating_add(extra_epochs);
                if extra_epochs == 0 || term > TERM_EPOCHS_MAX {
                    let what = format!("{extra_epochs} more epochs make a term of {term} from now on");
                    let todo = format!("choose at least one more, and a term of at most {TERM_EPOCHS_MAX}");
                    return Err(Failure::params(what, todo));
                }
                escrow::renewal(&state, extra_epochs).ok_or_else(|| {
                    Failure::params(format!("the price of {extra_epochs} more epochs overflows"), "choose fewer")
                })?
            }
        };
        self.change(id, amount, move |customer| async move { customer.renew(id, extra_epochs, amount).await }).await
    }

    pub(super) async fn settle_dataset(&self, id: DatasetId) -> Result<DatasetChange, Failure> {
        self.dataset_or_failure(id)?;
        self.change(id, Amount::ZERO, move |customer| async move { customer.settle(id).await }).await
    }

    pub(super) async fn end_dataset(&self, id: DatasetId) -> Result<DatasetChange, Failure> {
        self.dataset_or_failure(id)?;
        self.change(id, Amount::ZERO, move |customer| async move { customer.end(id).await }).await
    }

    fn dataset_or_failure(&self, id: DatasetId) -> Result<view::DatasetInfo, Failure> {
        self.customer()?;
        let info = self.look(|view, _| Ok(view.dataset(id)?))?;
        info.ok_or_else(|| {
            Failure::not_found(
                format!("the ledger has no dataset {id}"),
                "`bitdust market contracts` lists this node's",
            )
        })
    }

    async fn change<F>(
        &self,
        id: DatasetId,
        paid: Amount,
        change: impl FnOnce(Arc<Customer>) -> F,
    ) -> Result<DatasetChange, Failure>
    where
        F: Future<Output = Result<Included>> + Send + 'static,
    {
        let changing = change(self.customer()?.clone());
        // The caller may hang up; a transaction on its way goes on.
        let included = tokio::spawn(changing).await.map_err(internal)?.map_err(rejected)?;
        let receipt = self.chain.store().receipt(included.hash).map_err(internal)?;
        let moved = receipt.map(|(_, receipt)| moved(&receipt)).transpose().map_err(internal)?.unwrap_or_default();
        let (info, slots) = self.look(|view, _| Ok((view.dataset(id)?, view.slots(id)?)))?;
        let info = info.ok_or_else(|| Failure::internal(format!("dataset {id} is gone")))?;
        let deposits = slots.iter().try_fold(Amount::ZERO, |sum, slot| sum.checked_add(slot.deposit));
        Ok(DatasetChange {
            dataset: id,
            transaction: included.hash,
            height: included.height.0,
            gas_paid: Amount::try_from(included.gas_paid).map_err(internal)?,
            paid,
            settled: moved.settled,
            refunded: moved.refunded,
            escrow: info.escrow,
            deposits: deposits.unwrap_or_default(),
            end_epoch: info.end.0,
            ended: info.ended,
            short_slots: short_slots(&slots, info.end),
        })
    }
}

/// Slots that are held and end before the dataset does.
fn short_slots(slots: &[view::SlotInfo], end: Epoch) -> Vec<u16> {
    let short = slots.iter().zip(0u16..).filter(|(slot, _)| slot.supplier.is_some() && slot.end < end);
    short.map(|(_, number)| number).collect()
}

/// What a transaction's logs say of coins that left a dataset.
fn moved(receipt: &Receipt) -> Result<Moved> {
    let mut moved = Moved::default();
    let amount = |grains: U256| Amount::try_from(grains).context("a log tells of more coins than there are");
    for log in receipt.logs.iter().filter(|log| log.address == MARKET) {
        let Ok(event) = IMarketEvents::decode_log(log) else { continue };
        let (sum, more) = match event.data {
            IMarketEvents::Settled(log) => (&mut moved.settled, amount(log.paid)?),
            IMarketEvents::Ended(log) => (&mut moved.refunded, amount(log.refund)?),
            _ => continue,
        };
        *sum = sum.checked_add(more).context("the sums of a receipt overflow")?;
    }
    Ok(moved)
}
