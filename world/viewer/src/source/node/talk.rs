//! The thread that talks to a node: chunks by deadline in portions, edits as they come, and now and then what changed.
//!
//! The node has no way to call; so what others built is found by asking again, with the hash of what is here, which costs a
//! few bytes where nothing changed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use bitdust_rpc::{
    api::WorldClient,
    client::{Client, Error},
    places::{ChunksRequest, Frame, WantedChunk},
    types::world::VoxelEdit,
};
use bitdust_types::{B256, Root};
use bitdust_world::{ChunkPos, LocationPos, VoxelPos, pack};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc, time};

use super::{Word, is_passing, label, place, said};
use crate::source::{News, Order, Traffic};

/// Chunks of one request: few enough that the order can change while the player turns.
const PORTION: usize = 128;
/// Requests under way at once: those that wait for places nobody can reach mustn't hold up the rest. The node orders the chunks
/// of all of them by deadline.
const REQUESTS_MAX: usize = 16;
/// Chunks that wait at most: more than any view has.
const QUEUE_MAX: usize = 64 * 1024;
/// How often what is here is held against what the node has.
const REFRESH: Duration = Duration::from_secs(2);
/// How long a location that nobody had claimed is taken to be unclaimed.
const UNCLAIMED: Duration = Duration::from_secs(30);
/// Locations remembered as unclaimed; the whole memory is dropped when it is full.
const UNCLAIMED_MAX: usize = 4096;
/// How long a failed chunk, or a node that doesn't answer, is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// Nothing that can wait holds up chunks longer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Claims are looked for so far around.
const NEAR_M: u32 = 2_048;

/// What came of a request.
struct Done {
    /// Asked for and not answered; the reason if the whole request failed.
    missing: Vec<(ChunkPos, u64)>,
    failed: Option<Error>,
    built: Vec<(ChunkPos, Root)>,
    generated: Vec<(ChunkPos, bool)>,
}

struct Talk {
    client: Client,
    world: B256,
    words: mpsc::Sender<Word>,
    /// By deadline, then by order of asking.
    queue: BTreeMap<(u64, u64), ChunkPos>,
    keys: HashMap<ChunkPos, (u64, u64)>,
    serial: u64,
    /// Chunks that players built, and the hash of what is here.
    built: HashMap<ChunkPos, Root>,
    unclaimed: HashMap<LocationPos, Instant>,
    asking: HashSet<ChunkPos>,
    edits: Vec<VoxelEdit>,
    offline: bool,
    /// The viewer's clock when it was last told, for deadlines in "from now on".
    clock: (u64, Instant),
    not_before: Instant,
}

/// Talks until the viewer is gone.
pub(super) async fn talk(client: Client, world: B256, mut orders: mpsc::Receiver<Order>, words: mpsc::Sender<Word>) {
    let now = Instant::now();
    let mut talk = Talk {
        client,
        world,
        words,
        queue: BTreeMap::new(),
        keys: HashMap::new(),
        serial: 0,
        built: HashMap::new(),
        unclaimed: HashMap::new(),
        asking: HashSet::new(),
        edits: vec![],
        offline: false,
        clock: (0, now),
        not_before: now,
    };
    let mut requests = FuturesUnordered::new();
    let mut saving = FuturesUnordered::new();
    let mut refresh = time::interval(REFRESH);
    loop {
        while requests.len() < REQUESTS_MAX && Instant::now() >= talk.not_before {
            let Some(portion) = talk.portion() else { break };
            requests.push(ask(talk.client.clone(), talk.world, portion, talk.words.clone()));
        }
        // One after the other, or a block that was placed and broken again might stay.
        if saving.is_empty() && !talk.edits.is_empty() {
            saving.push(save(talk.client.clone(), talk.world, std::mem::take(&mut talk.edits)));
        }
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => talk.obey(order).await,
                None => return,
            },
            Some(done) = requests.next() => talk.settle(done).await,
            Some((touched, outcome)) = saving.next() => talk.saved(touched, outcome).await,
            _ = refresh.tick() => talk.refresh().await,
            () = time::sleep_until(talk.not_before.into()), if Instant::now() < talk.not_before => {}
        }
    }
}

