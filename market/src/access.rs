//! What is signed between customer and supplier, as EIP-712 typed data, so that any wallet can show and sign it.
//!
//! - `Access`: the owner's or a writer's word to one supplier that the bearer may use one slot until some height. It names
//!   the supplier's peer id, so that a supplier can't replay it to another one.
//! - `Hold`: the supplier's promise, which the Market contract recovers the supplier from.
//!
//! The domain is the Market's: name "BitDust Market", version "1", the chain's id, the contract's address.

use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain, sol};
use bitdust_types::{Address, B256, DatasetId, signing, system::MARKET};
use k256::ecdsa::SigningKey;

use crate::wire::{AccessToken, SignedHold};

/// Most heights that an access token may reach into the future: an hour of 1 s blocks, six of 6 s blocks.
pub const ACCESS_HEIGHTS_MAX: u64 = 3600;

sol! {
    /// See the module's documentation.
    struct Access {
        bytes32 dataset;
        uint16 slot;
        bytes supplierPeer;
        uint64 validUntil;
    }

    /// See the module's documentation.
    struct Hold {
        bytes32 dataset;
        uint16 slot;
        uint64 number;
        uint64 bytesHeld;
        bytes32 root;
        uint128 rate;
        uint64 validUntil;
    }
}

/// The EIP-712 domain of the Market on a chain.
pub fn domain(chain_id: u64) -> Eip712Domain {
    eip712_domain! {
        name: "BitDust Market",
        version: "1",
        chain_id: chain_id,
        verifying_contract: MARKET,
    }
}

/// What an access token signs.
pub fn access_hash(chain_id: u64, dataset: DatasetId, slot: u16, supplier_peer: &[u8], valid_until: u64) -> B256 {
    let access =
        Access { dataset: dataset.into(), slot, supplierPeer: supplier_peer.to_vec().into(), validUntil: valid_until };
    access.eip712_signing_hash(&domain(chain_id))
}

/// Signs an access token.
pub fn sign_access(
    key: &SigningKey,
    chain_id: u64,
    dataset: DatasetId,
    slot: u16,
    supplier_peer: &[u8],
    valid_until: u64,
) -> Result<AccessToken, signing::SignError> {
    let signature = signing::sign(key, access_hash(chain_id, dataset, slot, supplier_peer, valid_until))?;
    Ok(AccessToken { valid_until, signature })
}

/// What a hold signs.
pub fn hold_hash(chain_id: u64, hold: &SignedHold) -> B256 {
    let typed = Hold {
        dataset: hold.dataset.into(),
        slot: hold.slot,
        number: hold.number,
        bytesHeld: hold.bytes,
        root: hold.root.into(),
        rate: hold.rate.grains(),
        validUntil: hold.valid_until,
    };
    typed.eip712_signing_hash(&domain(chain_id))
}

/// Fills in supplier and signature.
pub fn sign_hold(key: &SigningKey, chain_id: u64, mut hold: SignedHold) -> Result<SignedHold, signing::SignError> {
    hold.supplier = signing::address_of(key.verifying_key());
    hold.signature = signing::sign(key, hold_hash(chain_id, &hold))?;
    Ok(hold)
}

/// The account that signed a hold, if the signature is that of the supplier it names.
pub fn hold_signer(chain_id: u64, hold: &SignedHold) -> Result<Address, signing::InvalidSignature> {
    let signer = signing::recover(hold_hash(chain_id, hold), &hold.signature)?;
    if signer == hold.supplier { Ok(signer) } else { Err(signing::InvalidSignature::NoKey) }
}

#[cfg(test)]
mod tests {
    use bitdust_types::{Amount, SlotRoot};

    use super::*;

    fn hold() -> SignedHold {
        SignedHold {
            dataset: DatasetId([1; 32]),
            slot: 3,
            number: 7,
            bytes: 1 << 20,
            root: SlotRoot([2; 32]),
            rate: Amount::from_grains(5),
            valid_until: 100,
            supplier: Address::ZERO,
            signature: [0; 65],
        }
    }

    #[test]
    fn a_hold_names_its_signer_on_its_chain_only() {
        let key = SigningKey::from_slice(&[9; 32]).unwrap();
        let signed = sign_hold(&key, 45439, hold()).unwrap();
        assert_eq!(hold_signer(45439, &signed), Ok(signing::address_of(key.verifying_key())));
        assert!(hold_signer(45438, &signed).is_err());
        assert!(hold_signer(45439, &SignedHold { number: 8, ..signed.clone() }).is_err());
        assert!(hold_signer(45439, &SignedHold { supplier: Address::repeat_byte(1), ..signed }).is_err());
    }

    #[test]
    fn an_access_token_is_good_for_one_supplier_and_slot() {
        let key = SigningKey::from_slice(&[9; 32]).unwrap();
        let owner = signing::address_of(key.verifying_key());
        let dataset = DatasetId([1; 32]);
        let token = sign_access(&key, 45439, dataset, 2, b"peer", 50).unwrap();
        let signer = |slot, peer: &[u8], until| {
            signing::recover(access_hash(45439, dataset, slot, peer, until), &token.signature)
        };
        assert_eq!(signer(2, b"peer", 50), Ok(owner));
        for other in [signer(3, b"peer", 50), signer(2, b"reep", 50), signer(2, b"peer", 51)] {
            assert_ne!(other, Ok(owner));
        }
    }
}
