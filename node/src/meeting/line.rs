//! One line to another player: a stream of [`Protocol::MEET`], how it begins, and the two tasks that read and write it.
//!
//! Order: who opens the stream says which world it is about ([`Call`]); the other answers whether its player is there
//! ([`Answer`]). From then on both sides send frames (`bitdust_network::wire`), each a message of
//! `bitdust_world::meeting` as it is, at most [`MESSAGE_BYTES_MAX`] bytes.
//!
//! Both players may call each other at the same time. Of two young lines both sides keep the one that was opened by the player
//! whose peer id is lower ([`replaces`]); a line that has stood for a while is replaced by a new one, since nobody calls who
//! believes to have a line.

use std::{cmp::Ordering as Order, io, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bitdust_network::{Error, Handle, Invalid, PeerId, Protocol, Stream, wire};
use bitdust_world::{content::WorldId, meeting::limits::MESSAGE_BYTES_MAX};
use borsh::{BorshDeserialize, BorshSerialize};
use tokio::{
    io::{AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf},
    time::timeout,
};

use super::outbox::Outbox;

/// How long the other side may take to say which world, or whether it is there.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
/// How long a written message may find no room at the other side.
const WRITING_LIMIT: Duration = Duration::from_secs(10);
/// How long a line may be silent. Gossip goes round all 64 lines in 64 s when nobody is in sight.
const SILENCE: Duration = Duration::from_secs(180);
/// Milliseconds for which a line counts as young: a dial takes that long at most when both call at once.
const YOUNG_MS: u64 = 5000;
/// Bytes of the buffer before a reader: some frames of a usual size.
const BUFFER_BYTES: usize = 1024;

/// The first frame of a line, by whoever opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Call {
    /// The world in which the players meet.
    pub world: WorldId,
}

/// What is answered to a [`Call`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// Go on.
    Here,
    /// The player isn't in that world.
    Elsewhere,
}

/// A message as it is, without a length of its own: the frame has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(pub Vec<u8>);

impl BorshSerialize for Message {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(&self.0)
    }
}

impl BorshDeserialize for Message {
    /// All that is left; the frame's bound is the reader's.
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| Message(bytes))
    }
}

/// Opens a line to a player in a world.
pub async fn call(network: &Handle, peer: PeerId, world: WorldId) -> Result<Stream> {
    let mut stream = network.open(peer, Protocol::MEET).await?;
    let greeting = async {
        wire::send(&mut stream, &Call { world }).await?;
        wire::recv::<Answer, _>(&mut stream, 1).await
    };
    let answer = timeout(GREETING_LIMIT, greeting).await.context("no answer to a call")??;
    ensure!(answer == Answer::Here, "{peer} is not in this world");
    Ok(stream)
}

/// Takes a call: which world it is about.
pub async fn called(stream: &mut Stream) -> Result<WorldId> {
    let call = timeout(GREETING_LIMIT, wire::recv::<Call, _>(stream, 32)).await.context("a call without a word")??;
    Ok(call.world)
}

/// Answers a call.
pub async fn answer(stream: &mut Stream, answer: Answer) -> Result<()> {
    timeout(GREETING_LIMIT, wire::send(stream, &answer)).await.context("an answer that nobody takes")??;
    if answer == Answer::Elsewhere {
        stream.shutdown().await?;
    }
    Ok(())
}

/// Whether a new line to a peer takes the place of one that has stood for so long. `ours`: whether the new one was opened by
/// this side, and whether the old one was.
pub fn replaces(new_is_ours: bool, old_is_ours: bool, old_age_ms: u64, local: &PeerId, peer: &PeerId) -> bool {
    if new_is_ours == old_is_ours || old_age_ms >= YOUNG_MS {
        return true;
    }
    let ours_counts = local.to_bytes().cmp(&peer.to_bytes()) == Order::Less;
    new_is_ours == ours_counts
}

/// Splits a line that stands.
pub fn halves(mut stream: Stream) -> (BufReader<ReadHalf<Stream>>, WriteHalf<Stream>) {
    stream.set_idle_limit(SILENCE);
    let (reader, writer) = tokio::io::split(stream);
    (BufReader::with_capacity(BUFFER_BYTES, reader), writer)
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// A message, and the bytes that it took on the line.
    Message(Vec<u8>, usize),
    /// A message of so many bytes was announced, more than may be.
    Overlong(usize),
    /// The line has ended.
    Ended,
}

/// Reads one message.
pub async fn read(reader: &mut BufReader<ReadHalf<Stream>>) -> Read {
    match wire::recv_or_end::<Message, _>(reader, MESSAGE_BYTES_MAX, SILENCE).await {
        Ok(Some(Message(bytes))) => {
            let taken = bytes.len() + 4;
            Read::Message(bytes, taken)
        }
        Err(Error::Invalid(Invalid::FrameTooLarge { len, .. })) => {
            Read::Overlong(usize::try_from(len).unwrap_or(usize::MAX))
        }
        Ok(None) => Read::Ended,
        Err(error) => {
            tracing::trace!(%error, "a line to a player ended");
            Read::Ended
        }
    }
}

/// Writes what is put into the outbox until that is closed; `written` is told the bytes.
///
/// # Errors
/// The line broke, or the other side doesn't read.
pub async fn write(mut writer: WriteHalf<Stream>, outbox: Arc<Outbox>, written: impl Fn(usize)) -> Result<()> {
    while let Some(messages) = outbox.take().await {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.extend(wire::encode(&Message(message))?);
        }
        let writing = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        timeout(WRITING_LIMIT, writing).await.context("the other side doesn't read")??;
        written(bytes.len());
    }
    timeout(WRITING_LIMIT, writer.shutdown()).await.context("the other side doesn't read")??;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_framed_as_it_is() {
        let message = Message(vec![1, 2, 3]);
        let frame = wire::encode(&message).unwrap();
        assert_eq!(frame, [3, 0, 0, 0, 1, 2, 3]);
        assert_eq!(wire::decode::<Message>(&frame[4..]).unwrap(), message);
        assert_eq!(wire::encode(&Call { world: WorldId([7; 32]) }).unwrap().len(), 4 + 32);
        assert_eq!(wire::encode(&Answer::Here).unwrap(), [1, 0, 0, 0, 0]);
    }

    /// Whatever the order in which the two sides see two lines of the same moment, they keep the same one.
    #[test]
    fn of_two_lines_at_once_both_sides_keep_the_same() {
        let (a, b) = (PeerId::random(), PeerId::random());
        // What one side keeps: its own line or the other's.
        let keeps_own = |local, peer, own_first: bool| {
            let new_wins = replaces(!own_first, own_first, 100, local, peer);
            own_first != new_wins
        };
        for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
            assert_ne!(keeps_own(&a, &b, first), keeps_own(&b, &a, second), "one's own is the other's other");
        }
        assert!(replaces(false, true, YOUNG_MS, &a, &b) && replaces(true, false, YOUNG_MS, &a, &b));
        assert!(replaces(true, true, 0, &a, &b) && replaces(false, false, 0, &a, &b));
    }
}
