//! The Merkle root of a list of hashes in a block's header: transactions, receipts, proofs.
//!
//! A binary Keccak-256 tree (rs_merkle): nodes are `keccak(left ‖ right)`, a node without a neighbour moves up as it stands.
//! Without prefixes and lengths that is no commitment to arbitrary leaves. Here the leaves are themselves hashes of
//! encodings longer than 64 bytes or of another form than two hashes, and the list is recomputed from a block's bytes,
//! never shown in part; so the shortcut is safe for this use and for no other. [`crate::sum`] is the tree with neither.

use bitdust_types::{B256, keccak256};
use rs_merkle::{Hasher, MerkleTree};

#[derive(Clone)]
struct Keccak256;

impl Hasher for Keccak256 {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        keccak256(data).0
    }
}

/// The root over `hashes` in their order; all zeros for an empty list.
pub fn root(hashes: &[B256]) -> B256 {
    let leaves: Vec<[u8; 32]> = hashes.iter().map(|hash| hash.0).collect();
    MerkleTree::<Keccak256>::from_leaves(&leaves).root().map_or(B256::ZERO, B256::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(left: B256, right: B256) -> B256 {
        keccak256([left.0, right.0].concat())
    }

    #[test]
    fn small_lists_have_the_roots_that_the_rule_says() {
        let [a, b, c] = [1, 2, 3].map(B256::repeat_byte);
        assert_eq!(root(&[]), B256::ZERO);
        assert_eq!(root(&[a]), a);
        assert_eq!(root(&[a, b]), join(a, b));
        assert_eq!(root(&[a, b, c]), join(join(a, b), c));
        assert_eq!(root(&[a, b, c, a, b]), join(join(join(a, b), join(c, a)), b));
    }

    #[test]
    fn order_and_every_element_count() {
        let list: Vec<B256> = (0..37).map(B256::repeat_byte).collect();
        let before = root(&list);
        for i in 0..list.len() {
            let mut changed = list.clone();
            changed[i].0[31] ^= 1;
            assert_ne!(root(&changed), before, "element {i}");
            if i > 0 {
                let mut swapped = list.clone();
                swapped.swap(i - 1, i);
                assert_ne!(root(&swapped), before, "swap {i}");
            }
        }
        assert_ne!(root(&list[..36]), before);
    }
}
