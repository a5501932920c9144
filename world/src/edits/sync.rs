//! How two replicas of a location come to hold the same operations.
//!
//! Goals: whatever the two have in common, the transfer costs about what differs; messages are bounded; a peer that sends
//! garbage is named, and costs no more than the message. Non-goals: to fetch versions (the market keeps them), and to limit
//! how often a peer may ask (the shell does).
//!
//! Order of messages, A calling B:
//! 1. A sends [`Message::Have`]: its heads, and *anchors*: operations of its log at distances 1, 2, 4, … from the end. What B
//!    knows of both, A has the past of.
//! 2. B answers with [`Message::Ops`]: what A lacks, in causal order, a batch at a time, with the place where the next batch
//!    begins; and with a `Have` of its own, if A named something that B lacks.
//! 3. Whoever gets a batch with a next place asks for it with a `Have` from that place, until there is none.
//!
//! Replicas on different versions exchange nothing: the one behind folds or loads the version first
//! ([`Reaction::behind`]). A fresh edit travels as a batch of one, sent to everybody; if it turns out pending, the
//! receiver [opens](Session::open) a session with the sender.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{Checked, Graph, Inserted, Invalid, Op, OpHash, Recover, limits};

const MAGIC: [u8; 4] = *b"BDS\x01";

/// What a replica has, and from where on it wants the peer's log.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Have {
    /// The version that the sender's log lies on.
    pub sequence: u64,
    /// Operations in the sender's log.
    pub ops: u32,
    /// The sender's heads, the deepest 128 of them.
    pub heads: Vec<OpHash>,
    /// Operations further down in the sender's log.
    pub anchors: Vec<OpHash>,
    /// The place in the receiver's log that the receiver named as the next one; 0 at first.
    pub from: u32,
    /// Whether the sender wants to be told what the receiver has.
    pub is_question: bool,
}

/// Operations in causal order.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Batch {
    /// The version that the sender's log lies on.
    pub sequence: u64,
    /// Canonical bytes of each.
    pub ops: Vec<Vec<u8>>,
    /// Where in the sender's log the next batch begins, if there is one.
    pub next: Option<u32>,
}

/// What replicas say to each other.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// A summary.
    Have(Have),
    /// Operations.
    Ops(Batch),
}

/// What a peer did that no honest one does. The shell should leave it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misconduct {
    /// Bytes that are no message.
    #[error("the peer sent what is not a message about edits: {0}")]
    Malformed(String),
    /// Too much in one message.
    #[error("the peer sent a message beyond its bounds: {0}")]
    Oversized(&'static str),
    /// An operation that everybody refuses.
    #[error("the peer sent an operation that everybody refuses: {0}")]
    Refused(#[from] Invalid),
    /// A place that does not move on.
    #[error("the peer's batches go in circles: the next begins at {next}, the last one at {last}")]
    Circles {
        /// Named now.
        next: u32,
        /// Named before.
        last: u32,
    },
}

/// What follows from a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// To be sent back, in order.
    pub send: Vec<Message>,
    /// Operations that are new in the log by this message, those that waited for them included. The log's end holds them.
    pub added: u32,
    /// The peer's version, if it is ahead of ours: fold or load it.
    pub behind: Option<u64>,
    /// Operations of the message that now wait for others: ask the peer by [`Session::open`].
    pub pending: u32,
}

impl Message {
    /// Bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        borsh::to_writer(&mut bytes, self).expect("a vector takes any bytes");
        bytes
    }

    /// Reads bytes from a peer and holds every count against its bound. Operations inside are looked at by
    /// [`Session::handle`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Misconduct> {
        if bytes.len() > limits::MESSAGE_BYTES_MAX {
            return Err(Misconduct::Oversized("more than 224 KiB"));
        }
        let rest =
            bytes.strip_prefix(&MAGIC).ok_or_else(|| Misconduct::Malformed("no magic 'BDS', version 1".into()))?;
        let message: Message = borsh::from_slice(rest).map_err(|error| Misconduct::Malformed(error.to_string()))?;
        message.check()?;
        Ok(message)
    }

    /// A fresh edit for everybody.
    pub fn fresh(graph: &Graph, op: &Checked) -> Self {
        Message::Ops(Batch { sequence: graph.base().sequence(), ops: vec![op.op().encode()], next: None })
    }

    fn check(&self) -> Result<(), Misconduct> {
        match self {
            Message::Have(have)
                if have.heads.len() > limits::SUMMARY_HASHES_MAX || have.anchors.len() > limits::SUMMARY_HASHES_MAX =>
            {
                Err(Misconduct::Oversized("more than 128 heads or anchors"))
            }
            Message::Ops(batch)
                if batch.ops.len() > limits::BATCH_OPS_MAX
                    || batch.ops.iter().map(Vec::len).sum::<usize>() > limits::BATCH_BYTES_MAX =>
            {
                Err(Misconduct::Oversized("more than 1,024 operations or 192 KiB of them"))
            }
            _ => Ok(()),
        }
    }
}

