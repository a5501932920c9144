//! What consensus needs from the rest of the node: a store of blocks, and verdicts on them.
//!
//! All calls come from one task, one after the other, so an implementation needs no locks of its own for their order. An
//! `Err` means that *our machine* failed (disk, state); consensus then stops and reports it through
//! [`crate::Handle::failed`], since a validator that can't judge must not vote.
//!
//! The life of a height `h`: `validators(h)` → either `propose(h, round)` on the proposer or `check(h, round, …)` on the
//! others, once per round that is needed → `commit` of one of these blocks → the same for `h + 1`.

use async_trait::async_trait;
use bitdust_types::{Address, B256, Bytes, ValidatorSet};

use crate::{Certificate, Error};

/// The node's side of consensus.
#[async_trait]
pub trait Application: Send + Sync + 'static {
    /// Height of the last committed block; 0 if there is only the genesis block.
    async fn tip(&self) -> Result<u64, Error>;

    /// The validators that decide the block of `height`. Asked only for heights up to `tip + 1`.
    async fn validators(&self, height: u64) -> Result<ValidatorSet, Error>;

    /// Builds the block that we propose at `height` in `round`: its id and its bytes. The bytes, and the fact that they
    /// are our proposal for this height and round, are durable before this returns; asked again, also after a crash, it
    /// gives the same answer. Anything else would be a double proposal.
    async fn propose(&self, height: u64, round: u32) -> Result<(B256, Bytes), Error>;

    /// Judges a block of `height` (always `tip + 1`) that reached us in `round`: its id, and whether it is valid. The
    /// bytes of a valid block are durable before this returns, because our votes follow.
    ///
    /// `proposer` is whose turn `round` is. The *block* may name a different one in its header: a block that many had
    /// voted for in an earlier round is proposed again, unchanged, by later proposers. So the header's proposer is to be
    /// checked with [`crate::proposer::may_propose`], not against `proposer`, which is there for logs.
    ///
    /// Bytes that don't decode, or whose body does not match their header, must be given an id that no real block has
    /// (their Keccak-256, say), so that a garbled copy can't taint the real block.
    async fn check(&self, height: u64, round: u32, proposer: Address, bytes: Bytes) -> Result<(B256, bool), Error>;

    /// The bytes of a block that was proposed or found valid at `tip + 1` but is not decided.
    async fn undecided(&self, id: B256) -> Result<Option<Bytes>, Error>;

    /// Makes a block final. Its bytes were given to `propose` or `check` before. Durable before this returns, together with
    /// the certificate; afterwards `tip` is its height, and what is undecided at that height may be forgotten.
    async fn commit(&self, certificate: Certificate) -> Result<(), Error>;

    /// A committed block and its certificate, for peers that catch up; `None` if it is not kept.
    async fn decided(&self, height: u64) -> Result<Option<(Bytes, Certificate)>, Error>;

    /// The lowest height that `decided` can answer. Heights start at 1.
    async fn history_min(&self) -> Result<u64, Error>;
}
