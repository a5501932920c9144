//! Keys to wishes, without a window.

use bevy::{
    input::{
        ButtonState, InputPlugin as BevyInput,
        keyboard::{Key, KeyboardInput},
        mouse::MouseButtonInput,
    },
    state::app::StatesPlugin,
};
use bitdust_world::VoxelPos;

use super::*;
use crate::model::settings::Settings;

/// An app with nothing in it but hands and a player.
fn hands() -> App {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, StatesPlugin, BevyInput))
        .init_state::<Screen>()
        .insert_resource(Player::at(VoxelPos::new(0, 0, 0)))
        .insert_resource(SettingsRes(Settings::default(), None))
        .insert_resource(Hud { shown: true, debug: false })
        .add_message::<Action>()
        .add_plugins(InputPlugin);
    app.update();
    app
}

/// A key goes down, as the window system says it, and stays down.
fn press(app: &mut App, key_code: KeyCode) {
    let unknown = bevy::input::keyboard::NativeKey::Unidentified;
    app.world_mut().write_message(KeyboardInput {
        key_code,
        logical_key: Key::Unidentified(unknown),
        state: ButtonState::Pressed,
        text: None,
        repeat: false,
        window: Entity::PLACEHOLDER,
    });
}

fn frame(app: &mut App) {
    app.update();
}

fn done(app: &mut App) -> Vec<Action> {
    app.world_mut().resource_mut::<Messages<Action>>().drain().collect()
}

#[test]
fn walking_keys_are_held_until_released_and_rest_while_a_screen_is_open() {
    let mut app = hands();
    press(&mut app, KeyCode::KeyW);
    press(&mut app, KeyCode::ControlLeft);
    frame(&mut app);
    let held = |app: &App| app.world().resource::<Player>().held;
    assert_eq!(held(&app), Held { forward: true, hurry: true, ..Held::default() });
    app.world_mut().resource_mut::<NextState<Screen>>().set(Screen::Inventory);
    frame(&mut app);
    frame(&mut app);
    assert_eq!(held(&app), Held::default());
}

#[test]
fn digits_choose_slots_and_letters_open_screens() {
    let mut app = hands();
    press(&mut app, KeyCode::Digit4);
    press(&mut app, KeyCode::KeyM);
    frame(&mut app);
    assert_eq!(done(&mut app), [Action::Slot(3)]);
    frame(&mut app);
    assert_eq!(*app.world().resource::<State<Screen>>().get(), Screen::Map);
    press(&mut app, KeyCode::Escape);
    frame(&mut app);
    frame(&mut app);
    assert_eq!(*app.world().resource::<State<Screen>>().get(), Screen::Play);
}

#[test]
fn a_letter_typed_into_the_chat_opens_nothing() {
    let mut app = hands();
    app.world_mut().resource_mut::<NextState<Screen>>().set(Screen::Chat);
    frame(&mut app);
    press(&mut app, KeyCode::KeyE);
    press(&mut app, KeyCode::Digit2);
    frame(&mut app);
    frame(&mut app);
    assert_eq!(*app.world().resource::<State<Screen>>().get(), Screen::Chat);
    assert!(done(&mut app).is_empty());
}

#[test]
fn a_mouse_button_held_down_works_again_but_not_in_every_frame() {
    let mut app = hands();
    app.insert_resource(bevy::time::TimeUpdateStrategy::ManualDuration(std::time::Duration::from_millis(50)));
    app.update();
    app.world_mut().write_message(MouseButtonInput {
        button: MouseButton::Left,
        state: ButtonState::Pressed,
        window: Entity::PLACEHOLDER,
    });
    let mut broken = 0;
    for _ in 0..20 {
        app.update();
        broken += done(&mut app).len();
    }
    assert!((3..=6).contains(&broken), "{broken} times in a second");
}

#[test]
fn a_script_takes_the_hands() {
    let mut app = hands();
    app.insert_resource(Playing::new(vec![], None));
    press(&mut app, KeyCode::KeyW);
    press(&mut app, KeyCode::Digit4);
    frame(&mut app);
    assert_eq!(app.world().resource::<Player>().held, Held::default());
    assert!(done(&mut app).is_empty());
}
