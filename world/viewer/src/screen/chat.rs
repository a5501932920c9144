//! The chat: the newest lines in the corner, and a line to write.

use bevy::{
    input::{
        ButtonState,
        keyboard::{Key, KeyboardInput},
    },
    prelude::*,
};

use super::{
    Screen,
    theme::{self, Overlay},
};
use crate::{
    model::chat::{Draft, Log},
    play::{
        Action, Beat, Player,
        link::{Heard, Link},
        runner::Playing,
    },
    source::{Gesture, News, Order},
};

/// The chat.
pub struct ChatPlugin;

/// What was said.
#[derive(Resource, Default)]
pub struct ChatLog(pub Log);

/// What is being written.
#[derive(Resource, Default)]
struct Writing(Draft);

#[derive(Component)]
struct Lines;

#[derive(Component)]
struct DraftLine;

/// Lines in the corner.
const LINES: usize = 9;
/// How long hands say something, in seconds.
const GESTURE_S: f32 = 3.0;

impl Plugin for ChatPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<ChatLog>()
            .init_resource::<Writing>()
            .add_systems(Startup, build)
            .add_systems(OnEnter(Screen::Chat), open)
            .add_systems(Update, (listen, speak).in_set(Beat::Act))
            .add_systems(
                Update,
                (write.run_if(in_state(Screen::Chat)).run_if(not(resource_exists::<Playing>)), show)
                    .chain()
                    .in_set(Beat::Write),
            );
    }
}

fn build(mut commands: Commands) {
    commands.spawn((
        Lines,
        Overlay,
        Node {
            position_type: PositionType::Absolute,
            left: px(14),
            bottom: px(96),
            max_width: percent(46),
            ..default()
        },
        theme::text("", theme::NORMAL, theme::TEXT),
        theme::text_shadow(),
    ));
}

fn open(mut commands: Commands, mut writing: ResMut<Writing>) {
    writing.0.replace("");
    commands.spawn((
        DespawnOnExit(Screen::Chat),
        GlobalZIndex(11),
        Node {
            position_type: PositionType::Absolute,
            left: px(14),
            right: px(14),
            bottom: px(14),
            padding: UiRect::axes(px(12), px(8)),
            border: UiRect::all(px(1)),
            border_radius: BorderRadius::all(px(6)),
            ..default()
        },
        BackgroundColor(theme::PANEL),
        BorderColor::all(theme::ACCENT),
        children![(DraftLine, theme::text("", theme::NORMAL, theme::TEXT))],
    ));
}

fn listen(mut heard: MessageReader<Heard>, mut log: ResMut<ChatLog>, time: Res<Time>) {
    for Heard(news) in heard.read() {
        match news {
            News::Said { from, text } => log.0.push(from, text, time.elapsed_secs()),
            News::Refused { why, .. } => log.0.push("", why, time.elapsed_secs()),
            _ => {}
        }
    }
}

fn speak(mut actions: MessageReader<Action>, mut link: ResMut<Link>, mut player: ResMut<Player>, time: Res<Time>) {
    for action in actions.read() {
        match action {
            Action::Say(text) => link.0.order(Order::Say(text.clone())),
            Action::Gesture(gesture) => player.gesture = (*gesture, time.elapsed_secs() + GESTURE_S),
            _ => {}
        }
    }
}

fn write(
    mut keys: MessageReader<KeyboardInput>,
    mut writing: ResMut<Writing>,
    mut actions: MessageWriter<Action>,
    mut next: ResMut<NextState<Screen>>,
    mut opened: Local<bool>,
    draft: Query<Ref<DraftLine>>,
) {
    // The key that opened the line isn't part of it.
    let fresh = draft.iter().any(|line| line.is_added());
    if fresh || !*opened {
        *opened = true;
        keys.clear();
        return;
    }
    for key in keys.read().filter(|key| key.state == ButtonState::Pressed) {
        match &key.logical_key {
            Key::Enter => {
                if let Some(line) = writing.0.send() {
                    actions.write(said(&line));
                }
                next.set(Screen::Play);
            }
            Key::Backspace => writing.0.erase(),
            _ => {
                if let Some(typed) = &key.text {
                    writing.0.write(typed);
                }
            }
        }
    }
}

/// A line that begins with a slash and a gesture's name is a gesture.
fn said(line: &str) -> Action {
    match line.strip_prefix('/').and_then(Gesture::by_name) {
        Some(gesture) => Action::Gesture(gesture),
        None => Action::Say(line.to_owned()),
    }
}

fn show(
    log: Res<ChatLog>,
    writing: Res<Writing>,
    screen: Res<State<Screen>>,
    time: Res<Time>,
    mut lines: Query<&mut Text, (With<Lines>, Without<DraftLine>)>,
    mut drafts: Query<&mut Text, With<DraftLine>>,
) {
    let shown = log.0.shown(time.elapsed_secs(), *screen.get() == Screen::Chat, LINES);
    let text: Vec<String> = shown
        .iter()
        .map(|line| if line.from.is_empty() { line.text.clone() } else { format!("{}: {}", line.from, line.text) })
        .collect();
    let text = text.join("\n");
    for mut lines in &mut lines {
        if lines.0 != text {
            lines.0.clone_from(&text);
        }
    }
    for mut draft in &mut drafts {
        let line = format!("Say: {}_", writing.0.text());
        if draft.0 != line {
            draft.0 = line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_a_gesture_only_of_a_known_word() {
        assert_eq!(said("/wave"), Action::Gesture(Gesture::Wave));
        assert_eq!(said("/waves"), Action::Say("/waves".into()));
        assert_eq!(said("wave"), Action::Say("wave".into()));
    }
}
