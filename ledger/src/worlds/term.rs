//! When is a claim held, when can it still be saved, when is it free for others?
//!
//! Nothing happens when a claim's time is over: its standing follows from the epoch of whoever looks or touches it, so
//! that no block has to walk over claims.

use super::limits::GRACE_EPOCHS;

/// A claim's standing in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Up to its last epoch: the owner may do everything.
    Held,
    /// The epochs of grace after it: the owner can renew or release it, nobody else can take it.
    Grace,
    /// After them: whoever may claim takes it, anybody prunes it.
    Lapsed,
}

/// The standing in `epoch` of a claim whose last epoch is `until`.
pub fn standing(until: u64, epoch: u64) -> Standing {
    if epoch <= until {
        Standing::Held
    } else if epoch < free_from(until) {
        Standing::Grace
    } else {
        Standing::Lapsed
    }
}

/// The first epoch in which others may take the location.
pub fn free_from(until: u64) -> u64 {
    until.saturating_add(GRACE_EPOCHS).saturating_add(1)
}

/// The first epoch in which a claim can be renewed: half a term before its end, so that nobody books a place for long
/// at today's price.
pub fn renewable_from(until: u64, term: u64) -> u64 {
    until.saturating_sub(term / 2)
}

/// The last epoch after a renewal: a whole term after the last one, or after now if that is over. So a claim never
/// reaches further than one term and a half.
pub fn renewed(until: u64, term: u64, epoch: u64) -> u64 {
    until.max(epoch).saturating_add(term)
}
