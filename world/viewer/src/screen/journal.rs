//! The journal: what there is to achieve in this world, what has been, and what the player carries.

use bevy::prelude::*;
use bitdust_world::content::{Content, Play};

use super::{Screen, theme};
use crate::play::quest::Journal;

/// The journal.
pub struct JournalPlugin;

/// Lines of one sort that are listed; the rest is counted.
const LINES_MAX: usize = 14;

impl Plugin for JournalPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(OnEnter(Screen::Journal), build);
    }
}

fn build(mut commands: Commands, journal: Res<Journal>) {
    let backdrop = commands.spawn(theme::backdrop(Screen::Journal)).id();
    let panel = commands.spawn((theme::panel(px(1000)), ChildOf(backdrop))).id();
    commands.spawn((theme::text("Journal", theme::LARGE, theme::TEXT), ChildOf(panel)));
    let columns = commands
        .spawn((Node { align_items: AlignItems::FlexStart, column_gap: px(16), ..default() }, ChildOf(panel)))
        .id();
    for (title, lines) in pages(journal.content(), &journal.play) {
        let column = Node { width: px(310), flex_direction: FlexDirection::Column, row_gap: px(6), ..default() };
        let column = commands.spawn((column, ChildOf(columns))).id();
        commands.spawn((theme::text(title, theme::NORMAL, theme::ACCENT), ChildOf(column)));
        for line in lines {
            commands.spawn((theme::text(line, theme::SMALL, theme::TEXT), ChildOf(column)));
        }
    }
    commands.spawn((theme::text("Esc or Q: back", theme::SMALL, theme::DIM), ChildOf(panel)));
}

/// What is listed, in columns.
fn pages(content: &Content, play: &Play) -> [(&'static str, Vec<String>); 3] {
    let mut quests: Vec<(bool, String)> = content
        .quests
        .values()
        .map(|quest| match play.has_mark(quest.done.as_str()) {
            true => (true, format!("{} (finished)", quest.title)),
            false => (false, format!("{}: {}", quest.title, quest.description)),
        })
        .collect();
    // What is left to do comes first.
    quests.sort();
    let items = play.items().map(|(name, count)| {
        let title = crate::play::quest::title(content, name.as_str());
        let about = content.items.get(name).map(|item| item.description.as_str()).filter(|about| !about.is_empty());
        let count = if count > 1 { format!("{count} x ") } else { String::new() };
        about.map_or_else(|| format!("{count}{title}"), |about| format!("{count}{title}. {about}"))
    });
    [
        ("Quests", listed(quests.into_iter().map(|(_, line)| line), "there are none in this world")),
        ("Marks", listed(play.marks().map(ToString::to_string), "none yet")),
        ("You carry", listed(items, "nothing")),
    ]
}

/// As many lines as fit.
fn listed(lines: impl Iterator<Item = String>, none: &str) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    if lines.is_empty() {
        lines.push(none.to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use bitdust_world::{
        VoxelPos,
        content::{Event, WorldId},
    };

    use super::*;

    #[test]
    fn it_lists_what_is_left_what_is_done_and_what_is_carried() {
        let content = Content::from_json(
            r#"{ "items": { "key": { "title": "Brass key", "description": "Worn smooth." } },
                 "triggers": [ { "name": "t", "on": { "use": [1, 0, 0] },
                                 "then": [ { "grant": "found" }, { "give": "key" }, { "give": "key" } ] },
                               { "name": "u", "on": { "use": [2, 0, 0] }, "then": [ { "grant": "done" } ] } ],
                 "quests": { "a": { "title": "Find it", "description": "Look.", "done": "found" },
                             "b": { "title": "End it", "description": "Go on.", "done": "done" } } }"#,
        )
        .unwrap();
        let mut play = Play::new(WorldId([1; 32]));
        let lines = |play: &Play| pages(&content, play).map(|(_, lines)| lines);
        assert_eq!(lines(&play)[1..], [vec!["none yet".to_owned()], vec!["nothing".to_owned()]]);
        play.handle(&content, Event::Entered(VoxelPos::new(0, 0, 0)));
        play.handle(&content, Event::Used(VoxelPos::new(1, 0, 0)));
        let [quests, marks, items] = lines(&play);
        assert_eq!(quests, ["End it: Go on.", "Find it (finished)"]);
        assert_eq!((marks, items), (vec!["found".to_owned()], vec!["2 x Brass key. Worn smooth.".to_owned()]));
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let lines = listed((0..20).map(|i| i.to_string()), "none");
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (LINES_MAX + 1, Some("and 6 more")));
    }
}
