//! The way through an open screen without a mouse: one button is chosen, from it one goes to the next in a direction, and presses
//! it. What is chosen looks as if the mouse were over it.

use bevy::{input::mouse::AccumulatedMouseMotion, prelude::*, ui::UiGlobalTransform};

use super::Screen;
use crate::play::Beat;

/// Chooses and presses buttons.
pub struct CursorPlugin;

/// What a hand without a mouse wants.
#[derive(Message, Clone, Copy, Debug, PartialEq)]
pub enum Steer {
    /// On to the next button: right and down.
    To(Vec2),
    /// Press the chosen one.
    Press,
}

/// The chosen button, and one that was pressed in the last frame.
#[derive(Resource, Default)]
struct Chosen {
    button: Option<Entity>,
    pressed: Option<Entity>,
}

/// Nearer than this a button counts as in the same row or column, in pixels.
const STEP: f32 = 4.0;
/// How much worse it is to be beside the way than further along it.
const ASIDE: f32 = 3.0;

impl Plugin for CursorPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<Steer>()
            .init_resource::<Chosen>()
            // Screens look at their buttons in the beat that follows.
            .add_systems(Update, steer.in_set(Beat::Act).run_if(not(in_state(Screen::Play))));
    }
}

fn steer(
    mut steers: MessageReader<Steer>,
    mouse: Option<Res<AccumulatedMouseMotion>>,
    mut chosen: ResMut<Chosen>,
    mut buttons: Query<(Entity, &UiGlobalTransform, &mut Interaction), With<Button>>,
) {
    if let Some(pressed) = chosen.pressed.take()
        && let Ok((_, _, mut interaction)) = buttons.get_mut(pressed)
    {
        *interaction = Interaction::None;
    }
    // Whoever takes the mouse chooses with it.
    if mouse.is_some_and(|mouse| mouse.delta != Vec2::ZERO) {
        chosen.button = None;
    }
    for steer in steers.read() {
        match steer {
            Steer::To(direction) => {
                let places: Vec<(Entity, Vec2)> =
                    buttons.iter().map(|(button, place, _)| (button, place.translation)).collect();
                chosen.button = next(&places, chosen.button, *direction);
            }
            Steer::Press => chosen.pressed = chosen.button,
        }
    }
    let Some((button, _, mut interaction)) = chosen.button.and_then(|button| buttons.get_mut(button).ok()) else {
        return;
    };
    let wanted = if chosen.pressed == Some(button) { Interaction::Pressed } else { Interaction::Hovered };
    interaction.set_if_neq(wanted);
}

/// The button that lies next in a direction; the same again if none does, and the first of all if none was chosen, or it is gone.
fn next(places: &[(Entity, Vec2)], chosen: Option<Entity>, direction: Vec2) -> Option<Entity> {
    let from = chosen.and_then(|chosen| places.iter().find(|(button, _)| *button == chosen));
    let Some((chosen, from)) = from else {
        let first = places.iter().min_by(|(_, a), (_, b)| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
        return first.map(|(button, _)| *button);
    };
    let cost = |place: &Vec2| {
        let way = place - from;
        let along = way.dot(direction);
        (along > STEP).then(|| along + ASIDE * way.perp_dot(direction).abs())
    };
    let best = places.iter().filter_map(|(button, place)| Some((button, cost(place)?)));
    Some(best.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(*chosen, |(button, _)| *button))
}

#[cfg(test)]
mod tests {
    use bevy::state::app::StatesPlugin;

    use super::*;

    /// A pause menu's column, and two small buttons in a row below it.
    fn app() -> (App, Vec<Entity>) {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, StatesPlugin)).insert_state(Screen::Pause).add_plugins(CursorPlugin);
        let places = [(300.0, 100.0), (300.0, 150.0), (250.0, 200.0), (350.0, 200.0)];
        let buttons = places.map(|(x, y)| {
            let place = UiGlobalTransform::from_translation(Vec2::new(x, y));
            app.world_mut().spawn((Button, Interaction::None, place)).id()
        });
        app.update();
        (app, buttons.to_vec())
    }

    fn states(app: &mut App, buttons: &[Entity], steers: &[Steer]) -> Vec<Interaction> {
        for steer in steers {
            app.world_mut().write_message(*steer);
        }
        app.update();
        buttons.iter().map(|button| *app.world().get::<Interaction>(*button).unwrap()).collect()
    }

    #[test]
    fn it_goes_from_button_to_button_and_presses_once() {
        use Interaction::{Hovered, None, Pressed};
        const DOWN: Steer = Steer::To(Vec2::Y);
        let (mut app, buttons) = app();
        assert_eq!(states(&mut app, &buttons, &[]), [None; 4], "nothing is chosen before anybody steers");
        assert_eq!(states(&mut app, &buttons, &[Steer::Press]), [None; 4]);
        assert_eq!(states(&mut app, &buttons, &[DOWN]), [Hovered, None, None, None]);
        // As the mouse's own system does with what it isn't over.
        let reset = |app: &mut App| {
            for button in &buttons {
                app.world_mut().get_mut::<Interaction>(*button).unwrap().set_if_neq(None);
            }
        };
        reset(&mut app);
        assert_eq!(states(&mut app, &buttons, &[DOWN, Steer::Press]), [None, Pressed, None, None]);
        assert_eq!(states(&mut app, &buttons, &[]), [None, Hovered, None, None], "it is pressed for one frame");
        reset(&mut app);
        assert_eq!(states(&mut app, &buttons, &[DOWN, Steer::To(Vec2::X)]), [None, None, None, Hovered]);
        reset(&mut app);
        assert_eq!(states(&mut app, &buttons, &[DOWN]), [None, None, None, Hovered], "there is nothing below");
        reset(&mut app);
        app.world_mut().despawn(buttons[3]);
        assert_eq!(states(&mut app, &buttons[..3], &[Steer::To(Vec2::X)]), [Hovered, None, None]);
    }
}
