//! Validators come and go. The in-memory disk and the write-ahead log stay.

use std::time::Duration;

use crate::group::Group;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_four_returns_and_catches_up() {
    let mut group = Group::new(21, 4);
    group.start_all().await;
    group.reach(3, &[0, 1, 2, 3]).await;
    group.stop(3).await;
    let left_at = group.chains[3].height();
    group.reach(left_at + 5, &[0, 1, 2]).await;
    group.start(3).await;
    let top = *group.heights().iter().max().unwrap();
    group.reach(top + 3, &[0, 1, 2, 3]).await;
    group.stop_all().await;
    group.assert_agreement();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_four_stand_still_and_go_on_with_three() {
    let mut group = Group::new(22, 4);
    group.start_all().await;
    group.reach(3, &[0, 1, 2, 3]).await;
    group.stop(2).await;
    group.stop(3).await;
    // What was decided in the very moment of the second stop may still be committed, and nothing more, however long
    // one waits.
    let at_stop = *group.heights().iter().max().unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let after = *group.heights().iter().max().unwrap();
    assert!(after <= at_stop + 1, "two of four decided blocks: {at_stop} → {after}");
    group.assert_agreement();
    group.start(2).await;
    group.reach(after + 3, &[0, 1, 2]).await;
    group.start(3).await;
    let top = *group.heights().iter().max().unwrap();
    group.reach(top + 2, &[0, 1, 2, 3]).await;
    group.stop_all().await;
    group.assert_agreement();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone_survives_restarts_at_any_moment() {
    let mut group = Group::new(23, 1);
    for restart in 0..6_u64 {
        group.start(0).await;
        group.reach(group.chains[0].height() + 2, &[0]).await;
        // Somewhere within a height.
        tokio::time::sleep(Duration::from_millis(restart * 23)).await;
        group.stop(0).await;
    }
    group.assert_agreement();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone_survives_being_killed() {
    let mut group = Group::new(26, 1);
    for restart in 0..6_u64 {
        group.start(0).await;
        group.reach(group.chains[0].height() + 2, &[0]).await;
        tokio::time::sleep(Duration::from_millis(restart * 19)).await;
        group.kill(0);
    }
    group.assert_agreement();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_of_seven_are_enough() {
    let mut group = Group::new(27, 7);
    for index in 0..5 {
        group.start(index).await;
    }
    group.reach(4, &[0, 1, 2, 3, 4]).await;
    group.start(5).await;
    group.start(6).await;
    let top = *group.heights().iter().max().unwrap();
    group.reach(top + 2, &[0, 1, 2, 3, 4, 5, 6]).await;
    group.stop_all().await;
    group.assert_agreement();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_four_stop_and_start_again() {
    let mut group = Group::new(24, 4);
    for _ in 0..3 {
        group.start_all().await;
        let top = *group.heights().iter().max().unwrap();
        group.reach(top + 2, &[0, 1, 2, 3]).await;
        group.stop_all().await;
    }
    group.assert_agreement();
    // Whatever was proposed at a decided height and round is what was decided, or was not decided at all.
    for chain in &group.chains {
        for ((height, round), id) in chain.proposals() {
            let Some((block, certificate)) = chain.block(height) else { continue };
            if block.proposer == chain.address && block.round == round {
                assert_eq!(certificate.block_id, id, "two proposals for height {height}, round {round}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_starters_find_each_other() {
    let mut group = Group::new(25, 4);
    group.start(0).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(group.chains[0].height(), 0, "one of four can't decide");
    for index in 1..4 {
        group.start(index).await;
    }
    group.reach(4, &[0, 1, 2, 3]).await;
    group.stop_all().await;
    group.assert_agreement();
}
