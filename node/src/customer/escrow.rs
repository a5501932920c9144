//! Keeps a dataset's escrow ahead of what its suppliers must be promised: they take no shard whose storage until the end
//! of the term isn't covered.
//!
//! While a put goes on, its size may be unknown, so the cover doubles as the put grows: a large put costs a few
//! transactions, a small one binds little. What is left over comes back when the dataset ends.

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, anyhow};
use bitdust_ledger::market::abi::IMarket;
use bitdust_types::{Amount, DatasetId, system::MARKET};

use super::{Dataset, Shared, catalog::DatasetState};

/// Room for a revision's manifests in each slot, beside the shards.
const REVISION_ROOM_BYTES: u64 = 256 << 10;
/// The cover grows by at most this much per slot ahead of the shards: eight slabs at 4 of 8.
const AHEAD_BYTES_MAX: u64 = 80 << 20;

/// How much of one put the escrow covers.
#[derive(Clone, Copy, Debug)]
pub struct Cover {
    began: u64,
    wanted: u64,
    covered: u64,
}

impl Cover {
    /// For a put on top of slots of `slot_bytes`.
    pub fn new(slot_bytes: u64) -> Self {
        Cover { began: slot_bytes, wanted: slot_bytes, covered: slot_bytes }
    }

    /// Another shard for every slot. Answers the slot's bytes to cover now, if it is time to.
    pub fn grow(&mut self, shard_bytes: u64) -> Option<u64> {
        self.wanted += shard_bytes;
        if self.wanted + REVISION_ROOM_BYTES <= self.covered {
            return None;
        }
        // The first slab is covered as it is, then as much again as there is.
        let ahead = if self.covered == self.began { 0 } else { (self.wanted - self.began).min(AHEAD_BYTES_MAX) };
        self.covered = self.wanted + ahead + REVISION_ROOM_BYTES;
        Some(self.covered)
    }
}

/// Adds what the escrow lacks to hold `slot_bytes` in every slot until the end of the term, at these rates by slot. Errs
/// upwards, by one epoch at most.
pub async fn ensure(
    shared: &Shared,
    dataset: &Dataset,
    state: &DatasetState,
    slot_bytes: u64,
    rates: &[(u16, Amount)],
) -> Result<()> {
    let epoch = shared.chain.params().epoch_of(shared.chain.height());
    let epochs = state.info.end.0.saturating_sub(epoch.0) + 1;
    let overflow = || anyhow!("the price of {slot_bytes} bytes per slot over {epochs} epochs overflows");
    let (mut needed, mut has) = (Amount::ZERO, state.info.escrow);
    for (slot, rate) in rates {
        let price = rate.price(slot_bytes, epochs).ok_or_else(overflow)?;
        needed = needed.checked_add(price).ok_or_else(overflow)?;
        let bound = state.slots.get(usize::from(*slot)).map_or(Amount::ZERO, |slot| slot.deposit);
        has = has.checked_add(bound).ok_or_else(overflow)?;
    }
    let lacking = needed.saturating_sub(has);
    if lacking > Amount::ZERO { fund(shared, dataset.id, lacking).await } else { Ok(()) }
}

async fn fund(shared: &Shared, dataset: DatasetId, lacking: Amount) -> Result<()> {
    let input = IMarket::fundCall { dataset: dataset.into() }.abi_encode();
    let sent = shared.sender.transact(MARKET, lacking.into(), input.into()).await;
    sent.with_context(|| format!("adding {lacking} to the escrow of dataset {dataset}"))?;
    tracing::info!(%dataset, %lacking, "escrow funded");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_put_costs_few_transactions_and_is_always_covered() {
        let (mut cover, mut funded, mut covered, mut bytes) = (Cover::new(1000), 0, 1000, 1000);
        for _ in 0..100 {
            bytes += 10 << 20;
            if let Some(now) = cover.grow(10 << 20) {
                (funded, covered) = (funded + 1, now);
            }
            assert!(covered >= bytes + REVISION_ROOM_BYTES);
            assert!(covered <= bytes + AHEAD_BYTES_MAX + REVISION_ROOM_BYTES);
        }
        assert!(funded <= 16, "{funded} transactions for 100 slabs");
    }
}
