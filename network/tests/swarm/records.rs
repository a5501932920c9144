//! Records: kept by others, replaced only by newer valid ones, found in all their versions.

use std::{sync::Arc, time::Duration};

use bitdust_network::{Config, Error, RECORD_BYTES_MAX, RecordJudge};
use bytes::Bytes;

use crate::nodes::{Node, eventually, soon};

/// A valid value is the word "v", a sequence number and anything; the higher number is newer.
struct BySequence;

fn sequence(value: &[u8]) -> Option<u8> {
    match value {
        [b'v', sequence, ..] => Some(*sequence),
        _ => None,
    }
}

impl RecordJudge for BySequence {
    fn judge(&self, _: &[u8; 32], value: &[u8], existing: Option<&[u8]>) -> bool {
        sequence(value) > existing.and_then(sequence).or(Some(0))
    }
}

/// Takes everything for valid and new.
struct Gullible;

impl RecordJudge for Gullible {
    fn judge(&self, _: &[u8; 32], _: &[u8], _: Option<&[u8]>) -> bool {
        true
    }
}

fn version(sequence: u8) -> Bytes {
    Bytes::from(vec![b'v', sequence])
}

fn judging(config: &mut Config) {
    config.records = Some(Arc::new(BySequence));
}

/// Nodes that all know each other.
async fn circle(count: u8, change: impl Fn(u8, &mut Config)) -> Vec<Node> {
    let mut nodes = vec![Node::with(1, &[], |config| change(1, config)).await];
    let entry = nodes[0].entry();
    for seed in 2..=count {
        nodes.push(Node::with(seed, &entry, |config| change(seed, config)).await);
    }
    eventually("every node is connected with every other", async || {
        nodes.iter().all(|node| node.handle.peers().len() == nodes.len() - 1)
    })
    .await;
    nodes
}

async fn found(node: &Node, key: [u8; 32]) -> Vec<Bytes> {
    let mut found = soon("an answer", node.handle.get_records(key)).await.unwrap();
    found.sort();
    found
}

