//! Whose turn it is: a rule that everybody can compute from the validator set, the height and the round alone.
//!
//! Turn `t = height + round` is mapped to the point `t × ⌊2^64 / φ⌋ mod 2^64` of a circle on which each validator owns an
//! arc as long as its share of the power. Multiples of the golden ratio fill a circle evenly (a Weyl sequence; Knuth,
//! TAOCP vol. 3, 6.4), so each proposes in proportion to its power, at even distances and without any state.

use bitdust_types::{Address, ValidatorSet};

/// ⌊2^64 / φ⌋ with φ the golden ratio; odd, so all 2^64 turns have their own points.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Rounds that [`may_propose`] looks back at. 4096 rounds of at least a second each are more than an hour without a block.
const LOOK_BACK_ROUNDS_MAX: u32 = 4096;

/// The proposer of a height and round.
pub fn proposer(validators: &ValidatorSet, height: u64, round: u32) -> Address {
    let powers = validators.as_slice().iter().map(|validator| validator.power);
    validators.as_slice()[index(powers, validators.total_power(), height, round)].address
}

/// True if a block of `height` that is proposed or decided in `round` may name `address` as its proposer: it was that
/// validator's turn in this round or in an earlier one, since a block that was nearly decided is proposed again unchanged.
pub fn may_propose(validators: &ValidatorSet, height: u64, round: u32, address: Address) -> bool {
    let first = round.saturating_sub(LOOK_BACK_ROUNDS_MAX);
    (first..=round).rev().any(|round| proposer(validators, height, round) == address)
}

/// Index of the validator on whose arc the turn's point lies. `total` is the sum of `powers` and greater than 0.
pub(crate) fn index(powers: impl Iterator<Item = u64>, total: u64, height: u64, round: u32) -> usize {
    let point = height.wrapping_add(u64::from(round)).wrapping_mul(GOLDEN);
    // Less than `total`, because point < 2^64.
    let mut left = ((u128::from(point) * u128::from(total)) >> 64) as u64;
    for (index, power) in powers.enumerate() {
        if left < power {
            return index;
        }
        left -= power;
    }
    unreachable!("the powers sum up to their total")
}

#[cfg(test)]
mod tests {
    use bitdust_types::Validator;
    use k256::ecdsa::SigningKey;

    use super::*;

    fn set(powers: &[u64]) -> ValidatorSet {
        let validators = powers.iter().enumerate().map(|(index, power)| {
            let key = SigningKey::from_slice(&[index as u8 + 1; 32]).unwrap();
            Validator::new(key.verifying_key(), *power)
        });
        ValidatorSet::new(validators.collect()).unwrap()
    }

    #[test]
    fn turns_follow_power() {
        for powers in [vec![1], vec![1, 1, 1, 1], vec![5, 1, 1], vec![1 << 40, 1 << 39, 1 << 38, 3]] {
            let validators = set(&powers);
            let turns = 20_000_u64;
            for validator in validators.as_slice() {
                let got = (1..=turns).filter(|height| proposer(&validators, *height, 0) == validator.address).count();
                let fair = u128::from(turns) * u128::from(validator.power) / u128::from(validators.total_power());
                assert!(
                    (got as i128 - fair as i128).abs() <= 8,
                    "{powers:?}: {} got {got}, fair {fair}",
                    validator.address
                );
            }
        }
    }

    #[test]
    fn among_equals_the_next_round_is_somebody_elses() {
        for n in [3, 4, 7, 20] {
            let validators = set(&vec![10; n]);
            for height in 1..500 {
                assert_ne!(proposer(&validators, height, 0), proposer(&validators, height, 1), "{n} at {height}");
            }
        }
    }

    #[test]
    fn a_block_may_come_from_an_earlier_round_only() {
        let validators = set(&[1, 1, 1, 1]);
        let (first, second) = (proposer(&validators, 9, 0), proposer(&validators, 9, 1));
        assert!(may_propose(&validators, 9, 0, first) && may_propose(&validators, 9, 1, first));
        assert!(!may_propose(&validators, 9, 0, second) && may_propose(&validators, 9, 1, second));
        assert!(!may_propose(&validators, 9, u32::MAX, Address::ZERO));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let validators = set(&[1 << 40; 7]);
        for (height, round) in [(u64::MAX, u32::MAX), (0, 0), (u64::MAX, 0)] {
            assert!(validators.get(proposer(&validators, height, round)).is_some());
        }
    }
}
