//! The ledger of these tests: blocks are a few fields and a filler, the parent is their only rule. Its state outlives the
//! validator that uses it, as a disk outlives a process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use bitdust_consensus::{Application, Certificate, Error, proposer};
use bitdust_types::{Address, B256, Bytes, ValidatorSet, keccak256, signing};
use borsh::{BorshDeserialize, BorshSerialize};

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    pub height: u64,
    pub parent: [u8; 32],
    #[borsh(serialize_with = "signing::write_address", deserialize_with = "signing::read_address")]
    pub proposer: Address,
    pub round: u32,
    pub filler: Vec<u8>,
}

/// How an answer to a peer that catches up is forged.
#[derive(Clone, Copy, Debug)]
pub enum Forgery {
    /// A byte of the block is flipped.
    Block,
    /// Another valid block than the one decided.
    OtherBlock,
    /// A signature is one over something else.
    Signature,
    /// One signature is left, as often as there were signatures.
    Repeated,
}

#[derive(Default)]
struct State {
    decided: BTreeMap<u64, (Bytes, Certificate)>,
    undecided: BTreeMap<B256, Bytes>,
    proposals: BTreeMap<(u64, u32), (B256, Bytes)>,
    forgeries: Vec<Forgery>,
    refused: Vec<u64>,
    propose_nonsense: bool,
    fail_commit: bool,
}

/// One validator's disk.
#[derive(Clone)]
pub struct Chain {
    pub address: Address,
    validators: ValidatorSet,
    filler_bytes: usize,
    state: Arc<Mutex<State>>,
}

impl Chain {
    pub fn new(address: Address, validators: ValidatorSet, filler_bytes: usize) -> Self {
        Chain { address, validators, filler_bytes, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn height(&self) -> u64 {
        height_of(&self.state())
    }

    pub fn block(&self, height: u64) -> Option<(Block, Certificate)> {
        let state = self.state();
        let (bytes, certificate) = state.decided.get(&height)?;
        Some((borsh::from_slice(bytes).unwrap(), certificate.clone()))
    }

    /// The next answers to peers that catch up are forged, one per entry.
    pub fn forge(&self, forgeries: impl IntoIterator<Item = Forgery>) {
        self.state().forgeries.extend(forgeries);
    }

    /// How many forgeries have not been served yet.
    pub fn forgeries_left(&self) -> usize {
        self.state().forgeries.len()
    }

    /// From now on we propose blocks that break the rules.
    pub fn propose_nonsense(&self) {
        self.state().propose_nonsense = true;
    }

    /// From now on our disk is full.
    pub fn fail_commit(&self) {
        self.state().fail_commit = true;
    }

    /// Heights at which a block was found invalid.
    pub fn refused(&self) -> Vec<u64> {
        self.state().refused.clone()
    }

    /// Blocks that were proposed at some height and round by us.
    pub fn proposals(&self) -> BTreeMap<(u64, u32), B256> {
        self.state().proposals.iter().map(|(place, (id, _))| (*place, *id)).collect()
    }

    fn tip_id(state: &State) -> [u8; 32] {
        state.decided.values().next_back().map_or([0; 32], |(_, certificate)| certificate.block_id.0)
    }

    fn is_valid(&self, state: &State, height: u64, round: u32, bytes: &[u8]) -> bool {
        let Ok(block) = borsh::from_slice::<Block>(bytes) else { return false };
        block.height == height
            && block.height == height_of(state) + 1
            && block.parent == Self::tip_id(state)
            && proposer::may_propose(&self.validators, height, round, block.proposer)
    }
}

fn height_of(state: &State) -> u64 {
    state.decided.keys().next_back().copied().unwrap_or(0)
}

fn forge(forgery: Forgery, bytes: &Bytes, certificate: &Certificate) -> (Bytes, Certificate) {
    let (mut bytes, mut certificate) = (bytes.to_vec(), certificate.clone());
    match forgery {
        Forgery::Block => *bytes.last_mut().unwrap() ^= 1,
        Forgery::OtherBlock => {
            let mut block: Block = borsh::from_slice(&bytes).unwrap();
            block.round += 77;
            bytes = borsh::to_vec(&block).unwrap();
        }
        Forgery::Signature => certificate.signatures[0].1[40] ^= 1,
        Forgery::Repeated => {
            let one = certificate.signatures[0];
            certificate.signatures.iter_mut().for_each(|signature| *signature = one);
        }
    }
    (bytes.into(), certificate)
}

#[async_trait]
impl Application for Chain {
    async fn tip(&self) -> Result<u64, Error> {
        Ok(self.height())
    }

    async fn validators(&self, height: u64) -> Result<ValidatorSet, Error> {
        assert!(height <= self.height() + 1, "asked for validators of the future");
        Ok(self.validators.clone())
    }

    async fn propose(&self, height: u64, round: u32) -> Result<(B256, Bytes), Error> {
        let mut state = self.state();
        assert_eq!(height, height_of(&state) + 1);
        if let Some(before) = state.proposals.get(&(height, round)) {
            return Ok(before.clone());
        }
        let mut parent = Self::tip_id(&state);
        if state.propose_nonsense {
            parent[0] ^= 0xff;
        }
        let filler = (0..self.filler_bytes).map(|i| (i as u64 ^ height) as u8).collect();
        let bytes =
            Bytes::from(borsh::to_vec(&Block { height, parent, proposer: self.address, round, filler }).unwrap());
        let id = keccak256(&bytes);
        state.undecided.insert(id, bytes.clone());
        state.proposals.insert((height, round), (id, bytes.clone()));
        Ok((id, bytes))
    }

    async fn check(&self, height: u64, round: u32, _: Address, bytes: Bytes) -> Result<(B256, bool), Error> {
        let mut state = self.state();
        assert_eq!(height, height_of(&state) + 1, "judging is asked for the next height only");
        let id = keccak256(&bytes);
        let valid = self.is_valid(&state, height, round, &bytes);
        if valid {
            state.undecided.insert(id, bytes);
        } else {
            state.refused.push(height);
        }
        Ok((id, valid))
    }

    async fn undecided(&self, id: B256) -> Result<Option<Bytes>, Error> {
        Ok(self.state().undecided.get(&id).cloned())
    }

    async fn commit(&self, certificate: Certificate) -> Result<(), Error> {
        let mut state = self.state();
        if state.fail_commit {
            return Err(Error::application("write a block", "no space left on device"));
        }
        assert_eq!(certificate.height, height_of(&state) + 1);
        let bytes =
            state.undecided.get(&certificate.block_id).cloned().expect("decided blocks were judged or proposed");
        state.decided.insert(certificate.height, (bytes, certificate));
        state.undecided.clear();
        Ok(())
    }

    async fn decided(&self, height: u64) -> Result<Option<(Bytes, Certificate)>, Error> {
        let mut state = self.state();
        let Some((bytes, certificate)) = state.decided.get(&height).cloned() else { return Ok(None) };
        Ok(Some(match state.forgeries.pop() {
            Some(forgery) => forge(forgery, &bytes, &certificate),
            None => (bytes, certificate),
        }))
    }

    async fn history_min(&self) -> Result<u64, Error> {
        Ok(1)
    }
}
