//! The Market read from outside of execution: offers, suppliers, datasets, slots, over any [`StateReader`].
//!
//! The same reading functions answer the contract's ABI views. A state doesn't know its height; what depends on it
//! (windows missed, pay that is pending) takes it as an argument.

use alloy_primitives::{Address, B256, Bytes, U256};
use bitdust_types::{Amount, ChainParams, DatasetId, Epoch, Height, Layout, Root, SlotRoot, system};

use super::{
    layout::{self, Dataset, ENDED, Leaf, Offer, Slot, Supplier, Writer},
    reap, samples,
    samples::Sample,
    settle,
};
use crate::{
    contract::words::{Record, StateWords, Words},
    state::{StateError, StateReader},
};

/// A listed offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferInfo {
    /// The supplier's account.
    pub supplier: Address,
    /// Price per GiB and epoch.
    pub price_per_gib_epoch: Amount,
    /// Price per GiB read.
    pub egress_per_gib: Amount,
    /// Bytes offered in all.
    pub capacity_bytes: u64,
    /// Longest term in epochs.
    pub max_term_epochs: u64,
    /// Last height at which it stands; it may lie in the past.
    pub valid_until: Height,
    /// Whoever runs the supplier, as it says itself.
    pub operator: B256,
    /// Where it says it is.
    pub region: String,
    /// Its libp2p peer id.
    pub peer_id: Bytes,
}

/// A supplier's pool and record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplierInfo {
    /// Collateral that backs nothing.
    pub free: Amount,
    /// Collateral that backs slots.
    pub reserved: Amount,
    /// Epochs proven in all.
    pub proven_epochs: u64,
    /// The last of them.
    pub last_proven: Option<Epoch>,
    /// The first epoch that began with bytes to prove, since it last had none.
    pub first_due: Option<Epoch>,
    /// Slots held.
    pub slots: u32,
    /// Bytes held now.
    pub total_bytes: u64,
    /// Bit `e mod 256` for each proven epoch e of the 256 up to `last_proven`.
    pub proven_bitmap: U256,
}

/// A dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetInfo {
    /// Its id.
    pub id: DatasetId,
    /// Who may do anything with it.
    pub owner: Address,
    /// Who pays and is refunded.
    pub payer: Address,
    /// The erasure code.
    pub layout: Layout,
    /// 0 private, 1 public.
    pub visibility: u8,
    /// True once it was ended.
    pub ended: bool,
    /// Epoch of creation.
    pub start: Epoch,
    /// Last epoch that is paid for.
    pub end: Epoch,
    /// Number of the last revision; 0 before the first.
    pub number: u64,
    /// Bytes per slot that it aims at.
    pub bytes_per_slot: u64,
    /// Highest rate that a slot may cost.
    pub price_cap: Amount,
    /// Grains not bound to a slot.
    pub escrow: Amount,
    /// Root of the newest revision blob.
    pub head: Root,
}

impl DatasetInfo {
    /// Whether anybody may read it.
    pub const fn is_public(&self) -> bool {
        self.visibility == 1
    }
}

/// One slot of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// Who holds it.
    pub supplier: Option<Address>,
    /// Revision held.
    pub number: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Root held.
    pub root: SlotRoot,
    /// Agreed price per GiB and epoch.
    pub rate: Amount,
    /// Root aimed at.
    pub target_root: SlotRoot,
    /// Last epoch that this slot is paid for.
    pub end: Epoch,
    /// Grains bound to pay it.
    pub deposit: Amount,
    /// Part of the supplier's collateral that backs it.
    pub reserve: Amount,
    /// First epoch that began with bytes in it.
    pub due_from: Option<Epoch>,
    /// Last epoch with a failed sample.
    pub last_failed: Option<Epoch>,
}

/// An account that may revise a dataset within bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterInfo {
    /// The account.
    pub writer: Address,
    /// Bytes before parity that it may add.
    pub quota_bytes: u64,
    /// Bytes that it has added.
    pub used_bytes: u64,
    /// Last epoch of its right.
    pub expiry: Epoch,
}

