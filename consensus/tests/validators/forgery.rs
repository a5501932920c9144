//! A validator that catches up is served forged blocks and certificates. It takes none, names the peer and gets there.

use std::time::Duration;

use crate::{chain::Forgery, group::Group, log};

/// Between two looks at the log, and how many there are at most.
const LOOK: Duration = Duration::from_millis(100);
const JUDGED_WITHIN_LOOKS: u32 = 300;

async fn refuses(seed: u8, forgery: Forgery, complaint: &str) {
    let mut group = Group::new(seed, 4);
    for index in 0..3 {
        group.start(index).await;
    }
    group.reach(4, &[0, 1, 2]).await;
    // Whomever the newcomer asks first, it gets a forgery.
    for chain in &group.chains[..3] {
        chain.forge([forgery]);
    }
    group.start(3).await;
    group.reach(5, &[3]).await;
    let liars =
        |group: &Group| -> Vec<usize> { (0..3).filter(|index| group.chains[*index].forgeries_left() == 0).collect() };
    let is_named = |group: &Group, liar: usize| log::says(&[complaint, &group.peer_id(liar)]);
    // What another served beside the first is judged when its turn comes, which a stop would forestall.
    for _ in 0..JUDGED_WITHIN_LOOKS {
        if liars(&group).into_iter().all(|liar| is_named(&group, liar)) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    group.stop_all().await;
    group.assert_agreement();
    assert!(!liars(&group).is_empty(), "no forgery was served");
    for liar in liars(&group) {
        assert!(is_named(&group, liar), "{forgery:?} by {} is not in the log", group.peer_id(liar));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_block() {
    refuses(61, Forgery::Block, "does not match commit certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn block_that_was_not_decided() {
    refuses(62, Forgery::OtherBlock, "does not match commit certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_signature() {
    refuses(63, Forgery::Signature, "Invalid certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_signature() {
    refuses(64, Forgery::Repeated, "Invalid certificate").await;
}
