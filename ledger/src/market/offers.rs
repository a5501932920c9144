//! What suppliers offer, and the collateral that stands behind them.

use alloy_primitives::{Address, B256, Bytes, U256};
use bitdust_types::{
    amount::GRAINS_PER_DUST,
    limits::{OFFERS_MAX, PEER_ID_BYTES_MAX, REGION_BYTES_MAX, TERM_EPOCHS_MAX},
};

use super::{
    abi::IMarket,
    layout::{self, Offer, Supplier},
    money,
};
use crate::contract::call::{Call, Stop, refuse};

/// Publishes or replaces the caller's offer.
pub fn register(call: &mut Call<'_>, given: &IMarket::Offer) -> Result<(), Stop> {
    check(call.height, call.caller(), given)?;
    let who = call.caller();
    let mut offer: Offer = call.load(layout::offer(who))?;
    if offer.listed == 0 {
        let count: u32 = call.load(layout::offer_count())?;
        if count >= OFFERS_MAX {
            return Err(refuse(IMarket::TooManyOffers { limit: u64::from(OFFERS_MAX) }));
        }
        call.save(layout::offer_at(count), &who);
        call.save(layout::offer_count(), &(count + 1));
        offer.listed = count + 1;
    }
    let (peer_low, peer_high) = split(&given.peerId);
    let offer = Offer {
        price: given.pricePerGibEpoch,
        egress: given.egressPerGib,
        capacity: given.capacityBytes,
        term_max: given.maxTermEpochs,
        valid_until: given.validUntil,
        listed: offer.listed,
        // `check` bounds both lengths by 64.
        region_len: given.region.len() as u8,
        peer_len: given.peerId.len() as u8,
        operator: given.operator,
        region: pad(given.region.as_bytes()),
        peer_low,
        peer_high,
    };
    call.save(layout::offer(who), &offer);
    call.log(&IMarket::OfferRegistered {
        supplier: who,
        pricePerGibEpoch: given.pricePerGibEpoch,
        egressPerGib: given.egressPerGib,
        capacityBytes: given.capacityBytes,
        maxTermEpochs: given.maxTermEpochs,
        validUntil: given.validUntil,
        operator: given.operator,
        region: given.region.clone(),
        peerId: given.peerId.clone(),
    });
    Ok(())
}

/// Takes the caller's offer off the list. While it holds slots, its peer id stays known.
pub fn withdraw(call: &mut Call<'_>) -> Result<(), Stop> {
    unlist(call, call.caller())
}

/// Takes off the list an offer that has expired, or, when the list is full, one without collateral behind it: whoever
/// floods the list must bind a DUST for each place.
pub fn prune(call: &mut Call<'_>, who: Address) -> Result<(), Stop> {
    let offer: Offer = call.load(layout::offer(who))?;
    let full = call.load::<u32>(layout::offer_count())? >= OFFERS_MAX;
    let supplier: Supplier = call.load(layout::supplier(who))?;
    let idle = full && money::add(supplier.free, supplier.reserved)? < GRAINS_PER_DUST;
    if offer.listed != 0 && offer.valid_until >= call.height && !idle {
        let (valid_until, height) = (offer.valid_until, call.height);
        return Err(refuse(IMarket::OfferStillValid { supplier: who, validUntil: valid_until, height }));
    }
    unlist(call, who)
}

/// Adds what was sent to the caller's pool.
pub fn deposit(call: &mut Call<'_>) -> Result<(), Stop> {
    let (who, amount) = (call.caller(), call.value()?);
    if amount == 0 {
        return Err(refuse(IMarket::NothingSent {}));
    }
    let mut supplier: Supplier = call.load(layout::supplier(who))?;
    supplier.free = money::add(supplier.free, amount)?;
    call.save(layout::supplier(who), &supplier);
    call.log(&IMarket::CollateralDeposited {
        supplier: who,
        amount: U256::from(amount),
        free: U256::from(supplier.free),
        reserved: U256::from(supplier.reserved),
    });
    Ok(())
}

