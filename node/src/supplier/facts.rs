//! From the ledger's records to what admission wants to know.

use anyhow::Result;
use bitdust_ledger::market::MarketView;
use bitdust_market::supplier::{DatasetFacts, Facts, OwnFacts, SlotFacts, Usage, WriterFacts};
use bitdust_types::{Address, ChainParams, DatasetId, Height};

/// Windows in a row after whose miss a slot may be taken by another.
pub(super) const REAP_AFTER: u64 = 3;

/// What is known of one slot and of the supplier `account` at `height`.
pub fn read(
    view: &MarketView<'_>,
    params: &ChainParams,
    height: Height,
    account: Address,
    usage: Usage,
    id: DatasetId,
    number: u16,
) -> Result<Facts> {
    let dataset = match view.dataset(id)? {
        None => None,
        Some(info) => {
            let writer = |writer: bitdust_ledger::market::view::WriterInfo| WriterFacts {
                account: writer.writer,
                expiry_epoch: writer.expiry.0,
            };
            Some(DatasetFacts {
                owner: info.owner,
                payer: info.payer,
                writers: view.writers(id)?.into_iter().map(writer).collect(),
                slots: u16::from(info.layout.n()),
                public: info.is_public(),
                end_epoch: info.end.0,
                ended: info.ended,
                price_cap: info.price_cap,
                escrow: info.escrow,
                slot_bytes: info.bytes_per_slot,
            })
        }
    };
    let slot = match view.slot(id, number)? {
        None => SlotFacts::default(),
        Some(info) => SlotFacts {
            supplier: info.supplier.unwrap_or_default(),
            reapable: view.missed_windows(id, number, height)? >= REAP_AFTER || info.end < params.epoch_of(height),
            deposit: info.deposit,
            reserve: info.reserve,
            rate: info.rate,
            bytes: info.bytes,
            end_epoch: info.end.0,
        },
    };
    let own = view.supplier(account)?;
    let offer = view.offer(account)?;
    let live = offer.as_ref().is_some_and(|offer| offer.valid_until >= height);
    Ok(Facts {
        chain_id: params.chain_id,
        height: height.0,
        epoch: params.epoch_of(height).0,
        dataset,
        slot,
        own: OwnFacts {
            account,
            offer_live: live,
            price: offer.as_ref().map(|offer| offer.price_per_gib_epoch),
            term_epochs_max: offer.as_ref().map_or(0, |offer| offer.max_term_epochs),
            capacity_bytes: offer.as_ref().map_or(0, |offer| offer.capacity_bytes),
            held_bytes: own.total_bytes,
            collateral_free: own.free,
            disk_free_bytes: usage.free_bytes(),
        },
    })
}
