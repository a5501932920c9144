//! What the generator promises, checked at many places: near the origin, at 10^15, and where coordinates wrap.

mod built;
mod grown;
mod land;
mod recorded;
mod water;

use super::{Generator, Params};

/// A generator with the default parameters.
fn generator(seed: u64) -> Generator {
    Generator::new(seed, Params::default()).unwrap()
}

/// Places worth a look, in metres.
const PLACES: [(i64, i64); 6] = [
    (0, 0),
    (1_000_000_000_000_000, -1_000_000_000_000_000),
    (-1_000_000_000_000_000, 77_777),
    (i64::MAX - 40, i64::MIN + 40),
    (i64::MIN, i64::MIN),
    (i64::MAX, 0),
];