/// Pays out of the free part of the caller's pool.
pub fn withdraw_collateral(call: &mut Call<'_>, amount: U256) -> Result<(), Stop> {
    let who = call.caller();
    let mut supplier: Supplier = call.load(layout::supplier(who))?;
    let free = U256::from(supplier.free);
    let left = money::narrow(amount).ok().and_then(|amount| supplier.free.checked_sub(amount));
    let Some(left) = left else {
        return Err(refuse(IMarket::InsufficientCollateral { supplier: who, needed: amount, available: free }));
    };
    call.pay(who, supplier.free - left)?;
    supplier.free = left;
    call.save(layout::supplier(who), &supplier);
    call.log(&IMarket::CollateralWithdrawn {
        supplier: who,
        amount,
        free: U256::from(supplier.free),
        reserved: U256::from(supplier.reserved),
    });
    Ok(())
}

/// The last offer of the list takes the freed place, so that the list has no holes.
fn unlist(call: &mut Call<'_>, who: Address) -> Result<(), Stop> {
    let offer: Offer = call.load(layout::offer(who))?;
    if offer.listed == 0 {
        return Err(refuse(IMarket::NoOffer { supplier: who }));
    }
    let count: u32 = call.load(layout::offer_count())?;
    let (place, last) = (offer.listed - 1, count.saturating_sub(1));
    if place != last {
        let moved: Address = call.load(layout::offer_at(last))?;
        let mut other: Offer = call.load(layout::offer(moved))?;
        other.listed = place + 1;
        call.save(layout::offer(moved), &other);
        call.save(layout::offer_at(place), &moved);
    }
    call.save(layout::offer_at(last), &Address::ZERO);
    call.save(layout::offer_count(), &last);
    let supplier: Supplier = call.load(layout::supplier(who))?;
    // Whoever reads what it holds must find it: the peer id goes with its last slot.
    let left = if supplier.slots > 0 {
        let Offer { peer_len, peer_low, peer_high, .. } = offer;
        Offer { peer_len, peer_low, peer_high, ..Offer::default() }
    } else {
        Offer::default()
    };
    call.save(layout::offer(who), &left);
    call.log(&IMarket::OfferWithdrawn { supplier: who });
    Ok(())
}

/// Forgets the peer id that an offer has left behind, now that its supplier holds nothing any more.
pub fn forget_peer(call: &mut Call<'_>, who: Address) -> Result<(), Stop> {
    let offer: Offer = call.load(layout::offer(who))?;
    if offer.listed == 0 && offer.peer_len != 0 {
        call.save(layout::offer(who), &Offer::default());
    }
    Ok(())
}

fn check(height: u64, who: Address, given: &IMarket::Offer) -> Result<(), Stop> {
    if given.validUntil < height {
        return Err(refuse(IMarket::OfferHasExpired { supplier: who, validUntil: given.validUntil, height }));
    }
    let bad = |field: &str, value: u64, limit: u64| {
        Err(refuse(IMarket::BadOffer { field: field.to_owned(), value: U256::from(value), limit: U256::from(limit) }))
    };
    let (region, peer) = (given.region.len(), given.peerId.len());
    if given.capacityBytes == 0 {
        return bad("capacityBytes", 0, 1);
    }
    if !(1..=TERM_EPOCHS_MAX).contains(&given.maxTermEpochs) {
        return bad("maxTermEpochs", given.maxTermEpochs, TERM_EPOCHS_MAX);
    }
    if region > REGION_BYTES_MAX {
        return bad("region", region as u64, REGION_BYTES_MAX as u64);
    }
    if !(1..=PEER_ID_BYTES_MAX).contains(&peer) {
        return bad("peerId", peer as u64, PEER_ID_BYTES_MAX as u64);
    }
    Ok(())
}

/// Up to 32 bytes, padded with zeros.
fn pad(bytes: &[u8]) -> B256 {
    B256::right_padding_from(bytes)
}

/// Up to 64 bytes as two words.
fn split(bytes: &Bytes) -> (B256, B256) {
    let (low, high) = bytes.split_at(bytes.len().min(32));
    (pad(low), pad(high))
}
