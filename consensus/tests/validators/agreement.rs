//! Validators agree, whatever their number and the size of their blocks.

use std::collections::BTreeSet;

use bitdust_consensus::proposer::proposer;

use crate::{chain::Block, group::Group};

async fn agree(seed: u8, count: usize, height: u64) {
    let mut group = Group::new(seed, count);
    group.start_all().await;
    let all: Vec<_> = (0..count).collect();
    group.reach(height, &all).await;
    group.stop_all().await;
    group.assert_agreement();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone() {
    agree(1, 1, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four() {
    agree(2, 4, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seven() {
    agree(3, 7, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_a_turn() {
    let mut group = Group::new(4, 4);
    group.start_all().await;
    group.reach(16, &[0, 1, 2, 3]).await;
    group.stop_all().await;
    let blocks: Vec<Block> = (1..=16).map(|height| group.chains[0].block(height).unwrap().0).collect();
    for block in &blocks {
        assert_eq!(block.proposer, proposer(&group.validators, block.height, block.round), "height {}", block.height);
    }
    let proposers: BTreeSet<_> = blocks.iter().map(|block| block.proposer).collect();
    assert_eq!(proposers.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_blocks_travel_in_parts() {
    // 20 parts each.
    let mut group = Group::with_filler(5, 4, 2_500_000);
    group.start_all().await;
    group.reach(4, &[0, 1, 2, 3]).await;
    group.stop_all().await;
    group.assert_agreement();
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_ids_and_certificates_are_the_same_everywhere() {
    let mut group = Group::new(6, 1);
    group.start(0).await;
    let first = group.running[0].as_ref().unwrap().peer_id().to_string();
    assert_eq!(first, group.peer_id(0));
    group.stop(0).await;
    group.start(0).await;
    assert_eq!(first, group.running[0].as_ref().unwrap().peer_id());
    group.stop(0).await;
}
