//! A gamepad, as an option: sticks walk and look, triggers place and break, buttons do what keys do. In menus the cross goes from
//! button to button, A presses and B goes back; only names and chat want a keyboard.

use std::sync::{Mutex, PoisonError, mpsc::Receiver};

use bevy::prelude::*;
use bitdust_world::body::Mode;

use super::{Action, Beat, Player, quest::Journal, runner::Playing};
use crate::{
    model::pad::{Button, Event, Pad},
    screen::{Screen, SettingsRes, cursor::Steer},
    shell,
    source::Gesture,
};

/// Dots of mouse movement that a full stick is worth per second: half a turn at the usual sensitivity.
const DOTS_PER_S: f32 = 1400.0;
/// While a trigger is held, hands work again after so many seconds.
const REPEAT_S: f32 = 0.25;

/// Reads a gamepad.
pub struct GamepadPlugin;

/// The gamepad's state; at rest if there is none, or it is switched off.
#[derive(Resource, Default)]
pub struct Gamepad(pub Pad);

/// What it says.
#[derive(Resource)]
struct Line(Mutex<Receiver<Event>>);

/// The order within the wishes: what was pressed is known before anybody asks.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hearing;

impl Plugin for GamepadPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Gamepad>()
            .insert_resource(Line(Mutex::new(shell::gamepad::listen())))
            .add_systems(Update, hear.in_set(Hearing).in_set(Beat::Wish))
            .add_systems(Update, systems().after(Hearing));
    }
}

/// What a pad does, however it is heard.
fn systems() -> bevy::ecs::schedule::ScheduleConfigs<bevy::ecs::system::ScheduleSystem> {
    (
        (look, turn_page, hands, buttons).run_if(in_state(Screen::Play)),
        steer.run_if(not(in_state(Screen::Play))),
        screens,
    )
        .chain()
        .in_set(Beat::Wish)
        .run_if(not(resource_exists::<Playing>))
}

fn hear(line: Res<Line>, settings: Res<SettingsRes>, mut pad: ResMut<Gamepad>) {
    let line = line.0.lock().unwrap_or_else(PoisonError::into_inner);
    for event in line.try_iter() {
        pad.0.take(event);
    }
    if !settings.0.gamepad {
        pad.0.take(Event::Gone);
    }
}

fn look(pad: Res<Gamepad>, settings: Res<SettingsRes>, time: Res<Time>, mut player: ResMut<Player>) {
    let [right, up] = pad.0.look();
    if right != 0.0 || up != 0.0 {
        let dots = [right, -up].map(|part| part * DOTS_PER_S * time.delta_secs());
        let sensitivity = settings.0.mouse_percent as f32 / 100.0;
        player.gaze = player.gaze.turned(dots, sensitivity, settings.0.mouse_inverted);
    }
}

/// Like a key, whatever else it does.
fn turn_page(pad: Res<Gamepad>, mut journal: ResMut<Journal>) {
    if journal.page.is_some() && pad.0.is_fresh() {
        journal.page = None;
    }
}

fn steer(mut pad: ResMut<Gamepad>, mut steers: MessageWriter<Steer>) {
    for (button, steer) in [
        (Button::Up, Steer::To(Vec2::NEG_Y)),
        (Button::Down, Steer::To(Vec2::Y)),
        (Button::Left, Steer::To(Vec2::NEG_X)),
        (Button::Right, Steer::To(Vec2::X)),
        (Button::A, Steer::Press),
    ] {
        if pad.0.pressed(button) {
            steers.write(steer);
        }
    }
}

fn hands(mut pad: ResMut<Gamepad>, time: Res<Time>, mut actions: MessageWriter<Action>, mut next_s: Local<f32>) {
    let now_s = time.elapsed_secs();
    let work = [(Button::RightTrigger, Action::Break(None)), (Button::LeftTrigger, Action::Place(None))];
    for (trigger, action) in work {
        if pad.0.pressed(trigger) || (pad.0.is_held(trigger) && now_s >= *next_s) {
            actions.write(action);
            *next_s = now_s + REPEAT_S;
        }
    }
}

