//! Keyboard and mouse.
//!
//! Keys are physical places on the keyboard (WASD is a shape, not four letters); what is typed into the chat is text. While a
//! screen is open the body gets no keys. A script and a person can't hold the same keys: with a script running, hands are idle.

use bevy::{
    input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll},
    prelude::*,
    window::{CursorGrabMode, CursorOptions, PrimaryWindow},
};
use bitdust_world::body::Mode;

use super::{Action, Beat, Player, gamepad::Gamepad, runner::Playing};
use crate::{
    model::bindings::Held,
    screen::{Hud, Screen, SettingsRes},
    source::Gesture,
};

/// A second press of the jump key within so many seconds begins or ends flying.
const DOUBLE_S: f32 = 0.32;
/// While a button is held, hands work again after so many seconds.
const REPEAT_S: f32 = 0.25;

/// Reads hands.
pub struct InputPlugin;

impl Plugin for InputPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            Update,
            (
                (look, move_body, hands, number_keys, gestures).run_if(in_state(Screen::Play)),
                rest.run_if(not(in_state(Screen::Play))),
                open_screens,
                grab_mouse,
            )
                .in_set(Beat::Wish)
                .run_if(not(resource_exists::<Playing>)),
        );
    }
}

fn look(motion: Res<AccumulatedMouseMotion>, settings: Res<SettingsRes>, mut player: ResMut<Player>) {
    if motion.delta != Vec2::ZERO {
        let sensitivity = settings.0.mouse_percent as f32 / 100.0;
        player.gaze = player.gaze.turned(motion.delta.to_array(), sensitivity, settings.0.mouse_inverted);
    }
}

fn move_body(
    keys: Res<ButtonInput<KeyCode>>,
    pad: Option<Res<Gamepad>>,
    time: Res<Time>,
    mut player: ResMut<Player>,
    mut actions: MessageWriter<Action>,
    mut jumped_s: Local<f32>,
) {
    let held = held(&keys);
    let held = pad.map_or(held, |pad| pad.0.with(held));
    if player.held != held {
        player.held = held;
    }
    let flies = player.body.mode == Mode::Fly;
    if keys.just_pressed(KeyCode::KeyF) {
        actions.write(Action::Fly(!flies));
    }
    if keys.just_pressed(KeyCode::Space) {
        let now_s = time.elapsed_secs();
        if now_s - *jumped_s < DOUBLE_S {
            actions.write(Action::Fly(!flies));
        }
        *jumped_s = now_s;
    }
}

/// What the keys say.
fn held(keys: &ButtonInput<KeyCode>) -> Held {
    let any = |codes: [KeyCode; 2]| keys.any_pressed(codes);
    Held {
        forward: any([KeyCode::KeyW, KeyCode::ArrowUp]),
        back: any([KeyCode::KeyS, KeyCode::ArrowDown]),
        left: any([KeyCode::KeyA, KeyCode::ArrowLeft]),
        right: any([KeyCode::KeyD, KeyCode::ArrowRight]),
        up: keys.pressed(KeyCode::Space),
        down: any([KeyCode::ShiftLeft, KeyCode::ShiftRight]),
        hurry: any([KeyCode::ControlLeft, KeyCode::ControlRight]),
        stick: [0.0; 2],
    }
}

fn hands(
    buttons: Res<ButtonInput<MouseButton>>,
    keys: Res<ButtonInput<KeyCode>>,
    scroll: Res<AccumulatedMouseScroll>,
    time: Res<Time>,
    mut actions: MessageWriter<Action>,
    mut next_s: Local<f32>,
) {
    let now_s = time.elapsed_secs();
    let work = [(MouseButton::Left, Action::Break(None)), (MouseButton::Right, Action::Place(None))];
    for (button, action) in work {
        if buttons.just_pressed(button) || (buttons.pressed(button) && now_s >= *next_s) {
            actions.write(action);
            *next_s = now_s + REPEAT_S;
        }
    }
    if keys.just_pressed(KeyCode::KeyR) {
        actions.write(Action::Use(None));
    }
    if buttons.just_pressed(MouseButton::Middle) {
        actions.write(Action::Pick);
    }
    if scroll.delta.y != 0.0 {
        actions.write(Action::Scroll(if scroll.delta.y > 0.0 { -1 } else { 1 }));
    }
}

fn number_keys(keys: Res<ButtonInput<KeyCode>>, mut actions: MessageWriter<Action>) {
    const DIGITS: [KeyCode; 9] = [
        KeyCode::Digit1,
        KeyCode::Digit2,
        KeyCode::Digit3,
        KeyCode::Digit4,
        KeyCode::Digit5,
        KeyCode::Digit6,
        KeyCode::Digit7,
        KeyCode::Digit8,
        KeyCode::Digit9,
    ];
    for (slot, key) in DIGITS.into_iter().enumerate() {
        if keys.just_pressed(key) {
            actions.write(Action::Slot(slot));
        }
    }
}

fn gestures(keys: Res<ButtonInput<KeyCode>>, mut actions: MessageWriter<Action>) {
    let made = [
        (KeyCode::KeyG, Gesture::Wave),
        (KeyCode::KeyH, Gesture::Point),
        (KeyCode::KeyJ, Gesture::Cheer),
        (KeyCode::KeyB, Gesture::Bow),
    ];
    for (key, gesture) in made {
        if keys.just_pressed(key) {
            actions.write(Action::Gesture(gesture));
        }
    }
}

/// A body without hands stands still.
fn rest(mut player: ResMut<Player>) {
    if player.held != Held::default() {
        player.held = Held::default();
    }
}

fn open_screens(
    keys: Res<ButtonInput<KeyCode>>,
    screen: Res<State<Screen>>,
    mut next: ResMut<NextState<Screen>>,
    mut hud: ResMut<Hud>,
    mut actions: MessageWriter<Action>,
) {
    if keys.just_pressed(KeyCode::F12) {
        actions.write(Action::Screenshot(None));
    }
    if keys.just_pressed(KeyCode::F3) {
        hud.debug = !hud.debug;
    }
    if keys.just_pressed(KeyCode::F1) {
        hud.shown = !hud.shown;
    }
    let now = *screen.get();
    if keys.just_pressed(KeyCode::Escape) {
        next.set(if now == Screen::Play { Screen::Pause } else { Screen::Play });
        return;
    }
    // While somebody types, letters are letters.
    if now == Screen::Chat || now == Screen::Settings {
        return;
    }
    let opened = [
        (KeyCode::KeyE, Screen::Inventory),
        (KeyCode::KeyM, Screen::Map),
        (KeyCode::KeyP, Screen::Travel),
        (KeyCode::KeyQ, Screen::Journal),
        (KeyCode::KeyL, Screen::Land),
        (KeyCode::KeyT, Screen::Chat),
        (KeyCode::Enter, Screen::Chat),
    ];
    for (key, screen) in opened {
        if keys.just_pressed(key) {
            next.set(if now == screen { Screen::Play } else { screen });
        }
    }
}

/// The mouse belongs to the game while no screen is open.
fn grab_mouse(screen: Res<State<Screen>>, mut windows: Query<(&Window, &mut CursorOptions), With<PrimaryWindow>>) {
    for (window, mut cursor) in &mut windows {
        let grabbed = *screen.get() == Screen::Play && window.focused;
        let (mode, visible) = if grabbed { (CursorGrabMode::Locked, false) } else { (CursorGrabMode::None, true) };
        if cursor.visible != visible {
            cursor.grab_mode = mode;
            cursor.visible = visible;
        }
    }
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
