//! The state's Merkle tree: a Jellyfish Merkle tree with SHA-256 (`jmt`), version h after block h.
//!
//! Keys are Keccak-256 of an account's address, and of address ‖ slot (32 bytes, big-endian). An account's value is
//! [`Account::to_bytes`]; a slot's is its 32 bytes big-endian. Code isn't in the tree: the account names its hash.
//!
//! The tree keeps nothing: [`update`] reads nodes through [`TreeReader`] and answers what to write, and which old nodes
//! nobody needs once blocks before a height are forgotten.
//!
//! **Invariant:** versions are consecutive from 0 (genesis); [`update`] of version v needs v-1 to be readable.

use alloy_primitives::{Address, B256, U256, keccak256};
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::{
    KeyHash, OwnedValue, RootHash, Sha256Jmt, Version,
    proof::SparseMerkleProof,
    storage::{LeafNode, Node, NodeKey, TreeReader as JmtReader},
};
use sha2::Sha256;

use crate::{
    error::Invalid,
    state::{Account, StateDiff, StateError},
};

/// Where the tree's nodes and values are kept. Keys and contents are opaque to the keeper.
pub trait TreeReader {
    /// The node with this key.
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError>;
    /// The newest value of a key with a version of at most `version_max`; `None` if there is none or it was removed.
    fn value(&self, key_hash: &[u8; 32], version_max: u64) -> Result<Option<Vec<u8>>, StateError>;
}

/// What one version changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeUpdate {
    /// Root of the state after the block.
    pub root: B256,
    /// New nodes: key, contents.
    pub nodes: Vec<(Vec<u8>, Vec<u8>)>,
    /// New values: key, version, contents (`None` removes).
    pub values: Vec<([u8; 32], u64, Option<Vec<u8>>)>,
    /// Nodes that no version from `since` on needs: since, key. They may be dropped once all versions below `since` are.
    pub stale: Vec<(u64, Vec<u8>)>,
}

/// One key's value with its way to the root.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct KeyProof {
    /// The value's bytes; `None` if the state has no such key.
    pub value: Option<Vec<u8>>,
    /// `jmt`'s proof in borsh form.
    pub path: Vec<u8>,
}

/// Proof of an account and some of its slots, against the root of one version.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct StateProof {
    /// The account.
    pub account: KeyProof,
    /// The slots, in the order asked for.
    pub slots: Vec<KeyProof>,
}

/// Tree key of an account.
pub fn account_key(address: Address) -> [u8; 32] {
    keccak256(address).0
}

/// Tree key of a storage slot.
pub fn slot_key(address: Address, slot: U256) -> [u8; 32] {
    keccak256([address.as_slice(), &slot.to_be_bytes::<32>()].concat()).0
}

/// Node key as the keeper sees it: version big-endian, so that a version's nodes lie together, then the path.
fn node_key_bytes(key: &NodeKey) -> Result<Vec<u8>, StateError> {
    let mut bytes = key.version().to_be_bytes().to_vec();
    key.nibble_path().serialize(&mut bytes).map_err(|error| StateError(format!("tree node key: {error}")))?;
    Ok(bytes)
}

/// Speaks `jmt`'s reader trait over ours.
struct Reader<'a>(&'a dyn TreeReader);

impl JmtReader for Reader<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let bytes = self.0.node(&node_key_bytes(key)?)?;
        Ok(bytes.map(|bytes| Node::try_from_slice(&bytes)).transpose()?)
    }

    fn get_value_option(&self, version_max: Version, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.0.value(&key.0, version_max)?)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        // Only `jmt`'s restoring of snapshots asks for it.
        anyhow::bail!("the rightmost leaf is not kept")
    }
}

fn fault(what: &str, error: anyhow::Error) -> StateError {
    StateError(format!("{what}: {error:#}"))
}

