//! Streams: many bytes, in order, no faster than they are read; bounded in number; clear about what goes wrong.

use std::{net::SocketAddr, time::Duration};

use bitdust_network::{
    Config, Error, Event, Incoming, Invalid, Multiaddr, Protocol, Refusal, Stream,
    wire::{self, FRAME_BYTES_MAX},
};
use libp2p::multiaddr::Protocol as Part;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
    sync::watch,
};

use crate::nodes::{Node, eventually, soon};

const MIB: usize = 1 << 20;

/// Two nodes, the second of which serves the shard protocol.
async fn pair(change: impl Fn(&mut Config)) -> (Node, Node, Incoming) {
    let server = Node::with(1, &[], &change).await;
    let client = Node::with(2, &server.entry(), &change).await;
    let incoming = server.handle.accept(Protocol::SHARD).unwrap();
    let peer = server.handle.local_peer();
    eventually("they are connected", async || client.handle.is_connected(peer)).await;
    (client, server, incoming)
}

async fn open(from: &Node, to: &Node) -> Stream {
    let peer = to.handle.local_peer();
    eventually("they are connected", async || from.handle.is_connected(peer)).await;
    soon("a stream", from.handle.open(peer, Protocol::SHARD)).await.unwrap()
}

fn only(transport: &'static str) -> impl Fn(&mut Config) {
    move |config| {
        config.listen.retain(|address: &Multiaddr| address.to_string().contains(transport));
        assert_eq!(config.listen.len(), 1);
    }
}

