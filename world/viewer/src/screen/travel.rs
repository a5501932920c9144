//! Places to go to, by name: what the creator recommends, what is popular, what is claimed, villages.

use bevy::prelude::*;

use super::{Places, Screen, theme};
use crate::{
    play::{Action, Beat, Player, link::Heard},
    source::{News, PLACES_MAX, Place, PlaceKind},
};

/// The travel menu.
pub struct TravelPlugin;

#[derive(Component)]
struct Destination(Place);

/// Places of one kind that are listed; the map shows all.
const PER_KIND: usize = 9;

impl Plugin for TravelPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Travel), build)
            .add_systems(Update, learn.in_set(Beat::Act))
            .add_systems(Update, choose.in_set(Beat::Write).run_if(in_state(Screen::Travel)));
    }
}

fn learn(mut heard: MessageReader<Heard>, mut places: ResMut<Places>) {
    for Heard(news) in heard.read() {
        if let News::Places(list) = news {
            places.0 = list.iter().take(PLACES_MAX).cloned().collect();
        }
    }
}

fn build(mut commands: Commands, places: Res<Places>, player: Res<Player>) {
    let backdrop = commands.spawn(theme::backdrop(Screen::Travel)).id();
    let panel = commands.spawn((theme::panel(px(1120)), ChildOf(backdrop))).id();
    commands.spawn((theme::text("Travel", theme::LARGE, theme::TEXT), ChildOf(panel)));
    let columns = commands
        .spawn((Node { align_items: AlignItems::FlexStart, column_gap: px(16), ..default() }, ChildOf(panel)))
        .id();
    let kinds = [
        (PlaceKind::Featured, "Featured"),
        (PlaceKind::Popular, "Popular"),
        (PlaceKind::Claimed, "Claimed"),
        (PlaceKind::Village, "Villages"),
    ];
    for (kind, title) in kinds {
        let column = Node { width: px(256), flex_direction: FlexDirection::Column, row_gap: px(6), ..default() };
        let column = commands.spawn((column, ChildOf(columns))).id();
        commands.spawn((theme::text(title, theme::NORMAL, theme::ACCENT), ChildOf(column)));
        let listed = nearest(&places.0, kind, &player);
        if listed.is_empty() {
            commands.spawn((theme::text("none known around here", theme::SMALL, theme::DIM), ChildOf(column)));
        }
        for (place, metres) in listed {
            let owner = if place.owner.is_empty() { String::new() } else { format!(", {}", place.owner) };
            let label = format!("{} ({}{owner})", place.name, distance(metres));
            commands.spawn((Destination(place.clone()), theme::button(&label, percent(100)), ChildOf(column)));
        }
    }
    commands.spawn((theme::text("Esc or P: back", theme::SMALL, theme::DIM), ChildOf(panel)));
}

/// The places of a kind, nearest first, with their distance in metres.
fn nearest<'a>(places: &'a [Place], kind: PlaceKind, player: &Player) -> Vec<(&'a Place, f64)> {
    let here = player.body.position;
    let mut listed: Vec<(&Place, f64)> = places
        .iter()
        .filter(|place| place.kind == kind)
        .map(|place| {
            let [x, _, z] = bitdust_world::body::Position::on_floor_of(place.at).since(&here);
            (place, x.hypot(z))
        })
        .collect();
    listed.sort_by(|a, b| a.1.total_cmp(&b.1));
    listed.truncate(PER_KIND);
    listed
}

/// A distance for people.
fn distance(metres: f64) -> String {
    if metres < 1000.0 { format!("{metres:.0} m") } else { format!("{:.1} km", metres / 1000.0) }
}

fn choose(
    destinations: Query<(&Destination, &Interaction), Changed<Interaction>>,
    mut actions: MessageWriter<Action>,
    mut next: ResMut<NextState<Screen>>,
) {
    for (destination, interaction) in &destinations {
        if *interaction == Interaction::Pressed {
            actions.write(Action::Travel(destination.0.at));
            next.set(Screen::Play);
        }
    }
}
