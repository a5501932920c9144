//! A simulated network around one scheduler and one client: suppliers that take time and die, players, a disk, a generator.
//!
//! Everything happens in a queue of events ordered by time; the only source of chance is a seeded generator, so that a
//! seed tells a run apart from all others, and repeats it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bitdust_types::{Address, Root};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    place::{ChunkPos, LocationPos, VoxelPos},
    stream::*,
};

/// Shards that give a chunk, and slots of a dataset.
pub const NEEDED: u16 = 4;
pub const SLOTS: u16 = 8;
pub const FRAME_MS: u64 = 50;
/// What comes into view before is not foreseen by a player that stood still.
const START_M: f64 = 150.0;

/// What a run is like.
#[derive(Clone, Copy)]
pub struct Setting {
    pub seed: u64,
    pub start: VoxelPos,
    pub distance_m: u32,
    pub speed_m_s: f64,
    /// The least that a message takes from one machine to another.
    pub one_way_ms: u64,
    /// Suppliers are killed and restarted, every second one at a time.
    pub deaths: bool,
    /// How many of the eight suppliers lie about one chunk in ten.
    pub liars: u16,
    /// Players nearby, who have half of the chunks.
    pub players: u16,
    pub rules: Rules,
    /// One location in so many was built; the others are the generator's. 1: all were.
    pub built_one_in: u64,
    /// One chunk in so many of a built location differs from what the generator makes.
    pub edited_one_in: u64,
}

impl Default for Setting {
    fn default() -> Self {
        Setting {
            seed: 1,
            start: VoxelPos::new(0, 80, 0),
            distance_m: 160,
            speed_m_s: 30.0,
            one_way_ms: 50,
            deaths: true,
            liars: 0,
            players: 0,
            rules: Rules { stand_in: false },
            built_one_in: 1,
            edited_one_in: 1,
        }
    }
}

/// A chunk that the client has.
#[derive(Clone, Copy)]
pub struct Shown {
    /// Whether the client was told that it is the current version.
    is_final: bool,
    /// Whether it is.
    is_current: bool,
}

enum Event {
    Tell(Input),
    /// A supplier has received a request, and sends so many bytes when those before it are through.
    Serve {
        fetch: FetchId,
        chunk: ChunkPos,
        holder: Address,
        sent_at: u64,
    },
    /// They arrive.
    Arrive {
        fetch: FetchId,
        chunk: ChunkPos,
        holder: Address,
        sent_at: u64,
    },
}

#[derive(Default)]
struct Supplier {
    free_at_us: u64,
    died_at: Option<u64>,
    is_dead: bool,
}

pub struct Network {
    pub setting: Setting,
    pub now_ms: u64,
    pub scheduler: Scheduler,
    pub wants: Wants,
    /// What the client has.
    pub client: HashMap<ChunkPos, Shown>,
    pub blamed: BTreeSet<Address>,
    pub holes: u64,
    pub samples: u64,
    pub requests: u64,
    /// How many milliseconds before it came into view each chunk was there, of those that came while the player flew.
    pub early_ms: Vec<u64>,
    /// Since when each is there.
    since: HashMap<ChunkPos, u64>,
    seen: BTreeSet<ChunkPos>,
    travelled_m: f64,
    position_m: [f64; 3],
    velocity: [f64; 3],
    rng: ChaCha8Rng,
    events: BTreeMap<(u64, u64), Event>,
    event: u64,
    suppliers: BTreeMap<Address, Supplier>,
    columns: BTreeMap<FetchId, u16>,
    live: BTreeSet<FetchId>,
    /// What the node has read or made last for a chunk.
    node: HashMap<ChunkPos, Root>,
}

pub fn supplier(number: u16) -> Address {
    Address::repeat_byte(1 + number as u8)
}

pub fn player(number: u16) -> Address {
    Address::repeat_byte(101 + number as u8)
}

pub fn root(number: u64) -> Root {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Root(bytes)
}

