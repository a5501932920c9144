//! The task that streams one world: tells the scheduler what happens, and does what it asks for.
//!
//! It is woken by requests, by reports of what it had begun, and 20 times a second. Nothing in it waits or computes: looks at
//! the ledger's newest state apart, everything runs in tasks of its own whose number is bounded: [`FETCHES_MAX`] fetches, a look
//! for each location, and [`Jobs`] on the worker pool.
//!
//! Terrain that nobody changed is made by the caller's own cores. What the scheduler takes for generating is therefore only
//! saying so, except where generated terrain stands in for a chunk: then its hash decides whether it was right.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bitdust_rpc::places::{Frame, Source as Label, WantedChunk};
use bitdust_types::{Address, B256, Root};
use bitdust_world::{
    Chunk, ChunkPos, LocationPos,
    stream::{Effect, FETCHES_MAX, FetchId, Input, LOCATIONS_MAX, Origin, Rules, Scheduler, Source, Want},
};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Ask, Standing,
    fetching::{Arrived, Errand, Outcome, fetch},
    found::{Found, Known, is_unsound},
    made::{Kept, Made},
    requests::Requests,
};
use crate::worlds::Worlds;

/// How often the scheduler is told that time goes by.
const TICK: Duration = Duration::from_millis(50);
/// Ticks between two looks at callers that have waited too long.
const TICKS_PER_LOOK: u32 = 20;
/// A driver that nobody has asked for so long ends, and forgets what it knew of holders.
const IDLE: Duration = Duration::from_secs(600);
/// Reports that wait for the driver; tasks with more of them wait.
const REPORTS_WAITING: usize = 1024;
/// Locations known: all that the scheduler knows, and as many that it has just forgotten.
const KNOWN_MAX: usize = 2 * LOCATIONS_MAX;
/// A location that can't be found out for so long is reported to those who wait for it.
const TROUBLE_MS: u64 = 10_000;

/// So long a location that was found waits for the search for players, who spare the suppliers.
const SEARCH_PATIENCE: Duration = Duration::from_millis(300);

/// What a task has to say.
enum Report {
    Looked(LocationPos, anyhow::Result<Found>, Vec<Address>),
    Players(LocationPos, Vec<Address>),
    Part(FetchId, Address),
    Fetched(FetchId, ChunkPos, Outcome),
    StoodIn(ChunkPos, Root),
    Made(ChunkPos, Arc<Found>, Option<Made>),
}

/// Work for the pool, in the order in which it came up. One for each chunk that is wanted at most.
#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    running: usize,
}

enum Job {
    StandIn(ChunkPos, Arc<crate::worlds::registry::World>),
    Make(ChunkPos, Arc<Found>, Option<(Chunk, Label)>),
}

/// See the module's head.
pub(super) struct Driver {
    worlds: Arc<Worlds>,
    world: B256,
    scheduler: Scheduler,
    started: Instant,
    asked: Instant,
    requests: Requests,
    known: HashMap<LocationPos, Known>,
    looking: HashMap<LocationPos, AbortHandle>,
    /// Locations that can't be found out: since when.
    troubles: HashMap<LocationPos, (u64, String)>,
    fetches: HashMap<FetchId, AbortHandle>,
    arrived: HashMap<ChunkPos, Arrived>,
    made: Kept,
    jobs: Jobs,
    reports: mpsc::Sender<Report>,
    incoming: mpsc::Receiver<Report>,
    standing: Arc<Mutex<Standing>>,
}

impl Driver {
    pub fn new(worlds: Arc<Worlds>, world: B256, rules: Rules, standing: Arc<Mutex<Standing>>) -> Self {
        let (reports, incoming) = mpsc::channel(REPORTS_WAITING);
        let now = Instant::now();
        Driver {
            worlds,
            world,
            scheduler: Scheduler::new(rules),
            started: now,
            asked: now,
            requests: Requests::default(),
            known: HashMap::new(),
            looking: HashMap::new(),
            troubles: HashMap::new(),
            fetches: HashMap::new(),
            arrived: HashMap::new(),
            made: Kept::default(),
            jobs: Jobs::default(),
            reports,
            incoming,
            standing,
        }
    }

