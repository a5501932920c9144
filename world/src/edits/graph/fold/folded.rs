//! The base of a version: what late operations need to know of what was folded. Its bytes are part of the version that the
//! market keeps, and equal for everybody who folds the same version.
//!
//! Canonical bytes: `magic "BDF", version 1 ‖ borsh`, every list sorted, at most 6 MiB.

use std::collections::{BTreeMap, BTreeSet};

use bitdust_proof::blob;
use bitdust_types::{
    Address, Root,
    signing::{read_address, write_address},
};
use borsh::{BorshDeserialize, BorshSerialize};

use super::{
    super::{
        super::{AccessId, AccessList, Claim, OpHash, access::rising, limits, voxel::VOXEL_END},
        authority::{Authority, List, Revocation},
        merge::{BaseNote, Merged, Stamp},
    },
    FoldError,
};

const MAGIC: [u8; 4] = *b"BDF\x01";

/// An operation within the horizon, or a head.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct HorizonOp {
    pub hash: OpHash,
    pub depth: u64,
    #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
    pub author: Address,
    /// Lists in force at it, as places in the base's lists.
    pub lists: Vec<u16>,
}

/// A list that was in force at one of them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct HorizonList {
    pub id: AccessId,
    pub term: u32,
    pub counts: bool,
    /// Places of the lists of its term in its past.
    pub superseded: Vec<u16>,
    pub list: AccessList,
}

/// A revocation that counts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct HorizonRevocation {
    pub hash: OpHash,
    #[borsh(serialize_with = "write_address", deserialize_with = "read_address")]
    pub key: Address,
    pub term: u32,
}

/// A text; empty if it was taken away within the horizon.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct HorizonNote {
    pub voxel: u32,
    /// Who wrote it, as a place in the base's operations; none below the horizon.
    pub op: Option<u32>,
    pub text: String,
}

/// The base of a version.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Folded {
    pub(super) claim: AccessId,
    pub(super) sequence: u64,
    pub(super) floor: u64,
    pub(super) heads: Vec<OpHash>,
    pub(super) ops: Vec<HorizonOp>,
    pub(super) lists: Vec<HorizonList>,
    pub(super) revocations: Vec<HorizonRevocation>,
    /// Voxels written within the horizon, and by which of the operations.
    pub(super) writes: Vec<(u32, u32)>,
    pub(super) notes: Vec<HorizonNote>,
}

impl Folded {
    /// The base of version 0, which nobody has changed.
    pub fn unchanged(claim: &Claim) -> Self {
        let id = claim.access_id();
        let list = HorizonList { id, term: 0, counts: true, superseded: Vec::new(), list: claim.access.clone() };
        Folded {
            claim: id,
            sequence: 0,
            floor: 0,
            heads: Vec::new(),
            ops: Vec::new(),
            lists: vec![list],
            revocations: Vec::new(),
            writes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// How many folds led here.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The operations at which it was folded: rising.
    pub fn heads(&self) -> &[OpHash] {
        &self.heads
    }

    /// Operations of this depth or less are not accepted any more.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The claim that it belongs to, by its list.
    pub fn claim(&self) -> AccessId {
        self.claim
    }

    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        borsh::to_writer(&mut bytes, self).expect("a vector takes any bytes");
        bytes
    }

    /// BLAKE3 of the canonical bytes.
    pub fn hash(&self) -> Root {
        blob::root(&self.encode())
    }

    /// Reads canonical bytes, and holds every count and every reference against its bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, FoldError> {
        let malformed = |what: &str| FoldError::Malformed(what.into());
        if bytes.len() > limits::FOLDED_BYTES_MAX {
            return Err(malformed("more than 6 MiB"));
        }
        let rest = bytes.strip_prefix(&MAGIC).ok_or_else(|| malformed("no magic 'BDF', version 1"))?;
        let base: Folded = borsh::from_slice(rest).map_err(|error| malformed(&error.to_string()))?;
        base.check().map_err(malformed)?;
        Ok(base)
    }

