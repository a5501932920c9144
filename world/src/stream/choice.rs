//! Whom to ask for a chunk.
//!
//! The disk first; a player next, if it is likely to be in time, for that costs nobody anything; then the supplier of the
//! chunk's slot, one verified range. If that one is dead, suspected, at fault or too busy to be in time, k shards of the same
//! column are read from others and decoded; one more than k where there is one, so that a slow one among them doesn't matter, and
//! another for each holder that has just gone silent, since others may have gone with it. A holder on probation is tried with a
//! chunk that others are asked for at the same time.

use bitdust_types::Address;

use crate::stream::{
    holders::{Holder, Holders},
    located::Located,
    tally::Origin,
};

/// With less time than this until the deadline, those are asked too whose answers are overdue elsewhere.
const IN_NEED_MS: u64 = 1_500;

/// With less time than so many of its slow latencies, a holder that has no room isn't waited for.
const TURN_LATENCIES: u64 = 3;

/// Where a chunk is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This machine's disk.
    Cache,
    /// Another player's disk.
    Player(Address),
    /// The supplier of the chunk's slot: one range of its shard.
    Supplier {
        /// The slot.
        slot: u16,
        /// Its holder.
        holder: Address,
    },
    /// The same range of other shards. Any `needed` of them give the chunk's bytes.
    Column {
        /// How many must arrive.
        needed: u16,
        /// Slots and their holders, `needed` or more.
        holders: Vec<(u16, Address)>,
    },
}

impl Source {
    /// Who is asked.
    pub fn holders(&self) -> Vec<Address> {
        match self {
            Source::Cache => Vec::new(),
            Source::Player(holder) | Source::Supplier { holder, .. } => vec![*holder],
            Source::Column { holders, .. } => holders.iter().map(|(_, holder)| *holder).collect(),
        }
    }

    /// What a chunk that it gave is counted as.
    pub const fn origin(&self) -> Origin {
        match self {
            Source::Cache => Origin::Cache,
            Source::Player(_) => Origin::Player,
            Source::Supplier { .. } => Origin::Supplier,
            Source::Column { .. } => Origin::Column,
        }
    }
}

/// What can be done for a chunk now.
pub(super) enum Choice {
    /// Ask.
    Ask(Source),
    /// Wait until somebody has room.
    Full,
    /// Nobody can be asked before then.
    Nobody { until: u64 },
}

/// A chunk that somebody should be asked for.
pub(super) struct Errand<'a> {
    /// The slot that its bytes are in.
    pub slot: u16,
    /// What is left until its deadline.
    pub left_ms: u64,
    /// Whether the disk has been asked.
    pub cache_asked: bool,
    /// Players that don't have it.
    pub without: &'a [Address],
    /// Who is being asked for it now.
    pub asking: &'a [&'a Source],
}

/// Chooses whom to ask.
pub(super) fn choose(
    now_ms: u64,
    errand: &Errand<'_>,
    located: &Located,
    players: &[Address],
    known: &Holders,
) -> Choice {
    if !errand.cache_asked {
        return Choice::Ask(Source::Cache);
    }
    let supplier = located.holder(errand.slot);
    let slow_ms = supplier.map_or(u32::MAX, |supplier| known.get(&supplier).slow_ms());
    let in_time = |holder: &Holder| u64::from(holder.slow_ms()) * 2 <= errand.left_ms || holder.slow_ms() <= slow_ms;
    let player = players
        .iter()
        .filter(|player| !errand.without.contains(player))
        .filter(|player| !errand.asking.contains(&&Source::Player(**player)))
        .map(|player| (known.get(player), player))
        .filter(|(holder, _)| holder.is_usable(now_ms) && holder.has_room() && in_time(holder))
        .min_by_key(|(holder, player)| (holder.cost(), **player));
    if let Some((_, player)) = player {
        return Choice::Ask(Source::Player(*player));
    }
    let is_asked = |holder: &Address| {
        let asks = |source: &&Source| matches!(source, Source::Supplier { holder: asked, .. } if asked == holder);
        errand.asking.iter().any(asks)
    };
    let may_be_asked = |holder: &Address| {
        let it = known.get(holder);
        let is_trial = !it.is_trusted();
        it.is_usable(now_ms) && !is_asked(holder) && (!is_trial || it.has_room())
    };
    if let Some(holder) = supplier.filter(may_be_asked) {
        if known.get(&holder).has_room() {
            return Choice::Ask(Source::Supplier { slot: errand.slot, holder });
        }
        // Its turn may come too late: then k others are asked, if they have room.
        let is_pressing = errand.left_ms < IN_NEED_MS.max(TURN_LATENCIES * u64::from(slow_ms));
        let others = if is_pressing { column(now_ms, errand, located, known) } else { Choice::Full };
        return if matches!(others, Choice::Ask(_)) { others } else { Choice::Full };
    }
    column(now_ms, errand, located, known)
}

/// The quickest holders of other shards of the same column. Those on probation come in where the others are too few, or beyond
/// those that are needed.
fn column(now_ms: u64, errand: &Errand<'_>, located: &Located, known: &Holders) -> Choice {
    let needed = usize::from(located.needed());
    let others = |is_usable: fn(&Holder, u64) -> bool| {
        let usable =
            move |(slot, holder): &(u16, Address)| *slot != errand.slot && is_usable(known.get(holder), now_ms);
        located.holders().filter(usable).collect::<Vec<_>>()
    };
    let mut usable = others(Holder::is_usable);
    let mut has_room: fn(&Holder) -> bool = Holder::has_room;
    if usable.len() < needed && errand.left_ms < IN_NEED_MS {
        (usable, has_room) = (others(Holder::may_be_usable), Holder::has_room_in_need);
    }
    if usable.len() < needed {
        // Somebody's pause must end first.
        let until =
            located.holders().map(|(_, holder)| known.get(&holder).usable_from()).filter(|at| *at > now_ms).min();
        return Choice::Nobody { until: until.unwrap_or(u64::MAX) };
    }
    let is_trusted = |(_, holder): &(u16, Address)| known.get(holder).is_trusted();
    let trusted = usable.iter().filter(|it| is_trusted(it)).count();
    usable.retain(|(_, holder)| has_room(known.get(holder)));
    // Enough of those that answer will have room soon.
    let ready = usable.iter().filter(|it| is_trusted(it)).count();
    if usable.len() < needed || (trusted >= needed && ready < needed) {
        return Choice::Full;
    }
    let silent = located.holders().filter(|it| !is_trusted(it)).count();
    usable.sort_by_key(|it| (!known.get(&it.1).is_usable(now_ms), !is_trusted(it), known.get(&it.1).cost(), it.0));
    usable.truncate(needed + 1 + silent);
    Choice::Ask(Source::Column { needed: located.needed(), holders: usable })
}
