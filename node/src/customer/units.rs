//! The units that were read last, decoded: small files lie side by side in a unit, and whoever reads one tends to read its
//! neighbours. A unit is immutable under its slab's id, so nothing here goes stale.

use std::{collections::VecDeque, ops::Range};

use bitdust_types::{SlabId, layout::UNIT_PLAIN_BYTES};
use bytes::Bytes;

/// Units kept per dataset: 64 × 64 KiB = 4 MiB.
const UNITS_MAX: usize = 64;

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

/// The unit that a range of a slab's plain bytes lies in, if it lies in one, and all of that unit's bytes.
pub fn single_unit(plain: &Range<u64>, slab_bytes: u64) -> Option<(u64, Range<u64>)> {
    let unit = plain.start / UNIT_PLAIN_BYTES;
    let whole = unit * UNIT_PLAIN_BYTES..((unit + 1) * UNIT_PLAIN_BYTES).min(slab_bytes);
    (plain.start < plain.end && plain.end <= whole.end).then_some((unit, whole))
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
    fn a_range_across_units_has_no_single_one() {
        let unit = UNIT_PLAIN_BYTES;
        assert_eq!(single_unit(&(0..1), 10 * unit), Some((0, 0..unit)));
        assert_eq!(single_unit(&(unit..2 * unit), 10 * unit), Some((1, unit..2 * unit)));
        assert_eq!(single_unit(&(unit - 1..unit + 1), 10 * unit), None);
        assert_eq!(single_unit(&(unit + 5..unit + 7), unit + 7), Some((1, unit..unit + 7)));
        assert_eq!(single_unit(&(5..5), unit), None);
    }
}
