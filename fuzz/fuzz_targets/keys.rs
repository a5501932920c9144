//! Signatures and lists of validators.

#![no_main]

use bitdust_types::{B256, Validator, ValidatorSet, signing};
use libfuzzer_sys::{arbitrary::Unstructured, fuzz_target};

/// Half the order of secp256k1, rounded down (SEC 2, 2.4.1).
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let hash = input.arbitrary::<[u8; 32]>().unwrap_or([1; 32]);
    let Ok(mut signature) = input.arbitrary::<[u8; 65]>() else { return };
    // Two of 256 values are possible at all.
    signature[64] = 26 + signature[64] % 4;
    if let Ok(signer) = signing::recover(B256::new(hash), &signature) {
        assert_eq!(signing::recover(B256::new(hash), &signature), Ok(signer));
        assert!(signature[32..64] <= HALF_ORDER[..], "a signature has two forms: s and the order minus s (EIP-2)");
        // The point of the other parity belongs to somebody else.
        signature[64] ^= 27 ^ 28;
        assert_ne!(signing::recover(B256::new(hash), &signature), Ok(signer), "a signature has two forms");
    }
    let rest = input.take_rest();
    let lists = [borsh::from_slice::<Vec<Validator>>(rest).ok(), serde_json::from_slice(rest).ok()];
    for list in lists.into_iter().flatten() {
        if let Ok(set) = ValidatorSet::new(list) {
            assert!(set.total_power() > 0, "somebody has power");
            assert!(set.as_slice().iter().all(|one| set.get(one.address) == Some(one)), "everybody is found");
            assert_eq!(ValidatorSet::new(set.as_slice().to_vec()).map(|again| again.hash()), Ok(set.hash()));
        }
    }
});
