//! Gossip travels only past nodes that accept it.

use std::time::Duration;

use bitdust_network::{Error, Event, Events, GOSSIP_BYTES_MAX, Gossip, Handle, Published, Topic};
use bytes::Bytes;

use crate::nodes::{Node, eventually, soon};

/// The next message of a topic; other news is passed over.
async fn next(events: &mut Events) -> Gossip {
    soon("gossip", async {
        loop {
            if let Event::Gossip(gossip) = events.next().await.expect("the network runs") {
                return gossip;
            }
        }
    })
    .await
}

/// A line of nodes where each is connected with its neighbours only, so that what reaches the last passed the middle.
async fn line(count: u8) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for seed in 1..=count {
        let entry = nodes.last().map(Node::entry).unwrap_or_default();
        // A node that wants no peers dials its entry point only; Kademlia's walks would shorten the line.
        let node = Node::with(seed, &entry, |config| {
            config.limits.peers_wanted = 0;
            config.limits.connections_per_peer = 1;
        })
        .await;
        nodes.push(node);
    }
    nodes
}

/// Publishes until somebody listens.
async fn publish(handle: &Handle, topic: Topic, data: &Bytes) {
    eventually("somebody listens", async || {
        handle.publish(topic, data.clone()).await.unwrap() != Published::NobodyListens
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_message_reaches_all_once() {
    let first = Node::start(1, &[]).await;
    let mut nodes = vec![];
    for seed in 2..=6 {
        nodes.push(Node::start(seed, &first.entry()).await);
    }
    eventually("all are in", async || first.handle.peers().len() == 5).await;
    let message = Bytes::from(vec![7; GOSSIP_BYTES_MAX]);
    publish(&first.handle, Topic::Blocks, &message).await;
    for node in &mut nodes {
        let gossip = next(&mut node.events).await;
        assert_eq!((gossip.topic, gossip.source), (Topic::Blocks, first.handle.local_peer()));
        assert_eq!(gossip.data, message);
        gossip.reply.accept();
    }
    assert_eq!(first.handle.publish(Topic::Blocks, message.clone()).await.unwrap(), Published::AlreadySeen);
    // The same bytes on another topic are another message, and nothing else came in between.
    publish(&first.handle, Topic::Proofs, &message).await;
    for node in &mut nodes {
        let gossip = next(&mut node.events).await;
        assert_eq!(gossip.topic, Topic::Proofs);
        gossip.reply.accept();
    }
}

const WARMTH: &[u8] = b"warm";

/// Sends messages down the line until one has come through: now everybody knows who listens to what.
async fn warm_up(first: &Node, middle: &mut Node, end: &mut Node) {
    let sending = async {
        for number in 0_u32.. {
            let data = [WARMTH, &number.to_le_bytes()].concat();
            publish(&first.handle, Topic::Transactions, &data.into()).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let passing = async {
        loop {
            next(&mut middle.events).await.reply.accept();
        }
    };
    tokio::select! {
        () = sending => unreachable!("the numbers don't end"),
        () = passing => unreachable!("the loop doesn't end"),
        gossip = next(&mut end.events) => gossip.reply.accept(),
    }
}

async fn next_but_warmth(events: &mut Events) -> Gossip {
    loop {
        let gossip = next(events).await;
        if !gossip.data.starts_with(WARMTH) {
            return gossip;
        }
        gossip.reply.accept();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_middle_accepts_reaches_the_end() {
    let mut nodes = line(3).await;
    let ids: Vec<_> = nodes.iter().map(|node| node.handle.local_peer()).collect();
    eventually("the line stands", async || {
        nodes[1].handle.is_connected(ids[0]) && nodes[1].handle.is_connected(ids[2])
    })
    .await;
    // Kademlia may have introduced the ends to each other; shutting each other out keeps the middle in between.
    nodes[0].handle.ban(ids[2], "the line must stay a line").await.unwrap();
    nodes[2].handle.ban(ids[0], "the line must stay a line").await.unwrap();
    let mut end = nodes.pop().unwrap();
    let mut middle = nodes.pop().unwrap();
    let first = nodes.pop().unwrap();
    eventually("the ends are apart", async || !first.handle.is_connected(ids[2]) && !end.handle.is_connected(ids[0]))
        .await;
    warm_up(&first, &mut middle, &mut end).await;

    publish(&first.handle, Topic::Transactions, &Bytes::from("bad")).await;
    next_but_warmth(&mut middle.events).await.reply.reject("it says bad");
    publish(&first.handle, Topic::Transactions, &Bytes::from("dull")).await;
    drop(next_but_warmth(&mut middle.events).await);
    publish(&first.handle, Topic::Transactions, &Bytes::from("good")).await;
    let gossip = next_but_warmth(&mut middle.events).await;
    assert_eq!((gossip.forwarder, gossip.data.as_ref()), (ids[0], b"good".as_slice()));
    gossip.reply.accept();

    // Sent last and arrives first: the others were held back.
    let gossip = next_but_warmth(&mut end.events).await;
    assert_eq!(gossip.data.as_ref(), b"good");
    assert_eq!((gossip.source, gossip.forwarder), (ids[0], ids[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_sending_what_is_rejected_is_banned() {
    let mut judge = Node::start(1, &[]).await;
    let liar = Node::start(2, &judge.entry()).await;
    let liar_id = liar.handle.local_peer();
    let banned = async {
        let mut rejected = 0;
        loop {
            match judge.events.next().await.expect("the network runs") {
                Event::Gossip(gossip) => {
                    rejected += 1;
                    gossip.reply.reject("a lie");
                }
                Event::Banned { peer, reason } => return (rejected, peer, reason),
                _ => {}
            }
        }
    };
    let lying = async {
        for lie in 0_u32.. {
            publish(&liar.handle, Topic::Proofs, &Bytes::from(lie.to_le_bytes().to_vec())).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (rejected, peer, reason) = tokio::select! {
        banned = soon("the ban", banned) => banned,
        () = lying => unreachable!("there is always another lie"),
    };
    assert_eq!(peer, liar_id);
    assert!(reason.contains("a lie") && reason.contains("proofs"), "{reason}");
    assert!(rejected >= 4, "a single mistake is no reason to ban: {rejected}");
    eventually("the connection is closed", async || !judge.handle.is_connected(liar_id)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_limit_is_not_sent() {
    let node = Node::start(1, &[]).await;
    let error = node.handle.publish(Topic::Blocks, vec![0; GOSSIP_BYTES_MAX + 1].into()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { max: GOSSIP_BYTES_MAX, .. }), "{error}");
    let alone = node.handle.publish(Topic::Blocks, Bytes::from("hello?")).await.unwrap();
    assert_eq!(alone, Published::NobodyListens);
}
