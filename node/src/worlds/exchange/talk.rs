//! The talk of two who have a place open: both sides of it, and what follows when one doesn't keep to the rules.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use bitdust_network::{Error, Handle, Invalid as BadFrame, PeerId, Protocol, Stream, wire as frames};
use bitdust_types::{
    Address, B256,
    signing::{InvalidSignature, SignatureBytes},
};
use bitdust_world::{
    edits::{Message, Op, Recover, Secp256k1, Session, sync::Misconduct},
    location::Head,
};
use tokio::io::AsyncWriteExt as _;

use super::{
    super::{Worlds, place::Place},
    wire::{Answer, Call, FRAME_BYTES_MAX, Turn},
};

/// How long the other side may take for its turn. It may have 1,024 signatures to check.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a talk may last: a full log of 16 MiB at 1.1 Mbit/s.
const TALK: Duration = Duration::from_secs(120);
/// Turns of a talk: a full log of 65,536 edits is 64 batches of 1,024, or 86 of 192 KiB, each way.
const TURNS_MAX: usize = 256;

/// Why a talk ended before it was over.
enum Ended {
    /// The other side did what no honest node does.
    Misconduct(String),
    /// It hasn't this place open.
    Elsewhere,
    /// The line failed, or it has no time.
    Lost(anyhow::Error),
}

/// What a talk has come to.
#[derive(Clone, Copy, Debug, Default)]
struct Learnt {
    added: u32,
    /// The other side is on a newer version.
    is_behind: bool,
}

/// One side of a talk.
struct Side<'w> {
    worlds: &'w Worlds,
    place: Arc<Place>,
    peer: PeerId,
    session: Session,
    learnt: Learnt,
}

impl Worlds {
    /// Calls those whose turn it is at a place.
    pub(in super::super) fn talk(self: &Arc<Self>, network: &Handle, place: &Arc<Place>) {
        let is_unsaved = place.has_unsaved();
        let due = place.company().due(Instant::now(), is_unsaved, |peer| network.is_connected(*peer));
        for peer in due {
            let (worlds, network, place) = (self.clone(), network.clone(), place.clone());
            tokio::spawn(async move {
                let Ok(_turn) = worlds.calls.acquire().await else { return };
                worlds.call_and_note(&network, &place, peer).await;
            });
        }
    }

    async fn call_and_note(&self, network: &Handle, place: &Arc<Place>, peer: PeerId) {
        let talked = tokio::time::timeout(TALK, self.call(network, place, peer)).await;
        match talked.unwrap_or_else(|_| Err(Ended::Lost(anyhow!("it was not over after {TALK:?}")))) {
            Ok(learnt) => {
                place.company().done(peer, true, Instant::now());
                self.follow(place, learnt, peer).await;
            }
            Err(Ended::Elsewhere) => place.company().forget(&peer),
            Err(Ended::Misconduct(reason)) => {
                place.company().forget(&peer);
                self.shut_out(network, peer, &reason).await;
            }
            Err(Ended::Lost(error)) => {
                tracing::debug!(%peer, pos = %place.pos(), "a talk about edits ended early: {error:#}");
                place.company().done(peer, false, Instant::now());
            }
        }
    }

    async fn call(&self, network: &Handle, place: &Arc<Place>, peer: PeerId) -> Result<Learnt, Ended> {
        metrics::counter!("bitdust_world_talks_total", "direction" => "out").increment(1);
        let mut stream = network.open(peer, Protocol::EDITS).await.map_err(line)?;
        let mut side = Side::new(self, place, peer);
        let question = side.session.open(&place.state().graph);
        let turn = side.turn(vec![question]);
        let (world, pos, claim) = (place.world().id.0, place.pos(), place.claim_id().0);
        frames::send(&mut stream, &Call { world, pos, claim, turn }).await.map_err(line)?;
        for _ in 0..TURNS_MAX {
            let answer = frames::recv_or_end(&mut stream, FRAME_BYTES_MAX, PATIENCE).await.map_err(line)?;
            let theirs = match answer {
                Some(Answer::Turn(turn)) => turn,
                Some(Answer::Elsewhere) => return Err(Ended::Elsewhere),
                Some(Answer::Busy) => return Err(Ended::Lost(anyhow!("it has no time"))),
                None => return Err(Ended::Lost(anyhow!("it hung up"))),
            };
            let say = side.take(theirs).await?;
            if say.is_empty() {
                stream.shutdown().await.map_err(|error| Ended::Lost(error.into()))?;
                return Ok(side.learnt);
            }
            frames::send(&mut stream, &side.turn(say)).await.map_err(line)?;
        }
        Err(Ended::Lost(anyhow!("it was not over after {TURNS_MAX} turns")))
    }

