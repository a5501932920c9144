//! A world of one's own: the generator on this machine's spare cores, and nobody else in it.
//!
//! Edits are kept in memory and laid over what the generator says, so a chunk that was evicted comes back as it was left. They
//! are gone when the program ends: what should last belongs into the market, which is what a node is for.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use bitdust_world::{
    BlockId, ChunkPos, VoxelPos,
    r#gen::{Column, Generator, Params},
};

use super::{Builders, Deed, Label, Land, News, Order, Owner, Place, PlaceKind, Source, Traffic, WorldInfo};
use crate::model::packed::PackedChunk;

/// Finished chunks that wait for the viewer at most: usually 512 × 16 KiB = 8 MiB, and never more than four times as much.
/// Workers pause when it is full.
const READY_MAX: usize = 512;
/// Columns remembered: those of a ring around a wide view, in which requests come. At about 20 KiB each: 8 MiB.
const COLUMNS_MAX: usize = 384;
/// Villages are looked for so far around.
const VILLAGES_M: u64 = 4_000;

/// The generator, nobody else.
pub struct Local {
    info: WorldInfo,
    shared: Arc<Shared>,
    generator: Arc<Generator>,
    news: VecDeque<News>,
}

struct Shared {
    state: Mutex<State>,
    /// What the chunks above each other have in common, newest last.
    columns: Mutex<VecDeque<([i64; 2], Arc<Column>)>>,
    /// There is work, or room for what is done, or it is all over.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: BinaryHeap<Task>,
    /// How many there ever were.
    tasks: u64,
    /// What is in the queue or being worked on, and not dropped.
    wanted: HashSet<ChunkPos>,
    ready: VecDeque<(ChunkPos, PackedChunk, u64)>,
    edits: HashMap<ChunkPos, Edits>,
    over: bool,
}

/// What the player changed in a chunk.
#[derive(Clone, Default)]
struct Edits {
    voxels: BTreeMap<[u8; 3], BlockId>,
    /// How often: the chunk's version.
    sequence: u64,
}

/// Earliest deadline first; among equals whatever was asked for first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Task {
    deadline_ms: Reverse<u64>,
    number: Reverse<u64>,
    pos: ChunkPos,
}

impl Local {
    /// Starts so many workers.
    pub fn start(seed: u64, params: Params, workers: usize) -> Result<Local, String> {
        let generator =
            Arc::new(Generator::new(seed, params).map_err(|invalid| format!("the terrain's parameters: {invalid}"))?);
        let shared = Arc::new(Shared { state: Mutex::default(), columns: Mutex::default(), changed: Condvar::new() });
        for number in 0..workers.max(1) {
            let (shared, generator) = (Arc::clone(&shared), Arc::clone(&generator));
            thread::Builder::new()
                .name(format!("terrain-{number}"))
                .spawn(move || work(&shared, &generator))
                .map_err(|error| format!("can't start a thread for terrain: {error}"))?;
        }
        let name = format!("Seed {seed}");
        let info = WorldInfo {
            name,
            id: None,
            seed,
            params,
            spawn: None,
            player: String::new(),
            account: String::new(),
            content: Arc::default(),
        };
        Ok(Local { info, shared, generator, news: VecDeque::new() })
    }

    /// The terrain, which may be asked for more than chunks.
    pub fn generator(&self) -> Arc<Generator> {
        Arc::clone(&self.generator)
    }

    fn villages(&self, near: VoxelPos) -> Vec<Place> {
        let mut villages = self.generator.villages_near(near.x, near.z, VILLAGES_M as i64);
        villages.truncate(super::PLACES_MAX);
        villages
            .into_iter()
            .map(|village| {
                // Beside the well.
                Place {
                    name: village.name,
                    at: VoxelPos::new(village.x.wrapping_add(4), village.height + 1, village.z.wrapping_add(4)),
                    kind: PlaceKind::Village,
                    owner: String::new(),
                }
            })
            .collect()
    }
}

