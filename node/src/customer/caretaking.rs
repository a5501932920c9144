//! While the owner's node is up it repairs by itself, for nothing but egress: slots that lag or have nobody are brought to
//! their target.
//!
//! Each epoch all datasets are looked at; one that needs nothing costs a look at the ledger. A repair that fails is tried
//! again an epoch later, then two, four, ..., but at least every [`RETRY_MS_MAX`] or epoch, and at once when other slots need
//! it. A dataset that is being written to is looked at again after [`POSTPONED`]. What goes wrong with one stops no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use bitdust_types::{ChainParams, DatasetId, Epoch};
use tokio::time::Instant;

use super::{
    Customer,
    catalog::{self, DatasetState},
    placing, repairing,
};

/// A repair that fails again and again is tried this often at least, where epochs are shorter.
const RETRY_MS_MAX: u64 = 600_000;
/// A dataset that was being written to is looked at again after this time, where epochs are longer.
const POSTPONED: Duration = Duration::from_secs(60);
/// So often in a row a repair makes way for a put. Then the puts wait: a dataset that is always written to needs repair too.
const YIELDS_MAX: u32 = 3;

/// The slots of a dataset that are not as they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The revision that they lack.
    pub number: u64,
    /// Slots that nobody holds, or somebody whom anybody may replace.
    pub free: BTreeSet<u16>,
    /// Slots whose holder has promised an older revision only.
    pub lagging: BTreeSet<u16>,
}

/// What a dataset needs; `None` if it is healthy, or nothing may be done about it any more.
pub fn needs(state: &DatasetState) -> Option<Needs> {
    let info = &state.info;
    if info.number == 0 || info.ended || state.epoch >= info.end {
        return None;
    }
    let (free, held): (BTreeSet<u16>, BTreeSet<u16>) =
        state.slot_numbers().partition(|slot| placing::is_free(state, *slot));
    let lags = |slot: &u16| state.slots.get(usize::from(*slot)).is_some_and(|slot| slot.number < info.number);
    let lagging: BTreeSet<u16> = held.into_iter().filter(lags).collect();
    (!free.is_empty() || !lagging.is_empty()).then_some(Needs { number: info.number, free, lagging })
}

/// When a dataset that couldn't be repaired is tried again.
pub struct Schedule {
    /// Epochs between two attempts at most.
    pause_max: u64,
    tried: BTreeMap<DatasetId, Tried>,
}

struct Tried {
    needs: Needs,
    next: Epoch,
    pause: u64,
    /// How often in a row it made way for a put.
    yields: u32,
}

impl Schedule {
    /// Nothing was tried yet.
    pub fn new(params: &ChainParams) -> Self {
        let epoch_ms = params.epoch_blocks.saturating_mul(params.block_time_ms).max(1);
        Schedule { pause_max: (RETRY_MS_MAX / epoch_ms).max(1), tried: BTreeMap::new() }
    }

    /// Whether to try now.
    pub fn is_due(&self, dataset: DatasetId, needs: &Needs, epoch: Epoch) -> bool {
        self.tried.get(&dataset).is_none_or(|tried| tried.needs != *needs || tried.next <= epoch)
    }

    /// Whether the next attempt makes way for puts.
    pub fn yields(&self, dataset: DatasetId) -> bool {
        self.tried.get(&dataset).is_none_or(|tried| tried.yields < YIELDS_MAX)
    }

    /// It was tried, and may have helped or not: the same needs wait for twice as long as the last time.
    pub fn tried(&mut self, dataset: DatasetId, needs: Needs, epoch: Epoch) {
        let before = self.tried.get(&dataset).filter(|tried| tried.needs == needs).map_or(0, |tried| tried.pause);
        let pause = before.saturating_mul(2).clamp(1, self.pause_max);
        self.tried.insert(dataset, Tried { needs, next: Epoch(epoch.0.saturating_add(pause)), pause, yields: 0 });
    }

    /// It made way for a put, and stays due.
    pub fn yielded(&mut self, dataset: DatasetId, needs: Needs, epoch: Epoch) {
        let before = self.tried.get(&dataset);
        let (pause, yields) = before.map_or((0, 0), |tried| (tried.pause, tried.yields));
        self.tried.insert(dataset, Tried { needs, next: epoch, pause, yields: yields.saturating_add(1) });
    }

    /// It needs nothing, or is gone.
    pub fn forget(&mut self, dataset: DatasetId) {
        self.tried.remove(&dataset);
    }

