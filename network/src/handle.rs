//! What the application asks of the network. A handle is cheap to clone; the network stops when the last one is gone.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, StreamProtocol};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};

use crate::{
    admission::{self, Answer, Door, Incoming},
    config::Limits,
    error::Error,
    gossip::{GOSSIP_BYTES_MAX, Published},
    places::{Joined, PLACE_MESSAGE_BYTES_MAX},
    protocol::Protocol,
    shared::{Peer, Shared},
    shelf::{PROVIDER_KEY_BYTES_MAX, RECORD_BYTES_MAX},
    slots::{Slots, Waiting},
    stream::{Place, Stream},
    streams::{Control, OpenError},
    topic::{Subject, Topic},
};

/// The provider key under which suppliers announce themselves.
pub const SUPPLIERS: &[u8] = b"suppliers";

/// Tries to open a stream that the far end dropped without a word.
const OPEN_TRIES: u32 = 6;
/// Pause before the second try; it doubles, with up to as much again at random, so that openers don't collide twice.
const OPEN_PAUSE: Duration = Duration::from_millis(20);
/// A stream that takes so long may be on a connection whose far end has restarted: seven round trips of 200 ms.
const OPEN_STALLED: Duration = Duration::from_millis(1500);

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A question to the swarm's task.
#[derive(Debug)]
pub(crate) enum Command {
    Publish { subject: Subject, data: Bytes, reply: Reply<Published> },
    Join { place: [u8; 32], reply: Reply<Joined> },
    Leave { place: [u8; 32], reply: Reply<()> },
    Connect { peer: PeerId, reply: Reply<()> },
    Redial { peer: PeerId, reply: Reply<()> },
    Introduce { peer: PeerId, addresses: Vec<Multiaddr>, reply: Reply<()> },
    Find { peer: PeerId, reply: Reply<Vec<Multiaddr>> },
    Provide { key: Vec<u8>, reply: Reply<()> },
    Unprovide { key: Vec<u8>, reply: Reply<()> },
    Providers { key: Vec<u8>, some_are_enough: bool, reply: Reply<Vec<PeerId>> },
    PutRecord { key: [u8; 32], value: Bytes, reply: Reply<usize> },
    ForgetRecord { key: [u8; 32], reply: Reply<()> },
    Records { key: [u8; 32], reply: Reply<Vec<Bytes>> },
    KnownPeers { reply: Reply<Vec<Multiaddr>> },
    Ban { peer: PeerId, reason: String, reply: Reply<()> },
    Stop { reply: Reply<()> },
}

struct Inner {
    chain_id: u64,
    limits: Limits,
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    control: Control,
    slots: Arc<Slots>,
    waiting: Waiting,
    alive: watch::Receiver<()>,
}

/// See the module's head.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle({})", self.local_peer())
    }
}

impl Handle {
    pub(crate) fn new(
        chain_id: u64,
        limits: Limits,
        shared: Arc<Shared>,
        commands: mpsc::Sender<Command>,
        control: Control,
        alive: watch::Receiver<()>,
    ) -> Self {
        let slots = Slots::new(limits.streams_in, limits.streams_in_per_peer);
        let waiting = Waiting::new(limits.streams_out_per_peer);
        Handle { inner: Arc::new(Inner { chain_id, limits, shared, commands, control, slots, waiting, alive }) }
    }

    /// Who we are.
    pub fn local_peer(&self) -> PeerId {
        self.inner.shared.local
    }

    /// Whether this node hides its address ([`crate::Config::hidden`]).
    pub fn is_hidden(&self) -> bool {
        self.inner.shared.hidden
    }

    /// Where we are reached, without the peer id: where we listen, and the relays at which a place is reserved.
    pub fn listen_addrs(&self) -> Vec<Multiaddr> {
        self.inner.shared.listen()
    }

    /// Who is connected.
    pub fn peers(&self) -> Vec<Peer> {
        self.inner.shared.peers()
    }

