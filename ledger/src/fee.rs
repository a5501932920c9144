//! The base fee's path from block to block (EIP-1559), and where fees go.
//!
//! Deviations from Ethereum: the base fee isn't burned but credited to the Shares contract, and it never falls below
//! the network's `base_fee_min`, so that an idle network still asks a spammer for something.

use bitdust_types::ChainParams;

/// A block aims at half of its gas limit (EIP-1559's elasticity multiplier).
pub const ELASTICITY: u64 = 2;
/// The base fee moves by at most an eighth per block (EIP-1559's change denominator).
pub const CHANGE_DENOMINATOR: u128 = 8;

/// Base fee, in grains per gas, of the block after one that had `base_fee` and used `gas_used` of `gas_limit`.
pub fn next_base_fee(params: &ChainParams, base_fee: u64, gas_used: u64, gas_limit: u64) -> u64 {
    let target = u128::from((gas_limit / ELASTICITY).max(1));
    let (fee, used) = (u128::from(base_fee), u128::from(gas_used));
    // 64-bit factors: products fit in 128 bits.
    let next = if used > target {
        fee + (fee * (used - target) / target / CHANGE_DENOMINATOR).max(1)
    } else {
        fee - fee * (target - used) / target / CHANGE_DENOMINATOR
    };
    u64::try_from(next).unwrap_or(u64::MAX).max(params.base_fee_min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_eip_1559_and_stops_at_the_floor() {
        let params = ChainParams { base_fee_min: 10, ..ChainParams::devnet(30, 1000) };
        let next = |fee, used| next_base_fee(&params, fee, used, 30_000_000);
        assert_eq!(next(1000, 15_000_000), 1000);
        assert_eq!(next(1000, 30_000_000), 1125);
        assert_eq!(next(1000, 0), 875);
        assert_eq!(next(11, 0), 10);
        assert_eq!(next(10, 15_000_001), 11, "a rise is at least one grain");
        assert_eq!(next(u64::MAX, 30_000_000), u64::MAX);
    }
}