impl Source for Local {
    fn info(&self) -> &WorldInfo {
        &self.info
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Fetch { chunks, .. } => {
                let mut state = self.shared.lock();
                for (pos, deadline_ms) in chunks {
                    if state.wanted.insert(pos) {
                        state.tasks += 1;
                        let number = Reverse(state.tasks);
                        state.queue.push(Task { deadline_ms: Reverse(deadline_ms), number, pos });
                    }
                }
                drop(state);
                self.shared.changed.notify_all();
            }
            Order::Drop(chunks) => {
                let mut state = self.shared.lock();
                for pos in chunks {
                    state.wanted.remove(&pos);
                }
                let State { queue, wanted, .. } = &mut *state;
                queue.retain(|task| wanted.contains(&task.pos));
            }
            Order::Edit { at, block } => {
                let mut state = self.shared.lock();
                let edits = state.edits.entry(at.chunk()).or_default();
                edits.voxels.insert(at.within(), block);
                edits.sequence += 1;
            }
            Order::Places { near } => self.news.push_back(News::Places(self.villages(near))),
            // There is nobody to hear or see it, apart from the player.
            Order::Say(text) => self.news.push_back(News::Said { from: self.info.player.clone(), text }),
            Order::Pose(_) => {}
            Order::Land { location, deed } => {
                let alone = "This world is on this machine alone: there is no ledger that could say whose land is.";
                let note = if deed == Deed::Look { String::new() } else { "Nothing was done.".to_owned() };
                self.news.push_back(News::Land(Land {
                    location,
                    owner: Owner::Nobody,
                    build: Builders::Everybody,
                    end_epoch: 0,
                    guests: vec![],
                    near: vec![],
                    terms: alone.to_owned(),
                    note,
                }));
            }
        }
    }

    fn poll(&mut self, news: &mut Vec<News>, max: usize) {
        let own = max.min(self.news.len());
        news.extend(self.news.drain(..own));
        let mut state = self.shared.lock();
        let ready = (max - own).min(state.ready.len());
        for _ in 0..ready {
            let Some((pos, chunk, sequence)) = state.ready.pop_front() else { break };
            let label = if sequence == 0 { Label::Generator } else { Label::Cache };
            news.push(News::Chunk { pos, chunk, label, sequence });
        }
        drop(state);
        if ready > 0 {
            self.shared.changed.notify_all();
        }
    }

    fn traffic(&self) -> Traffic {
        Traffic { waiting: self.shared.lock().wanted.len(), ..Traffic::default() }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// A worker that panicked leaves nothing half done, so its poison means nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn column(&self, generator: &Generator, pos: ChunkPos) -> Arc<Column> {
        let lock = || self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        let at = [pos.x, pos.z];
        if let Some((_, column)) = lock().iter().find(|(other, _)| *other == at) {
            return Arc::clone(column);
        }
        let column = Arc::new(generator.column(pos.x, pos.z));
        let mut columns = lock();
        if columns.len() >= COLUMNS_MAX {
            columns.pop_front();
        }
        columns.push_back((at, Arc::clone(&column)));
        column
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(shared: &Shared, generator: &Generator) {
    let mut state = shared.lock();
    while !state.over {
        if state.ready.len() >= READY_MAX {
            state = shared.wait(state);
            continue;
        }
        let Some(Task { pos, .. }) = state.queue.pop() else {
            state = shared.wait(state);
            continue;
        };
        let edits = state.edits.get(&pos).cloned();
        drop(state);
        let mut chunk = generator.chunk_in(&shared.column(generator, pos), pos.y);
        let sequence = edits.as_ref().map_or(0, |edits| edits.sequence);
        for ([x, y, z], block) in edits.into_iter().flat_map(|edits| edits.voxels) {
            chunk.set(x, y, z, block);
        }
        let chunk = PackedChunk::new(&chunk);
        state = shared.lock();
        // Dropped meanwhile, perhaps asked for again: then another task will bring it.
        if state.wanted.remove(&pos) {
            state.ready.push_back((pos, chunk, sequence));
        }
    }
}
