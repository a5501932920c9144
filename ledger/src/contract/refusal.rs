//! Refusals that every system contract knows, whatever it is for. Each contract's interface declares them too; their
//! selectors depend on the name and the arguments alone.

use alloy_sol_types::sol;

sol! {
    /// An amount or a sum exceeds 2^128 - 1 grains.
    error AmountTooLarge();
    /// The contract's own bookkeeping doesn't add up.
    error BrokenPromise(string what);
}
