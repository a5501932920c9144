//! The columns of the chain database and their keys. Heights and versions are big-endian, so that keys sort by them.
//!
//! | column | key | value |
//! |---|---|---|
//! | meta | `format`, `tip`, `pruned`, or `/` and the caller's key | see each |
//! | headers, blocks, certificates, receipts | height | canonical bytes |
//! | heights | block id | height |
//! | transactions | hash | height and place among the receipts |
//! | accounts | address | 72 bytes |
//! | storage | address, slot | 32 bytes, never zero |
//! | code | hash | code |
//! | tree_nodes | the tree's own | opaque |
//! | tree_values | key hash, version | 0 for removed, or 1 and the value |
//! | tree_stale | version, 0 and node key or 1 and key hash | nothing |
//! | undecided | see `undecided` | |

use bitdust_types::{Address, U256};

pub(super) const META_FORMAT: &[u8] = b"format";
pub(super) const META_TIP: &[u8] = b"tip";
/// The last version whose stale entries are all gone.
pub(super) const META_PRUNED: &[u8] = b"pruned";

/// What is stale: a node's key follows.
pub(super) const STALE_NODE: u8 = 0;
/// What is stale: a value's key hash follows; all its versions below are stale.
pub(super) const STALE_VALUE: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Meta,
    Headers,
    Blocks,
    Certificates,
    Receipts,
    Heights,
    Transactions,
    Accounts,
    Storage,
    Code,
    TreeNodes,
    TreeValues,
    TreeStale,
    Undecided,
}

impl Column {
    pub(super) const NAMES: [&'static str; 14] = [
        Column::Meta.name(),
        Column::Headers.name(),
        Column::Blocks.name(),
        Column::Certificates.name(),
        Column::Receipts.name(),
        Column::Heights.name(),
        Column::Transactions.name(),
        Column::Accounts.name(),
        Column::Storage.name(),
        Column::Code.name(),
        Column::TreeNodes.name(),
        Column::TreeValues.name(),
        Column::TreeStale.name(),
        Column::Undecided.name(),
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Column::Meta => "meta",
            Column::Headers => "headers",
            Column::Blocks => "blocks",
            Column::Certificates => "certificates",
            Column::Receipts => "receipts",
            Column::Heights => "heights",
            Column::Transactions => "transactions",
            Column::Accounts => "accounts",
            Column::Storage => "storage",
            Column::Code => "code",
            Column::TreeNodes => "tree_nodes",
            Column::TreeValues => "tree_values",
            Column::TreeStale => "tree_stale",
            Column::Undecided => "undecided",
        }
    }
}

pub(super) fn height_key(height: u64) -> [u8; 8] {
    height.to_be_bytes()
}

pub(super) fn callers_meta_key(key: &str) -> Vec<u8> {
    [b"/", key.as_bytes()].concat()
}

pub(super) fn storage_key(address: Address, slot: U256) -> [u8; 52] {
    let mut key = [0; 52];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&slot.to_be_bytes::<32>());
    key
}

pub(super) fn value_key(key_hash: &[u8; 32], version: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(key_hash);
    key[32..].copy_from_slice(&version.to_be_bytes());
    key
}

pub(super) fn stale_key(since: u64, kind: u8, key: &[u8]) -> Vec<u8> {
    let mut bytes = since.to_be_bytes().to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(key);
    bytes
}
