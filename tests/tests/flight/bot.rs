//! A player without a screen: plans what to fetch as the viewer does, asks its own node for it over HTTP, makes the terrain that
//! nobody changed, and counts 20 times a second what it should see and doesn't.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bitdust_rpc::{
    Client,
    api::WorldClient as _,
    places::{ChunksRequest, Frame, WantedChunk},
};
use bitdust_types::{B256, Root};
use bitdust_world::{
    ChunkPos, VoxelPos,
    r#gen::Generator,
    pack,
    stream::{Status, View, Wants, held_max},
};
use futures::StreamExt as _;
use tokio::{sync::mpsc, time};

use crate::terrain::{Orders, Terrain};

/// Between two looks around.
const FRAME: Duration = Duration::from_millis(50);
/// How far it sees.
const DISTANCE_M: u32 = 384;
/// Chunks of one request, and requests under way.
const PORTION: usize = 128;
const REQUESTS_MAX: usize = 40;
/// Between two requests that aren't full.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at how far away the node's holders are.
const LATENCY_LOOK: Duration = Duration::from_secs(1);
/// What comes into view before isn't foreseen by a player that stood still.
const FORESEEN_S: f64 = 5.0;
/// Holes that are described.
const DESCRIBED_MAX: usize = 12;

/// What is known of a chunk.
enum News {
    /// It is there, and hashes to this; none if it is what the generator makes.
    Shown(ChunkPos, Option<Root>),
    /// It must be asked for again.
    Lost(ChunkPos, String),
    Latency(u32),
    RequestDone,
}

/// A bot at its node.
pub struct Bot {
    node: Arc<Client>,
    world: B256,
    /// Built chunks and their hashes.
    truth: Arc<HashMap<ChunkPos, Root>>,
    position_m: [f64; 3],
    velocity_m_s: [f64; 3],
    wants: Wants,
    shown: HashMap<ChunkPos, Option<Root>>,
    /// Since when built chunks are.
    since: HashMap<ChunkPos, Instant>,
    asked: HashMap<ChunkPos, Instant>,
    requests: usize,
    requested: Instant,
    news: mpsc::Receiver<News>,
    teller: mpsc::Sender<News>,
    terrain: Terrain,
}

/// What came of a flight.
#[derive(Debug, Default)]
pub struct Flight {
    /// Looks around.
    pub samples: u64,
    /// Chunks that were in view in all of them.
    pub seen: u64,
    /// Those that weren't their current versions.
    pub holes: u64,
    /// Built chunks that came into view.
    pub built: HashSet<ChunkPos>,
    /// How long before each of those came into view it was there, of those that could be foreseen.
    pub early: Vec<Duration>,
    /// The first holes, in words.
    pub described: Vec<String>,
}

impl Bot {
    pub fn new(
        node: Client,
        world: B256,
        generator: Arc<Generator>,
        truth: Arc<HashMap<ChunkPos, Root>>,
        at: [f64; 3],
    ) -> Self {
        let (teller, news) = mpsc::channel(64 * 1024);
        let made = teller.clone();
        let terrain = Terrain::start(generator, move |pos| drop(made.blocking_send(News::Shown(pos, None))));
        let now = Instant::now();
        Bot {
            node: Arc::new(node),
            world,
            truth,
            position_m: at,
            velocity_m_s: [0.0; 3],
            wants: Wants::default(),
            shown: HashMap::new(),
            since: HashMap::new(),
            asked: HashMap::new(),
            requests: 0,
            requested: now,
            news,
            teller,
            terrain,
        }
    }

    /// Stands still until everything in view and just beyond is there, as players do while a world loads. Answers what it took.
    pub async fn arrive(&mut self, limit: Duration) -> Result<Duration> {
        let begun = Instant::now();
        self.velocity_m_s = [0.0; 3];
        let mut frames = time::interval(FRAME);
        loop {
            frames.tick().await;
            self.frame();
            let missing = self.missing();
            if missing.is_empty() && self.asked.is_empty() {
                return Ok(begun.elapsed());
            }
            let some: Vec<String> = missing.iter().take(DESCRIBED_MAX).map(|pos| self.describe(*pos)).collect();
            anyhow::ensure!(begun.elapsed() < limit, "{} chunks are missing after {limit:?}: {some:#?}", missing.len());
        }
    }

    /// Flies on for a time, in gentle curves, up and down.
    pub async fn fly(&mut self, duration: Duration, speed_m_s: f64) -> Flight {
        let mut flight = Flight::default();
        let mut frames = time::interval(FRAME);
        frames.set_missed_tick_behavior(time::MissedTickBehavior::Burst);
        let latency = tokio::spawn(follow_latency(self.node.clone(), self.teller.clone()));
        let count = (duration.as_secs_f64() / FRAME.as_secs_f64()) as u64;
        for number in 0..count {
            frames.tick().await;
            let seconds = number as f64 * FRAME.as_secs_f64();
            let heading = 0.15 * (seconds / 6.0).sin();
            self.velocity_m_s = [speed_m_s * heading.cos(), 2.0 * (seconds / 15.0).sin(), speed_m_s * heading.sin()];
            for axis in 0..3 {
                self.position_m[axis] += self.velocity_m_s[axis] * FRAME.as_secs_f64();
            }
            self.frame();
            let visible: Vec<ChunkPos> = self.view().visible().collect();
            flight.samples += 1;
            flight.seen += visible.len() as u64;
            for pos in visible.iter().filter(|pos| self.truth.contains_key(pos)) {
                if flight.built.insert(*pos) && seconds > FORESEEN_S {
                    flight.early.push(self.since.get(pos).map_or(Duration::ZERO, Instant::elapsed));
                }
            }
            for pos in self.missing() {
                flight.holes += 1;
                if flight.described.len() < DESCRIBED_MAX {
                    flight.described.push(format!("after {seconds:.1} s: {}", self.describe(pos)));
                }
            }
        }
        latency.abort();
        self.velocity_m_s = [0.0; 3];
        flight
    }

