//! Distance: a relay of datagrams in front of a node, which is reached through it alone and through which everything takes
//! time, there and back.
//!
//! Each node announces its relay's address in place of its own (`announce` in `config.toml`), so every line between two nodes
//! passes one relay.

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket as StdSocket},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use bitdust_node::devnet::plan::NodePlan;
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Datagrams on their way in one direction; what doesn't fit is lost, as on any line.
const UNDER_WAY_MAX: usize = 8192;
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// How far apart all nodes are: milliseconds each way.
#[derive(Clone, Default)]
pub struct Distance(Arc<AtomicU64>);

impl Distance {
    pub fn set(&self, each_way: Duration) {
        self.0.store(each_way.as_millis() as u64, Ordering::Relaxed);
    }

    fn due(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A node's relay before it starts to pass anything on.
pub struct Relay {
    front: StdSocket,
    node: SocketAddr,
}

impl Relay {
    /// Puts a relay in front of a node of a plan.
    pub fn before(plan: &mut NodePlan) -> Result<Self> {
        let front = StdSocket::bind("127.0.0.1:0").context("a port for a relay")?;
        front.set_nonblocking(true)?;
        plan.config.announce = vec![format!("/ip4/127.0.0.1/udp/{}/quic-v1", front.local_addr()?.port())];
        Ok(Relay { front, node: plan.config.p2p })
    }

    /// Passes datagrams on until the test ends.
    pub fn start(self, distance: &Distance) -> Result<()> {
        let front = Arc::new(UdpSocket::from_std(self.front)?);
        tokio::spawn(pass_on(front, self.node, distance.clone()));
        Ok(())
    }
}

type Datagram = (Instant, Vec<u8>);

async fn pass_on(front: Arc<UdpSocket>, node: SocketAddr, distance: Distance) {
    let mut clients: HashMap<SocketAddr, mpsc::Sender<Datagram>> = HashMap::new();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // A client that is gone makes a read fail; the next one is another's.
        let Ok((len, client)) = front.recv_from(&mut buffer).await else { continue };
        let way = match clients.get(&client) {
            Some(way) => way,
            None => {
                let Ok(back) = UdpSocket::bind("127.0.0.1:0").await else { continue };
                if back.connect(node).await.is_err() {
                    continue;
                }
                let back = Arc::new(back);
                let there = later({
                    let back = back.clone();
                    move |bytes| drop(back.try_send(&bytes))
                });
                let home = later({
                    let front = front.clone();
                    move |bytes| drop(front.try_send_to(&bytes, client))
                });
                tokio::spawn(answers(back, home, distance.clone()));
                clients.entry(client).or_insert(there)
            }
        };
        let _ = way.try_send((distance.due(), buffer[..len].to_vec()));
    }
}

/// The node's datagrams to one client.
async fn answers(back: Arc<UdpSocket>, home: mpsc::Sender<Datagram>, distance: Distance) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match back.recv(&mut buffer).await {
            Ok(len) => drop(home.try_send((distance.due(), buffer[..len].to_vec()))),
            // Nobody listens: the node is down. A machine that is gone says nothing, and neither does this.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Sends each datagram when it is due, in order.
fn later(send: impl Fn(Vec<u8>) + Send + 'static) -> mpsc::Sender<Datagram> {
    let (queue, mut waiting) = mpsc::channel::<Datagram>(UNDER_WAY_MAX);
    tokio::spawn(async move {
        while let Some((due, bytes)) = waiting.recv().await {
            sleep_until(due).await;
            send(bytes);
        }
    });
    queue
}
