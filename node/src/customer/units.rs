//! The units that were read last, decoded: small files lie side by side in a unit, and whoever reads one tends to read its
//! neighbours. A unit is immutable under its slab's id, so nothing here goes stale.

use std::{collections::VecDeque, ops::Range};

use bitdust_types::SlabId;
use bytes::Bytes;

/// Units kept per dataset: 64 × 64 KiB = 4 MiB.
pub const UNITS_MAX: usize = 64;

/// Recently read units, the newest first.
#[derive(Debug, Default)]
pub struct RecentUnits(VecDeque<(SlabId, u64, Bytes)>);

impl RecentUnits {
    /// The plain bytes of one unit of a slab, if they were read lately.
    pub fn get(&mut self, slab: SlabId, unit: u64) -> Option<Bytes> {
        let found = self.0.iter().position(|(of, at, _)| (*of, *at) == (slab, unit))?;
        let entry = self.0.remove(found)?;
        let bytes = entry.2.clone();
        self.0.push_front(entry);
        Some(bytes)
    }

    /// Keeps a unit.
    pub fn put(&mut self, slab: SlabId, unit: u64, plain: Bytes) {
        self.0.retain(|(of, at, _)| (*of, *at) != (slab, unit));
        self.0.push_front((slab, unit, plain));
        self.0.truncate(UNITS_MAX);
    }
}

/// Units widened to whole rows of `k`, of a slab that has so many: a row is what `k` shards give at the price of one unit
/// that has to be rebuilt.
pub fn rows_of(units: &Range<u64>, k: u8, count: u64) -> Range<u64> {
    let k = u64::from(k);
    units.start / k * k..(units.end.div_ceil(k) * k).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_unit_goes_first() {
        let mut recent = RecentUnits::default();
        for unit in 0..UNITS_MAX as u64 {
            recent.put(SlabId([1; 32]), unit, Bytes::from(vec![unit as u8]));
        }
        assert!(recent.get(SlabId([1; 32]), 0).is_some(), "reading makes a unit new again");
        recent.put(SlabId([2; 32]), 0, Bytes::new());
        assert!(recent.get(SlabId([1; 32]), 1).is_none());
        assert_eq!(recent.get(SlabId([1; 32]), 0).unwrap(), Bytes::from(vec![0]));
    }

    #[test]
    fn units_are_covered_by_rows() {
        assert_eq!(rows_of(&(0..1), 4, 9), 0..4);
        assert_eq!(rows_of(&(3..5), 4, 9), 0..8);
        assert_eq!(rows_of(&(8..9), 4, 9), 8..9, "the last row is short");
    }
}