/// A number that looks random for each chunk.
fn dice(seed: u64, chunk: ChunkPos, salt: u64) -> u64 {
    let words = [chunk.x as u64, chunk.y as u64, chunk.z as u64, salt];
    words.iter().fold(seed, |state, word| {
        let mixed = (state ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ mixed >> 32
    })
}

impl Network {
    pub fn new(setting: Setting) -> Self {
        Network {
            setting,
            now_ms: 0,
            scheduler: Scheduler::new(setting.rules),
            wants: Wants::default(),
            client: HashMap::new(),
            blamed: BTreeSet::new(),
            holes: 0,
            samples: 0,
            requests: 0,
            early_ms: Vec::new(),
            since: HashMap::new(),
            seen: BTreeSet::new(),
            travelled_m: 0.0,
            position_m: [0.0; 3],
            velocity: [0.0; 3],
            rng: ChaCha8Rng::seed_from_u64(setting.seed),
            events: BTreeMap::new(),
            event: 0,
            suppliers: (0..SLOTS).map(|number| (supplier(number), Supplier::default())).collect(),
            columns: BTreeMap::new(),
            live: BTreeSet::new(),
            node: HashMap::new(),
        }
    }

    pub fn generator(&self, chunk: ChunkPos) -> Root {
        root(dice(self.setting.seed, chunk, 1))
    }

    fn is_built(&self, location: LocationPos) -> bool {
        let corner = ChunkPos::new(location.x, location.y, location.z);
        dice(self.setting.seed, corner, 2).is_multiple_of(self.setting.built_one_in)
    }

    fn is_edited(&self, chunk: ChunkPos) -> bool {
        self.is_built(chunk.location()) && dice(self.setting.seed, chunk, 3).is_multiple_of(self.setting.edited_one_in)
    }

    /// The current version of a chunk.
    pub fn truth(&self, chunk: ChunkPos) -> Root {
        if self.is_edited(chunk) { root(dice(self.setting.seed, chunk, 4)) } else { self.generator(chunk) }
    }

    fn located(&self, location: LocationPos) -> Located {
        if !self.is_built(location) {
            return Located::unclaimed();
        }
        let chunks = location.chunks().map(|chunk| {
            // Neighbours in the manifest lie in one stripe unit, as they do in a dataset.
            let slot = chunk.index() / 8 % NEEDED;
            let kept =
                if self.setting.rules.stand_in || self.is_edited(chunk) { Kept::Slot(slot) } else { Kept::Generated };
            Expected { hash: self.truth(chunk), kept }
        });
        // Every dataset has the same eight suppliers, in another order.
        let turn = dice(self.setting.seed, ChunkPos::new(location.x, location.y, location.z), 5) as u16;
        let slots = (0..SLOTS).map(|slot| Some(supplier((slot + turn % SLOTS) % SLOTS))).collect();
        let players = (0..self.setting.players).map(player).collect();
        Located::new(1, chunks.collect(), NEEDED, slots, players).expect("a manifest whose numbers make sense")
    }

    pub fn view(&self) -> View {
        let [x, y, z] = self.position_m.map(|metres| metres.floor() as i64);
        View {
            at: self.setting.start.offset(x, y, z),
            velocity_mm_s: self.velocity.map(|speed| (speed * 1000.0) as i64),
            look: None,
            distance_m: self.setting.distance_m,
        }
    }

    /// Stands still until everything in view and just beyond is there, as players do while a world loads.
    pub fn arrive(&mut self) {
        for _ in 0..20 * 120 {
            self.frame();
            if self.missing() == 0 && self.scheduler.wanted() == 0 {
                return;
            }
        }
        panic!(
            "seed {}: {} chunks missing after two minutes: {:?}",
            self.setting.seed,
            self.missing(),
            self.scheduler.tally()
        );
    }

    /// Flies on in gentle curves, up and down, counting holes 20 times a second.
    pub fn fly(&mut self, metres: f64) {
        let end = self.travelled_m + metres;
        while self.travelled_m < end {
            let seconds = self.now_ms as f64 / 1000.0;
            let heading = 0.6 * (seconds / 40.0).sin();
            let speed = self.setting.speed_m_s;
            self.velocity = [speed * heading.cos(), 0.1 * speed * (seconds / 15.0).sin(), speed * heading.sin()];
            for axis in 0..3 {
                self.position_m[axis] += self.velocity[axis] * FRAME_MS as f64 / 1000.0;
            }
            self.travelled_m += speed * FRAME_MS as f64 / 1000.0;
            self.frame();
            self.samples += 1;
            self.holes += self.missing();
            self.look();
        }
        self.early_ms.sort_unstable();
        self.velocity = [0.0; 3];
    }

    /// Notes how early the chunks were there that have just come into view.
    fn look(&mut self) {
        let seen: BTreeSet<ChunkPos> = self.view().visible().collect();
        if self.travelled_m > START_M {
            let early = |chunk: &ChunkPos| self.since.get(chunk).map_or(0, |since| self.now_ms - since);
            self.early_ms.extend(seen.difference(&self.seen).map(early));
        }
        self.seen = seen;
    }

    /// Chunks in view that aren't their current version. Looks at each chunk around the player, whatever the plan says.
    pub fn missing(&self) -> u64 {
        let view = self.view();
        let is_there = |chunk: &ChunkPos| self.client.get(chunk).is_some_and(|shown| shown.is_current);
        view.visible().filter(|chunk| !is_there(chunk)).count() as u64
    }

    pub fn frame(&mut self) {
        let until = self.now_ms + FRAME_MS;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), event) = entry.remove_entry();
            self.now_ms = at;
            self.happens(event);
        }
        self.now_ms = until;
        self.kill_and_restart();
        let view = self.view();
        let client = &self.client;
        let status = |chunk: ChunkPos| match client.get(&chunk) {
            None => Status::Missing,
            Some(Shown { is_final: false, .. }) => Status::Provisional,
            Some(_) => Status::Held,
        };
        if let Some(latency_ms) = self.scheduler.latency_ms() {
            self.wants.set_latency_ms(latency_ms);
        }
        let wants = self.wants.plan(&view, &status);
        for chunk in self.wants.forget(&view) {
            self.client.remove(&chunk);
            self.since.remove(&chunk);
        }
        assert!(self.client.len() <= held_max(self.setting.distance_m) + self.wants.pending());
        self.tell(Input::Replace(wants));
        self.tell(Input::Tick);
    }

    fn kill_and_restart(&mut self) {
        for (number, (_, supplier)) in (0..).zip(self.suppliers.iter_mut()) {
            // Ten seconds of every forty without the odd ones, ten without the even ones.
            let phase = (self.now_ms / 10_000 + 2 * (number % 2)) % 4;
            let dies = self.setting.deaths && self.now_ms > 10_000 && phase == 1;
            if dies && !supplier.is_dead {
                supplier.died_at = Some(self.now_ms);
            }
            supplier.is_dead = dies;
        }
    }

    fn tell(&mut self, input: Input) {
        for effect in self.scheduler.handle(self.now_ms, input) {
            self.perform(effect);
        }
    }

    fn later(&mut self, after_ms: u64, event: Event) {
        self.event += 1;
        self.events.insert((self.now_ms + after_ms, self.event), event);
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Resolve(location) => {
                let after_ms = self.rng.random_range(300..900);
                let is_found = self.rng.random_range(0..50) != 0;
                let located = if is_found {
                    Input::Located(location, self.located(location))
                } else {
                    Input::NotLocated(location)
                };
                self.later(after_ms, Event::Tell(located));
            }
            Effect::Fetch { fetch, chunk, hash, source } => self.fetch(fetch, chunk, hash, source),
            Effect::Abandon(fetch) => {
                assert!(self.live.remove(&fetch), "only what is under way can be called off");
                self.columns.remove(&fetch);
            }
            Effect::Generate(chunk) => {
                self.node.insert(chunk, self.generator(chunk));
                self.later(2, Event::Tell(Input::Generated(chunk, self.generator(chunk))));
            }
            Effect::Deliver { chunk, provisional, .. } => {
                let is_current = self.node[&chunk] == self.truth(chunk);
                assert!(provisional || is_current, "what isn't current was delivered as such");
                self.client.insert(chunk, Shown { is_final: !provisional, is_current });
                self.since.entry(chunk).or_insert(self.now_ms);
            }
            Effect::Confirm(chunk) => {
                let shown = self.client.get_mut(&chunk).expect("only what was delivered can be confirmed");
                assert!(shown.is_current);
                shown.is_final = true;
            }
            Effect::Changed(_, chunks) => chunks.into_iter().for_each(|chunk| self.wants.recheck(chunk)),
            Effect::Blame { holder, .. } => {
                self.blamed.insert(holder);
            }
        }
    }

    fn fetch(&mut self, fetch: FetchId, chunk: ChunkPos, hash: Root, source: Source) {
        assert_eq!(hash, self.truth(chunk));
        assert!(self.live.insert(fetch));
        self.requests += 1;
        match source {
            Source::Cache => self.later(1, Event::Tell(Input::Answered(fetch, Answer::Absent))),
            Source::Player(holder) => {
                let half = dice(self.setting.seed, chunk, u64::from(holder.0[0])).is_multiple_of(2);
                let after_ms = self.rng.random_range(30..60);
                if half {
                    self.later(after_ms, Event::Tell(Input::Answered(fetch, Answer::Absent)));
                } else {
                    let sent_at = self.now_ms;
                    self.later(after_ms, Event::Arrive { fetch, chunk, holder, sent_at });
                }
            }
            Source::Supplier { holder, .. } => self.request(fetch, chunk, holder),
            Source::Column { needed, holders } => {
                assert!(holders.len() >= usize::from(needed) && needed == NEEDED);
                assert_eq!(holders.iter().collect::<BTreeSet<_>>().len(), holders.len());
                self.columns.insert(fetch, needed);
                holders.into_iter().for_each(|(_, holder)| self.request(fetch, chunk, holder));
            }
        }
    }

    /// There and back, up to 30 ms more on each way, and now and then much more.
    fn request(&mut self, fetch: FetchId, chunk: ChunkPos, holder: Address) {
        let sent_at = self.now_ms;
        let after_ms = self.one_way_ms();
        self.later(after_ms, Event::Serve { fetch, chunk, holder, sent_at });
    }

    fn one_way_ms(&mut self) -> u64 {
        let spike = if self.rng.random_range(0..200) == 0 { self.rng.random_range(200..1000) } else { 0 };
        self.setting.one_way_ms + self.rng.random_range(0..30) + spike
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Tell(input) => {
                if let Input::Answered(fetch, _) = &input
                    && !self.live.remove(fetch)
                {
                    return;
                }
                self.tell(input);
            }
            Event::Serve { fetch, chunk, holder, sent_at } => {
                let bytes = self.bytes(chunk);
                let way_ms = self.one_way_ms();
                let Some(supplier) = self.suppliers.get_mut(&holder) else { return };
                if supplier.is_dead {
                    // It says nothing: a killed machine doesn't even refuse.
                    return;
                }
                // 4 MB/s: 4 bytes a microsecond.
                supplier.free_at_us = supplier.free_at_us.max(self.now_ms * 1000) + u64::from(bytes) / 4;
                let after_ms = supplier.free_at_us / 1000 - self.now_ms.min(supplier.free_at_us / 1000) + way_ms;
                self.later(after_ms, Event::Arrive { fetch, chunk, holder, sent_at });
            }
            Event::Arrive { fetch, chunk, holder, sent_at } => self.arrives(fetch, chunk, holder, sent_at),
        }
    }

    fn arrives(&mut self, fetch: FetchId, chunk: ChunkPos, holder: Address, sent_at: u64) {
        let died = self.suppliers.get(&holder).and_then(|supplier| supplier.died_at);
        if died.is_some_and(|at| at >= sent_at) || !self.live.contains(&fetch) {
            return;
        }
        let lies = (0..self.setting.liars).any(|number| supplier(number) == holder)
            && dice(self.setting.seed, chunk, 6).is_multiple_of(10);
        if lies {
            self.live.remove(&fetch);
            self.columns.remove(&fetch);
            return self.tell(Input::Answered(fetch, Answer::Wrong { by: Some(holder) }));
        }
        if let Some(missing) = self.columns.get_mut(&fetch) {
            *missing -= 1;
            let is_whole = *missing == 0;
            self.tell(Input::Part(fetch, holder));
            if !is_whole {
                return;
            }
            self.columns.remove(&fetch);
        }
        if self.live.remove(&fetch) {
            self.node.insert(chunk, self.truth(chunk));
            let bytes = self.bytes(chunk);
            self.tell(Input::Answered(fetch, Answer::Chunk { bytes }));
        }
    }

    /// A packed chunk that a player built in has 2 to 10 KiB.
    fn bytes(&self, chunk: ChunkPos) -> u32 {
        2048 + (dice(self.setting.seed, chunk, 7) % 8192) as u32
    }
}
