//! A block on its way: cut into parts that fit a gossip message, each signed by the validator that sends it.
//!
//! Every part says which block of which height and round it belongs to and is signed by itself, so parts may arrive in
//! any order over any peer, and nobody but a validator can make us keep any. The sender is the proposer or, late in a
//! height that does not come to a decision, another validator that passes on the block it has locked.

use bitdust_types::{Address, keccak256, signing};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_core_types::{ProposalPart, Round};

use super::{
    context::{Account, Bft},
    scheme::{Keeper, Signature},
};
use crate::{
    Error, Invalid,
    sign_bytes::{self, PartHead},
};

/// Data bytes of a part; the last one of a block may be shorter. 128 KiB keep a part far below gossip's message limit and
/// spread a 2 MiB block over 16 messages.
pub(super) const PART_BYTES: usize = 128 * 1024;

/// Which block a part belongs to, why it is sent and by whom.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Heading {
    pub height: u64,
    pub round: u32,
    /// The earlier round in which two thirds had prevoted for the block, if it is proposed again.
    pub pol_round: Option<u32>,
    /// Whose turn the round is.
    pub proposer: Account,
    /// Who sends and signs the parts.
    pub sender: Account,
    /// Bytes of the whole block.
    pub block_bytes: u32,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Part {
    pub heading: Heading,
    pub index: u16,
    pub data: Vec<u8>,
    pub signature: Signature,
}

impl Heading {
    /// How many parts the block has.
    pub fn parts(&self) -> usize {
        (self.block_bytes as usize).div_ceil(PART_BYTES)
    }

    /// How many bytes the part at `index` has; 0 beyond the end.
    pub fn part_bytes(&self, index: u16) -> usize {
        (self.block_bytes as usize).saturating_sub(usize::from(index) * PART_BYTES).min(PART_BYTES)
    }

    /// The engine's form of `pol_round`.
    pub fn valid_round(&self) -> Round {
        self.pol_round.map_or(Round::Nil, Round::new)
    }
}

impl Part {
    /// Checks the sizes and the sender's signature. Costs a hash of the data and a recovery, about 0.5 ms.
    pub fn verify(&self, chain_id: u64, stream: &[u8], block_bytes_max: u32) -> Result<(), Invalid> {
        let heading = &self.heading;
        let fits = heading.block_bytes > 0
            && heading.block_bytes <= block_bytes_max
            && !self.data.is_empty()
            && self.data.len() == heading.part_bytes(self.index);
        if !fits {
            return Err(Invalid::PartSize {
                index: self.index,
                bytes: self.data.len(),
                block_bytes: heading.block_bytes,
                limit: block_bytes_max,
            });
        }
        let sender = Address::from(heading.sender);
        let hash = sign_bytes::part(chain_id, &head(heading, stream, self.index), &self.data);
        if signing::recover(hash, &self.signature.0) == Ok(sender) {
            Ok(())
        } else {
            Err(Invalid::PartSignature(sender))
        }
    }
}

/// Cuts a block into signed parts. `heading.block_bytes` must be the block's length.
pub(super) fn cut(keeper: &Keeper, heading: &Heading, block: &[u8]) -> Result<Vec<StreamMessage<Part>>, Error> {
    assert_eq!(block.len(), heading.block_bytes as usize, "the heading is this block's");
    let mut name = borsh::to_vec(heading).map_err(|error| Error::Sign(error.to_string()))?;
    name.extend_from_slice(keccak256(block).as_slice());
    let stream = Bytes::copy_from_slice(keccak256(name).as_slice());
    let mut messages = Vec::with_capacity(heading.parts());
    for (index, data) in (0_u16..).zip(block.chunks(PART_BYTES)) {
        let hash = sign_bytes::part(keeper.chain_id, &head(heading, &stream, index), data);
        let signature = keeper.sign(hash).map_err(|error| Error::Sign(error.to_string()))?;
        let part = Part { heading: heading.clone(), index, data: data.to_vec(), signature };
        messages.push(StreamMessage::new(StreamId::new(stream.clone()), u64::from(index), StreamContent::Data(part)));
    }
    Ok(messages)
}

fn head<'a>(heading: &Heading, stream: &'a [u8], index: u16) -> PartHead<'a> {
    PartHead {
        stream,
        height: heading.height,
        round: heading.round,
        pol_round: heading.pol_round.map_or(-1, i64::from),
        proposer: heading.proposer.into(),
        sender: heading.sender.into(),
        block_bytes: heading.block_bytes,
        index,
    }
}

impl ProposalPart<Bft> for Part {
    fn is_first(&self) -> bool {
        self.index == 0
    }

    fn is_last(&self) -> bool {
        usize::from(self.index) + 1 == self.heading.parts()
    }
}
