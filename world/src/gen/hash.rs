//! Chance as a function of position: hashes of lattice points, and dice that start from them.
//!
//! Coordinates enter with all their 64 bits, so that no two places repeat each other. The finaliser is that of
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). It is no cryptography:
//! whoever knows the seed may predict everything, as they should.

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xC2B2_AE3D_27D4_EB4F;
const THIRD: u64 = 0x1656_67B1_9E37_79F9;

/// Spreads each bit of `h` over all of them; one to one.
pub(super) const fn mix(mut h: u64) -> u64 {
    h = (h ^ h >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ h >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^ h >> 31
}

/// A seed of its own for one of the generator's questions.
pub(super) const fn derive(seed: u64, question: u64) -> u64 {
    mix(seed ^ mix(question.wrapping_mul(FIRST)))
}

/// The half of [`hash2`] that depends on `x` alone.
pub(super) const fn hash_x(seed: u64, x: i64) -> u64 {
    mix(seed ^ (x as u64).wrapping_mul(FIRST))
}

/// The other half.
pub(super) const fn hash_z(hash_x: u64, z: i64) -> u64 {
    mix(hash_x.wrapping_add((z as u64).wrapping_mul(SECOND)))
}

/// 64 bits for a point of the plane.
pub(super) const fn hash2(seed: u64, x: i64, z: i64) -> u64 {
    hash_z(hash_x(seed, x), z)
}

/// 64 bits for a point in space.
pub(super) const fn hash3(seed: u64, x: i64, y: i64, z: i64) -> u64 {
    mix(hash2(seed, x, z).wrapping_add((y as u64).wrapping_mul(THIRD)))
}

/// A sequence of draws.
#[derive(Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// Starts from a hash.
    pub(super) const fn new(hash: u64) -> Self {
        Dice(hash)
    }

    /// 64 more bits.
    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(FIRST);
        mix(self.0)
    }

    /// From `low` to `high`, both included.
    pub(super) const fn between(&mut self, low: i64, high: i64) -> i64 {
        let count = (high - low + 1) as u64;
        low + (((self.bits() >> 32) * count) >> 32) as i64
    }

    /// True `permille` times in a thousand.
    pub(super) const fn chance(&mut self, permille: i64) -> bool {
        self.between(0, 999) < permille
    }

    /// One of them. There must be at least one.
    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.between(0, all.len() as i64 - 1) as usize]
    }
}