/// One slot in a supplier's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSlot {
    /// The dataset.
    pub dataset: DatasetId,
    /// The slot's number.
    pub slot: u16,
    /// Bytes held.
    pub bytes: u64,
}

/// The Market as of one state.
#[derive(Clone, Copy)]
pub struct MarketView<'a> {
    state: &'a dyn StateReader,
    params: &'a ChainParams,
}

impl<'a> MarketView<'a> {
    /// A view of a state.
    pub fn new(state: &'a dyn StateReader, params: &'a ChainParams) -> Self {
        MarketView { state, params }
    }

    /// The state that it shows, for the views of other contracts on the same one.
    pub fn state(&self) -> &'a dyn StateReader {
        self.state
    }

    fn words(&self) -> StateWords<'a> {
        StateWords::new(self.state, system::MARKET)
    }

    /// A supplier's offer, if it has published one.
    pub fn offer(&self, supplier: Address) -> Result<Option<OfferInfo>, StateError> {
        offer(&mut self.words(), supplier)
    }

    /// The libp2p peer id of a supplier that has an offer or holds slots, as its last offer named it.
    pub fn peer_id(&self, supplier: Address) -> Result<Option<Bytes>, StateError> {
        let record = Offer::load(&mut self.words(), layout::offer(supplier))?;
        Ok((record.peer_len != 0).then(|| peer_id(&record)))
    }

    /// All listed offers, expired ones included: compare `valid_until` with the height.
    pub fn offers(&self) -> Result<Vec<OfferInfo>, StateError> {
        offers(&mut self.words(), 0, u32::MAX)
    }

    /// A supplier's pool and record; all zeros for an account that never was one.
    pub fn supplier(&self, supplier: Address) -> Result<SupplierInfo, StateError> {
        let record = Supplier::load(&mut self.words(), layout::supplier(supplier))?;
        Ok(supplier_info(&record))
    }

    /// The slots that a supplier holds.
    pub fn slots_of(&self, supplier: Address) -> Result<Vec<HeldSlot>, StateError> {
        held_slots(&mut self.words(), supplier, 0, u32::MAX)
    }

    /// A dataset, if it was ever created.
    pub fn dataset(&self, id: DatasetId) -> Result<Option<DatasetInfo>, StateError> {
        dataset(&mut self.words(), id.into())
    }

    /// One slot of a dataset, if there is such a slot.
    pub fn slot(&self, id: DatasetId, number: u16) -> Result<Option<SlotInfo>, StateError> {
        slot(&mut self.words(), id.into(), number).map(|found| found.map(|(info, _)| info))
    }

    /// All slots of a dataset in their order; empty for an unknown one.
    pub fn slots(&self, id: DatasetId) -> Result<Vec<SlotInfo>, StateError> {
        let n = self.dataset(id)?.map_or(0, |dataset| dataset.layout.n());
        (0..u16::from(n)).filter_map(|number| self.slot(id, number).transpose()).collect()
    }

    /// A dataset's writers.
    pub fn writers(&self, id: DatasetId) -> Result<Vec<WriterInfo>, StateError> {
        writers(&mut self.words(), id.into())
    }

    /// Datasets of an owner that are in use: first those it pays for, then those that others pay for.
    pub fn datasets_of(&self, owner: Address) -> Result<Vec<DatasetId>, StateError> {
        let ids = datasets_of(&mut self.words(), owner, 0, u32::MAX)?;
        Ok(ids.into_iter().map(DatasetId::from).collect())
    }

    /// Windows that a slot's supplier has missed in a row; at three, anybody may free the slot.
    pub fn missed_windows(&self, id: DatasetId, number: u16, height: Height) -> Result<u64, StateError> {
        let mut words = self.words();
        let Some((_, slot)) = slot(&mut words, id.into(), number)? else { return Ok(0) };
        let supplier = Supplier::load(&mut words, layout::supplier(slot.supplier))?;
        let window_over = self.params.index_in_epoch(height) > self.params.window_last;
        Ok(reap::missed_windows(&slot, &supplier, self.params.epoch_of(height).0, window_over))
    }

    /// What a slot has earned since its last settlement, the fee included.
    pub fn pending(&self, id: DatasetId, number: u16, epoch: Epoch) -> Result<Amount, StateError> {
        let mut words = self.words();
        let Some((_, slot)) = slot(&mut words, id.into(), number)? else { return Ok(Amount::ZERO) };
        let supplier = Supplier::load(&mut words, layout::supplier(slot.supplier))?;
        Ok(Amount::from_grains(pending(&slot, &supplier, epoch.0)))
    }

    /// The epoch in which a slot was last settled; `None` if nobody holds it.
    pub fn settled_in(&self, id: DatasetId, number: u16) -> Result<Option<Epoch>, StateError> {
        let found = slot(&mut self.words(), id.into(), number)?;
        Ok(found.and_then(|(info, slot)| info.supplier.map(|_| Epoch(slot.anchor))))
    }

    /// What a supplier must show in an epoch: `None` until the epoch's seed is known, and once the epoch is over and
    /// the supplier's slots have changed since; empty if nothing is due.
    pub fn samples(&self, supplier: Address, epoch: Epoch) -> Result<Option<Vec<Sample>>, StateError> {
        let Some(seed) = crate::beacon::seed(self.state, epoch)? else { return Ok(None) };
        samples::draw(&mut self.words(), supplier, epoch.0, seed, self.params.samples)
    }

    /// Bytes that a supplier must prove in an epoch; `None` if its slots have changed in a later one already.
    pub fn due_bytes(&self, supplier: Address, epoch: Epoch) -> Result<Option<u64>, StateError> {
        let record = Supplier::load(&mut self.words(), layout::supplier(supplier))?;
        Ok(super::fenwick::due(&record, epoch.0))
    }
}

