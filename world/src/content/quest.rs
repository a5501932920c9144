//! One player's way through a world's content: what it has, and what happens when it moves or uses something.
//!
//! An event becomes *facts* (an area was entered, a voxel used, a mark gained). Each fact tries the triggers in the
//! content's order; the ones that fire may make further facts, which wait in line behind it. Within one event no trigger
//! fires twice and at most [`FIRED_PER_EVENT_MAX`] fire at all, so every event ends, whatever a creator wrote.
//!
//! The state is the player's own and kept by its own machine. A player who forges it cheats nobody else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};

use super::{
    bounded,
    def::{read, write},
    id::WorldId,
    invalid::Invalid,
    limits::{self, FIRED_PER_EVENT_MAX, ITEM_COUNT_MAX, REACH},
    name::Name,
    parts::{Action, Condition, Content, Trigger, When},
};
use crate::{VoxelPos, block::BlockId};

const MAGIC: [u8; 8] = *b"bdplay\0\0";
const VERSION: u8 = 1;

/// What a player did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It came into the world here: areas count as entered, even if it was within them when it left.
    Entered(VoxelPos),
    /// Its feet are in another voxel now.
    Moved(VoxelPos),
    /// It used a voxel.
    Used(VoxelPos),
}

/// What the player's machine should do or show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Show a text.
    Show(Name),
    /// Draw a door open (true) or closed; see [`Play::doors_of`].
    Door(Name, bool),
    /// The player has a new mark.
    Granted(Name),
    /// The player lost a mark.
    Removed(Name),
    /// The player has one more of an item.
    Given(Name),
    /// The player has one less of an item.
    Taken(Name),
    /// Put the player's feet into this voxel.
    Teleport(VoxelPos),
    /// A quest's mark was granted.
    Finished(Name),
    /// The used voxel is further away than a player reaches; nothing happened.
    OutOfReach(VoxelPos),
}

/// What one player has in one world.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Play {
    world: WorldId,
    at: Option<VoxelPos>,
    #[borsh(deserialize_with = "set::<_, { limits::MARKS_MAX }>")]
    marks: BTreeSet<Name>,
    /// Doors that were touched, and whether they are open.
    #[borsh(deserialize_with = "bounded::map::<_, _, _, { limits::DOORS_MAX }>")]
    doors: BTreeMap<Name, bool>,
    #[borsh(deserialize_with = "bounded::map::<_, _, _, { limits::ITEMS_MAX }>")]
    items: BTreeMap<Name, u32>,
    /// Areas that the player is within.
    #[borsh(deserialize_with = "set::<_, { limits::AREAS_MAX }>")]
    within: BTreeSet<Name>,
    /// Triggers that fire only once and did.
    #[borsh(deserialize_with = "set::<_, { limits::TRIGGERS_MAX }>")]
    spent: BTreeSet<Name>,
}

fn set<R: std::io::Read, const MAX: usize>(reader: &mut R) -> std::io::Result<BTreeSet<Name>> {
    bounded::list::<R, Name, MAX>(reader).map(|names| names.into_iter().collect())
}

impl Play {
    /// A newcomer.
    pub fn new(world: WorldId) -> Self {
        Play {
            world,
            at: None,
            marks: BTreeSet::new(),
            doors: BTreeMap::new(),
            items: BTreeMap::new(),
            within: BTreeSet::new(),
            spent: BTreeSet::new(),
        }
    }

    /// The world that it is about.
    pub fn world(&self) -> WorldId {
        self.world
    }

    /// The player's marks.
    pub fn marks(&self) -> impl Iterator<Item = &Name> {
        self.marks.iter()
    }

    /// Whether the player has a mark.
    pub fn has_mark(&self, name: &str) -> bool {
        self.marks.iter().any(|mark| mark.as_str() == name)
    }

    /// What the player carries, and how many.
    pub fn items(&self) -> impl Iterator<Item = (&Name, u32)> {
        self.items.iter().map(|(item, count)| (item, *count))
    }

    /// Quests that are finished.
    pub fn finished<'a>(&'a self, content: &'a Content) -> impl Iterator<Item = &'a Name> {
        content.quests.iter().filter(|(_, quest)| self.marks.contains(&quest.done)).map(|(name, _)| name)
    }

    /// Whether a door is open for this player; an unknown door is not.
    pub fn is_open(&self, content: &Content, door: &Name) -> bool {
        let initially = content.doors.get(door).is_some_and(|door| door.initially_open);
        self.doors.get(door).copied().unwrap_or(initially)
    }

    /// What the voxels of all doors are for this player. They lie over whatever the location says.
    pub fn doors_of(&self, content: &Content) -> BTreeMap<VoxelPos, BlockId> {
        let doors = content.doors.iter().flat_map(|(name, door)| {
            let block = door.block(self.is_open(content, name));
            door.voxels.iter().map(move |pos| (*pos, block))
        });
        doors.collect()
    }

    /// Takes note of what the player did; says what comes of it, in order.
    pub fn handle(&mut self, content: &Content, event: Event) -> Vec<Effect> {
        let mut turn =
            Turn { play: self, content, facts: VecDeque::new(), fired: BTreeSet::new(), effects: Vec::new() };
        match event {
            Event::Entered(pos) => {
                turn.play.within.clear();
                turn.arrive(pos);
            }
            Event::Moved(pos) => turn.arrive(pos),
            Event::Used(pos) => turn.use_voxel(pos),
        }
        turn.run();
        turn.effects
    }

