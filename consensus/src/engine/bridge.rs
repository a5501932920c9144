//! Answers the engine from the application: one task, one message after the other.
//!
//! What the engine asks, in the order of a height: the validators (`ConsensusReady`, later in the answer to `Finalized`), a
//! block to propose (`GetValue`) or a verdict on one that came in parts (`ReceivedProposalPart`) or by sync
//! (`ProcessSyncedValue`), then to commit (`Decided`), and when the block time is over to go on (`Finalized`).
//!
//! We commit at `Decided`, not at `Finalized`: the engine waits between the two until the block time is over, only to
//! collect more signatures than the two thirds that prove the decision, and a transaction's sender would wait with it.
//!
//! **Invariant:** after any failure of the application the loop ends and answers nothing more, so that nothing is signed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bitdust_types::{Address, B256, Bytes, keccak256};
use malachitebft_app_channel::{
    AppMsg, Channels, NetworkMsg, Reply,
    app::{
        streaming::{StreamContent, StreamMessage},
        types::{LocallyProposedValue, MisbehaviorEvidence, ProposedValue, sync::RawDecidedValue},
    },
};
use malachitebft_core_types::{
    CommitCertificate, ExtendedCommitCertificate, ExtendedCommitSignature, HeightParams, Round, ValidatorSet, Validity,
};
use malachitebft_engine::host::{Next, SyncedValueOutcome};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use super::{
    assembly::{Assembly, Whole},
    codec::{BATCH_BLOCKS_MAX, RESPONSE_BYTES_MAX},
    context::{Bft, Height, Id, Members, Value},
    node,
    part::{self, Heading, Part},
    scheme::{Keeper, Signature},
};
use crate::{Application, Certificate, Error, Settings};

/// Whole blocks of the next height that wait for the present one to be committed. Each validator finishes a height at its
/// own moment, so there is usually one; more only when rounds fail.
const WAITING_BLOCKS_MAX: usize = 4;

/// The loop's state.
pub(super) struct Bridge {
    app: Arc<dyn Application>,
    keeper: Keeper,
    address: Address,
    block_time: Duration,
    block_bytes_max: usize,
    network: mpsc::Sender<NetworkMsg<Bft>>,
    /// The height to be decided, one above the last committed block, and its validators.
    height: u64,
    members: Members,
    assembly: Assembly,
    /// Blocks of `height + 1` that came early.
    waiting: Vec<Whole>,
    /// Blocks of `height` that were found valid, by the Keccak-256 of their bytes, so that one that is proposed again in a
    /// later round is not executed again.
    valid: BTreeMap<B256, B256>,
    /// What the application proposed at `height`, by round, to catch a second answer that differs from the first.
    proposed: BTreeMap<u32, B256>,
}

impl Bridge {
    /// Reads where the chain stands.
    pub async fn new(
        app: Arc<dyn Application>,
        settings: &Settings,
        keeper: Keeper,
        network: mpsc::Sender<NetworkMsg<Bft>>,
    ) -> Result<Self, Error> {
        let height = app.tip().await?.saturating_add(1);
        let members = members(&*app, height).await?;
        let address = bitdust_types::signing::address_of(settings.signing_key.verifying_key());
        // At most `BLOCK_BYTES_MAX`, 6.2 MiB, as the settings were checked.
        let limit = settings.block_bytes_max as u32;
        Ok(Bridge {
            app,
            assembly: Assembly::new(settings.chain_id, limit, height, members.clone()),
            keeper,
            address,
            block_time: settings.block_time,
            block_bytes_max: settings.block_bytes_max,
            network,
            height,
            members,
            waiting: Vec::new(),
            valid: BTreeMap::new(),
            proposed: BTreeMap::new(),
        })
    }

    /// Answers until the engine ends (`Ok`) or the application fails. `ready` is told when the engine listens.
    pub async fn run(mut self, mut channels: Channels<Bft>, ready: oneshot::Sender<()>) -> Result<(), Error> {
        let mut ready = Some(ready);
        while let Some(message) = channels.consensus.recv().await {
            if matches!(message, AppMsg::ConsensusReady { .. })
                && let Some(ready) = ready.take()
            {
                // Nobody waits any more if the start was given up.
                let _ = ready.send(());
            }
            self.answer(message).await?;
        }
        Ok(())
    }

