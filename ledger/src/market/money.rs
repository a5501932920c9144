//! Checked arithmetic on grains: a sum that doesn't fit refuses the call instead of wrapping.

use alloy_primitives::U256;
use bitdust_types::Amount;

use super::{
    abi::IMarket,
    call::{Stop, refuse},
};

/// `a + b`.
pub fn add(a: u128, b: u128) -> Result<u128, Stop> {
    a.checked_add(b).ok_or_else(|| refuse(IMarket::AmountTooLarge {}))
}

/// `a - b` where the rules promise that it isn't negative; `what` names the promise.
pub fn sub(a: u128, b: u128, what: &str) -> Result<u128, Stop> {
    a.checked_sub(b).ok_or_else(|| refuse(IMarket::BrokenPromise { what: what.to_owned() }))
}

/// `floor(rate × bytes × epochs / 2^30)`.
pub fn price(rate: u128, bytes: u64, epochs: u64) -> Result<u128, Stop> {
    Amount::from_grains(rate).price(bytes, epochs).map(Amount::grains).ok_or_else(|| refuse(IMarket::AmountTooLarge {}))
}

/// An amount of the EVM's width in ours.
pub fn narrow(grains: U256) -> Result<u128, Stop> {
    u128::try_from(grains).map_err(|_| refuse(IMarket::AmountTooLarge {}))
}
