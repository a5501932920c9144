//! Getting what is owed: pay for proven epochs (`settle`), and the collateral of slots whose term is over (`reap`).
//!
//! Nothing on the ledger happens by itself: pay waits until somebody touches the slot, a reserve is bound until the slot is
//! freed, and the ledger remembers the proofs of [`BITMAP_EPOCHS`] epochs only. Once an epoch this supplier looks at what it
//! holds and
//! - reaps its own slots whose term is over, which pays them as well;
//! - settles a dataset when what its slot has earned exceeds the price of the transaction by far, or when it has waited so
//!   long that pay might be lost.
//!
//! One `settle` pays all slots of a dataset, so its suppliers take turns: who comes first changes with the epoch, and whoever
//! comes later looks again and finds nothing to do. What a round can't do is left for the next one.

use std::{collections::BTreeSet, sync::Arc};

use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result};
use bitdust_ledger::market::{IMarket, MarketView, settle::BITMAP_EPOCHS};
use bitdust_types::{Address, Amount, DatasetId, Height, U256, limits::SLOTS_PER_SUPPLIER_MAX, system::MARKET};

use super::{Supplier, Trouble, facts::REAP_AFTER, offering::reach};
use crate::chain_api::look;

/// What a slot has earned is collected when it is so many times the price of the transaction: half a per cent of pay.
const WORTH_FACTOR: u128 = 200;
/// Epochs that pay waits at least, however much it is: an owner that changes its dataset settles it on the way.
const AGE_LEAST: u64 = 16;
/// Epochs after which pay doesn't wait any longer if it is worth the transaction at all: a quarter of what the ledger
/// remembers is left for attempts that fail and for other suppliers' turns.
const AGE_MOST: u64 = BITMAP_EPOCHS / 4 * 3;
/// Epochs for which a slot is kept whose own term is over while its dataset goes on: its owner may still ask for more.
const GRACE_EPOCHS: u64 = 8;
/// Epochs for which a slot is kept after its dataset's term, so that whoever is reading can finish.
const REST_EPOCHS: u64 = 1;
/// Blocks between the turns of two slots: a transaction is in a block and seen by then.
const TURN_BLOCKS: u64 = 3;
/// Transactions of one round: as many slots as a supplier may hold are through before the ledger forgets an epoch.
const ERRANDS_MAX: usize = (SLOTS_PER_SUPPLIER_MAX as u64 / BITMAP_EPOCHS) as usize;
/// Gas of a settlement apart from its slots, and of each slot: rough, since it only tells whether it is worth it.
const SETTLE_GAS: u128 = 50_000;
const SETTLE_SLOT_GAS: u128 = 60_000;

/// How one of the supplier's slots stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Epoch now.
    pub epoch: u64,
    /// Last epoch that the slot is paid for.
    pub end: u64,
    /// Last epoch that its dataset is paid for.
    pub dataset_end: u64,
    /// Epoch of its last settlement.
    pub settled_in: u64,
    /// Windows missed in a row within the term.
    pub missed: u64,
    /// What it has earned since it was settled.
    pub earned: Amount,
}

/// What is to be done about a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet.
    Wait,
    /// Its dataset is to be settled.
    Settle,
    /// It is to be freed.
    Reap,
}

/// One transaction to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Errand {
    dataset: DatasetId,
    slot: u16,
    step: Step,
    /// Epochs since the last settlement: who has waited longest comes first when there is too much to do.
    age: u64,
    /// Its turn in the round, from 0.
    turn: u64,
}

impl Claim {
    /// What is to be done if a settlement costs `fee`.
    pub fn step(&self, fee: Amount) -> Step {
        if self.epoch > self.end {
            // Missed windows would cost a penalty; the next proof mends that.
            let may_reap = self.missed < REAP_AFTER;
            let last = self.dataset_end.saturating_add(REST_EPOCHS).min(self.end.saturating_add(GRACE_EPOCHS));
            if may_reap && self.epoch > last {
                return Step::Reap;
            }
        }
        let age = self.age();
        let is_worth_it = self.earned.grains() >= fee.grains().saturating_mul(WORTH_FACTOR);
        if (age >= AGE_LEAST && is_worth_it) || (age >= AGE_MOST && self.earned > fee) {
            Step::Settle
        } else {
            Step::Wait
        }
    }

    fn age(&self) -> u64 {
        self.epoch.saturating_sub(self.settled_in)
    }
}

/// Makes a round each epoch until the chain stops.
pub async fn run(supplier: Arc<Supplier>) {
    loop {
        let epoch_blocks = supplier.chain.params().epoch_blocks.max(1);
        // All suppliers begin at an epoch's first block, so that their turns fit each other.
        let begin = Height((supplier.chain.height().0 / epoch_blocks + 1) * epoch_blocks);
        if reach(&supplier, begin).await.is_err() {
            return;
        }
        if !supplier.chain.is_current() {
            // What is long past was collected then.
            continue;
        }
        match round(&supplier, begin).await {
            Ok(()) => supplier.clear(Trouble::Pay),
            Err(error) => supplier.warn(Trouble::Pay, format!("what was earned could not be collected: {error:#}")),
        }
    }
}

