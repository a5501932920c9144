//! What a hidden node may dial: its relays, and nothing else; and what a node behind a firewall that lets out to named hosts
//! only can dial: its entry points.
//!
//! Whoever is dialled learns the address that the dial comes from. Many parts of a swarm dial by themselves (Kademlia's
//! walks, gossip, the address book), so the rule is kept where all of their dials pass: at the transport.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, Transport,
    core::transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent},
};

use crate::address::split;

/// A transport that dials only what is on its list, and listens on nothing.
pub(crate) struct Fence<O> {
    inner: Boxed<O>,
    /// Addresses without peer ids.
    open: Vec<Multiaddr>,
    /// Why the others aren't.
    why: &'static str,
}

impl<O> Fence<O> {
    /// Lets a node that hides through to its relays.
    pub(crate) fn hiding(inner: Boxed<O>, relays: &[Multiaddr]) -> Self {
        Fence::new(
            inner,
            relays,
            "this node is hidden; it dials nobody but its relays, and is reached through them only",
        )
    }

    /// Lets a node through to its entry points.
    pub(crate) fn walling(inner: Boxed<O>, entry_points: &[Multiaddr]) -> Self {
        Fence::new(inner, entry_points, "this node dials nobody but its entry points, and listens on nothing")
    }

    fn new(inner: Boxed<O>, open: &[Multiaddr], why: &'static str) -> Self {
        Fence { inner, open: open.iter().map(|address| split(address.clone()).0).collect(), why }
    }
}

impl<O> Transport for Fence<O> {
    type Output = O;
    type Error = io::Error;
    type ListenerUpgrade = <Boxed<O> as Transport>::ListenerUpgrade;
    type Dial = <Boxed<O> as Transport>::Dial;

    fn listen_on(&mut self, _: ListenerId, _: Multiaddr) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::Other(io::Error::other(self.why)))
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        if self.open.contains(&split(address.clone()).0) {
            self.inner.dial(address, options)
        } else {
            Err(TransportError::Other(io::Error::other(self.why)))
        }
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