    /// Replies are sent with `let _ =`: the engine drops its end when it stops, and then nobody needs the answer.
    async fn answer(&mut self, message: AppMsg<Bft>) -> Result<(), Error> {
        match message {
            AppMsg::ConsensusReady { reply } => {
                info!(height = self.height, validator = %self.address, "consensus is ready");
                let _ = reply.send((Height(self.height), self.params()));
            }
            AppMsg::StartedRound { height, round, reply_value, .. } => {
                let values = self.start_round(height.0, round).await?;
                let _ = reply_value.send(values);
            }
            AppMsg::GetValue { height, round, reply, .. } => self.propose(height.0, round, reply).await?,
            AppMsg::ReceivedProposalPart { from, part, reply, .. } => {
                let value = self.take_part(&from.to_string(), part).await?;
                let _ = reply.send(value);
            }
            AppMsg::RestreamProposal { height, round, valid_round, address, value_id } => {
                self.restream(height.0, round, valid_round, address.into(), value_id.into()).await?;
            }
            AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => {
                let outcome = self.judge_synced(height.0, round, proposer.into(), value_bytes.into()).await?;
                let _ = reply.send(outcome);
            }
            AppMsg::Decided { certificate, reply, .. } => {
                self.commit(certificate).await?;
                let _ = reply.send(());
            }
            AppMsg::Finalized { certificate, evidence, reply, .. } => {
                report_misbehavior(certificate.height.0, &evidence);
                // Decided before finalized, always; but going on without a commit would fork us off.
                self.commit(certificate).await?;
                let _ = reply.send(Next::Start(Height(self.height), self.params()));
            }
            AppMsg::GetHistoryMinHeight { reply } => {
                let _ = reply.send(Height(self.app.history_min().await?));
            }
            AppMsg::GetDecidedValues { range, reply } => {
                let _ = reply.send(self.decided(range.start().0, range.end().0).await?);
            }
            AppMsg::ExtendVote { reply, .. } => {
                let _ = reply.send(None);
            }
            AppMsg::VerifyVoteExtensions { extensions, reply, .. } => {
                let refused = malachitebft_app_channel::app::consensus::VoteExtensionError::InvalidVoteExtension;
                let _ = reply.send(extensions.into_iter().map(|(voter, ())| (voter, Err(refused.clone()))).collect());
            }
        }
        Ok(())
    }

    fn params(&self) -> HeightParams<Bft> {
        HeightParams::new(self.members.clone(), node::timeouts(self.block_time), Some(self.block_time))
    }

    /// A round begins: judges what came before its time.
    async fn start_round(&mut self, height: u64, round: Round) -> Result<Vec<ProposedValue<Bft>>, Error> {
        if height != self.height {
            return Ok(Vec::new());
        }
        self.assembly.enter_round(round.as_u32().unwrap_or(0));
        let mut values = Vec::new();
        for whole in std::mem::take(&mut self.waiting) {
            if whole.heading.height == height {
                values.extend(self.judge(whole, "earlier").await?);
            }
        }
        Ok(values)
    }

    /// It is our turn.
    async fn propose(
        &mut self,
        height: u64,
        round: Round,
        reply: Reply<LocallyProposedValue<Bft>>,
    ) -> Result<(), Error> {
        let number = round.as_u32().unwrap_or(0);
        if height != self.height {
            debug!(height, working = self.height, "asked to propose at a height that is over");
            return Ok(());
        }
        let (id, block) = self.app.propose(height, number).await?;
        let task = || format!("propose a block of height {height} in round {number}");
        if block.is_empty() || block.len() > self.block_bytes_max {
            let reason = format!("it has {} bytes, 1..={} are allowed", block.len(), self.block_bytes_max);
            return Err(Error::application(task(), reason));
        }
        if let Some(before) = self.proposed.insert(number, id)
            && before != id
        {
            return Err(Error::application(
                task(),
                format!("it proposed {before} before and now {id}: never sign both"),
            ));
        }
        self.valid.insert(keccak256(&block), id);
        let _ = reply.send(LocallyProposedValue::new(Height(height), round, Value(id.into())));
        self.publish(height, number, None, self.address, &block).await
    }

