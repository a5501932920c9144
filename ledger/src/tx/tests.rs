//! Which bytes are transactions here, and which aren't.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxLegacy};
use alloy_primitives::Signature;
use bitdust_types::signing;
use proptest::prelude::*;

use super::*;
use crate::testing::{account, key, signed};

fn params() -> ChainParams {
    ChainParams::devnet(30, 1000)
}

fn plain() -> TxEip1559 {
    TxEip1559 {
        chain_id: params().chain_id,
        gas_limit: 21_000,
        max_fee_per_gas: 10,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(account(2)),
        value: U256::from(5),
        ..TxEip1559::default()
    }
}

fn sign<T: SignableTransaction<Signature>>(tx: T) -> Vec<u8>
where
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let bytes = signing::sign(&key(1), tx.signature_hash()).unwrap();
    TxEnvelope::from(tx.into_signed(Signature::from_raw_array(&bytes).unwrap())).encoded_2718()
}

fn check(raw: &[u8]) -> Result<CheckedTx, Invalid> {
    decode_and_check(&params(), raw)
}

#[test]
fn the_three_types_are_taken_and_their_sender_is_found() {
    let chain_id = params().chain_id;
    let legacy =
        TxLegacy { chain_id: Some(chain_id), gas_limit: 21_000, to: TxKind::Call(account(2)), ..TxLegacy::default() };
    let listed = TxEip2930 { chain_id, gas_limit: 21_000, to: TxKind::Call(account(2)), ..TxEip2930::default() };
    for raw in [sign(legacy), sign(listed), sign(plain())] {
        let tx = check(&raw).unwrap();
        assert_eq!(tx.sender(), account(1));
        assert_eq!(tx.hash(), keccak256(&raw));
        assert_eq!(tx.raw().as_ref(), raw);
        assert_eq!(tx.envelope().encoded_2718(), raw);
    }
}

#[test]
fn bad_fields_are_named() {
    let no_chain = TxLegacy { chain_id: None, gas_limit: 21_000, to: TxKind::Call(account(2)), ..TxLegacy::default() };
    let max = params().gas_limit;
    let cases = [
        (sign(no_chain), Invalid::TxChainId { expected: 45439, found: None }),
        (sign(TxEip1559 { chain_id: 1, ..plain() }), Invalid::TxChainId { expected: 45439, found: Some(1) }),
        (sign(TxEip1559 { max_priority_fee_per_gas: 11, ..plain() }), Invalid::TxTipAboveFee { tip: 11, fee: 10 }),
        (sign(TxEip1559 { gas_limit: 20_999, ..plain() }), Invalid::TxIntrinsicGas { needed: 21_000, limit: 20_999 }),
        (sign(TxEip1559 { gas_limit: max + 1, ..plain() }), Invalid::TxGasLimit { limit: max + 1, max }),
        (vec![3; 100], Invalid::TxType(3)),
        (vec![4; 100], Invalid::TxType(4)),
        (vec![0x7f], Invalid::TxType(0x7f)),
        (
            vec![2; TRANSACTION_BYTES_MAX + 1],
            Invalid::Size { what: "the transaction", size: TRANSACTION_BYTES_MAX + 1, max: TRANSACTION_BYTES_MAX },
        ),
    ];
    for (raw, verdict) in cases {
        assert_eq!(check(&raw), Err(verdict));
    }
    // EIP-7623: ten gas a zero byte, forty another, is the floor for calls that bring much data.
    let data = TxEip1559 { input: vec![1; 1000].into(), gas_limit: 21_000 + 16_000, ..plain() };
    assert_eq!(check(&sign(data)), Err(Invalid::TxIntrinsicGas { needed: 61_000, limit: 37_000 }));
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let raw = sign(plain());
    for len in 0..raw.len() {
        assert!(check(&raw[..len]).is_err(), "{len} of {} bytes", raw.len());
    }
    for extra in [0, 1, 0x80] {
        assert!(matches!(check(&[raw.clone(), vec![extra]].concat()), Err(Invalid::Malformed { .. })));
    }
}

#[test]
fn a_signature_in_the_upper_half_is_refused() {
    let tx = plain();
    let bytes = signing::sign(&key(1), tx.signature_hash()).unwrap();
    let low = Signature::from_raw_array(&bytes).unwrap();
    let order =
        U256::from_be_bytes(alloy_primitives::hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
    let high = Signature::new(low.r(), order - low.s(), !low.v());
    let raw = TxEnvelope::from(tx.into_signed(high)).encoded_2718();
    assert_eq!(check(&raw), Err(Invalid::TxSignature));
}

#[test]
fn many_are_checked_in_order_and_the_first_bad_one_is_named() {
    let raws: Vec<Bytes> = (0..100).map(|nonce| signed(&key(nonce % 5), TxEip1559 { nonce, ..plain() })).collect();
    let checked = check_all(&params(), &raws, &|_| None).unwrap();
    let hashes: Vec<B256> = checked.iter().map(CheckedTx::hash).collect();
    assert_eq!(hashes, raws.iter().map(keccak256).collect::<Vec<_>>());
    let known = check_all(&params(), &raws, &|hash| checked.iter().find(|tx| tx.hash() == hash).cloned()).unwrap();
    assert_eq!(known, checked);
    let mut bad = raws;
    bad[90] = Bytes::from_static(&[3]);
    bad[37] = Bytes::from_static(&[4]);
    assert_eq!(check_all(&params(), &bad, &|_| None), Err(Invalid::TxType(4)));
}

proptest! {
    #[test]
    fn decoding_inverts_encoding(
        nonce: u64, gas in 60_000u64..30_000_000, fee: u64, value: [u8; 32], to in 0u64..100,
        input in prop::collection::vec(any::<u8>(), 0..900), create: bool,
    ) {
        let tx = TxEip1559 {
            nonce, gas_limit: gas + 60_000, max_fee_per_gas: fee.into(), max_priority_fee_per_gas: 0,
            value: U256::from_be_bytes(value), input: input.into(),
            to: if create { TxKind::Create } else { TxKind::Call(account(to)) }, ..plain()
        };
        prop_assume!(tx.gas_limit <= params().gas_limit);
        let raw = sign(tx.clone());
        let checked = check(&raw).unwrap();
        prop_assert_eq!(checked.envelope().as_eip1559().unwrap().tx(), &tx);
        prop_assert_eq!(checked.sender(), account(1));
    }

    #[test]
    fn no_bytes_panic_and_no_flip_keeps_hash_and_sender(
        noise in prop::collection::vec(any::<u8>(), 0..300), at: prop::sample::Index, bit in 0u8..8,
    ) {
        let _ = check(&noise);
        let mut raw = sign(plain());
        let at = at.index(raw.len());
        raw[at] ^= 1 << bit;
        if let Ok(tx) = check(&raw) {
            prop_assert_ne!(tx.sender(), account(1));
        }
    }
}
