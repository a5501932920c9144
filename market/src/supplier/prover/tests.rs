//! Proofs verify; damage on the disk costs only the samples it hits.

use bitdust_proof::sample;
use bitdust_types::{Address, B256, Root};
use proptest::{collection::vec, prelude::*};
use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::supplier::{MemoryStore, book::tests::put};

const DATASET: DatasetId = DatasetId([1; 32]);

/// A slot with blobs of these lengths, in a store.
fn slot(lens: &[u32], seed: u64) -> (MemoryStore, Vec<BlobRef>) {
    let store = MemoryStore::new(u64::MAX);
    let mut rng = StdRng::seed_from_u64(seed);
    let blobs = lens
        .iter()
        .map(|len| {
            let mut bytes = vec![0; *len as usize];
            rng.fill_bytes(&mut bytes);
            BlobRef { root: put(&store, bytes), len: u64::from(*len) }
        })
        .collect();
    (store, blobs)
}

fn samples(blobs: &[BlobRef], seed: u64, count: usize) -> Vec<SampleRef> {
    let tree = sum_tree(blobs).unwrap();
    let offsets = sample::offsets(B256::with_last_byte(seed as u8), Address::ZERO, seed, tree.total(), count);
    let sample =
        |offset| SampleRef { dataset: DATASET, slot: 0, slot_root: tree.root(), slot_bytes: tree.total(), offset };
    offsets.into_iter().map(sample).collect()
}

fn judge(samples: &[SampleRef], proof: &SupplierProof) -> Vec<bool> {
    assert_eq!(samples.len(), proof.answers.len());
    let verify = |(sample, answer): (&SampleRef, &Answer)| {
        verify_answer(sample.slot_root, sample.slot_bytes, sample.offset, answer).is_ok()
    };
    samples.iter().zip(&proof.answers).map(verify).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_there_is_proved(lens in vec(1u32..70_000, 1..9), seed: u64) {
        let (store, blobs) = slot(&lens, seed);
        let samples = samples(&blobs, seed, 32);
        let proved = prove(&samples, |_| Some(blobs.clone()), &store);
        prop_assert_eq!(&proved.misses, &[]);
        prop_assert!(judge(&samples, &proved.proof).into_iter().all(|good| good));
        let bytes = proved.proof.encode();
        prop_assert!(bytes.len() <= PROOF_BYTES_MAX);
        prop_assert_eq!(SupplierProof::decode(&bytes).unwrap(), proved.proof);
    }

    /// A rotten byte costs the samples in its 16 KiB group, and no others.
    #[test]
    fn what_is_damaged_is_missed_and_nothing_else(lens in vec(20_000u32..70_000, 2..5), seed: u64, at in any::<prop::sample::Index>()) {
        let (store, blobs) = slot(&lens, seed);
        let hurt = at.index(blobs.len());
        let offset = at.index(blobs[hurt].len as usize) as u64;
        store.damage(blobs[hurt].root, offset);
        let start: u64 = blobs[..hurt].iter().map(|blob| blob.len).sum();
        let group = |byte: u64| byte / (16 * 1024);
        let samples = samples(&blobs, seed, 32);
        let proved = prove(&samples, |_| Some(blobs.clone()), &store);
        for (sample, good) in samples.iter().zip(judge(&samples, &proved.proof)) {
            let inside = sample.offset.checked_sub(start).filter(|inside| *inside < blobs[hurt].len);
            let touched = inside.is_some_and(|inside| group(inside) == group(offset));
            prop_assert_eq!(good, !touched, "offset {}", sample.offset);
        }
    }
}

#[test]
fn unknown_lists_and_lost_blobs_are_missed() {
    let (store, blobs) = slot(&[5000, 6000], 1);
    let samples = samples(&blobs, 1, 16);
    let proved = prove(&samples, |_| None, &store);
    assert_eq!(proved.misses.len(), 16);
    assert!(proved.proof.answers.iter().all(|answer| *answer == Answer::Miss));
    let wrong = vec![BlobRef { root: Root([0; 32]), len: 1 }];
    assert_eq!(prove(&samples, |_| Some(wrong.clone()), &store).misses.len(), 16);
    store.delete(&[blobs[0].root]).unwrap();
    let proved = prove(&samples, |_| Some(blobs.clone()), &store);
    let lost = samples.iter().filter(|sample| sample.offset < 5000).count();
    assert_eq!(proved.misses.len(), lost);
    assert!(lost > 0 && lost < 16, "the seed should touch both");
}

#[test]
fn forty_samples_of_the_largest_slot_fit_and_as_many_on_probation() {
    // A chunk of 1 KiB, 16 levels in a 40 MiB blob, 20 levels of 41 bytes in a slot of 2^20 blobs, and the frame.
    let most = 2 * 40 * (1 + 32 + 8 + 4 + 20 * 41 + 4 + 1024 + 4 + 16 * 32) + 4;
    assert!(most <= PROOF_BYTES_MAX, "{most}");
}
