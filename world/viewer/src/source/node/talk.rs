//! The thread that talks to a node: chunks by deadline in portions, edits as they come, and what changed meanwhile.
//!
//! The node has no way to call; so what others built, claimed or let go is found by asking again, with the hash of what is
//! here, which costs a few bytes where nothing changed. What is asked again when is for [`super::upkeep`].
//!
//! **Invariant:** of one chunk there is one question at a time: an answer never overtakes a newer one.
//! **Invariant:** what the viewer wants is asked for until it is there or dropped.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use bitdust_rpc::{
    api::WorldClient,
    client::{Client, Error},
    places::{ChunksRequest, Frame, WantedChunk},
    types::world::{ClaimInfo, VoxelEdit, WorldStats},
};
use bitdust_types::B256;
use bitdust_world::{BlockId, ChunkPos, LocationPos, VoxelPos, pack};
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, FuturesUnordered, SelectAll},
};
use tokio::{
    sync::{mpsc, watch},
    time::{self, MissedTickBehavior},
};

use super::{Word, backlog::EDITS_MAX, is_passing, label, land, said, upkeep::Upkeep};
use crate::{
    model::packed::PackedChunk,
    source::{Land, News, Order, Owner, Pose, Traffic},
};

/// Chunks of one request: few enough that the order can change while the player turns.
const PORTION: usize = 128;
/// Requests under way at once: those that wait for places nobody can reach mustn't hold up the rest. The node orders the chunks
/// of all of them by deadline.
const REQUESTS_MAX: usize = 16;
/// The same for chunks that are here and asked for again. With a portion each per [`Pace::refresh`], 256 chunks a second at
/// about 100 bytes each way: 50 KiB/s to a node that is usually on this machine, and a view of 7,000 chunks in half a minute
/// even if all of it were claimed.
const REFRESHES_MAX: usize = 4;
/// Chunks that wait at most: more than any view has.
const QUEUE_MAX: usize = 64 * 1024;
/// How long a location that nobody had claimed is taken to be unclaimed when chunks of it come into view.
const UNCLAIMED: Duration = Duration::from_secs(30);
/// Locations remembered as unclaimed; the whole memory is dropped when it is full.
const UNCLAIMED_MAX: usize = 4096;
/// Voxels in one call: about 80 bytes of JSON each, 320 KiB.
const EDITS_PER_CALL: usize = 4096;
/// Nothing that can wait is waited for longer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Claims are looked for so far around.
const NEAR_M: u32 = 2_048;

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often what is here is held against what the node has.
    pub refresh: Duration,
    /// How long a failed chunk, or a node that doesn't answer, is left alone.
    pub pause: Duration,
    /// Whether bare terrain is shown where what others built is late.
    pub stand_ins: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { refresh: Duration::from_secs(2), pause: Duration::from_secs(1), stand_ins: true }
    }
}

/// A piece of an answer to a request for chunks.
enum Piece {
    Frame(Frame),
    Broken(Error),
    End,
}

/// A request under way.
#[derive(Default)]
struct Request {
    /// Asked for and not answered, with deadlines.
    open: HashMap<ChunkPos, u64>,
    failed: Vec<(ChunkPos, u64)>,
    broken: Option<Error>,
    /// For what is here already.
    refreshes: bool,
}

/// What edits of one call came to.
struct Saved {
    edits: Vec<VoxelEdit>,
    outcome: Result<(), Error>,
}

/// What chunks don't wait for.
enum Aside {
    Stats(Option<Box<WorldStats>>),
    Claims(Option<Result<Vec<ClaimInfo>, Error>>),
    Land(Land),
}

struct Talk {
    client: Client,
    world: B256,
    words: mpsc::Sender<Word>,
    poses: watch::Receiver<Option<Pose>>,
    pace: Pace,
    /// By deadline, then by order of asking.
    queue: BTreeMap<(u64, u64), ChunkPos>,
    keys: HashMap<ChunkPos, (u64, u64)>,
    serial: u64,
    upkeep: Upkeep,
    unclaimed: HashMap<LocationPos, Instant>,
    requests: HashMap<u64, Request>,
    /// In some request; and those of them to be asked for once more.
    under_way: HashSet<ChunkPos>,
    again: HashSet<ChunkPos>,
    /// Waiting, and on their way.
    edits: BTreeMap<VoxelPos, BlockId>,
    saving: BTreeMap<VoxelPos, BlockId>,
    looking: bool,
    counting: bool,
    offline: bool,
    /// The complaint that was said last; it isn't repeated.
    told: Option<String>,
    /// The viewer's clock when it was last told, for deadlines in "from now on".
    clock: (u64, Instant),
    not_before: Instant,
    save_not_before: Instant,
}

