//! The body's physics, once a frame, and what moves a body without walking: travel, and beginning to fly.

use bevy::prelude::*;
use bitdust_world::{
    ChunkPos, VoxelPos,
    body::{Body, Mode, Position},
};

use super::{Action, Beat, Blocks, Player};
use crate::{
    model::{bindings, origin},
    scene::chunks::Chunks,
};

/// Moves the player.
pub struct WalkingPlugin;

/// The systems that move the player.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WalkingSystems;

/// The scene's zero.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(pub ChunkPos);

impl Plugin for WalkingPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (obey, walk, follow).chain().in_set(WalkingSystems).in_set(Beat::Act));
    }
}

fn obey(mut actions: MessageReader<Action>, mut player: ResMut<Player>) {
    for action in actions.read() {
        match action {
            Action::Travel(to) => {
                let ability = player.body.ability;
                let flies = player.body.mode == Mode::Fly;
                player.body = Body::new(Position::on_floor_of(*to));
                player.body.ability = ability;
                if flies {
                    player.body.mode = Mode::Fly;
                }
            }
            Action::Fly(true) => player.body.mode = Mode::Fly,
            Action::Fly(false) if player.body.mode == Mode::Fly => player.body.mode = Mode::Walk,
            _ => {}
        }
    }
}

fn walk(mut player: ResMut<Player>, chunks: Res<Chunks>, blocks: Res<Blocks>, time: Res<Time>) {
    let intent = player.steered.unwrap_or_else(|| bindings::intent(player.held, player.gaze));
    let kind_at = |at: VoxelPos| chunks.0.block(at).map(|block| blocks.0.kind(block));
    player.body.step(&intent, time.delta_secs_f64(), &kind_at);
}

fn follow(player: Res<Player>, mut origin: ResMut<Origin>) {
    let next = origin::follow(origin.0, player.body.position.chunk);
    origin.set_if_neq(Origin(next));
}