    /// Where it is.
    pub fn position_m(&self) -> [f64; 3] {
        self.position_m
    }

    fn view(&self) -> View {
        let [x, y, z] = self.position_m.map(|metres| metres.floor() as i64);
        View {
            at: VoxelPos::new(x, y, z),
            velocity_mm_s: self.velocity_m_s.map(|speed| (speed * 1000.0) as i64),
            look: None,
            distance_m: DISTANCE_M,
        }
    }

    /// Whether what is shown of a chunk is its current version.
    fn is_current(&self, pos: &ChunkPos) -> bool {
        self.shown.get(pos).is_some_and(|shown| *shown == self.truth.get(pos).copied())
    }

    fn missing(&self) -> Vec<ChunkPos> {
        self.view().visible().filter(|pos| !self.is_current(pos)).collect()
    }

    fn describe(&self, pos: ChunkPos) -> String {
        let shown = self.shown.get(&pos).map(|shown| if shown.is_some() { "other bytes" } else { "the generator's" });
        let asked = self.asked.get(&pos).map(|at| at.elapsed());
        format!(
            "chunk {pos} of location {} (built: {}): shows {shown:?}, asked for {asked:?} ago, {} requests under way",
            pos.location(),
            self.truth.contains_key(&pos),
            self.requests
        )
    }

    /// One look around: takes what has come, plans, asks.
    fn frame(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            match news {
                News::Shown(pos, hash) => {
                    self.asked.remove(&pos);
                    self.shown.insert(pos, hash);
                    if self.truth.contains_key(&pos) {
                        self.since.entry(pos).or_insert_with(Instant::now);
                    }
                }
                News::Lost(pos, reason) => {
                    self.asked.remove(&pos);
                    println!("chunk {pos} is asked for again: {reason}");
                }
                News::Latency(latency_ms) => self.wants.set_latency_ms(latency_ms),
                News::RequestDone => self.requests -= 1,
            }
        }
        let view = self.view();
        let shown = &self.shown;
        let status = |pos| if shown.contains_key(&pos) { Status::Held } else { Status::Missing };
        let wanted = self.wants.plan(&view, &status);
        for pos in self.wants.forget(&view) {
            self.shown.remove(&pos);
            self.since.remove(&pos);
        }
        assert!(self.shown.len() <= held_max(DISTANCE_M) + self.wants.pending(), "memory grows");
        let fresh: Vec<WantedChunk> = wanted
            .into_iter()
            .filter(|want| !self.asked.contains_key(&want.chunk))
            .map(|want| WantedChunk { pos: want.chunk, have: None, deadline_ms: want.deadline_ms })
            .collect();
        for portion in fresh.chunks(PORTION) {
            let is_time = portion.len() == PORTION || self.requested.elapsed() >= PAUSE;
            if self.requests >= REQUESTS_MAX || !is_time {
                return;
            }
            self.ask(portion.to_vec());
        }
    }

    fn ask(&mut self, chunks: Vec<WantedChunk>) {
        let now = Instant::now();
        (self.requested, self.requests) = (now, self.requests + 1);
        self.asked.extend(chunks.iter().map(|wanted| (wanted.pos, now)));
        let (node, world, teller, terrain) =
            (self.node.clone(), self.world, self.teller.clone(), self.terrain.orders());
        tokio::spawn(async move {
            let due = |wanted: &WantedChunk| now + Duration::from_millis(wanted.deadline_ms.into());
            let mut open: HashMap<ChunkPos, Instant> = chunks.iter().map(|wanted| (wanted.pos, due(wanted))).collect();
            let request = ChunksRequest { chunks, stand_in: false };
            let ended = receive(&node, world, &request, &mut open, &teller, &terrain).await;
            let reason = ended.err().map_or_else(|| "its answer is missing".to_owned(), |error| format!("{error:#}"));
            for pos in open.into_keys() {
                let _ = teller.send(News::Lost(pos, reason.clone())).await;
            }
            let _ = teller.send(News::RequestDone).await;
        });
    }
}

async fn receive(
    node: &Client,
    world: B256,
    request: &ChunksRequest,
    open: &mut HashMap<ChunkPos, Instant>,
    teller: &mpsc::Sender<News>,
    terrain: &Orders,
) -> Result<()> {
    let mut frames = node.chunks(world, request).await?;
    while let Some(frame) = frames.next().await {
        let frame = frame?;
        let due = open.remove(&frame.pos());
        let due = due.with_context(|| format!("{} was answered twice, or not asked for", frame.pos()))?;
        let news = match frame {
            Frame::Chunk { pos, packed, .. } => {
                // The bytes count, not what is said of them.
                let hash = pack::unpack(&packed).with_context(|| format!("chunk {pos}"))?.hash();
                News::Shown(pos, Some(hash))
            }
            Frame::Generated { pos, .. } => {
                terrain.make(pos, due);
                continue;
            }
            Frame::Failed { pos, reason } => News::Lost(pos, reason),
            Frame::Same { .. } | Frame::StandIn { .. } => anyhow::bail!("nobody asked for {frame:?}"),
        };
        let _ = teller.send(news).await;
    }
    Ok(())
}

async fn follow_latency(node: Arc<Client>, teller: mpsc::Sender<News>) {
    loop {
        if let Ok(stats) = node.world_stats().await
            && let Some(latency_ms) = stats.latency_ms
        {
            let _ = teller.send(News::Latency(latency_ms)).await;
        }
        time::sleep(LATENCY_LOOK).await;
    }
}
