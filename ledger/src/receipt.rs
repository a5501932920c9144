//! What a transaction did: kept by the node, committed to by the header's receipts root.
//!
//! The canonical form is our own (borsh), since a system transaction has a receipt too and a revert reason is kept; the
//! API translates to Ethereum's JSON. Logs and the bloom filter are Ethereum's.

use alloy_primitives::{Address, B256, Bloom, Bytes, Log, keccak256};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::{canon, error::Invalid};

/// Bytes of a revert reason that a receipt keeps: Solidity's custom errors are far shorter, and a block of reverts
/// must not fill the disk.
pub const OUTPUT_BYTES_MAX: usize = 1024;

/// Where a receipt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ReceiptKind {
    /// A signed transaction; `index` counts within the block's transactions.
    Transaction,
    /// A supplier's proof; `index` counts within the block's proofs. It pays no gas.
    System,
}

/// The receipt of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// Transaction's hash; for a proof [`crate::prove::Prove::hash`].
    #[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]
    pub tx_hash: B256,
    /// Place in the block, among its kind.
    pub index: u32,
    /// Signed transaction or proof.
    pub kind: ReceiptKind,
    /// Who sent it; for a proof the supplier.
    #[borsh(serialize_with = "canon::address::write", deserialize_with = "canon::address::read")]
    pub from: Address,
    /// Who was called; `None` for a creation.
    #[borsh(serialize_with = "canon::maybe_address::write", deserialize_with = "canon::maybe_address::read")]
    pub to: Option<Address>,
    /// The contract that was created.
    #[borsh(serialize_with = "canon::maybe_address::write", deserialize_with = "canon::maybe_address::read")]
    pub contract_address: Option<Address>,
    /// False if it was reverted or ran out of gas.
    pub success: bool,
    /// Gas that it used, refunds taken off.
    pub gas_used: u64,
    /// Gas used by this and all earlier transactions of the block.
    pub cumulative_gas: u64,
    /// Grains paid per gas: base fee and tip.
    pub effective_gas_price: u128,
    /// Its logs; none if it failed.
    #[borsh(serialize_with = "canon::logs::write", deserialize_with = "canon::logs::read")]
    pub logs: Vec<Log>,
    /// Revert reason, at most [`OUTPUT_BYTES_MAX`] bytes; empty on success.
    #[borsh(serialize_with = "canon::bytes::write", deserialize_with = "canon::bytes::read")]
    pub output: Bytes,
}

impl Receipt {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory fails only for lists of 2^32 items, which no block's gas can make.
        borsh::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Receipt::encode`] wrote.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        borsh::from_slice(bytes).map_err(|error| Invalid::Malformed { what: "the receipt", reason: error.to_string() })
    }
}

/// Merkle root of a block's receipts: Keccak-256 of each, proofs first, then transactions.
pub fn root(receipts: &[Receipt]) -> B256 {
    let hashes: Vec<B256> = receipts.iter().map(|receipt| keccak256(receipt.encode())).collect();
    bitdust_proof::list::root(&hashes)
}

/// Filter over every log of a block (the yellow paper's 2048-bit bloom).
pub fn bloom(receipts: &[Receipt]) -> Bloom {
    receipts.iter().flat_map(|receipt| &receipt.logs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log() -> impl Strategy<Value = Log> {
        let topics = prop::collection::vec(any::<[u8; 32]>().prop_map(B256::from), 0..=4);
        (any::<[u8; 20]>(), topics, prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(address, topics, data)| Log::new_unchecked(address.into(), topics, data.into()))
    }

    fn receipt() -> impl Strategy<Value = Receipt> {
        let to = prop::option::of(any::<[u8; 20]>().prop_map(Address::from));
        let numbers = (any::<u32>(), any::<bool>(), any::<bool>(), any::<u64>(), any::<u64>(), any::<u128>());
        let logs = prop::collection::vec(log(), 0..4);
        (any::<[u8; 32]>(), to.clone(), to, numbers, logs, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
            |(hash, to, created, (index, system, success, gas, cumulative, price), logs, output)| Receipt {
                tx_hash: hash.into(),
                index,
                kind: if system { ReceiptKind::System } else { ReceiptKind::Transaction },
                from: Address::repeat_byte(1),
                to,
                contract_address: created,
                success,
                gas_used: gas,
                cumulative_gas: cumulative,
                effective_gas_price: price,
                logs,
                output: output.into(),
            },
        )
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(receipt in receipt()) {
            let bytes = receipt.encode();
            prop_assert_eq!(&Receipt::decode(&bytes).unwrap(), &receipt);
            prop_assert!(Receipt::decode(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn the_filter_knows_every_log(receipts in prop::collection::vec(receipt(), 0..4)) {
            let bloom = bloom(&receipts);
            for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
                prop_assert!(bloom.contains_input(alloy_primitives::BloomInput::Raw(log.address.as_slice())));
                for topic in log.topics() {
                    prop_assert!(bloom.contains_input(alloy_primitives::BloomInput::Raw(topic.as_slice())));
                }
            }
        }
    }
}
