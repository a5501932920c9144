//! A proof verifies if and only if the bytes are those committed to. Against blake3 and bao-tree as references.

use bao_tree::{BaoTree, BlockSize, io::outboard::PreOrderMemOutboard};
use bitdust_types::Root;
use proptest::{prelude::*, test_runner::TestCaseError};

use super::*;
use crate::Invalid;

const KIB: usize = 1024;
const GROUP: usize = GROUP_BYTES as usize;

/// Sizes on both sides of every boundary that the tree knows, and some in between.
const SIZES: [usize; 27] = [
    0,
    1,
    63,
    64,
    65,
    KIB - 1,
    KIB,
    KIB + 1,
    2 * KIB,
    3 * KIB + 1,
    GROUP - 1,
    GROUP,
    GROUP + 1,
    GROUP + KIB,
    2 * GROUP - 1,
    2 * GROUP,
    2 * GROUP + 1,
    3 * GROUP,
    4 * GROUP + 1,
    5 * GROUP + 3 * KIB + 7,
    8 * GROUP,
    8 * GROUP + 1,
    17 * GROUP - 1,
    64 * GROUP,
    64 * GROUP + 1,
    3 << 20,
    (4 << 20) + 12_345,
];

/// Bytes without a pattern that a wrong offset could hide behind.
fn blob(len: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

fn hash_in_pieces(bytes: &[u8], piece: usize) -> (Root, u64, Outboard) {
    let mut hasher = BlobHasher::new();
    for part in bytes.chunks(piece.max(1)) {
        hasher.update(part);
    }
    hasher.finish()
}

fn outboard(bytes: &[u8]) -> Outboard {
    hash_in_pieces(bytes, 1 << 20).2
}

fn reader(bytes: &[u8]) -> impl FnMut(u64, &mut [u8]) -> std::io::Result<()> + '_ {
    |offset, buffer| {
        buffer.copy_from_slice(&bytes[offset as usize..offset as usize + buffer.len()]);
        Ok(())
    }
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => proptest::sample::select(&SIZES[1..24]),
        2 => 1..GROUP,
        2 => 1..40 * GROUP,
        1 => (1usize..40, -2i64..3).prop_map(|(g, d)| (g * GROUP).saturating_add_signed(d as isize)),
        1 => (1usize..200, -2i64..3).prop_map(|(c, d)| (c * KIB).saturating_add_signed(d as isize)),
    ]
}

#[test]
fn root_and_outboard_are_those_of_blake3_and_bao() {
    for len in SIZES {
        let bytes = blob(len, len as u64);
        let reference = PreOrderMemOutboard::create(&bytes, BlockSize::from_chunk_log(4));
        for piece in [1000, KIB, GROUP, GROUP + 1, 1 << 20] {
            let (root, hashed, outboard) = hash_in_pieces(&bytes, piece);
            assert_eq!(root.0, *blake3::hash(&bytes).as_bytes(), "{len} bytes in pieces of {piece}");
            assert_eq!(root, super::root(&bytes));
            assert_eq!(hashed, len as u64);
            assert_eq!(outboard.as_bytes(), reference.data, "{len} bytes in pieces of {piece}");
            assert_eq!(
                Outboard::size(len as u64),
                BaoTree::new(len as u64, BlockSize::from_chunk_log(4)).outboard_size()
            );
            let again = Outboard::from_bytes(root, len as u64, outboard.as_bytes().to_vec()).unwrap();
            assert_eq!(again, outboard);
        }
    }
}

#[test]
fn threads_may_share_the_groups() {
    for len in SIZES {
        let bytes = blob(len, 7);
        let mut values = vec![[0; 32]; len.div_ceil(GROUP).max(1)];
        if len == 0 {
            values[0] = super::root(&bytes).0;
        }
        for (part, values) in
            bytes.chunks(4 * GROUP).zip(values.chunks_mut(4)).enumerate().map(|(i, p)| ((i, p.0), p.1))
        {
            group_values(len as u64, (part.0 * 4 * GROUP) as u64, part.1, values);
        }
        assert_eq!(Outboard::from_groups(len as u64, &values), outboard(&bytes), "{len} bytes");
    }
}

#[test]
fn an_outboard_of_the_wrong_size_is_refused() {
    let bytes = blob(3 * GROUP, 1);
    let (root, len, outboard) = hash_in_pieces(&bytes, GROUP);
    let mut stored = outboard.into_bytes();
    assert!(Outboard::from_bytes(root, len, stored[..127].to_vec()).is_err());
    stored.push(0);
    assert!(Outboard::from_bytes(root, len, stored).is_err());
}

