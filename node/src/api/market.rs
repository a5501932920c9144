//! `market_`: offers, datasets, slots and suppliers as the ledger records them, what an account earned, and the money and terms of
//! this account's datasets.

mod changing;
mod statement;

use alloy_primitives::{Address, Bytes};
use bitdust_ledger::{market, market::view, worlds};
use bitdust_rpc::{
    Failure,
    api::MarketServer,
    jsonrpsee::core::async_trait,
    types::market::{
        DatasetChange, DatasetInfo, EpochRecord, OfferInfo, RevertInfo, SlotInfo, Statement, SupplierInfo, WriterInfo,
    },
};
use bitdust_types::{Amount, DatasetId, Epoch, Height};

use super::{Api, internal};
use crate::chain::sender::why;

/// Recent epochs that a supplier's record tells of.
const RECENT_EPOCHS: u64 = 32;

type View<'a> = market::MarketView<'a>;

#[async_trait]
impl MarketServer for Api {
    async fn market_offers(&self) -> Result<Vec<OfferInfo>, Failure> {
        self.look(|view, height| {
            let live = view.offers()?.into_iter().filter(|offer| offer.valid_until >= height);
            live.map(|offer| offer_json(view, offer)).collect()
        })
    }

    async fn market_dataset(&self, id: DatasetId) -> Result<Option<DatasetInfo>, Failure> {
        self.look(|view, _| dataset_json(view, id))
    }

