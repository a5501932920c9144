//! Hands: what the eyes look at, putting blocks there and taking them away, and the hotbar that they come from.
//!
//! An edit shows at once and goes to the source at the same time; if it is refused, the news say what is there in truth, and
//! the voxel goes back.

use bevy::prelude::*;
use bitdust_world::{
    BlockId, VoxelPos,
    block::{self, Kind},
    body::{Hit, REACH_M, cast},
};

use super::{
    Action, Beat, Blocks, Player,
    link::{Heard, Link},
    quest::Journal,
};
use crate::{
    model::inventory::is_replaceable,
    scene::chunks::Chunks,
    source::{News, Order},
};

/// Places and breaks.
pub struct BuildingPlugin;

/// What the eyes look at within reach.
#[derive(Resource, Default, Clone, Copy, Debug, PartialEq)]
pub struct Target(pub Option<Hit>);

impl Plugin for BuildingPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Target>()
            .add_systems(Update, (aim, work).chain().in_set(Beat::Act).after(super::walking::WalkingSystems))
            .add_systems(Update, take_back.in_set(Beat::Hear).after(super::link::hear));
    }
}

fn aim(player: Res<Player>, chunks: Res<Chunks>, blocks: Res<Blocks>, mut target: ResMut<Target>) {
    let kind_at = |at: VoxelPos| chunks.0.block(at).map(|block| blocks.0.kind(block));
    let hit = cast(&player.body.eye(), player.gaze.direction(), REACH_M, &kind_at);
    target.set_if_neq(Target(hit));
}

fn work(
    mut actions: MessageReader<Action>,
    mut player: ResMut<Player>,
    mut chunks: ResMut<Chunks>,
    mut link: ResMut<Link>,
    target: Res<Target>,
    blocks: Res<Blocks>,
    journal: Res<Journal>,
) {
    for action in actions.read() {
        let edit = match action {
            Action::Place(Some((at, block))) => Some((*at, *block)),
            // Hands that use something don't build against it.
            Action::Place(None) if target.0.is_some_and(|hit| journal.is_used(hit.voxel)) => None,
            Action::Place(None) => target.0.map(|hit| (place_at(&chunks, &blocks, hit), player.hotbar.block())),
            Action::Break(Some(at)) => Some((*at, BlockId::AIR)),
            Action::Break(None) => target.0.map(|hit| (hit.voxel, BlockId::AIR)),
            Action::Pick => {
                let looked_at = target.0.and_then(|hit| chunks.0.block(hit.voxel));
                looked_at.into_iter().for_each(|block| player.hotbar.take(block));
                None
            }
            Action::Slot(slot) => {
                player.hotbar.select(*slot);
                None
            }
            Action::Scroll(by) => {
                player.hotbar.scroll(*by);
                None
            }
            Action::Take(block) => {
                player.hotbar.take(*block);
                None
            }
            _ => None,
        };
        let Some((at, block)) = edit else { continue };
        if may_edit(&chunks, &blocks, &player, at, block) && chunks.0.set(at, block).is_some() {
            link.0.order(Order::Edit { at, block });
        }
    }
}

/// Plants give way; everything else is built against.
fn place_at(chunks: &Chunks, blocks: &Blocks, hit: Hit) -> VoxelPos {
    match chunks.0.block(hit.voxel) {
        Some(block) if blocks.0.kind(block) == Kind::Plant => hit.voxel,
        _ => hit.before(),
    }
}

/// Whether hands can do that. Whether the player has the right is for the source to say.
fn may_edit(chunks: &Chunks, blocks: &Blocks, player: &Player, at: VoxelPos, block: BlockId) -> bool {
    let Some(old) = chunks.0.block(at) else { return false };
    if block.is_air() {
        return !old.is_air() && old != block::BEDROCK;
    }
    is_replaceable(blocks.0.kind(old)) && !(blocks.0.kind(block).is_solid() && player.body.touches(at))
}

fn take_back(mut heard: MessageReader<Heard>, mut chunks: ResMut<Chunks>) {
    for Heard(news) in heard.read() {
        if let News::Refused { at, block, .. } = news {
            chunks.0.set(*at, *block);
        }
    }
}
