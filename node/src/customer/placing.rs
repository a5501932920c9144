//! Who gets a free slot: offers from the ledger, met on the network, chosen by the market's rule.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::PoisonError,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bitdust_ledger::market::view::{OfferInfo, SlotInfo, SupplierInfo};
use bitdust_market::customer::{
    Candidate, Placement, Policy, Record, Unplaced,
    placement::{lot, place, score},
};
use bitdust_network::{Handle, PeerId};
use bitdust_types::{Address, DatasetId, Epoch};
use futures::{StreamExt as _, stream};

use super::{Dataset, Shared, catalog::DatasetState, remote::SupplierRef};
use crate::chain_api::look;

/// Candidates that are met, per slot to fill: enough to choose from, few enough not to dial the whole network.
const MET_PER_SLOT: usize = 3;
/// Candidates met at once.
const MEETINGS_AT_ONCE: usize = 16;
/// How long a candidate may take to answer the door.
const MEETING: Duration = Duration::from_secs(8);
/// Rounds of choosing and trying.
const ROUNDS: usize = 4;
/// Bytes that a chosen supplier should have free at least: one slab's shard.
const SLOT_BYTES_LEAST: u64 = 40 << 20;

/// What was learned from meeting a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Where it is.
    pub addresses: Vec<IpAddr>,
    /// How long the connection took, in milliseconds.
    pub latency_ms: u64,
}

/// Meets peers.
#[async_trait]
pub trait Surveyor: Send + Sync + 'static {
    /// Connects to a peer, named by the bytes of its peer id.
    async fn meet(&self, peer: &[u8]) -> Result<Met, String>;
}

#[async_trait]
impl Surveyor for Handle {
    async fn meet(&self, peer: &[u8]) -> Result<Met, String> {
        let peer = PeerId::from_bytes(peer).map_err(|error| format!("the offer's peer id is malformed: {error}"))?;
        let begun = Instant::now();
        self.connect(peer).await.map_err(|error| error.to_string())?;
        let latency_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let known = self.peers().into_iter().find(|known| known.id == peer);
        let texts = known.map(|known| known.addresses).unwrap_or_default();
        let addresses = texts.iter().filter_map(|address| ip_of(&address.to_string())).collect();
        Ok(Met { addresses, latency_ms })
    }
}

/// The IP address at the head of a multiaddress.
fn ip_of(multiaddress: &str) -> Option<IpAddr> {
    let mut parts = multiaddress.split('/').skip(1);
    match parts.next()? {
        "ip4" | "ip6" => parts.next()?.parse().ok(),
        _ => None,
    }
}

/// Points a lane at a supplier for every slot that nobody holds, trying the chosen ones and choosing again where they
/// don't open. Answers the rate to offer, slot by slot, and why slots without a supplier have none.
pub async fn fill(
    shared: &Shared,
    dataset: &Dataset,
    state: &DatasetState,
) -> Result<(BTreeMap<u16, Placement>, BTreeMap<u16, String>)> {
    let mut free: Vec<u16> = state.slot_numbers().filter(|slot| is_free(state, *slot)).collect();
    let (mut placed, mut refused) = (BTreeMap::new(), BTreeMap::new());
    let mut excluded: BTreeSet<Address> = BTreeSet::new();
    for _ in 0..ROUNDS {
        if free.is_empty() {
            break;
        }
        let (chosen, unplaced) = choose(shared, dataset, state, &free, &placed, &excluded).await?;
        if let Some(unplaced) = &unplaced {
            let left = free.iter().filter(|slot| chosen.iter().all(|placement| placement.slot != **slot));
            left.for_each(|slot| {
                refused.insert(*slot, unplaced.to_string());
            });
            if chosen.is_empty() {
                break;
            }
        }
        let tries =
            chosen.into_iter().map(|placement| async move { (placement, try_open(shared, dataset, &placement).await) });
        let tried: Vec<_> = stream::iter(tries).buffer_unordered(MEETINGS_AT_ONCE).collect().await;
        for (placement, opened) in tried {
            match opened {
                Ok(()) => {
                    refused.remove(&placement.slot);
                    placed.insert(placement.slot, placement);
                }
                Err(reason) => {
                    shared.note_failure(placement.supplier);
                    excluded.insert(placement.supplier);
                    refused.insert(placement.slot, reason);
                }
            }
        }
        free.retain(|slot| !placed.contains_key(slot));
    }
    for placement in placed.values() {
        let record = Record::Placed { dataset: dataset.id, slot: placement.slot, supplier: placement.supplier };
        if shared.logbook.look(|uploads| uploads.placed(dataset.id, placement.slot)) != Some(placement.supplier) {
            shared.logbook.write(record, false).await?;
        }
    }
    Ok((placed, refused))
}