impl Talk {
    async fn obey(&mut self, order: Order) {
        match order {
            Order::Fetch { now_ms, chunks } => {
                self.clock = (now_ms, Instant::now());
                let (known, unknown): (Vec<_>, Vec<_>) =
                    chunks.into_iter().partition(|(pos, _)| self.is_unclaimed(pos.location()));
                if !known.is_empty() {
                    self.say(Word::Generate(known)).await;
                }
                unknown.into_iter().for_each(|(pos, deadline_ms)| self.enqueue(pos, deadline_ms));
            }
            Order::Drop(chunks) => {
                for pos in chunks {
                    self.built.remove(&pos);
                    self.asking.remove(&pos);
                    if let Some(key) = self.keys.remove(&pos) {
                        self.queue.remove(&key);
                    }
                }
            }
            Order::Edit { at, block } => self.edits.push(VoxelEdit { pos: at, block }),
            Order::Places { near } => self.look_around(near).await,
            // These go another way (`company.rs`).
            Order::Say(_) | Order::Pose(_) => {}
        }
    }

    fn enqueue(&mut self, pos: ChunkPos, deadline_ms: u64) {
        if self.keys.contains_key(&pos) || self.queue.len() >= QUEUE_MAX {
            return;
        }
        self.serial += 1;
        let key = (deadline_ms, self.serial);
        self.keys.insert(pos, key);
        self.queue.insert(key, pos);
        self.asking.insert(pos);
    }

    /// The most urgent chunks; those that were here already with their hashes.
    fn portion(&mut self) -> Option<Vec<(WantedChunk, u64)>> {
        let (told_ms, told_at) = self.clock;
        let now_ms = told_ms + told_at.elapsed().as_millis() as u64;
        let mut portion = vec![];
        while portion.len() < PORTION {
            let Some(((due_ms, _), pos)) = self.queue.pop_first() else { break };
            self.keys.remove(&pos);
            let deadline_ms = due_ms.saturating_sub(now_ms).min(u64::from(u32::MAX)) as u32;
            portion.push((WantedChunk { pos, have: self.built.get(&pos).copied(), deadline_ms }, due_ms));
        }
        (!portion.is_empty()).then_some(portion)
    }

    async fn settle(&mut self, done: Done) {
        for (pos, hash) in done.built {
            if self.asking.contains(&pos) {
                self.built.insert(pos, hash);
            }
        }
        for (pos, unclaimed) in done.generated {
            if unclaimed {
                if self.unclaimed.len() >= UNCLAIMED_MAX {
                    self.unclaimed.clear();
                }
                self.unclaimed.insert(pos.location(), Instant::now());
            }
        }
        let lost = done.failed.as_ref().is_some_and(is_passing);
        if lost != self.offline {
            self.offline = lost;
            self.say(Word::News(News::Offline(lost))).await;
        }
        if let Some(error) = done.failed.filter(|error| !is_passing(error)) {
            self.say(said(error.to_string())).await;
        }
        if !done.missing.is_empty() {
            self.not_before = Instant::now() + PAUSE;
            // A stand-in, so that nobody falls through the world meanwhile.
            self.say(Word::Generate(done.missing.clone())).await;
            done.missing.into_iter().for_each(|(pos, deadline_ms)| self.enqueue(pos, deadline_ms));
        }
    }

    /// Asks again about what players built, as much as one portion.
    async fn refresh(&mut self) {
        self.report().await;
        let due: Vec<ChunkPos> = self.built.keys().take(4 * PORTION).copied().collect();
        due.into_iter().for_each(|pos| self.enqueue(pos, u64::MAX));
    }

