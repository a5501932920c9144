//! The threads for what is heavy or blocks: making, packing and checking chunks, and the cache's files.
//!
//! One pool for all of a node's worlds, so that a player who looks around takes no more of the machine than this.

use std::{sync::Arc, thread};

use tokio::sync::Semaphore;

/// See the module's head.
pub struct Workers {
    free: Arc<Semaphore>,
    count: usize,
}

impl Default for Workers {
    fn default() -> Self {
        // Some of the work waits for a disk.
        let count = 2 * thread::available_parallelism().map_or(2, usize::from);
        Workers { free: Arc::new(Semaphore::new(count)), count }
    }
}

impl Workers {
    /// How many run at once.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Runs work when a thread is free; `None` if it panicked.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let permit = self.free.clone().acquire_owned().await.ok()?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        match done.await {
            Ok(done) => Some(done),
            Err(error) => {
                tracing::error!(%error, "a worker of the worlds stopped");
                None
            }
        }
    }
}
