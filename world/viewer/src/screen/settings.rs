//! Settings: rows with a smaller and a larger button each, and a name to type.

use bevy::{
    input::{
        ButtonState,
        keyboard::{Key, KeyboardInput},
    },
    prelude::*,
};

use super::{Screen, SettingsRes, theme};
use crate::{
    model::{chat::NAME_CHARS_MAX, settings::Settings},
    play::Beat,
};

/// The settings.
pub struct SettingsPlugin;

/// What a row is about.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    View,
    Fov,
    Shadows,
    Mouse,
    Inverted,
    Gamepad,
    Smooth,
    Name,
}

const ROWS: [(Row, &str); 8] = [
    (Row::View, "View distance"),
    (Row::Fov, "Field of view"),
    (Row::Shadows, "Shadows"),
    (Row::Smooth, "Smooth edges"),
    (Row::Mouse, "Mouse sensitivity"),
    (Row::Inverted, "Mouse upside down"),
    (Row::Gamepad, "Gamepad"),
    (Row::Name, "Name (type it)"),
];

/// The value of a row.
#[derive(Component)]
struct Value(Row);

/// A button that makes a row's value smaller or larger.
#[derive(Component)]
struct Turn(Row, i32);

#[derive(Component)]
struct Done;

impl Plugin for SettingsPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Settings), build).add_systems(OnExit(Screen::Settings), save).add_systems(
            Update,
            (turn, type_name, show).chain().in_set(Beat::Write).run_if(in_state(Screen::Settings)),
        );
    }
}

fn build(mut commands: Commands) {
    let backdrop = commands.spawn(theme::backdrop(Screen::Settings)).id();
    let panel = commands.spawn((theme::panel(px(640)), ChildOf(backdrop))).id();
    commands.spawn((theme::text("Settings", theme::LARGE, theme::TEXT), ChildOf(panel)));
    for (row, label) in ROWS {
        let line = commands.spawn((theme::row(), ChildOf(panel))).id();
        let name = commands.spawn((Node { width: px(230), ..default() }, ChildOf(line))).id();
        commands.spawn((theme::text(label, theme::NORMAL, theme::DIM), ChildOf(name)));
        let value = Node { width: px(190), justify_content: JustifyContent::Center, ..default() };
        if row == Row::Name {
            let value = commands.spawn((value, ChildOf(line))).id();
            commands.spawn((Value(row), theme::text("", theme::NORMAL, theme::TEXT), ChildOf(value)));
            continue;
        }
        commands.spawn((Turn(row, -1), theme::button("-", px(52)), ChildOf(line)));
        let value = commands.spawn((value, ChildOf(line))).id();
        commands.spawn((Value(row), theme::text("", theme::NORMAL, theme::TEXT), ChildOf(value)));
        commands.spawn((Turn(row, 1), theme::button("+", px(52)), ChildOf(line)));
    }
    commands.spawn((Done, theme::button("Done", percent(100)), ChildOf(panel)));
}

/// The settings after a button.
fn turned(mut settings: Settings, row: Row, by: i32) -> Settings {
    let step = |value: u32, step: u32| value.saturating_add_signed(by * step as i32);
    match row {
        Row::View => settings.view_m = step(settings.view_m, 32),
        Row::Fov => settings.fov_degrees = step(settings.fov_degrees, 5),
        Row::Mouse => settings.mouse_percent = step(settings.mouse_percent, 10),
        Row::Shadows => {
            settings.shadows = if by > 0 { settings.shadows.next() } else { settings.shadows.next().next() }
        }
        Row::Inverted => settings.mouse_inverted = !settings.mouse_inverted,
        Row::Gamepad => settings.gamepad = !settings.gamepad,
        Row::Smooth => settings.smooth = !settings.smooth,
        Row::Name => {}
    }
    settings.checked()
}

fn value(settings: &Settings, row: Row) -> String {
    let on = |switch: bool| if switch { "on" } else { "off" }.to_owned();
    match row {
        Row::View => format!("{} m", settings.view_m),
        Row::Fov => format!("{} degrees", settings.fov_degrees),
        Row::Shadows => settings.shadows.name().to_owned(),
        Row::Mouse => format!("{} %", settings.mouse_percent),
        Row::Inverted => on(settings.mouse_inverted),
        Row::Gamepad => on(settings.gamepad),
        Row::Smooth => on(settings.smooth),
        Row::Name => format!("{}_", settings.name),
    }
}

fn turn(
    turns: Query<(&Turn, &Interaction), Changed<Interaction>>,
    done: Query<&Interaction, (Changed<Interaction>, With<Done>)>,
    mut settings: ResMut<SettingsRes>,
    mut next: ResMut<NextState<Screen>>,
) {
    for (Turn(row, by), interaction) in &turns {
        if *interaction == Interaction::Pressed {
            settings.0 = turned(settings.0.clone(), *row, *by);
        }
    }
    if done.iter().any(|interaction| *interaction == Interaction::Pressed) {
        next.set(Screen::Play);
    }
}

fn type_name(mut keys: MessageReader<KeyboardInput>, mut settings: ResMut<SettingsRes>) {
    for key in keys.read().filter(|key| key.state == ButtonState::Pressed) {
        match &key.logical_key {
            Key::Backspace => {
                settings.0.name.pop();
            }
            _ => {
                let room = NAME_CHARS_MAX.saturating_sub(settings.0.name.chars().count());
                let typed = key.text.iter().flat_map(|text| text.chars()).filter(|c| !c.is_control()).take(room);
                let typed: String = typed.collect();
                if !typed.is_empty() {
                    settings.0.name.push_str(&typed);
                }
            }
        }
    }
}

fn show(settings: Res<SettingsRes>, mut values: Query<(&Value, &mut Text)>) {
    for (Value(row), mut text) in &mut values {
        let value = value(&settings.0, *row);
        if text.0 != value {
            text.0 = value;
        }
    }
}

fn save(mut settings: ResMut<SettingsRes>) {
    settings.0 = settings.0.clone().checked();
    if let Some(path) = &settings.1
        && let Err(error) = settings.0.save(path)
    {
        warn!("the settings can't be written to {}: {error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_stop_at_the_ends() {
        let mut settings = Settings::default();
        for _ in 0..100 {
            settings = turned(settings, Row::View, 1);
        }
        assert_eq!(settings.view_m, 512);
        for _ in 0..100 {
            settings = turned(settings, Row::Mouse, -1);
        }
        assert_eq!(settings.mouse_percent, 10);
        let back = turned(turned(settings.clone(), Row::Shadows, 1), Row::Shadows, -1);
        assert_eq!(back, settings);
    }
}
