//! The land that the player stands on: asks the source about it, and what to do with it.

use bevy::prelude::*;

use super::{
    Action, Beat, Player,
    link::{Heard, Link},
};
use crate::source::{Deed, Land, News, Order};

/// Tends land.
pub struct LandPlugin;

/// What was heard last, and whether there is more to come.
#[derive(Resource, Default, Clone, Debug, PartialEq)]
pub struct Tended {
    /// None before anything was asked.
    pub land: Option<Land>,
    /// What is being done; its answer replaces the above.
    pub doing: Option<Deed>,
}

impl Plugin for LandPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Tended>()
            .add_systems(Update, hear.in_set(Beat::Hear).after(super::link::hear))
            .add_systems(Update, tend.in_set(Beat::Act));
    }
}

fn hear(mut heard: MessageReader<Heard>, mut tended: ResMut<Tended>) {
    for Heard(news) in heard.read() {
        if let News::Land(land) = news {
            *tended = Tended { land: Some(land.clone()), doing: None };
        }
    }
}

/// One thing at a time: a button that is pressed twice claims once.
fn tend(mut actions: MessageReader<Action>, player: Res<Player>, mut link: ResMut<Link>, mut tended: ResMut<Tended>) {
    for action in actions.read() {
        if let Action::Land(deed) = action
            && tended.doing.is_none()
        {
            tended.doing = Some(*deed);
            link.0.order(Order::Land { location: player.body.voxel().chunk().location(), deed: *deed });
        }
    }
}
