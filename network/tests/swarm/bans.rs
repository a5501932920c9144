//! A banned peer is out, is told nothing, and is named with the reason.

use bitdust_network::{Error, Event, Protocol};

use crate::nodes::{Node, eventually, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_peer_is_disconnected_and_comes_back_when_the_ban_ends() {
    let mut judge = Node::with(1, &[], |config| config.limits.ban = std::time::Duration::from_secs(3)).await;
    let other = Node::start(2, &judge.entry()).await;
    let id = other.handle.local_peer();
    eventually("they are connected", async || judge.handle.is_connected(id)).await;
    let _incoming = judge.handle.accept(Protocol::SHARD).unwrap();

    judge.handle.ban(id, "served a forged block").await.unwrap();
    let reason = soon("the news", async {
        loop {
            if let Event::Banned { peer, reason } = judge.events.next().await.unwrap() {
                assert_eq!(peer, id);
                return reason;
            }
        }
    })
    .await;
    assert_eq!(reason, "served a forged block");
    let error = judge.handle.open(id, Protocol::SHARD).await.unwrap_err();
    assert!(matches!(&error, Error::Banned { peer, reason } if *peer == id && reason.contains("forged")), "{error}");
    eventually("the connection is closed", async || !judge.handle.is_connected(id)).await;
    // The other side keeps dialling its entry point, and gets in once the ban is over.
    eventually("the ban is over", async || judge.handle.is_connected(id)).await;
    soon("a stream", other.handle.open(judge.handle.local_peer(), Protocol::SHARD)).await.unwrap();
}
