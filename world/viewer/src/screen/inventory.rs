//! All blocks, to take one in hand.

use bevy::prelude::*;
use bitdust_world::BlockId;

use super::{Screen, hud::slot_node, theme};
use crate::play::{Action, Beat, Blocks};

/// The inventory.
pub struct InventoryPlugin;

#[derive(Component)]
struct Choice(BlockId);

#[derive(Component)]
struct ChoiceName;

/// Columns of blocks.
const COLUMNS: u16 = 12;

impl Plugin for InventoryPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Inventory), build)
            .add_systems(Update, choose.in_set(Beat::Write).run_if(in_state(Screen::Inventory)));
    }
}

fn build(mut commands: Commands, blocks: Res<Blocks>) {
    let backdrop = commands.spawn(theme::backdrop(Screen::Inventory)).id();
    let panel = commands.spawn((theme::panel(Val::Auto), ChildOf(backdrop))).id();
    commands.spawn((theme::text("Blocks", theme::LARGE, theme::TEXT), ChildOf(panel)));
    let grid = Node {
        display: Display::Grid,
        grid_template_columns: RepeatedGridTrack::auto(COLUMNS),
        row_gap: px(5),
        column_gap: px(5),
        ..default()
    };
    let grid = commands.spawn((grid, ChildOf(panel))).id();
    for id in blocks.0.placeable() {
        commands.spawn((Button, Choice(id), slot_node(), ChildOf(grid))).with_children(|node| {
            for (height, upper) in [(17, true), (19, false)] {
                node.spawn((
                    Node { width: px(36), height: px(height), ..default() },
                    BackgroundColor(theme::colour(blocks.0.colour(id, upper))),
                ));
            }
        });
    }
    commands.spawn((
        ChoiceName,
        theme::text("Click a block to take it in hand", theme::NORMAL, theme::DIM),
        ChildOf(panel),
    ));
}

fn choose(
    blocks: Res<Blocks>,
    choices: Query<(&Choice, &Interaction), Changed<Interaction>>,
    mut names: Query<&mut Text, With<ChoiceName>>,
    mut actions: MessageWriter<Action>,
    mut next: ResMut<NextState<Screen>>,
) {
    for (choice, interaction) in &choices {
        match interaction {
            Interaction::Pressed => {
                actions.write(Action::Take(choice.0));
                next.set(Screen::Play);
            }
            Interaction::Hovered => {
                for mut name in &mut names {
                    name.0 = blocks.0.name(choice.0);
                }
            }
            Interaction::None => {}
        }
    }
}
