//! Players who don't show their address: they are met, and nobody but the relay learns where they are.

use bitdust_network::{Config, Error, Handle, Multiaddr, Network, PeerId, Protocol, wire};
use bytes::Bytes;

use crate::nodes::{DEVNET, Node, eventually, soon};

/// The address of a node with its peer id, which is how a relay is named.
fn named(node: &Node) -> Vec<Multiaddr> {
    let with_peer = format!("{}/p2p/{}", node.handle.listen_addrs()[0], node.handle.local_peer());
    vec![with_peer.parse().unwrap()]
}

fn is_circuit(address: &Multiaddr) -> bool {
    address.to_string().contains("/p2p-circuit")
}

async fn relay() -> Node {
    Node::with(1, &[], |config| config.relay_serve = true).await
}

/// A node that is reached through `relay` alone, once it has its place there.
async fn hidden(seed: u8, relay: &Node) -> Node {
    let relays = named(relay);
    let node = Node::with(seed, &relays, |config| {
        config.relays = relays.clone();
        config.hidden = true;
    })
    .await;
    eventually("a place is reserved", async || !node.handle.listen_addrs().is_empty()).await;
    assert!(node.handle.listen_addrs().iter().all(is_circuit));
    node
}

async fn say_hello(from: &Handle, to: &Node) {
    let mut incoming = to.handle.accept(Protocol::MEET).unwrap();
    let mut near = soon("a stream", from.open(to.handle.local_peer(), Protocol::MEET)).await.unwrap();
    let mut far = soon("the stream", incoming.next()).await.unwrap();
    assert_eq!(far.peer(), from.local_peer());
    wire::send(&mut near, &"hello".to_owned()).await.unwrap();
    assert_eq!(soon("a word", wire::recv::<String, _>(&mut far, 100)).await.unwrap(), "hello");
    wire::send(&mut far, &7_u32).await.unwrap();
    assert_eq!(soon("an answer", wire::recv::<u32, _>(&mut near, 4)).await.unwrap(), 7);
}

/// All addresses at which a node sees or remembers another.
async fn sees(node: &Node, other: PeerId) -> Vec<Multiaddr> {
    let mut addresses: Vec<_> =
        node.handle.peers().into_iter().filter(|peer| peer.id == other).flat_map(|peer| peer.addresses).collect();
    let known = node.handle.known_peers().await.unwrap();
    addresses.extend(known.into_iter().filter(|address| address.to_string().ends_with(&other.to_string())));
    addresses.extend(node.handle.find_peer(other).await.unwrap());
    addresses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_players_meet_and_show_the_relays_address_only() {
    let relay = relay().await;
    let (first, second) = (hidden(2, &relay).await, hidden(3, &relay).await);
    let open = Node::with(4, &relay.entry(), |config| config.relays = named(&relay)).await;
    let ids: Vec<_> = [&first, &second, &open].iter().map(|node| node.handle.local_peer()).collect();
    say_hello(&first.handle, &second).await;
    say_hello(&open.handle, &first).await;
    eventually("the open node has a place too", async || open.handle.listen_addrs().iter().any(is_circuit)).await;
    say_hello(&second.handle, &open).await;

    for (watcher, watched) in [(&second, ids[0]), (&first, ids[1]), (&open, ids[0]), (&open, ids[1])] {
        eventually("it is seen", async || !sees(watcher, watched).await.is_empty()).await;
        let addresses = sees(watcher, watched).await;
        assert!(addresses.iter().all(is_circuit), "{watched} is seen at {addresses:?}");
        // The relay knows better, or this test would show nothing.
        let direct: Vec<_> = relay.handle.peers().into_iter().filter(|peer| peer.id == watched).collect();
        assert!(direct.iter().flat_map(|peer| &peer.addresses).any(|address| !is_circuit(address)));
    }
}

/// Whoever asks for the providers of a key can dial the hidden ones among them, without a relay of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_provider_is_reached_by_those_who_use_no_relay() {
    let relay = relay().await;
    let player = hidden(2, &relay).await;
    let id = player.handle.local_peer();
    eventually("it is announced", async || player.handle.provide(b"a place").await.is_ok()).await;
    let visitor = Node::start(3, &relay.entry()).await;
    eventually("it is found", async || {
        visitor.handle.providers(b"a place").await.is_ok_and(|found| found.contains(&id))
    })
    .await;
    soon("a connection", visitor.handle.connect(id)).await.unwrap();
    assert!(sees(&visitor, id).await.iter().all(is_circuit));
}

