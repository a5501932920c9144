//! A player's lines to others: calling, taking calls, reading and writing.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use anyhow::Context as _;
use bitdust_network::{PeerId, Stream};
use bitdust_world::meeting::{Channel, Input, Peer};
use tokio::{
    io::{BufReader, ReadHalf, WriteHalf},
    task::AbortHandle,
};

use super::{
    super::{
        line,
        outbox::{Outbox, Put},
    },
    Presence, State, name_of,
};

/// A line that stands.
pub(super) struct Line {
    /// Tells it from an earlier one to the same peer.
    number: u64,
    is_ours: bool,
    since: Instant,
    outbox: Arc<Outbox>,
    reading: AbortHandle,
}

impl Drop for Line {
    /// Nothing more is read; what was said before is still written.
    fn drop(&mut self) {
        self.reading.abort();
        self.outbox.close();
    }
}

impl Presence {
    /// Takes a line that a peer opened, or that was opened to it.
    pub fn attach(self: &Arc<Self>, stream: Stream, is_ours: bool) {
        let Some(peer) = Peer::new(&stream.peer().to_bytes()) else { return };
        let mut state = self.lock();
        if state.over.is_some() {
            return;
        }
        let local = self.common.network.local_peer();
        if let Some(old) = state.lines.get(&peer) {
            let age_ms = u64::try_from(old.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            if !line::replaces(is_ours, old.is_ours, age_ms, &local, &stream.peer()) {
                return;
            }
        }
        state.line_count += 1;
        let number = state.line_count;
        let outbox = Arc::new(Outbox::default());
        let (reader, writer) = line::halves(stream);
        let reading = tokio::spawn(self.clone().read(peer.clone(), number, reader)).abort_handle();
        tokio::spawn(self.clone().write(peer.clone(), number, writer, outbox.clone()));
        // An earlier line ends here; the crowd begins anew with this one.
        state.lines.insert(peer.clone(), Line { number, is_ours, since: Instant::now(), outbox, reading });
        self.tell(&mut state, Input::Connected(peer));
    }

    /// Puts a message into a line's outbox; false if its reader is too slow.
    pub(super) fn send(&self, state: &State, peer: &Peer, channel: Channel, message: Vec<u8>) -> bool {
        // A line that just ended: the crowd will hear of it.
        let Some(line) = state.lines.get(peer) else { return true };
        let tally = &self.common.tally;
        let counted = match line.outbox.put(channel, message) {
            Put::Full => {
                self.blame(peer, "it doesn't read what is sent to it");
                return false;
            }
            Put::Replaces => &tally.skipped_poses,
            Put::Waits if channel == Channel::Latest => &tally.sent_poses,
            Put::Waits => return true,
        };
        counted.fetch_add(1, Relaxed);
        true
    }

    pub(super) async fn call(self: Arc<Self>, peer: Peer) {
        let called = async {
            let id = PeerId::from_bytes(peer.as_bytes()).context("no peer has this name")?;
            line::call(&self.common.network, id, self.me.world).await
        };
        match called.await {
            Ok(stream) => self.attach(stream, true),
            Err(error) => {
                tracing::debug!(peer = %name_of(&peer), "a player can't be called: {error:#}");
                let mut state = self.lock();
                // It may have called us meanwhile.
                if state.over.is_none() && !state.lines.contains_key(&peer) {
                    self.tell(&mut state, Input::Disconnected(peer));
                }
            }
        }
    }

    async fn read(self: Arc<Self>, peer: Peer, number: u64, mut reader: BufReader<ReadHalf<Stream>>) {
        loop {
            let read = line::read(&mut reader).await;
            let tally = &self.common.tally;
            let (input, ended) = match read {
                line::Read::Message(message, bytes) => {
                    tally.received_bytes.fetch_add(bytes as u64, Relaxed);
                    tally.received_messages.fetch_add(1, Relaxed);
                    (Input::Received(peer.clone(), message), false)
                }
                line::Read::Overlong(bytes) => (Input::Overlong(peer.clone(), bytes), true),
                line::Read::Ended => (Input::Disconnected(peer.clone()), true),
            };
            let mut state = self.lock();
            // An older line than the one that stands has nothing to say.
            if state.lines.get(&peer).is_none_or(|line| line.number != number) {
                return;
            }
            if ended {
                state.lines.remove(&peer);
            }
            self.tell(&mut state, input);
            if ended {
                return;
            }
        }
    }

    async fn write(self: Arc<Self>, peer: Peer, number: u64, writer: WriteHalf<Stream>, outbox: Arc<Outbox>) {
        let written = |bytes| {
            self.common.tally.sent_bytes.fetch_add(bytes as u64, Relaxed);
        };
        let Err(error) = line::write(writer, outbox, written).await else { return };
        tracing::debug!(peer = %name_of(&peer), "a line to a player broke: {error:#}");
        let mut state = self.lock();
        if state.lines.get(&peer).is_some_and(|line| line.number == number) {
            state.lines.remove(&peer);
            self.tell(&mut state, Input::Disconnected(peer));
        }
    }
}
