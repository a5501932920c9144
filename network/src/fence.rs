//! What a hidden node may dial: its relays, and nothing else.
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
    relays: Vec<Multiaddr>,
}

impl<O> Fence<O> {
    pub(crate) fn new(inner: Boxed<O>, relays: &[Multiaddr]) -> Self {
        Fence { inner, relays: relays.iter().map(|address| split(address.clone()).0).collect() }
    }
}

impl<O> Transport for Fence<O> {
    type Output = O;
    type Error = io::Error;
    type ListenerUpgrade = <Boxed<O> as Transport>::ListenerUpgrade;
    type Dial = <Boxed<O> as Transport>::Dial;

    fn listen_on(&mut self, _: ListenerId, _: Multiaddr) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::Other(io::Error::other("this node is hidden; it is reached through relays only")))
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        if self.relays.contains(&split(address.clone()).0) {
            self.inner.dial(address, options)
        } else {
            Err(TransportError::Other(io::Error::other("this node is hidden; it dials nobody but its relays")))
        }
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
