//! Bugs of one grain, planted on purpose: a law that doesn't notice them is no law.

use std::cell::Cell;

/// Where a bug can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A settlement pays one grain more than it takes from the deposit.
    Settlement,
    /// An ended dataset refunds one grain more than it had.
    Refund,
    /// A slot claims one grain more of the pool than was reserved.
    Reserve,
    /// The shares get one grain less than a world's fee.
    WorldFee,
    /// A creator gets one grain less than was paid for a claim.
    ClaimPriceShort,
    /// A creator gets one grain more.
    ClaimPriceOver,
}

thread_local! {
    static PLANTED: Cell<Option<Place>> = const { Cell::new(None) };
}

/// One if the bug is planted here, else zero.
pub fn grain(place: Place) -> u128 {
    u128::from(PLANTED.with(Cell::get) == Some(place))
}

/// Runs with a bug planted, in this thread only.
pub fn with<T>(place: Place, run: impl FnOnce() -> T) -> T {
    PLANTED.with(|planted| planted.set(Some(place)));
    let out = run();
    PLANTED.with(|planted| planted.set(None));
    out
}
