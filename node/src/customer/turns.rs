//! Whose turn it is at a dataset: one put after the other, and a repair between them.
//!
//! Both choose suppliers for free slots and bring promises to the ledger, so they never do it at the same time. Who puts is
//! waiting for it, so a put never waits for more than the blob that a repair is at.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// See the module's head.
#[derive(Default)]
pub struct Turns {
    turn: Mutex<()>,
    /// Puts that have the turn or wait for it.
    puts: AtomicUsize,
}

/// A put's turn; it ends when this is dropped.
pub struct PutTurn<'t> {
    _turn: MutexGuard<'t, ()>,
    _counted: Counted<'t>,
}

/// One put in the count, also when it stops waiting.
struct Counted<'t>(&'t AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Turns {
    /// Waits for a put's turn. A repair that is under way learns of it by [`Turns::is_wanted`].
    pub async fn put(&self) -> PutTurn<'_> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(&self.puts);
        PutTurn { _turn: self.turn.lock().await, _counted: counted }
    }

    /// Waits for a repair's turn.
    pub async fn repair(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// A repair's turn, if nobody has it or waits for it.
    pub fn try_repair(&self) -> Option<MutexGuard<'_, ()>> {
        if self.is_wanted() { None } else { self.turn.try_lock().ok() }
    }

    /// Whether a put has the turn or waits for it.
    pub fn is_wanted(&self) -> bool {
        self.puts.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_put_goes_first_and_a_repair_learns_of_it() {
        let turns = Turns::default();
        let repair = turns.try_repair().unwrap();
        assert!(!turns.is_wanted());
        assert!(turns.try_repair().is_none(), "one repair at a time");
        let mut put = Box::pin(turns.put());
        assert!(futures::poll!(&mut put).is_pending(), "the repair is at it");
        assert!(turns.is_wanted());
        drop(repair);
        assert!(turns.try_repair().is_none(), "whoever waits comes first");
        let put = put.await;
        assert!(turns.try_repair().is_none() && turns.is_wanted());
        drop(put);
        assert!(turns.try_repair().is_some() && !turns.is_wanted());
    }

    #[tokio::test]
    async fn a_put_that_stops_waiting_is_forgotten() {
        let turns = Turns::default();
        let repair = turns.repair().await;
        let mut put = Box::pin(turns.put());
        assert!(futures::poll!(&mut put).is_pending());
        drop(put);
        assert!(!turns.is_wanted());
        drop(repair);
        assert!(turns.try_repair().is_some());
    }
}
