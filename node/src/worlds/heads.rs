//! Which of the heads that go around are true: judged by what the ledger says of the location.
//!
//! A head names the newest version and the exact log after it, signed by the claim's owner or one of the dataset's writers
//! ([`bitdust_world::location::head`]). Any node may be nearest to a location's key, so every node judges, players or not:
//! each follows the ledger, and the ledger knows claims, owners and writers. What is newer than this node's ledger is refused
//! until the ledger has it.
//!
//! **Invariant:** the judge reads the newest block's state and nothing else: no network, no manifest. A verdict costs a few
//! dozen reads of small records and one signature's recovery; the cheap checks come first.
//! **Invariant:** memory is bounded: facts of [`FACTS_MAX`] locations, forgotten with each block.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use bitdust_ledger::worlds::{Standing, WorldsView};
use bitdust_network::RecordJudge;
use bitdust_types::{Address, B256, Height, Root};
use bitdust_world::{
    LocationPos,
    location::{Head, Invalid, OnLedger, head_key, newer},
};

use super::registry::on_ledger;
use crate::chain_api::{ChainReader, look};

/// Locations whose facts are kept while a block is the newest: one search judges up to 64 values under one key.
const FACTS_MAX: usize = 256;
/// Revisions by which a head may be ahead of this node's ledger and still be remembered: blocks that are on their way.
const AHEAD_MAX: u64 = 16;
/// Writers of one location whose word was false, remembered; the dataset has at most 16 writers at a time.
const DISOWNED_MAX: usize = 32;

/// What the ledger says about who may announce what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Dataset, its newest revision, the newest version.
    pub ledger: OnLedger,
    /// The claim's owner.
    pub owner: Address,
    /// The dataset's writers, those whose right has run out left aside.
    pub writers: Vec<Address>,
    /// The hash of the newest version's manifest.
    pub manifest: Option<Root>,
}

/// See the module's head.
pub struct HeadJudge {
    chain: Arc<dyn ChainReader>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    height: Height,
    facts: BTreeMap<(B256, LocationPos), Option<Arc<Facts>>>,
}

impl Facts {
    fn allows(&self, who: Address) -> bool {
        who == self.owner || self.writers.contains(&who)
    }
}

impl HeadJudge {
    /// A judge by a chain.
    pub fn new(chain: Arc<dyn ChainReader>) -> Self {
        HeadJudge { chain, seen: Mutex::default() }
    }

    /// What the ledger says of a location; `None` if nobody holds it.
    pub fn facts(&self, world: B256, pos: LocationPos) -> Result<Option<Arc<Facts>>> {
        let height = self.chain.height();
        if let Some(known) = self.seen(height).facts.get(&(world, pos)) {
            return Ok(known.clone());
        }
        let facts = self.read(world, pos)?.map(Arc::new);
        let mut seen = self.seen(height);
        if seen.facts.len() >= FACTS_MAX {
            seen.facts.clear();
        }
        seen.facts.insert((world, pos), facts.clone());
        Ok(facts)
    }