/// Whether a slot has nobody, or somebody whom anybody may replace: who has missed three windows, or whose own term is over
/// because it didn't follow when the dataset's was lengthened.
pub fn is_free(state: &DatasetState, slot: u16) -> bool {
    let index = usize::from(slot);
    let vacant = |info: &SlotInfo| info.supplier.is_none() || info.end < state.epoch;
    state.slots.get(index).is_some_and(vacant) || state.missed.get(index).is_some_and(|missed| *missed >= 3)
}

/// Strikes out who was chosen for slots, now that the ledger says who holds them: if one is lost, its supplier is no better a
/// choice than others.
pub async fn forget(shared: &Shared, dataset: DatasetId, slots: impl Iterator<Item = u16>) -> Result<()> {
    for slot in slots {
        if shared.logbook.look(|uploads| uploads.placed(dataset, slot)).is_some_and(|supplier| !supplier.is_zero()) {
            shared.logbook.write(Record::Placed { dataset, slot, supplier: Address::ZERO }, false).await?;
        }
    }
    Ok(())
}

/// Points a slot's lane at the supplier that was chosen for it.
pub fn aim(shared: &Shared, dataset: &Dataset, placement: &Placement) -> Result<(), String> {
    let offer =
        look(&*shared.chain, |view, _| Ok(view.offer(placement.supplier)?)).map_err(|error| error.to_string())?;
    let peer = offer.ok_or("its offer is gone")?.peer_id.to_vec();
    dataset.lanes.set(placement.slot, Some(SupplierRef { account: placement.supplier, peer }));
    Ok(())
}

async fn try_open(shared: &Shared, dataset: &Dataset, placement: &Placement) -> Result<(), String> {
    let slot = placement.slot;
    aim(shared, dataset, placement)?;
    let opened = tokio::time::timeout(MEETING, dataset.lanes.take(shared, slot)).await;
    match opened {
        Ok(Ok(remote)) => {
            dataset.lanes.give_back(slot, remote);
            Ok(())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("supplier {} didn't answer within {MEETING:?}", placement.supplier)),
    }
}