/// Talks until the viewer is gone.
pub(super) async fn talk(
    client: Client,
    world: B256,
    mut orders: mpsc::Receiver<Order>,
    poses: watch::Receiver<Option<Pose>>,
    words: mpsc::Sender<Word>,
    pace: Pace,
) {
    let now = Instant::now();
    let mut talk = Talk {
        client,
        world,
        words,
        poses,
        pace,
        queue: BTreeMap::new(),
        keys: HashMap::new(),
        serial: 0,
        upkeep: Upkeep::default(),
        unclaimed: HashMap::new(),
        requests: HashMap::new(),
        under_way: HashSet::new(),
        again: HashSet::new(),
        edits: BTreeMap::new(),
        saving: BTreeMap::new(),
        looking: false,
        counting: false,
        offline: false,
        told: None,
        clock: (0, now),
        not_before: now,
        save_not_before: now,
    };
    let mut answers = SelectAll::new();
    let mut saving = FuturesUnordered::new();
    let mut asides: FuturesUnordered<BoxFuture<Aside>> = FuturesUnordered::new();
    let mut refresh = time::interval(pace.refresh);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = Instant::now();
        while now >= talk.not_before && talk.count(false) < REQUESTS_MAX {
            let Some(portion) = talk.portion() else { break };
            answers.push(talk.ask(portion, false));
        }
        // One after the other, or a block that was placed and broken again might stay.
        if saving.is_empty() && !talk.edits.is_empty() && now >= talk.save_not_before {
            talk.saving = std::mem::take(&mut talk.edits);
            saving.push(save(talk.client.clone(), talk.world, talk.saving.clone()));
        }
        let waits_until = [talk.not_before, talk.save_not_before].into_iter().filter(|until| *until > now).min();
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => {
                    if let Some(aside) = talk.obey(order).await {
                        asides.push(aside);
                    }
                }
                None => return,
            },
            Some((id, piece)) = answers.next() => talk.hear(id, piece).await,
            Some(saved) = saving.next() => talk.saved(saved).await,
            Some(aside) = asides.next() => talk.learn(aside).await,
            _ = refresh.tick() => {
                asides.extend(talk.report());
                for portion in talk.refresh() {
                    answers.push(talk.ask(portion, true));
                }
            }
            () = time::sleep_until(waits_until.unwrap_or(now).into()), if waits_until.is_some() => {}
        }
    }
}

