//! Finding peers and suppliers from one address, and after that address has died.

use bitdust_network::{Config, Error, Network, PeerId, SUPPLIERS, listen_addresses, peer_id};

use crate::nodes::{DEVNET, Node, eventually, soon};

async fn eight() -> Vec<Node> {
    let mut nodes = vec![Node::start(1, &[]).await];
    let entry = nodes[0].entry();
    for seed in 2..=8 {
        nodes.push(Node::start(seed, &entry).await);
    }
    nodes
}

async fn all_meet(nodes: &[Node]) {
    eventually("every node is connected with every other", async || {
        nodes.iter().all(|node| node.handle.peers().len() == nodes.len() - 1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_nodes_that_know_one_address_find_each_other_and_a_supplier_after_it_died() {
    let mut nodes = eight().await;
    all_meet(&nodes).await;
    let agent = &nodes[3].handle.peers()[0].agent;
    assert!(agent.starts_with("bitdust/") || agent.is_empty(), "{agent}");

    let bootstrap = nodes.remove(0);
    let dead = bootstrap.handle.local_peer();
    soon("the bootstrap to stop", bootstrap.handle.stop()).await.unwrap();
    assert!(matches!(bootstrap.handle.find_peer(dead).await, Err(Error::Stopped)));
    eventually("all have noticed", async || nodes.iter().all(|node| !node.handle.is_connected(dead))).await;

    // A supplier that joins only now, through any of the others.
    let supplier = Node::start(20, &nodes[2].entry()).await;
    let id = supplier.handle.local_peer();
    eventually("the supplier has company", async || !supplier.handle.peers().is_empty()).await;
    soon("the announcement", supplier.handle.provide(SUPPLIERS)).await.unwrap();
    for node in &nodes {
        eventually("the supplier is found by key", async || {
            node.handle.providers(SUPPLIERS).await.is_ok_and(|found| found.contains(&id))
        })
        .await;
    }
    eventually("the supplier is found by id", async || !nodes[6].handle.find_peer(id).await.unwrap().is_empty()).await;
    soon("a connection", nodes[6].handle.connect(id)).await.unwrap();
    assert!(nodes[6].handle.providers(b"nobody provides this").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_returns_by_the_peers_it_knew_when_the_bootstrap_is_gone() {
    let first = Node::start(1, &[]).await;
    let entry = first.entry();
    let (stays, leaves) = (Node::start(2, &entry).await, Node::start(3, &entry).await);
    let (stays_id, leaves_id) = (stays.handle.local_peer(), leaves.handle.local_peer());
    let mut known = Vec::new();
    eventually("the node that will leave knows the one that stays", async || {
        known = leaves.handle.known_peers().await.unwrap();
        known.iter().any(|address| address.to_string().ends_with(&stays_id.to_string()))
    })
    .await;
    leaves.handle.stop().await.unwrap();
    first.handle.stop().await.unwrap();
    eventually("it is gone", async || !stays.handle.is_connected(leaves_id)).await;

    let back = Node::with(3, &entry, |config| config.known = known).await;
    eventually("it is back", async || back.handle.is_connected(stays_id)).await;
    assert_eq!(back.handle.local_peer(), leaves_id, "the same secret is the same peer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_another_chain_part_again() {
    let ours = Node::start(1, &[]).await;
    let theirs = Node::with(2, &ours.entry(), |config| config.chain_id = DEVNET - 1).await;
    let mut events = theirs.events;
    // They do connect, since only then do they learn that they have nothing to say to each other.
    soon("a connection to come", events.next()).await.unwrap();
    soon("it to go", events.next()).await.unwrap();
    assert!(ours.handle.known_peers().await.unwrap().is_empty());
    assert!(theirs.handle.known_peers().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_is_a_clear_error() {
    let node = Node::start(1, &[]).await;
    let nobody = PeerId::random();
    let error = soon("an answer", node.handle.connect(nobody)).await.unwrap_err();
    assert!(matches!(error, Error::NoAddress(peer) if peer == nobody), "{error}");
    let error = soon("an answer", node.handle.connect(node.handle.local_peer())).await.unwrap_err();
    assert!(matches!(error, Error::Itself(_)), "{error}");
    let error = node.handle.provide(&[0; 65]).await.unwrap_err();
    assert!(matches!(error, Error::ProviderKey { len: 65, max: 64 }), "{error}");

    let known = format!("/ip4/127.0.0.1/tcp/1/p2p/{nobody}").parse().unwrap();
    let other = Node::with(2, &[], |config| config.known = vec![known]).await;
    let error = soon("an answer", other.handle.connect(nobody)).await.unwrap_err();
    assert!(matches!(error, Error::Dial { .. }) && error.to_string().contains("127.0.0.1/tcp/1"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = Config::new([1; 32], DEVNET);
    config.listen = listen_addresses([127, 0, 0, 1].into(), port);
    let error = Network::start(config).await.unwrap_err();
    assert!(error.to_string().contains(&format!("/tcp/{port}")), "{error}");
    assert_eq!(peer_id([1; 32]).unwrap(), Node::start(1, &[]).await.handle.local_peer());
}
