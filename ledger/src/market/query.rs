//! The ABI's views: what `eth_call` and other contracts read.

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolCall;

use super::{
    abi::IMarket::{self, IMarketCalls as Calls},
    fenwick,
    layout::{self, Supplier},
    money, reap, view,
};
use crate::contract::call::{Call, Stop, refuse};

/// Entries that one call of a list's view answers.
const PAGE_MAX: u64 = 256;

/// Answers a view; `None` for a function that writes.
pub fn answer(call: &mut Call<'_>, calls: &Calls) -> Result<Option<Bytes>, Stop> {
    let bytes: Vec<u8> = match calls {
        Calls::offer(args) => {
            let found = view::offer(call, args.supplier)?;
            let answer = IMarket::offerReturn { exists: found.is_some(), offer: found.map(offer).unwrap_or(NO_OFFER) };
            IMarket::offerCall::abi_encode_returns(&answer)
        }
        Calls::offerCount(_) => {
            let count: u32 = call.load(layout::offer_count())?;
            IMarket::offerCountCall::abi_encode_returns(&u64::from(count))
        }
        Calls::offers(args) => {
            let (from, count) = page(args.from, args.count);
            let found = view::offers(call, from, count)?;
            let entry = |info: view::OfferInfo| IMarket::OfferInfo { supplier: info.supplier, offer: offer(info) };
            IMarket::offersCall::abi_encode_returns(&found.into_iter().map(entry).collect())
        }
        Calls::supplier(args) => {
            let record: Supplier = call.load(layout::supplier(args.supplier))?;
            IMarket::supplierCall::abi_encode_returns(&supplier(&record, call.epoch))
        }
        Calls::slotsOf(args) => {
            let (from, count) = page(args.from, args.count);
            let found = view::held_slots(call, args.supplier, from, count)?;
            let entry = |held: view::HeldSlot| IMarket::SupplierSlot {
                dataset: held.dataset.into(),
                slot: held.slot,
                bytesHeld: held.bytes,
            };
            IMarket::slotsOfCall::abi_encode_returns(&found.into_iter().map(entry).collect())
        }
        Calls::dataset(args) => {
            let found = view::dataset(call, args.dataset)?;
            let info = found.ok_or_else(|| refuse(IMarket::NoSuchDataset { dataset: args.dataset }))?;
            IMarket::datasetCall::abi_encode_returns(&dataset(&info))
        }
        Calls::datasetCount(args) => {
            let (own, given) = view::dataset_counts(call, args.owner)?;
            let answer = IMarket::datasetCountReturn { own: u64::from(own), given: u64::from(given) };
            IMarket::datasetCountCall::abi_encode_returns(&answer)
        }
        Calls::datasetsOf(args) => {
            let (from, count) = page(args.from, args.count);
            IMarket::datasetsOfCall::abi_encode_returns(&view::datasets_of(call, args.owner, from, count)?)
        }
        Calls::slot(args) => IMarket::slotCall::abi_encode_returns(&slot(call, args.dataset, args.slot)?),
        Calls::writers(args) => {
            let entry = |writer: view::WriterInfo| IMarket::WriterInfo {
                writer: writer.writer,
                quotaBytes: writer.quota_bytes,
                usedBytes: writer.used_bytes,
                expiryEpoch: writer.expiry.0,
            };
            let found = view::writers(call, args.dataset)?;
            IMarket::writersCall::abi_encode_returns(&found.into_iter().map(entry).collect())
        }
        Calls::pending(args) => {
            let (_, record) = existing_slot(call, args.dataset, args.slot)?;
            let supplier: Supplier = call.load(layout::supplier(record.supplier))?;
            let paid = view::pending(&record, &supplier, call.epoch);
            IMarket::pendingCall::abi_encode_returns(&U256::from(paid))
        }
        Calls::price(args) => {
            let price = money::price(args.rate, args.bytesHeld, args.epochs)?;
            IMarket::priceCall::abi_encode_returns(&U256::from(price))
        }
        _ => return Ok(None),
    };
    Ok(Some(bytes.into()))
}

const NO_OFFER: IMarket::Offer = IMarket::Offer {
    pricePerGibEpoch: 0,
    egressPerGib: 0,
    capacityBytes: 0,
    maxTermEpochs: 0,
    validUntil: 0,
    operator: B256::ZERO,
    region: String::new(),
    peerId: Bytes::new(),
};

/// A page's bounds, as the lists count.
fn page(from: u64, count: u64) -> (u32, u32) {
    // PAGE_MAX fits, and a list never has 2^32 entries.
    (u32::try_from(from).unwrap_or(u32::MAX), count.min(PAGE_MAX) as u32)
}

fn offer(info: view::OfferInfo) -> IMarket::Offer {
    IMarket::Offer {
        pricePerGibEpoch: info.price_per_gib_epoch.grains(),
        egressPerGib: info.egress_per_gib.grains(),
        capacityBytes: info.capacity_bytes,
        maxTermEpochs: info.max_term_epochs,
        validUntil: info.valid_until.0,
        operator: info.operator,
        region: info.region,
        peerId: info.peer_id,
    }
}

fn supplier(record: &Supplier, epoch: u64) -> IMarket::SupplierInfo {
    IMarket::SupplierInfo {
        free: U256::from(record.free),
        reserved: U256::from(record.reserved),
        provenEpochs: record.proven,
        lastProven: record.last_proven,
        firstDue: record.first_due,
        slots: record.slots,
        totalBytes: record.total,
        // The current epoch can't be behind a change.
        dueBytes: fenwick::due(record, epoch).unwrap_or_default(),
        provenBitmap: record.bitmap,
    }
}

fn dataset(info: &view::DatasetInfo) -> IMarket::DatasetInfo {
    IMarket::DatasetInfo {
        owner: info.owner,
        payer: info.payer,
        k: info.layout.k(),
        n: info.layout.n(),
        visibility: info.visibility,
        ended: info.ended,
        startEpoch: info.start.0,
        endEpoch: info.end.0,
        number: info.number,
        bytesPerSlot: info.bytes_per_slot,
        priceCap: info.price_cap.grains(),
        escrow: info.escrow.into(),
        head: info.head.into(),
    }
}

fn existing_slot(call: &mut Call<'_>, id: B256, number: u16) -> Result<(view::SlotInfo, layout::Slot), Stop> {
    let dataset: layout::Dataset = call.load(layout::dataset(id))?;
    if dataset.status == 0 {
        return Err(refuse(IMarket::NoSuchDataset { dataset: id }));
    }
    view::slot(call, id, number)?.ok_or_else(|| refuse(IMarket::NoSuchSlot { slot: number, n: dataset.n }))
}

fn slot(call: &mut Call<'_>, id: B256, number: u16) -> Result<IMarket::SlotInfo, Stop> {
    let (info, record) = existing_slot(call, id, number)?;
    let supplier: Supplier = call.load(layout::supplier(record.supplier))?;
    let window_over = call.index > call.params.window_last;
    Ok(IMarket::SlotInfo {
        supplier: record.supplier,
        number: record.number,
        bytesHeld: record.bytes,
        root: record.root,
        rate: record.rate,
        targetRoot: info.target_root.into(),
        endEpoch: record.end,
        deposit: U256::from(record.deposit),
        reserve: U256::from(record.reserve),
        dueFrom: record.due_from,
        lastFailed: record.last_failed,
        missedWindows: reap::missed_windows(&record, &supplier, call.epoch, window_over),
    })
}
