//! A block's canonical bytes.

use alloy_primitives::hex;
use proptest::prelude::*;

use super::*;

fn header() -> impl Strategy<Value = Header> {
    let hashes = prop::array::uniform8(any::<[u8; 32]>());
    let numbers = prop::array::uniform6(any::<u64>());
    (hashes, numbers, any::<[u8; 20]>(), any::<[u8; 32]>()).prop_map(|(hashes, numbers, proposer, bloom)| Header {
        chain_id: numbers[0],
        height: numbers[1],
        parent: BlockId(hashes[0]),
        timestamp_ms: numbers[2],
        proposer: proposer.into(),
        reveal: hashes[1].into(),
        state_root: hashes[2].into(),
        tx_root: hashes[3].into(),
        receipts_root: hashes[4].into(),
        proofs_root: hashes[5].into(),
        logs_bloom: Bloom::new(bloom.repeat(8).try_into().unwrap()),
        gas_used: numbers[3],
        gas_limit: numbers[4],
        base_fee: numbers[5],
        validators_hash: hashes[6].into(),
        next_validators_hash: hashes[7].into(),
    })
}

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

pub(crate) fn prove() -> impl Strategy<Value = Prove> {
    (any::<[u8; 20]>(), any::<u64>(), bytes(200), any::<[u8; 32]>(), any::<[u8; 32]>(), any::<u8>()).prop_map(
        |(supplier, epoch, proof, r, s, v)| Prove {
            supplier: supplier.into(),
            epoch,
            proof,
            signature: [&r[..], &s[..], &[v]].concat().try_into().unwrap(),
        },
    )
}

fn block() -> impl Strategy<Value = Block> {
    let proof =
        (prove(), prop::collection::vec(any::<u16>(), 0..5)).prop_map(|(prove, failed)| JudgedProof { prove, failed });
    (header(), prop::collection::vec(bytes(100), 0..5), prop::collection::vec(proof, 0..4))
        .prop_map(|(header, txs, proofs)| Block { header, txs, proofs })
}

proptest! {
    #[test]
    fn decoding_inverts_encoding(block in block()) {
        let bytes = block.encode();
        prop_assert_eq!(&Block::decode(&bytes).unwrap(), &block);
        let header = block.header.encode();
        prop_assert_eq!(header.len(), HEADER_BYTES);
        prop_assert_eq!(Header::decode(&header).unwrap(), block.header);
        prop_assert!(Block::decode(&[&bytes[..], &[0]].concat()).is_err(), "bytes after the end");
        prop_assert!(Block::decode(&bytes[..bytes.len() - 1]).is_err(), "an end missing");
    }

    #[test]
    fn every_bit_of_a_header_counts(header in header(), bit in 0..HEADER_BYTES * 8) {
        let mut bytes = header.encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(Header::decode(&bytes).unwrap().id(), header.id());
    }

    #[test]
    fn noise_is_refused_without_a_panic(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Block::decode(&noise);
    }
}

fn zero() -> Header {
    Header::decode(&[0; HEADER_BYTES]).unwrap()
}

#[test]
fn the_encoding_is_the_recorded_one() {
    let header = Header { chain_id: 45439, height: 7, base_fee: 1_000_000_000, ..zero() };
    let block = Block { header, txs: vec![Bytes::from_static(b"tx")], proofs: vec![] };
    let tail = hex::encode(&block.encode()[HEADER_BYTES..]);
    assert_eq!(tail, "01000000020000007478".to_owned() + "00000000");
    assert_eq!(&block.encode()[..16], &hex!("7fb10000000000000700000000000000"));
}

#[test]
fn a_lying_length_allocates_nothing_and_is_refused() {
    let mut bytes = zero().encode();
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(Block::decode(&bytes), Err(Invalid::Malformed { .. })));
}

#[test]
fn bounds_hold_at_their_edge() {
    let room = BLOCK_BODY_BYTES_MAX - HEADER_BYTES;
    let of = |len: usize| Block { header: zero(), txs: vec![vec![0; len].into()], proofs: vec![] };
    assert!(Block::decode(&of(room - 4).encode()).is_ok());
    assert!(matches!(Block::decode(&of(room - 3).encode()), Err(Invalid::Size { .. })));
    let prove = Prove { supplier: Address::ZERO, epoch: 0, proof: Bytes::new(), signature: [0; 65] };
    let proof = JudgedProof { prove, failed: vec![] };
    let of = |count| Block { header: zero(), txs: vec![], proofs: vec![proof.clone(); count] };
    assert!(Block::decode(&of(PROOFS_PER_BLOCK_MAX).encode()).is_ok());
    assert!(matches!(Block::decode(&of(PROOFS_PER_BLOCK_MAX + 1).encode()), Err(Invalid::Size { .. })));
    let long = JudgedProof { failed: vec![0; FAILED_MAX + 1], ..proof };
    let block = Block { header: zero(), txs: vec![], proofs: vec![long] };
    assert!(matches!(Block::decode(&block.encode()), Err(Invalid::Size { .. })));
    assert!(matches!(Block::decode(&vec![0; BLOCK_BYTES_MAX + 1]), Err(Invalid::Size { .. })));
}
