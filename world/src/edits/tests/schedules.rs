//! Thousands of lives of a location, each from a seed: several players, partitions, lost and doubled and late messages,
//! modified clients, revocations, lists, a new owner, folds. All replicas end with the same world.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, seq::IndexedRandom, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{super::*, actors::*, reference::by_definition, syncing::talk};
use crate::block::BlockId;

/// A version as the market would keep it.
struct Version {
    heads: Vec<OpHash>,
    base: Vec<u8>,
    changes: BTreeMap<u32, BlockId>,
}

struct World {
    seed: u64,
    rng: ChaCha8Rng,
    replicas: Vec<Graph>,
    /// What is under way: the receiver and the operation.
    wire: Vec<(usize, Checked)>,
    /// Replicas of one side of the partition.
    cut_off: Vec<usize>,
    is_sold: bool,
    versions: Vec<Version>,
    /// Operations that everybody must have refused.
    refused: Vec<Checked>,
    tally: Tally,
}

/// What happened, so that a simulator in which nothing happens is noticed.
#[derive(Default, Debug)]
struct Tally {
    edits: u32,
    revocations: u32,
    lists: u32,
    refused: u32,
    dropped: u32,
    folds: u32,
    loads: u32,
    orphaned: u32,
    too_old: u32,
    sales: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let builders =
            *[Builders::Owner, Builders::Guests, Builders::Everybody, Builders::Everybody].choose(&mut rng).unwrap();
        let replicas = vec![graph(builders); rng.random_range(3..=5)];
        let (wire, cut_off, versions, refused) = Default::default();
        World { seed, rng, replicas, wire, cut_off, is_sold: false, versions, refused, tally: Tally::default() }
    }

    fn any_replica(&mut self) -> usize {
        self.rng.random_range(0..self.replicas.len())
    }

    fn any_list(&mut self, at: usize) -> AccessList {
        let mut list = list(*[Builders::Owner, Builders::Guests, Builders::Everybody].choose(&mut self.rng).unwrap());
        list.guests.retain(|_| self.rng.random_bool(0.7));
        list.compactors.retain(|_| self.rng.random_bool(0.8));
        let revocations = self.replicas[at].revocations().values().flatten();
        list.lifted = revocations.filter(|_| self.rng.random_bool(0.3)).copied().collect();
        list.lifted.sort();
        list
    }

    fn any_body(&mut self, at: usize) -> Body {
        match self.rng.random_range(0..100) {
            0..76 => {
                let mut voxels: Vec<u32> = (0..10).collect();
                voxels.shuffle(&mut self.rng);
                voxels.truncate(self.rng.random_range(1..5));
                voxels.sort();
                Body::Place(voxels.into_iter().map(|voxel| (voxel, BlockId(self.rng.random_range(0..1000)))).collect())
            }
            76..82 => {
                let text = ["", "left", "right"].choose(&mut self.rng).unwrap().to_string();
                Body::Note { voxel: self.rng.random_range(0..3), text }
            }
            82..88 => Body::Access { term: self.replicas[at].term(), list: self.any_list(at) },
            _ => Body::Revoke { key: *ALL.choose(&mut self.rng).unwrap(), seen: self.any_known(at, 3) },
        }
    }

    /// Some operations that a replica knows, mostly heads.
    fn any_known(&mut self, at: usize, count: usize) -> Vec<OpHash> {
        let graph = &self.replicas[at];
        let mut known: Vec<OpHash> = if self.rng.random_bool(0.6) {
            graph.heads().iter().copied().collect()
        } else {
            graph.log().map(Checked::hash).chain(graph.base().heads().iter().copied()).collect()
        };
        known.shuffle(&mut self.rng);
        known.truncate(count);
        known.sort();
        known
    }

    fn send(&mut self, from: usize, op: &Checked) {
        for to in 0..self.replicas.len() {
            let is_cut = self.cut_off.contains(&from) != self.cut_off.contains(&to);
            if to != from && !is_cut && self.rng.random_bool(0.9) {
                let copies = if self.rng.random_bool(0.1) { 2 } else { 1 };
                self.wire.extend(std::iter::repeat_n((to, op.clone()), copies));
            }
        }
    }

    fn insert(&mut self, at: usize, op: &Checked) {
        match self.replicas[at].insert(op.clone()) {
            Ok(Inserted::Full) => panic!("seed {}: full", self.seed),
            Ok(_) => {}
            Err(_) => self.tally.refused += 1,
        }
    }

    fn step(&mut self) {
        let at = self.any_replica();
        match self.rng.random_range(0..100) {
            // Somebody edits.
            0..35 => {
                let mut author = *ALL.choose(&mut self.rng).unwrap();
                let body = self.any_body(at);
                if let Body::Access { .. } = body {
                    author = *self.replicas[at].owners().last().unwrap();
                }
                if let Ok(statement) = self.replicas[at].draft(author, body) {
                    let op = sign(author, statement);
                    match op.body() {
                        Body::Access { .. } => self.tally.lists += 1,
                        Body::Revoke { .. } => self.tally.revocations += 1,
                        _ => self.tally.edits += 1,
                    }
                    self.insert(at, &op);
                    self.send(at, &op);
                }
            }
            // A modified client signs what it likes, and tells everybody.
            35..45 => {
                let author = *ALL.choose(&mut self.rng).unwrap();
                let body = self.any_body(at);
                let parents = self.any_known(at, 3);
                let graph = &self.replicas[at];
                let in_force: Vec<AccessId> =
                    graph.lists_in_force().into_iter().chain([graph.base().claim()]).collect();
                let access = *in_force.choose(&mut self.rng).unwrap();
                let op = forge(&self.replicas[at], author, &parents, access, body);
                if self.replicas[at].clone().insert(op.clone()).is_err() {
                    self.refused.push(op.clone());
                }
                self.insert(at, &op);
                self.send(at, &op);
            }
            45..85 if !self.wire.is_empty() => {
                let next = self.rng.random_range(0..self.wire.len());
                let (to, op) = self.wire.swap_remove(next);
                self.insert(to, &op);
            }
            85..88 => {
                self.cut_off = (0..self.replicas.len()).filter(|_| self.rng.random_bool(0.4)).collect();
            }
            88..93 => {
                let other = self.any_replica();
                self.talk(at, other);
            }
            93..95 => self.is_sold |= self.rng.random_bool(0.3),
            _ => {
                if self.is_sold && self.replicas[at].term() == 0 {
                    self.replicas[at].change_owner(HEIR);
                    self.tally.sales += 1;
                }
            }
        }
    }

    fn talk(&mut self, a: usize, b: usize) {
        let is_cut = self.cut_off.contains(&a) != self.cut_off.contains(&b);
        let [first, second] = [a.min(b), a.max(b)];
        let (left, right) = self.replicas.split_at_mut(second);
        if let (false, Some(a), Some(b)) = (is_cut, left.get_mut(first), right.first_mut()) {
            talk(a, b);
        }
    }

    /// Somebody publishes the next version.
    fn fold(&mut self) {
        let at = self.any_replica();
        self.follow(at);
        let heads = if self.rng.random_bool(0.5) { self.replicas[at].heads_to_fold() } else { self.any_known(at, 2) };
        if let Ok(fold) = self.replicas[at].fold(&heads) {
            let base = self.replicas[at].base();
            let (heads, base) = (base.heads().to_vec(), base.encode());
            self.versions.push(Version { heads, base, changes: fold.changes });
            self.tally.orphaned += fold.orphaned.len() as u32;
            self.tally.folds += 1;
        }
    }

    /// A replica comes to the newest version: by folding where it has all that was folded, by loading it otherwise.
    fn follow(&mut self, at: usize) {
        while let Some(version) = self.versions.get(self.replicas[at].base().sequence() as usize) {
            let graph = &mut self.replicas[at];
            match graph.fold(&version.heads) {
                Ok(fold) => {
                    assert_eq!(fold.changes, version.changes, "seed {}", self.seed);
                    self.tally.orphaned += fold.orphaned.len() as u32;
                }
                Err(_) => {
                    let base = Folded::decode(&version.base).unwrap();
                    while base.term() > graph.term() {
                        graph.change_owner(HEIR);
                    }
                    let log: Vec<Checked> = graph.log().cloned().collect();
                    self.tally.too_old += log
                        .iter()
                        .filter(|op| {
                            op.statement().depth <= base.floor() && version.heads.binary_search(&op.hash()).is_err()
                        })
                        .count() as u32;
                    *graph = Graph::replay(graph.claim().clone(), graph.owners(), base, log).unwrap();
                    self.tally.loads += 1;
                }
            }
            assert_eq!(graph.base().encode(), version.base, "seed {}", self.seed);
        }
    }

    /// The partition heals, the ledger and the market reach everybody, everybody talks to everybody.
    fn heal(&mut self) {
        self.cut_off.clear();
        for at in 0..self.replicas.len() {
            if self.is_sold && self.replicas[at].term() == 0 {
                self.replicas[at].change_owner(HEIR);
            }
            self.follow(at);
        }
        for _ in 0..2 {
            for at in 0..self.replicas.len() {
                let next = (at + 1) % self.replicas.len();
                self.talk(at, next);
            }
        }
        let hash = self.replicas[0].state_hash();
        for graph in &self.replicas {
            assert_eq!(graph.state_hash(), hash, "seed {}: replicas differ", self.seed);
            assert_eq!(graph.materialize(), self.replicas[0].materialize(), "seed {}", self.seed);
        }
        self.tally.dropped +=
            self.replicas[0].log().filter(|op| self.replicas[0].dropped(&op.hash()).is_some()).count() as u32;
    }

    /// One who has the version and the log alone, in whatever causal order, arrives at the same.
    fn arrive_later(&mut self) {
        let graph = &self.replicas[0];
        let mut log: Vec<Checked> = graph.log().cloned().collect();
        log.shuffle(&mut self.rng);
        log.sort_by_key(|op| op.statement().depth);
        let base = Folded::decode(&graph.base().encode()).unwrap();
        let third = Graph::replay(graph.claim().clone(), graph.owners(), base, log).unwrap();
        assert_eq!(third.state_hash(), graph.state_hash(), "seed {}: the log alone differs", self.seed);
        assert_eq!(third.heads(), graph.heads(), "seed {}", self.seed);
        for op in &self.refused {
            for graph in self.replicas.iter().chain([&third]) {
                let is_in_log = graph.log().any(|other| other.hash() == op.hash());
                assert!(!is_in_log, "seed {}: a replica took what another refused", self.seed);
            }
        }
    }
}

