//! The engine's nouns: heights, validators, votes and proposals as Malachite's traits want them. Values with fixed-width
//! fields and nothing else; a proposal carries the block's id, the block itself travels in parts.

use std::{fmt, sync::Arc};

use bitdust_types::{Address, B256, ValidatorSet};
use borsh::{BorshDeserialize, BorshSerialize};
use malachitebft_core_types as core;
use malachitebft_core_types::{NilOrVal, Round, SignedExtension, VoteType};

use super::{
    part::Part,
    scheme::{PublicKey, Scheme},
};
use crate::{Invalid, proposer};

/// A block's height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(super) struct Height(pub u64);

/// A validator's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(super) struct Account(pub [u8; 20]);

/// A block's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(super) struct Id(pub [u8; 32]);

/// What is agreed on: a block, by its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(super) struct Value(pub Id);

/// "In this round I propose this block."
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Proposal {
    pub height: Height,
    pub round: Round,
    pub value: Value,
    pub pol_round: Round,
    pub proposer: Account,
}

/// "In this round I hold this block, or none, for valid", or "I commit to it".
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Vote {
    pub kind: VoteType,
    pub height: Height,
    pub round: Round,
    pub value: NilOrVal<Id>,
    pub voter: Account,
}

/// A validator with its key decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    address: Account,
    key: PublicKey,
    power: u64,
}

/// The validators of a height, sorted by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Members(Arc<Vec<Member>>);

/// Ties the nouns together.
#[derive(Clone, Debug)]
pub(super) struct Bft;

impl From<Address> for Account {
    fn from(address: Address) -> Self {
        Account(address.into_array())
    }
}

impl From<Account> for Address {
    fn from(account: Account) -> Self {
        Address::new(account.0)
    }
}

impl From<B256> for Id {
    fn from(id: B256) -> Self {
        Id(id.0)
    }
}

impl From<Id> for B256 {
    fn from(id: Id) -> Self {
        B256::new(id.0)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Address::from(*self).fmt(f)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        B256::from(*self).fmt(f)
    }
}

impl Members {
    /// Decodes the keys. Fails only for a set that was not made by [`ValidatorSet::new`].
    pub fn new(validators: &ValidatorSet) -> Result<Self, Invalid> {
        let members = validators.as_slice().iter().map(|validator| {
            let key = PublicKey::decode(&validator.public_key).map_err(Invalid::Encoding)?;
            Ok(Member { address: validator.address.into(), key, power: validator.power })
        });
        Ok(Members(Arc::new(members.collect::<Result<_, Invalid>>()?)))
    }

    /// The proposer of a height and round.
    pub fn proposer(&self, height: u64, round: u32) -> Address {
        let powers = self.0.iter().map(|member| member.power);
        let total = powers.clone().sum();
        self.0[proposer::index(powers, total, height, round)].address.into()
    }

    /// True if the address is one of them.
    pub fn contains(&self, address: Address) -> bool {
        self.0.binary_search_by_key(&Account::from(address), |member| member.address).is_ok()
    }
}

impl core::Height for Height {
    const ZERO: Self = Height(0);
    const INITIAL: Self = Height(1);

    fn increment_by(&self, n: u64) -> Self {
        // Peers name heights; a foolish one must not overflow.
        Height(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Height)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

impl core::Address for Account {}

impl core::Value for Value {
    type Id = Id;

    fn id(&self) -> Id {
        self.0
    }
}

impl core::Proposal<Bft> for Proposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Account {
        &self.proposer
    }
}

/// Votes carry no extensions: nothing in the ledger needs them.
impl core::Vote<Bft> for Vote {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<Id> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<Id> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Account {
        &self.voter
    }

    fn extension(&self) -> Option<&SignedExtension<Bft>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Bft>> {
        None
    }

    fn extend(self, _: SignedExtension<Bft>) -> Self {
        self
    }
}

impl core::Validator<Bft> for Member {
    fn address(&self) -> &Account {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

impl core::ValidatorSet<Bft> for Members {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.0.iter().map(|member| member.power).sum()
    }

    fn get_by_address(&self, address: &Account) -> Option<&Member> {
        self.0.binary_search_by_key(address, |member| member.address).ok().map(|index| &self.0[index])
    }

    fn get_by_index(&self, index: usize) -> Option<&Member> {
        self.0.get(index)
    }
}

impl core::Context for Bft {
    type Address = Account;
    type Height = Height;
    type ProposalPart = Part;
    type Proposal = Proposal;
    type Validator = Member;
    type ValidatorSet = Members;
    type Timeouts = core::LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Scheme;

    fn select_proposer<'a>(&self, members: &'a Members, height: Height, round: Round) -> &'a Member {
        let powers = members.0.iter().map(|member| member.power);
        let total = powers.clone().sum();
        &members.0[proposer::index(powers, total, height.0, round.as_u32().unwrap_or(0))]
    }

    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        value: Value,
        pol_round: Round,
        proposer: Account,
    ) -> Proposal {
        Proposal { height, round, value, pol_round, proposer }
    }

    fn new_prevote(&self, height: Height, round: Round, value: NilOrVal<Id>, voter: Account) -> Vote {
        Vote { kind: VoteType::Prevote, height, round, value, voter }
    }

    fn new_precommit(&self, height: Height, round: Round, value: NilOrVal<Id>, voter: Account) -> Vote {
        Vote { kind: VoteType::Precommit, height, round, value, voter }
    }
}
