//! A bot that walks through real voxels: what the quest's structures put on flat ground, and doors as its play has them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::first_steps;
use crate::{
    VoxelPos,
    block::{BlockId, STONE},
    content::{Content, Effect, Event, Play, WorldId},
    script::{Action, Script, Step},
};

const SCRIPT: &str = include_str!("../../../quests/first_steps.script");

struct Bot {
    content: Content,
    built: BTreeMap<VoxelPos, BlockId>,
    anchor: VoxelPos,
    play: Play,
    feet: VoxelPos,
    shown: String,
}

impl Bot {
    fn new(anchor: VoxelPos) -> Self {
        let content = first_steps().placed_at(anchor);
        let mut play = Play::new(WorldId([1; 32]));
        let feet = anchor.offset(-3, 0, 3);
        play.handle(&content, Event::Entered(feet));
        Bot { built: content.voxels(), content, anchor, play, feet, shown: String::new() }
    }

    fn solid(&self, pos: VoxelPos, doors: &BTreeMap<VoxelPos, BlockId>) -> bool {
        let ground = if pos.since(self.anchor)[1] < 0 { STONE } else { BlockId::AIR };
        let block = doors.get(&pos).or_else(|| self.built.get(&pos)).copied().unwrap_or(ground);
        self.content.kind(block).is_solid()
    }

    /// The way on foot: level, one voxel up by a jump, or up to three down.
    fn way_to(&self, goal: VoxelPos) -> Option<Vec<VoxelPos>> {
        let doors = self.play.doors_of(&self.content);
        let free = |pos: VoxelPos| !self.solid(pos, &doors);
        let stands = |pos: VoxelPos| free(pos) && free(pos.offset(0, 1, 0)) && !free(pos.offset(0, -1, 0));
        let mut came_from = BTreeMap::from([(self.feet, self.feet)]);
        let mut queue = VecDeque::from([self.feet]);
        while let Some(at) = queue.pop_front() {
            if at == goal {
                let mut way = vec![at];
                while *way.last()? != self.feet {
                    way.push(came_from[way.last()?]);
                }
                way.reverse();
                return Some(way);
            }
            for (dx, dz) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
                let head_room = free(at.offset(0, 2, 0));
                let next = (-3..=1).rev().map(|dy| at.offset(dx, dy, dz)).find(|next| {
                    let dy = next.since(at)[1];
                    let falls_free = (dy..=1).all(|y| y < 0 || free(at.offset(dx, y, dz)));
                    stands(*next) && (dy < 1 || head_room) && (dy > 0 || falls_free)
                });
                if let Some(next) = next.filter(|next| next.since(self.anchor).iter().all(|d| d.abs() < 40)) {
                    came_from.entry(next).or_insert_with(|| {
                        queue.push_back(next);
                        at
                    });
                }
            }
        }
        None
    }

    fn tell(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.play.handle(&self.content, event);
        for effect in &effects {
            if let Effect::Show(name) = effect {
                let text = &self.content.texts[name];
                self.shown += &format!("{}\n{}\n", text.title, text.body);
            }
        }
        effects
    }

    fn perform(&mut self, step: &Step) -> Result<(), String> {
        let ok = match &step.action {
            Action::Goto(goal) => {
                let way = self.way_to(*goal).ok_or_else(|| format!("line {}: no way to {goal}", step.line))?;
                for pos in way {
                    self.feet = pos;
                    self.tell(Event::Moved(pos));
                }
                true
            }
            Action::Use(pos) => !self.tell(Event::Used(*pos)).contains(&Effect::OutOfReach(*pos)),
            Action::ExpectMark(mark) => self.play.has_mark(mark),
            Action::ExpectText(text) => self.shown.contains(text),
            Action::Look { .. } => true,
            _ => false,
        };
        if ok { Ok(()) } else { Err(format!("line {}: {:?} failed", step.line, step.action)) }
    }

    fn finished(&self) -> bool {
        self.play.finished(&self.content).any(|quest| quest.as_str() == "first-steps")
    }
}

fn script(anchor: VoxelPos) -> Vec<Step> {
    Script::parse(SCRIPT).unwrap().into_iter().map(|step| step.moved(anchor)).collect()
}

#[test]
fn the_first_quest_is_played_through() {
    for anchor in [VoxelPos::new(0, 0, 0), VoxelPos::new(-100, 70, 31), VoxelPos::new(i64::MAX - 4, 9, i64::MIN)] {
        let mut bot = Bot::new(anchor);
        for step in script(anchor) {
            assert!(!bot.finished(), "{anchor}: finished before line {}", step.line);
            if let Err(error) = bot.perform(&step) {
                panic!("{anchor}: {error}");
            }
            if bot.finished() {
                assert!(matches!(step.action, Action::Use(_)));
                break;
            }
        }
        assert!(bot.finished());
        let carried: Vec<_> = bot.play.items().map(|(item, count)| (item.as_str(), count)).collect();
        assert_eq!(carried, [("keepers-ring", 1)]);
    }
}

/// The script's four deeds, each a walk and a use.
fn deeds() -> Vec<Vec<Step>> {
    let mut deeds = Vec::new();
    let mut walk = Vec::new();
    for step in script(VoxelPos::default()) {
        match step.action {
            Action::Goto(_) => walk.push(step),
            Action::Use(_) => {
                walk.push(step);
                deeds.push(std::mem::take(&mut walk));
            }
            _ => {}
        }
    }
    deeds
}

/// All ways to do some of `left` in some order, after those done already.
fn orders(done: &mut Vec<usize>, left: &BTreeSet<usize>, all: &mut Vec<Vec<usize>>) {
    all.push(done.clone());
    for next in left {
        done.push(*next);
        orders(done, &left.iter().filter(|other| *other != next).copied().collect(), all);
        done.pop();
    }
}

#[test]
fn no_other_order_finishes_the_first_quest() {
    let deeds = deeds();
    assert_eq!(deeds.len(), 4);
    let mut all = Vec::new();
    orders(&mut Vec::new(), &(0..4).collect(), &mut all);
    assert_eq!(all.len(), 1 + 4 + 12 + 24 + 24);
    for order in all {
        let mut bot = Bot::new(VoxelPos::default());
        for step in order.iter().flat_map(|deed| &deeds[*deed]) {
            // What can't be done in this order is left out, as a stubborn player would.
            let _ = bot.perform(step);
        }
        assert_eq!(bot.finished(), order == [0, 1, 2, 3], "{order:?}");
    }
}

#[test]
fn the_tower_is_shut_until_its_door_is_open() {
    let mut bot = Bot::new(VoxelPos::default());
    let top = VoxelPos::new(16, 8, 3);
    assert!(bot.way_to(VoxelPos::new(14, 0, 3)).is_some());
    assert!(bot.way_to(top).is_none());
    bot.perform(&Step { line: 0, action: Action::Goto(VoxelPos::new(14, 0, 3)) }).unwrap();
    bot.tell(Event::Used(VoxelPos::new(17, 9, 3)));
    bot.tell(Event::Used(VoxelPos::new(15, 0, 3)));
    assert!(bot.shown.contains("Locked"));
    assert!(bot.way_to(top).is_none());
}