/// Suppliers for free slots, and why there aren't enough of them, if so.
async fn choose(
    shared: &Shared,
    dataset: &Dataset,
    state: &DatasetState,
    free: &[u16],
    placed: &BTreeMap<u16, Placement>,
    excluded: &BTreeSet<Address>,
) -> Result<(Vec<Placement>, Option<Unplaced>)> {
    let known = look(&*shared.chain, |view, height| {
        let mut known = Vec::new();
        for offer in view.offers()? {
            if offer.valid_until >= height {
                let supplier = view.supplier(offer.supplier)?;
                known.push((offer, supplier));
            }
        }
        Ok(known)
    })
    .context("reading the offers")?;
    let epoch = shared.chain.params().epoch_of(state.height);
    let policy = Policy {
        dataset: dataset.id,
        price_cap: state.info.price_cap,
        slot_bytes: state.info.bytes_per_slot.max(SLOT_BYTES_LEAST),
        term_epochs: state.info.end.0.saturating_sub(epoch.0),
        regions: BTreeSet::new(),
        share_loopback: shared.share_loopback,
    };
    let holding: BTreeSet<Address> = state
        .slot_numbers()
        .filter(|slot| !is_free(state, *slot))
        .filter_map(|slot| state.slots[usize::from(slot)].supplier)
        .chain(placed.values().map(|placement| placement.supplier))
        .collect();
    let (mut holders, mut candidates) = (Vec::new(), Vec::new());
    for (offer, supplier) in &known {
        let candidate = candidate(offer, supplier, epoch);
        match () {
            () if holding.contains(&offer.supplier) => holders.push(candidate),
            () if !excluded.contains(&offer.supplier) => candidates.push((candidate, offer.peer_id.to_vec())),
            () => {}
        }
    }
    let candidates = meet(shared, dataset.id, candidates, free.len()).await;
    let sticky = |slot: &u16| {
        let before = shared.logbook.look(|uploads| uploads.placed(dataset.id, *slot))?;
        let candidate = candidates.iter().find(|candidate| candidate.account == before)?;
        Some(Placement { slot: *slot, supplier: before, rate: candidate.price })
    };
    // Whoever was chosen before a crash has shards already.
    let kept: Vec<Placement> = free.iter().filter_map(sticky).collect();
    let rest: Vec<u16> =
        free.iter().copied().filter(|slot| kept.iter().all(|placement| placement.slot != *slot)).collect();
    let (taken, open): (Vec<Candidate>, Vec<Candidate>) = candidates
        .iter()
        .cloned()
        .partition(|candidate| kept.iter().any(|placement| placement.supplier == candidate.account));
    holders.extend(taken);
    let now_ms = shared.now_ms();
    let failures = shared.failures.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut placements, unplaced) = match place(&rest, &holders, &open, &policy, &failures, now_ms) {
        Ok(placements) => (placements, None),
        // A dataset begins with all of its slots or not at all. Later each slot that finds a supplier is a gain.
        Err(unplaced) if state.info.number == 0 => return Ok((Vec::new(), Some(unplaced))),
        Err(unplaced) => {
            let first = rest.get(..unplaced.found).unwrap_or_default();
            (place(first, &holders, &open, &policy, &failures, now_ms).unwrap_or_default(), Some(unplaced))
        }
    };
    placements.extend(kept);
    Ok((placements, unplaced))
}

/// Meets the best candidates; those that can't be met are left out.
async fn meet(
    shared: &Shared,
    dataset: DatasetId,
    mut candidates: Vec<(Candidate, Vec<u8>)>,
    slots: usize,
) -> Vec<Candidate> {
    let now_ms = shared.now_ms();
    let cheapest = candidates.iter().map(|(candidate, _)| candidate.price).min().unwrap_or_default();
    {
        let failures = shared.failures.lock().unwrap_or_else(PoisonError::into_inner);
        candidates.sort_by_cached_key(|(candidate, _)| {
            let failed = failures.weight(candidate.account, now_ms);
            (std::cmp::Reverse(score(candidate, cheapest, failed)), lot(&dataset, &candidate.account))
        });
    }
    candidates.truncate(slots * MET_PER_SLOT + MEETINGS_AT_ONCE);
    let meetings = candidates.into_iter().map(|(mut candidate, peer)| async move {
        match tokio::time::timeout(MEETING, shared.surveyor.meet(&peer)).await {
            Ok(Ok(met)) => {
                candidate.addresses = met.addresses;
                candidate.latency_ms = Some(met.latency_ms);
                Some(candidate)
            }
            Ok(Err(reason)) => {
                tracing::debug!(account = %candidate.account, %reason, "a supplier can't be met");
                shared.note_failure(candidate.account);
                None
            }
            Err(_) => {
                shared.note_failure(candidate.account);
                None
            }
        }
    });
    stream::iter(meetings).buffer_unordered(MEETINGS_AT_ONCE).filter_map(std::future::ready).collect().await
}

fn candidate(offer: &OfferInfo, supplier: &SupplierInfo, epoch: Epoch) -> Candidate {
    let due = supplier.first_due.map_or(0, |first| epoch.0.saturating_sub(first.0));
    Candidate {
        account: offer.supplier,
        operator: offer.operator,
        region: offer.region.clone(),
        price: offer.price_per_gib_epoch,
        capacity_free_bytes: offer.capacity_bytes.saturating_sub(supplier.total_bytes),
        collateral_free: supplier.free,
        term_epochs_max: offer.max_term_epochs,
        addresses: Vec::new(),
        proven_epochs: supplier.proven_epochs,
        missed_epochs: due.saturating_sub(supplier.proven_epochs),
        latency_ms: None,
        kib_per_second: None,
    }
}
