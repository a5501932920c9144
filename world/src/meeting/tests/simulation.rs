//! Crowds on a simulated network: 20 to 100 ms of delay per pair, jitter, loss and reordering of poses, clocks that start
//! anywhere, a table that names newcomers late.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use bitdust_types::{B256, signing};
use k256::ecdsa::SigningKey;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{crowd, key, peer};
use crate::{
    ChunkPos,
    meeting::{Channel, Crowd, Effect, Input, Mode, Peer, Position, Stance, limits},
};

const TICK_MS: u64 = 50;
/// When everybody has come and had time to get to know the others.
const SETTLED_MS: u64 = 15_000;
const END_MS: u64 = 30_000;

struct Player {
    crowd: Crowd,
    key: SigningKey,
    /// Its clock minus the simulator's.
    clock_ms: u64,
    joins_ms: u64,
    home: [f64; 3],
    /// Metres from home and direction.
    at: [f64; 2],
    towards: [f64; 2],
    /// Bytes out and in within the current second, and the most in any.
    now: [usize; 2],
    most: [usize; 2],
    total: [usize; 2],
    finds: usize,
}

impl Player {
    fn position(&self) -> Position {
        let [x, y, z] = self.home;
        Position::from_metres(ChunkPos::new(1 << 40, 2, -(1 << 30)), [x + self.at[0], y, z + self.at[1]])
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick(usize),
    Deliver(usize, usize, Vec<u8>),
    Connected(usize, usize),
    /// From one to another, about their so-manieth link.
    Disconnected(usize, usize, u64),
    Found(usize, Vec<usize>),
    Announced(usize, B256),
}

struct Simulation {
    seed: u64,
    rng: ChaCha8Rng,
    players: Vec<Player>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    table: BTreeMap<B256, BTreeSet<usize>>,
    /// What each believes of its link to another: the link's number.
    linked: BTreeMap<(usize, usize), u64>,
    /// When the last reliable message from one to another arrives.
    reliable: BTreeMap<(usize, usize), u64>,
    /// Sightings of the nearest, and those among them that were older than 300 ms.
    seen: usize,
    late: usize,
    /// Those of whom there was nothing at all.
    missed: usize,
}

fn yaw_at(now: u64) -> u16 {
    now as u16
}

fn number(peer: &Peer) -> usize {
    let bytes = peer.as_bytes();
    usize::from(u16::from_be_bytes([bytes[36], bytes[37]]))
}

impl Simulation {
    /// Players at homes, around which they walk within a radius.
    fn new(seed: u64, homes: Vec<[f64; 3]>, joining_ms: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let player = |(i, home): (usize, [f64; 3])| Player {
            crowd: crowd(i as u16),
            key: key(i as u16),
            clock_ms: rng.random_range(0..100_000_000),
            joins_ms: rng.random_range(0..joining_ms),
            home,
            at: [0.0; 2],
            towards: [3.0, 0.0],
            now: [0; 2],
            most: [0; 2],
            total: [0; 2],
            finds: 0,
        };
        let players: Vec<_> = homes.into_iter().enumerate().map(player).collect();
        let mut simulation = Simulation {
            seed,
            rng,
            players,
            events: BinaryHeap::new(),
            count: 0,
            table: BTreeMap::new(),
            linked: BTreeMap::new(),
            reliable: BTreeMap::new(),
            seen: 0,
            late: 0,
            missed: 0,
        };
        for i in 0..simulation.players.len() {
            let joins_ms = simulation.players[i].joins_ms;
            simulation.at(joins_ms, Event::Tick(i));
        }
        simulation
    }

    fn at(&mut self, ms: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((ms, self.count, event)));
    }

    /// One way, between two.
    fn delay(&mut self, a: usize, b: usize) -> u64 {
        let (low, high) = (a.min(b) as u64, a.max(b) as u64);
        20 + (low * 7919 + high * 104_729 + self.seed) % 81 + self.rng.random_range(0..30)
    }