    async fn market_datasets(&self, owner: Option<Address>) -> Result<Vec<DatasetInfo>, Failure> {
        let owner = owner.unwrap_or_else(|| self.sender.address());
        self.look(|view, _| {
            let datasets = view.datasets_of(owner)?.into_iter().map(|id| dataset_json(view, id));
            Ok(datasets.collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    async fn market_slots(&self, id: DatasetId) -> Result<Vec<SlotInfo>, Failure> {
        self.look(|view, height| {
            let Some(dataset) = view.dataset(id)? else { return Ok(Vec::new()) };
            let epoch = self.chain.params().epoch_of(height);
            let slots = view.slots(id)?.into_iter().zip(0u16..);
            Ok(slots.map(|(slot, number)| slot_json(&dataset, slot, number, epoch)).collect())
        })
    }

    async fn market_supplier(&self, address: Address) -> Result<Option<SupplierInfo>, Failure> {
        self.look(|view, height| self.supplier_json(view, height, address))
    }

    async fn market_statement(
        &self,
        address: Address,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Statement, Failure> {
        self.blocking(move |api| statement::statement(&api.chain, address, from, to)).await
    }

    async fn market_explain_revert(&self, data: Bytes) -> Result<RevertInfo, Failure> {
        let selector = data.first_chunk::<4>().copied();
        let name = selector.and_then(|selector| {
            let of_market = market::IMarket::IMarketErrors::name_by_selector(selector);
            of_market.or_else(|| worlds::IWorlds::IWorldsErrors::name_by_selector(selector))
        });
        Ok(RevertInfo { name: name.map(str::to_owned), text: why(None, None, &data), data })
    }

    async fn market_fund(&self, id: DatasetId, amount: Amount) -> Result<DatasetChange, Failure> {
        self.fund_dataset(id, amount).await
    }

    async fn market_renew(
        &self,
        id: DatasetId,
        extra_epochs: u64,
        amount: Option<Amount>,
    ) -> Result<DatasetChange, Failure> {
        self.renew_dataset(id, extra_epochs, amount).await
    }

    async fn market_settle(&self, id: DatasetId) -> Result<DatasetChange, Failure> {
        self.settle_dataset(id).await
    }

    async fn market_end(&self, id: DatasetId) -> Result<DatasetChange, Failure> {
        self.end_dataset(id).await
    }
}

impl Api {
    fn look<T>(&self, see: impl FnOnce(&View<'_>, Height) -> anyhow::Result<T>) -> Result<T, Failure> {
        self.chain.market(see).map_err(internal)
    }

    /// A supplier's record; `None` for an account that never was one.
    pub(super) fn supplier_json(
        &self,
        view: &View<'_>,
        height: Height,
        address: Address,
    ) -> anyhow::Result<Option<SupplierInfo>> {
        let record = view.supplier(address)?;
        let offer = view.offer(address)?.map(|offer| offer_json(view, offer)).transpose()?;
        let unknown = record.free == Amount::ZERO && record.reserved == Amount::ZERO && record.slots == 0;
        if unknown && offer.is_none() {
            return Ok(None);
        }
        let epoch = self.chain.params().epoch_of(height);
        let recent = recent_epochs(&record, epoch);
        let mut warnings = Vec::new();
        // The current epoch's window may still be open.
        let missed = recent.iter().filter(|one| one.epoch < epoch.0).take_while(|one| !one.proven).count();
        if missed > 0 {
            warnings.push(format!(
                "the last {missed} proofs are missing; after 3 in a row the slots are freed and their repair is paid \
                 from the reserve"
            ));
        }
        if offer.as_ref().is_some_and(|offer| offer.valid_until < height.0 + self.chain.params().epoch_blocks) {
            warnings.push("the offer expires within an epoch; register it again".to_owned());
        }
        Ok(Some(SupplierInfo {
            supplier: address,
            offer,
            collateral_free: record.free,
            collateral_reserved: record.reserved,
            held_bytes: record.total_bytes,
            slots: record.slots,
            proven_epochs: record.proven_epochs,
            last_proven_epoch: record.last_proven.map(|epoch| epoch.0),
            recent,
            warnings,
        }))
    }
}

/// The epochs in which a proof was due, newest first. Bit `e mod 256` tells of epoch e, for the 256 up to the last proven.
fn recent_epochs(record: &view::SupplierInfo, now: Epoch) -> Vec<EpochRecord> {
    let Some(first_due) = record.first_due else { return Vec::new() };
    let oldest = now.0.saturating_sub(RECENT_EPOCHS - 1).max(first_due.0);
    let proven = |epoch: u64| {
        let last = record.last_proven?;
        let back = last.0.checked_sub(epoch)?;
        Some(back < 256 && record.proven_bitmap.bit((epoch % 256) as usize))
    };
    (oldest..=now.0).rev().map(|epoch| EpochRecord { epoch, proven: proven(epoch).unwrap_or(false) }).collect()
}

fn offer_json(view: &View<'_>, offer: view::OfferInfo) -> anyhow::Result<OfferInfo> {
    let held_bytes = view.supplier(offer.supplier)?.total_bytes;
    let peer_id = bitdust_network::PeerId::from_bytes(&offer.peer_id)
        .map_or_else(|_| format!("0x{}", hex::encode(&offer.peer_id)), |peer| peer.to_string());
    Ok(OfferInfo {
        supplier: offer.supplier,
        peer_id,
        price_per_gib_epoch: offer.price_per_gib_epoch,
        egress_per_gib: offer.egress_per_gib,
        capacity_bytes: offer.capacity_bytes,
        held_bytes,
        max_term_epochs: offer.max_term_epochs,
        valid_until: offer.valid_until.0,
        operator: offer.operator,
        region: offer.region,
    })
}

fn dataset_json(view: &View<'_>, id: DatasetId) -> anyhow::Result<Option<DatasetInfo>> {
    let Some(dataset) = view.dataset(id)? else { return Ok(None) };
    let slots = view.slots(id)?;
    let held = slots.iter().filter(|slot| is_healthy(&dataset, slot)).count();
    let deposits = slots.iter().try_fold(Amount::ZERO, |sum, slot| sum.checked_add(slot.deposit)).unwrap_or_default();
    let writers = view.writers(id)?.into_iter().map(|writer| WriterInfo {
        writer: writer.writer,
        quota_bytes: writer.quota_bytes,
        used_bytes: writer.used_bytes,
        expiry_epoch: writer.expiry.0,
    });
    Ok(Some(DatasetInfo {
        id,
        owner: dataset.owner,
        payer: dataset.payer,
        k: dataset.layout.k(),
        n: dataset.layout.n(),
        public: dataset.visibility != 0,
        revision: dataset.number,
        slot_bytes: dataset.bytes_per_slot,
        head: dataset.head,
        slots_held: held as u16,
        escrow: dataset.escrow,
        deposits,
        price_cap: dataset.price_cap,
        start_epoch: dataset.start.0,
        end_epoch: dataset.end.0,
        ended: dataset.ended,
        writers: writers.collect(),
    }))
}

/// Healthy means held = target.
fn is_healthy(dataset: &view::DatasetInfo, slot: &view::SlotInfo) -> bool {
    slot.supplier.is_some() && slot.number == dataset.number && slot.root == slot.target_root
}

fn slot_json(dataset: &view::DatasetInfo, slot: view::SlotInfo, number: u16, epoch: Epoch) -> SlotInfo {
    SlotInfo {
        slot: number,
        supplier: slot.supplier,
        healthy: is_healthy(dataset, &slot),
        target_revision: dataset.number,
        target_bytes: dataset.bytes_per_slot,
        target_root: slot.target_root,
        held_revision: slot.number,
        held_bytes: slot.bytes,
        held_root: slot.root,
        rate: slot.rate,
        deposit: slot.deposit,
        reserve: slot.reserve,
        failed_epochs: u64::from(slot.last_failed.is_some()),
        probation: slot.last_failed.is_some_and(|failed| failed.0 + 1 >= epoch.0),
    }
}
