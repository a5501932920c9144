//! What is drawn: chunks, the land beyond them, sky and light, other people, the block that the eyes look at.

pub mod camera;
pub mod chunks;
pub mod distance;
pub mod highlight;
pub mod material;
pub mod others;
pub mod sky;
pub mod surface;

use bevy::prelude::*;
use bitdust_world::ChunkPos;

use crate::{
    model::origin,
    play::{Beat, walking::Origin},
};

/// Keeps everything that stands in the world where it belongs when the scene's zero moves.
pub struct PlacementPlugin;

/// Where a drawn thing stands: its transform's zero is this chunk's corner.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corner(pub ChunkPos);

/// The systems that move everything with the scene's zero.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Recentring;

impl Plugin for PlacementPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, recentre.in_set(Recentring).in_set(Beat::Show).run_if(resource_changed::<Origin>));
    }
}

fn recentre(origin: Res<Origin>, mut things: Query<(&Corner, &mut Transform)>) {
    for (corner, mut transform) in &mut things {
        transform.translation = Vec3::from(origin::of_chunk(origin.0, corner.0));
    }
}
