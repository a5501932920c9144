//! A certificate is right, or any change to it is noticed.

use bitdust_types::Validator;
use k256::ecdsa::SigningKey;
use proptest::prelude::*;

use super::*;

const CHAIN_ID: u64 = 45439;

fn key(index: u8) -> SigningKey {
    SigningKey::from_slice(&[index + 1; 32]).unwrap()
}

fn set(powers: &[u64]) -> ValidatorSet {
    let validators = (0_u8..).zip(powers).map(|(index, power)| Validator::new(key(index).verifying_key(), *power));
    ValidatorSet::new(validators.collect()).unwrap()
}

/// A certificate signed by these, properly.
fn signed_by(signers: &[u8]) -> Certificate {
    let (height, round, block_id) = (17, 2, B256::repeat_byte(0xab));
    let hash = Certificate::precommit_hash(CHAIN_ID, height, round, block_id);
    let sign = |index: &u8| {
        let key = key(*index);
        (signing::address_of(key.verifying_key()), signing::sign(&key, hash).unwrap())
    };
    let mut signatures: Vec<_> = signers.iter().map(sign).collect();
    signatures.sort_by_key(|(address, _)| *address);
    Certificate { height, round, block_id, signatures }
}

#[test]
fn more_than_two_thirds_are_needed() {
    let check = |powers: &[u64], signers: &[u8], good: bool| {
        let result = signed_by(signers).verify(CHAIN_ID, &set(powers));
        assert_eq!(result.is_ok(), good, "{powers:?} by {signers:?}: {result:?}");
        if !good {
            assert!(matches!(result, Err(Invalid::Power { .. })), "{result:?}");
        }
    };
    check(&[1], &[0], true);
    check(&[1], &[], false);
    check(&[1; 4], &[0, 1, 2], true);
    check(&[1; 4], &[0, 1, 2, 3], true);
    check(&[1; 4], &[0, 1], false);
    // Exactly two thirds are not enough.
    check(&[1; 3], &[0, 1], false);
    check(&[2, 2, 2, 1], &[0, 1], false);
    check(&[1; 7], &[0, 1, 2, 3, 4], true);
    check(&[1; 7], &[0, 1, 2, 3], false);
    // Power counts, not heads.
    check(&[7, 1, 1, 1], &[0], true);
    check(&[7, 1, 1, 1], &[1, 2, 3], false);
    check(&[1 << 40; 4], &[0, 1, 2], true);
}

#[test]
fn every_forgery_has_its_verdict() {
    let validators = set(&[1; 4]);
    let good = signed_by(&[0, 1, 2]);
    let refused = |what: &str, forge: &dyn Fn(&mut Certificate), expected: &dyn Fn(&Invalid) -> bool| {
        let mut forged = good.clone();
        forge(&mut forged);
        let invalid = forged.verify(CHAIN_ID, &validators).expect_err(what);
        assert!(expected(&invalid), "{what}: {invalid:?}");
    };
    let signature = |invalid: &Invalid| matches!(invalid, Invalid::Signature(_));
    refused("height", &|c| c.height += 1, &signature);
    refused("round", &|c| c.round -= 1, &signature);
    refused("block", &|c| c.block_id.0[31] ^= 1, &signature);
    refused("missing power", &|c| c.signatures.truncate(2), &|i| *i == Invalid::Power { signed: 2, total: 4 });
    refused("nobody", &|c| c.signatures.clear(), &|i| *i == Invalid::Power { signed: 0, total: 4 });
    refused("twice the same", &|c| c.signatures.insert(0, c.signatures[0]), &|i| matches!(i, Invalid::Duplicate(_)));
    refused("unsorted", &|c| c.signatures.reverse(), &|i| matches!(i, Invalid::Order(_)));
    refused(
        "a foreign signer",
        &|c| {
            let foreign = signed_by(&[9]).signatures[0];
            c.signatures.push(foreign);
            c.signatures.sort_by_key(|(address, _)| *address);
        },
        &|i| matches!(i, Invalid::Foreign(_)),
    );
    refused(
        "a signature under another's name",
        &|c| {
            let other = c.signatures[1].1;
            c.signatures[0].1 = other;
        },
        &signature,
    );
    refused("more signatures than validators", &|c| c.signatures = vec![c.signatures[0]; 5], &|i| {
        *i == Invalid::TooMany { got: 5, validators: 4 }
    });
    assert!(matches!(good.verify(CHAIN_ID + 1, &validators), Err(Invalid::Signature(_))), "another chain's");
    assert_eq!(good.verify(CHAIN_ID, &validators), Ok(()));
}