    /// Sends out a block again that more than two thirds had prevoted for.
    async fn restream(
        &mut self,
        height: u64,
        round: Round,
        valid_round: Round,
        proposer: Address,
        id: B256,
    ) -> Result<(), Error> {
        let (Some(round), true) = (round.as_u32(), height == self.height) else { return Ok(()) };
        match self.app.undecided(id).await? {
            Some(block) => self.publish(height, round, valid_round.as_u32(), proposer, &block).await,
            None => {
                let task = format!("read block {id} of height {height} to send it again");
                Err(Error::application(task, "it is not kept, although we voted for it"))
            }
        }
    }

    async fn publish(
        &self,
        height: u64,
        round: u32,
        pol_round: Option<u32>,
        proposer: Address,
        block: &[u8],
    ) -> Result<(), Error> {
        if self.members.count() == 1 {
            return Ok(());
        }
        let heading = Heading {
            height,
            round,
            pol_round,
            proposer: proposer.into(),
            sender: self.address.into(),
            block_bytes: block.len() as u32,
        };
        for message in part::cut(&self.keeper, &heading, block)? {
            if self.network.send(NetworkMsg::PublishProposalPart(message)).await.is_err() {
                debug!(height, round, "the engine's network is gone; the block is not sent");
                break;
            }
        }
        Ok(())
    }

    /// A part of somebody's block, brought by `peer`.
    async fn take_part(
        &mut self,
        peer: &str,
        message: StreamMessage<Part>,
    ) -> Result<Option<ProposedValue<Bft>>, Error> {
        let StreamMessage { stream_id, sequence, content } = message;
        let StreamContent::Data(part) = content else { return Ok(None) };
        let (height, round, sender) = (part.heading.height, part.heading.round, part.heading.sender);
        let whole = match self.assembly.add(&stream_id.to_bytes(), sequence, part) {
            Ok(Some(whole)) => whole,
            Ok(None) => return Ok(None),
            Err(crate::Invalid::PartHeight { .. }) => {
                // Everyday business of a node that is catching up or has just committed.
                debug!(%peer, height, round, working = self.height, "a part for another height");
                return Ok(None);
            }
            Err(invalid) => {
                warn!(%peer, %sender, height, round, %invalid, "refused a part of a proposed block");
                return Ok(None);
            }
        };
        if whole.heading.height == self.height {
            return self.judge(whole, peer).await;
        }
        if self.waiting.len() < WAITING_BLOCKS_MAX {
            self.waiting.push(whole);
        } else {
            warn!(%peer, %sender, height, round, "dropped a proposed block of the next height: too many wait already");
        }
        Ok(None)
    }

    /// A verdict on a whole block of the height to be decided. `None` where the verdict is not to reach the engine: an
    /// invalid block from somebody who is not its proposer says nothing about what was proposed.
    async fn judge(&mut self, whole: Whole, peer: &str) -> Result<Option<ProposedValue<Bft>>, Error> {
        let Whole { heading, block } = whole;
        let (proposer, sender) = (Address::from(heading.proposer), Address::from(heading.sender));
        let digest = keccak256(&block);
        let (id, valid) = match self.valid.get(&digest) {
            Some(id) => (*id, true),
            None => self.app.check(heading.height, heading.round, proposer, block.into()).await?,
        };
        if valid {
            self.valid.insert(digest, id);
        } else {
            let (height, round) = (heading.height, heading.round);
            warn!(height, round, %proposer, %sender, %peer, block = %id, "the proposed block is invalid: voting nil");
            if sender != proposer {
                return Ok(None);
            }
        }
        Ok(Some(ProposedValue {
            height: Height(heading.height),
            round: Round::new(heading.round),
            valid_round: heading.valid_round(),
            proposer: heading.proposer,
            value: Value(id.into()),
            validity: if valid { Validity::Valid } else { Validity::Invalid },
        }))
    }