#[test]
fn a_thousand_schedules_converge() {
    let mut all = Tally::default();
    for seed in 0..1000 {
        let mut world = World::new(seed);
        for _ in 0..200 {
            world.step();
        }
        world.heal();
        world.arrive_later();
        let graph = &world.replicas[0];
        let expected = by_definition(graph.claim(), graph.owners(), graph.log());
        assert_eq!(graph.materialize(), expected, "seed {seed}: not what the rules say");
        let Tally { edits, revocations, lists, refused, dropped, sales, .. } = world.tally;
        all.edits += edits;
        all.revocations += revocations;
        all.lists += lists;
        all.refused += refused;
        all.dropped += dropped;
        all.sales += sales;
    }
    let is_lively = all.edits > 20_000
        && all.revocations > 1000
        && all.lists > 1000
        && all.refused > 1000
        && all.dropped > 1000
        && all.sales > 300;
    assert!(is_lively, "{all:?}");
}

#[test]
fn schedules_with_versions_converge() {
    let mut all = Tally::default();
    for seed in 10_000..10_400 {
        let mut world = World::new(seed);
        // In every tenth one builds so much apart that the others' edits may come to lie below the horizon's floor.
        if seed % 10 == 0 {
            for _ in 0..20 {
                act(&mut world.replicas[0], OWNER, place(0, 1));
            }
            for at in 1..world.replicas.len() {
                world.talk(0, at);
            }
            for _ in 0..limits::HORIZON_DEPTHS {
                act(&mut world.replicas[0], OWNER, place(0, 1));
            }
        }
        for _ in 0..200 {
            match world.rng.random_range(0..100) {
                0..2 => world.fold(),
                2..5 => {
                    let at = world.any_replica();
                    world.follow(at);
                }
                _ => world.step(),
            }
        }
        world.heal();
        world.arrive_later();
        all.folds += world.tally.folds;
        all.loads += world.tally.loads;
        all.orphaned += world.tally.orphaned;
        all.too_old += world.tally.too_old;
    }
    assert!(all.folds > 400 && all.loads > 100 && all.orphaned > 20 && all.too_old > 20, "{all:?}");
}
