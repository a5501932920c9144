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

#[test]
fn a_slot_that_failed_is_sampled_as_often_again_in_the_next_proof() {
    let mut world = World::with_suppliers();
    // Supplier 0 holds a small slot and one that is four thousand times as large.
    let small = world.create(customer(0), 100 * 10u128.pow(18), standard_dataset(1));
    let revise = world.revision(small, GIB / 4096, &[(0, 0)]);
    world.ok(customer(0), 0, revise);
    let large_id = bitdust_types::DatasetId::from(world.held_dataset());
    let who = supplier(0);
    world.goto(2, 2);
    // The verdict is the judges' affair; here the first sample that falls into the small slot is the one that failed.
    let (epoch, hit) = loop {
        let epoch = world.epoch();
        let drawn = samples::draw(&mut world, who, epoch, seed(epoch), 8).unwrap().unwrap();
        assert_eq!(drawn.len(), 8, "nothing is on probation in epoch {epoch}");
        if let Some(hit) = drawn.iter().position(|sample| sample.dataset == large_id) {
            break (epoch, hit as u16);
        }
        world.prove(0, &[]).unwrap();
        world.goto(epoch + 1, 2);
    };
    world.prove(0, &[hit]).unwrap();
    // Two windows are missed; the next proof still answers for the last one.
    world.goto(epoch + 3, 2);
    let now = epoch + 3;
    let drawn = samples::draw(&mut world, who, now, seed(now), 8).unwrap().unwrap();
    assert_eq!(drawn.len(), 16);
    assert!(drawn[8..].iter().all(|sample| sample.dataset == large_id && sample.offset_in_slot < GIB));
    assert!(world.prove(0, &[16]).is_err(), "there are samples 0 to 15");
    world.prove(0, &[]).unwrap();
    let again = samples::draw(&mut world, who, now, seed(now), 8).unwrap().unwrap();
    assert_eq!(again, drawn, "the verdict can be checked for the rest of the epoch");
    world.goto(now + 1, 2);
    let drawn = samples::draw(&mut world, who, now + 1, seed(now + 1), 8).unwrap().unwrap();
    assert_eq!(drawn.len(), 8, "a clean proof ends probation");
}

#[test]
fn slots_on_probation_share_the_further_samples() {
    let mut world = World::with_suppliers();
    let ids: Vec<_> = (1..=3).map(|salt| world.create(customer(0), 10u128.pow(20), standard_dataset(salt))).collect();
    for id in &ids {
        let revise = world.revision(*id, GIB, &[(0, 0)]);
        world.ok(customer(0), 0, revise);
    }
    world.goto(2, 2);
    let drawn = samples::draw(&mut world, supplier(0), 2, seed(2), 8).unwrap().unwrap();
    let hit: std::collections::BTreeSet<_> = drawn.iter().map(|sample| sample.dataset).collect();
    assert_eq!(hit.len(), 3, "the seed should touch all three");
    world.prove(0, &(0..8).collect::<Vec<_>>()).unwrap();
    world.goto(3, 2);
    let drawn = samples::draw(&mut world, supplier(0), 3, seed(3), 8).unwrap().unwrap();
    let shares: Vec<usize> =
        ids.iter().map(|id| drawn[8..].iter().filter(|sample| sample.dataset == (*id).into()).count()).collect();
    assert_eq!(shares, [3, 3, 2]);
    // A failure among the further samples is a second one: it takes that slot and no other.
    world.prove(0, &[8 + 3]).unwrap();
    assert_eq!(samples::draw(&mut world, supplier(0), 3, seed(3), 8).unwrap().unwrap(), drawn);
    let holders: Vec<bool> = ids.iter().map(|id| world.slot(*id, 0).supplier.is_zero()).collect();
    assert_eq!(holders, [false, true, false]);
    let freed: Vec<crate::market::IMarket::SlotFreed> = world.events();
    assert_eq!(freed.iter().map(|event| event.reason).collect::<Vec<_>>(), [5]);
    world.goto(4, 2);
    let drawn = samples::draw(&mut world, supplier(0), 4, seed(4), 8).unwrap().unwrap();
    assert_eq!(drawn.len(), 8, "the freed slot isn't on probation, the others were clean");
    world.laws().unwrap();
}

#[test]
fn a_slot_that_is_left_while_on_probation_is_still_asked_about_in_the_epoch_that_had_begun() {
    let mut world = World::with_suppliers();
    let id = world.held_dataset();
    world.goto(2, 2);
    world.prove(0, &[0]).unwrap();
    assert_eq!(samples::draw(&mut world, supplier(0), 2, seed(2), 8).unwrap().unwrap().len(), 8);
    world.goto(3, 0);
    world.ok(customer(0), 0, crate::market::IMarket::endCall { dataset: id });
    let drawn = samples::draw(&mut world, supplier(0), 3, seed(3), 8).unwrap().unwrap();
    assert_eq!(drawn.len(), 16);
    world.prove(0, &[2, 9]).unwrap();
    let failed: Vec<crate::market::IMarket::SampleFailed> = world.events();
    assert_eq!(failed.len(), 1, "nobody is bound to a slot that was left");
    world.laws().unwrap();
}