    /// Whether a connection with `peer` stands.
    pub fn is_connected(&self, peer: PeerId) -> bool {
        self.inner.shared.is_connected(&peer)
    }

    /// Addresses of peers that were met, each ending in `/p2p/<peer id>`: what [`crate::Config::known`] takes after a
    /// restart.
    pub async fn known_peers(&self) -> Result<Vec<Multiaddr>, Error> {
        self.ask(|reply| Command::KnownPeers { reply }).await
    }

    /// Gossips a message of our own. It is not delivered to ourselves.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`GOSSIP_BYTES_MAX`] bytes; [`Error::Busy`] if no peer can take it now.
    pub async fn publish(&self, topic: Topic, data: Bytes) -> Result<Published, Error> {
        if data.len() > GOSSIP_BYTES_MAX {
            return Err(Error::TooLarge { len: data.len(), max: GOSSIP_BYTES_MAX });
        }
        self.ask(|reply| Command::Publish { subject: Subject::Chain(topic), data, reply }).await
    }

    /// Joins the gossip of a place until it is left or the returned [`Joined`] is dropped. It runs over the connections
    /// that stand: finding the other members (by [`Handle::providers`], say) and connecting is the caller's part.
    ///
    /// # Errors
    /// [`Error::AlreadyJoined`]; [`Error::Busy`] if [`crate::PLACES_MAX`] places are joined.
    pub async fn join(&self, place: [u8; 32]) -> Result<Joined, Error> {
        self.ask(|reply| Command::Join { place, reply }).await
    }

    /// Leaves a place; its [`Joined`] ends. Nothing happens if it wasn't joined.
    pub async fn leave(&self, place: [u8; 32]) -> Result<(), Error> {
        self.ask(|reply| Command::Leave { place, reply }).await
    }

    /// Gossips a message of our own in a place. It is not delivered to ourselves.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`PLACE_MESSAGE_BYTES_MAX`] bytes; [`Error::NotJoined`]; [`Error::Busy`] if no peer can
    /// take it now.
    pub async fn publish_in(&self, place: [u8; 32], data: Bytes) -> Result<Published, Error> {
        if data.len() > PLACE_MESSAGE_BYTES_MAX {
            return Err(Error::TooLarge { len: data.len(), max: PLACE_MESSAGE_BYTES_MAX });
        }
        self.ask(|reply| Command::Publish { subject: Subject::Place(place), data, reply }).await
    }

    /// Tells where a peer is said to be, by an invitation or by another peer. Addresses that can't mean that peer from
    /// here (its loopback, say) are left out, as is everything if the peer itself has told us better.
    pub async fn introduce(&self, peer: PeerId, addresses: Vec<Multiaddr>) -> Result<(), Error> {
        self.ask(|reply| Command::Introduce { peer, addresses, reply }).await
    }

    /// Makes sure that a connection with `peer` stands, asking the network for its addresses if ours don't work.
    pub async fn connect(&self, peer: PeerId) -> Result<(), Error> {
        let limit = self.inner.limits.open_timeout;
        timeout(limit, self.connect_unbounded(peer)).await.map_err(|_| Error::Timeout { what: "connecting", limit })?
    }

    /// Opens a stream, connecting first if need be. Waits while [`Limits::streams_out_per_peer`] streams of ours to
    /// this peer are open.
    ///
    /// # Errors
    /// [`Error::Unsupported`], [`Error::Refused`], [`Error::Dial`], [`Error::NoAddress`], [`Error::Banned`],
    /// [`Error::Timeout`] after [`Limits::open_timeout`] (which doesn't count the wait for a place).
    pub async fn open(&self, peer: PeerId, protocol: Protocol) -> Result<Stream, Error> {
        let permit = self.inner.waiting.take(peer).await.ok_or(Error::Stopped)?;
        let limit = self.inner.limits.open_timeout;
        let opened = timeout(limit, self.open_unbounded(peer, protocol)).await;
        let raw = opened.map_err(|_| Error::Timeout { what: "opening a stream", limit })??;
        Ok(Stream::new(raw, peer, protocol, Place::Out { _permit: permit }, self.inner.limits.stream_idle))
    }