    fn run(&mut self) {
        let mut second = 0;
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            if now >= END_MS {
                break;
            }
            if now / 1000 > second {
                second = now / 1000;
                for player in &mut self.players {
                    for way in 0..2 {
                        player.most[way] = player.most[way].max(player.now[way]);
                        player.total[way] += if now > SETTLED_MS { player.now[way] } else { 0 };
                    }
                    player.now = [0; 2];
                }
            }
            self.event(now, event);
        }
    }

    fn event(&mut self, now: u64, event: Event) {
        match event {
            Event::Tick(i) => {
                self.walk(i);
                let player = &self.players[i];
                let yaw = yaw_at(now);
                let stance = Stance { position: player.position(), yaw, pitch: 0, mode: Mode::Walking };
                self.handle(now, i, Input::Stand(stance));
                self.handle(now, i, Input::Tick);
                if self.rng.random_ratio(1, 400) {
                    self.handle(now, i, Input::Say("It is a fine crowd that we have here today.".into()));
                }
                if now > SETTLED_MS && self.rng.random_ratio(1, 10) {
                    self.observe(now, i);
                }
                self.at(now + TICK_MS, Event::Tick(i));
            }
            Event::Deliver(from, to, bytes) => {
                if self.linked.contains_key(&(to, from)) {
                    self.players[to].now[1] += bytes.len() + limits::OVERHEAD_BYTES;
                    self.handle(now, to, Input::Received(peer(from as u16), bytes));
                }
            }
            Event::Connected(from, to) => {
                let link = self.count;
                let of = |simulation: &Self, a, b| simulation.linked.get(&(a, b)).copied();
                let both = of(self, from, to);
                if both.is_some() && both == of(self, to, from) {
                    return;
                }
                for (a, b) in [(from, to), (to, from)] {
                    if self.linked.insert((a, b), link).is_some() {
                        self.handle(now, a, Input::Disconnected(peer(b as u16)));
                    }
                }
                for (a, b) in [(from, to), (to, from)] {
                    // The first to hear of it may have hung up already.
                    if of(self, a, b) == Some(link) {
                        self.handle(now, a, Input::Connected(peer(b as u16)));
                    }
                }
            }
            Event::Disconnected(from, to, link) => {
                if self.linked.get(&(to, from)) == Some(&link) {
                    self.linked.remove(&(to, from));
                    self.handle(now, to, Input::Disconnected(peer(from as u16)));
                }
            }
            Event::Found(i, found) => {
                self.handle(now, i, Input::Found(found.into_iter().map(|other| peer(other as u16)).collect()));
            }
            Event::Announced(i, key) => {
                self.table.entry(key).or_default().insert(i);
            }
        }
    }

    fn handle(&mut self, now: u64, i: usize, input: Input) {
        let clock_ms = self.players[i].clock_ms;
        for effect in self.players[i].crowd.handle(now + clock_ms, input) {
            match effect {
                Effect::Announce(key) => self.at(now + 500, Event::Announced(i, key)),
                Effect::Unannounce(key) => {
                    self.table.entry(key).or_default().remove(&i);
                }
                Effect::Find(key) => {
                    self.players[i].finds += 1;
                    let all: Vec<usize> = self.table.get(&key).into_iter().flatten().copied().collect();
                    let found = all.choose_multiple(&mut self.rng, 20).copied().collect();
                    self.at(now + 300, Event::Found(i, found));
                }
                Effect::Connect { peer, .. } => {
                    let to = number(&peer);
                    let delay = 2 * self.delay(i, to);
                    self.at(now + delay, Event::Connected(i, to));
                }
                Effect::Disconnect(peer) => {
                    let to = number(&peer);
                    let Some(link) = self.linked.remove(&(i, to)) else { continue };
                    // After what was sent before.
                    let after = self.reliable.get(&(i, to)).copied().unwrap_or(now).max(now + self.delay(i, to));
                    self.at(after + 1, Event::Disconnected(i, to, link));
                }
                Effect::Sign(peer, hash) => {
                    let signature = signing::sign(&self.players[i].key, hash).unwrap();
                    self.handle(now, i, Input::Signed(peer, signature));
                }
                Effect::Send(peer, channel, bytes) => self.send(now, i, number(&peer), channel, bytes),
                Effect::Refused(peer, why) => panic!("seed {}: {i} refused {peer:?} at {now}: {why}", self.seed),
                Effect::Flooding(peer, kind) => panic!("seed {}: {peer:?} flooded {i} at {now}: {kind:?}", self.seed),
                _ => {}
            }
        }
    }

    fn send(&mut self, now: u64, from: usize, to: usize, channel: Channel, bytes: Vec<u8>) {
        self.players[from].now[0] += bytes.len() + limits::OVERHEAD_BYTES;
        let mut arrival = now + self.delay(from, to);
        if channel == Channel::Latest {
            if self.rng.random_ratio(1, 50) {
                return;
            }
        } else {
            let last = self.reliable.entry((from, to)).or_default();
            arrival = arrival.max(*last);
            *last = arrival;
        }
        self.at(arrival, Event::Deliver(from, to, bytes));
    }

    /// 4 m/s, with a new direction now and then, back when too far from home.
    fn walk(&mut self, i: usize) {
        let turn = self.rng.random_ratio(1, 40);
        let angle: f64 = self.rng.random_range(0.0..std::f64::consts::TAU);
        let player = &mut self.players[i];
        if turn {
            player.towards = [4.0 * angle.cos(), 4.0 * angle.sin()];
        }
        let [x, z] = player.at;
        if x.hypot(z) > 6.0 {
            player.towards = [-4.0 * x / x.hypot(z), -4.0 * z / x.hypot(z)];
        }
        for (at, towards) in player.at.iter_mut().zip(player.towards) {
            *at += towards * TICK_MS as f64 / 1000.0;
        }
    }

    /// Whether a player has fresh poses of the nearest 8 who really are within 30 m.
    fn observe(&mut self, now: u64, i: usize) {
        let own = self.players[i].position();
        let mut near: Vec<_> = (0..self.players.len())
            .filter(|other| *other != i)
            .map(|other| (self.players[other].position().distance_squared(own), other))
            .filter(|(distance, _)| *distance <= 30 * 30 * 64 * 64)
            .collect();
        near.sort_unstable();
        let player = &self.players[i];
        for (_, other) in near.into_iter().take(8) {
            // Everybody looks where the time points, so that a stance tells how old it is.
            let newest = player.crowd.newest(&peer(other as u16)).map(|(stance, _)| stance.yaw);
            self.seen += 1;
            self.missed += usize::from(newest.is_none());
            if newest.is_none_or(|yaw| yaw_at(now).wrapping_sub(yaw) > 300) {
                self.late += 1;
            }
        }
    }

    /// The most bytes per second of any player, and the mean of all while settled; out and in.
    fn bytes(&self) -> ([usize; 2], [usize; 2]) {
        let seconds = ((END_MS - SETTLED_MS) / 1000) as usize;
        let most = [0, 1].map(|way| self.players.iter().map(|player| player.most[way]).max().unwrap_or(0));
        let mean = [0, 1].map(|way| {
            self.players.iter().map(|player| player.total[way]).sum::<usize>() / self.players.len() / seconds
        });
        (most, mean)
    }
}

