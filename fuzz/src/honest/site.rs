//! A location as its owner and a guest built it: their signed edits, what those fold to, a version with its log and head.

use std::{collections::BTreeMap, sync::LazyLock};

use bitdust_proof::blob;
use bitdust_types::{
    Address, DatasetId,
    keys::{Phrase, account_of},
};
use bitdust_world::{
    BlockId, Chunk, LocationPos,
    edits::{AccessList, Body, Builders, Claim, Folded, Graph, Message, Op, Secp256k1, Session, sync::Batch},
    location::{Head, HeadRecord, LogSegment, Manifest, Snapshot, Stored, Version},
};

use super::chunks::CHUNKS;

/// The chain that signatures are for.
pub const CHAIN_ID: u64 = 45_439;
/// The world.
pub const WORLD: [u8; 32] = [9; 32];
/// Where in it.
pub const POS: LocationPos = LocationPos::new(3, 0, -1);

/// Accounts of the phrase, by what they do here.
const OWNER: u32 = 0;
const GUEST: u32 = 1;
const NUISANCE: u32 = 2;
/// Edits that are in the version; the others are its log.
const FOLDED: usize = 4;
/// Edits in a segment of the log.
const SEGMENT_OPS: usize = 2;

/// The location.
pub struct Site {
    /// Its claim.
    pub claim: Claim,
    /// Whoever owns it.
    pub owner: Address,
    /// All edits in order, each with its author's signature.
    pub ops: Vec<Op>,
    /// What they come to.
    pub graph: Graph,
    /// The first few as a base.
    pub base: Folded,
    /// The chunks that the version keeps, by number.
    pub changed: BTreeMap<u16, Chunk>,
    /// The version.
    pub snapshot: Snapshot,
    /// The files of its log.
    pub segments: Vec<Vec<u8>>,
    /// What its writer announces.
    pub head: Head,
}

impl Site {
    /// What replicas say about it to each other.
    pub fn messages(&self) -> [Message; 3] {
        let ops = self.ops.iter().map(Op::encode).collect();
        [
            Session::default().open(&self.graph),
            Message::Ops(Batch { sequence: 0, ops, next: Some(40) }),
            Message::Ops(Batch { sequence: 0, ops: vec![self.ops[0].encode()], next: None }),
        ]
    }
}

/// The location that all targets edit parts of.
pub static SITE: LazyLock<Site> = LazyLock::new(|| {
    let phrase = Phrase::from_entropy([7; 16]).expect("16 bytes are a phrase");
    let key = |index| phrase.coin_key(index).expect("a path that wallets use");
    let account = |index| account_of(&key(index));
    let access = AccessList { guests: vec![account(GUEST)], builders: Builders::Guests, ..AccessList::default() };
    let claim = Claim { chain: CHAIN_ID, world: WORLD, pos: POS, owner: account(OWNER), access: access.clone() };
    let mut graph = Graph::new(claim.clone()).expect("a list of one guest");
    let mut guests = vec![account(GUEST), account(NUISANCE)];
    guests.sort_unstable();
    // Never everybody: then a broken signature would be somebody's who may build.
    let wider = AccessList { guests, compactors: vec![account(GUEST)], ..access };
    let mut ops = Vec::new();
    let mut base = None;
    for (author, body) in [
        (OWNER, place(0, 3)),
        (GUEST, place(40_000, 60)),
        (OWNER, Body::Note { voxel: 40_001, text: "The mill.\nIt turns no more.".into() }),
        (OWNER, Body::Access { term: 0, list: wider }),
        (NUISANCE, place(40_000, 5)),
        (GUEST, Body::Revoke { key: account(NUISANCE), seen: Vec::new() }),
        (OWNER, Body::Place(vec![(1, BlockId(61)), (1 << 20, BlockId::AIR)])),
        (GUEST, Body::Note { voxel: 40_001, text: String::new() }),
    ] {
        if ops.len() == FOLDED {
            let mut folded = graph.clone();
            folded.fold(&graph.heads_to_fold()).expect("its own heads");
            base = Some(folded.base().clone());
        }
        let statement = graph.draft(account(author), body).expect("all of them may");
        let op = statement.sign(&key(author)).expect("a good key");
        graph.insert(op.clone().check(&Secp256k1).expect("just signed")).expect("just drafted");
        ops.push(op);
    }
    let base = base.expect("more edits than are folded");
    let changed = BTreeMap::from([(0, CHUNKS[0].clone()), (7, CHUNKS[1].clone()), (511, CHUNKS[2].clone())]);
    let snapshot = version(&base, account(OWNER), &changed);
    let segments = log(&snapshot.manifest, &ops[FOLDED..]);
    let record = HeadRecord {
        world: WORLD,
        pos: POS,
        dataset: DatasetId([4; 32]),
        revision: 12,
        sequence: 1,
        manifest: snapshot.manifest.hash(),
        segments: segments.len() as u32,
        newest: blob::root(segments.last().expect("a log of some edits")),
    };
    let head = record.sign(CHAIN_ID, &key(OWNER)).expect("a good key");
    Site { owner: claim.owner, claim, ops, graph, base, changed, snapshot, segments, head }
});

/// A row of blocks.
fn place(first: u32, count: u32) -> Body {
    Body::Place((first..first + count).map(|voxel| (voxel, BlockId(53))).collect())
}

fn version(base: &Folded, author: Address, changed: &BTreeMap<u16, Chunk>) -> Snapshot {
    let bytes = base.encode();
    let version = Version {
        world: WORLD,
        pos: POS,
        sequence: 1,
        seed: 1,
        generator: 1,
        params: vec![1, 2, 3],
        folded: base.heads().iter().map(|head| head.0).collect(),
        base: Some(Stored { bytes: bytes.len() as u32, hash: blob::root(&bytes) }),
        log_first: FOLDED as u64,
        author,
    };
    Snapshot::build(version, changed, |chunk| blob::root(&chunk.to_bytes())).expect("within its bounds")
}

fn log(manifest: &Manifest, ops: &[Op]) -> Vec<Vec<u8>> {
    let (mut first, mut previous) = (manifest.version().log_first, manifest.hash());
    let files = ops.chunks(SEGMENT_OPS).map(|ops| {
        let ops: Vec<Vec<u8>> = ops.iter().map(Op::encode).collect();
        let segment = LogSegment::fill(first, previous, &ops);
        let bytes = segment.encode().expect("a few edits");
        (first, previous) = (segment.next(), blob::root(&bytes));
        bytes
    });
    files.collect()
}
