//! Orders that the thread hasn't room for yet.
//!
//! Nothing that the viewer asks for once may be lost, and nothing may grow without end: chunks wait by their places, so there
//! are never more than the viewer wants and has wanted, and of a voxel's edits only the last one waits.

use std::collections::{BTreeMap, BTreeSet};

use bitdust_world::{BlockId, ChunkPos, LocationPos, VoxelPos};

use crate::source::{Deed, Order};

/// Voxels that wait for a node at most: as many as it takes in one call.
pub(super) const EDITS_MAX: usize = 65_536;
/// Locations about which something is to be done at most: a person presses one button at a time.
const LAND_MAX: usize = 8;

/// What waits, and in which order it goes.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    drop: BTreeSet<ChunkPos>,
    edits: BTreeMap<VoxelPos, BlockId>,
    /// With deadlines on the viewer's clock, and what that clock said last.
    fetch: BTreeMap<ChunkPos, u64>,
    now_ms: u64,
    places: Option<VoxelPos>,
    land: BTreeMap<LocationPos, Deed>,
}

impl Backlog {
    /// Takes an order. False if it is an edit and too many wait already: then it is not taken.
    #[must_use]
    pub fn add(&mut self, order: Order) -> bool {
        match order {
            Order::Fetch { now_ms, chunks } => {
                self.now_ms = now_ms;
                self.fetch.extend(chunks);
            }
            Order::Drop(chunks) => {
                for pos in chunks {
                    self.fetch.remove(&pos);
                    self.drop.insert(pos);
                }
            }
            Order::Edit { at, block } => {
                if self.edits.len() >= EDITS_MAX && !self.edits.contains_key(&at) {
                    return false;
                }
                self.edits.insert(at, block);
            }
            Order::Places { near } => self.places = Some(near),
            Order::Land { location, deed } => {
                // A look is part of every deed, and takes none's place.
                if deed != Deed::Look || !self.land.contains_key(&location) {
                    self.land.insert(location, deed);
                }
                while self.land.len() > LAND_MAX {
                    self.land.pop_first();
                }
            }
            // These go another way (`company.rs`), and each only as long as it is new.
            Order::Say(_) | Order::Pose(_) => {}
        }
        true
    }

    /// The next order to go. A chunk that was dropped and is wanted again goes in that order.
    pub fn next(&mut self) -> Option<Order> {
        if !self.drop.is_empty() {
            return Some(Order::Drop(std::mem::take(&mut self.drop).into_iter().collect()));
        }
        if let Some((at, block)) = self.edits.pop_first() {
            return Some(Order::Edit { at, block });
        }
        if !self.fetch.is_empty() {
            let chunks = std::mem::take(&mut self.fetch).into_iter().collect();
            return Some(Order::Fetch { now_ms: self.now_ms, chunks });
        }
        if let Some((location, deed)) = self.land.pop_first() {
            return Some(Order::Land { location, deed });
        }
        self.places.take().map(|near| Order::Places { near })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(chunks: &[ChunkPos]) -> Order {
        Order::Fetch { now_ms: 7, chunks: chunks.iter().map(|pos| (*pos, 9)).collect() }
    }

    #[test]
    fn nothing_that_waits_is_lost_and_what_is_dropped_goes_first() {
        let (a, b) = (ChunkPos::new(1, 0, 0), ChunkPos::new(2, 0, 0));
        let mut backlog = Backlog::default();
        assert!(backlog.add(fetch(&[a])) && backlog.add(fetch(&[b])));
        assert!(backlog.add(Order::Drop(vec![a])) && backlog.add(fetch(&[a])));
        assert!(backlog.add(Order::Drop(vec![b])));
        assert!(backlog.add(Order::Places { near: VoxelPos::new(1, 2, 3) }));
        assert_eq!(backlog.next(), Some(Order::Drop(vec![a, b])));
        assert_eq!(backlog.next(), Some(fetch(&[a])), "b is no longer wanted");
        assert_eq!(backlog.next(), Some(Order::Places { near: VoxelPos::new(1, 2, 3) }));
        assert_eq!(backlog.next(), None);
    }

    #[test]
    fn of_a_voxel_the_last_edit_waits_and_too_many_are_refused() {
        let mut backlog = Backlog::default();
        let edit = |x: i64, block: u16| Order::Edit { at: VoxelPos::new(x, 0, 0), block: BlockId(block) };
        for x in 0..EDITS_MAX as i64 {
            assert!(backlog.add(edit(x, 1)));
        }
        assert!(!backlog.add(edit(-1, 1)), "one too many");
        assert!(backlog.add(edit(0, 2)), "it takes another's place");
        assert_eq!(backlog.next(), Some(edit(0, 2)));
        assert!(backlog.add(edit(-1, 1)));
    }
}
