//! A revision's targets are what each slot's list says.

use bitdust_types::Root;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::supplier::book::without;

fn list(numbers: &[u8]) -> Vec<BlobRef> {
    numbers.iter().map(|number| BlobRef { root: Root([*number; 32]), len: 1 + u64::from(*number) }).collect()
}

proptest! {
    /// Whatever the two lists, removing and appending leads from one to the other.
    #[test]
    fn a_difference_leads_there(base in vec(0u8..9, 0..30), target in vec(0u8..9, 0..30)) {
        let (base, target) = (list(&base), list(&target));
        let (removed, added) = difference(&base, &target);
        let mut reached = without(&base, &removed).unwrap();
        reached.extend(added);
        prop_assert_eq!(reached, target);
        prop_assert!(removed.is_sorted_by(|a, b| a < b));
    }

    /// For lists that only lost and appended, nothing is sent twice.
    #[test]
    fn a_difference_sends_only_what_is_new(base in vec(any::<u8>(), 0..30), keep in vec(any::<bool>(), 30), new in vec(any::<u8>(), 0..5)) {
        let mut base = base;
        base.sort_unstable();
        base.dedup();
        let mut target: Vec<u8> = base.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(blob, _)| *blob).collect();
        let new: Vec<u8> = new.into_iter().filter(|blob| !base.contains(blob)).collect();
        let stays = target.len();
        target.extend(&new);
        let (removed, added) = difference(&list(&base), &list(&target));
        prop_assert_eq!(added, list(&new));
        prop_assert_eq!(removed.len(), base.len() - stays);
    }
}