impl Talk {
    async fn obey(&mut self, order: Order) -> Option<BoxFuture<'static, Aside>> {
        match order {
            Order::Fetch { now_ms, chunks } => {
                self.clock = (now_ms, Instant::now());
                let mut known = vec![];
                for (pos, deadline_ms) in chunks {
                    self.upkeep.want(pos);
                    if self.is_unclaimed(pos.location()) {
                        known.extend(self.upkeep.natural(pos, true).into_iter().map(|pos| (pos, deadline_ms)));
                    } else {
                        self.enqueue(pos, deadline_ms);
                    }
                }
                if !known.is_empty() {
                    self.say(Word::Generate(known)).await;
                }
            }
            Order::Drop(chunks) => {
                for pos in chunks {
                    self.upkeep.forget(pos);
                    self.again.remove(&pos);
                    if let Some(key) = self.keys.remove(&pos) {
                        self.queue.remove(&key);
                    }
                }
            }
            Order::Edit { at, block } => {
                if self.edits.len() + self.saving.len() < EDITS_MAX || self.edits.contains_key(&at) {
                    self.edits.insert(at, block);
                } else {
                    self.complain(too_many(at)).await;
                    self.doubt(at.chunk());
                }
            }
            Order::Places { near } => return self.look_around(near),
            Order::Land { location, deed } => {
                let (client, world) = (self.client.clone(), self.world);
                return Some(async move { Aside::Land(land::tend(&client, world, location, deed).await) }.boxed());
            }
            // These go another way (`company.rs`).
            Order::Say(_) | Order::Pose(_) => {}
        }
        None
    }

    /// Puts a chunk into the queue, or behind the question that is under way.
    fn enqueue(&mut self, pos: ChunkPos, deadline_ms: u64) {
        if !self.upkeep.is_wanted(pos) || self.keys.contains_key(&pos) || self.queue.len() >= QUEUE_MAX {
            return;
        }
        if self.under_way.contains(&pos) {
            self.again.insert(pos);
            return;
        }
        self.serial += 1;
        let key = (deadline_ms, self.serial);
        self.keys.insert(pos, key);
        self.queue.insert(key, pos);
    }

    /// What is shown there may be wrong: the node is asked what is there in truth.
    fn doubt(&mut self, pos: ChunkPos) {
        self.upkeep.doubt(pos);
        self.unclaimed.remove(&pos.location());
        self.enqueue(pos, 0);
    }

    /// Requests under way, for what is here or for what isn't.
    fn count(&self, refreshes: bool) -> usize {
        self.requests.values().filter(|request| request.refreshes == refreshes).count()
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
            portion.push((WantedChunk { pos, have: self.upkeep.have(pos), deadline_ms }, due_ms));
        }
        (!portion.is_empty()).then_some(portion)
    }

    /// Portions of what is here and has its turn to be asked for again.
    fn refresh(&mut self) -> Vec<Vec<(WantedChunk, u64)>> {
        let room = REFRESHES_MAX.saturating_sub(self.count(true));
        if room == 0 || Instant::now() < self.not_before {
            return vec![];
        }
        let near = self.poses.borrow().as_ref().map(|pose| pose.position.chunk);
        // What the player builds there would be taken back by an answer that doesn't know of it.
        let edited: HashSet<ChunkPos> = self.edits.keys().chain(self.saving.keys()).map(|at| at.chunk()).collect();
        let Talk { upkeep, keys, under_way, .. } = self;
        let busy = |pos| under_way.contains(&pos) || keys.contains_key(&pos) || edited.contains(&pos);
        let due = upkeep.round(near, room * PORTION, busy);
        let want = |pos: &ChunkPos| WantedChunk { pos: *pos, have: upkeep.have(*pos), deadline_ms: u32::MAX };
        due.chunks(PORTION).map(|part| part.iter().map(|pos| (want(pos), u64::MAX)).collect()).collect()
    }

    /// Sends a request; its answer comes in pieces.
    fn ask(&mut self, portion: Vec<(WantedChunk, u64)>, refreshes: bool) -> BoxStream<'static, (u64, Piece)> {
        self.serial += 1;
        let id = self.serial;
        let open: HashMap<_, _> = portion.iter().map(|(want, due_ms)| (want.pos, *due_ms)).collect();
        self.under_way.extend(open.keys());
        self.requests.insert(id, Request { open, refreshes, ..Request::default() });
        let request = ChunksRequest {
            chunks: portion.into_iter().map(|(want, _)| want).collect(),
            stand_in: self.pace.stand_ins,
        };
        let (client, world) = (self.client.clone(), self.world);
        let frames =
            stream::once(async move { client.chunks(world, &request).await }).flat_map(|answer| match answer {
                Ok(frames) => frames,
                Err(error) => stream::once(async { Err(error) }).boxed(),
            });
        let pieces = frames.map(|frame| match frame {
            Ok(frame) => Piece::Frame(frame),
            Err(error) => Piece::Broken(error),
        });
        pieces.chain(stream::once(async { Piece::End })).map(move |piece| (id, piece)).boxed()
    }

    async fn hear(&mut self, id: u64, piece: Piece) {
        match piece {
            Piece::Frame(frame) => self.take(id, frame).await,
            Piece::Broken(error) => {
                if let Some(request) = self.requests.get_mut(&id) {
                    request.broken = Some(error);
                }
            }
            Piece::End => {
                if let Some(request) = self.requests.remove(&id) {
                    self.settle(request).await;
                }
            }
        }
    }

    async fn take(&mut self, id: u64, frame: Frame) {
        let pos = frame.pos();
        let Some(request) = self.requests.get_mut(&id) else { return };
        // What wasn't asked for isn't taken.
        let Some(due_ms) = request.open.get(&pos).copied() else { return };
        if frame.is_final() {
            request.open.remove(&pos);
            self.under_way.remove(&pos);
        }
        match frame {
            Frame::Chunk { pos, hash, source, packed, .. } => match pack::unpack(&packed) {
                Ok(mut chunk) => {
                    if self.upkeep.built(pos, hash) {
                        // What the player built and the node hasn't got yet lies over what it has.
                        for (at, block) in self.saving.iter().chain(&self.edits).filter(|(at, _)| at.chunk() == pos) {
                            let [x, y, z] = at.within();
                            chunk.set(x, y, z, *block);
                        }
                        let chunk = PackedChunk::new(&chunk);
                        self.say(Word::News(News::Chunk { pos, chunk, label: label(source), sequence: 0 })).await;
                    }
                }
                Err(invalid) => {
                    request.failed.push((pos, due_ms));
                    let what = format!("the node sent chunk {pos} in a form nobody reads: {invalid}");
                    self.complain(what).await;
                }
            },
            Frame::Same { .. } => {}
            Frame::Generated { pos, unclaimed } => {
                if unclaimed {
                    if self.unclaimed.len() >= UNCLAIMED_MAX {
                        self.unclaimed.clear();
                    }
                    self.unclaimed.insert(pos.location(), Instant::now());
                }
                // Over what the player builds there nothing is generated: the question that follows those edits will tell.
                let edited = self.saving.keys().chain(self.edits.keys()).any(|at| at.chunk() == pos);
                let natural =
                    if edited && self.upkeep.is_shown(pos) { vec![] } else { self.upkeep.natural(pos, unclaimed) };
                if !natural.is_empty() {
                    self.say(Word::Generate(natural.into_iter().map(|pos| (pos, due_ms)).collect())).await;
                }
            }
            // What is here already is better than terrain that may be wrong.
            Frame::StandIn { pos } => {
                if self.upkeep.stands_in(pos) {
                    self.say(Word::Generate(vec![(pos, due_ms)])).await;
                }
            }
            Frame::Failed { pos, .. } => request.failed.push((pos, due_ms)),
        }
        if !self.under_way.contains(&pos) && self.again.remove(&pos) {
            self.enqueue(pos, 0);
        }
    }

    async fn settle(&mut self, request: Request) {
        for pos in request.open.keys() {
            self.under_way.remove(pos);
        }
        self.be_offline(request.broken.as_ref().is_some_and(is_passing)).await;
        match request.broken {
            Some(error) if !is_passing(&error) => self.complain(error.to_string()).await,
            Some(_) => {}
            None => self.told = None,
        }
        let missing: Vec<(ChunkPos, u64)> = request.open.into_iter().chain(request.failed).collect();
        if missing.is_empty() {
            return;
        }
        if !request.refreshes || self.offline {
            self.not_before = Instant::now() + self.pace.pause;
        }
        // A stand-in, so that nobody falls through the world meanwhile.
        let bare: Vec<_> = missing.iter().copied().filter(|(pos, _)| self.upkeep.stands_in(*pos)).collect();
        if !bare.is_empty() {
            self.say(Word::Generate(bare)).await;
        }
        for (pos, deadline_ms) in missing {
            // What was only held against the node's has its turn in another round.
            if self.again.remove(&pos) || !request.refreshes {
                self.enqueue(pos, deadline_ms);
            }
        }
    }

    /// Whatever became of edits, the truth is the node's: what was refused goes back.
    async fn saved(&mut self, saved: Vec<Saved>) {
        self.saving.clear();
        for Saved { edits, outcome } in saved {
            match outcome {
                Ok(()) => {}
                Err(error) if is_passing(&error) => {
                    // To be tried again, unless something newer stands there.
                    for VoxelEdit { pos, block } in edits {
                        self.edits.entry(pos).or_insert(block);
                    }
                    self.save_not_before = Instant::now() + self.pace.pause;
                    self.be_offline(true).await;
                    continue;
                }
                Err(error) => self.say(said(refusal(&edits, &error))).await,
            }
            let touched: HashSet<ChunkPos> = edits.iter().map(|edit| edit.pos.chunk()).collect();
            touched.into_iter().for_each(|pos| self.doubt(pos));
        }
    }

    fn look_around(&mut self, near: VoxelPos) -> Option<BoxFuture<'static, Aside>> {
        if std::mem::replace(&mut self.looking, true) {
            return None;
        }
        let (client, world) = (self.client.clone(), self.world);
        let look = async move {
            let asked = time::timeout(PATIENCE, client.world_near(world, near, NEAR_M)).await.ok();
            Aside::Claims(asked.map(|answer| answer.map_err(|error| client.explain(error))))
        };
        Some(look.boxed())
    }

    fn report(&mut self) -> Option<BoxFuture<'static, Aside>> {
        if std::mem::replace(&mut self.counting, true) {
            return None;
        }
        let client = self.client.clone();
        let count = async move {
            let asked = time::timeout(PATIENCE, client.world_stats()).await;
            Aside::Stats(asked.ok().and_then(Result::ok).map(Box::new))
        };
        Some(count.boxed())
    }

    async fn learn(&mut self, aside: Aside) {
        match aside {
            Aside::Stats(stats) => {
                self.counting = false;
                let Some(stats) = stats else { return };
                let waiting = self.queue.len() + self.under_way.len();
                let (received_bytes, sent_bytes) = (stats.wire_bytes, stats.given_bytes);
                self.say(Word::Traffic(Traffic { received_bytes, sent_bytes, waiting })).await;
            }
            Aside::Claims(claims) => {
                self.looking = false;
                match claims {
                    Some(Ok(mut claims)) => {
                        claims.truncate(crate::source::PLACES_MAX);
                        for claim in &claims {
                            self.unclaimed.remove(&claim.pos);
                            self.upkeep.claimed(claim.pos);
                        }
                        self.say(Word::Claims(claims)).await;
                    }
                    Some(Err(error)) if !is_passing(&error) => self.complain(error.to_string()).await,
                    Some(Err(_)) | None => {}
                }
            }
            Aside::Land(land) => self.tended(land).await,
        }
    }

    /// Of a place that has another owner everything is in doubt.
    async fn tended(&mut self, land: Land) {
        if land.owner != Owner::Nobody {
            self.unclaimed.remove(&land.location);
            self.upkeep.claimed(land.location);
        }
        self.say(Word::News(News::Land(land))).await;
    }

    fn is_unclaimed(&self, location: LocationPos) -> bool {
        self.unclaimed.get(&location).is_some_and(|since| since.elapsed() < UNCLAIMED)
    }

    async fn be_offline(&mut self, lost: bool) {
        if lost != self.offline {
            self.offline = lost;
            self.say(Word::News(News::Offline(lost))).await;
        }
    }

    /// Says what is wrong, once: most of it is wrong every second.
    async fn complain(&mut self, what: String) {
        if self.told.as_ref() != Some(&what) {
            self.told = Some(what.clone());
            self.say(said(what)).await;
        }
    }

    /// Waits while the viewer is busy. It being gone is noticed when its orders end.
    async fn say(&self, word: Word) {
        let _ = self.words.send(word).await;
    }
}

