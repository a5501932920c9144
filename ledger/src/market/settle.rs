//! The rule of payment.
//!
//! A slot remembers its *anchor*: the epoch of its last settlement, the supplier's count of proven epochs at that
//! moment, and rate × bytes as they stood at the start of the anchor epoch. Since every change of rate or bytes settles
//! first, rate × bytes is constant after the anchor epoch, and what is due is two reads whatever the span:
//!
//! - the **anchor epoch** itself, if its proof came after the anchor: one epoch at the price of its start;
//! - the **epochs after it** that were proven, without those in which a sample of the slot failed, none behind the end
//!   of the term, at today's price.
//!
//! Each of the two makes one `Settled` log with `paid = floor(rate × bytes × (proven − failed) / 2^30)` and
//! `fee = floor(paid / 100)`; the supplier gets `paid − fee`, the holders of shares the fee. `docs/market-rule.md` says
//! it all in words.

use alloy_primitives::{Address, B256, U256};
use bitdust_types::system;

use super::{
    abi::IMarket,
    datasets,
    layout::{self, Slot, Supplier},
    money,
};
use crate::contract::call::{Call, Stop};

/// The holders of shares get one grain of so many.
pub const FEE_DIVISOR: u128 = 100;
/// Epochs whose proofs a supplier's bitmap remembers.
pub const BITMAP_EPOCHS: u64 = 256;

/// A run of epochs with one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// First epoch.
    pub from: u64,
    /// Last epoch.
    pub to: u64,
    /// How many of them the supplier proved.
    pub proven: u64,
    /// In how many of those a sample of this slot failed.
    pub failed: u64,
    /// Grains per GiB and epoch.
    pub rate: u128,
    /// Bytes.
    pub bytes: u64,
}

impl Part {
    /// What it costs, before the fee is taken from it.
    pub fn price(&self) -> Result<u128, Stop> {
        money::price(self.rate, self.bytes, self.proven - self.failed)
    }
}

impl Supplier {
    /// Whether the supplier proved `epoch`; `None` if that is too long ago to be known.
    pub fn has_proven(&self, epoch: u64) -> Option<bool> {
        if epoch > self.last_proven {
            return Some(false);
        }
        // A remainder of 256 fits.
        let bit = (epoch % BITMAP_EPOCHS) as usize;
        (self.last_proven - epoch < BITMAP_EPOCHS).then(|| self.bitmap.bit(bit))
    }

    /// Enters a proof of `epoch`, which is later than `last_proven`.
    pub fn enter_proof(&mut self, epoch: u64) {
        if epoch - self.last_proven >= BITMAP_EPOCHS {
            self.bitmap = U256::ZERO;
        } else {
            for missed in self.last_proven + 1..epoch {
                self.bitmap.set_bit((missed % BITMAP_EPOCHS) as usize, false);
            }
        }
        self.bitmap.set_bit((epoch % BITMAP_EPOCHS) as usize, true);
        self.last_proven = epoch;
        self.proven += 1;
    }

    /// How many epochs after `end` were proven. Those too long ago to be known count as proven, so that a slot is
    /// never paid for more than its term; a supplier that settles within 256 epochs loses nothing by it.
    fn proven_after(&self, end: u64) -> u64 {
        let span = self.last_proven.saturating_sub(end);
        let known = span.min(BITMAP_EPOCHS);
        let proven = (0..known).filter(|back| self.has_proven(self.last_proven - back) == Some(true)).count();
        span - known + proven as u64
    }
}

