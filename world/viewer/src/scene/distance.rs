//! The land beyond the chunks, out to the horizon: squares of the coarse lattice, made on spare cores.
//!
//! An old square stays until the new ones around it are there, so the land never blinks.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bevy::{
    asset::RenderAssetUsages,
    light::NotShadowCaster,
    mesh::{Indices, PrimitiveTopology},
    prelude::*,
    tasks::{AsyncComputeTaskPool, Task, futures::check_ready},
};
use bitdust_world::{
    ChunkPos,
    r#gen::{FarCell, Generator},
};

use super::{
    Corner,
    chunks::{ChunkSystems, Chunks},
    material::Materials,
};
use crate::{
    model::{
        distance::{Land, Square, land, points, squares},
        origin,
    },
    play::{Beat, Player, walking::Origin},
    screen::SettingsRes,
};

/// How far land is drawn.
pub const REACH_M: f64 = 5_000.0;
/// How often the squares are chosen anew, in seconds.
const CHOOSE_EVERY_S: f32 = 0.25;
/// Squares being made at once.
const BUILDING_MAX: usize = 64;
/// Columns whose height is remembered: more than any view's.
const COLUMNS_MAX: usize = 8192;

/// Draws the land beyond the chunks.
pub struct DistancePlugin;

/// The squares.
#[derive(Resource)]
pub struct Distance {
    generator: Arc<Generator>,
    wanted: HashSet<Square>,
    building: HashMap<Square, Task<Land>>,
    shown: HashMap<Square, Entity>,
    /// In which layer of chunks a column's ground lies.
    ground: HashMap<[i64; 2], i64>,
    next_s: f32,
}

impl Distance {
    /// Of this terrain.
    pub fn new(generator: Arc<Generator>) -> Self {
        Distance {
            generator,
            wanted: HashSet::new(),
            building: HashMap::new(),
            shown: HashMap::new(),
            ground: HashMap::new(),
            next_s: 0.0,
        }
    }

    /// Whether every square that should be drawn is drawn.
    pub fn is_complete(&self) -> bool {
        !self.wanted.is_empty() && self.wanted.iter().all(|square| self.shown.contains_key(square))
    }

    /// How many are drawn, and how many are being made.
    pub fn count(&self) -> (usize, usize) {
        (self.shown.len(), self.building.len())
    }
}

impl Plugin for DistancePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (choose, show, start).chain().in_set(Beat::Show).after(ChunkSystems));
    }
}

fn choose(
    mut distance: ResMut<Distance>,
    chunks: Res<Chunks>,
    player: Res<Player>,
    settings: Res<SettingsRes>,
    time: Res<Time>,
) {
    if time.elapsed_secs() < distance.next_s {
        return;
    }
    distance.next_s = time.elapsed_secs() + CHOOSE_EVERY_S;
    let at = player.body.voxel();
    let near_m = f64::from(settings.0.view_m);
    let Distance { generator, ground, .. } = &mut *distance;
    if ground.len() > COLUMNS_MAX {
        ground.clear();
    }
    let remembered = std::cell::RefCell::new(ground);
    let covered = |column: [i64; 2]| {
        let middle = column.map(|part| part.wrapping_mul(32).wrapping_add(16));
        let mut remembered = remembered.borrow_mut();
        let layer = remembered.entry(column).or_insert_with(|| {
            let surface = generator.surface(middle[0], middle[1]);
            surface.height.max(surface.water.unwrap_or(i64::MIN)) >> 5
        });
        chunks.0.is_shown(ChunkPos::new(column[0], *layer, column[1]))
    };
    let wanted: HashSet<Square> = squares([at.x, at.z], near_m, REACH_M, &covered).into_iter().collect();
    distance.building.retain(|square, _| wanted.contains(square));
    distance.wanted = wanted;
}

fn show(
    mut commands: Commands,
    mut distance: ResMut<Distance>,
    mut meshes: ResMut<Assets<Mesh>>,
    materials: Res<Materials>,
    origin: Res<Origin>,
) {
    let Distance { building, shown, wanted, .. } = &mut *distance;
    building.retain(|square, task| {
        let Some(land) = check_ready(task) else { return true };
        let [x, z] = square.corner();
        let corner = ChunkPos::new(x >> 5, 0, z >> 5);
        let entity = commands.spawn((
            Corner(corner),
            Mesh3d(meshes.add(mesh(land))),
            MeshMaterial3d(materials.land.clone()),
            Transform::from_translation(Vec3::from(origin::of_chunk(origin.0, corner))),
            NotShadowCaster,
        ));
        shown.insert(*square, entity.id());
        false
    });
    let complete = wanted.iter().all(|square| shown.contains_key(square));
    shown.retain(|square, entity| {
        // The finest squares give way to chunks at once; larger ones wait for what replaces them.
        let stays = wanted.contains(square) || (!complete && square.level > crate::model::distance::LEVEL_MIN);
        if !stays {
            commands.entity(*entity).despawn();
        }
        stays
    });
}

fn start(mut distance: ResMut<Distance>, player: Res<Player>) {
    let room = BUILDING_MAX.saturating_sub(distance.building.len());
    if room == 0 {
        return;
    }
    let at = player.body.voxel();
    let missing = |square: &&Square| !distance.shown.contains_key(square) && !distance.building.contains_key(square);
    let mut next: Vec<Square> = distance.wanted.iter().filter(missing).copied().collect();
    next.sort_by_key(|square| {
        let [x, z] = square.corner();
        (x.wrapping_sub(at.x).unsigned_abs().max(z.wrapping_sub(at.z).unsigned_abs()), *square)
    });
    for square in next.into_iter().take(room) {
        let generator = Arc::clone(&distance.generator);
        let task = AsyncComputeTaskPool::get().spawn(async move {
            let patch = generator.far(FarCell { x: square.x, z: square.z, level: square.level });
            land(&points(&patch), square.level)
        });
        distance.building.insert(square, task);
    }
}

fn mesh(land: Land) -> Mesh {
    Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, land.positions)
        .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, land.normals)
        .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, land.colours)
        .with_inserted_indices(Indices::U32(land.indices))
}
