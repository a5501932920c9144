//! The menu that Escape opens.

use bevy::prelude::*;

use super::{Screen, theme};
use crate::play::{Beat, link::Link};

/// The pause menu.
pub struct PausePlugin;

#[derive(Component, Clone, Copy)]
enum Item {
    Go(Screen),
    Quit,
}

/// What the keys do, for those who pause to look.
const KEYS: &str = "\
W A S D  walk     mouse  look     space  jump, rise     shift  sneak, sink     ctrl  run
left  break     right  place     middle  pick     wheel, 1-9  choose     R  use     F  fly
E  blocks     T  chat     M  map     P  travel     Q  journal     L  this land     G H J B  gestures
F1  hide all     F3  numbers     F12  picture     Esc  this menu
Gamepad: sticks  walk, look     A  jump     B  sneak     triggers  place, break     shoulders  choose
X  use     Y  blocks     Back  map     Start  this menu     stick presses  run, fly     cross  gestures, pick
In menus: cross  choose     A  press     B  back";

impl Plugin for PausePlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Pause), build)
            .add_systems(Update, choose.in_set(Beat::Write).run_if(in_state(Screen::Pause)));
    }
}

fn build(mut commands: Commands, link: Res<Link>) {
    let backdrop = commands.spawn(theme::backdrop(Screen::Pause)).id();
    let panel = commands.spawn((theme::panel(px(720)), ChildOf(backdrop))).id();
    commands.spawn((theme::text(link.0.info().name.clone(), theme::LARGE, theme::TEXT), ChildOf(panel)));
    let items = [
        ("Back to the world", Item::Go(Screen::Play)),
        ("Map", Item::Go(Screen::Map)),
        ("Travel", Item::Go(Screen::Travel)),
        ("Journal", Item::Go(Screen::Journal)),
        ("This land", Item::Go(Screen::Land)),
        ("Settings", Item::Go(Screen::Settings)),
        ("Leave", Item::Quit),
    ];
    for (label, item) in items {
        commands.spawn((item, theme::button(label, percent(100)), ChildOf(panel)));
    }
    commands.spawn((theme::text(KEYS, theme::SMALL, theme::DIM), ChildOf(panel)));
}

fn choose(
    items: Query<(&Item, &Interaction), Changed<Interaction>>,
    mut next: ResMut<NextState<Screen>>,
    mut exit: MessageWriter<AppExit>,
) {
    for (item, interaction) in &items {
        match (item, interaction) {
            (Item::Go(screen), Interaction::Pressed) => next.set(*screen),
            (Item::Quit, Interaction::Pressed) => {
                exit.write(AppExit::Success);
            }
            _ => {}
        }
    }
}
