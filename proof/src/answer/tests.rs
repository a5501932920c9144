//! A supplier's whole answer: honest ones pass, every changed bit fails, foreign bytes are bounded.

use bitdust_types::{Address, B256};
use proptest::prelude::*;

use super::*;
use crate::{BlobHasher, SumTree, sample};

/// A slot with blobs of these lengths, and its answer to any offset.
struct Slot {
    blobs: Vec<Vec<u8>>,
    leaves: Vec<(Root, u64)>,
    tree: SumTree,
}

impl Slot {
    fn new(lens: &[usize]) -> Self {
        let blobs: Vec<Vec<u8>> = lens
            .iter()
            .enumerate()
            .map(|(i, len)| (0..*len).map(|b| (b * 31 + i * 7 + b / 1024) as u8).collect())
            .collect();
        let leaves: Vec<_> = blobs.iter().map(|bytes| (blob::root(bytes), bytes.len() as u64)).collect();
        let tree = SumTree::new(&leaves).unwrap();
        Slot { blobs, leaves, tree }
    }

    fn answer(&self, offset: u64) -> Answer {
        let (index, inside, sum) = self.tree.prove(offset).unwrap();
        let bytes = &self.blobs[index];
        let mut hasher = BlobHasher::new();
        hasher.update(bytes);
        let (_, len, outboard) = hasher.finish();
        let chunk = blob::prove_chunk(&outboard, len, inside, |at, buffer| {
            buffer.copy_from_slice(&bytes[at as usize..at as usize + buffer.len()]);
            Ok(())
        })
        .unwrap();
        Answer::Hit { leaf_root: self.leaves[index].0, leaf_len: self.leaves[index].1, sum, chunk }
    }
}

#[test]
fn an_honest_supplier_passes_all_samples_and_a_miss_is_a_miss() {
    let slot = Slot::new(&[1, 70_000, 0, 1024, 300_000, 16_384]);
    let (root, total) = (slot.tree.root(), slot.tree.total());
    let offsets = sample::offsets(B256::repeat_byte(1), Address::repeat_byte(2), 3, total, 32);
    let proof = SupplierProof { answers: offsets.iter().map(|offset| slot.answer(*offset)).collect() };
    let bytes = proof.encode();
    assert!(bytes.len() <= PROOF_BYTES_MAX);
    let proof = SupplierProof::decode(&bytes).unwrap();
    for (offset, answer) in offsets.iter().zip(&proof.answers) {
        assert_eq!(verify_answer(root, total, *offset, answer), Ok(()));
        assert_eq!(verify_answer(root, total, *offset, &Answer::Miss), Err(Invalid::Miss));
    }
}

/// All of one small answer's encoding, bit by bit: what still decodes does not verify.
#[test]
fn every_flipped_bit_of_an_encoded_answer_is_refused() {
    let slot = Slot::new(&[3000, 1500, 20_000]);
    for offset in [0, 2999, 3000, 4500, 24_499] {
        let proof = SupplierProof { answers: vec![slot.answer(offset)] };
        let bytes = proof.encode();
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            let Ok(wrong) = SupplierProof::decode(&wrong) else { continue };
            let passes = |answer| verify_answer(slot.tree.root(), slot.tree.total(), offset, answer).is_ok();
            assert!(wrong.answers.len() != 1 || !passes(&wrong.answers[0]), "offset {offset}, bit {bit}");
        }
    }
}

#[test]
fn a_forged_length_of_the_blob_is_refused_by_the_sum_tree() {
    let slot = Slot::new(&[5 * 1024, 9000]);
    let Answer::Hit { leaf_root, leaf_len, sum, chunk } = slot.answer(0) else { unreachable!() };
    for len in (0..20_000).filter(|len| *len != leaf_len) {
        let forged = Answer::Hit { leaf_root, leaf_len: len, sum: sum.clone(), chunk: chunk.clone() };
        assert!(verify_answer(slot.tree.root(), slot.tree.total(), 0, &forged).is_err(), "length {len}");
    }
}

#[test]
fn oversized_and_trailing_bytes_are_refused() {
    assert!(matches!(SupplierProof::decode(&vec![0; PROOF_BYTES_MAX + 1]), Err(Invalid::TooLarge { .. })));
    let misses = |n| SupplierProof { answers: vec![Answer::Miss; n] }.encode();
    assert!(SupplierProof::decode(&misses(ANSWERS_MAX)).is_ok());
    assert!(matches!(SupplierProof::decode(&misses(ANSWERS_MAX + 1)), Err(Invalid::TooLarge { .. })));
    let mut trailing = misses(3);
    trailing.push(0);
    assert!(matches!(SupplierProof::decode(&trailing), Err(Invalid::Encoding { .. })));
    // A count of 2^32 - 1 in 4 bytes must not make us allocate.
    assert!(SupplierProof::decode(&[0xff; 4]).is_err());
}

fn steps() -> impl Strategy<Value = sum::SumStep> {
    prop_oneof![
        (any::<[u8; 32]>(), any::<u64>()).prop_map(|(hash, sum)| sum::SumStep::Left { hash, sum }),
        (any::<[u8; 32]>(), any::<u64>()).prop_map(|(hash, sum)| sum::SumStep::Right { hash, sum }),
        Just(sum::SumStep::Lone),
    ]
}

fn answers() -> impl Strategy<Value = Answer> {
    let hit = (
        any::<[u8; 32]>(),
        any::<u64>(),
        proptest::collection::vec(steps(), 0..20),
        proptest::collection::vec(any::<u8>(), 0..1025),
        proptest::collection::vec(any::<[u8; 32]>(), 0..20),
    );
    prop_oneof![
        1 => Just(Answer::Miss),
        3 => hit.prop_map(|(root, leaf_len, steps, bytes, path)| Answer::Hit {
            leaf_root: Root(root),
            leaf_len,
            sum: SumPath { steps },
            chunk: ChunkProof { bytes, path },
        }),
    ]
}

proptest! {
    #[test]
    fn decode_of_encode_is_the_same(answers in proptest::collection::vec(answers(), 0..33)) {
        let proof = SupplierProof { answers };
        let bytes = proof.encode();
        let again = SupplierProof::decode(&bytes).unwrap();
        prop_assert_eq!(&again, &proof);
        prop_assert_eq!(again.encode(), bytes);
    }

    #[test]
    fn foreign_bytes_never_panic_and_never_pass(bytes in proptest::collection::vec(any::<u8>(), 0..4000), offset in any::<u64>()) {
        if let Ok(proof) = SupplierProof::decode(&bytes) {
            prop_assert_eq!(proof.encode(), bytes);
            for answer in &proof.answers {
                prop_assert!(verify_answer(SlotRoot([9; 32]), u64::MAX, offset, answer).is_err());
            }
        }
    }
}