    /// Bytes to keep until the player comes back.
    ///
    /// # Errors
    /// None in practice: whatever a checked content can give keeps to the bounds.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Invalid> {
        write(MAGIC, VERSION, self)
    }

    /// Reads what [`Self::to_bytes`] wrote, and forgets what the content, which may have been revised since, doesn't know.
    ///
    /// # Errors
    /// [`Invalid`] for bytes that are too many, unreadable or not canonical.
    pub fn decode(bytes: &[u8], content: &Content) -> Result<Self, Invalid> {
        let mut play: Play = read(MAGIC, VERSION, limits::PLAY_BYTES_MAX, "a player's progress", bytes)?;
        let marks = content.marks();
        play.marks.retain(|mark| marks.contains(mark));
        play.doors.retain(|door, _| content.doors.contains_key(door));
        play.items.retain(|item, count| content.items.contains_key(item) && (1..=ITEM_COUNT_MAX).contains(count));
        play.within.retain(|area| content.areas.contains_key(area));
        play.spent.retain(|name| content.triggers.iter().any(|trigger| trigger.name == *name));
        Ok(play)
    }
}

/// Something that triggers wait for.
enum Fact {
    Entered(Name),
    Used(VoxelPos),
    Gained(Name),
}

/// One event being worked off.
struct Turn<'a> {
    play: &'a mut Play,
    content: &'a Content,
    facts: VecDeque<Fact>,
    /// Triggers that fired in this event, by index.
    fired: BTreeSet<usize>,
    effects: Vec<Effect>,
}

impl Turn<'_> {
    fn arrive(&mut self, pos: VoxelPos) {
        self.play.at = Some(pos);
        for (name, area) in &self.content.areas {
            if !area.contains(pos) {
                self.play.within.remove(name);
            } else if self.play.within.insert(name.clone()) {
                self.facts.push_back(Fact::Entered(name.clone()));
            }
        }
    }

    fn use_voxel(&mut self, pos: VoxelPos) {
        let near = |at: VoxelPos| pos.since(at).iter().all(|d| (-REACH..=REACH).contains(d));
        if !self.play.at.is_some_and(near) {
            self.effects.push(Effect::OutOfReach(pos));
            return;
        }
        if let Some(text) = self.content.signs.get(&pos) {
            self.effects.push(Effect::Show(text.clone()));
        }
        self.facts.push_back(Fact::Used(pos));
    }

    fn run(&mut self) {
        let content = self.content;
        while let Some(fact) = self.facts.pop_front() {
            for (index, trigger) in content.triggers.iter().enumerate() {
                if self.fired.len() == FIRED_PER_EVENT_MAX {
                    return;
                }
                if fact.starts(&trigger.on) && !self.fired.contains(&index) && self.allows(trigger) {
                    self.fired.insert(index);
                    if trigger.once {
                        self.play.spent.insert(trigger.name.clone());
                    }
                    trigger.actions.iter().for_each(|action| self.act(action));
                }
            }
        }
    }

    fn allows(&self, trigger: &Trigger) -> bool {
        let play = &*self.play;
        let holds = |condition: &Condition| match condition {
            Condition::HasMark(mark) => play.marks.contains(mark),
            Condition::LacksMark(mark) => !play.marks.contains(mark),
            Condition::HasItem(item) => play.items.contains_key(item),
            Condition::DoorOpen(door) => play.is_open(self.content, door),
            Condition::DoorClosed(door) => !play.is_open(self.content, door),
            Condition::Within(area) => play.within.contains(area),
        };
        !play.spent.contains(&trigger.name) && trigger.conditions.iter().all(holds)
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Show(text) => self.effects.push(Effect::Show(text.clone())),
            Action::Open(door) => self.turn_door(door, true),
            Action::Close(door) => self.turn_door(door, false),
            Action::Grant(mark) => self.grant(mark),
            Action::Remove(mark) => {
                if self.play.marks.remove(mark) {
                    self.effects.push(Effect::Removed(mark.clone()));
                }
            }
            Action::Teleport(pos) => {
                self.effects.push(Effect::Teleport(*pos));
                self.arrive(*pos);
            }
            Action::Give(item) => {
                let count = self.play.items.entry(item.clone()).or_default();
                if *count < ITEM_COUNT_MAX {
                    *count += 1;
                    self.effects.push(Effect::Given(item.clone()));
                }
            }
            Action::Take(item) => {
                let Some(count) = self.play.items.get_mut(item) else { return };
                *count -= 1;
                if *count == 0 {
                    self.play.items.remove(item);
                }
                self.effects.push(Effect::Taken(item.clone()));
            }
        }
    }

    fn turn_door(&mut self, door: &Name, open: bool) {
        if self.play.is_open(self.content, door) != open {
            self.play.doors.insert(door.clone(), open);
            self.effects.push(Effect::Door(door.clone(), open));
        }
    }

    fn grant(&mut self, mark: &Name) {
        if !self.play.marks.insert(mark.clone()) {
            return;
        }
        self.effects.push(Effect::Granted(mark.clone()));
        self.facts.push_back(Fact::Gained(mark.clone()));
        let done = self.content.quests.iter().filter(|(_, quest)| quest.done == *mark);
        self.effects.extend(done.map(|(name, _)| Effect::Finished(name.clone())));
    }
}

impl Fact {
    fn starts(&self, on: &When) -> bool {
        match (self, on) {
            (Fact::Entered(area), When::Enter(wanted)) => area == wanted,
            (Fact::Used(pos), When::Use(wanted)) => pos == wanted,
            (Fact::Gained(mark), When::Mark(wanted)) => mark == wanted,
            _ => false,
        }
    }
}
