//! The frame around the voxel that the eyes look at.

use bevy::{
    asset::RenderAssetUsages,
    light::NotShadowCaster,
    mesh::{Indices, PrimitiveTopology},
    prelude::*,
};

use super::{Recentring, material::Materials};
use crate::{
    model::origin,
    play::{Beat, building::Target, walking::Origin},
    screen::Hud,
};

/// Shows what hands would touch.
pub struct HighlightPlugin;

#[derive(Component)]
struct Frame;

/// Thickness of the frame's bars, in metres.
const BAR_M: f32 = 0.02;
/// How far it stands off the voxel.
const GAP_M: f32 = 0.004;

impl Plugin for HighlightPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Startup, make).add_systems(Update, place.in_set(Beat::Show).after(Recentring));
    }
}

fn make(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>, materials: Res<Materials>) {
    let mut boxes = Boxes::default();
    let (low, high) = (-GAP_M, 1.0 + GAP_M);
    for axis in 0..3 {
        for (a, b) in [(low, low), (low, high), (high, low), (high, high)] {
            let (mut from, mut to) = ([0.0; 3], [0.0; 3]);
            (from[axis], to[axis]) = (low, high);
            for (other, at) in [((axis + 1) % 3, a), ((axis + 2) % 3, b)] {
                (from[other], to[other]) = (at - BAR_M / 2.0, at + BAR_M / 2.0);
            }
            boxes.add(from, to, [0.01, 0.01, 0.012]);
        }
    }
    commands.spawn((
        Frame,
        Mesh3d(meshes.add(boxes.mesh())),
        MeshMaterial3d(materials.figure.clone()),
        Visibility::Hidden,
        NotShadowCaster,
    ));
}

fn place(
    target: Res<Target>,
    origin: Res<Origin>,
    hud: Res<Hud>,
    mut frames: Query<(&mut Transform, &mut Visibility), With<Frame>>,
) {
    for (mut transform, mut visibility) in &mut frames {
        match target.0 {
            Some(hit) if hud.shown => {
                let corner = Vec3::from(origin::of_chunk(origin.0, hit.voxel.chunk()));
                let [x, y, z] = hit.voxel.within().map(f32::from);
                transform.translation = corner + Vec3::new(x, y, z);
                visibility.set_if_neq(Visibility::Visible);
            }
            _ => {
                visibility.set_if_neq(Visibility::Hidden);
            }
        }
    }
}

/// Coloured boxes as one mesh.
#[derive(Default)]
pub(super) struct Boxes {
    positions: Vec<[f32; 3]>,
    normals: Vec<[f32; 3]>,
    colours: Vec<[f32; 4]>,
    indices: Vec<u32>,
}

impl Boxes {
    /// A box between two corners, in a linear colour.
    pub fn add(&mut self, from: [f32; 3], to: [f32; 3], colour: [f32; 3]) {
        for axis in 0..3 {
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            for (side, at) in [(-1.0, from[axis]), (1.0, to[axis])] {
                let first = self.positions.len() as u32;
                for (a, b) in [(from[u], from[v]), (to[u], from[v]), (to[u], to[v]), (from[u], to[v])] {
                    let mut corner = [0.0; 3];
                    (corner[axis], corner[u], corner[v]) = (at, a, b);
                    let mut normal = [0.0; 3];
                    normal[axis] = side;
                    self.positions.push(corner);
                    self.normals.push(normal);
                    self.colours.push([colour[0], colour[1], colour[2], 1.0]);
                }
                let order = if side > 0.0 { [0, 1, 2, 0, 2, 3] } else { [0, 2, 1, 0, 3, 2] };
                self.indices.extend(order.map(|i| first + i));
            }
        }
    }

    /// All of them.
    pub fn mesh(self) -> Mesh {
        Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
            .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, self.positions)
            .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, self.normals)
            .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, self.colours)
            .with_inserted_indices(Indices::U32(self.indices))
    }
}