#[test]
fn a_prevote_or_a_vote_for_nil_commits_to_nothing() {
    let validators = set(&[1]);
    let good = signed_by(&[0]);
    let round = i64::from(good.round);
    let prevote = sign_bytes::vote(CHAIN_ID, sign_bytes::Step::Prevote, good.height, round, Some(good.block_id));
    let nil = sign_bytes::vote(CHAIN_ID, sign_bytes::Step::Precommit, good.height, round, None);
    for hash in [prevote, nil] {
        let mut forged = good.clone();
        forged.signatures[0].1 = signing::sign(&key(0), hash).unwrap();
        assert!(matches!(forged.verify(CHAIN_ID, &validators), Err(Invalid::Signature(_))));
    }
}

#[test]
fn bytes_are_recorded() {
    let certificate = Certificate {
        height: 0x0102,
        round: 3,
        block_id: B256::repeat_byte(0xcc),
        signatures: vec![(Address::repeat_byte(0xaa), [0xbb; 65])],
    };
    let text =
        ["0201000000000000", "03000000", &"cc".repeat(32), "01000000", &"aa".repeat(20), &"bb".repeat(65)].concat();
    let bytes = borsh::to_vec(&certificate).unwrap();
    assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), text);
    assert_eq!(Certificate::decode(&bytes), Ok(certificate));
    let hash = Certificate::precommit_hash(45439, 1, 0, B256::ZERO);
    assert_eq!(hash.to_string(), "0x3cdeb6d1e6a28b871d7f3c6f2405ccfa72da135dc7cc13232aff6ab6cbce69ee");
}

fn any_certificate() -> impl Strategy<Value = Certificate> {
    let signature = (any::<[u8; 20]>(), proptest::collection::vec(any::<u8>(), 65));
    let signature = signature.prop_map(|(address, bytes)| (Address::new(address), bytes.try_into().unwrap()));
    let signatures = proptest::collection::vec(signature, 0..=VALIDATORS_MAX);
    (any::<u64>(), any::<u32>(), any::<[u8; 32]>(), signatures)
        .prop_map(|(height, round, id, signatures)| Certificate { height, round, block_id: B256::new(id), signatures })
}

proptest! {
    #[test]
    fn decode_undoes_encode(certificate in any_certificate()) {
        let bytes = borsh::to_vec(&certificate).unwrap();
        prop_assert!(bytes.len() <= CERTIFICATE_BYTES_MAX);
        prop_assert_eq!(Certificate::decode(&bytes), Ok(certificate));
    }

    #[test]
    fn garbage_is_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(certificate) = Certificate::decode(&bytes) {
            prop_assert!(certificate.verify(CHAIN_ID, &set(&[1; 4])).is_err());
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed(bit in 0_usize..(8 + 4 + 32 + 4 + 3 * 85) * 8) {
        let validators = set(&[1; 4]);
        let mut bytes = borsh::to_vec(&signed_by(&[0, 1, 2])).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(forged) = Certificate::decode(&bytes) {
            prop_assert!(forged.verify(CHAIN_ID, &validators).is_err());
        }
    }
}

#[test]
fn too_long_bytes_are_refused_unread() {
    assert!(matches!(Certificate::decode(&vec![0; CERTIFICATE_BYTES_MAX + 1]), Err(Invalid::Encoding(_))));
    let mut claims_many = borsh::to_vec(&signed_by(&[0])).unwrap();
    claims_many[44..48].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(Certificate::decode(&claims_many), Err(Invalid::Encoding(_))));
}
