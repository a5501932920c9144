//! The Worlds' face to the outside: `ledger/abi/Worlds.sol` as Rust types.

// The generated constructors of events take one argument per field.
#![allow(clippy::too_many_arguments)]

use alloy_sol_types::sol;

sol! {
    #![sol(all_derives = true)]
    "abi/Worlds.sol"
}