/// An offer by its supplier.
pub(super) fn offer<W: Words>(words: &mut W, who: Address) -> Result<Option<OfferInfo>, W::Error> {
    let record = Offer::load(words, layout::offer(who))?;
    let text = |word: B256, len: u8| String::from_utf8_lossy(&word[..usize::from(len).min(32)]).into_owned();
    Ok((record.listed != 0).then(|| OfferInfo {
        supplier: who,
        price_per_gib_epoch: Amount::from_grains(record.price),
        egress_per_gib: Amount::from_grains(record.egress),
        capacity_bytes: record.capacity,
        max_term_epochs: record.term_max,
        valid_until: Height(record.valid_until),
        operator: record.operator,
        region: text(record.region, record.region_len),
        peer_id: peer_id(&record),
    }))
}

fn peer_id(record: &Offer) -> Bytes {
    let mut peer = [record.peer_low.0, record.peer_high.0].concat();
    peer.truncate(usize::from(record.peer_len));
    peer.into()
}

/// Offers by their place in the list.
pub(super) fn offers<W: Words>(words: &mut W, from: u32, count: u32) -> Result<Vec<OfferInfo>, W::Error> {
    let total = u32::load(words, layout::offer_count())?;
    let mut found = Vec::new();
    for place in from..total.min(from.saturating_add(count)) {
        let who = Address::load(words, layout::offer_at(place))?;
        found.extend(offer(words, who)?);
    }
    Ok(found)
}

pub(super) fn supplier_info(record: &Supplier) -> SupplierInfo {
    let epoch = |number: u64| (number != 0).then_some(Epoch(number));
    SupplierInfo {
        free: Amount::from_grains(record.free),
        reserved: Amount::from_grains(record.reserved),
        proven_epochs: record.proven,
        last_proven: epoch(record.last_proven),
        first_due: epoch(record.first_due),
        slots: record.slots,
        total_bytes: record.total,
        proven_bitmap: record.bitmap,
    }
}

/// Slots in a supplier's hands, by leaf.
pub(super) fn held_slots<W: Words>(
    words: &mut W,
    who: Address,
    from: u32,
    count: u32,
) -> Result<Vec<HeldSlot>, W::Error> {
    let supplier = Supplier::load(words, layout::supplier(who))?;
    let mut found = Vec::new();
    for index in from..supplier.leaves.min(from.saturating_add(count)) {
        let index = index + 1;
        let leaf = Leaf::load(words, layout::leaf(who, index))?;
        let slot = Slot::load(words, layout::slot(leaf.dataset, leaf.slot))?;
        if slot.supplier == who && slot.index == index {
            found.push(HeldSlot { dataset: leaf.dataset.into(), slot: leaf.slot, bytes: slot.bytes });
        }
    }
    Ok(found)
}