/// Homes in a disc of so many metres.
fn disc(count: usize, radius: f64) -> Vec<[f64; 3]> {
    // Vogel's spiral: evenly spread.
    let home = |i: usize| {
        let (r, angle) = (radius * ((i as f64 + 0.5) / count as f64).sqrt(), i as f64 * 2.399_963);
        [r * angle.cos(), 10.0, r * angle.sin()]
    };
    (0..count).map(home).collect()
}

fn check_one_place(count: usize, radius: f64) {
    let mut simulation = Simulation::new(count as u64, disc(count, radius), 4000);
    simulation.run();
    let (most, mean) = simulation.bytes();
    let late = simulation.late as f64 / simulation.seen.max(1) as f64;
    println!(
        "{count} within {radius} m: most {most:?} B/s, mean {mean:?} B/s, {:.2} % late, {} of {} sightings missed",
        100.0 * late,
        simulation.missed,
        simulation.seen
    );
    assert!(simulation.seen > 1000, "{} sightings", simulation.seen);
    assert!(most.iter().all(|bytes| *bytes <= limits::BYTES_PER_SECOND_MAX), "{most:?}");
    assert!(late <= 0.05, "{late}");
    let links = simulation.players.iter().map(|player| player.crowd.links()).max();
    assert!(links <= Some(limits::LINKS_MAX), "{links:?}");
}

#[test]
fn players_of_25_in_one_place_see_the_nearest_and_pay_a_bounded_price() {
    check_one_place(25, 20.0);
}

#[test]
fn players_of_50_in_one_place_see_the_nearest_and_pay_a_bounded_price() {
    check_one_place(50, 25.0);
}

#[test]
fn players_of_100_in_one_place_see_the_nearest_and_pay_a_bounded_price() {
    check_one_place(100, 30.0);
}

#[test]
fn players_of_100_across_a_place_see_the_nearest_and_pay_a_bounded_price() {
    check_one_place(100, 120.0);
}

#[test]
fn a_crowd_spread_out_costs_nearly_nothing() {
    for count in [25, 50, 100] {
        let homes = (0..count).map(|i| [(i % 10) as f64 * 1000.0, 10.0, (i / 10) as f64 * 1000.0]).collect();
        let mut simulation = Simulation::new(count as u64, homes, 4000);
        simulation.run();
        let (most, _) = simulation.bytes();
        let finds = simulation.players.iter().map(|player| player.finds).max();
        println!("{count} spread out: most {most:?} B/s, {finds:?} look-ups in {END_MS} ms");
        assert_eq!(most, [0, 0], "nobody is near anybody");
        assert!(finds <= Some(8 * 4), "{finds:?}");
    }
}
