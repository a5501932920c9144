//! The sum tree against its rule, and what a liar may try.

use bitdust_types::{Root, SlotRoot};
use proptest::prelude::*;

use super::*;

fn blobs(lens: &[u64]) -> Vec<(Root, u64)> {
    lens.iter().enumerate().map(|(i, len)| (crate::blob::root(&i.to_le_bytes()), *len)).collect()
}

fn prefixed(prefix: u8, parts: &[&[u8]]) -> [u8; 32] {
    crate::blob::root(&[&[prefix], &parts.concat()[..]].concat()).0
}

#[test]
fn roots_follow_the_published_rule() {
    assert_eq!(SumTree::new(&[]).unwrap().root().0, prefixed(3, &[]));
    assert_eq!(SumTree::new(&[]).unwrap().total(), 0);
    let list = blobs(&[5, 7, 11]);
    let leaf = |i: usize| prefixed(0, &[&list[i].0.0, &list[i].1.to_be_bytes()]);
    assert_eq!(SumTree::new(&list[..1]).unwrap().root().0, leaf(0));
    let two = prefixed(1, &[&leaf(0), &5u64.to_be_bytes(), &leaf(1), &7u64.to_be_bytes()]);
    assert_eq!(SumTree::new(&list[..2]).unwrap().root().0, two);
    let lone = prefixed(2, &[&leaf(2), &11u64.to_be_bytes()]);
    let three = prefixed(1, &[&two, &12u64.to_be_bytes(), &lone, &11u64.to_be_bytes()]);
    assert_eq!(SumTree::new(&list).unwrap().root().0, three);
}

#[test]
fn an_empty_slot_proves_nothing_and_sums_do_not_wrap() {
    assert!(SumTree::new(&[]).unwrap().prove(0).is_err());
    assert!(verify(empty_root(), 0, 0, &(Root([0; 32]), 0), &SumPath::default()).is_err());
    assert_eq!(SumTree::new(&blobs(&[u64::MAX, 1])).unwrap_err(), Invalid::SumOverflow);
    let path = SumPath { steps: vec![SumStep::Right { hash: [0; 32], sum: u64::MAX }] };
    assert_eq!(verify(SlotRoot([0; 32]), 9, 0, &(Root([0; 32]), 5), &path), Err(Invalid::SumOverflow));
    let endless = SumPath { steps: vec![SumStep::Lone; SUM_PATH_STEPS_MAX + 1] };
    assert!(matches!(verify(SlotRoot([0; 32]), 9, 0, &(Root([0; 32]), 9), &endless), Err(Invalid::PathLength { .. })));
}

#[test]
fn blobs_without_bytes_are_never_drawn() {
    let list = blobs(&[0, 3, 0, 0, 2, 0]);
    let tree = SumTree::new(&list).unwrap();
    let drawn: Vec<_> = (0..5).map(|offset| tree.prove(offset).map(|p| (p.0, p.1)).unwrap()).collect();
    assert_eq!(drawn, [(1, 0), (1, 1), (1, 2), (4, 0), (4, 1)]);
}

/// Slots of up to 40 blobs, some of them empty.
fn lists() -> impl Strategy<Value = Vec<(Root, u64)>> {
    proptest::collection::vec(prop_oneof![1 => Just(0u64), 4 => 1u64..5_000_000], 1..40)
        .prop_filter("something to draw", |lens| lens.iter().any(|len| *len > 0))
        .prop_map(|lens| blobs(&lens))
}

/// Every path that differs from `path` in one bit of a hash or sum, or in the side of one step.
fn neighbours(path: &SumPath) -> Vec<SumPath> {
    let mut out = Vec::new();
    let mut with = |i: usize, step: SumStep| {
        let mut changed = path.clone();
        changed.steps[i] = step;
        out.push(changed);
    };
    for (i, step) in path.steps.iter().enumerate() {
        match *step {
            SumStep::Left { hash, sum } => {
                with(i, SumStep::Right { hash, sum });
                with(i, SumStep::Lone);
                for bit in 0..64 {
                    with(i, SumStep::Left { hash, sum: sum ^ (1 << bit) });
                }
                for bit in 0..256 {
                    let mut hash = hash;
                    hash[bit / 8] ^= 1 << (bit % 8);
                    with(i, SumStep::Left { hash, sum });
                }
            }
            SumStep::Right { hash, sum } => {
                with(i, SumStep::Left { hash, sum });
                with(i, SumStep::Lone);
                for bit in 0..64 {
                    with(i, SumStep::Right { hash, sum: sum ^ (1 << bit) });
                }
                for bit in 0..256 {
                    let mut hash = hash;
                    hash[bit / 8] ^= 1 << (bit % 8);
                    with(i, SumStep::Right { hash, sum });
                }
            }
            SumStep::Lone => {
                with(i, SumStep::Left { hash: [0; 32], sum: 0 });
                with(i, SumStep::Right { hash: [0; 32], sum: 0 });
            }
        }
    }
    for i in 0..=path.steps.len() {
        let mut longer = path.clone();
        longer.steps.insert(i, SumStep::Lone);
        out.push(longer);
        if i < path.steps.len() {
            let mut shorter = path.clone();
            shorter.steps.remove(i);
            out.push(shorter);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn each_byte_has_its_blob_and_no_other(list in lists(), at in any::<u64>(), other in any::<u64>()) {
        let tree = SumTree::new(&list).unwrap();
        let offset = at % tree.total();
        let (index, inside, path) = tree.prove(offset).unwrap();
        let before: u64 = list[..index].iter().map(|blob| blob.1).sum();
        prop_assert_eq!(before + inside, offset);
        prop_assert_eq!(verify(tree.root(), tree.total(), offset, &list[index], &path), Ok(inside));
        // The same path answers for the same blob's other bytes and for no byte outside it.
        let other = other % tree.total();
        let same = before <= other && other < before + list[index].1;
        prop_assert_eq!(verify(tree.root(), tree.total(), other, &list[index], &path).is_ok(), same);
    }

    #[test]
    fn every_changed_bit_is_refused(list in lists(), at in any::<u64>()) {
        let tree = SumTree::new(&list).unwrap();
        let (root, total) = (tree.root(), tree.total());
        let offset = at % total;
        let (index, _, path) = tree.prove(offset).unwrap();
        let leaf = list[index];
        for wrong in neighbours(&path) {
            prop_assert!(verify(root, total, offset, &leaf, &wrong).is_err(), "{:?}", wrong);
        }
        for bit in 0..256 {
            let mut wrong = leaf;
            wrong.0.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify(root, total, offset, &wrong, &path).is_err(), "leaf bit {}", bit);
            let mut wrong = root;
            wrong.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify(wrong, total, offset, &leaf, &path).is_err(), "root bit {}", bit);
        }
        for bit in 0..64 {
            prop_assert!(verify(root, total, offset, &(leaf.0, leaf.1 ^ (1 << bit)), &path).is_err(), "length bit {}", bit);
            prop_assert!(verify(root, total ^ (1 << bit), offset, &leaf, &path).is_err(), "total bit {}", bit);
        }
    }

    #[test]
    fn different_lists_have_different_roots(a in lists(), b in lists()) {
        let same = a == b;
        prop_assert_eq!(SumTree::new(&a).unwrap().root() == SumTree::new(&b).unwrap().root(), same);
    }
}