    /// Answers those who call, until the network stops.
    pub async fn answer_calls(self: Arc<Self>, network: Handle) -> Result<()> {
        let mut incoming = network.accept(Protocol::EDITS)?;
        while let Some(mut stream) = incoming.next().await {
            let (worlds, network, peer) = (self.clone(), network.clone(), stream.peer());
            let may_enter = worlds.door().enter(peer, Instant::now());
            tokio::spawn(async move {
                if !may_enter {
                    // Whether it hears that is its affair.
                    let _ = frames::send(&mut stream, &Answer::Busy).await;
                    return;
                }
                let answered = tokio::time::timeout(TALK, worlds.answer_call(&mut stream)).await;
                worlds.door().leave(peer);
                match answered.unwrap_or_else(|_| Err(Ended::Lost(anyhow!("it was not over after {TALK:?}")))) {
                    Ok(()) | Err(Ended::Elsewhere) => {}
                    Err(Ended::Misconduct(reason)) => worlds.shut_out(&network, peer, &reason).await,
                    Err(Ended::Lost(error)) => tracing::debug!(%peer, "a caller's talk ended early: {error:#}"),
                }
            });
        }
        Ok(())
    }

    async fn answer_call(&self, stream: &mut Stream) -> Result<(), Ended> {
        metrics::counter!("bitdust_world_talks_total", "direction" => "in").increment(1);
        let peer = stream.peer();
        let call: Option<Call> = frames::recv_or_end(stream, FRAME_BYTES_MAX, PATIENCE).await.map_err(line)?;
        let Some(call) = call else { return Ok(()) };
        let open = self.open_place(B256::new(call.world), call.pos);
        let Some(place) = open.filter(|place| place.claim_id().0 == call.claim) else {
            frames::send(stream, &Answer::Elsewhere).await.map_err(line)?;
            stream.shutdown().await.map_err(|error| Ended::Lost(error.into()))?;
            return Err(Ended::Elsewhere);
        };
        let mut side = Side::new(self, &place, peer);
        let mut theirs = call.turn;
        for _ in 0..TURNS_MAX {
            let say = side.take(theirs).await?;
            frames::send(stream, &Answer::Turn(side.turn(say))).await.map_err(line)?;
            theirs = match frames::recv_or_end(stream, FRAME_BYTES_MAX, PATIENCE).await.map_err(line)? {
                Some(turn) => turn,
                None => {
                    place.company().was_met(peer, Instant::now());
                    let learnt = side.learnt;
                    self.follow(&place, learnt, peer).await;
                    return Ok(());
                }
            };
        }
        Err(Ended::Lost(anyhow!("it was not over after {TURNS_MAX} turns")))
    }

    /// Reads the version that another is on, and talks again on top of it.
    async fn follow(&self, place: &Arc<Place>, learnt: Learnt, peer: PeerId) {
        if !learnt.is_behind {
            return;
        }
        let before = place.state().graph.base().sequence();
        if let Err(error) = place.refresh(self).await {
            tracing::warn!(pos = %place.pos(), "a version that {peer} knows can't be read: {error:#}");
        }
        if place.state().graph.base().sequence() > before {
            place.company().ask(peer, Instant::now());
        }
    }