    /// A verdict on a block that came by sync. The engine has checked its certificate, compares the id, and knows and names
    /// the peer in its log.
    async fn judge_synced(
        &mut self,
        height: u64,
        round: Round,
        proposer: Address,
        block: Bytes,
    ) -> Result<SyncedValueOutcome<Bft>, Error> {
        if height != self.height {
            debug!(height, working = self.height, "a synced block of another height");
            return Ok(SyncedValueOutcome::LocalTransientError);
        }
        if block.is_empty() || block.len() > self.block_bytes_max {
            warn!(height, bytes = block.len(), "refused a synced block: its size is impossible");
            return Ok(SyncedValueOutcome::PeerFault);
        }
        let digest = keccak256(&block);
        let (id, valid) = self.app.check(height, round.as_u32().unwrap_or(0), proposer, block).await?;
        if valid {
            self.valid.insert(digest, id);
        } else {
            // With the id that the certificate names, two thirds of the validators hold for valid what we don't: then our
            // software differs from theirs. With any other id, the peer made it up, and the engine turns to another.
            error!(height, block = %id, "a synced block is invalid by our rules");
        }
        Ok(SyncedValueOutcome::Verdict(ProposedValue {
            height: Height(height),
            round,
            valid_round: Round::Nil,
            proposer: proposer.into(),
            value: Value(Id::from(id)),
            validity: if valid { Validity::Valid } else { Validity::Invalid },
        }))
    }

    /// Commits, if that has not happened yet, and turns to the next height.
    async fn commit(&mut self, certificate: CommitCertificate<Bft>) -> Result<(), Error> {
        let height = certificate.height.0;
        if height < self.height {
            return Ok(());
        }
        let task = |what: &str| format!("commit the block of height {height}{what}");
        if height > self.height {
            return Err(Error::application(task(""), format!("height {} is not decided yet", self.height)));
        }
        self.app.commit(to_certificate(certificate)).await?;
        let tip = self.app.tip().await?;
        if tip != height {
            return Err(Error::application(task(""), format!("afterwards it says that the last block is {tip}")));
        }
        self.height = height + 1;
        self.members = members(&*self.app, self.height).await?;
        self.assembly.advance(self.height, self.members.clone());
        self.waiting.retain(|whole| whole.heading.height > height);
        self.valid.clear();
        self.proposed.clear();
        Ok(())
    }

    /// Blocks for a peer that catches up: as many as fit into an answer.
    async fn decided(&self, first: u64, last: u64) -> Result<Vec<RawDecidedValue<Bft>>, Error> {
        let last = last.min(first.saturating_add(BATCH_BLOCKS_MAX as u64 - 1));
        let (mut values, mut bytes) = (Vec::new(), 0);
        for height in first..=last {
            let Some((block, certificate)) = self.app.decided(height).await? else { break };
            bytes += block.len() + crate::certificate::CERTIFICATE_BYTES_MAX;
            if bytes > RESPONSE_BYTES_MAX && !values.is_empty() {
                break;
            }
            values.push(RawDecidedValue::new(block.0, from_certificate(certificate)));
        }
        Ok(values)
    }
}

async fn members(app: &dyn Application, height: u64) -> Result<Members, Error> {
    let validators = app.validators(height).await?;
    Members::new(&validators)
        .map_err(|error| Error::application(format!("name the validators of height {height}"), error))
}

fn report_misbehavior(height: u64, evidence: &MisbehaviorEvidence<Bft>) {
    for (validator, pairs) in evidence.proposals.iter() {
        warn!(height, %validator, times = pairs.len(), "a validator proposed two blocks in one round");
    }
    for (validator, pairs) in evidence.votes.iter() {
        warn!(height, %validator, times = pairs.len(), "a validator voted twice in one round");
    }
}

/// The engine's certificate in our form.
fn to_certificate(certificate: CommitCertificate<Bft>) -> Certificate {
    let mut signatures: Vec<(Address, [u8; 65])> =
        certificate.commit_signatures.into_iter().map(|one| (one.address.into(), one.signature.0)).collect();
    signatures.sort_by_key(|(address, _)| *address);
    signatures.dedup_by_key(|(address, _)| *address);
    Certificate {
        height: certificate.height.0,
        round: certificate.round.as_u32().unwrap_or(0),
        block_id: certificate.value_id.into(),
        signatures,
    }
}

/// Our certificate in the engine's form for sync.
fn from_certificate(certificate: Certificate) -> ExtendedCommitCertificate<Bft> {
    let signatures = certificate.signatures.into_iter();
    ExtendedCommitCertificate {
        height: Height(certificate.height),
        round: Round::new(certificate.round),
        value_id: certificate.block_id.into(),
        commit_signatures: signatures
            .map(|(address, signature)| ExtendedCommitSignature::new(address.into(), Signature(signature), None))
            .collect(),
    }
}
