//! A line that a test can cut: a small TCP forwarder in front of a node.
//!
//! A node that listens on nothing (`reachable = false`) and dials nobody but its entry points (`walled = true`), which are
//! forwarders, reaches the others through these alone: when they are cut, so is the node; every connection ends, and no new one
//! is taken until they are healed. It works without root on any machine; that a cut is one is for the test to check, by the
//! peers that the node names. Forwarders are written by name (`/dns4/localhost/…`), so that the node takes no loopback address
//! that others tell for one that it could dial.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Forwards until it is dropped.
pub struct Forwarder {
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

/// Cuts and heals any number of forwarders together.
#[derive(Clone)]
pub struct Scissors(Arc<watch::Sender<bool>>);

impl Scissors {
    /// All lines stand.
    pub fn new() -> Self {
        Scissors(Arc::new(watch::Sender::new(false)))
    }

    /// Ends all connections; further ones end at once.
    pub fn cut(&self) {
        self.0.send_replace(true);
    }

    /// Takes connections again.
    pub fn heal(&self) {
        self.0.send_replace(false);
    }
}

impl Default for Scissors {
    fn default() -> Self {
        Scissors::new()
    }
}

impl Forwarder {
    /// Forwards a free port of loopback to `target`. Must be called inside a tokio runtime.
    pub fn start(target: SocketAddr, scissors: &Scissors) -> Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for a forwarder")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let listener = TcpListener::from_std(listener)?;
        let cut = scissors.0.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(stream, target, cut.clone()));
            }
        });
        Ok(Forwarder { port, task })
    }

    /// Where it listens, as nodes write it.
    pub fn address(&self) -> String {
        format!("/dns4/localhost/tcp/{}", self.port)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut near: TcpStream, target: SocketAddr, mut cut: watch::Receiver<bool>) {
    if *cut.borrow() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        // Whoever hangs up, and why, is the business of the two ends.
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = cut.wait_for(|is_cut| *is_cut) => {}
    }
}
