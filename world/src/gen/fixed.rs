//! Fixed-point numbers: the generator's only arithmetic beyond whole numbers, so that every CPU agrees on every bit.
//!
//! Two scales are in use: fractions and noise count in 1/65,536 ([`ONE`]), heights and short distances in 1/256 of a
//! metre ([`METRE`]). Both are `i64`; every product here stays far below 2^63, since heights stay below 2^20 and
//! fractions below 2^20.

/// One, as a fraction.
pub(super) const ONE: i64 = 1 << 16;
/// A metre, as a height or distance.
pub(super) const METRE: i64 = 1 << 8;

/// `permille` thousandths, as a fraction.
pub(super) const fn part(permille: i64) -> i64 {
    permille * ONE / 1000
}

/// The product of a value and a fraction.
pub(super) const fn scale(value: i64, fraction: i64) -> i64 {
    (value * fraction) >> 16
}

/// From `a` (at 0) to `b` (at [`ONE`]).
pub(super) const fn lerp(a: i64, b: i64, t: i64) -> i64 {
    a + (((b - a) * t) >> 16)
}

/// 0 up to `low`, [`ONE`] from `high` on, a straight line between. `low` above `high` gives the falling line.
pub(super) const fn ramp(value: i64, low: i64, high: i64) -> i64 {
    let t = (value - low) * ONE / (high - low);
    if t < 0 {
        0
    } else if t > ONE {
        ONE
    } else {
        t
    }
}

/// 3t² − 2t³: flat at both ends.
pub(super) const fn smooth(t: i64) -> i64 {
    scale((t * t) >> 16, 3 * ONE - 2 * t)
}

/// [`ramp`] without corners.
pub(super) const fn smoothstep(value: i64, low: i64, high: i64) -> i64 {
    smooth(ramp(value, low, high))
}

/// The straight lines through `points`, which are sorted by their first coordinate; constant beyond the ends.
pub(super) fn polyline(value: i64, points: &[(i64, i64)]) -> i64 {
    let mut before = points[0];
    for &after in points {
        if value < after.0 {
            return if after.0 == before.0 { after.1 } else { lerp(before.1, after.1, ramp(value, before.0, after.0)) };
        }
        before = after;
    }
    before.1
}
