//! A validator that catches up is served forged blocks and certificates. It takes none, names the peer and gets there.

use crate::{chain::Forgery, group::Group, log};

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
    group.stop_all().await;
    group.assert_agreement();
    let liars: Vec<_> = (0..3).filter(|index| group.chains[*index].forgeries_left() == 0).collect();
    assert!(!liars.is_empty(), "no forgery was served");
    // Who was asked by the way, for what another had already brought, isn't judged.
    let is_named = |liar: &usize| log::says(&[complaint, &group.peer_id(*liar)]);
    let ids: Vec<_> = liars.iter().map(|liar| group.peer_id(*liar)).collect();
    assert!(liars.iter().any(is_named), "{forgery:?} by one of {ids:?} is not in the log");
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