    /// Forgets all but these.
    pub fn keep(&mut self, datasets: &[DatasetId]) {
        self.tried.retain(|dataset, _| datasets.contains(dataset));
    }
}

impl Customer {
    /// Repairs what lags, once an epoch, until the node stops. A node that is behind the chain waits until it isn't: what it
    /// sees is over.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn run(self: Arc<Self>) -> Result<()> {
        let chain = self.shared.chain.clone();
        let params = chain.params().clone();
        let mut schedule = Schedule::new(&params);
        let mut height = chain.height();
        let mut looked: Option<(Epoch, Instant)> = None;
        let mut postponed = false;
        loop {
            height = chain.above(height).await?;
            let epoch = params.epoch_of(height);
            let is_due = match looked {
                None => true,
                Some((last, at)) => last != epoch || postponed && at.elapsed() >= POSTPONED,
            };
            if !is_due || !chain.is_current() {
                continue;
            }
            postponed = self.look_after(&mut schedule).await;
            looked = Some((epoch, Instant::now()));
        }
    }

    /// One look at all datasets. Answers whether one was left alone because it is being written to.
    async fn look_after(&self, schedule: &mut Schedule) -> bool {
        let datasets = match self.datasets() {
            Ok(datasets) => datasets,
            Err(error) => {
                tracing::warn!("the account's datasets can't be read, so none is repaired: {error:#}");
                return false;
            }
        };
        schedule.keep(&datasets);
        let mut postponed = false;
        for dataset in datasets {
            match self.look_after_one(dataset, schedule).await {
                Ok(left_alone) => postponed |= left_alone,
                Err(error) => tracing::warn!(%dataset, "the dataset could not be repaired: {error:#}"),
            }
        }
        postponed
    }

    async fn look_after_one(&self, dataset: DatasetId, schedule: &mut Schedule) -> Result<bool> {
        let state = catalog::read(&*self.shared.chain, dataset)?;
        let epoch = state.epoch;
        let Some(needs) = needs(&state) else {
            schedule.forget(dataset);
            return Ok(false);
        };
        if !schedule.is_due(dataset, &needs, epoch) {
            return Ok(false);
        }
        let opened = self.dataset(dataset)?;
        let Some(_turn) = opened.turns.try_repair() else { return Ok(true) };
        let done = repairing::repair(&self.shared, &opened, schedule.yields(dataset)).await;
        if done.as_ref().is_ok_and(|repaired| repaired.yielded) {
            schedule.yielded(dataset, needs, epoch);
            return Ok(true);
        }
        schedule.tried(dataset, needs, epoch);
        let repaired = done?;
        if !repaired.lagging.is_empty() {
            tracing::info!(
                %dataset, lagging = ?repaired.lagging, repaired = ?repaired.repaired, failed = ?repaired.failed,
                rebuilt_shards = repaired.rebuilt_shards, sent_bytes = repaired.sent_bytes,
                "repaired what could be repaired"
            );
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use bitdust_ledger::market::view::{DatasetInfo, SlotInfo};
    use bitdust_types::{Address, Amount, Height, Layout, Root, SlotRoot};

    use super::*;

    fn slot(supplier: u8, number: u64, end: u64) -> SlotInfo {
        SlotInfo {
            supplier: (supplier > 0).then(|| Address::repeat_byte(supplier)),
            number,
            bytes: 1,
            root: SlotRoot::default(),
            rate: Amount::ZERO,
            target_root: SlotRoot::default(),
            end: Epoch(end),
            deposit: Amount::ZERO,
            reserve: Amount::ZERO,
            due_from: None,
            last_failed: None,
        }
    }

    /// Four slots at revision 5 until epoch 20, in epoch 10.
    fn state() -> DatasetState {
        DatasetState {
            info: DatasetInfo {
                id: DatasetId([1; 32]),
                owner: Address::repeat_byte(9),
                payer: Address::repeat_byte(9),
                layout: Layout::new(2, 4).unwrap(),
                visibility: 0,
                ended: false,
                start: Epoch(0),
                end: Epoch(20),
                number: 5,
                bytes_per_slot: 1,
                price_cap: Amount::ZERO,
                escrow: Amount::ZERO,
                head: Root::default(),
            },
            slots: (1..=4).map(|supplier| slot(supplier, 5, 20)).collect(),
            missed: vec![0; 4],
            offers: vec![None; 4],
            peers: vec![None; 4],
            writers: Vec::new(),
            height: Height(100),
            epoch: Epoch(10),
        }
    }

    fn needed(change: impl FnOnce(&mut DatasetState)) -> Option<(Vec<u16>, Vec<u16>)> {
        let mut state = state();
        change(&mut state);
        needs(&state).map(|needs| (needs.free.into_iter().collect(), needs.lagging.into_iter().collect()))
    }

    #[test]
    fn what_is_repaired_is_what_nobody_holds_and_what_lags() {
        assert_eq!(needed(|_| ()), None);
        assert_eq!(needed(|state| state.slots[1] = slot(0, 0, 0)), Some((vec![1], vec![])));
        assert_eq!(needed(|state| state.slots[2].number = 4), Some((vec![], vec![2])));
        assert_eq!(needed(|state| state.missed[0] = 2), None, "two missed windows free nothing");
        assert_eq!(needed(|state| state.missed[0] = 3), Some((vec![0], vec![])));
        // The dataset was renewed, and this slot's supplier didn't follow.
        assert_eq!(needed(|state| state.slots[3].end = Epoch(10)), None, "its last epoch");
        assert_eq!(needed(|state| state.slots[3].end = Epoch(9)), Some((vec![3], vec![])));
        let both = |state: &mut DatasetState| {
            state.slots[0].number = 1;
            state.missed[0] = 3;
            state.slots[1].number = 1;
        };
        assert_eq!(needed(both), Some((vec![0], vec![1])), "each slot has one need");
    }

    #[test]
    fn what_is_over_or_empty_is_left_alone() {
        let broken = |change: fn(&mut DatasetState)| {
            needed(|state| {
                state.slots[1] = slot(0, 0, 0);
                change(state);
            })
        };
        assert!(broken(|_| ()).is_some());
        assert_eq!(broken(|state| state.info.ended = true), None);
        assert_eq!(broken(|state| state.info.number = 0), None);
        assert_eq!(broken(|state| state.epoch = Epoch(20)), None, "no epoch is left to be paid for");
    }

    fn some_needs(free: u16) -> Needs {
        Needs { number: 5, free: BTreeSet::from([free]), lagging: BTreeSet::new() }
    }

    /// Epochs in which a dataset that can't be repaired is tried.
    fn attempts(schedule: &mut Schedule, epochs: std::ops::Range<u64>, needs: &Needs) -> Vec<u64> {
        let dataset = DatasetId([1; 32]);
        let due = epochs.filter(|epoch| {
            let is_due = schedule.is_due(dataset, needs, Epoch(*epoch));
            if is_due {
                schedule.tried(dataset, needs.clone(), Epoch(*epoch));
            }
            is_due
        });
        due.collect()
    }

    #[test]
    fn what_fails_is_tried_less_and_less_often_but_never_given_up() {
        // Epochs of 30 s: 20 of them are ten minutes.
        let mut schedule = Schedule::new(&ChainParams::devnet(30, 1000));
        assert_eq!(attempts(&mut schedule, 0..92, &some_needs(0)), [0, 1, 3, 7, 15, 31, 51, 71, 91]);
        // Another need is no repetition.
        assert_eq!(attempts(&mut schedule, 92..96, &some_needs(1)), [92, 93, 95]);
        schedule.forget(DatasetId([1; 32]));
        assert_eq!(attempts(&mut schedule, 96..98, &some_needs(1)), [96, 97]);
        // Epochs of a day are each made use of.
        let mut daily = ChainParams::devnet(30, 1000);
        (daily.epoch_blocks, daily.block_time_ms) = (14_400, 6000);
        assert_eq!(attempts(&mut Schedule::new(&daily), 0..5, &some_needs(0)), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_repair_makes_way_for_puts_but_not_for_ever() {
        let mut schedule = Schedule::new(&ChainParams::devnet(30, 1000));
        let (dataset, other) = (DatasetId([1; 32]), DatasetId([2; 32]));
        for _ in 0..YIELDS_MAX {
            assert!(schedule.yields(dataset));
            schedule.yielded(dataset, some_needs(0), Epoch(3));
            assert!(schedule.is_due(dataset, &some_needs(0), Epoch(3)));
        }
        assert!(!schedule.yields(dataset) && schedule.yields(other));
        schedule.tried(dataset, some_needs(0), Epoch(3));
        assert!(schedule.yields(dataset));
        schedule.keep(&[other]);
        assert!(schedule.is_due(dataset, &some_needs(0), Epoch(3)), "what is gone is forgotten");
    }
}