/// What a slot has earned since its anchor, as of epoch `now`: the anchor epoch and the epochs after it.
pub fn due(slot: &Slot, supplier: &Supplier, now: u64) -> [Option<Part>; 2] {
    let proven = supplier.proven - slot.base;
    let (extra, rate, bytes) = if slot.anchor_done {
        (0, 0, 0)
    } else {
        match supplier.has_proven(slot.anchor) {
            Some(yes) => (u64::from(yes), slot.prev_rate, slot.prev_bytes),
            // The bit is lost: the first proof since is taken for the anchor epoch's, at the lower of both prices.
            None if cheaper(slot) => (proven.min(1), slot.prev_rate, slot.prev_bytes),
            None => (proven.min(1), slot.rate, slot.bytes),
        }
    };
    let anchor = (extra > 0 && bytes > 0).then_some(Part {
        from: slot.anchor,
        to: slot.anchor,
        proven: 1,
        failed: u64::from(slot.anchor_failed),
        rate,
        bytes,
    });
    let last = if supplier.has_proven(now) == Some(true) { now } else { now.saturating_sub(1) };
    let to = last.min(slot.end);
    let rest = if slot.anchor < slot.end {
        (proven - extra).saturating_sub(supplier.proven_after(slot.end)).min(slot.end - slot.anchor)
    } else {
        0
    };
    let after = (rest > 0 && slot.bytes > 0).then_some(Part {
        from: slot.anchor + 1,
        to,
        proven: rest,
        failed: u64::from(slot.failures).min(rest),
        rate: slot.rate,
        bytes: slot.bytes,
    });
    [anchor, after]
}

/// Whether an epoch cost less at the start of the anchor epoch than it does now.
fn cheaper(slot: &Slot) -> bool {
    let product = |rate: u128, bytes: u64| U256::from(rate) * U256::from(bytes);
    product(slot.prev_rate, slot.prev_bytes) < product(slot.rate, slot.bytes)
}

/// Pays what a slot has earned and moves its anchor to now. Answers what was paid, fee included. The slot's record is
/// changed in memory; the caller saves it.
pub fn settle(call: &mut Call<'_>, id: B256, number: u16, slot: &mut Slot) -> Result<u128, Stop> {
    if slot.supplier.is_zero() {
        return Ok(0);
    }
    let supplier: Supplier = call.load(layout::supplier(slot.supplier))?;
    let mut sum = 0;
    for part in due(slot, &supplier, call.epoch).into_iter().flatten() {
        // The deposit covers the term; the lesser of both is a second lock on the same door.
        let paid = part.price()?.min(slot.deposit);
        let fee = paid / FEE_DIVISOR;
        slot.deposit -= paid;
        sum = money::add(sum, paid)?;
        call.pay(slot.supplier, paid - fee)?;
        #[cfg(test)]
        call.pay(slot.supplier, crate::contract::planted::grain(crate::contract::planted::Place::Settlement))?;
        call.pay(system::SHARES, fee)?;
        log(call, id, number, slot.supplier, part, paid, fee);
    }
    if slot.anchor < call.epoch {
        (slot.prev_rate, slot.prev_bytes) = (slot.rate, slot.bytes);
        slot.anchor_failed = false;
    }
    slot.anchor = call.epoch;
    slot.base = supplier.proven;
    slot.anchor_done = supplier.has_proven(call.epoch) == Some(true) || call.epoch > slot.end;
    slot.failures = 0;
    Ok(sum)
}

/// Pays what all slots of a dataset have earned.
pub fn settle_all(call: &mut Call<'_>, id: B256) -> Result<U256, Stop> {
    let dataset = datasets::live(call, id)?;
    let mut sum = 0;
    for number in 0..u16::from(dataset.n) {
        let at = layout::slot(id, number);
        let mut slot: Slot = call.load(at)?;
        if !slot.supplier.is_zero() {
            sum = money::add(sum, settle(call, id, number, &mut slot)?)?;
            call.save(at, &slot);
        }
    }
    Ok(U256::from(sum))
}

fn log(call: &mut Call<'_>, id: B256, number: u16, supplier: Address, part: Part, paid: u128, fee: u128) {
    call.log(&IMarket::Settled {
        dataset: id,
        slot: number,
        supplier,
        fromEpoch: part.from,
        toEpoch: part.to,
        provenEpochs: part.proven,
        failedEpochs: part.failed,
        rate: part.rate,
        bytesHeld: part.bytes,
        paid: U256::from(paid),
        fee: U256::from(fee),
    });
}
