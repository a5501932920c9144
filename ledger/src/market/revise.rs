//! Revisions: one transaction sets the target of all slots, and takes the promises that the author has gathered.

use alloy_primitives::{Address, B256, U256};
use bitdust_types::limits::{BLOB_BYTES_MAX, BLOBS_PER_SLOT_MAX};

use super::{
    abi::IMarket,
    datasets::{self, bind_escrow},
    hold::{self, By},
    layout::{self, Dataset},
    money,
};
use crate::contract::call::{Call, Stop, refuse};

/// Bytes of one slot: 2^20 blobs of 40 MiB. 2^16 slots of this size stay below 2^62, so no sum of bytes overflows.
pub const SLOT_BYTES_MAX: u64 = BLOBS_PER_SLOT_MAX * BLOB_BYTES_MAX;

/// Sets the target of all slots.
pub fn revise(call: &mut Call<'_>, args: &IMarket::reviseCall) -> Result<(), Stop> {
    let id = args.dataset;
    let mut dataset = datasets::live(call, id)?;
    check(call, &dataset, args)?;
    authorize(call, id, &dataset, args.bytesPerSlot)?;
    dataset.number = args.number;
    dataset.bytes = args.bytesPerSlot;
    dataset.head = args.head;
    for (number, root) in (0..).zip(&args.roots) {
        call.save(layout::target(id, number), root);
    }
    let mut needed = 0;
    for sig in &args.holds {
        needed = money::add(needed, hold::bind(call, id, &mut dataset, sig, By::Author)?)?;
    }
    bind_escrow(&mut dataset, needed)?;
    call.save(layout::dataset(id), &dataset);
    call.log(&IMarket::Revised {
        dataset: id,
        number: args.number,
        author: call.caller(),
        bytesPerSlot: args.bytesPerSlot,
        head: args.head,
    });
    Ok(())
}

fn check(call: &Call<'_>, dataset: &Dataset, args: &IMarket::reviseCall) -> Result<(), Stop> {
    datasets::within_term(call, args.dataset, dataset)?;
    if Some(args.number) != dataset.number.checked_add(1) {
        let expected = dataset.number.saturating_add(1);
        return Err(refuse(IMarket::WrongNumber { expected, given: args.number }));
    }
    let n = usize::from(dataset.n);
    if args.roots.len() != n {
        let (expected, given) = (U256::from(n), U256::from(args.roots.len()));
        return Err(refuse(IMarket::WrongRootCount { expected, given }));
    }
    if args.holds.len() > n {
        let (limit, given) = (U256::from(n), U256::from(args.holds.len()));
        return Err(refuse(IMarket::TooManyHolds { limit, given }));
    }
    if args.bytesPerSlot > SLOT_BYTES_MAX {
        return Err(refuse(IMarket::SlotTooLarge { bytesPerSlot: args.bytesPerSlot, limit: SLOT_BYTES_MAX }));
    }
    Ok(())
}

/// The owner may do anything; a writer may only grow, within its quota.
fn authorize(call: &mut Call<'_>, id: B256, dataset: &Dataset, wanted: u64) -> Result<(), Stop> {
    let caller: Address = call.caller();
    if caller == dataset.owner {
        return Ok(());
    }
    let Some((place, mut writer)) = datasets::find_writer(call, id, dataset, caller)? else {
        return Err(refuse(IMarket::NotWriter { caller, dataset: id }));
    };
    if writer.expiry < call.epoch {
        let (expiry, epoch) = (writer.expiry, call.epoch);
        return Err(refuse(IMarket::WriterHasExpired { writer: caller, expiryEpoch: expiry, epoch }));
    }
    if wanted < dataset.bytes {
        return Err(refuse(IMarket::ShrinkNeedsOwner { bytesNow: dataset.bytes, bytesWanted: wanted }));
    }
    // Bytes before parity: k of the n slots. At most 40 TiB × 64, far below 2^64.
    let added = (wanted - dataset.bytes) * u64::from(dataset.k);
    let left = writer.quota - writer.used;
    if added > left {
        let (needed, available) = (U256::from(added), U256::from(left));
        return Err(refuse(IMarket::WriterQuotaExceeded { writer: caller, needed, available }));
    }
    writer.used += added;
    call.save(layout::writer(id, place), &writer);
    Ok(())
}
