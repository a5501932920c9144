//! The pipeline of chunks: wanted, asked for, arriving, meshed on spare cores, shown.
//!
//! What is wanted is planned by `bitdust_world::stream`, what is meshed next by [`crate::model::residency`]; here tasks are
//! started and results uploaded, both within a budget per frame, so that a flood of chunks costs time, never frames.

use std::{collections::HashMap, sync::Arc};

use bevy::{
    light::NotShadowCaster,
    prelude::*,
    tasks::{AsyncComputeTaskPool, Task, futures::check_ready},
};
use bitdust_world::{
    ChunkPos,
    stream::{Status, View, Wants},
};

use super::{
    Corner, Recentring,
    material::Materials,
    surface::{self, Surfaces},
};
use crate::{
    model::{
        origin,
        residency::{Aspect, Residency},
    },
    play::{
        Beat, Blocks, Player,
        link::{Inbox, Link, hear},
        now_ms,
        quest::Journal,
        walking::Origin,
    },
    screen::SettingsRes,
    source::Order,
};

/// Plans are made so often while the player stays in a chunk, in seconds.
const PLAN_EVERY_S: f32 = 0.1;
/// Meshes being made at once: two for each core's queue at 64 cores, each holding 27 shared chunks and its result.
const BUILDING_MAX: usize = 128;
/// Bytes of vertices uploaded per frame, beyond the first mesh: a frame's share of a slow bus.
const UPLOAD_BYTES: usize = 4 * 1024 * 1024;
/// Up to so many metres meshes have every voxel; up to twice as far voxels of two metres; then of four.
const FINE_M: f64 = 160.0;

/// Keeps chunks around the player.
pub struct ChunksPlugin;

/// The chunks that live here.
#[derive(Resource, Default)]
pub struct Chunks(pub Residency);

/// What is on its way to the screen, and what is on it.
#[derive(Resource, Default)]
struct Pipeline {
    wants: Wants,
    building: Vec<Building>,
    shown: HashMap<ChunkPos, Vec<Entity>>,
    planned: Option<(ChunkPos, f32)>,
}

struct Building {
    pos: ChunkPos,
    ticket: u64,
    level: u8,
    task: Task<Surfaces>,
}

/// The systems that keep chunks.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkSystems;

impl Chunks {
    /// Whether everything that should be drawn is drawn.
    pub fn is_settled(&self) -> bool {
        self.0.is_complete()
    }
}

impl Plugin for ChunksPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Chunks>()
            .init_resource::<Pipeline>()
            .add_systems(Update, take.in_set(Beat::Hear).after(hear))
            .add_systems(Update, (plan, show, start).chain().in_set(ChunkSystems).in_set(Beat::Show).after(Recentring));
    }
}

fn take(mut inbox: ResMut<Inbox>, mut chunks: ResMut<Chunks>, journal: Res<Journal>) {
    for (pos, mut chunk, label, sequence) in inbox.chunks.drain(..) {
        // Doors are each player's own: they lie over what everybody shares.
        for (at, block) in journal.doors_in(pos) {
            let [x, y, z] = at.within();
            chunk.set(x, y, z, block);
        }
        chunks.0.arrived(pos, chunk, label, sequence);
    }
}

fn plan(
    mut commands: Commands,
    mut pipeline: ResMut<Pipeline>,
    mut chunks: ResMut<Chunks>,
    mut link: ResMut<Link>,
    player: Res<Player>,
    settings: Res<SettingsRes>,
    time: Res<Time>,
) {
    let at = player.body.voxel();
    let moved = pipeline.planned.is_none_or(|(chunk, _)| chunk != at.chunk()) || settings.is_changed();
    let due = pipeline.planned.is_none_or(|(_, since_s)| time.elapsed_secs() - since_s >= PLAN_EVERY_S);
    if !moved && !due {
        return;
    }
    pipeline.planned = Some((at.chunk(), time.elapsed_secs()));
    let view = View {
        at,
        velocity_mm_s: player.body.velocity_mm_s(),
        look: Some(player.gaze.direction()),
        distance_m: settings.0.view_m,
    };
    let now = now_ms(&time);
    let status = |pos: ChunkPos| if chunks.0.holds(pos) { Status::Held } else { Status::Missing };
    let wants = pipeline.wants.plan(&view, &status);
    let wants: Vec<(ChunkPos, u64)> =
        wants.into_iter().map(|want| (want.chunk, now + u64::from(want.deadline_ms))).collect();
    let forgotten = if moved { pipeline.wants.forget(&view) } else { vec![] };
    let plan = chunks.0.plan(&wants, &forgotten);
    for pos in &plan.drop {
        for entity in pipeline.shown.remove(pos).into_iter().flatten() {
            commands.entity(entity).despawn();
        }
    }
    if moved {
        chunks.0.look(|pos| aspect(&view, &player, pos));
    }
    if !plan.drop.is_empty() {
        link.0.order(Order::Drop(plan.drop));
    }
    if !plan.request.is_empty() {
        link.0.order(Order::Fetch { now_ms: now, chunks: plan.request });
    }
}