fn buttons(mut pad: ResMut<Gamepad>, player: Res<Player>, mut actions: MessageWriter<Action>) {
    let flies = player.body.mode == Mode::Fly;
    for (button, action) in [
        (Button::X, Action::Use(None)),
        (Button::LeftShoulder, Action::Scroll(-1)),
        (Button::RightShoulder, Action::Scroll(1)),
        (Button::RightStick, Action::Fly(!flies)),
        (Button::Up, Action::Gesture(Gesture::Wave)),
        (Button::Down, Action::Gesture(Gesture::Bow)),
        (Button::Left, Action::Gesture(Gesture::Point)),
        (Button::Right, Action::Pick),
    ] {
        if pad.0.pressed(button) {
            actions.write(action);
        }
    }
}

fn screens(mut pad: ResMut<Gamepad>, screen: Res<State<Screen>>, mut next: ResMut<NextState<Screen>>) {
    let playing = *screen.get() == Screen::Play;
    for (button, opened) in
        [(Button::Start, Screen::Pause), (Button::Y, Screen::Inventory), (Button::Back, Screen::Map)]
    {
        if pad.0.pressed(button) {
            next.set(if playing { opened } else { Screen::Play });
        }
    }
    if !playing && pad.0.pressed(Button::B) {
        next.set(Screen::Play);
    }
    pad.0.forget();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bevy::state::app::StatesPlugin;
    use bitdust_world::{VoxelPos, content::Text};

    use super::*;
    use crate::model::settings::Settings;

    fn app() -> App {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, StatesPlugin))
            .init_state::<Screen>()
            .insert_resource(Player::at(VoxelPos::new(0, 0, 0)))
            .insert_resource(SettingsRes(Settings::default(), None))
            .insert_resource(bevy::time::TimeUpdateStrategy::ManualDuration(std::time::Duration::from_millis(50)))
            .insert_resource(Journal::new([1; 32], Arc::default()))
            .add_message::<Action>()
            .add_message::<Steer>()
            .init_resource::<Gamepad>()
            .add_systems(Update, systems());
        app.update();
        app.update();
        app
    }

    fn press(app: &mut App, events: &[Event]) -> Vec<Action> {
        for event in events {
            app.world_mut().resource_mut::<Gamepad>().0.take(*event);
        }
        app.update();
        app.world_mut().resource_mut::<Messages<Action>>().drain().collect()
    }

    #[test]
    fn sticks_look_and_buttons_act_once() {
        let mut app = app();
        let done = press(&mut app, &[Event::Axis(3, 1.0), Event::Button(2, true), Event::Button(5, true)]);
        assert_eq!(done, [Action::Use(None), Action::Scroll(1)]);
        let heading = app.world().resource::<Player>().gaze.heading();
        assert!((5.0..15.0).contains(&heading), "{heading} degrees in a twentieth of a second");
        assert!(press(&mut app, &[]).is_empty(), "what is held down acts once");
    }

    #[test]
    fn a_trigger_held_down_works_again_but_not_in_every_frame() {
        let mut app = app();
        let mut broken = press(&mut app, &[Event::Axis(5, 1.0)]).len();
        for _ in 0..19 {
            broken += press(&mut app, &[]).len();
        }
        assert!((3..=6).contains(&broken), "{broken} times in a second");
    }

    #[test]
    fn screens_open_and_close() {
        let mut app = app();
        let now = |app: &App| *app.world().resource::<State<Screen>>().get();
        press(&mut app, &[Event::Button(3, true)]);
        app.update();
        assert_eq!(now(&app), Screen::Inventory);
        assert!(press(&mut app, &[Event::Button(1, true)]).is_empty());
        app.update();
        assert_eq!(now(&app), Screen::Play);
    }
    #[test]
    fn in_a_menu_it_steers_and_a_page_is_turned_by_any_button() {
        let mut app = app();
        let steered = |app: &mut App| app.world_mut().resource_mut::<Messages<Steer>>().drain().collect::<Vec<_>>();
        app.world_mut().resource_mut::<Journal>().page = Some(Text { title: String::new(), body: "Welcome".into() });
        assert_eq!(press(&mut app, &[Event::Axis(7, 1.0)]), [Action::Gesture(Gesture::Bow)]);
        assert!(app.world().resource::<Journal>().page.is_none());
        assert!(steered(&mut app).is_empty());
        press(&mut app, &[Event::Axis(7, 0.0), Event::Button(7, true)]);
        app.update();
        assert!(press(&mut app, &[Event::Axis(7, 1.0), Event::Button(0, true)]).is_empty());
        assert_eq!(steered(&mut app), [Steer::To(Vec2::Y), Steer::Press]);
        press(&mut app, &[]);
        assert!(steered(&mut app).is_empty());
    }
}
