//! Where the system contracts live, and which account speaks for the protocol itself.

use alloy_primitives::{Address, address};

/// Epochs, the beacon and the validators' hash-chain tips.
pub const CHAIN: Address = address!("0x00000000000000000000000000000000b17d0000");
/// Offers, collateral, datasets, proofs, settlement.
pub const MARKET: Address = address!("0x00000000000000000000000000000000b17d0001");
/// Receives the base fee and 1 % of settled payments, for the holders of shares.
pub const SHARES: Address = address!("0x00000000000000000000000000000000b17d0005");
/// Worlds and the claims of their locations.
pub const WORLDS: Address = address!("0x00000000000000000000000000000000b17d0006");
/// The caller of system transactions (EIP-4788's system address).
pub const SYSTEM: Address = address!("0xfffffffffffffffffffffffffffffffffffffffe");

/// Every system contract that exists from genesis on: nonce 1 and code `0xfe`, so that it is neither swept as an
/// empty account nor taken for a plain one.
pub const CONTRACTS: [Address; 4] = [CHAIN, MARKET, SHARES, WORLDS];

/// The code of a system contract: the designated invalid instruction (EIP-141). Calls never reach it.
pub const CONTRACT_CODE: [u8; 1] = [0xfe];