/// The byte at a position of the test transfer: no period that a lost or doubled block could hide in.
fn byte_at(position: usize) -> u8 {
    ((position as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

async fn transfer(transport: &'static str) {
    const TOTAL: usize = 64 * MIB;
    let (client, server, mut incoming) = pair(only(transport)).await;
    let mut stream = open(&client, &server).await;
    let mut received = soon("the stream", incoming.next()).await.unwrap();
    assert_eq!((received.peer(), received.protocol()), (client.handle.local_peer(), Protocol::SHARD));
    assert!(client.handle.peers()[0].addresses[0].to_string().contains(transport));

    // Nobody reads yet: the writer must come to a halt long before everything is written.
    let (progress, mut written) = tokio::sync::watch::channel(0);
    let writer = tokio::spawn(async move {
        let mut block = vec![0; 256 << 10];
        for start in (0..TOTAL).step_by(block.len()) {
            for (offset, byte) in block.iter_mut().enumerate() {
                *byte = byte_at(start + offset);
            }
            stream.write_all(&block).await.unwrap();
            progress.send_replace(start + block.len());
        }
        stream.shutdown().await.unwrap();
    });
    let mut halted_at = 0;
    while let Ok(changed) = tokio::time::timeout(Duration::from_secs(3), written.changed()).await {
        changed.expect("the writer can't have ended");
        halted_at = *written.borrow_and_update();
    }
    assert!(halted_at < TOTAL / 2, "{halted_at} bytes went to a reader that doesn't read");

    let mut block = vec![0; 128 << 10];
    let mut position = 0;
    loop {
        let count = soon("bytes", received.read(&mut block)).await.unwrap();
        if count == 0 {
            break;
        }
        for (offset, byte) in block[..count].iter().enumerate() {
            assert!(*byte == byte_at(position + offset), "wrong byte at {}", position + offset);
        }
        position += count;
    }
    assert_eq!(position, TOTAL);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_over_quic_with_back_pressure() {
    transfer("quic-v1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_over_tcp_with_back_pressure() {
    transfer("tcp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_both_ways_and_garbage_is_a_verdict() {
    let (client, server, mut incoming) = pair(|_| ()).await;
    let mut near = open(&client, &server).await;
    let mut far = soon("the stream", incoming.next()).await.unwrap();
    wire::send(&mut near, &("open", 7_u64)).await.unwrap();
    let (verb, number): (String, u64) = soon("a message", wire::recv(&mut far, 1000)).await.unwrap();
    assert_eq!((verb.as_str(), number), ("open", 7));
    wire::send(&mut far, &vec![1_u8; 3 * MIB]).await.unwrap();
    let back: Vec<u8> = soon("a message", wire::recv(&mut near, 4 * MIB)).await.unwrap();
    assert_eq!(back, vec![1; 3 * MIB]);

    // Not a message.
    near.write_all(&[3, 0, 0, 0, 0xff, 0xff, 0xff]).await.unwrap();
    near.flush().await.unwrap();
    let error = soon("a verdict", wire::recv::<String, _>(&mut far, 1000)).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::Undecodable { len: 3, .. })), "{error}");

    // Longer than the reader takes.
    let mut near = open(&client, &server).await;
    let mut far = soon("the stream", incoming.next()).await.unwrap();
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    near.flush().await.unwrap();
    let error = soon("a verdict", wire::recv::<String, _>(&mut far, FRAME_BYTES_MAX)).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::FrameTooLarge { max: FRAME_BYTES_MAX, .. })), "{error}");

    // Cut short.
    let mut near = open(&client, &server).await;
    let mut far = soon("the stream", incoming.next()).await.unwrap();
    near.write_all(&[100, 0, 0, 0, 1, 2, 3]).await.unwrap();
    near.shutdown().await.unwrap();
    let error = soon("a verdict", wire::recv::<String, _>(&mut far, 1000)).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::Truncated { got: 3, expected: 100 })), "{error}");
    let end: Option<u8> = soon("the end", wire::recv_or_end(&mut far, 9, wire::WAIT_DEFAULT)).await.unwrap();
    assert_eq!(end, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protocol_that_nobody_serves_is_named() {
    let (client, server, incoming) = pair(|_| ()).await;
    let peer = server.handle.local_peer();
    let error = soon("an answer", client.handle.open(peer, Protocol::BLOCKS)).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { protocol: Protocol::BLOCKS, .. }), "{error}");
    let again = server.handle.accept(Protocol::SHARD).unwrap_err();
    assert!(matches!(again, Error::AlreadyAccepted(Protocol::SHARD)), "{again}");
    drop(incoming);
    eventually("the protocol can be served anew", async || server.handle.accept(Protocol::SHARD).is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_peer_gets_so_many_streams_and_all_peers_together_so_many() {
    let change = |config: &mut Config| {
        config.limits.streams_in_per_peer = 3;
        config.limits.streams_in = 4;
    };
    let (client, server, mut incoming) = pair(change).await;
    let other = Node::with(3, &server.entry(), change).await;
    let peer = server.handle.local_peer();
    let mut held = Vec::new();
    for _ in 0..3 {
        let near = open(&client, &server).await;
        held.push((near, soon("a stream", incoming.next()).await.unwrap()));
    }
    let error = soon("an answer", client.handle.open(peer, Protocol::SHARD)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { reason: Refusal::PerPeer, .. }), "{error}");

    let near = open(&other, &server).await;
    held.push((near, soon("a stream", incoming.next()).await.unwrap()));
    let error = soon("an answer", other.handle.open(peer, Protocol::SHARD)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { reason: Refusal::Total, .. }), "{error}");

    // A stream that ends makes room.
    held.remove(0);
    let _near = open(&client, &server).await;
    let _far = soon("a stream", incoming.next()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_nobody_serves_wait_in_a_bounded_queue() {
    let (client, server, mut incoming) = pair(|config| config.limits.streams_waiting = 2).await;
    let peer = server.handle.local_peer();
    let _waiting = [open(&client, &server).await, open(&client, &server).await];
    let error = soon("an answer", client.handle.open(peer, Protocol::SHARD)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { reason: Refusal::Queue, .. }), "{error}");
    soon("a stream", incoming.next()).await.unwrap();
    open(&client, &server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outbound_streams_beyond_the_bound_wait_for_their_turn() {
    let (client, server, mut incoming) = pair(|config| config.limits.streams_out_per_peer = 2).await;
    tokio::spawn(async move {
        while let Some(mut stream) = incoming.next().await {
            tokio::spawn(async move {
                let number: u32 = wire::recv(&mut stream, 4).await.unwrap();
                wire::send(&mut stream, &(number + 1)).await.unwrap();
                stream.shutdown().await.unwrap();
            });
        }
    });
    let peer = server.handle.local_peer();
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..40_u32 {
        let handle = client.handle.clone();
        asking.spawn(async move {
            let mut stream = handle.open(peer, Protocol::SHARD).await.unwrap();
            wire::send(&mut stream, &number).await.unwrap();
            assert_eq!(wire::recv::<u32, _>(&mut stream, 4).await.unwrap(), number + 1);
        });
    }
    while let Some(asked) = soon("an answer", asking.join_next()).await {
        asked.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_stalls_is_cut_off() {
    let (client, server, mut incoming) = pair(|config| config.limits.stream_idle = Duration::from_millis(300)).await;
    let _silent = open(&client, &server).await;
    let mut far = soon("the stream", incoming.next()).await.unwrap();
    let error = soon("an error", far.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_peer_goes_away_ends() {
    let (client, server, mut incoming) = pair(|_| ()).await;
    let _near = open(&client, &server).await;
    let mut far = soon("the stream", incoming.next()).await.unwrap();
    client.handle.stop().await.unwrap();
    let end = soon("the end", far.read_u8()).await.unwrap_err();
    assert_ne!(end.kind(), std::io::ErrorKind::TimedOut, "{end}");
    server.handle.stop().await.unwrap();
    assert!(soon("the end of streams", incoming.next()).await.is_none());
}

/// A peer that dies without a word and comes back where it was: who wants a stream to it doesn't wait until the old connection
/// times out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_restarted_is_reached_before_its_old_connection_ends() {
    let way = Way::start().await;
    let server = Node::with(1, &[], only("quic-v1")).await;
    let peer = server.handle.local_peer();
    let incoming = server.handle.accept(Protocol::SHARD).unwrap();
    way.leads_to(Some(quic(&server)));
    let mut client = Node::with(2, std::slice::from_ref(&way.address), only("quic-v1")).await;
    open(&client, &server).await;

    way.leads_to(None);
    drop(incoming);
    soon("it to stop", server.handle.stop()).await.unwrap();
    let server = Node::with(1, &[], only("quic-v1")).await;
    let _incoming = server.handle.accept(Protocol::SHARD).unwrap();
    way.leads_to(Some(quic(&server)));
    assert!(client.handle.is_connected(peer), "the old connection isn't known to be dead");
    soon("a stream", client.handle.open(peer, Protocol::SHARD)).await.unwrap();
    let ended = async {
        while let Some(event) = client.events.next().await {
            if matches!(event, Event::Disconnected(gone) if gone == peer) {
                return;
            }
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_millis(10), ended).await.is_err(),
        "it was only found out by a timeout"
    );
}

/// The same, if the peer comes by itself while somebody tries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_opened_on_a_connection_that_comes_meanwhile() {
    let way = Way::start().await;
    let server = Node::with(1, &[], only("quic-v1")).await;
    let peer = server.handle.local_peer();
    let incoming = server.handle.accept(Protocol::SHARD).unwrap();
    way.leads_to(Some(quic(&server)));
    let client = Node::with(2, std::slice::from_ref(&way.address), only("quic-v1")).await;
    open(&client, &server).await;

    way.leads_to(None);
    drop(incoming);
    soon("it to stop", server.handle.stop()).await.unwrap();
    let handle = client.handle.clone();
    let opening = tokio::spawn(async move { handle.open(peer, Protocol::SHARD).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let server = Node::with(1, &client.entry(), only("quic-v1")).await;
    let _incoming = server.handle.accept(Protocol::SHARD).unwrap();
    soon("a stream", opening).await.unwrap().unwrap();
}

/// Where a node hears datagrams.
fn quic(node: &Node) -> SocketAddr {
    let address = node.handle.listen_addrs().into_iter().find(|address| address.to_string().contains("quic-v1"));
    let port = address.unwrap().iter().find_map(|part| match part {
        Part::Udp(port) => Some(port),
        _ => None,
    });
    SocketAddr::from(([127, 0, 0, 1], port.unwrap()))
}

/// A port that passes datagrams on, or swallows them.
struct Way {
    address: Multiaddr,
    end: watch::Sender<Option<SocketAddr>>,
}

impl Way {
    async fn start() -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1", front.local_addr().unwrap().port()).parse().unwrap();
        let (end, leads_to) = watch::channel(None);
        tokio::spawn(async move {
            let (mut here, mut there) = (vec![0; 65_536], vec![0; 65_536]);
            let mut client = None;
            // Ends with the test. An error tells of a port that is closed, as nobody does on the internet.
            while leads_to.has_changed().is_ok() {
                let end: Option<SocketAddr> = *leads_to.borrow();
                tokio::select! {
                    Ok((len, from)) = front.recv_from(&mut here) => {
                        client = Some(from);
                        if let Some(end) = end {
                            let _ = back.send_to(&here[..len], end).await;
                        }
                    }
                    Ok((len, from)) = back.recv_from(&mut there) => {
                        if let Some(client) = client && end == Some(from) {
                            let _ = front.send_to(&there[..len], client).await;
                        }
                    }
                    else => {}
                }
            }
        });
        Way { address, end }
    }

    fn leads_to(&self, end: Option<SocketAddr>) {
        self.end.send_replace(end);
    }
}
