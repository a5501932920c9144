//! The threads that encode and decode: as many as asked for, alive for one slab.
//!
//! Starting a thread costs about 30 µs and a slab takes 20 ms and more on all cores, so a pool that outlives the slab would
//! gain nothing but state. The calling thread works too.

use std::{num::NonZeroUsize, sync::Mutex, thread};

/// How many threads may work on one slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers(NonZeroUsize);

impl Workers {
    /// Exactly so many.
    pub fn new(count: NonZeroUsize) -> Self {
        Workers(count)
    }

    /// The calling thread alone.
    pub fn one() -> Self {
        Workers(NonZeroUsize::MIN)
    }

    /// One for each core that this process may use.
    pub fn all_cores() -> Self {
        Workers(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// Does `work` on every item, each once, in no order; `state` makes what one thread keeps between items.
    pub(super) fn run<I: Send, S>(self, items: Vec<I>, state: impl Fn() -> S + Sync, work: impl Fn(&mut S, I) + Sync) {
        let threads = self.0.get().min(items.len());
        let queue = Mutex::new(items.into_iter());
        let drain = || {
            let mut kept = state();
            loop {
                // The lock is held for one `next`, which can't panic; so it is never poisoned while a sound thread waits.
                let item = queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next();
                match item {
                    Some(item) => work(&mut kept, item),
                    None => break,
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(drain);
            }
            drain();
        });
    }
}
