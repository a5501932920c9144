//! Prices in grains, beside the checked arithmetic that all contracts share.

use bitdust_types::Amount;

use super::abi::IMarket;
use crate::contract::call::{Stop, refuse};

pub use crate::contract::money::{add, narrow, sub};

/// `floor(rate × bytes × epochs / 2^30)`.
pub fn price(rate: u128, bytes: u64, epochs: u64) -> Result<u128, Stop> {
    Amount::from_grains(rate).price(bytes, epochs).map(Amount::grains).ok_or_else(|| refuse(IMarket::AmountTooLarge {}))
}