/// Does what is to be done, each at its turn. One refusal doesn't stop the rest; the last one is answered.
async fn round(supplier: &Arc<Supplier>, begin: Height) -> Result<()> {
    let working = supplier.clone();
    let errands = tokio::task::spawn_blocking(move || errands(&working)).await.context("a worker stopped")??;
    let mut outcome = Ok(());
    for errand in errands {
        if reach(supplier, Height(begin.0 + errand.turn * TURN_BLOCKS)).await.is_err() {
            // The node is stopping.
            return Ok(());
        }
        // Somebody else may have done it since.
        if step_now(supplier, errand)? != errand.step {
            continue;
        }
        if let Err(error) = run_errand(supplier, errand).await
            && step_now(supplier, errand)? == errand.step
        {
            outcome = Err(error);
        }
    }
    outcome
}

async fn run_errand(supplier: &Supplier, errand: Errand) -> Result<()> {
    let Errand { dataset, slot, step, .. } = errand;
    let input = match step {
        Step::Wait => return Ok(()),
        Step::Settle => IMarket::settleCall { dataset: dataset.into() }.abi_encode(),
        Step::Reap => IMarket::reapCall { dataset: dataset.into(), slot }.abi_encode(),
    };
    let sent = supplier.sender.transact(MARKET, U256::ZERO, input.into()).await;
    let included = sent.with_context(|| match step {
        Step::Reap => format!("freeing slot {slot} of dataset {dataset}, whose term is over"),
        Step::Settle | Step::Wait => format!("settling dataset {dataset}"),
    })?;
    tracing::info!(%dataset, slot, ?step, height = %included.height, gas_paid = %included.gas_paid, "collected");
    Ok(())
}

/// What is to be done now, by turn.
fn errands(supplier: &Supplier) -> Result<Vec<Errand>> {
    let account = supplier.sender.account();
    let base_fee = supplier.chain.base_fee();
    let found = look(&*supplier.chain, |view, height| {
        let epoch = supplier.chain.params().epoch_of(height).0;
        let mut found = Vec::new();
        for held in view.slots_of(account)? {
            let Some((claim, n)) = claim(supplier, view, height, held.dataset, held.slot)? else { continue };
            let step = claim.step(settle_fee(base_fee, n));
            if step != Step::Wait {
                let (dataset, slot) = (held.dataset, held.slot);
                found.push(Errand { dataset, slot, step, age: claim.age(), turn: turn(slot, epoch, n) });
            }
        }
        Ok(found)
    })?;
    Ok(choose(found))
}

/// The most urgent ones, in the order of their turns, with one settlement for each dataset.
fn choose(mut errands: Vec<Errand>) -> Vec<Errand> {
    errands
        .sort_by_key(|errand| (errand.step != Step::Reap, std::cmp::Reverse(errand.age), errand.dataset, errand.slot));
    let mut settled = BTreeSet::new();
    errands.retain(|errand| errand.step != Step::Settle || settled.insert(errand.dataset));
    errands.truncate(ERRANDS_MAX);
    errands.sort_by_key(|errand| errand.turn);
    errands
}

/// The place of a slot in the round of an epoch: one after the other within a dataset, another first each time.
fn turn(slot: u16, epoch: u64, n: u16) -> u64 {
    (u64::from(slot) + epoch) % u64::from(n.max(1))
}

/// What a settlement of `n` slots costs, at the base fee.
fn settle_fee(base_fee: u64, n: u16) -> Amount {
    Amount::from_grains((SETTLE_GAS + SETTLE_SLOT_GAS * u128::from(n)) * u128::from(base_fee))
}

fn step_now(supplier: &Supplier, errand: Errand) -> Result<Step> {
    let base_fee = supplier.chain.base_fee();
    look(&*supplier.chain, |view, height| {
        let found = claim(supplier, view, height, errand.dataset, errand.slot)?;
        Ok(found.map_or(Step::Wait, |(claim, n)| claim.step(settle_fee(base_fee, n))))
    })
}

