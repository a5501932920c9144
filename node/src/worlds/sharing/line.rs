//! Asking one player: a stream that stands while it is used, and the questions that wait for it.
//!
//! Questions that came up while others were under way are sent together, so that a far player costs one round trip for
//! dozens of chunks.

use std::{collections::VecDeque, time::Duration};

use bitdust_network::{Error, Handle, PeerId, Protocol, wire};
use bitdust_types::{B256, Root};
use bitdust_world::LocationPos;
use tokio::{
    io::AsyncWriteExt as _,
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::wire::{Ask, GIVEN_BYTES_MAX, Given, HASHES_MAX};

/// Questions that wait for one player: as many as the scheduler ever asks one holder.
const QUESTIONS_WAITING: usize = 64;
/// Connecting, if need be with a search for the player.
const OPEN: Duration = Duration::from_secs(10);
/// Until a chunk comes. The scheduler gives up sooner; this is for the line.
const ANSWER: Duration = Duration::from_secs(10);
/// A line that is not used for so long ends.
const IDLE: Duration = Duration::from_secs(60);

/// One chunk that a player is asked for.
pub struct Question {
    /// In which world.
    pub world: B256,
    /// Of which location.
    pub location: LocationPos,
    /// What it hashes to.
    pub hash: Root,
    /// Its bytes, unchecked; none if the player doesn't have it. Dropped if the line breaks.
    pub reply: oneshot::Sender<Option<Vec<u8>>>,
}

/// Begins to ask a player. The line has ended when what is returned is closed.
pub fn open(network: Handle, peer: PeerId) -> mpsc::Sender<Question> {
    let (questions, waiting) = mpsc::channel(QUESTIONS_WAITING);
    tokio::spawn(async move {
        if let Err(error) = ask(&network, peer, waiting).await {
            tracing::debug!(%peer, %error, "a line to a player broke");
        }
    });
    questions
}

async fn ask(network: &Handle, peer: PeerId, mut waiting: mpsc::Receiver<Question>) -> Result<(), Error> {
    let opened = timeout(OPEN, network.open(peer, Protocol::CHUNKS)).await;
    let mut stream = opened.map_err(|_| Error::Timeout { what: "opening a stream of chunks", limit: OPEN })??;
    let mut queue: VecDeque<Question> = VecDeque::new();
    loop {
        if queue.is_empty() {
            match timeout(IDLE, waiting.recv()).await {
                Ok(Some(question)) => queue.push_back(question),
                Ok(None) | Err(_) => break,
            }
        }
        while queue.len() < QUESTIONS_WAITING
            && let Ok(question) = waiting.try_recv()
        {
            queue.push_back(question);
        }
        // Whoever doesn't wait any more has got it elsewhere.
        queue.retain(|question| !question.reply.is_closed());
        let Some(first) = queue.front() else { continue };
        let (world, location) = (first.world, first.location);
        let same = |question: &Question| (question.world, question.location) == (world, location);
        let (mut asked, rest): (VecDeque<_>, VecDeque<_>) = queue.drain(..).partition(same);
        queue = rest;
        if asked.len() > HASHES_MAX {
            queue.extend(asked.drain(HASHES_MAX..));
        }
        let hashes = asked.iter().map(|question| question.hash).collect();
        wire::send(&mut stream, &Ask { world: world.0, location, hashes }).await?;
        for question in asked {
            let Some(Given(packed)) = wire::recv_or_end(&mut stream, GIVEN_BYTES_MAX, ANSWER).await? else {
                return Ok(());
            };
            // Nobody may wait for it any more.
            let _ = question.reply.send(packed);
        }
    }
    Ok(stream.shutdown().await?)
}
