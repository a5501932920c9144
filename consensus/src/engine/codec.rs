//! Bytes of everything that validators send each other and that the write-ahead log keeps: borsh, with a bound on each.
//!
//! A decoder refuses what is longer than its bound before it looks inside, lists longer than there can be validators, and
//! rounds and heights that the engine's arithmetic was not made for. Two of Malachite's types have no borsh form of their
//! own (the extended commit certificate and the validator proof); theirs is written here.
//!
//! The log is read back with the same code, so a change of any form here must come with a new name of the log file.

use std::io;

use bitdust_types::limits::{BLOCK_BYTES_MAX, VALIDATORS_MAX};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use malachitebft_app_channel::app::{
    consensus::{LivenessMsg, SignedConsensusMsg},
    streaming::{StreamContent, StreamMessage},
    types::{
        ProposedValue,
        codec::{Codec, HasEncodedLen},
    },
};
use malachitebft_core_types::{
    ExtendedCommitCertificate, ExtendedCommitSignature, PolkaCertificate, Round, SignedProposal, SignedVote,
    ValidatorProof,
};
use malachitebft_sync as sync;

use super::{
    context::{Account, Bft, Height, Id},
    part::{PART_BYTES, Part},
    scheme::Signature,
};

/// Bytes of a vote, a proposal, a status or a request: the largest, a signed proposal, has 164.
const SMALL_BYTES_MAX: usize = 256;
/// Bytes of a certificate of prevotes or of a round: 200 votes of at most 119 bytes.
const VOTES_BYTES_MAX: usize = 256 + 2 * VALIDATORS_MAX * 128;
/// Bytes of a proposal part with its stream's name and its signature.
pub(super) const PART_WIRE_BYTES_MAX: usize = PART_BYTES + 512;
/// Bytes of an answer in block sync: two of the largest blocks, or many small ones, with certificates.
pub(super) const RESPONSE_BYTES_MAX: usize = 2 * BLOCK_BYTES_MAX + 1024 * 1024;
/// Blocks in one answer.
pub(super) const BATCH_BLOCKS_MAX: usize = 32;
/// A round beyond any that a chain can reach: at one second each, 2^24 rounds are half a year.
const ROUND_MAX: u32 = 1 << 24;
/// A height beyond any: at ten blocks a second, 2^48 are 900,000 years.
const HEIGHT_MAX: u64 = 1 << 48;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire;

/// A type with bytes.
pub(super) trait Form: Sized {
    /// More bytes than this are refused unread.
    const BYTES_MAX: usize;

    fn write(&self) -> io::Result<Vec<u8>>;

    /// Reads what [`Form::write`] wrote. The length is checked by the caller.
    fn read(bytes: &[u8]) -> io::Result<Self>;
}

impl<T: Form> Codec<T> for Wire {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<T> {
        if bytes.len() > T::BYTES_MAX {
            return Err(invalid(format!("{} bytes, at most {} are allowed", bytes.len(), T::BYTES_MAX)));
        }
        T::read(&bytes)
    }

    fn encode(&self, message: &T) -> io::Result<Bytes> {
        let bytes = message.write()?;
        if bytes.len() > T::BYTES_MAX {
            return Err(invalid(format!(
                "our message has {} bytes, at most {} are allowed",
                bytes.len(),
                T::BYTES_MAX
            )));
        }
        Ok(bytes.into())
    }
}