    /// Streams until nobody asks any more.
    pub async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut ticks, mut is_open) = (0_u32, true);
        while is_open || !self.requests.is_idle() {
            tokio::select! {
                ask = asks.recv(), if is_open => match ask {
                    Some(ask) => self.ask(ask),
                    None => is_open = false,
                },
                Some(report) = self.incoming.recv() => self.hear(report),
                _ = tick.tick() => {
                    ticks = ticks.wrapping_add(1);
                    self.tick(ticks.is_multiple_of(TICKS_PER_LOOK));
                    if self.requests.is_idle() && self.asked.elapsed() > IDLE {
                        asks.close();
                        is_open = false;
                    }
                }
            }
        }
        self.fetches.values().chain(self.looking.values()).for_each(AbortHandle::abort);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn ask(&mut self, ask: Ask) {
        self.asked = Instant::now();
        if !self.requests.has_room(ask.wanted.len()) {
            for wanted in &ask.wanted {
                let frame = Frame::failed(wanted.pos, "this node has more chunks to look for than it can; ask again");
                let _ = ask.frames.try_send(frame);
            }
            return;
        }
        let mut locations: Vec<LocationPos> = ask.wanted.iter().map(|wanted| wanted.pos.location()).collect();
        locations.sort_unstable();
        locations.dedup();
        locations.into_iter().for_each(|location| self.recheck(location));
        let news = self.requests.add(self.now_ms(), &ask.wanted, ask.frames);
        let wants: Vec<Want> = news
            .into_iter()
            .filter(|wanted| !self.answer_at_once(wanted))
            .map(|wanted| Want { chunk: wanted.pos, deadline_ms: wanted.deadline_ms })
            .collect();
        if !wants.is_empty() {
            self.tell(Input::Want(wants));
        }
    }

    /// Holds a location against the ledger, once a block.
    fn recheck(&mut self, location: LocationPos) {
        let (now_ms, height) = (self.now_ms(), self.worlds.chain.height());
        let Some(known) = self.known.get_mut(&location) else { return };
        known.used_ms = now_ms;
        if known.checked == height || known.is_outdated {
            return;
        }
        match known.found.is_current(&self.worlds, self.world, location) {
            Ok(true) => known.checked = height,
            // What can't be read now isn't older for it; the next look at it will tell.
            Err(error) => tracing::warn!(%location, "the ledger could not be looked at: {error:#}"),
            Ok(false) => self.outdate(location),
        }
    }

    fn outdate(&mut self, location: LocationPos) {
        if let Some(known) = self.known.get_mut(&location) {
            known.is_outdated = true;
        }
        self.tell(Input::Outdated(location));
    }

    /// Answers what needs nobody else: the generator's, what the caller has already, what was made a moment ago.
    fn answer_at_once(&mut self, wanted: &WantedChunk) -> bool {
        let (pos, index) = (wanted.pos, wanted.pos.index());
        let known = self.known.get(&pos.location()).filter(|known| !known.is_outdated);
        let Some(found) = known.map(|known| known.found.clone()) else { return false };
        let Found::Open(open) = &*found else {
            self.hand_out(pos, Label::Generator, |_| Frame::Generated { pos, unclaimed: true });
            return true;
        };
        let mark = open.place.state().graph.chunk_mark(index);
        match (mark, found.framed(index)) {
            _ if !open.is_newest_read() => return false,
            (Some(mark), _) => {
                let Some(made) = self.made.get(&pos, open.sequence(), mark) else { return false };
                self.hand_out(pos, Label::Cache, |have| made.frame(pos, have, Label::Cache));
            }
            (None, None) => self.hand_out(pos, Label::Generator, |_| Frame::Generated { pos, unclaimed: false }),
            (None, Some(hash)) if wanted.have == Some(hash) => {
                // Another caller may lack it: then it is fetched for all.
                if !self.requests.all_have(&pos, hash) {
                    return false;
                }
                self.hand_out(pos, Label::Cache, |_| Frame::Same { pos });
            }
            (None, Some(_)) => return false,
        }
        true
    }

    /// Gives a chunk's last frame to all who wait for it, and counts.
    fn hand_out(&mut self, pos: ChunkPos, label: Label, frame: impl FnMut(Option<Root>) -> Frame) {
        let mut frame = frame;
        let tally = &self.worlds.tally;
        self.requests.answer(pos, |have| {
            let frame = frame(have);
            match &frame {
                Frame::Chunk { packed, .. } => tally.delivered(label, packed.len() as u64),
                Frame::Generated { .. } => tally.delivered(Label::Generator, 0),
                Frame::Failed { .. } => tally.failed(),
                Frame::Same { .. } | Frame::StandIn { .. } => {}
            }
            frame
        });
    }

    fn fail(&mut self, pos: ChunkPos, reason: &str) {
        self.hand_out(pos, Label::Cache, |_| Frame::failed(pos, reason));
        self.tell(Input::Cancel(vec![pos]));
    }

    fn tell(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now_ms = self.now_ms();
            for effect in self.scheduler.handle(now_ms, input) {
                inputs.extend(self.perform(effect));
            }
        }
    }

    /// Does what the scheduler asks for. What has happened by that already is told at once.
    fn perform(&mut self, effect: Effect) -> Vec<Input> {
        match effect {
            Effect::Resolve(location) => return self.look(location).into_iter().collect(),
            Effect::Fetch { fetch, chunk, hash, source } => return self.fetch(fetch, chunk, hash, source),
            Effect::Abandon(fetch) => {
                if let Some(task) = self.fetches.remove(&fetch) {
                    tracing::debug!(fetch = fetch.0, "a fetch is given up");
                    task.abort();
                }
            }
            Effect::Generate(chunk) => return self.generate(chunk),
            Effect::Deliver { chunk, provisional: true, .. } => self.requests.stand_in(chunk),
            Effect::Deliver { chunk, origin, .. } => return self.deliver(chunk, origin),
            Effect::Confirm(chunk) => return self.deliver(chunk, Origin::Generator),
            // Callers ask again by themselves.
            Effect::Changed(..) => {}
            Effect::Blame { holder, chunk, reason } => {
                tracing::warn!(%holder, %chunk, ?reason, "a holder sent a chunk that isn't the right one");
            }
        }
        Vec::new()
    }

    fn look(&mut self, location: LocationPos) -> Option<Input> {
        // One that has ended without a word is no reason never to look again.
        if self.looking.get(&location).is_some_and(|task| !task.is_finished()) {
            return None;
        }
        if self.looking.len() >= LOCATIONS_MAX {
            return Some(Input::NotLocated(location));
        }
        let (worlds, world, reports) = (self.worlds.clone(), self.world, self.reports.clone());
        let task = tokio::spawn(async move {
            let searching = worlds.clone();
            let mut search = tokio::spawn(async move { searching.sharing.players(&searching, world, location).await });
            let found = Found::look(&worlds, world, location).await;
            // The search is mostly over by then. Whoever is found later still takes load off the suppliers.
            let players = timeout(SEARCH_PATIENCE, &mut search).await;
            let is_late = players.is_err();
            let players = players.ok().and_then(Result::ok).unwrap_or_default();
            let _ = reports.send(Report::Looked(location, found, players)).await;
            if is_late && let Ok(players) = search.await {
                let _ = reports.send(Report::Players(location, players)).await;
            }
        });
        self.looking.insert(location, task.abort_handle());
        None
    }

    fn fetch(&mut self, id: FetchId, chunk: ChunkPos, hash: Root, source: Source) -> Vec<Input> {
        let known = self.known.get(&chunk.location());
        let found = known.map(|known| known.found.clone()).filter(|found| found.framed(chunk.index()) == Some(hash));
        let Some(found) = found else {
            // Forgotten, or put on another version: nobody is to blame, and it is looked for again.
            return self.again(chunk);
        };
        let due_ms = self.requests.due_ms(&chunk).map(|due_ms| due_ms as i64 - self.now_ms() as i64);
        tracing::debug!(fetch = id.0, %chunk, ?source, ?due_ms, "a fetch begins");
        let (worlds, reports) = (self.worlds.clone(), self.reports.clone());
        let errand = Errand { found, chunk, hash, source };
        let task = tokio::spawn(async move {
            let parts = reports.clone();
            // Only how long holders take is learnt from parts: one that finds no room is left out.
            let answered = move |holder| drop(parts.try_send(Report::Part(id, holder)));
            let begun = Instant::now();
            let outcome = fetch(&worlds, &errand, answered).await;
            let (source, took) = (&errand.source, begun.elapsed());
            tracing::debug!(fetch = id.0, %chunk, ?source, ?took, has_arrived = outcome.has_arrived(), "a fetch ended");
            let _ = reports.send(Report::Fetched(id, chunk, outcome)).await;
        });
        debug_assert!(self.fetches.len() < FETCHES_MAX);
        self.fetches.insert(id, task.abort_handle());
        Vec::new()
    }

    /// Lets a chunk be looked for as if it were asked for now, its location being looked at anew.
    fn again(&mut self, chunk: ChunkPos) -> Vec<Input> {
        let location = chunk.location();
        if let Some(known) = self.known.get_mut(&location) {
            known.is_outdated = true;
        }
        let mut inputs = vec![Input::Cancel(vec![chunk]), Input::Outdated(location)];
        if let Some(due_ms) = self.requests.due_ms(&chunk) {
            let deadline_ms = u32::try_from(due_ms.saturating_sub(self.now_ms())).unwrap_or(u32::MAX);
            inputs.push(Input::Want(vec![Want { chunk, deadline_ms }]));
        }
        inputs
    }

    fn generate(&mut self, chunk: ChunkPos) -> Vec<Input> {
        let known = self.known.get(&chunk.location()).filter(|known| !known.is_outdated);
        if let Some(known) = known
            && known.found.framed(chunk.index()).is_none()
        {
            return vec![Input::Generated(chunk, known.found.generated(chunk.index()))];
        }
        // A definition that isn't known yet has no terrain: then nothing stands in.
        if let Some(world) = self.worlds.registry.known_world(&self.world) {
            self.jobs.waiting.push_back(Job::StandIn(chunk, world));
            self.work();
        }
        Vec::new()
    }

    fn deliver(&mut self, chunk: ChunkPos, origin: Origin) -> Vec<Input> {
        let arrived = self.arrived.remove(&chunk);
        let index = chunk.index();
        let Some(known) = self.known.get(&chunk.location()) else { return self.again(chunk) };
        let found = known.found.clone();
        let Found::Open(open) = &*found else {
            self.hand_out(chunk, Label::Generator, |_| Frame::Generated { pos: chunk, unclaimed: true });
            return Vec::new();
        };
        // A newer version may have been read while this one's chunk was on its way.
        let is_other = arrived.as_ref().is_some_and(|arrived| found.framed(index) != Some(arrived.hash));
        if is_other || !open.is_newest_read() {
            return self.again(chunk);
        }
        if open.place.state().graph.edits_chunk(index) {
            let base = arrived.map(|arrived| (arrived.chunk, arrived.label));
            self.jobs.waiting.push_back(Job::Make(chunk, found, base));
            self.work();
            return Vec::new();
        }
        match (arrived, found.framed(index)) {
            (Some(Arrived { packed, label, .. }), Some(hash)) => {
                let sequence = open.sequence();
                self.hand_out(chunk, label, |have| match have {
                    Some(have) if have == hash => Frame::Same { pos: chunk },
                    _ => Frame::Chunk { pos: chunk, hash, sequence, source: label, packed: packed.clone() },
                });
            }
            // What the generator makes of it is the version's, whether the version says so or it turned out to be.
            (None, _) if origin == Origin::Generator => {
                self.hand_out(chunk, Label::Generator, |_| Frame::Generated { pos: chunk, unclaimed: false });
            }
            _ => return self.again(chunk),
        }
        Vec::new()
    }

    fn work(&mut self) {
        while self.jobs.running < self.worlds.workers.count() {
            let Some(job) = self.jobs.waiting.pop_front() else { return };
            let (Job::StandIn(chunk, _) | Job::Make(chunk, ..)) = &job;
            if !self.requests.is_wanted(chunk) {
                continue;
            }
            self.jobs.running += 1;
            let (worlds, reports, chunk) = (self.worlds.clone(), self.reports.clone(), *chunk);
            tokio::spawn(async move {
                let report = match job {
                    Job::StandIn(_, world) => {
                        let hash = worlds.workers.run(move || world.generator.chunk(chunk).hash()).await;
                        Report::StoodIn(chunk, hash.unwrap_or_default())
                    }
                    Job::Make(_, found, base) => {
                        let making = found.clone();
                        let made = worlds.workers.run(move || Made::new(&making, chunk, base)).await;
                        Report::Made(chunk, found, made.flatten())
                    }
                };
                let _ = reports.send(report).await;
            });
        }
    }

    fn hear(&mut self, report: Report) {
        match report {
            Report::Looked(location, found, players) => self.looked(location, found, players),
            Report::Players(location, players) => self.tell(Input::Players(location, players)),
            Report::Part(fetch, holder) => self.tell(Input::Part(fetch, holder)),
            Report::Fetched(fetch, chunk, outcome) => {
                if self.fetches.remove(&fetch).is_none() {
                    return;
                }
                match (outcome.answer(), outcome) {
                    (Some(answer), outcome) => {
                        if let Outcome::Arrived(arrived) = outcome {
                            self.arrived.insert(chunk, arrived);
                        }
                        self.tell(Input::Answered(fetch, answer));
                        self.arrived.remove(&chunk);
                    }
                    (None, Outcome::Unsound(reason)) => self.fail(chunk, &reason),
                    (None, _) => {}
                }
            }
            Report::StoodIn(chunk, hash) => {
                self.jobs.running -= 1;
                self.tell(Input::Generated(chunk, hash));
                self.work();
            }
            Report::Made(chunk, found, made) => {
                self.jobs.running -= 1;
                self.made(chunk, &found, made);
                self.work();
            }
        }
    }

    fn made(&mut self, chunk: ChunkPos, found: &Found, made: Option<Made>) {
        let is_current = matches!(found, Found::Open(open) if open.is_newest_read());
        match made {
            Some(made) if is_current => {
                let made = Arc::new(made);
                self.made.put(chunk, made.clone());
                self.hand_out(chunk, made.source, |have| made.frame(chunk, have, made.source));
                self.tell(Input::Cancel(vec![chunk]));
            }
            // The edits are gone, or in a version by now.
            _ => {
                let inputs = self.again(chunk);
                inputs.into_iter().for_each(|input| self.tell(input));
            }
        }
    }

    fn looked(&mut self, location: LocationPos, found: anyhow::Result<Found>, players: Vec<Address>) {
        self.looking.remove(&location);
        let now_ms = self.now_ms();
        let checked = self.worlds.chain.height();
        let found = found.and_then(|found| {
            let is_current = found.is_current(&self.worlds, self.world, location)?;
            Ok((found.located(players)?, found, is_current))
        });
        let (located, found, is_current) = match found {
            Ok(found) => found,
            Err(error) => return self.not_found(location, &error),
        };
        self.troubles.remove(&location);
        if self.known.len() >= KNOWN_MAX && !self.known.contains_key(&location) {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.used_ms).map(|(location, _)| *location);
            oldest.map(|oldest| self.known.remove(&oldest));
        }
        let known = Known { found: Arc::new(found), checked, is_outdated: !is_current, used_ms: now_ms };
        self.known.insert(location, known);
        if is_current {
            self.tell(Input::Located(location, located));
        } else {
            // The ledger went on meanwhile.
            self.tell(Input::NotLocated(location));
        }
    }

    fn not_found(&mut self, location: LocationPos, error: &anyhow::Error) {
        let now_ms = self.now_ms();
        tracing::warn!(world = %self.world, %location, "a location can't be opened: {error:#}");
        self.tell(Input::NotLocated(location));
        let (since_ms, reason) = self.troubles.entry(location).or_insert((now_ms, String::new()));
        *reason = format!("{error:#}");
        if is_unsound(error) || *since_ms + TROUBLE_MS < now_ms {
            let reason = reason.clone();
            self.troubles.remove(&location);
            self.requests.of_location(location).into_iter().for_each(|chunk| self.fail(chunk, &reason));
        }
    }

    fn tick(&mut self, looks_around: bool) {
        let left = self.requests.hang_up();
        if !left.is_empty() {
            self.tell(Input::Cancel(left));
        }
        if looks_around {
            let known = self.troubles.len();
            self.troubles.retain(|location, _| known <= KNOWN_MAX || self.looking.contains_key(location));
            for chunk in self.requests.overdue(self.now_ms()) {
                let trouble = self.troubles.get(&chunk.location()).map(|(_, reason)| reason.clone());
                let reason = trouble.unwrap_or_else(|| "nobody who keeps it has answered in time".to_owned());
                self.fail(chunk, &reason);
            }
        }
        self.tell(Input::Tick);
        let standing = Standing {
            tally: self.scheduler.tally().clone(),
            wanted: self.scheduler.wanted(),
            fetching: self.scheduler.fetching(),
            latency_ms: self.scheduler.latency_ms(),
        };
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}