/// One replica's side of the talk with one peer.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Where the batch that was asked for last begins in the peer's log, and on which version.
    asked: (u64, u32),
}

impl Session {
    /// Begins, or begins again after a fold.
    pub fn open(&mut self, graph: &Graph) -> Message {
        self.asked = (graph.base().sequence(), 0);
        Message::Have(summary(graph, 0, true))
    }

    /// Takes a message of the peer.
    pub fn handle(
        &mut self,
        graph: &mut Graph,
        recover: &impl Recover,
        message: Message,
    ) -> Result<Reaction, Misconduct> {
        message.check()?;
        let sequence = match &message {
            Message::Have(have) => have.sequence,
            Message::Ops(batch) => batch.sequence,
        };
        if sequence != graph.base().sequence() {
            let behind = (sequence > graph.base().sequence()).then_some(sequence);
            return Ok(Reaction { behind, ..Reaction::default() });
        }
        match message {
            Message::Have(have) => Ok(self.answer(graph, &have)),
            Message::Ops(batch) => self.take(graph, recover, batch),
        }
    }

    fn answer(&mut self, graph: &Graph, have: &Have) -> Reaction {
        let mut reaction = Reaction::default();
        let known: Vec<OpHash> = have.heads.iter().chain(&have.anchors).copied().collect();
        let batch = next_batch(graph, &known, have.from);
        if !batch.ops.is_empty() {
            reaction.send.push(Message::Ops(batch));
        }
        let has_more = have.ops > graph.log().len() as u32 || have.heads.iter().any(|head| !graph.contains(head));
        if have.is_question && has_more {
            self.asked = (graph.base().sequence(), 0);
            reaction.send.push(Message::Have(summary(graph, 0, false)));
        }
        reaction
    }

    fn take(&mut self, graph: &mut Graph, recover: &impl Recover, batch: Batch) -> Result<Reaction, Misconduct> {
        let mut reaction = Reaction::default();
        let before = graph.log().len();
        for bytes in &batch.ops {
            let op = Op::decode(bytes)?;
            // What is known costs no signature: the hash covers all bytes.
            if graph.contains(&op.hash()) {
                continue;
            }
            if let Inserted::Pending(_) = graph.insert(op.check(recover)?)? {
                reaction.pending += 1;
            }
        }
        reaction.added = (graph.log().len() - before) as u32;
        if let Some(next) = batch.next {
            let (sequence, last) = self.asked;
            if sequence == batch.sequence && next <= last {
                return Err(Misconduct::Circles { next, last });
            }
            self.asked = (batch.sequence, next);
            reaction.send.push(Message::Have(summary(graph, next, false)));
        }
        Ok(reaction)
    }
}

fn summary(graph: &Graph, from: u32, is_question: bool) -> Have {
    let log = graph.log();
    let ops = log.len() as u32;
    let mut heads: Vec<(u64, OpHash)> =
        graph.heads().iter().map(|hash| (graph.depth(hash).unwrap_or(0), *hash)).collect();
    heads.sort_unstable_by(|a, b| b.cmp(a));
    heads.truncate(limits::SUMMARY_HASHES_MAX);
    let distances = (0..u32::BITS).map(|bit| 1_u32 << bit).take_while(|distance| *distance <= ops);
    let anchors = distances.filter_map(|distance| graph.log().nth((ops - distance) as usize)).map(Checked::hash);
    Have {
        sequence: graph.base().sequence(),
        ops,
        heads: heads.into_iter().map(|(_, hash)| hash).collect(),
        anchors: anchors.collect(),
        from,
        is_question,
    }
}

fn next_batch(graph: &Graph, known: &[OpHash], from: u32) -> Batch {
    let mut batch = Batch { sequence: graph.base().sequence(), ops: Vec::new(), next: None };
    let mut size_bytes = 0;
    for (at, op) in graph.missing_for(known, from) {
        if batch.ops.len() == limits::BATCH_OPS_MAX || size_bytes + op.size_bytes() > limits::BATCH_BYTES_MAX {
            batch.next = Some(at);
            break;
        }
        size_bytes += op.size_bytes();
        batch.ops.push(op.op().encode());
    }
    batch
}
