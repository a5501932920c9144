//! Checked arithmetic on grains: a sum that doesn't fit refuses the call instead of wrapping.

use alloy_primitives::U256;

use super::{
    call::{Stop, refuse},
    refusal::{AmountTooLarge, BrokenPromise},
};

/// `a + b`.
pub fn add(a: u128, b: u128) -> Result<u128, Stop> {
    a.checked_add(b).ok_or_else(|| refuse(AmountTooLarge {}))
}

/// `a - b` where the rules promise that it isn't negative; `what` names the promise.
pub fn sub(a: u128, b: u128, what: &str) -> Result<u128, Stop> {
    a.checked_sub(b).ok_or_else(|| refuse(BrokenPromise { what: what.to_owned() }))
}

/// An amount of the EVM's width in ours.
pub fn narrow(grains: U256) -> Result<u128, Stop> {
    u128::try_from(grains).map_err(|_| refuse(AmountTooLarge {}))
}
