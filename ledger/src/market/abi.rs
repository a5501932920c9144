//! The Market's face to the outside: `ledger/abi/Market.sol` as Rust types, and what a supplier signs.

// The generated constructors of events take one argument per field.
#![allow(clippy::too_many_arguments)]

use alloy_primitives::B256;
use alloy_sol_types::{Eip712Domain, SolStruct, sol};
use bitdust_types::system;

sol! {
    #![sol(all_derives = true)]
    "abi/Market.sol"
}

/// The EIP-712 domain of a network's Market.
pub fn domain(chain_id: u64) -> Eip712Domain {
    Eip712Domain::new(
        Some("BitDust Market".into()),
        Some("1".into()),
        Some(alloy_primitives::U256::from(chain_id)),
        Some(system::MARKET),
        None,
    )
}

/// The hash that a supplier signs with its account's key to promise a slot (EIP-712).
pub fn hold_digest(chain_id: u64, hold: &Hold) -> B256 {
    hold.eip712_signing_hash(&domain(chain_id))
}