/// How a slot stands, and how many its dataset has; `None` if this supplier doesn't hold it.
fn claim(
    supplier: &Supplier,
    view: &MarketView<'_>,
    height: Height,
    dataset: DatasetId,
    number: u16,
) -> Result<Option<(Claim, u16)>> {
    let account: Address = supplier.sender.account();
    let epoch = supplier.chain.params().epoch_of(height);
    let Some(info) = view.dataset(dataset)? else { return Ok(None) };
    let Some(slot) = view.slot(dataset, number)?.filter(|slot| slot.supplier == Some(account)) else { return Ok(None) };
    let Some(settled_in) = view.settled_in(dataset, number)? else { return Ok(None) };
    let claim = Claim {
        epoch: epoch.0,
        end: slot.end.0,
        dataset_end: info.end.0,
        settled_in: settled_in.0,
        missed: view.missed_windows(dataset, number, height)?,
        earned: view.pending(dataset, number, epoch)?,
    };
    Ok(Some((claim, info.layout.n().into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEE: Amount = Amount::from_grains(1000);

    fn claim(epoch: u64, settled_in: u64, earned: u128) -> Claim {
        let earned = Amount::from_grains(earned);
        Claim { epoch, end: 1000, dataset_end: 1000, settled_in, missed: 0, earned }
    }

    #[test]
    fn pay_is_collected_when_it_is_worth_it_or_might_be_lost() {
        let step = |age, earned| claim(500 + age, 500, earned).step(FEE);
        let much = FEE.grains() * WORTH_FACTOR;
        assert_eq!(step(AGE_LEAST, much), Step::Settle);
        assert_eq!(step(AGE_LEAST - 1, much * 1000), Step::Wait, "however much: it isn't lost yet");
        assert_eq!(step(AGE_LEAST, much - 1), Step::Wait);
        assert_eq!(step(AGE_MOST - 1, much - 1), Step::Wait);
        assert_eq!(step(AGE_MOST, 1001), Step::Settle);
        assert_eq!(step(AGE_MOST, 1000), Step::Wait, "it would cost more than it brings");
        assert_eq!(step(400, 0), Step::Wait, "nothing is owed");
        // The ledger forgets an epoch after 256; every slot of a dataset has had its turn by then.
        const { assert!(AGE_MOST + 64 <= BITMAP_EPOCHS) };
    }

    #[test]
    fn a_slot_is_freed_when_its_term_is_over() {
        let over = |change: fn(&mut Claim)| {
            let mut claim = claim(1001 + REST_EPOCHS, 1000, 0);
            change(&mut claim);
            claim.step(FEE)
        };
        assert_eq!(over(|_| ()), Step::Reap, "even if nothing is owed: its reserve is bound");
        assert_eq!(over(|claim| claim.epoch = 1000), Step::Wait, "the last epoch");
        assert_eq!(over(|claim| claim.epoch = 1000 + REST_EPOCHS), Step::Wait, "somebody may be reading");
        assert_eq!(over(|claim| claim.missed = REAP_AFTER - 1), Step::Reap);
        assert_eq!(over(|claim| claim.missed = REAP_AFTER), Step::Wait, "that would cost a penalty");
        // The dataset was renewed without this slot: its owner may still ask.
        assert_eq!(over(|claim| claim.dataset_end = 2000), Step::Wait);
        assert_eq!(over(|claim| (claim.dataset_end, claim.epoch) = (2000, 1000 + GRACE_EPOCHS)), Step::Wait);
        assert_eq!(over(|claim| (claim.dataset_end, claim.epoch) = (2000, 1001 + GRACE_EPOCHS)), Step::Reap);
        // What can't be freed is paid all the same.
        let unpaid =
            |claim: &mut Claim| (claim.missed, claim.settled_in, claim.earned) = (3, 800, Amount::from_grains(1001));
        assert_eq!(over(unpaid), Step::Settle);
    }

    #[test]
    fn suppliers_of_a_dataset_never_have_the_same_turn() {
        for epoch in 0..40 {
            let turns: BTreeSet<u64> = (0..30).map(|slot| turn(slot, epoch, 30)).collect();
            assert_eq!(turns, (0..30).collect(), "epoch {epoch}");
        }
        assert_ne!(turn(3, 7, 30), turn(3, 8, 30), "nobody always pays the gas");
    }

    #[test]
    fn a_round_is_bounded_and_begins_with_what_is_urgent() {
        let errand = |number: u16, step, age| Errand {
            dataset: DatasetId([(number % 251) as u8; 32]),
            slot: number,
            step,
            age,
            turn: u64::from(number) % 7,
        };
        // Two slots of one dataset need one settlement, and each its own freeing.
        let twice = [errand(1, Step::Settle, 20), errand(252, Step::Settle, 30), errand(503, Step::Reap, 1)];
        let chosen = choose(twice.to_vec());
        assert_eq!(chosen.iter().map(|errand| errand.slot).collect::<BTreeSet<_>>(), BTreeSet::from([252, 503]));
        // Far too many: those that have waited longest, in the order of their turns.
        let many: Vec<Errand> = (0..1000).map(|number| errand(number, Step::Reap, number.into())).collect();
        let chosen = choose(many);
        assert_eq!(chosen.len(), ERRANDS_MAX);
        assert!(chosen.iter().all(|errand| errand.age >= 1000 - ERRANDS_MAX as u64));
        assert!(chosen.is_sorted_by_key(|errand| errand.turn));
        // What a supplier may hold at most is through before anything is forgotten.
        const { assert!(ERRANDS_MAX as u64 * BITMAP_EPOCHS >= SLOTS_PER_SUPPLIER_MAX as u64) };
    }
}
