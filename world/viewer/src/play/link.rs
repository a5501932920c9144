//! The link between the source and the scene: news in, poses out.

use bevy::prelude::*;
use bitdust_world::ChunkPos;

use super::{Beat, Player};
use crate::{
    model::packed::PackedChunk,
    source::{Label, NEWS_PER_FRAME, News, Order, Pose, Source},
};

/// How often others are told where the player is, in seconds.
const POSE_EVERY_S: f32 = 0.1;
/// How often claims and places around are asked for anew, in seconds.
const PLACES_EVERY_S: f32 = 20.0;

/// Polls the source.
pub struct LinkPlugin;

/// The source that this viewer shows.
#[derive(Resource)]
pub struct Link(pub Box<dyn Source>);

/// What came in this frame. Chunks are apart since they are large: whoever keeps them takes them.
#[derive(Resource, Default)]
pub struct Inbox {
    /// Chunks with their labels and versions.
    pub chunks: Vec<(ChunkPos, PackedChunk, Label, u64)>,
}

/// Everything else that came in.
#[derive(Message, Clone, Debug)]
pub struct Heard(pub News);

/// Whether the source has lost its node.
#[derive(Resource, Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offline(pub bool);

impl Plugin for LinkPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Inbox>()
            .init_resource::<Offline>()
            .add_message::<Heard>()
            .add_systems(Update, hear.in_set(Beat::Hear))
            .add_systems(Update, (tell_pose, ask_places).in_set(Beat::Show));
    }
}

/// Takes what came in since the last frame.
pub(crate) fn hear(
    mut link: ResMut<Link>,
    mut inbox: ResMut<Inbox>,
    mut heard: MessageWriter<Heard>,
    mut offline: ResMut<Offline>,
    mut news: Local<Vec<News>>,
) {
    link.0.poll(&mut news, NEWS_PER_FRAME);
    for item in news.drain(..) {
        match item {
            News::Chunk { pos, chunk, label, sequence } => inbox.chunks.push((pos, chunk, label, sequence)),
            News::Offline(lost) => {
                offline.set_if_neq(Offline(lost));
            }
            other => {
                heard.write(Heard(other));
            }
        }
    }
}

fn tell_pose(mut link: ResMut<Link>, player: Res<Player>, time: Res<Time>, mut next_s: Local<f32>) {
    let now_s = time.elapsed_secs();
    if now_s < *next_s {
        return;
    }
    *next_s = now_s + POSE_EVERY_S;
    let (gesture, until_s) = player.gesture;
    link.0.order(Order::Pose(Pose {
        position: player.body.position,
        yaw: player.gaze.yaw,
        pitch: player.gaze.pitch,
        gesture: if now_s < until_s { gesture } else { Default::default() },
    }));
}

fn ask_places(mut link: ResMut<Link>, player: Res<Player>, time: Res<Time>, mut next_s: Local<f32>) {
    if time.elapsed_secs() >= *next_s {
        *next_s = time.elapsed_secs() + PLACES_EVERY_S;
        link.0.order(Order::Places { near: player.body.voxel() });
    }
}
