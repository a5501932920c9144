//! A page of text that the world's creator wrote: a sign that is read, a voice in a cave. Any key turns it away.

use bevy::prelude::*;

use super::{Screen, theme};
use crate::play::{Beat, quest::Journal, runner::Playing};

/// Shows pages.
pub struct PagePlugin;

#[derive(Component)]
struct Page;

impl Plugin for PagePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            Update,
            (turn.run_if(not(resource_exists::<Playing>)), show)
                .chain()
                .in_set(Beat::Write)
                .run_if(in_state(Screen::Play)),
        );
    }
}

/// A player who walks on has read it.
fn turn(keys: Res<ButtonInput<KeyCode>>, mouse: Res<ButtonInput<MouseButton>>, mut journal: ResMut<Journal>) {
    let turned = keys.get_just_pressed().next().is_some() || mouse.just_pressed(MouseButton::Left);
    if turned && journal.page.is_some() {
        journal.page = None;
    }
}

fn show(
    mut commands: Commands,
    journal: Res<Journal>,
    mut shown: Local<Option<bitdust_world::content::Text>>,
    pages: Query<Entity, With<Page>>,
) {
    if *shown == journal.page {
        return;
    }
    shown.clone_from(&journal.page);
    for page in &pages {
        commands.entity(page).despawn();
    }
    let Some(text) = &journal.page else { return };
    let around = Node {
        position_type: PositionType::Absolute,
        width: percent(100),
        bottom: px(150),
        justify_content: JustifyContent::Center,
        ..default()
    };
    let around = commands.spawn((Page, theme::Overlay, around)).id();
    let panel = commands.spawn((theme::panel(px(620)), ChildOf(around))).id();
    if !text.title.is_empty() {
        commands.spawn((theme::text(text.title.clone(), theme::LARGE, theme::ACCENT), ChildOf(panel)));
    }
    commands.spawn((theme::text(text.body.clone(), theme::NORMAL, theme::TEXT), ChildOf(panel)));
}
