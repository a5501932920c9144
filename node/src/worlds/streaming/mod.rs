//! Chunks for those who look at a world: wants with deadlines in, chunks out, from whoever has them.
//!
//! One task per world owns a [`bitdust_world::stream::Scheduler`], which decides; tasks carry out what it decides and report.
//! - [`requests`]: who waits for which chunk;
//! - [`found`]: a location as it was found;
//! - [`fetching`]: one fetch; [`made`]: chunks with their edits;
//! - [`driver`]: the task that holds it together.
//!
//! Callers who show generated terrain meanwhile and callers who don't have a scheduler each, since that is a rule of the whole
//! plan. Nothing here waits for a caller: what one can be sent is bounded by what it asked for.

mod driver;
pub(super) mod fetching;
mod found;
mod made;
mod requests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bitdust_rpc::{
    Code, Failure,
    places::{ChunksRequest, FrameStream, WantedChunk},
    types::world::{LateCounts, StandInCounts, WorldStats},
};
use bitdust_types::B256;
use bitdust_world::stream::{Cause, Rules, Tally};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

pub use found::{Found, Open, is_unsound};

use super::Worlds;
use driver::Driver;

/// Requests that wait for a driver; the callers of more are told to come again.
const ASKS_WAITING: usize = 64;
/// Worlds streamed at the same time, counted twice where callers with and without stand-ins look at one. At most 60 MiB each,
/// and a tenth of that in practice: 48 Ki wants of 300 bytes, 32 MiB of made chunks, 10 MiB of locations.
const DRIVERS_MAX: usize = 8;

/// A request on its way to the driver.
struct Ask {
    wanted: Vec<WantedChunk>,
    frames: mpsc::Sender<bitdust_rpc::places::Frame>,
}

/// How a driver stands, for those who look from outside.
#[derive(Clone, Default)]
struct Standing {
    tally: Tally,
    wanted: usize,
    fetching: usize,
    latency_ms: Option<u32>,
}

struct Running {
    asks: mpsc::Sender<Ask>,
    standing: Arc<Mutex<Standing>>,
    used: u64,
}

/// All worlds that somebody looks at.
#[derive(Default)]
pub struct Streams(Mutex<State>);

#[derive(Default)]
struct State {
    running: HashMap<(B256, bool), Running>,
    /// What drivers that have ended had done.
    ended: WorldStats,
    clock: u64,
}

impl Worlds {
    /// Answers a request, with frames in the order in which they can be had.
    pub(super) async fn stream(self: &Arc<Self>, world: B256, request: ChunksRequest) -> Result<FrameStream, Failure> {
        let (frames, answer) = mpsc::channel(requests::FRAMES_WAITING);
        let ask = Ask { wanted: request.chunks, frames };
        let asks = self.streams.driver(self, world, request.stand_in);
        asks.try_send(ask).map_err(|_| {
            let what = "this node has more requests for chunks than it can look at now";
            Failure::new(Code::Unavailable, what, "ask again in a moment")
        })?;
        Ok(Box::pin(ReceiverStream::new(answer)))
    }

    /// Adds what the schedulers know to what is counted elsewhere.
    pub(super) fn add_standing(&self, stats: &mut WorldStats) {
        let state = self.streams.state();
        (stats.late, stats.stand_ins) = (state.ended.late, state.ended.stand_ins);
        (stats.hedges, stats.timeouts) = (state.ended.hedges, state.ended.timeouts);
        let mut latency_ms = None;
        for running in state.running.values() {
            let standing = running.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            add(stats, &standing.tally);
            stats.waiting += standing.wanted as u64;
            stats.in_flight += standing.fetching as u64;
            latency_ms = latency_ms.max(standing.latency_ms);
        }
        stats.latency_ms = latency_ms;
    }
}

impl Streams {
    fn driver(&self, worlds: &Arc<Worlds>, world: B256, stand_in: bool) -> mpsc::Sender<Ask> {
        let mut state = self.state();
        state.clock += 1;
        let (key, clock) = ((world, stand_in), state.clock);
        if let Some(running) = state.running.get_mut(&key)
            && !running.asks.is_closed()
        {
            running.used = clock;
            return running.asks.clone();
        }
        state.end(key);
        if state.running.len() >= DRIVERS_MAX
            && let Some(oldest) = state.running.iter().min_by_key(|(_, running)| running.used).map(|(key, _)| *key)
        {
            state.end(oldest);
        }
        let (asks, queue) = mpsc::channel(ASKS_WAITING);
        let standing = Arc::new(Mutex::default());
        tokio::spawn(Driver::new(worlds.clone(), world, Rules { stand_in }, standing.clone()).run(queue));
        state.running.insert(key, Running { asks: asks.clone(), standing, used: clock });
        asks
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets a driver, which ends when its last request has; what it did by now stays counted.
    fn end(&mut self, key: (B256, bool)) {
        let Some(running) = self.running.remove(&key) else { return };
        let tally = running.standing.lock().unwrap_or_else(PoisonError::into_inner).tally.clone();
        add(&mut self.ended, &tally);
    }
}

fn add(stats: &mut WorldStats, tally: &Tally) {
    let LateCounts { unforeseen, location, generator, turn, holder, answer } = &mut stats.late;
    let late = [
        (unforeseen, Cause::Unforeseen),
        (location, Cause::Location),
        (generator, Cause::Generator),
        (turn, Cause::Turn),
        (holder, Cause::Holder),
        (answer, Cause::Answer),
    ];
    late.into_iter().for_each(|(count, cause)| *count += tally.late(cause));
    let StandInCounts { right, stale } = &mut stats.stand_ins;
    *right += tally.confirmed;
    *stale += tally.stale;
    stats.hedges += tally.hedges;
    stats.timeouts += tally.timeouts;
}