/// Its first announcement names no address, since nobody is reached without a place. The place makes it announce anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_provider_is_found_although_it_announced_before_it_had_a_place() {
    let relay = Node::with(1, &[], |config| {
        config.relay_serve = true;
        config.limits.relay_reservations = 1;
    })
    .await;
    let first = hidden(2, &relay).await;
    let relays = named(&relay);
    let player = Node::with(3, &relays, |config| {
        config.relays = relays.clone();
        config.hidden = true;
    })
    .await;
    let id = player.handle.local_peer();
    eventually("it is announced", async || player.handle.provide(b"a place").await.is_ok()).await;
    // Everything is repeated while the network is new; only what comes after that shows anything.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert!(player.handle.listen_addrs().is_empty(), "there was one place, and it was taken");
    let visitor = Node::start(4, &relay.entry()).await;
    let is_found = async || visitor.handle.providers(b"a place").await.is_ok_and(|found| found.contains(&id));
    assert!(!is_found().await, "nobody could say where it is");
    first.handle.stop().await.unwrap();
    eventually("a place is reserved", async || !player.handle.listen_addrs().is_empty()).await;
    eventually("it is found", is_found).await;
    soon("a connection", visitor.handle.connect(id)).await.unwrap();
    assert!(sees(&visitor, id).await.iter().all(is_circuit));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_node_dials_nobody_directly() {
    let relay = relay().await;
    let watcher = Node::start(2, &relay.entry()).await;
    let id = watcher.handle.local_peer();
    // Told in every way there is where the watcher listens.
    let relays = named(&relay);
    let node = Node::with(3, &[relays.clone(), watcher.entry()].concat(), |config| {
        config.relays = relays;
        config.hidden = true;
        config.known = named(&watcher);
    })
    .await;
    node.handle.introduce(id, watcher.handle.listen_addrs()).await.unwrap();
    eventually("a place is reserved", async || !node.handle.listen_addrs().is_empty()).await;
    let error = soon("an answer", node.handle.connect(id)).await.unwrap_err();
    assert!(matches!(error, Error::Dial { .. }), "{error}");
    let hidden_id = node.handle.local_peer();
    assert!(!watcher.handle.is_connected(hidden_id), "{:?}", watcher.handle.peers());
    // The other way round they do meet, by what the watcher is told.
    let relay_id = relay.handle.local_peer();
    eventually("the watcher knows the relay", async || watcher.handle.is_connected(relay_id)).await;
    watcher.handle.introduce(hidden_id, node.handle.listen_addrs()).await.unwrap();
    soon("a connection", watcher.handle.connect(hidden_id)).await.unwrap();
    assert!(sees(&watcher, hidden_id).await.iter().all(is_circuit));
    // Whoever was dialled learns of it a moment later.
    eventually("the hidden node sees it too", async || node.handle.is_connected(id)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_at_the_relay_comes_back_with_the_relay_and_gossip_passes_through_it() {
    let relay = relay().await;
    let first = hidden(2, &relay).await;
    let second = hidden(3, &relay).await;
    let _here = first.handle.join([1; 32]).await.unwrap();
    let mut here = second.handle.join([1; 32]).await.unwrap();
    soon("a connection", second.handle.connect(first.handle.local_peer())).await.unwrap();
    let mut number = 0_u32;
    let speaking = async {
        loop {
            number += 1;
            let _ = first.handle.publish_in([1; 32], Bytes::from(number.to_le_bytes().to_vec())).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = speaking => unreachable!("speech doesn't end"),
        gossip = soon("a word", here.next()) => assert_eq!(gossip.unwrap().source, first.handle.local_peer()),
    }

    // The same relay, after a restart at the same addresses.
    let listen = relay.handle.listen_addrs();
    soon("the relay to stop", relay.handle.stop()).await.unwrap();
    eventually("the place is gone", async || first.handle.listen_addrs().is_empty()).await;
    drop(relay);
    let mut config = Config::new([1; 32], DEVNET);
    config.relay_serve = true;
    config.listen = listen;
    let mut restarted = None;
    eventually("the relay is back", async || {
        restarted = Network::start(config.clone()).await.ok();
        restarted.is_some()
    })
    .await;
    let (relay, _events) = restarted.expect("it is back");
    eventually("the place is back", async || {
        first.handle.listen_addrs().iter().any(is_circuit) && second.handle.listen_addrs().iter().any(is_circuit)
    })
    .await;
    eventually("they meet again", async || first.handle.connect(second.handle.local_peer()).await.is_ok()).await;
    assert!(relay.is_connected(first.handle.local_peer()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_relays_only_if_it_is_told_to_and_only_so_much() {
    let unwilling = Node::start(1, &[]).await;
    let relays = named(&unwilling);
    let node = Node::with(2, &relays, |config| config.relays = relays.clone()).await;
    let id = unwilling.handle.local_peer();
    eventually("they are connected", async || node.handle.is_connected(id)).await;
    let error = soon("an answer", node.handle.connect(PeerId::random())).await.unwrap_err();
    assert!(matches!(error, Error::Dial { .. } | Error::NoAddress(_)), "{error}");
    assert!(!node.handle.listen_addrs().iter().any(is_circuit));

    let busy = Node::with(5, &[], |config| {
        config.relay_serve = true;
        config.limits.relay_reservations = 1;
    })
    .await;
    let _first = hidden(6, &busy).await;
    let relays = named(&busy);
    let second = Node::with(7, &relays, |config| config.relays = relays.clone()).await;
    let id = busy.handle.local_peer();
    eventually("they are connected", async || second.handle.is_connected(id)).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(!second.handle.listen_addrs().iter().any(is_circuit), "there was one place, and it was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_cannot_be_one_is_named() {
    let mut config = Config::new([1; 32], DEVNET);
    config.hidden = true;
    assert!(matches!(Network::start(config.clone()).await.unwrap_err(), Error::NoRelay));
    config.relays = vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()];
    let error = Network::start(config).await.unwrap_err();
    assert!(error.to_string().contains("/ip4/127.0.0.1/tcp/1 is no address of a relay"), "{error}");
}
