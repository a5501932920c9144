//! Samples and verdicts: what is asked, and who is found wrong.

use alloy_primitives::keccak256;
use bitdust_proof::{Answer, BlobHasher, SumTree, SupplierProof, blob};
use bitdust_types::{Epoch, amount::GIB};

use super::world::*;
use crate::market::{Sample, judge, samples};

#[test]
fn judge_finds_exactly_the_wrong_answers() {
    let mut world = World::with_suppliers();
    let id = world.create(customer(0), 10u128.pow(18), standard_dataset(0));
    let contents: Vec<Vec<u8>> = (1..6u8).map(|n| vec![n; 5000 * usize::from(n) + 1]).collect();
    let hashed: Vec<_> = contents
        .iter()
        .map(|bytes| {
            let mut hasher = BlobHasher::new();
            hasher.update(bytes);
            hasher.finish()
        })
        .collect();
    let tree = SumTree::new(&hashed.iter().map(|(root, len, _)| (*root, *len)).collect::<Vec<_>>()).unwrap();
    let sample = |offset| Sample {
        dataset: id.into(),
        slot: 0,
        slot_root: tree.root(),
        slot_bytes: tree.total(),
        offset_in_slot: offset,
    };
    let asked: Vec<Sample> = (0..24).map(|n| sample(n * 3121 % tree.total())).collect();
    let answer = |sample: &Sample| {
        let (index, offset, sum) = tree.prove(sample.offset_in_slot).unwrap();
        let (root, len, outboard) = &hashed[index];
        let chunk = blob::prove_chunk(outboard, *len, offset, |at, buffer| {
            let at = usize::try_from(at).unwrap();
            buffer.copy_from_slice(&contents[index][at..at + buffer.len()]);
            Ok(())
        });
        Answer::Hit { leaf_root: *root, leaf_len: *len, sum, chunk: chunk.unwrap() }
    };
    let right = SupplierProof { answers: asked.iter().map(answer).collect() };
    assert!(judge(&asked, &right).is_empty());
    for seed in 0..64u64 {
        let mask = u64::from_be_bytes(keccak256(seed.to_be_bytes())[..8].try_into().unwrap());
        let wrong: Vec<u16> = (0..24).filter(|n| mask >> n & 1 == 1).collect();
        let mut proof = right.clone();
        for number in &wrong {
            let number = usize::from(*number);
            proof.answers[number] = match (number + seed as usize) % 3 {
                0 => Answer::Miss,
                // The right bytes of another place.
                1 => right.answers[(number + 1) % 24].clone(),
                _ => match proof.answers[number].clone() {
                    Answer::Hit { leaf_root, leaf_len, sum, chunk } => {
                        Answer::Hit { leaf_root, leaf_len: leaf_len + 1, sum, chunk }
                    }
                    Answer::Miss => Answer::Miss,
                },
            };
        }
        assert_eq!(judge(&asked, &proof), wrong, "seed {seed}");
    }
    let mut short = right.clone();
    short.answers.truncate(20);
    assert_eq!(judge(&asked, &short), [20, 21, 22, 23]);
}

#[test]
fn samples_are_drawn_from_what_was_held_when_the_epoch_began() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    world.goto(2, 0);
    let revise = world.revision(id, 2 * GIB, &[(0, 0)]);
    world.ok(customer(0), 0, revise);
    let who = supplier(0);
    let drawn = samples::draw(&mut world, who, 2, seed(2), 8).unwrap().unwrap();
    assert_eq!(drawn.len(), 8);
    assert!(drawn.iter().all(|s| s.slot_bytes == GIB && s.slot_root.0 == root(1, 0).0 && s.offset_in_slot < GIB));
    assert_eq!(world.view().due_bytes(who, Epoch(2)).unwrap(), Some(GIB));
    assert_eq!(samples::draw(&mut world, who, 1, seed(1), 8).unwrap(), None, "epoch 1 is over and forgotten");
    let next = samples::draw(&mut world, who, 3, seed(3), 8).unwrap().unwrap();
    assert!(next.iter().all(|s| s.slot_bytes == 2 * GIB));
}
