//! Puts blocks together from the parts that validators send. A plain state machine: parts go in, whole blocks come out.
//!
//! Parts belong together by their stream id and sender, whichever peer brings them. What strangers can make us keep:
//! nothing, since parts are signed by validators of the height. What validators can make us keep is bounded by
//! [`STREAMS_PER_ROUND_MAX`], by the rounds around the running one, by the height being decided and the next, and in bytes
//! by [`OPEN_BLOCKS_MAX`] blocks; beyond that, the sender that holds the most loses its oldest stream.
//!
//! Parts of the next height are taken too, because nodes finish a height some milliseconds apart. They are checked
//! against the present validators; whoever is none in the next set is dropped in [`Assembly::advance`].

use std::collections::{BTreeMap, BTreeSet};

use bitdust_types::Address;

use super::{
    context::Members,
    part::{Heading, Part},
};
use crate::Invalid;

/// Streams of one sender in one round: its own proposal, one that it passes on because it locked it, and one to spare
/// for a restart in between.
const STREAMS_PER_ROUND_MAX: usize = 3;
/// Rounds before and after the running one whose parts are kept. Who is further behind gets the block by sync.
const ROUND_WINDOW: u32 = 16;
/// Bytes kept in open streams, counted in largest blocks: 4 × 6.2 MiB = 25 MiB.
const OPEN_BLOCKS_MAX: usize = 4;

/// A whole block, not yet judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub heading: Heading,
    pub block: Vec<u8>,
}

/// The blocks being put together.
pub(super) struct Assembly {
    chain_id: u64,
    block_bytes_max: u32,
    members: Members,
    height: u64,
    round: u32,
    open: BTreeMap<Key, Open>,
    /// Streams that were completed or dropped, so that their late parts don't open them again.
    closed: BTreeSet<Key>,
    bytes: usize,
    opened: u64,
}

/// Sorted by height, round and sender, so that all streams of one sender and round lie together.
type Key = (u64, u32, Address, Vec<u8>);

struct Open {
    heading: Heading,
    parts: Vec<Option<Vec<u8>>>,
    missing: usize,
    bytes: usize,
    order: u64,
}

impl Assembly {
    /// Nothing collected yet; `height` is the one to be decided and `members` its validators.
    pub fn new(chain_id: u64, block_bytes_max: u32, height: u64, members: Members) -> Self {
        Assembly {
            chain_id,
            block_bytes_max,
            members,
            height,
            round: 0,
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
            bytes: 0,
            opened: 0,
        }
    }

    /// The running round of the height being decided.
    pub fn enter_round(&mut self, round: u32) {
        self.round = round;
        let (height, oldest) = (self.height, round.saturating_sub(ROUND_WINDOW));
        self.retain(|key| key.0 > height || key.1 >= oldest);
    }

    /// The next height is being decided, by these validators.
    pub fn advance(&mut self, height: u64, members: Members) {
        self.height = height;
        self.round = 0;
        self.members = members;
        let members = self.members.clone();
        self.retain(|key| key.0 >= height && members.contains(key.2));
    }

