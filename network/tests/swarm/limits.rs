//! Connections are bounded, and those that stand are not hurt by those that are turned away.

use bitdust_network::Protocol;

use crate::nodes::{Node, eventually, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_beyond_the_bound_are_turned_away() {
    let server = Node::with(1, &[], |config| config.limits.connections_in = 2).await;
    let peer = server.handle.local_peer();
    let mut incoming = server.handle.accept(Protocol::SHARD).unwrap();
    let mut guests = Vec::new();
    for seed in 2..=3 {
        let guest = Node::start(seed, &server.entry()).await;
        let id = guest.handle.local_peer();
        eventually("the guest is in", async || server.handle.is_connected(id)).await;
        guests.push(guest);
    }
    // The guests meet each other through the server; one who comes later meets them only if they are introduced, and
    // the server has no place for that.
    let late = Node::start(4, &server.entry()).await;
    let id = late.handle.local_peer();
    assert!(soon("an answer", late.handle.open(peer, Protocol::SHARD)).await.is_err());
    assert!(!server.handle.is_connected(id));
    for guest in &guests {
        let _near = soon("a stream", guest.handle.open(peer, Protocol::SHARD)).await.unwrap();
        let far = soon("a stream", incoming.next()).await.unwrap();
        assert_eq!(far.peer(), guest.handle.local_peer());
    }
    assert!(server.handle.peers().iter().map(|peer| peer.addresses.len()).sum::<usize>() >= 2);
}