    /// Who signed a head, if the ledger bears it out.
    ///
    /// # Errors
    /// The verdict. A location that nobody holds has no head.
    pub fn check(&self, head: &Head) -> Result<Address, Invalid> {
        let (world, pos) = (B256::new(head.record.world), head.record.pos);
        let facts = self.facts(world, pos).unwrap_or_else(|error| {
            tracing::warn!(%world, %pos, "the ledger could not be read to judge a head: {error:#}");
            None
        });
        let facts = facts.ok_or(Invalid::Claim(pos))?;
        head.check_for(&world.0, pos, &facts.ledger)?;
        let wanted = facts.manifest.filter(|_| head.record.sequence == facts.ledger.sequence);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != head.record.manifest) {
            return Err(Invalid::Hash { part: "manifest in its head", found: head.record.manifest, wanted });
        }
        head.verify(self.chain.params().chain_id, &|who| facts.allows(who))
    }

    /// Whether a head would be true if the ledger had the revision that it names, and will soon: who signed it then.
    fn check_ahead(&self, head: &Head) -> Option<Address> {
        let (world, pos) = (B256::new(head.record.world), head.record.pos);
        let facts = self.facts(world, pos).ok()??;
        let is_near = head.record.revision.checked_sub(facts.ledger.revision).is_some_and(|by| by <= AHEAD_MAX);
        let soon = OnLedger {
            revision: head.record.revision,
            sequence: facts.ledger.sequence.saturating_add(1),
            ..facts.ledger
        };
        head.check_for(&world.0, pos, &soon).ok().filter(|()| is_near)?;
        head.verify(self.chain.params().chain_id, &|who| facts.allows(who)).ok()
    }

    fn read(&self, world: B256, pos: LocationPos) -> Result<Option<Facts>> {
        let params = self.chain.params();
        look(&*self.chain, |market, height| {
            let epoch = params.epoch_of(height);
            let claim = WorldsView::new(market.state()).claim(world, on_ledger(pos))?;
            let Some(claim) = claim.filter(|claim| claim.standing(epoch) != Standing::Lapsed) else { return Ok(None) };
            let Some(dataset) = market.dataset(claim.dataset)? else { return Ok(None) };
            let writers = market.writers(claim.dataset)?.into_iter();
            let writers = writers.filter(|writer| writer.expiry >= epoch).map(|writer| writer.writer).collect();
            let ledger = OnLedger { dataset: claim.dataset, revision: dataset.number, sequence: claim.sequence };
            Ok(Some(Facts { ledger, owner: claim.owner, writers, manifest: claim.manifest }))
        })
    }

    /// The facts as of a block; those of an older one are forgotten.
    fn seen(&self, height: Height) -> std::sync::MutexGuard<'_, Seen> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.height != height {
            *seen = Seen { height, facts: BTreeMap::new() };
        }
        seen
    }
}

impl RecordJudge for HeadJudge {
    fn judge(&self, key: &[u8; 32], value: &[u8], existing: Option<&[u8]>) -> bool {
        let Ok(head) = Head::decode(value) else { return false };
        if head_key(&head.record.world, head.record.pos).0 != *key {
            return false;
        }
        let old = existing.and_then(|bytes| Head::decode(bytes).ok());
        // One that is no longer true (its writer's claim has lapsed, say) gives way, whatever its numbers.
        let is_news = old.is_none_or(|old| newer(&head, &old) == Ordering::Greater || self.check(&old).is_err());
        is_news && self.check(&head).is_ok()
    }
}

/// The heads of one location that this node has heard of.
#[derive(Debug, Default)]
pub struct Heard {
    newest: Option<(Head, Address)>,
    /// Newer than this node's ledger.
    ahead: Option<Head>,
    disowned: BTreeSet<Address>,
}

/// What became of a head that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// It is the newest that is known here now.
    News,
    /// It is known, or older than what is.
    Old,
    /// The ledger is not that far here. It is looked at again when it is.
    Ahead,
    /// It isn't true.
    False(Invalid),
}

impl Heard {
    /// Takes in what somebody says.
    pub fn hear(&mut self, judge: &HeadJudge, head: Head) -> Hearing {
        if self.newest.as_ref().is_some_and(|(known, _)| newer(&head, known) != Ordering::Greater) {
            return Hearing::Old;
        }
        match judge.check(&head) {
            Ok(signer) if self.disowned.contains(&signer) => Hearing::Old,
            Ok(signer) => {
                self.newest = Some((head, signer));
                Hearing::News
            }
            Err(invalid) => match judge.check_ahead(&head) {
                Some(signer) if !self.disowned.contains(&signer) => {
                    if self.ahead.as_ref().is_none_or(|known| newer(&head, known) == Ordering::Greater) {
                        self.ahead = Some(head);
                    }
                    Hearing::Ahead
                }
                _ => Hearing::False(invalid),
            },
        }
    }

    /// Looks again at what was ahead of the ledger.
    pub fn catch_up(&mut self, judge: &HeadJudge) {
        if let Some(head) = self.ahead.take() {
            self.hear(judge, head);
        }
    }

    /// The newest head that is true.
    pub fn newest(&self) -> Option<&Head> {
        self.newest.as_ref().map(|(head, _)| head)
    }

    /// The newest head turned out to be false: what its signer announces here doesn't count any more. Answers who that is.
    pub fn disown(&mut self) -> Option<Address> {
        let (_, signer) = self.newest.take()?;
        if self.disowned.len() >= DISOWNED_MAX {
            self.disowned.pop_first();
        }
        self.disowned.insert(signer);
        Some(signer)
    }
}