/// How a chunk is seen from where the player is.
fn aspect(view: &View, player: &Player, pos: ChunkPos) -> Aspect {
    let here = player.body.position.chunk;
    let [x, y, z] = origin::chunks_between(here, pos).map(|chunks| chunks as f64 * 32.0);
    let distance = (x * x + y * y + z * z).sqrt();
    let level = if distance <= FINE_M {
        0
    } else if distance <= 2.0 * FINE_M {
        1
    } else {
        2
    };
    Aspect { drawn: view.sees(pos), level, rank: distance as u32 }
}

/// Shows meshes that are finished, as many as a frame affords.
fn show(
    mut commands: Commands,
    mut pipeline: ResMut<Pipeline>,
    mut chunks: ResMut<Chunks>,
    mut meshes: ResMut<Assets<Mesh>>,
    materials: Res<Materials>,
    origin: Res<Origin>,
) {
    let mut budget = UPLOAD_BYTES;
    let Pipeline { building, shown, .. } = &mut *pipeline;
    building.retain_mut(|made| {
        if budget == 0 {
            return true;
        }
        let Some(surfaces) = check_ready(&mut made.task) else { return true };
        if !chunks.0.finished(made.pos, made.ticket, made.level) {
            return false;
        }
        budget = budget.saturating_sub(surfaces.bytes());
        let fresh = spawn(&mut commands, made.pos, surfaces, &mut meshes, &materials, &origin);
        for entity in shown.insert(made.pos, fresh).into_iter().flatten() {
            commands.entity(entity).despawn();
        }
        false
    });
}

fn spawn(
    commands: &mut Commands,
    pos: ChunkPos,
    surfaces: Surfaces,
    meshes: &mut Assets<Mesh>,
    materials: &Materials,
    origin: &Origin,
) -> Vec<Entity> {
    let place = Transform::from_translation(Vec3::from(origin::of_chunk(origin.0, pos)))
        .with_scale(Vec3::splat(surface::SCALE));
    let mut entities = vec![];
    let parts = [
        (surfaces.ground, &materials.ground, true),
        (surfaces.water, &materials.water, false),
        (surfaces.plants, &materials.plant, false),
        (surfaces.glass, &materials.glass, false),
    ];
    for (mesh, material, casts) in parts {
        let Some(mesh) = mesh else { continue };
        let mut entity =
            commands.spawn((Corner(pos), Mesh3d(meshes.add(mesh)), MeshMaterial3d(material.clone()), place));
        if !casts {
            entity.insert(NotShadowCaster);
        }
        entities.push(entity.id());
    }
    entities
}

/// Starts as many meshes as there is room for.
fn start(mut pipeline: ResMut<Pipeline>, mut chunks: ResMut<Chunks>, blocks: Res<Blocks>) {
    let pool = AsyncComputeTaskPool::get();
    let room = BUILDING_MAX.min(4 * pool.thread_num()).saturating_sub(pipeline.building.len());
    for job in chunks.0.jobs(room) {
        let (pos, ticket, level) = (job.pos, job.ticket, job.level);
        let palette = Arc::clone(&blocks.0);
        let task = pool.spawn(async move { surface::surfaces(&job, &palette) });
        pipeline.building.push(Building { pos, ticket, level, task });
    }
}
