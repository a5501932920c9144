//! The published rule, written a second time from `docs/market-rule.md` alone: it reads logs, epoch by epoch, and knows
//! nothing of anchors, counts or storage.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, LogData};
use alloy_sol_types::SolEvent;
use bitdust_types::amount::GIB;

use crate::market::IMarket;

/// A supplier's time in a slot.
#[derive(Clone, Debug, Default)]
struct Tenancy {
    supplier: Address,
    /// Rate and bytes now, and since which epoch they are so.
    now: (u128, u64),
    changed: u64,
    /// Rate and bytes at the start of epoch `changed`.
    before: (u128, u64),
    end: u64,
    /// rate × bytes, summed over the epochs that are to be paid.
    owed: u128,
    paid: u128,
    parts: u128,
    /// rate × bytes of the epoch that was entered last, to be taken back if a sample turns out to have failed.
    last: Option<(u64, u128)>,
}

/// All slots, as the logs tell.
#[derive(Debug, Default)]
pub struct Model {
    slots: BTreeMap<(B256, u16), Tenancy>,
    /// What each supplier was paid, the fee taken off.
    pub earned: BTreeMap<Address, u128>,
    /// Fees in all.
    pub fees: u128,
    read: usize,
}

impl Model {
    /// Reads the logs that have come since the last time.
    pub fn follow(&mut self, logs: &[LogData]) -> Result<(), String> {
        for log in &logs[self.read..] {
            self.enter(log)?;
        }
        self.read = logs.len();
        Ok(())
    }

    /// After a settlement of everything: what was paid is what was owed, but for less than one grain per log.
    pub fn check_settled(&self) -> Result<(), String> {
        self.slots.iter().try_for_each(|(place, tenancy)| tenancy.check(place))
    }

    fn enter(&mut self, log: &LogData) -> Result<(), String> {
        if let Ok(held) = IMarket::Held::decode_log_data(log) {
            let tenancy = self.slots.entry((held.dataset, held.slot)).or_default();
            if tenancy.supplier != held.supplier {
                *tenancy = Tenancy { supplier: held.supplier, ..Tenancy::default() };
            }
            if tenancy.changed != held.epoch {
                // Nothing is owed for an epoch that began behind the end of the slot's term.
                tenancy.before = if held.epoch > tenancy.end { (0, 0) } else { tenancy.now };
                tenancy.changed = held.epoch;
            }
            tenancy.now = (held.rate, held.bytesHeld);
            tenancy.end = held.endEpoch;
        } else if let Ok(proved) = IMarket::Proved::decode_log_data(log) {
            for tenancy in self.slots.values_mut().filter(|tenancy| tenancy.supplier == proved.supplier) {
                tenancy.prove(proved.epoch);
            }
        } else if let Ok(failed) = IMarket::SampleFailed::decode_log_data(log) {
            let tenancy = self.slots.entry((failed.dataset, failed.slot)).or_default();
            if let Some((epoch, price)) = tenancy.last.take()
                && epoch == failed.epoch
            {
                tenancy.owed -= price;
            }
        } else if let Ok(renewed) = IMarket::SlotRenewed::decode_log_data(log) {
            self.slots.entry((renewed.dataset, renewed.slot)).or_default().end = renewed.endEpoch;
        } else if let Ok(settled) = IMarket::Settled::decode_log_data(log) {
            self.settle(&settled)?;
        } else if let Ok(freed) = IMarket::SlotFreed::decode_log_data(log) {
            let place = (freed.dataset, freed.slot);
            self.slots.remove(&place).ok_or("a slot was freed that nobody held")?.check(&place)?;
        }
        Ok(())
    }

    fn settle(&mut self, log: &IMarket::Settled) -> Result<(), String> {
        let (paid, fee) = (log.paid.to::<u128>(), log.fee.to::<u128>());
        let epochs = log.provenEpochs - log.failedEpochs;
        let price = log.rate * u128::from(log.bytesHeld) * u128::from(epochs) / u128::from(GIB);
        if (paid, fee) != (price, price / 100) {
            return Err(format!("paid {paid} with fee {fee} instead of {price}: {log:?}"));
        }
        let tenancy = self.slots.get_mut(&(log.dataset, log.slot)).ok_or("pay for a slot that nobody holds")?;
        if tenancy.supplier != log.supplier {
            return Err(format!("{} was paid for a slot of {}", log.supplier, tenancy.supplier));
        }
        tenancy.paid += paid;
        tenancy.parts += 1;
        *self.earned.entry(log.supplier).or_default() += paid - fee;
        self.fees += fee;
        Ok(())
    }
}

impl Tenancy {
    fn prove(&mut self, epoch: u64) {
        let (rate, bytes) = if self.changed == epoch { self.before } else { self.now };
        if epoch <= self.end {
            let price = rate * u128::from(bytes);
            self.owed += price;
            self.last = Some((epoch, price));
        }
    }

    fn check(&self, place: &(B256, u16)) -> Result<(), String> {
        let gib = u128::from(GIB);
        let most = self.owed / gib;
        // Each log rounds down by less than one grain.
        if self.paid > most || (self.paid + self.parts) * gib < self.owed {
            return Err(format!(
                "slot {place:?}: paid {} in {} parts, but {} (× 2^-30) was owed",
                self.paid, self.parts, self.owed
            ));
        }
        Ok(())
    }
}