    /// Whatever became of edits, the truth is the node's: what was refused goes back.
    async fn saved(&mut self, touched: HashSet<ChunkPos>, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            self.say(said(error.to_string())).await;
        }
        for pos in touched {
            self.built.remove(&pos);
            self.unclaimed.remove(&pos.location());
            self.enqueue(pos, 0);
        }
    }

    async fn look_around(&mut self, near: VoxelPos) {
        let asked = time::timeout(PATIENCE, self.client.world_near(self.world, near, NEAR_M)).await;
        let Ok(answer) = asked else { return };
        match answer {
            Ok(claims) => {
                self.say(Word::Claims(claims.iter().take(crate::source::PLACES_MAX).map(place).collect())).await
            }
            Err(error) => {
                let error = self.client.explain(error);
                if !is_passing(&error) {
                    self.say(said(error.to_string())).await;
                }
            }
        }
    }

    async fn report(&self) {
        if let Ok(Ok(stats)) = time::timeout(PATIENCE, self.client.world_stats()).await {
            let waiting = self.queue.len();
            self.say(Word::Traffic(Traffic { received_bytes: stats.wire_bytes, sent_bytes: 0, waiting })).await;
        }
    }

    fn is_unclaimed(&self, location: LocationPos) -> bool {
        self.unclaimed.get(&location).is_some_and(|since| since.elapsed() < UNCLAIMED)
    }

    /// Waits while the viewer is busy. It being gone is noticed when its orders end.
    async fn say(&self, word: Word) {
        let _ = self.words.send(word).await;
    }
}

/// Sends edits; which chunks they touch, and what came of it.
async fn save(client: Client, world: B256, edits: Vec<VoxelEdit>) -> (HashSet<ChunkPos>, Result<(), Error>) {
    let touched = edits.iter().map(|edit| edit.pos.chunk()).collect();
    let outcome = client.world_edit(world, edits).await;
    (touched, outcome.map(|_| ()).map_err(|error| client.explain(error)))
}

/// One request; chunks are passed on as they come.
async fn ask(client: Client, world: B256, portion: Vec<(WantedChunk, u64)>, words: mpsc::Sender<Word>) -> Done {
    let built: HashSet<ChunkPos> =
        portion.iter().filter(|(want, _)| want.have.is_some()).map(|(want, _)| want.pos).collect();
    let mut open: HashMap<ChunkPos, u64> = portion.iter().map(|(want, due_ms)| (want.pos, *due_ms)).collect();
    let chunks = portion.into_iter().map(|(want, _)| want).collect();
    let request = ChunksRequest { chunks, stand_in: true };
    let mut done = Done { missing: vec![], failed: None, built: vec![], generated: vec![] };
    let mut failed = vec![];
    match client.chunks(world, &request).await {
        Ok(frames) => {
            let mut frames = std::pin::pin!(frames);
            while let Some(frame) = frames.next().await {
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(error) => {
                        done.failed = Some(error);
                        break;
                    }
                };
                // What wasn't asked for isn't taken.
                let wanted = if frame.is_final() { open.remove(&frame.pos()) } else { open.get(&frame.pos()).copied() };
                let Some(due_ms) = wanted else { continue };
                match frame {
                    Frame::Chunk { pos, hash, sequence, source, packed } => match pack::unpack(&packed) {
                        Ok(chunk) => {
                            done.built.push((pos, hash));
                            // A place that was never compacted has version 0, as the generator's chunks do here: it comes
                            // after them.
                            let sequence = sequence.saturating_add(1);
                            let news = News::Chunk { pos, chunk, label: label(source), sequence };
                            let _ = words.send(Word::News(news)).await;
                        }
                        Err(invalid) => {
                            let _ = words
                                .send(said(format!("the node sent chunk {pos} in a form nobody reads: {invalid}")))
                                .await;
                        }
                    },
                    Frame::Same { .. } => {}
                    Frame::Generated { pos, unclaimed } => {
                        done.generated.push((pos, unclaimed));
                        let _ = words.send(Word::Generate(vec![(pos, due_ms)])).await;
                    }
                    // What is here already is better than terrain that may be wrong.
                    Frame::StandIn { pos } if !built.contains(&pos) => {
                        let _ = words.send(Word::Generate(vec![(pos, due_ms)])).await;
                    }
                    Frame::StandIn { .. } => {}
                    Frame::Failed { pos, .. } => failed.push((pos, due_ms)),
                }
            }
        }
        Err(error) => done.failed = Some(error),
    }
    done.missing = open.into_iter().chain(failed).collect();
    done
}
