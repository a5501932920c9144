//! The land that the player stands on: whose it is, what a claim costs, and buttons for what can be done about it.

use bevy::prelude::*;

use super::{Screen, theme};
use crate::{
    play::{Action, Beat, land::Tended},
    source::{Builders, Deed, Land, Owner},
};

/// Buttons for people in sight, and for guests, at most; there is room for no more.
const PEOPLE_MAX: usize = 4;

/// The land screen.
pub struct LandPlugin;

#[derive(Component)]
struct Sheet;

#[derive(Component, Clone, Copy)]
struct Do(Deed);

impl Plugin for LandPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Land), open)
            .add_systems(Update, (show, choose).chain().in_set(Beat::Write).run_if(in_state(Screen::Land)));
    }
}

fn open(mut commands: Commands, mut actions: MessageWriter<Action>) {
    let backdrop = commands.spawn(theme::backdrop(Screen::Land)).id();
    commands.spawn((Sheet, theme::panel(px(640)), ChildOf(backdrop)));
    actions.write(Action::Land(Deed::Look));
}

fn show(mut commands: Commands, tended: Res<Tended>, sheets: Query<(Entity, Ref<Sheet>)>) {
    let Ok((panel, sheet)) = sheets.single() else { return };
    if !tended.is_changed() && !sheet.is_added() {
        return;
    }
    commands.entity(panel).despawn_related::<Children>();
    let mut line = |text: String, size: f32, colour: Color| {
        commands.spawn((theme::text(text, size, colour), ChildOf(panel)));
    };
    line("This land".to_owned(), theme::LARGE, theme::TEXT);
    if let Some(land) = &tended.land {
        let (x, y, z) = (land.location.x, land.location.y, land.location.z);
        line(format!("Place {x}, {y}, {z}: 256 metres each way"), theme::SMALL, theme::DIM);
        line(standing(land), theme::NORMAL, theme::TEXT);
        let more = [&land.near, &land.guests].map(|people| people.len().saturating_sub(PEOPLE_MAX));
        if more != [0, 0] {
            let [near, guests] = more;
            let elsewhere = "`bitdust world access` lets any of them in or out.";
            line(format!("{near} more in sight, {guests} more guests: {elsewhere}"), theme::SMALL, theme::DIM);
        }
        line(land.terms.clone(), theme::SMALL, theme::DIM);
        if !land.note.is_empty() {
            line(land.note.clone(), theme::NORMAL, theme::ACCENT);
        }
    }
    match tended.doing {
        None => {
            for (label, deed) in tended.land.as_ref().map(deeds).unwrap_or_default() {
                commands.spawn((Do(deed), theme::button(&label, percent(100)), ChildOf(panel)));
            }
        }
        Some(Deed::Look) => line("Looking it up...".to_owned(), theme::NORMAL, theme::DIM),
        Some(_) => {
            line("The ledger and the suppliers are at it: some seconds...".to_owned(), theme::NORMAL, theme::DIM);
        }
    }
    commands.spawn((theme::text("Esc or L: back", theme::SMALL, theme::DIM), ChildOf(panel)));
}

