//! What a player does: the link to the world's source, keys, mouse and gamepad, walking, building, scripts.
//!
//! Everything that can be done is an [`Action`]; keyboard, screens and scripts only say which. So whatever a script can't do a
//! person can't either, and a test presses no keys.
//!
//! Order within a frame ([`Beat`]): news come in, hands and scripts wish, the body moves, the scene follows.

pub mod building;
pub mod gamepad;
pub mod input;
pub mod land;
pub mod link;
pub mod quest;
pub mod runner;
pub mod walking;

use std::sync::Arc;

use bevy::prelude::*;
use bitdust_world::{
    BlockId, VoxelPos,
    body::{Body, Intent, Position},
};

use crate::{
    model::{
        bindings::{Gaze, Held},
        inventory::Hotbar,
        palette::Palette,
        sky::{DAY_MINUTES, DAY_SECONDS},
    },
    source::{Deed, Gesture},
};

/// What happens in a frame, in this order.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Beat {
    /// News from the source.
    Hear,
    /// Keys, mouse and script.
    Wish,
    /// Actions and physics.
    Act,
    /// The scene follows the world.
    Show,
    /// The screens follow the scene.
    Write,
}

/// Something done.
#[derive(Message, Clone, Debug, PartialEq)]
pub enum Action {
    /// Put a block there, or where the eyes look.
    Place(Option<(VoxelPos, BlockId)>),
    /// Take the block there away, or where the eyes look.
    Break(Option<VoxelPos>),
    /// Use the voxel there, or where the eyes look: read a sign, open a door.
    Use(Option<VoxelPos>),
    /// Take the block at which the eyes look in hand.
    Pick,
    /// Take a slot of the hotbar in hand.
    Slot(usize),
    /// So many slots to the right.
    Scroll(i32),
    /// Take a block in hand.
    Take(BlockId),
    /// Say it to everybody around.
    Say(String),
    /// Say it with hands.
    Gesture(Gesture),
    /// About the location that the player stands in.
    Land(Deed),
    /// Be there.
    Travel(VoxelPos),
    /// Begin or end flying.
    Fly(bool),
    /// Write a picture; to a file named after the time if `None`.
    Screenshot(Option<String>),
}

/// The player at this screen.
#[derive(Resource, Debug)]
pub struct Player {
    /// The body.
    pub body: Body,
    /// Where it looks.
    pub gaze: Gaze,
    /// What is held down, by a hand or a script.
    pub held: Held,
    /// What a script wants instead.
    pub steered: Option<Intent>,
    /// What the hands say, and until when (seconds since the start).
    pub gesture: (Gesture, f32),
    /// The blocks at hand.
    pub hotbar: Hotbar,
}

impl Player {
    /// Stands there.
    pub fn at(place: VoxelPos) -> Self {
        let mut body = Body::new(Position::on_floor_of(place));
        body.ability.auto_step = true;
        Player {
            body,
            gaze: Gaze::default(),
            held: Held::default(),
            steered: None,
            gesture: (Gesture::None, 0.0),
            hotbar: Hotbar::default(),
        }
    }
}

/// The blocks of this world.
#[derive(Resource, Clone, Debug)]
pub struct Blocks(pub Arc<Palette>);

/// The time of day.
#[derive(Resource, Clone, Copy, Debug)]
pub struct DayTime {
    /// Minutes since midnight.
    pub minutes: f32,
    /// Minutes of the day per second of play.
    pub pace: f32,
    /// Seconds that waves and clouds have been moving.
    pub seconds: f32,
    /// Nothing moves: a script waits for chunks, which takes longer on one machine than on another.
    pub still: bool,
}

impl DayTime {
    /// Beginning there, with the usual pace.
    pub fn starting(minutes: u32) -> Self {
        DayTime { minutes: minutes as f32, pace: DAY_MINUTES as f32 / DAY_SECONDS, seconds: 0.0, still: false }
    }
}

/// Milliseconds since the start, as sources are told them.
pub fn now_ms(time: &Time) -> u64 {
    time.elapsed().as_millis() as u64
}
