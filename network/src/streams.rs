//! Raw streams over the connections that stand: the swarm's side opens and takes them, [`Control`] and [`Inbox`] are what the
//! rest of the crate holds.
//!
//! Any number of streams of one connection are negotiated side by side, so that whoever opens ten waits for one round trip and
//! not for ten. Of several connections with a peer the newest is used: the others may be dead without anybody knowing, since a
//! peer that restarted comes back on a new one long before the old one times out. Who waits for a stream on an older one hears
//! of it ([`Control::newer`]). A stream that a peer opens waits in the
//! protocol's inbox; what finds no room there is dropped, and the opener tries again (`handle.rs`).

mod handler;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
        ToSwarm,
    },
};
use tokio::sync::{mpsc, oneshot, watch};

use handler::Handler;

/// Streams of one protocol that wait to be looked at; the door empties it at once (`admission.rs`).
const INBOX_STREAMS: usize = 64;
/// Streams that wait for one connection's turn; who wants more waits in line.
const REQUESTS_WAITING: usize = 16;

/// Why a stream wasn't opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The peer doesn't speak the protocol.
    #[error("the peer doesn't speak this protocol")]
    Unsupported,
    /// There is no connection, or it ended meanwhile.
    #[error("{0}")]
    Line(String),
}

/// A stream that somebody wants.
#[derive(Debug)]
pub(crate) struct Request {
    protocol: StreamProtocol,
    reply: oneshot::Sender<Result<Stream, OpenError>>,
}

#[derive(Debug)]
struct Line {
    id: ConnectionId,
    requests: mpsc::Sender<Request>,
}

type Inboxes = HashMap<StreamProtocol, mpsc::Sender<(PeerId, Stream)>>;

#[derive(Debug, Default)]
struct State {
    inboxes: Inboxes,
    /// By peer, the newest last.
    lines: HashMap<PeerId, Vec<Line>>,
}

/// What the behaviour, its connections and those who hold a [`Control`] share.
#[derive(Clone, Debug, Default)]
struct Shared {
    state: Arc<Mutex<State>>,
    /// Says that there is another connection, with whomever.
    connected: Arc<watch::Sender<()>>,
}

impl Shared {
    // Poisoning would mean a panic between two single-step updates; the state is right either way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest connection with a peer.
    fn newest<T>(&self, peer: &PeerId, look: impl FnOnce(&Line) -> T) -> Option<T> {
        let state = self.lock();
        let lines = state.lines.get(peer).into_iter().flatten();
        lines.rev().find(|line| !line.requests.is_closed()).map(look)
    }
}

/// The part of the swarm.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    shared: Shared,
}

/// Opens streams, and says which protocols are served.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    shared: Shared,
}

/// Streams that peers opened for one protocol. Dropping it ends serving the protocol.
pub(crate) type Inbox = mpsc::Receiver<(PeerId, Stream)>;

impl Behaviour {
    pub(crate) fn control(&self) -> Control {
        Control { shared: self.shared.clone() }
    }

    fn handler(&self, peer: PeerId, id: ConnectionId) -> Handler {
        let (requests, queue) = mpsc::channel(REQUESTS_WAITING);
        self.shared.lock().lines.entry(peer).or_default().push(Line { id, requests });
        self.shared.connected.send_replace(());
        Handler::new(self.shared.clone(), peer, id, queue)
    }
}

impl Control {
    /// Opens a stream on the newest connection with `peer`; makes none.
    pub(crate) async fn open(&self, peer: PeerId, protocol: StreamProtocol) -> Result<Stream, OpenError> {
        let ended = || OpenError::Line("the connection has ended".to_owned());
        let newest = self.shared.newest(&peer, |line| line.requests.clone()).ok_or_else(ended)?;
        let (reply, answer) = oneshot::channel();
        newest.send(Request { protocol, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Names the newest connection with `peer`.
    pub(crate) fn line(&self, peer: &PeerId) -> Option<ConnectionId> {
        self.shared.newest(peer, |line| line.id)
    }

    /// Waits for a newer connection with `peer` than the one that was the newest.
    pub(crate) async fn newer(&self, peer: &PeerId, than: Option<ConnectionId>) {
        let mut connected = self.shared.connected.subscribe();
        while self.line(peer).is_none_or(|line| Some(line) == than) {
            // It can't end while this holds the sender.
            if connected.changed().await.is_err() {
                return;
            }
        }
    }

    /// Serves a protocol; `None` if somebody serves it already.
    pub(crate) fn accept(&self, protocol: StreamProtocol) -> Option<Inbox> {
        let mut state = self.shared.lock();
        if state.inboxes.get(&protocol).is_some_and(|inbox| !inbox.is_closed()) {
            return None;
        }
        let (inbox, streams) = mpsc::channel(INBOX_STREAMS);
        state.inboxes.insert(protocol, inbox);
        Some(streams)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = std::convert::Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer, id))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer, id))
    }

    // A connection's handler comes and goes with it, and that is all there is to know.
    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