    fn check(&self) -> Result<(), &'static str> {
        let is_bounded = self.heads.len() <= limits::FOLD_HEADS_MAX
            && self.ops.len() <= limits::HORIZON_OPS_MAX + limits::FOLD_HEADS_MAX
            && self.lists.len() <= limits::LISTS_MAX
            && self.revocations.len() <= limits::REVOCATIONS_MAX
            && self.writes.len() <= limits::HORIZON_WRITES_MAX
            && self.notes.len() <= limits::NOTES_MAX;
        if !is_bounded {
            return Err("more heads, operations, lists, revocations, writes or notes than a base may hold");
        }
        let is_sorted = rising(&self.heads)
            && self.ops.is_sorted_by(|a, b| a.hash < b.hash)
            && self.lists.is_sorted_by(|a, b| a.id < b.id)
            && self.revocations.is_sorted_by(|a, b| a.hash < b.hash)
            && self.writes.is_sorted_by(|a, b| a.0 < b.0)
            && self.notes.is_sorted_by(|a, b| a.voxel < b.voxel);
        if !is_sorted {
            return Err("not sorted");
        }
        let knows_op = |at: &u32| (*at as usize) < self.ops.len();
        let knows_lists =
            |places: &[u16]| rising(places) && places.iter().all(|place| usize::from(*place) < self.lists.len());
        let is_known = self.heads.iter().all(|head| self.ops.binary_search_by_key(head, |op| op.hash).is_ok())
            && self.ops.iter().all(|op| knows_lists(&op.lists) && !op.lists.is_empty())
            && self.lists.iter().all(|list| knows_lists(&list.superseded))
            && self.writes.iter().all(|(voxel, at)| *voxel < VOXEL_END && knows_op(at))
            && self.notes.iter().all(|note| note.voxel < VOXEL_END && note.op.iter().all(knows_op));
        if !is_known {
            return Err("a reference to something that is not in the base");
        }
        if !self.lists_have_an_order() {
            return Err("access lists that supersede each other, or lists of other terms");
        }
        if self.floor == 0 && self.lists.binary_search_by_key(&self.claim, |list| list.id).is_err() {
            return Err("nothing is forgotten yet, but the claim's list is missing");
        }
        if self.ops.iter().any(|op| op.depth > u64::MAX / 2 || op.depth == 0) {
            return Err("a depth that no chain of operations reaches");
        }
        if self.notes.iter().any(|note| note.text.len() > limits::NOTE_BYTES_MAX) {
            return Err("a note of more than 200 bytes");
        }
        if self.lists.iter().any(|list| list.list.check().is_err()) {
            return Err("an access list that breaks its bounds");
        }
        Ok(())
    }

    /// Whether what each list supersedes can be its past: lists of its own term, and with each of them all that that one
    /// supersedes, which makes them fewer from list to list. In a circle none would be in force.
    fn lists_have_an_order(&self) -> bool {
        let is_past = |list: &HorizonList, older: &u16| {
            let older = &self.lists[usize::from(*older)];
            older.term == list.term && older.superseded.len() < list.superseded.len()
        };
        self.lists.iter().all(|list| list.superseded.iter().all(|older| is_past(list, older)))
    }

    /// The highest term whose owner the base relies on.
    pub fn term(&self) -> u32 {
        self.lists.iter().map(|list| list.term).max().unwrap_or(0)
    }

    /// Holds the base against the location that it is to serve.
    pub(in super::super) fn check_for(&self, claim: &Claim, owners: &[Address]) -> Result<(), FoldError> {
        if self.claim != claim.access_id() || owners.first() != Some(&claim.owner) {
            return Err(FoldError::Elsewhere);
        }
        if self.term() as usize >= owners.len() { Err(FoldError::Ahead(self.term())) } else { Ok(()) }
    }

    /// Places of the operations by hash.
    pub(in super::super) fn index(&self) -> BTreeMap<OpHash, u32> {
        self.ops.iter().map(|op| op.hash).zip(0..).collect()
    }

    pub(in super::super) fn depth_of(&self, place: u32) -> u64 {
        self.ops[place as usize].depth
    }

    pub(in super::super) fn lists_of(&self, place: u32) -> impl Iterator<Item = AccessId> {
        self.ops[place as usize].lists.iter().map(|place| self.lists[usize::from(*place)].id)
    }

    pub(in super::super) fn authority(&self, owners: Vec<Address>) -> Authority {
        let list_of = |list: &HorizonList| List {
            term: list.term,
            list: list.list.clone(),
            superseded: list.superseded.iter().map(|place| self.lists[usize::from(*place)].id).collect(),
            live: None,
            counts_in_base: list.counts,
        };
        let revocation_of =
            |revocation: &HorizonRevocation| Revocation { key: revocation.key, term: revocation.term, live: None };
        Authority {
            owners,
            lists: self.lists.iter().map(|list| (list.id, list_of(list))).collect(),
            revocations: self.revocations.iter().map(|one| (one.hash, revocation_of(one))).collect(),
        }
    }

    pub(in super::super) fn merged(&self) -> Merged {
        let note_of =
            |note: &HorizonNote| BaseNote { stamp: note.op.map(|at| self.stamp(at)), text: note.text.clone() };
        Merged::new(
            self.writes.iter().map(|(voxel, at)| (*voxel, self.stamp(*at))).collect(),
            self.notes.iter().map(|note| (note.voxel, note_of(note))).collect(),
        )
    }

    /// Depth, author and lists of each operation.
    pub(super) fn horizon(&self) -> BTreeMap<OpHash, (u64, Address, Vec<AccessId>)> {
        let places = 0..self.ops.len() as u32;
        places
            .zip(&self.ops)
            .map(|(at, op)| {
                let lists: BTreeSet<AccessId> = self.lists_of(at).collect();
                (op.hash, (op.depth, op.author, lists.into_iter().collect()))
            })
            .collect()
    }

    fn stamp(&self, at: u32) -> Stamp {
        let op = &self.ops[at as usize];
        Stamp { depth: op.depth, author: op.author, hash: op.hash }
    }
}