/// Why an edit isn't taken although nobody refused it.
pub(super) fn too_many(at: VoxelPos) -> String {
    format!("Not built at {at}: {EDITS_MAX} blocks wait for the node already; go on when it has caught up.")
}

/// What was refused and why, for people.
fn refusal(edits: &[VoxelEdit], error: &Error) -> String {
    match edits {
        [] => format!("Not built: {error}"),
        [edit] => format!("Not built at {}: {error}", edit.pos),
        [first, rest @ ..] => format!("Not built at {} and {} blocks more: {error}", first.pos, rest.len()),
    }
}

/// Sends edits, those of each location on their own: who may not build in one place may in the next. What came of each call.
async fn save(client: Client, world: B256, edits: BTreeMap<VoxelPos, BlockId>) -> Vec<Saved> {
    let mut saved = vec![];
    let mut lost = None;
    for edits in calls(edits) {
        let outcome = match &lost {
            // The others would wait as long for a node that doesn't answer.
            Some((url, reason)) => Err(Error::Unreachable { url: String::clone(url), reason: String::clone(reason) }),
            None => client.world_edit(world, edits.clone()).await.map(|_| ()).map_err(|error| client.explain(error)),
        };
        if let Err(Error::Unreachable { url, reason }) = &outcome {
            lost = Some((url.clone(), reason.clone()));
        }
        saved.push(Saved { edits, outcome });
    }
    saved
}

/// Edits by location, in portions that a node takes.
fn calls(edits: BTreeMap<VoxelPos, BlockId>) -> Vec<Vec<VoxelEdit>> {
    let mut places: BTreeMap<LocationPos, Vec<VoxelEdit>> = BTreeMap::new();
    for (pos, block) in edits {
        places.entry(pos.chunk().location()).or_default().push(VoxelEdit { pos, block });
    }
    places.into_values().flat_map(|edits| edits.chunks(EDITS_PER_CALL).map(<[_]>::to_vec).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
#[path = "talk_tests.rs"]
mod tests;