    /// Serves a protocol until the returned [`Incoming`] is dropped. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::AlreadyAccepted`].
    pub fn accept(&self, protocol: Protocol) -> Result<Incoming, Error> {
        let name = protocol.on_wire(self.inner.chain_id);
        let raw = self.inner.control.accept(name).ok_or(Error::AlreadyAccepted(protocol))?;
        let limits = &self.inner.limits;
        let door = Door {
            protocol,
            slots: self.inner.slots.clone(),
            waiting: limits.streams_waiting,
            idle: limits.stream_idle,
            alive: self.inner.alive.clone(),
        };
        Ok(admission::open(door, raw))
    }

    /// Asks the network where a peer is. Empty if nobody knows.
    pub async fn find_peer(&self, peer: PeerId) -> Result<Vec<Multiaddr>, Error> {
        self.ask(|reply| Command::Find { peer, reply }).await
    }

    /// Announces that we provide `key` (for example [`SUPPLIERS`]) until [`Handle::unprovide`]; repeated by itself.
    /// Ends when the peers nearest to the key were told.
    pub async fn provide(&self, key: &[u8]) -> Result<(), Error> {
        let key = provider_key(key)?;
        self.ask(|reply| Command::Provide { key, reply }).await
    }

    /// Ends an announcement. Others forget it within half an hour.
    pub async fn unprovide(&self, key: &[u8]) -> Result<(), Error> {
        let key = provider_key(key)?;
        self.ask(|reply| Command::Unprovide { key, reply }).await
    }

    /// Who announced `key`, as far as the network remembers; at most 1024 peers.
    pub async fn providers(&self, key: &[u8]) -> Result<Vec<PeerId>, Error> {
        let key = provider_key(key)?;
        self.ask(|reply| Command::Providers { key, some_are_enough: false, reply }).await
    }

    /// The same as soon as the first node has named any, for callers to whom a few are as good as all: the whole search takes ten
    /// seconds for each node near to the key that has died.
    pub async fn some_providers(&self, key: &[u8]) -> Result<Vec<PeerId>, Error> {
        let key = provider_key(key)?;
        self.ask(|reply| Command::Providers { key, some_are_enough: true, reply }).await
    }

    /// Gives a record to the nodes nearest to its key and repeats it every [`Limits::record_renewal`], until a newer one
    /// is known here or [`Handle::forget_record`] is called. Also the way to put back the newest of several versions
    /// that were found. Answers how many nodes were told; 0 in a network that is only forming, where it is repeated soon.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`RECORD_BYTES_MAX`] bytes; [`Error::RecordRefused`] by our own
    /// [`crate::RecordJudge`] or without one; [`Error::Busy`] if [`crate::OWN_RECORDS_MAX`] records are being repeated.
    pub async fn put_record(&self, key: [u8; 32], value: Bytes) -> Result<usize, Error> {
        if value.len() > RECORD_BYTES_MAX {
            return Err(Error::TooLarge { len: value.len(), max: RECORD_BYTES_MAX });
        }
        self.ask(|reply| Command::PutRecord { key, value, reply }).await
    }

    /// No longer repeats a record. Others keep it until [`Limits::record_life`] is over.
    pub async fn forget_record(&self, key: [u8; 32]) -> Result<(), Error> {
        self.ask(|reply| Command::ForgetRecord { key, reply }).await
    }

    /// The different valid values that the nodes nearest to `key` keep, at most [`crate::RECORDS_FOUND_MAX`], in no
    /// particular order. Which is the newest is for the caller to say. A value may be anybody's word: it is known to be
    /// valid only if this node has a [`crate::RecordJudge`].
    pub async fn get_records(&self, key: [u8; 32]) -> Result<Vec<Bytes>, Error> {
        self.ask(|reply| Command::Records { key, reply }).await
    }

