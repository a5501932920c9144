//! The door for inbound streams.
//!
//! After a stream's protocol is agreed on, the accepting side writes one byte: come in, or why not. Without it a stream
//! that finds no place would just die, and the opener couldn't tell a busy peer from a broken one. One task per
//! protocol empties its inbox (`streams.rs`), where what doesn't fit is dropped; an opener whose stream was dropped there
//! sees the end of the stream instead of the byte, and tries again (`handle.rs`).

use std::{sync::Arc, time::Duration};

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::PeerId;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::timeout,
};

use crate::{
    error::Refusal,
    meters,
    protocol::Protocol,
    slots::Slots,
    stream::{Place, Stream},
    streams::Inbox,
};

const COME_IN: u8 = 0;
const FULL_FOR_PEER: u8 = 1;
const FULL: u8 = 2;
const QUEUE_FULL: u8 = 3;

/// Writing or reading the byte.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Refusals being written at once; beyond them streams are dropped without a word.
const REFUSALS_AT_ONCE: usize = 64;

/// Streams that peers opened for one protocol, and that found a place. Dropping it stops serving the protocol.
#[derive(Debug)]
pub struct Incoming {
    protocol: Protocol,
    streams: mpsc::Receiver<Stream>,
}

impl Incoming {
    /// The next stream; `None` once the network has stopped. Cancel-safe. The stream knows its peer.
    pub async fn next(&mut self) -> Option<Stream> {
        self.streams.recv().await
    }

    /// The protocol that is served here.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }
}

/// What the door needs to know.
pub(crate) struct Door {
    pub(crate) protocol: Protocol,
    pub(crate) slots: Arc<Slots>,
    pub(crate) waiting: usize,
    pub(crate) idle: Duration,
    /// Closed when the network has stopped.
    pub(crate) alive: watch::Receiver<()>,
}

/// Starts serving `raw`.
pub(crate) fn open(door: Door, raw: Inbox) -> Incoming {
    let (queue, streams) = mpsc::channel(door.waiting);
    let protocol = door.protocol;
    tokio::spawn(serve(door, raw, queue));
    Incoming { protocol, streams }
}

async fn serve(mut door: Door, mut raw: Inbox, queue: mpsc::Sender<Stream>) {
    let refusals = Arc::new(Semaphore::new(REFUSALS_AT_ONCE));
    loop {
        let next = tokio::select! {
            () = queue.closed() => return,
            // Nothing is ever sent: this ends when the swarm's task drops the other end.
            _ = door.alive.changed() => return,
            next = raw.recv() => next,
        };
        let Some((peer, stream)) = next else { return };
        admit(&door, &queue, &refusals, peer, stream);
    }
}

fn admit(
    door: &Door,
    queue: &mpsc::Sender<Stream>,
    refusals: &Arc<Semaphore>,
    peer: PeerId,
    mut stream: libp2p::Stream,
) {
    let slot = door.slots.try_take(peer);
    let place = slot.and_then(|slot| match queue.clone().try_reserve_owned() {
        Ok(reserved) => Ok((slot, reserved)),
        Err(_) => Err(Refusal::Queue),
    });
    match place {
        Ok((slot, reserved)) => {
            let (protocol, idle) = (door.protocol, door.idle);
            // A task per admitted stream: their number is bounded by the slots, and a slow peer delays only itself.
            tokio::spawn(async move {
                if answer(&mut stream, COME_IN).await {
                    reserved.send(Stream::new(stream, peer, protocol, Place::In { _slot: slot }, idle));
                }
            });
        }
        Err(refusal) => {
            meters::stream_refused();
            tracing::debug!(%peer, protocol = %door.protocol, %refusal, "stream refused");
            let Ok(permit) = refusals.clone().try_acquire_owned() else { return };
            tokio::spawn(async move {
                if answer(&mut stream, code(refusal)).await {
                    let _ = timeout(ANSWER_TIMEOUT, stream.close()).await;
                }
                drop(permit);
            });
        }
    }
}

async fn answer(stream: &mut libp2p::Stream, code: u8) -> bool {
    let written = async {
        stream.write_all(&[code]).await?;
        stream.flush().await
    };
    matches!(timeout(ANSWER_TIMEOUT, written).await, Ok(Ok(())))
}

fn code(refusal: Refusal) -> u8 {
    match refusal {
        Refusal::PerPeer => FULL_FOR_PEER,
        Refusal::Total => FULL,
        Refusal::Queue => QUEUE_FULL,
        Refusal::Unknown(code) => code,
    }
}

/// What the door said.
pub(crate) enum Answer {
    Admitted,
    Refused(Refusal),
    /// The stream ended without a word: worth another try.
    Dropped(String),
}

/// Reads the door's answer on a stream that we opened.
pub(crate) async fn knock(stream: &mut libp2p::Stream) -> Answer {
    let mut byte = [0];
    match timeout(ANSWER_TIMEOUT, stream.read_exact(&mut byte)).await {
        Err(_) => Answer::Dropped(format!("no answer within {ANSWER_TIMEOUT:?}")),
        Ok(Err(error)) => Answer::Dropped(error.to_string()),
        Ok(Ok(())) => match byte[0] {
            COME_IN => Answer::Admitted,
            FULL_FOR_PEER => Answer::Refused(Refusal::PerPeer),
            FULL => Answer::Refused(Refusal::Total),
            QUEUE_FULL => Answer::Refused(Refusal::Queue),
            other => Answer::Refused(Refusal::Unknown(other)),
        },
    }
}