    /// Names a peer that sent what everybody refuses, and has nothing to do with it for a while.
    pub(in super::super) async fn shut_out(&self, network: &Handle, peer: PeerId, reason: &str) {
        tracing::warn!(%peer, reason, "a peer sent edits that everybody refuses; it is shut out");
        metrics::counter!("bitdust_world_misconduct_total").increment(1);
        self.tally.blame(peer.to_string(), reason.to_owned());
        if let Err(error) = network.ban(peer, format!("edits: {reason}")).await {
            tracing::warn!(%peer, %error, "the peer could not be shut out");
        }
    }
}

impl<'w> Side<'w> {
    fn new(worlds: &'w Worlds, place: &Arc<Place>, peer: PeerId) -> Self {
        Side { worlds, place: place.clone(), peer, session: Session::default(), learnt: Learnt::default() }
    }

    fn turn(&self, say: Vec<Message>) -> Turn {
        Turn {
            sequence: self.place.state().graph.base().sequence(),
            head: self.place.heard().newest().map(Head::encode),
            keeps: self.place.keeps(self.worlds.account()),
            messages: say.iter().map(Message::encode).collect(),
        }
    }

    /// Takes the other's turn in. Answers what to say next.
    async fn take(&mut self, theirs: Turn) -> Result<Vec<Message>, Ended> {
        if !self.worlds.door().brings(self.peer, theirs.bytes(), Instant::now()) {
            return Err(Ended::Lost(anyhow!("it brings more than one peer may")));
        }
        let misconduct = |error: Misconduct| Ended::Misconduct(error.to_string());
        let messages = theirs.messages().map_err(misconduct)?;
        if let Some(bytes) = &theirs.head {
            let head = Head::decode(bytes).map_err(|error| Ended::Misconduct(error.to_string()))?;
            self.worlds.hear(&self.place, head);
        }
        self.place.company().says(self.peer, theirs.keeps, Instant::now());
        self.learnt.is_behind |= theirs.sequence > self.place.state().graph.base().sequence();
        let (place, mut session) = (self.place.clone(), self.session.clone());
        let work = tokio::task::spawn_blocking(move || {
            let (mut say, mut added) = (Vec::new(), 0);
            for message in messages {
                // Signatures are checked before the place is locked: a batch takes a fifth of a second.
                let known = Signers::of(&place, &message);
                let reaction = session.handle(&mut place.state().graph, &known, message)?;
                say.extend(reaction.send);
                added += reaction.added;
            }
            Ok((session, say, added))
        });
        let done: Result<_, Misconduct> = work.await.map_err(|error| Ended::Lost(error.into()))?;
        let (session, say, added) = done.map_err(misconduct)?;
        self.session = session;
        self.learnt.added += added;
        metrics::counter!("bitdust_world_edits_received_total", "way" => "talk").increment(added.into());
        Ok(say)
    }
}

/// Who signed the operations of a message, found out beforehand.
struct Signers(HashMap<(B256, SignatureBytes), Result<Address, InvalidSignature>>);

impl Signers {
    fn of(place: &Place, message: &Message) -> Self {
        let Message::Ops(batch) = message else { return Signers(HashMap::new()) };
        let decoded: Vec<Op> = batch.ops.iter().map_while(|bytes| Op::decode(bytes).ok()).collect();
        let unknown: Vec<Op> = {
            let state = place.state();
            decoded.into_iter().filter(|op| !state.graph.contains(&op.hash())).collect()
        };
        let signer = |op: Op| {
            let hash = op.statement.signing_hash();
            ((hash, op.signature), Secp256k1.author(hash, &op.signature))
        };
        Signers(unknown.into_iter().map(signer).collect())
    }
}

impl Recover for Signers {
    fn author(&self, hash: B256, signature: &SignatureBytes) -> Result<Address, InvalidSignature> {
        let known = self.0.get(&(hash, *signature)).copied();
        known.unwrap_or_else(|| Secp256k1.author(hash, signature))
    }
}

/// A frame that no honest node sends, or a line that failed.
fn line(error: Error) -> Ended {
    match error {
        Error::Invalid(BadFrame::FrameTooLarge { .. } | BadFrame::Undecodable { .. }) => {
            Ended::Misconduct(error.to_string())
        }
        error => Ended::Lost(error.into()),
    }
}
