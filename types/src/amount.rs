//! Money: an amount of DUST, counted in grains (1 DUST = 10^18 grains).
//!
//! Arithmetic is checked: there is no `+` that could wrap, only methods that answer `None` when the result does not fit.
//! A `u128` of grains holds 3.4 × 10^20 DUST, far above any supply a genesis may allot.

use std::{fmt, str::FromStr};

use alloy_primitives::U256;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes in one GiB, the unit that prices are quoted in.
pub const GIB: u64 = 1 << 30;

/// Grains in one DUST.
pub const GRAINS_PER_DUST: u128 = 1_000_000_000_000_000_000;

/// An amount of money in grains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Amount(u128);

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAmountError {
    /// Not a decimal number.
    #[error("'{0}' is not an amount: write DUST as a decimal number such as 1.5, or grains such as 1500grains")]
    NotANumber(String),
    /// More than 18 decimals: there is no smaller unit than a grain.
    #[error("'{0}' has more than 18 decimals; the smallest unit is 0.000000000000000001 DUST (one grain)")]
    TooFine(String),
    /// Does not fit 128 bits of grains.
    #[error("'{0}' is more than the largest amount, 2^128 - 1 grains")]
    TooLarge(String),
}

impl Amount {
    /// No money.
    pub const ZERO: Amount = Amount(0);

    /// An amount of whole grains.
    pub const fn from_grains(grains: u128) -> Self {
        Amount(grains)
    }

    /// An amount of whole DUST, or `None` when it does not fit.
    pub fn from_dust(dust: u64) -> Option<Self> {
        u128::from(dust).checked_mul(GRAINS_PER_DUST).map(Amount)
    }

    /// The amount in grains.
    pub const fn grains(self) -> u128 {
        self.0
    }

    /// `self + other`, or `None` on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// `self - other`, or `None` when `other` is larger.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// `self - other`, or zero when `other` is larger.
    pub fn saturating_sub(self, other: Self) -> Self {
        Amount(self.0.saturating_sub(other.0))
    }

    /// `floor(self × numerator / denominator)` without losing bits in between.
    /// `None` when the result does not fit or the denominator is zero.
    pub fn checked_mul_div(self, numerator: u128, denominator: u128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        // 128 × 128 bits fit in 256, so the product is exact.
        let product = U256::from(self.0) * U256::from(numerator);
        u128::try_from(product / U256::from(denominator)).ok().map(Amount)
    }

    /// What `bytes` cost over `epochs` at this rate per GiB and epoch, rounded down to the grain:
    /// `floor(rate × bytes × epochs / 2^30)`. `None` when the result does not fit.
    pub fn price(self, bytes: u64, epochs: u64) -> Option<Self> {
        self.checked_mul_div(u128::from(bytes) * u128::from(epochs), u128::from(GIB))
    }
}

impl From<Amount> for U256 {
    fn from(amount: Amount) -> U256 {
        U256::from(amount.0)
    }
}

impl TryFrom<U256> for Amount {
    type Error = ParseAmountError;

    fn try_from(grains: U256) -> Result<Self, Self::Error> {
        u128::try_from(grains).map(Amount).map_err(|_| ParseAmountError::TooLarge(format!("{grains} grains")))
    }
}

impl fmt::Display for Amount {
    /// Decimal DUST without trailing zeros: `1.5 DUST`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / GRAINS_PER_DUST, self.0 % GRAINS_PER_DUST);
        if rest == 0 {
            return write!(f, "{whole} DUST");
        }
        let decimals = format!("{rest:018}");
        write!(f, "{whole}.{} DUST", decimals.trim_end_matches('0'))
    }
}

impl FromStr for Amount {
    type Err = ParseAmountError;

    /// Reads `1.5`, `1.5 DUST` or `1500grains`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseAmountError::NotANumber(text.to_owned());
        let large = || ParseAmountError::TooLarge(text.to_owned());
        let trimmed = text.trim();
        if let Some(grains) = trimmed.strip_suffix("grains") {
            return digits(grains.trim(), bad)?.parse().map(Amount).map_err(|_| large());
        }
        let number = trimmed.strip_suffix("DUST").unwrap_or(trimmed).trim();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        if decimals.len() > 18 {
            return Err(ParseAmountError::TooFine(text.to_owned()));
        }
        let whole: u128 = digits(whole, bad)?.parse().map_err(|_| large())?;
        let rest: u128 = format!("{:0<18}", digits(decimals, bad)?).parse().map_err(|_| bad())?;
        whole.checked_mul(GRAINS_PER_DUST).and_then(|grains| grains.checked_add(rest)).map(Amount).ok_or_else(large)
    }
}

/// `text` if it consists of at least one decimal digit and nothing else.
fn digits(text: &str, bad: impl Fn() -> ParseAmountError) -> Result<&str, ParseAmountError> {
    let ok = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    ok.then_some(text).ok_or_else(bad)
}

impl Serialize for Amount {
    /// Decimal grains as a string, since JSON numbers lose bits above 2^53.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        text.parse::<u128>()
            .map(Amount)
            .map_err(|_| serde::de::Error::custom(format!("'{text}' is not a whole number of grains below 2^128")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for (text, grains) in [("1.5", 1_500_000_000_000_000_000), ("0.000000000000000001 DUST", 1), ("7grains", 7)] {
            let amount: Amount = text.parse().unwrap();
            assert_eq!(amount.grains(), grains, "{text}");
            assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount, "{text}");
        }
    }

    #[test]
    fn bad_text_is_refused() {
        for text in ["", "-1", "+1", "1e18", "1.0000000000000000001", "1..2", "0x10", "999999999999999999999999"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn price_is_exact_and_floors() {
        let rate = Amount::from_grains(3);
        assert_eq!(rate.price(GIB, 2).unwrap().grains(), 6);
        assert_eq!(rate.price(GIB - 1, 1).unwrap().grains(), 2);
        assert_eq!(Amount::from_grains(u128::MAX).price(GIB, 2), None);
    }
}
