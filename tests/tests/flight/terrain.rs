//! The core of a player's machine that makes terrain: what will be seen soonest first, as the viewer does it.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bitdust_world::{ChunkPos, r#gen::Generator};

#[derive(Default)]
struct Queue {
    waiting: BinaryHeap<Reverse<(Instant, ChunkPos)>>,
    is_over: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    has_news: Condvar,
}

/// Makes chunks until it is dropped.
pub struct Terrain(Arc<Shared>);

/// Tells it what to make.
#[derive(Clone)]
pub struct Orders(Arc<Shared>);

impl Terrain {
    /// `made` is told of each chunk, which itself is dropped, since nobody looks.
    pub fn start(generator: Arc<Generator>, made: impl Fn(ChunkPos) + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let working = shared.clone();
        std::thread::spawn(move || {
            while let Some(pos) = working.next() {
                drop(generator.chunk(pos));
                made(pos);
            }
        });
        Terrain(shared)
    }

    /// Where orders go.
    pub fn orders(&self) -> Orders {
        Orders(self.0.clone())
    }
}

impl Orders {
    /// Has a chunk made by then.
    pub fn make(&self, pos: ChunkPos, due: Instant) {
        self.0.lock().waiting.push(Reverse((due, pos)));
        self.0.has_news.notify_one();
    }
}

impl Drop for Terrain {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.has_news.notify_all();
    }
}

impl Shared {
    fn next(&self) -> Option<ChunkPos> {
        let mut queue = self.lock();
        loop {
            if queue.is_over {
                return None;
            }
            if let Some(Reverse((_, pos))) = queue.waiting.pop() {
                return Some(pos);
            }
            queue = self.has_news.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