/// Computes version `version` (the block's height) from the one before and the block's changes.
///
/// # Errors
/// If a node of the version before can't be read.
pub fn update(reader: &dyn TreeReader, version: u64, diff: &StateDiff) -> Result<TreeUpdate, StateError> {
    let accounts = diff
        .accounts
        .iter()
        .map(|(address, account)| (KeyHash(account_key(*address)), account.map(|account| account.to_bytes().to_vec())));
    let slots = diff.storage.iter().map(|((address, slot), value)| {
        let value = (!value.is_zero()).then(|| value.to_be_bytes::<32>().to_vec());
        (KeyHash(slot_key(*address, *slot)), value)
    });
    let mut changes: Vec<(KeyHash, Option<OwnedValue>)> = accounts.chain(slots).collect();
    // Sorted keys visit the tree from left to right and reuse the nodes just loaded.
    changes.sort_unstable_by_key(|(key, _)| key.0);
    let reader = Reader(reader);
    let (root, batch) = Sha256Jmt::new(&reader)
        .put_value_set(changes, version)
        .map_err(|error| fault(&format!("updating the state tree to version {version}"), error))?;
    let nodes = batch
        .node_batch
        .nodes()
        .iter()
        .map(|(key, node)| {
            let node = borsh::to_vec(node).map_err(|error| StateError(format!("tree node: {error}")))?;
            Ok((node_key_bytes(key)?, node))
        })
        .collect::<Result<Vec<_>, StateError>>()?;
    let values =
        batch.node_batch.values().iter().map(|((version, key), value)| (key.0, *version, value.clone())).collect();
    let stale = batch
        .stale_node_index_batch
        .iter()
        .map(|index| Ok((index.stale_since_version, node_key_bytes(&index.node_key)?)))
        .collect::<Result<Vec<_>, StateError>>()?;
    Ok(TreeUpdate { root: B256::new(root.0), nodes, values, stale })
}

/// Root of a version that was written, or `None` if it wasn't or has been dropped.
///
/// # Errors
/// If a node can't be read.
pub fn root(reader: &dyn TreeReader, version: u64) -> Result<Option<B256>, StateError> {
    let reader = Reader(reader);
    let root = Sha256Jmt::new(&reader).get_root_hash_option(version).map_err(|error| fault("state root", error))?;
    Ok(root.map(|root| B256::new(root.0)))
}

/// Proves an account and some of its slots against the root of `version`, which header `version + 1` carries.
///
/// # Errors
/// If the version was never written, was dropped, or can't be read.
pub fn prove(
    reader: &dyn TreeReader,
    version: u64,
    address: Address,
    slots: &[U256],
) -> Result<StateProof, StateError> {
    let reader = Reader(reader);
    let tree = Sha256Jmt::new(&reader);
    let prove_key = |key: [u8; 32]| -> Result<KeyProof, StateError> {
        let (value, path) =
            tree.get_with_proof(KeyHash(key), version).map_err(|error| fault("proving the state", error))?;
        let path = borsh::to_vec(&path).map_err(|error| StateError(format!("state proof: {error}")))?;
        Ok(KeyProof { value, path })
    };
    Ok(StateProof {
        account: prove_key(account_key(address))?,
        slots: slots.iter().map(|slot| prove_key(slot_key(address, *slot))).collect::<Result<_, _>>()?,
    })
}

/// Checks a proof against a state root: gives the account and the slots' values.
///
/// # Errors
/// [`Invalid::StateProof`] if any part doesn't lead to the root or isn't the value it should be.
pub fn verify_proof(
    root: B256,
    address: Address,
    slots: &[U256],
    proof: &StateProof,
) -> Result<(Option<Account>, Vec<U256>), Invalid> {
    let invalid = |what: &str, reason: String| Invalid::StateProof { what: what.to_owned(), root, reason };
    verify_key(root, account_key(address), &proof.account).map_err(|reason| invalid(&address.to_string(), reason))?;
    let account = proof.account.value.as_deref().map(Account::from_bytes).transpose();
    let account = account.map_err(|error| invalid(&address.to_string(), error.0))?;
    if slots.len() != proof.slots.len() {
        return Err(invalid("the slots", format!("{} asked for, {} proved", slots.len(), proof.slots.len())));
    }
    let mut values = Vec::with_capacity(slots.len());
    for (slot, proof) in slots.iter().zip(&proof.slots) {
        let what = format!("slot {slot} of {address}");
        verify_key(root, slot_key(address, *slot), proof).map_err(|reason| invalid(&what, reason))?;
        let value = proof.value.as_deref().map_or(Ok([0; 32]), <[u8; 32]>::try_from);
        let value = value.map_err(|_| invalid(&what, "the value hasn't 32 bytes".into()))?;
        values.push(U256::from_be_bytes(value));
    }
    Ok((account, values))
}

fn verify_key(root: B256, key: [u8; 32], proof: &KeyProof) -> Result<(), String> {
    let path = SparseMerkleProof::<Sha256>::try_from_slice(&proof.path).map_err(|error| error.to_string())?;
    path.verify(RootHash(root.0), KeyHash(key), proof.value.as_ref()).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests;