/// Whose it is and who may build, in a sentence.
fn standing(land: &Land) -> String {
    let who = match land.build {
        Builders::Owner => "its owner",
        Builders::Guests => "its owner and the owner's guests",
        Builders::Everybody => "everybody",
    };
    match &land.owner {
        Owner::Unknown => "Whose it is couldn't be found out.".to_owned(),
        Owner::Nobody => "Nobody's: it is as the terrain is.".to_owned(),
        Owner::You => format!("Yours until epoch {}. {} may build.", land.end_epoch, capital(who)),
        Owner::Other(owner) => format!("It is {owner}'s until epoch {}. {} may build.", land.end_epoch, capital(who)),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What can be done, with what its button says.
fn deeds(land: &Land) -> Vec<(String, Deed)> {
    match (&land.owner, land.build) {
        (Owner::Nobody, Builders::Owner) => vec![("Claim it".to_owned(), Deed::Claim)],
        (Owner::You, build) => {
            let mut deeds = vec![("Keep it for longer".to_owned(), Deed::Renew)];
            for person in land.near.iter().take(PEOPLE_MAX) {
                deeds.push((format!("Let {} build", person.name), Deed::Welcome(person.account)));
            }
            for guest in land.guests.iter().take(PEOPLE_MAX) {
                deeds.push((format!("Let {} build no longer", guest.name), Deed::Dismiss(guest.account)));
            }
            match build {
                Builders::Owner | Builders::Guests => deeds.push(("Let everybody build".to_owned(), Deed::Open(true))),
                Builders::Everybody if land.guests.is_empty() => {
                    deeds.push(("Let nobody else build".to_owned(), Deed::Open(false)));
                }
                Builders::Everybody => deeds.push(("Let only your guests build".to_owned(), Deed::Open(false))),
            }
            deeds
        }
        _ => vec![],
    }
}

fn choose(buttons: Query<(&Do, &Interaction), Changed<Interaction>>, mut actions: MessageWriter<Action>) {
    for (Do(deed), interaction) in &buttons {
        if *interaction == Interaction::Pressed {
            actions.write(Action::Land(*deed));
        }
    }
}

#[cfg(test)]
mod tests {
    use bitdust_types::Address;
    use bitdust_world::LocationPos;

    use super::*;
    use crate::source::Person;

    fn land(owner: Owner, build: Builders) -> Land {
        let (terms, note) = (String::new(), String::new());
        let location = LocationPos::new(1, 0, -2);
        Land { location, owner, build, end_epoch: 90, guests: vec![], near: vec![], terms, note }
    }

    #[test]
    fn what_can_be_done_follows_from_whose_it_is() {
        let of = |owner: Owner, build| deeds(&land(owner, build)).into_iter().map(|(_, deed)| deed).collect::<Vec<_>>();
        assert_eq!(of(Owner::Nobody, Builders::Owner), [Deed::Claim]);
        assert!(of(Owner::Nobody, Builders::Everybody).is_empty(), "a world without a ledger");
        assert!(of(Owner::Unknown, Builders::Owner).is_empty());
        assert!(of(Owner::Other("0x12".into()), Builders::Everybody).is_empty());
        assert_eq!(of(Owner::You, Builders::Owner), [Deed::Renew, Deed::Open(true)]);
        assert_eq!(of(Owner::You, Builders::Guests), [Deed::Renew, Deed::Open(true)]);
        assert_eq!(of(Owner::You, Builders::Everybody), [Deed::Renew, Deed::Open(false)]);
    }

    #[test]
    fn who_is_in_sight_can_be_let_in_and_guests_out() {
        let people = |from: u8| -> Vec<Person> {
            let account = |number| Address::repeat_byte(from + number);
            (0..9).map(|number| Person { account: account(number), name: format!("Nr {number}") }).collect()
        };
        let mut land = land(Owner::You, Builders::Everybody);
        (land.near, land.guests) = (people(0), people(9));
        let buttons = deeds(&land);
        assert_eq!(buttons.len(), 2 + 2 * PEOPLE_MAX);
        assert_eq!(buttons[1], ("Let Nr 0 build".to_owned(), Deed::Welcome(Address::repeat_byte(0))));
        assert_eq!(buttons[5], ("Let Nr 0 build no longer".to_owned(), Deed::Dismiss(Address::repeat_byte(9))));
        assert_eq!(buttons[9].0, "Let only your guests build");
    }

    #[test]
    fn it_says_who_may_build() {
        let said = standing(&land(Owner::You, Builders::Guests));
        assert_eq!(said, "Yours until epoch 90. Its owner and the owner's guests may build.");
        assert!(
            standing(&land(Owner::Other("0x12…34".into()), Builders::Everybody)).contains("0x12…34's until epoch 90")
        );
    }
}
