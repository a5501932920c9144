//! A stream: bytes in order between two peers, with back-pressure, a place that is given back, and a watch for stalls.
//!
//! Back-pressure is the transport's: a writer whose reader doesn't read waits once the window is full (256 KiB at first
//! on TCP, 4 MiB on QUIC). Nothing here buffers.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::io::{AsyncRead as _, AsyncWrite as _};
use libp2p::PeerId;
use metrics::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
};

use crate::{meters, protocol::Protocol, slots::Slot, stall::Stall};

/// The right to hold a stream, given back when the stream is dropped.
#[derive(Debug)]
pub(crate) enum Place {
    /// The peer opened it.
    In { _slot: Slot },
    /// We opened it.
    Out { _permit: OwnedSemaphorePermit },
}

impl Place {
    fn direction(&self) -> &'static str {
        match self {
            Place::In { .. } => "in",
            Place::Out { .. } => "out",
        }
    }
}

/// A stream with a peer. Implements tokio's `AsyncRead` and `AsyncWrite`; `tokio_util::compat` makes it a futures one.
///
/// What was written leaves on `flush`, at once: neither transport waits for more bytes to come. A stream on which nothing
/// is said stays open; who waits for the next word for longer than the limit below sets another.
///
/// Dropping it resets it: call `shutdown` after the last write, or the peer may miss the end. A read or write without
/// progress for [`crate::Limits::stream_idle`] fails with [`io::ErrorKind::TimedOut`].
pub struct Stream {
    inner: libp2p::Stream,
    peer: PeerId,
    protocol: Protocol,
    place: Place,
    reading: Stall,
    writing: Stall,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl Stream {
    pub(crate) fn new(inner: libp2p::Stream, peer: PeerId, protocol: Protocol, place: Place, idle: Duration) -> Self {
        meters::stream_opened(place.direction());
        Stream {
            inner,
            peer,
            protocol,
            place,
            reading: Stall::new(idle),
            writing: Stall::new(idle),
            bytes_in: meters::stream_bytes("in"),
            bytes_out: meters::stream_bytes("out"),
        }
    }

    /// Who is at the other end; proved by its key when the connection was made.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// What is spoken on it.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes how long a read or write may make no progress, for protocols that wait on purpose.
    pub fn set_idle_limit(&mut self, limit: Duration) {
        self.reading.set_limit(limit);
        self.writing.set_limit(limit);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        meters::stream_closed(self.place.direction());
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({} {} {})", self.place.direction(), self.protocol, self.peer)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buf.initialize_unfilled());
        let count = ready!(this.reading.watch(cx, polled))?;
        buf.advance(count);
        this.bytes_in.increment(count as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(cx, buf);
        let count = ready!(this.writing.watch(cx, polled))?;
        this.bytes_out.increment(count as u64);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_flush(cx);
        this.writing.watch(cx, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_close(cx);
        this.writing.watch(cx, polled)
    }
}
