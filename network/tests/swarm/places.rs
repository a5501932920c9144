//! Gossip of places reaches those who joined, and nobody else.

use std::time::Duration;

use bitdust_network::{Error, Joined, PLACE_MESSAGE_BYTES_MAX, PLACES_MAX, PlaceGossip, Protocol, Published, wire};
use bytes::Bytes;

use crate::nodes::{Node, eventually, soon};

const HERE: [u8; 32] = [1; 32];
const THERE: [u8; 32] = [2; 32];

async fn three() -> Vec<Node> {
    let mut nodes = vec![Node::start(1, &[]).await];
    for seed in 2..=3 {
        let entry = nodes[0].entry();
        nodes.push(Node::start(seed, &entry).await);
    }
    eventually("all know each other", async || nodes.iter().all(|node| node.handle.peers().len() == 2)).await;
    nodes
}

async fn say(node: &Node, place: [u8; 32], data: &Bytes) {
    eventually("somebody listens", async || {
        node.handle.publish_in(place, data.clone()).await.unwrap() != Published::NobodyListens
    })
    .await;
}

async fn next(joined: &mut Joined) -> PlaceGossip {
    soon("a message", joined.next()).await.expect("the place is joined")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_in_a_place_is_heard_there_only() {
    let nodes = three().await;
    let mut here = nodes[1].handle.join(HERE).await.unwrap();
    let mut there = nodes[2].handle.join(THERE).await.unwrap();
    let error = nodes[0].handle.publish_in(HERE, Bytes::from("hello")).await.unwrap_err();
    assert!(matches!(error, Error::NotJoined), "{error}");
    let _here = nodes[0].handle.join(HERE).await.unwrap();
    let _there = nodes[0].handle.join(THERE).await.unwrap();

    let long = Bytes::from(vec![7; PLACE_MESSAGE_BYTES_MAX]);
    say(&nodes[0], HERE, &long).await;
    let gossip = next(&mut here).await;
    assert_eq!((gossip.place, gossip.source, &gossip.data), (HERE, nodes[0].handle.local_peer(), &long));
    gossip.reply.accept();
    let error = nodes[0].handle.publish_in(HERE, vec![0; PLACE_MESSAGE_BYTES_MAX + 1].into()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { max: PLACE_MESSAGE_BYTES_MAX, .. }), "{error}");
    // The first thing that the other hears is what was said where it is, although it was said last.
    say(&nodes[0], THERE, &Bytes::from("over there")).await;
    let gossip = next(&mut there).await;
    assert_eq!((gossip.place, gossip.data.as_ref()), (THERE, b"over there".as_slice()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_was_left_is_silent_and_can_be_joined_again() {
    let nodes = three().await;
    let _speaker = nodes[0].handle.join(HERE).await.unwrap();
    let mut listener = nodes[1].handle.join(HERE).await.unwrap();
    let again = nodes[1].handle.join(HERE).await.unwrap_err();
    assert!(matches!(again, Error::AlreadyJoined), "{again}");
    say(&nodes[0], HERE, &Bytes::from("one")).await;
    next(&mut listener).await.reply.accept();

    nodes[1].handle.leave(HERE).await.unwrap();
    assert!(soon("the end", listener.next()).await.is_none());
    let mut number = 0_u32;
    eventually("nobody listens any more", async || {
        number += 1;
        let data = Bytes::from(number.to_le_bytes().to_vec());
        nodes[0].handle.publish_in(HERE, data).await.unwrap() == Published::NobodyListens
    })
    .await;

    let mut listener = nodes[1].handle.join(HERE).await.unwrap();
    say(&nodes[0], HERE, &Bytes::from("two")).await;
    // Who comes back is offered what it has missed, too.
    while next(&mut listener).await.data.as_ref() != b"two" {}
    // A reader that is just dropped leaves too.
    drop(listener);
    eventually("nobody listens any more", async || {
        number += 1;
        let data = Bytes::from(number.to_le_bytes().to_vec());
        nodes[0].handle.publish_in(HERE, data).await.unwrap() == Published::NobodyListens
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_places_are_joined_at_once() {
    let node = Node::start(1, &[]).await;
    let mut held = Vec::new();
    for number in 0..PLACES_MAX as u8 {
        held.push(node.handle.join([number; 32]).await.unwrap());
    }
    let error = node.handle.join([0xff; 32]).await.unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    node.handle.leave(held[0].place()).await.unwrap();
    node.handle.join([0xff; 32]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_saying_what_is_rejected_is_banned() {
    let nodes = three().await;
    let (judge, liar) = (&nodes[0], &nodes[1]);
    let mut heard = judge.handle.join(HERE).await.unwrap();
    let _liars = liar.handle.join(HERE).await.unwrap();
    let lying = async {
        for lie in 0_u32.. {
            let _ = liar.handle.publish_in(HERE, Bytes::from(lie.to_le_bytes().to_vec())).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let judging = async {
        for _ in 0..4 {
            next(&mut heard).await.reply.reject("a lie");
        }
    };
    tokio::select! {
        () = lying => unreachable!("lies don't end"),
        () = judging => {}
    }
    let peer = liar.handle.local_peer();
    eventually("the liar is out", async || !judge.handle.is_connected(peer)).await;
    let error = judge.handle.connect(peer).await.unwrap_err();
    assert!(matches!(&error, Error::Banned { reason, .. } if reason.contains("place")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meeting_says_little_for_long_and_then_much_at_once() {
    let limit = |config: &mut bitdust_network::Config| config.limits.stream_idle = Duration::from_millis(300);
    let server = Node::with(1, &[], limit).await;
    let client = Node::with(2, &server.entry(), limit).await;
    let mut incoming = server.handle.accept(Protocol::MEET).unwrap();
    let peer = server.handle.local_peer();
    eventually("they are connected", async || client.handle.is_connected(peer)).await;
    let mut near = soon("a stream", client.handle.open(peer, Protocol::MEET)).await.unwrap();
    let mut far = soon("the stream", incoming.next()).await.unwrap();
    far.set_idle_limit(Duration::from_secs(3600));
    let quiet = tokio::spawn(async move {
        let first: Option<u32> = wire::recv_or_end(&mut far, 4, Duration::from_secs(3600)).await.unwrap();
        (first, far)
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    wire::send(&mut near, &1_u32).await.unwrap();
    let (first, mut far) = soon("a word after a silence", quiet).await.unwrap();
    assert_eq!(first, Some(1));
    // Each message is on its way before the next is written: a pose that waited for more bytes would never arrive.
    for number in 0..600_u32 {
        wire::send(&mut near, &number).await.unwrap();
        assert_eq!(soon("a pose", wire::recv::<u32, _>(&mut far, 4)).await.unwrap(), number);
    }
}