impl HasEncodedLen<sync::Response<Bft>> for Wire {
    fn encoded_len(&self, response: &sync::Response<Bft>) -> io::Result<usize> {
        // The engine adds up answers of one value each, so this is counted and not written.
        let sync::Response::ValueResponse(response) = response;
        Ok(12 + response.values.iter().map(decided_len).sum::<usize>())
    }
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// A place in the chain that the engine can calculate with.
fn place(height: Height, round: Round) -> io::Result<()> {
    known_height(height)?;
    match round {
        Round::Some(round) if round <= ROUND_MAX => Ok(()),
        _ => Err(invalid(format!("round {round} is none"))),
    }
}

fn known_height(height: Height) -> io::Result<()> {
    if height.0 <= HEIGHT_MAX { Ok(()) } else { Err(invalid(format!("height {height} is beyond any chain"))) }
}

fn votes(count: usize, max: usize) -> io::Result<()> {
    if count <= max { Ok(()) } else { Err(invalid(format!("{count} votes, at most {max} are possible"))) }
}

/// Forms by borsh with a check after reading.
macro_rules! forms {
    ($($type:ty, $max:expr, |$value:ident| $check:expr;)*) => { $(
        impl Form for $type {
            const BYTES_MAX: usize = $max;

            fn write(&self) -> io::Result<Vec<u8>> {
                borsh::to_vec(self)
            }

            fn read(bytes: &[u8]) -> io::Result<Self> {
                let $value: $type = borsh::from_slice(bytes)?;
                $check?;
                Ok($value)
            }
        }
    )* };
}

forms! {
    Part, PART_WIRE_BYTES_MAX, |part| check_part(&part);
    StreamMessage<Part>, PART_WIRE_BYTES_MAX, |message| check_stream(&message);
    SignedConsensusMsg<Bft>, SMALL_BYTES_MAX, |message| match &message {
        SignedConsensusMsg::Vote(vote) => check_vote(vote),
        SignedConsensusMsg::Proposal(proposal) => check_proposal(proposal),
    };
    LivenessMsg<Bft>, VOTES_BYTES_MAX, |message| match &message {
        LivenessMsg::Vote(vote) => check_vote(vote),
        LivenessMsg::PolkaCertificate(polka) => check_polka(polka),
        LivenessMsg::SkipRoundCertificate(skip) => place(skip.height, skip.round)
            .and_then(|()| votes(skip.round_signatures.len(), 2 * VALIDATORS_MAX)),
    };
    PolkaCertificate<Bft>, VOTES_BYTES_MAX, |polka| check_polka(&polka);
    ProposedValue<Bft>, SMALL_BYTES_MAX, |proposed| place(proposed.height, proposed.round);
    sync::Status<Bft>, SMALL_BYTES_MAX, |status| known_height(status.tip_height)
        .and_then(|()| known_height(status.history_min_height));
    sync::Request<Bft>, SMALL_BYTES_MAX, |request| check_request(&request);
}

fn check_part(part: &Part) -> io::Result<()> {
    if part.data.len() > PART_BYTES {
        return Err(invalid(format!("a part of {} bytes, at most {PART_BYTES}", part.data.len())));
    }
    place(Height(part.heading.height), Round::new(part.heading.round))
}

fn check_stream(message: &StreamMessage<Part>) -> io::Result<()> {
    match &message.content {
        StreamContent::Data(part) => check_part(part),
        StreamContent::Fin => Err(invalid("a bare end of a stream: parts say themselves how many they are")),
    }
}

fn check_vote(vote: &SignedVote<Bft>) -> io::Result<()> {
    place(vote.message.height, vote.message.round)
}

fn check_proposal(proposal: &SignedProposal<Bft>) -> io::Result<()> {
    let message = &proposal.message;
    place(message.height, message.round)?;
    match message.pol_round {
        Round::Nil => Ok(()),
        earlier if earlier < message.round => Ok(()),
        later => Err(invalid(format!("round {} can't follow from round {later}", message.round))),
    }
}

fn check_polka(polka: &PolkaCertificate<Bft>) -> io::Result<()> {
    place(polka.height, polka.round)?;
    votes(polka.polka_signatures.len(), VALIDATORS_MAX)
}

fn check_request(request: &sync::Request<Bft>) -> io::Result<()> {
    let sync::Request::ValueRequest(request) = request;
    known_height(*request.range.end())?;
    if request.range.is_empty() { Err(invalid("a request for no heights")) } else { Ok(()) }
}

/// A decided block as it travels in sync.
#[derive(BorshSerialize, BorshDeserialize)]
struct Decided {
    block: Vec<u8>,
    height: Height,
    round: Round,
    id: Id,
    signatures: Vec<(Account, Signature)>,
}

/// Borsh bytes of one [`Decided`]: length 4, height 8, round 5, id 32, count 4, signatures of 85 each.
fn decided_len(value: &sync::RawDecidedValue<Bft>) -> usize {
    value.value_bytes.len() + 53 + value.certificate.commit_signatures.len() * 85
}

impl Form for sync::Response<Bft> {
    const BYTES_MAX: usize = RESPONSE_BYTES_MAX;

    fn write(&self) -> io::Result<Vec<u8>> {
        let sync::Response::ValueResponse(response) = self;
        let decided = response.values.iter().map(|value| {
            let certificate = &value.certificate;
            if certificate.commit_signatures.iter().any(|signature| signature.extension.is_some()) {
                return Err(invalid("votes carry no extensions on this chain"));
            }
            let signatures = certificate.commit_signatures.iter().map(|one| (one.address, one.signature.clone()));
            Ok(Decided {
                block: value.value_bytes.to_vec(),
                height: certificate.height,
                round: certificate.round,
                id: certificate.value_id,
                signatures: signatures.collect(),
            })
        });
        borsh::to_vec(&(response.start_height, decided.collect::<io::Result<Vec<_>>>()?))
    }

    fn read(bytes: &[u8]) -> io::Result<Self> {
        let (start, decided): (Height, Vec<Decided>) = borsh::from_slice(bytes)?;
        known_height(start)?;
        if decided.len() > BATCH_BLOCKS_MAX {
            return Err(invalid(format!("{} blocks in one answer, at most {BATCH_BLOCKS_MAX}", decided.len())));
        }
        let values = decided.into_iter().map(|one| {
            place(one.height, one.round)?;
            votes(one.signatures.len(), VALIDATORS_MAX)?;
            let signatures = one.signatures.into_iter();
            let certificate = ExtendedCommitCertificate {
                height: one.height,
                round: one.round,
                value_id: one.id,
                commit_signatures: signatures
                    .map(|(address, signature)| ExtendedCommitSignature::new(address, signature, None))
                    .collect(),
            };
            Ok(sync::RawDecidedValue::new(one.block.into(), certificate))
        });
        let values = values.collect::<io::Result<Vec<_>>>()?;
        Ok(sync::Response::ValueResponse(sync::ValueResponse::new(start, values)))
    }
}

/// Public key (33), peer id (at most 42) and signature (65), each list with its length.
impl Form for ValidatorProof<Bft> {
    const BYTES_MAX: usize = SMALL_BYTES_MAX;

    fn write(&self) -> io::Result<Vec<u8>> {
        borsh::to_vec(&(&self.public_key, &self.peer_id, &self.signature))
    }

    fn read(bytes: &[u8]) -> io::Result<Self> {
        let (public_key, peer_id, signature): (Vec<u8>, Vec<u8>, Signature) = borsh::from_slice(bytes)?;
        Ok(ValidatorProof::new(public_key, peer_id, signature))
    }
}

#[cfg(test)]
mod tests;