const KEY: [u8; 32] = [7; 32];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_found_after_its_publisher_is_gone_and_replaced_only_by_a_newer_one() {
    let mut nodes = circle(5, |_, config| judging(config)).await;
    let publisher = nodes.pop().unwrap();
    eventually("all are told", async || publisher.handle.put_record(KEY, version(3)).await.unwrap() == 4).await;
    for node in &nodes {
        eventually("the record is found", async || found(node, KEY).await == [version(3)]).await;
    }
    soon("the publisher to stop", publisher.handle.stop()).await.unwrap();
    let reader = Node::with(20, &nodes[0].entry(), |_| ()).await;
    eventually("the record outlives its publisher", async || found(&reader, KEY).await == [version(3)]).await;

    // Who knows a newer record can't go back.
    let error = nodes[1].handle.put_record(KEY, version(2)).await.unwrap_err();
    assert!(matches!(error, Error::RecordRefused), "{error}");
    soon("the newer record", nodes[1].handle.put_record(KEY, version(4))).await.unwrap();
    for node in &nodes {
        eventually("the newer record is everywhere", async || found(node, KEY).await == [version(4)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_old_versions_of_others_are_not_kept() {
    // The second node judges nothing, so it sends whatever it is given.
    let nodes = circle(4, |seed, config| match seed {
        2 => config.records = Some(Arc::new(Gullible)),
        _ => judging(config),
    })
    .await;
    let liar = &nodes[1];
    eventually("all are told", async || nodes[0].handle.put_record(KEY, version(9)).await.unwrap() == 3).await;
    for garbage in [Bytes::from("garbage"), version(8), Bytes::new(), Bytes::from(vec![0; RECORD_BYTES_MAX])] {
        eventually("the others are told", async || liar.handle.put_record(KEY, garbage.clone()).await.unwrap() == 3)
            .await;
        liar.handle.put_record([8; 32], garbage).await.unwrap();
    }
    liar.handle.forget_record(KEY).await.unwrap();
    liar.handle.forget_record([8; 32]).await.unwrap();
    // The liar itself believes what it is told, so it finds what the others hold: nothing but what is valid and newest.
    assert_eq!(found(liar, KEY).await, [version(9)]);
    assert!(found(liar, [8; 32]).await.iter().all(|value| *value == version(8)), "only what is valid was kept");
    let error = liar.handle.put_record(KEY, vec![0; RECORD_BYTES_MAX + 1].into()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { max: RECORD_BYTES_MAX, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_versions_are_both_found_and_the_newest_is_put_back() {
    let first = Node::with(1, &[], judging).await;
    assert_eq!(soon("an answer", first.handle.put_record(KEY, version(2))).await.unwrap(), 0, "nobody is there");
    // One that keeps what it had first, as if it were cut off from all that is newer.
    let behind = Node::with(2, &[], |config| config.records = Some(Arc::new(Stubborn))).await;
    soon("an answer", behind.handle.put_record(KEY, version(1))).await.unwrap();
    let entries = [first.entry(), behind.entry()].concat();
    let reader = Node::with(3, &entries, judging).await;
    eventually("both versions are found", async || found(&reader, KEY).await == [version(1), version(2)]).await;
    eventually("the newest is put back", async || reader.handle.put_record(KEY, version(2)).await.unwrap() == 2).await;
    soon("the first to stop", first.handle.stop()).await.unwrap();
    eventually("who put it back keeps it", async || found(&behind, KEY).await == [version(1), version(2)]).await;
    soon("the one behind to stop", behind.handle.stop()).await.unwrap();
    eventually("one version is left", async || found(&reader, KEY).await == [version(2)]).await;
}

/// Keeps what it has first.
struct Stubborn;

impl RecordJudge for Stubborn {
    fn judge(&self, _: &[u8; 32], value: &[u8], existing: Option<&[u8]>) -> bool {
        sequence(value).is_some() && existing.is_none()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_repeats_its_records_and_forgets_them_when_told() {
    let change = |config: &mut Config| {
        judging(config);
        config.limits.record_renewal = Duration::from_secs(1);
        config.limits.record_life = Duration::from_secs(8);
    };
    let publisher = Node::with(1, &[], change).await;
    soon("an answer", publisher.handle.put_record(KEY, version(1))).await.unwrap();
    // Who comes later is told too.
    let keeper = Node::with(2, &publisher.entry(), change).await;
    eventually("the record arrives", async || found(&keeper, KEY).await == [version(1)]).await;
    soon("the publisher to forget", publisher.handle.forget_record(KEY)).await.unwrap();
    eventually("the record dies out", async || found(&keeper, KEY).await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_judge_keeps_nothing() {
    let nodes = circle(2, |seed, config| config.records = (seed == 1).then(|| Arc::new(BySequence) as _)).await;
    eventually("the other is told", async || nodes[0].handle.put_record(KEY, version(1)).await.unwrap() == 1).await;
    assert_eq!(found(&nodes[1], KEY).await, [version(1)], "it can read");
    soon("the publisher to stop", nodes[0].handle.stop()).await.unwrap();
    assert!(found(&nodes[1], KEY).await.is_empty(), "it kept something");
    let error = nodes[1].handle.put_record(KEY, version(1)).await.unwrap_err();
    assert!(matches!(error, Error::RecordRefused), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_announces_many_places_and_leaves_them() {
    let nodes = circle(4, |_, _| ()).await;
    let player = &nodes[3];
    let id = player.handle.local_peer();
    let key = |number: u32| [number.to_le_bytes().as_slice(), &[1; 28]].concat();
    for number in 0..128 {
        soon("the announcement", player.handle.provide(&key(number))).await.unwrap();
    }
    for number in [0, 64, 127] {
        eventually("the player is found", async || {
            nodes[1].handle.providers(&key(number)).await.unwrap().contains(&id)
        })
        .await;
    }
    for number in 128..256 {
        soon("the announcement", player.handle.provide(&key(number))).await.unwrap();
    }
    let error = soon("an answer", player.handle.provide(&key(256))).await.unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    soon("an answer", player.handle.unprovide(&key(0))).await.unwrap();
    soon("the announcement", player.handle.provide(&key(256))).await.unwrap();
}