#[test]
fn every_chunk_of_every_size_is_proved() {
    for len in SIZES {
        let bytes = blob(len, 3);
        let (root, len, outboard) = hash_in_pieces(&bytes, GROUP);
        let chunks = len.div_ceil(CHUNK_BYTES);
        let step = (chunks / 64).max(1) as usize;
        for chunk in (0..chunks).step_by(step).chain(chunks.checked_sub(1)) {
            let offset = (chunk * CHUNK_BYTES + chunk % CHUNK_BYTES).min(len - 1);
            let proof = prove_chunk(&outboard, len, offset, reader(&bytes)).unwrap();
            assert_eq!(proof.bytes, bytes[(chunk * CHUNK_BYTES) as usize..][..proof.bytes.len()]);
            verify_chunk(root, len, offset, &proof).unwrap();
        }
        let none = ChunkProof { bytes: vec![], path: vec![] };
        assert_eq!(verify_chunk(root, len, len, &none), Err(Invalid::Offset { offset: len, len }));
    }
}

/// Every bit of the chunk, of the path and of the root, and every other offset: refused.
#[test]
fn every_flipped_bit_of_a_chunk_proof_is_refused() {
    for len in [1usize, 700, KIB, KIB + 1, 5 * KIB + 9, GROUP + 1, 5 * GROUP + 3 * KIB + 7] {
        let bytes = blob(len, 4);
        let (root, len, outboard) = hash_in_pieces(&bytes, GROUP);
        for offset in [0, len / 2, len - 1] {
            let proof = prove_chunk(&outboard, len, offset, reader(&bytes)).unwrap();
            for bit in 0..proof.bytes.len() * 8 {
                let mut wrong = proof.clone();
                wrong.bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(verify_chunk(root, len, offset, &wrong).is_err(), "chunk bit {bit}");
            }
            for bit in 0..proof.path.len() * 256 {
                let mut wrong = proof.clone();
                wrong.path[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
                assert!(verify_chunk(root, len, offset, &wrong).is_err(), "path bit {bit}");
            }
            for bit in 0..256 {
                let mut wrong = root;
                wrong.0[bit / 8] ^= 1 << (bit % 8);
                assert!(verify_chunk(wrong, len, offset, &proof).is_err(), "root bit {bit}");
            }
            for bit in 0..64 {
                let wrong = offset ^ (1 << bit);
                let same_chunk = wrong < len && wrong / CHUNK_BYTES == offset / CHUNK_BYTES;
                assert_eq!(verify_chunk(root, len, wrong, &proof).is_ok(), same_chunk, "offset bit {bit}");
            }
        }
    }
}

/// A root says nothing about a length that gives the same way down to the same whole chunk; any other is refused.
#[test]
fn a_wrong_length_is_refused_unless_the_chunk_has_the_same_place_in_both_trees() {
    for len in [1usize, KIB, KIB + 1, 5 * KIB, 7 * KIB + 9, GROUP + 1, 9 * GROUP + 5] {
        let bytes = blob(len, 5);
        let (root, len, outboard) = hash_in_pieces(&bytes, GROUP);
        let last = len - 1;
        let proof = prove_chunk(&outboard, len, last, reader(&bytes)).unwrap();
        for bit in 0..64 {
            let wrong = len ^ (1 << bit);
            assert!(verify_chunk(root, wrong, last, &proof).is_err(), "the last chunk proves the length: bit {bit}");
        }
        for delta in 1..40 * KIB as u64 {
            assert!(verify_chunk(root, len + delta, last, &proof).is_err(), "{len} + {delta}");
        }
    }
}

#[test]
fn a_rotten_disk_is_noticed_before_anything_is_sent() {
    for len in [100, GROUP, 3 * GROUP + 5] {
        let bytes = blob(len, 6);
        let outboard = outboard(&bytes);
        let mut rotten = bytes.clone();
        rotten[len / 2] ^= 4;
        let at = (len / 2) as u64;
        let chunk = prove_chunk(&outboard, len as u64, at, reader(&rotten)).unwrap_err();
        assert_eq!(chunk.kind(), std::io::ErrorKind::InvalidData);
        let range = encode_range(&outboard, len as u64, at..at + 1, reader(&rotten)).unwrap_err();
        assert_eq!(range.kind(), std::io::ErrorKind::InvalidData);
    }
}

#[test]
fn impossible_requests_are_refused() {
    let bytes = blob(5000, 8);
    let (root, len, outboard) = hash_in_pieces(&bytes, GROUP);
    for range in [5..5, 0..0, 0..len + 1, len..len + 1, u64::MAX - 1..u64::MAX] {
        assert!(encode_range(&outboard, len, range.clone(), reader(&bytes)).is_err(), "{range:?}");
        assert!(matches!(decode_range(root, len, range.clone(), &[]), Err(Invalid::Range { .. })), "{range:?}");
    }
    #[expect(clippy::reversed_empty_ranges)]
    let reversed = 9..5;
    assert!(decode_range(root, len, reversed, &[]).is_err());
    assert!(encode_range(&outboard, len + 1, 0..1, reader(&bytes)).is_err());
    assert!(prove_chunk(&outboard, len, len, reader(&bytes)).is_err());
    assert!(prove_chunk(&outboard, len - 1, 0, reader(&bytes)).is_err());
    // Foreign lengths at the edge of the number range neither overflow nor allocate.
    assert!(decode_range(root, u64::MAX, u64::MAX - 5..u64::MAX, &[0; 64]).is_err());
    assert!(decode_range(root, u64::MAX, 0..u64::MAX, &[0; 64]).is_err());
    assert!(decode_range(root, 1 << 63, 5..1 << 63, &[0; 64]).is_err());
    let proof = ChunkProof { bytes: vec![0; 1024], path: vec![[0; 32]; 54] };
    assert!(verify_chunk(root, u64::MAX, u64::MAX - 2000, &proof).is_err());
}

fn check_range(bytes: &[u8], range: std::ops::Range<u64>) -> Result<Vec<u8>, TestCaseError> {
    let (root, len, outboard) = hash_in_pieces(bytes, GROUP);
    let encoded = encode_range(&outboard, len, range.clone(), reader(bytes)).unwrap();
    prop_assert!(encoded.len() as u64 <= encoded_range_bytes_max(len, &range));
    let decoded = decode_range(root, len, range.clone(), &encoded).unwrap();
    prop_assert_eq!(&decoded[..], &bytes[range.start as usize..range.end as usize]);
    Ok(encoded)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_range_comes_back_and_any_flipped_bit_is_refused(
        len in sizes(), a in any::<u64>(), b in any::<u64>(), flips in proptest::collection::vec(any::<u64>(), 24),
    ) {
        let bytes = blob(len, a);
        let len = len as u64;
        let (a, b) = (a % len, b % len);
        let range = a.min(b)..a.max(b) + 1;
        let encoded = check_range(&bytes, range.clone())?;
        let root = super::root(&bytes);
        for flip in flips {
            let mut wrong = encoded.clone();
            let bit = flip % (wrong.len() as u64 * 8);
            wrong[(bit / 8) as usize] ^= 1 << (bit % 8);
            prop_assert!(decode_range(root, len, range.clone(), &wrong).is_err(), "bit {}", bit);
            let cut = (flip % encoded.len() as u64) as usize;
            prop_assert!(decode_range(root, len, range.clone(), &encoded[..cut]).is_err(), "cut at {}", cut);
        }
        let mut longer = encoded.clone();
        longer.push(0);
        prop_assert!(decode_range(root, len, range.clone(), &longer).is_err());
        let mut other = root;
        other.0[0] ^= 1;
        prop_assert!(decode_range(other, len, range, &encoded).is_err());
    }

    #[test]
    fn a_chunk_proof_is_good_for_its_own_bytes_only(len in sizes(), at in any::<u64>(), other in any::<u64>(), bit in any::<u64>()) {
        let bytes = blob(len, at);
        let (root, len, outboard) = hash_in_pieces(&bytes, 1 << 20);
        let offset = at % len;
        let proof = prove_chunk(&outboard, len, offset, reader(&bytes)).unwrap();
        prop_assert_eq!(verify_chunk(root, len, offset, &proof), Ok(()));
        let elsewhere = other % len;
        prop_assert_eq!(
            verify_chunk(root, len, elsewhere, &proof).is_ok(), elsewhere / CHUNK_BYTES == offset / CHUNK_BYTES
        );
        let mut wrong = proof.clone();
        let bit = bit % (wrong.bytes.len() as u64 * 8);
        wrong.bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        prop_assert!(verify_chunk(root, len, offset, &wrong).is_err());
        let mut longer = proof.clone();
        longer.path.push([0; 32]);
        prop_assert!(verify_chunk(root, len, offset, &longer).is_err());
        let mut shorter = proof;
        if shorter.path.pop().is_some() {
            prop_assert!(verify_chunk(root, len, offset, &shorter).is_err());
        }
    }

    #[test]
    fn foreign_bytes_never_panic(len in 0u64..10_000_000, a in any::<u64>(), b in any::<u64>(), junk in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = decode_range(Root([7; 32]), len, a % 10_000_000..b % 10_000_000, &junk);
        let path = junk.chunks_exact(32).map(|c| c.try_into().unwrap()).collect();
        let _ = verify_chunk(Root([7; 32]), len, a % 10_000_000, &ChunkProof { bytes: junk, path });
    }
}
