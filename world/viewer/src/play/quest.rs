//! What a world's creator put there: signs, doors, triggers, quests.
//!
//! `bitdust_world::content` says what comes of walking and using; here the player's events go in and the effects are shown.
//! Everything is this player's own: a door that opens for one is closed for the next. It is kept between visits
//! ([`crate::model::progress`]): within seconds of a change, and when the player leaves.

use std::{collections::BTreeMap, sync::Arc};

use bevy::prelude::*;
use bitdust_world::{
    BlockId, ChunkPos, VoxelPos,
    content::{Content, Effect, Event, Play, Text, When, WorldId},
};

use super::{Action, Beat, Player, building::Target, link::Heard, walking::WalkingSystems};
use crate::{
    model::progress::{Found, Progress},
    scene::chunks::Chunks,
    source::News,
};

/// Texts remembered as shown: more than a world can have.
const SHOWN_MAX: usize = 1024;
/// What changed is kept so many seconds later at most: one write for all that happens within them.
const KEEP_EVERY_S: f32 = 2.0;

/// Plays the content.
pub struct QuestPlugin;

/// What this player has done in this world's content.
#[derive(Resource, Debug)]
pub struct Journal {
    /// Marks, items, doors.
    pub play: Play,
    /// The page to read now, if any.
    pub page: Option<Text>,
    content: Arc<Content>,
    doors: BTreeMap<VoxelPos, BlockId>,
    shown: Vec<Text>,
    at: Option<VoxelPos>,
    /// Where it is kept; nowhere for pictures and tests.
    progress: Option<Progress>,
    /// Something happened that isn't kept yet.
    unkept: bool,
    /// What the player should be told about files.
    word: Option<String>,
}

impl Journal {
    /// A newcomer's.
    pub fn new(world: [u8; 32], content: Arc<Content>) -> Self {
        let play = Play::new(WorldId(world));
        let doors = play.doors_of(&content);
        Journal { play, page: None, content, doors, shown: vec![], at: None, progress: None, unkept: false, word: None }
    }

    /// Of somebody who may have been here before, and whose progress is kept there.
    pub fn kept(world: [u8; 32], content: Arc<Content>, progress: Progress) -> Self {
        let Found { play, word } = progress.load(&content);
        let doors = play.doors_of(&content);
        Journal { play, doors, progress: Some(progress), word, ..Journal::new(world, content) }
    }

    /// What the world's creator put there.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The text of the sign there, if there is one.
    pub fn sign(&self, at: VoxelPos) -> Option<&Text> {
        self.content.texts.get(self.content.signs.get(&at)?)
    }

    /// Keeps what happened; what went wrong, if it did.
    fn keep(&mut self) -> Option<String> {
        self.unkept = false;
        self.progress.as_ref()?.save(&self.play).err()
    }

    /// Voxels of doors in a chunk, as they are for this player.
    pub fn doors_in(&self, pos: ChunkPos) -> impl Iterator<Item = (VoxelPos, BlockId)> {
        self.doors.iter().filter(move |(at, _)| at.chunk() == pos).map(|(at, block)| (*at, *block))
    }

    /// Whether using the voxel may do something.
    pub fn is_used(&self, at: VoxelPos) -> bool {
        let triggered = self.content.triggers.iter().any(|trigger| trigger.on == When::Use(at));
        triggered || self.content.signs.contains_key(&at) || self.doors.contains_key(&at)
    }

    /// Whether a text with this in its title or body was shown.
    pub fn has_shown(&self, part: &str) -> bool {
        self.shown.iter().any(|text| text.title.contains(part) || text.body.contains(part))
    }
}

impl Plugin for QuestPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (experience, keep).chain().in_set(Beat::Act).after(WalkingSystems))
            .add_systems(Last, leave.run_if(on_message::<AppExit>));
    }
}

fn experience(
    mut journal: ResMut<Journal>,
    mut chunks: ResMut<Chunks>,
    mut actions: ParamSet<(MessageReader<Action>, MessageWriter<Action>)>,
    mut heard: MessageWriter<Heard>,
    player: Res<Player>,
    target: Res<Target>,
) {
    let mut events = vec![];
    let at = player.body.voxel();
    match journal.at {
        None => events.push(Event::Entered(at)),
        Some(before) if before != at => events.push(Event::Moved(at)),
        Some(_) => {}
    }
    for action in actions.p0().read() {
        let used = match action {
            Action::Use(Some(at)) => Some(*at),
            // The hand that places is the hand that uses.
            Action::Use(None) | Action::Place(None) => target.0.map(|hit| hit.voxel),
            _ => None,
        };
        events.extend(used.map(Event::Used));
    }
    if events.is_empty() {
        return;
    }
    let journal = &mut *journal;
    journal.at = Some(at);
    let content = Arc::clone(&journal.content);
    let mut say = |text: String| {
        heard.write(Heard(News::Said { from: String::new(), text }));
    };
    let mut travel = None;
    for event in events {
        let effects = journal.play.handle(&content, event);
        journal.unkept |= effects.iter().any(|effect| !matches!(effect, Effect::OutOfReach(_)));
        for effect in effects {
            match effect {
                Effect::Show(name) => {
                    if let Some(text) = content.texts.get(&name) {
                        journal.page = Some(text.clone());
                        if journal.shown.len() < SHOWN_MAX && !journal.shown.contains(text) {
                            journal.shown.push(text.clone());
                        }
                    }
                }
                Effect::Door(name, open) => {
                    let Some(door) = content.doors.get(&name) else { continue };
                    for voxel in &door.voxels {
                        journal.doors.insert(*voxel, door.block(open));
                        chunks.0.set(*voxel, door.block(open));
                    }
                }
                Effect::Granted(mark) => say(format!("You have earned: {mark}")),
                Effect::Removed(mark) => say(format!("You have lost: {mark}")),
                Effect::Given(item) => say(format!("You take: {}", title(&content, item.as_str()))),
                Effect::Taken(item) => say(format!("You give away: {}", title(&content, item.as_str()))),
                Effect::Finished(quest) => {
                    let title = content.quests.get(&quest).map_or(quest.to_string(), |quest| quest.title.clone());
                    say(format!("Quest finished: {title}"));
                }
                Effect::Teleport(to) => travel = Some(to),
                Effect::OutOfReach(at) if journal_uses(&content, at) => say("That is too far away.".into()),
                Effect::OutOfReach(_) => {}
            }
        }
    }
    if let Some(to) = travel {
        actions.p1().write(Action::Travel(to));
    }
}

fn keep(mut journal: ResMut<Journal>, mut heard: MessageWriter<Heard>, time: Res<Time>, mut next_s: Local<f32>) {
    let mut word = journal.word.take();
    if journal.unkept && time.elapsed_secs() >= *next_s {
        *next_s = time.elapsed_secs() + KEEP_EVERY_S;
        word = word.or(journal.keep());
    }
    if let Some(text) = word {
        heard.write(Heard(News::Said { from: String::new(), text }));
    }
}

/// There is nobody left to read it but the terminal.
fn leave(mut journal: ResMut<Journal>) {
    if journal.unkept
        && let Some(problem) = journal.keep()
    {
        eprintln!("bitdust-world: {problem}");
    }
}

/// An item's name for people.
pub(crate) fn title(content: &Content, name: &str) -> String {
    let item = content.items.iter().find(|(item, _)| item.as_str() == name);
    item.map_or(name.to_owned(), |(_, item)| item.title.clone())
}

fn journal_uses(content: &Content, at: VoxelPos) -> bool {
    content.signs.contains_key(&at) || content.triggers.iter().any(|trigger| trigger.on == When::Use(at))
}
