//! Keeps a dataset's escrow ahead of what its suppliers must be promised: they take no shard whose storage until the end
//! of the term isn't covered.
//!
//! While a put goes on, its size may be unknown, so the cover doubles as the put grows: a large put costs a few
//! transactions, a small one binds little. What is left over comes back when the dataset ends.

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, anyhow};
use bitdust_ledger::market::{
    abi::IMarket,
    view::{OfferInfo, SlotInfo},
};
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
    let deposit = |slot: u16| state.slots.get(usize::from(slot)).map_or(Amount::ZERO, |slot| slot.deposit);
    let slots = rates.iter().map(|(slot, rate)| (*rate, deposit(*slot)));
    let lacking = lacking(state.info.escrow, slots, slot_bytes, epochs).ok_or_else(overflow)?;
    if lacking > Amount::ZERO { fund(shared, dataset.id, lacking).await } else { Ok(()) }
}

/// What must be added to a dataset when its term becomes `extra` epochs longer: the price of each slot that follows until the new
/// end, less what is there. A slot follows if its supplier's offer covers the term at the agreed rate. `None` if it overflows.
pub fn renewal(state: &DatasetState, extra: u64) -> Option<Amount> {
    let term = state.info.end.0.checked_sub(state.epoch.0)?.checked_add(extra)?;
    let follows = |(slot, offer): &(&SlotInfo, &Option<OfferInfo>)| {
        slot.supplier.is_some()
            && slot.end >= state.epoch
            && offer.as_ref().is_some_and(|offer| {
                let covers = offer.max_term_epochs >= term && offer.price_per_gib_epoch <= slot.rate;
                offer.valid_until >= state.height && covers
            })
    };
    let (mut needed, mut has) = (Amount::ZERO, state.info.escrow);
    for (slot, _) in state.slots.iter().zip(&state.offers).filter(follows) {
        // The current epoch may still have to be paid for.
        needed = needed.checked_add(slot.rate.price(slot.bytes, term.checked_add(1)?)?)?;
        has = has.checked_add(slot.deposit)?;
    }
    Some(needed.saturating_sub(has))
}

/// What an escrow lacks for slots with these rates and deposits. Each supplier looks at its own slot's deposit and the escrow
/// alone: what another slot has too much doesn't count for it. `None` if the sum overflows.
fn lacking(
    escrow: Amount,
    slots: impl IntoIterator<Item = (Amount, Amount)>,
    slot_bytes: u64,
    epochs: u64,
) -> Option<Amount> {
    let mut needed = Amount::ZERO;
    for (rate, deposit) in slots {
        needed = needed.checked_add(rate.price(slot_bytes, epochs)?.saturating_sub(deposit))?;
    }
    Some(needed.saturating_sub(escrow))
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
    use bitdust_market::supplier::{DatasetFacts, Facts, OwnFacts, SlotFacts};
    use bitdust_types::{Address, layout::UNIT_PLAIN_BYTES};

    use super::*;

    const RATE: Amount = Amount::from_grains(1_000_003);

    #[test]
    fn one_slots_deposit_doesnt_pay_for_another() {
        let lacks = |escrow, deposits: [u128; 2]| {
            let slots = deposits.map(|deposit| (Amount::from_grains(10), Amount::from_grains(deposit)));
            lacking(Amount::from_grains(escrow), slots, 1 << 30, 2).map(Amount::grains)
        };
        assert_eq!(lacks(0, [0, 0]), Some(40));
        assert_eq!(lacks(15, [5, 0]), Some(20));
        assert_eq!(lacks(0, [40, 0]), Some(20));
        assert_eq!(lacks(100, [0, 0]), Some(0));
        assert_eq!(lacking(Amount::ZERO, [(Amount::from_grains(u128::MAX), Amount::ZERO)], u64::MAX, 2), None);
    }

    /// A supplier takes every shard of a put that is covered like this, also while it is an epoch behind.
    #[test]
    fn what_is_covered_is_taken() {
        let dataset = DatasetId([1; 32]);
        let (epoch, end, held) = (10, 50, 123_456_789);
        for (shard, behind) in [(10 << 20, 0), (10 << 20, 1), (UNIT_PLAIN_BYTES, 1)] {
            let (mut cover, mut waiting, mut escrow) = (Cover::new(held), 0, Amount::ZERO);
            let deposit = RATE.price(held, end - epoch).unwrap();
            for number in 0..100 {
                if let Some(bytes) = cover.grow(shard) {
                    let more = lacking(escrow, [(RATE, deposit)], bytes, end - epoch + 1).unwrap();
                    escrow = escrow.checked_add(more).unwrap();
                }
                let facts = Facts {
                    chain_id: 1,
                    height: 100,
                    epoch: epoch - behind,
                    dataset: Some(DatasetFacts {
                        owner: Address::ZERO,
                        payer: Address::ZERO,
                        writers: Vec::new(),
                        slots: 8,
                        public: false,
                        end_epoch: end,
                        ended: false,
                        price_cap: RATE,
                        escrow,
                        slot_bytes: held,
                    }),
                    slot: SlotFacts { deposit, rate: RATE, bytes: held, ..SlotFacts::default() },
                    own: OwnFacts {
                        account: Address::ZERO,
                        offer_live: true,
                        price: Some(RATE),
                        term_epochs_max: 100,
                        capacity_bytes: u64::MAX,
                        held_bytes: held,
                        collateral_free: Amount::ZERO,
                        disk_free_bytes: u64::MAX,
                    },
                };
                let taken = facts.admit_cover(dataset, shard, waiting);
                assert_eq!(taken, Ok(()), "shard {number} of {shard} bytes, {behind} epochs behind");
                waiting += shard;
            }
        }
    }

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