/// A dataset by its id.
pub(super) fn dataset<W: Words>(words: &mut W, id: B256) -> Result<Option<DatasetInfo>, W::Error> {
    let record = Dataset::load(words, layout::dataset(id))?;
    // `create` admits valid layouts only; a record of zeros has none.
    Ok(Layout::new(record.k, record.n).ok().map(|layout| DatasetInfo {
        id: id.into(),
        owner: record.owner,
        payer: record.payer,
        layout,
        visibility: record.visibility,
        ended: record.status == ENDED,
        start: Epoch(record.start),
        end: Epoch(record.end),
        number: record.number,
        bytes_per_slot: record.bytes,
        price_cap: Amount::from_grains(record.price_cap),
        escrow: Amount::from_grains(record.escrow),
        head: record.head.into(),
    }))
}

/// A slot, for reading and as it lies in storage.
pub(super) fn slot<W: Words>(words: &mut W, id: B256, number: u16) -> Result<Option<(SlotInfo, Slot)>, W::Error> {
    let dataset = Dataset::load(words, layout::dataset(id))?;
    if number >= u16::from(dataset.n) {
        return Ok(None);
    }
    let record = Slot::load(words, layout::slot(id, number))?;
    let target = B256::load(words, layout::target(id, number))?;
    let epoch = |number: u64| (number != 0).then_some(Epoch(number));
    let info = SlotInfo {
        supplier: (!record.supplier.is_zero()).then_some(record.supplier),
        number: record.number,
        bytes: record.bytes,
        root: record.root.into(),
        rate: Amount::from_grains(record.rate),
        target_root: target.into(),
        end: Epoch(record.end),
        deposit: Amount::from_grains(record.deposit),
        reserve: Amount::from_grains(record.reserve),
        due_from: epoch(record.due_from),
        last_failed: epoch(record.last_failed),
    };
    Ok(Some((info, record)))
}

pub(super) fn writers<W: Words>(words: &mut W, id: B256) -> Result<Vec<WriterInfo>, W::Error> {
    let count = Dataset::load(words, layout::dataset(id))?.writers;
    let info = |writer: Writer| WriterInfo {
        writer: writer.account,
        quota_bytes: writer.quota,
        used_bytes: writer.used,
        expiry: Epoch(writer.expiry),
    };
    (0..count).map(|place| Writer::load(words, layout::writer(id, place)).map(info)).collect()
}

/// Ids of an owner's datasets, its own list before that of its gifts.
pub(super) fn datasets_of<W: Words>(
    words: &mut W,
    owner: Address,
    from: u32,
    count: u32,
) -> Result<Vec<B256>, W::Error> {
    let (own, given) = dataset_counts(words, owner)?;
    (u64::from(from)..(u64::from(own) + u64::from(given)).min(u64::from(from) + u64::from(count)))
        .map(|place| {
            // Both counts fit 32 bits, so the place within a list does.
            let (list, place) =
                if place < u64::from(own) { (0, place as u32) } else { (1, (place - u64::from(own)) as u32) };
            B256::load(words, layout::owned_at(owner, list, place))
        })
        .collect()
}

/// How many datasets an owner has: paid by itself, paid by others.
pub(super) fn dataset_counts<W: Words>(words: &mut W, owner: Address) -> Result<(u32, u32), W::Error> {
    let own = u32::load(words, layout::owned_count(owner, 0))?;
    Ok((own, u32::load(words, layout::owned_count(owner, 1))?))
}

/// What a slot would be paid if it were settled in `epoch`. Reading never fails on money: the deposit bounds it.
pub(super) fn pending(slot: &Slot, supplier: &Supplier, epoch: u64) -> u128 {
    if slot.supplier.is_zero() {
        return 0;
    }
    let parts = settle::due(slot, supplier, epoch);
    let sum = parts.iter().flatten().map(|part| part.price().unwrap_or(u128::MAX)).fold(0u128, u128::saturating_add);
    sum.min(slot.deposit)
}
