//! Nodes for tests, and waiting.

use std::{future::Future, time::Duration};

use bitdust_network::{Config, Events, Handle, Limits, Multiaddr, Network};
use tokio::time::{sleep, timeout};

/// A machine with two busy cores needs a few seconds for what is awaited here; this is for a much worse one.
pub const DEADLINE: Duration = Duration::from_secs(150);

pub const DEVNET: u64 = 45439;

pub struct Node {
    pub handle: Handle,
    pub events: Events,
}

impl Node {
    /// A node with its own key that knows `bootstrap`.
    pub async fn start(seed: u8, bootstrap: &[Multiaddr]) -> Node {
        Node::with(seed, bootstrap, |_| ()).await
    }

    pub async fn with(seed: u8, bootstrap: &[Multiaddr], change: impl FnOnce(&mut Config)) -> Node {
        let mut config = Config::new([seed; 32], DEVNET);
        config.bootstrap = bootstrap.to_vec();
        config.limits = Limits { discovery_interval_max: Duration::from_secs(4), ..Limits::default() };
        change(&mut config);
        let (handle, events) = Network::start(config).await.expect("the node starts");
        Node { handle, events }
    }

    /// One address of this node without its peer id: all that anybody is told.
    pub fn entry(&self) -> Vec<Multiaddr> {
        self.handle.listen_addrs().into_iter().take(1).collect()
    }
}

/// Polls until `what` holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !holds().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(DEADLINE, polling).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// Waits for a future that should end by itself.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
