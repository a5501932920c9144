//! One message of each kind of the shard protocol.

use bitdust_market::{
    access,
    wire::{AccessToken, BlobRef, Code, Commit, KeptList, Refusal, Request, Response, SignedHold},
};
use bitdust_types::{Address, Amount, DatasetId, Root, SlotRoot};

/// The chain that signatures are for.
pub const CHAIN_ID: u64 = 45439;
/// Whose slot it is about.
pub const DATASET: DatasetId = DatasetId([1; 32]);

const ROOT: Root = Root([2; 32]);
const BLOB: BlobRef = BlobRef { root: ROOT, len: 5000 };

/// What customers ask.
pub fn requests() -> Vec<Request> {
    let access = AccessToken { valid_until: 50, signature: [27; 65] };
    let commit = Commit {
        base_number: 1,
        base_root: SlotRoot([3; 32]),
        number: 2,
        removed: vec![0, 4, 5],
        added: vec![BLOB; 3],
        root: SlotRoot([4; 32]),
        bytes: 15_000,
        rate: Amount::from_grains(7),
    };
    vec![
        Request::Open { dataset: DATASET, slot: 3, access: Some(access) },
        Request::Inventory,
        Request::Has { roots: vec![ROOT; 5] },
        Request::ListAt { number: 1, root: SlotRoot([3; 32]), from: 2 },
        Request::Put { root: ROOT, len: 5000 },
        Request::Commit(commit),
        Request::Read { root: ROOT, start: 10, end: 20 },
    ]
}

/// What suppliers answer.
pub fn responses() -> Vec<Response> {
    let hold = SignedHold {
        dataset: DATASET,
        slot: 3,
        number: 2,
        bytes: 15_000,
        root: SlotRoot([4; 32]),
        rate: Amount::from_grains(7),
        valid_until: 100,
        supplier: Address::repeat_byte(6),
        signature: [27; 65],
    };
    let kept = KeptList { number: 1, root: SlotRoot([3; 32]), bytes: 9, blobs: 1, held: true };
    vec![
        Response::Opened { supplier: Address::repeat_byte(6), height: 12 },
        Response::Inventory { lists: vec![kept; 2] },
        Response::Has { bitmap: vec![0b101, 0xff] },
        Response::List { total: 9, blobs: vec![BLOB; 4] },
        Response::Ready,
        Response::AlreadyHeld,
        Response::Stored,
        Response::Committed(hold),
        Response::Slice { len: 5000, bao: vec![8; 100] },
        Response::Refused(Refusal::new(Code::Escrow, "17 grains are missing: fund the dataset")),
    ]
}

/// Looks at whatever a request is signed with, as a supplier does.
pub fn look_at_access(dataset: DatasetId, slot: u16, token: &AccessToken) {
    let hash = access::access_hash(CHAIN_ID, dataset, slot, b"peer", token.valid_until);
    // Whoever it names has no rights here; it must only not be a panic.
    let _ = bitdust_types::signing::recover(hash, &token.signature);
}
