//! The land that the player stands on: whose it is, what a claim costs, and buttons for what can be done about it.

use bevy::prelude::*;

use super::{Screen, theme};
use crate::{
    play::{Action, Beat, land::Tended},
    source::{Builders, Deed, Land, Owner},
};

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
        line(land.terms.clone(), theme::SMALL, theme::DIM);
        if !land.note.is_empty() {
            line(land.note.clone(), theme::NORMAL, theme::ACCENT);
        }
    }
    match tended.doing {
        None => {
            for (label, deed) in tended.land.as_ref().map(deeds).unwrap_or_default() {
                commands.spawn((Do(deed), theme::button(label, percent(100)), ChildOf(panel)));
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

/// What can be done, with what its button says. Who has guests keeps them: the list is the command line's.
fn deeds(land: &Land) -> Vec<(&'static str, Deed)> {
    match (&land.owner, land.build) {
        (Owner::Nobody, Builders::Owner) => vec![("Claim it", Deed::Claim)],
        (Owner::You, build) => {
            let mut deeds = vec![("Keep it for longer", Deed::Renew)];
            match build {
                Builders::Owner => deeds.push(("Let everybody build", Deed::Open(true))),
                Builders::Everybody => deeds.push(("Let nobody else build", Deed::Open(false))),
                Builders::Guests => {}
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
    use bitdust_world::LocationPos;

    use super::*;

    fn land(owner: Owner, build: Builders) -> Land {
        let (terms, note) = (String::new(), String::new());
        Land { location: LocationPos::new(1, 0, -2), owner, build, end_epoch: 90, terms, note }
    }

    #[test]
    fn what_can_be_done_follows_from_whose_it_is() {
        let of = |owner: Owner, build| deeds(&land(owner, build)).into_iter().map(|(_, deed)| deed).collect::<Vec<_>>();
        assert_eq!(of(Owner::Nobody, Builders::Owner), [Deed::Claim]);
        assert!(of(Owner::Nobody, Builders::Everybody).is_empty(), "a world without a ledger");
        assert!(of(Owner::Unknown, Builders::Owner).is_empty());
        assert!(of(Owner::Other("0x12".into()), Builders::Everybody).is_empty());
        assert_eq!(of(Owner::You, Builders::Owner), [Deed::Renew, Deed::Open(true)]);
        assert_eq!(of(Owner::You, Builders::Guests), [Deed::Renew], "the list of guests stays");
        assert_eq!(of(Owner::You, Builders::Everybody), [Deed::Renew, Deed::Open(false)]);
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