    /// Takes a part; gives the block that it completes. Parts seen before, and parts of a block already complete, are
    /// taken silently, since gossip repeats itself.
    pub fn add(&mut self, stream: &[u8], sequence: u64, part: Part) -> Result<Option<Whole>, Invalid> {
        let sender = self.admit(&part.heading)?;
        if sequence != u64::from(part.index) || stream.len() != 32 {
            return Err(Invalid::PartMismatch(sender));
        }
        let heading = &part.heading;
        let key: Key = (heading.height, heading.round, sender, stream.to_vec());
        if self.closed.contains(&key) {
            return Ok(None);
        }
        part.verify(self.chain_id, stream, self.block_bytes_max)?;
        if let Some(open) = self.open.get(&key)
            && open.heading != part.heading
        {
            self.close(&key);
            return Err(Invalid::PartMismatch(sender));
        }
        if !self.open.contains_key(&key) {
            self.open_stream(&key, &part.heading)?;
        }
        let Some(open) = self.open.get_mut(&key) else { return Ok(None) };
        let Some(slot) = open.parts.get_mut(usize::from(part.index)) else {
            return Err(Invalid::PartMismatch(sender));
        };
        match slot {
            Some(data) if *data == part.data => return Ok(None),
            Some(_) => {
                // Two signed versions of one part: whatever comes of this stream, it is not what the sender meant.
                self.close(&key);
                return Err(Invalid::PartMismatch(sender));
            }
            None => {}
        }
        open.bytes += part.data.len();
        self.bytes += part.data.len();
        *slot = Some(part.data);
        open.missing -= 1;
        if open.missing > 0 {
            self.make_room(&key);
            return Ok(None);
        }
        Ok(self
            .close(&key)
            .map(|open| Whole { heading: open.heading, block: open.parts.into_iter().flatten().flatten().collect() }))
    }

    /// Bytes held in open streams.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The cheap checks: is this a part that we could use at all?
    fn admit(&self, heading: &Heading) -> Result<Address, Invalid> {
        let sender = Address::from(heading.sender);
        if heading.height != self.height && heading.height != self.height + 1 {
            return Err(Invalid::PartHeight { got: heading.height, working: self.height });
        }
        let working = if heading.height == self.height { self.round } else { 0 };
        if heading.round.abs_diff(working) > ROUND_WINDOW {
            return Err(Invalid::PartRound { got: heading.round, working });
        }
        if !self.members.contains(sender) {
            return Err(Invalid::Foreign(sender));
        }
        // The next height's proposer depends on the next set, which may differ from the present one.
        let named = Address::from(heading.proposer);
        let expected = self.members.proposer(heading.height, heading.round);
        if heading.height == self.height && named != expected {
            return Err(Invalid::PartProposer { named, expected });
        }
        Ok(sender)
    }

    fn open_stream(&mut self, key: &Key, heading: &Heading) -> Result<(), Invalid> {
        let first = (key.0, key.1, key.2, Vec::new());
        let same = |other: &Key| (other.0, other.1, other.2) == (key.0, key.1, key.2);
        let open = self.open.range(first.clone()..).take_while(|(other, _)| same(other)).count();
        let closed = self.closed.range(first..).take_while(|other| same(other)).count();
        if open + closed >= STREAMS_PER_ROUND_MAX {
            return Err(Invalid::Streams { sender: key.2, max: STREAMS_PER_ROUND_MAX });
        }
        let missing = heading.parts();
        self.opened += 1;
        let open = Open { heading: heading.clone(), parts: vec![None; missing], missing, bytes: 0, order: self.opened };
        self.open.insert(key.clone(), open);
        Ok(())
    }

    /// Drops streams until what is open fits again. `keep` is the one that just grew: it goes last among its sender's.
    fn make_room(&mut self, keep: &Key) {
        while self.bytes > OPEN_BLOCKS_MAX * self.block_bytes_max as usize {
            let mut held: BTreeMap<Address, usize> = BTreeMap::new();
            for (key, open) in &self.open {
                *held.entry(key.2).or_default() += open.bytes;
            }
            let greediest = held.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(sender, _)| sender);
            let oldest = self
                .open
                .iter()
                .filter(|(key, _)| Some(key.2) == greediest)
                .min_by_key(|(key, open)| (*key == keep, open.order))
                .map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.close(&oldest);
        }
    }

    fn close(&mut self, key: &Key) -> Option<Open> {
        let open = self.open.remove(key)?;
        self.bytes -= open.bytes;
        self.closed.insert(key.clone());
        Some(open)
    }

    fn retain(&mut self, keep: impl Fn(&Key) -> bool) {
        self.open.retain(|key, _| keep(key));
        self.closed.retain(keep);
        self.bytes = self.open.values().map(|open| open.bytes).sum();
    }
}

#[cfg(test)]
mod tests;