    /// Shuts a peer out for [`Limits::ban`]: connections are closed and new ones refused.
    pub async fn ban(&self, peer: PeerId, reason: impl Into<String>) -> Result<(), Error> {
        let reason = reason.into();
        self.ask(|reply| Command::Ban { peer, reason, reply }).await
    }

    /// Closes all connections and ends the network. Other handles fail with [`Error::Stopped`] from then on.
    pub async fn stop(&self) -> Result<(), Error> {
        self.ask(|reply| Command::Stop { reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.inner.commands.send(command(reply)).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)?
    }

    async fn connect_unbounded(&self, peer: PeerId) -> Result<(), Error> {
        if peer == self.local_peer() {
            return Err(Error::Itself(peer));
        }
        let first = self.ask(|reply| Command::Connect { peer, reply }).await;
        if !matches!(first, Err(Error::NoAddress(_) | Error::Dial { .. })) {
            return first;
        }
        // The search itself connects to the peers it passes by, often to this one too.
        let found = self.find_peer(peer).await?;
        if found.is_empty() && !self.is_connected(peer) {
            return first;
        }
        self.ask(|reply| Command::Connect { peer, reply }).await
    }

    async fn open_unbounded(&self, peer: PeerId, protocol: Protocol) -> Result<libp2p::Stream, Error> {
        let name = protocol.on_wire(self.inner.chain_id);
        let mut pause = OPEN_PAUSE;
        let mut reason = String::new();
        for attempt in 0..OPEN_TRIES {
            if attempt > 0 {
                sleep(pause.mul_f64(1.0 + rand::random::<f64>())).await;
                pause *= 2;
            }
            self.connect_unbounded(peer).await?;
            reason = match self.open_on_newest(peer, &name).await {
                Err(OpenError::Unsupported) => return Err(Error::Unsupported { peer, protocol }),
                Err(error) => error.to_string(),
                Ok((stream, Answer::Admitted)) => return Ok(stream),
                Ok((_, Answer::Refused(reason))) => return Err(Error::Refused { peer, protocol, reason }),
                Ok((_, Answer::Dropped(reason))) => reason,
            };
            tracing::debug!(%peer, %protocol, attempt, %reason, "stream not opened, trying again");
        }
        Err(Error::Open { peer, protocol, reason })
    }

    /// Opens a stream on the newest connection with a peer, and anew if there is a newer one before it is open. If that takes
    /// long, the peer is dialled again: it may have died and come back, which the old connection will show much later.
    async fn open_on_newest(&self, peer: PeerId, name: &StreamProtocol) -> Result<(libp2p::Stream, Answer), OpenError> {
        let control = &self.inner.control;
        let mut was_redialled = false;
        loop {
            let line = control.line(&peer);
            let opened = async {
                let mut stream = control.open(peer, name.clone()).await?;
                let answer = admission::knock(&mut stream).await;
                Ok((stream, answer))
            };
            let superseded = async {
                let mut newer = pin!(control.newer(&peer, line));
                if !was_redialled {
                    if timeout(OPEN_STALLED, &mut newer).await.is_ok() {
                        return;
                    }
                    was_redialled = true;
                    // Whether it worked shows in a newer connection.
                    let _ = self.ask(|reply| Command::Redial { peer, reply }).await;
                }
                newer.await;
            };
            tokio::select! {
                opened = opened => return opened,
                () = superseded => tracing::debug!(%peer, "opening a stream anew on a newer connection"),
            }
        }
    }
}

fn provider_key(key: &[u8]) -> Result<Vec<u8>, Error> {
    if key.is_empty() || key.len() > PROVIDER_KEY_BYTES_MAX {
        return Err(Error::ProviderKey { len: key.len(), max: PROVIDER_KEY_BYTES_MAX });
    }
    Ok(key.to_vec())
}
