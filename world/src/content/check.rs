//! Holds a definition against its rules, whoever made it.

use std::collections::BTreeSet;

use super::{
    def::{Claimers, WorldDef},
    invalid::{Invalid, Problem},
    limits,
    name::Name,
    parts::{Action, Condition, Content, Trigger, When},
    shapes::{Area, TEXTURE_EDGE},
};
use crate::block::{BlockId, FIRST_CUSTOM, ID_END};

type Verdict = Result<(), Invalid>;

impl WorldDef {
    /// Whether everything keeps to its bounds and refers to what is there.
    ///
    /// # Errors
    /// The first [`Invalid`] found, its path in terms of the JSON form.
    pub fn check(&self) -> Verdict {
        line("name", &self.name, limits::TITLE_BYTES_MAX)?;
        prose("description", &self.description, limits::WORLD_DESCRIPTION_BYTES_MAX)?;
        count("params", self.params.len(), limits::PARAMS_BYTES_MAX)?;
        range("rules.term-epochs", self.rules.term_epochs, 1, limits::TERM_EPOCHS_MAX)?;
        range("rules.claims-per-account", self.rules.claims_per_account, 0, limits::CLAIMS_MAX)?;
        if let Claimers::Listed(accounts) = &self.rules.claimers {
            count("rules.claimers", accounts.len(), limits::LISTED_MAX)?;
            let mut seen = BTreeSet::new();
            match accounts.iter().find(|account| !seen.insert(**account)) {
                Some(twice) => return Err(Invalid::at("rules.claimers", Problem::Twice(twice.to_string()))),
                None if accounts.is_empty() => return Err(Invalid::at("rules.claimers", Problem::Empty)),
                None => {}
            }
        }
        count("featured", self.featured.len(), limits::FEATURED_MAX)?;
        let mut names = BTreeSet::new();
        for (i, featured) in self.featured.iter().enumerate() {
            line(format!("featured[{i}].name"), &featured.name, limits::TITLE_BYTES_MAX)?;
            prose(format!("featured[{i}].description"), &featured.description, limits::DESCRIPTION_BYTES_MAX)?;
            if !names.insert(&featured.name) {
                return Err(Invalid::at(format!("featured[{i}].name"), Problem::Twice(featured.name.clone())));
            }
        }
        self.content.check()
    }
}

impl Content {
    /// Whether everything keeps to its bounds and refers to what is there.
    ///
    /// # Errors
    /// The first [`Invalid`] found.
    pub fn check(&self) -> Verdict {
        self.check_blocks()?;
        self.check_things()?;
        self.check_places()?;
        let marks = self.marks();
        count("content.triggers", marks.len(), limits::MARKS_MAX)?;
        count("content.triggers", self.triggers.len(), limits::TRIGGERS_MAX)?;
        let mut names = BTreeSet::new();
        for (i, trigger) in self.triggers.iter().enumerate() {
            let path = format!("content.triggers[{i} '{}']", trigger.name);
            if !names.insert(&trigger.name) {
                return Err(Invalid::at(path, Problem::Twice(trigger.name.to_string())));
            }
            self.check_trigger(&path, trigger, &marks)?;
        }
        count("content.quests", self.quests.len(), limits::QUESTS_MAX)?;
        for (name, quest) in &self.quests {
            line(format!("content.quests.{name}.title"), &quest.title, limits::TITLE_BYTES_MAX)?;
            prose(format!("content.quests.{name}.description"), &quest.description, limits::DESCRIPTION_BYTES_MAX)?;
            mark(&format!("content.quests.{name}.done"), &quest.done, &marks)?;
        }
        Ok(())
    }

    fn check_blocks(&self) -> Verdict {
        count("content.blocks", self.blocks.len(), limits::BLOCKS_MAX)?;
        let mut names = BTreeSet::new();
        let mut previous = None;
        for (i, block) in self.blocks.iter().enumerate() {
            let path = format!("content.blocks[{i} '{}']", block.name);
            range(format!("{path}.id"), block.id.0, FIRST_CUSTOM, ID_END - 1)?;
            if previous >= Some(block.id) {
                return Err(Invalid::at(format!("{path}.id"), Problem::Twice(block.id.0.to_string())));
            }
            previous = Some(block.id);
            line(format!("{path}.name"), &block.name, limits::TITLE_BYTES_MAX)?;
            if !names.insert(&block.name) || super::parts::builtin_named(&block.name).is_some() {
                return Err(Invalid::at(format!("{path}.name"), Problem::Twice(block.name.clone())));
            }
            count(format!("{path}.model"), block.model.len(), limits::MODEL_BOXES_MAX)?;
            for (j, part) in block.model.iter().enumerate() {
                for (from, to) in part.from.into_iter().zip(part.to) {
                    range(format!("{path}.model[{j}].to"), to, 1, TEXTURE_EDGE)?;
                    range(format!("{path}.model[{j}].from"), from, 0, to - 1)?;
                }
            }
        }
        Ok(())
    }

    fn check_things(&self) -> Verdict {
        count("content.items", self.items.len(), limits::ITEMS_MAX)?;
        for (name, item) in &self.items {
            line(format!("content.items.{name}.title"), &item.title, limits::TITLE_BYTES_MAX)?;
            prose(format!("content.items.{name}.description"), &item.description, limits::DESCRIPTION_BYTES_MAX)?;
            item.block.map_or(Ok(()), |block| self.check_block(&format!("content.items.{name}.block"), block))?;
        }
        count("content.texts", self.texts.len(), limits::TEXTS_MAX)?;
        for (name, text) in &self.texts {
            prose(format!("content.texts.{name}.title"), &text.title, limits::TITLE_BYTES_MAX)?;
            prose(format!("content.texts.{name}.body"), &text.body, limits::BODY_BYTES_MAX)?;
            if text.title.contains('\n') {
                return Err(Invalid::at(format!("content.texts.{name}.title"), Problem::ControlCharacter));
            }
            if text.body.is_empty() {
                return Err(Invalid::at(format!("content.texts.{name}.body"), Problem::Empty));
            }
        }
        Ok(())
    }

    fn check_places(&self) -> Verdict {
        count("content.signs", self.signs.len(), limits::SIGNS_MAX)?;
        for (pos, text) in &self.signs {
            known(&format!("content.signs[at {pos}].text"), "text", text, self.texts.contains_key(text))?;
        }
        count("content.doors", self.doors.len(), limits::DOORS_MAX)?;
        let mut taken = BTreeSet::new();
        for (name, door) in &self.doors {
            let path = format!("content.doors.{name}");
            self.check_block(&format!("{path}.open"), door.open)?;
            self.check_block(&format!("{path}.closed"), door.closed)?;
            let voxels = format!("{path}.voxels");
            count(&voxels, door.voxels.len(), limits::DOOR_VOXELS_MAX)?;
            if door.voxels.is_empty() {
                return Err(Invalid::at(voxels, Problem::Empty));
            }
            if let Some(twice) = door.voxels.iter().find(|pos| !taken.insert(**pos)) {
                return Err(Invalid::at(voxels, Problem::Twice(twice.to_string())));
            }
        }
        count("content.areas", self.areas.len(), limits::AREAS_MAX)?;
        for (name, area) in &self.areas {
            check_area(&format!("content.areas.{name}"), area)?;
        }
        count("content.structures", self.structures.len(), limits::STRUCTURES_MAX)?;
        let mut volume = 0;
        for (i, structure) in self.structures.iter().enumerate() {
            check_area(&format!("content.structures[{i}]"), &structure.area)?;
            self.check_block(&format!("content.structures[{i}].block"), structure.block)?;
            volume += structure.area.volume();
            range(format!("content.structures[{i}], voxels up to here"), volume, 0, limits::STRUCTURE_VOXELS_MAX)?;
        }
        Ok(())
    }

    fn check_trigger(&self, path: &str, trigger: &Trigger, marks: &BTreeSet<&Name>) -> Verdict {
        let has = |path: &str, kind: &'static str, name: &Name| {
            let there = match kind {
                "text" => self.texts.contains_key(name),
                "item" => self.items.contains_key(name),
                "door" => self.doors.contains_key(name),
                _ => self.areas.contains_key(name),
            };
            known(path, kind, name, there)
        };
        match &trigger.on {
            When::Enter(area) => has(&format!("{path}.on.enter"), "area", area)?,
            When::Mark(name) => mark(&format!("{path}.on.mark"), name, marks)?,
            When::Use(_) => {}
        }
        count(format!("{path}.if"), trigger.conditions.len(), limits::CONDITIONS_MAX)?;
        for (i, condition) in trigger.conditions.iter().enumerate() {
            let path = format!("{path}.if[{i}]");
            match condition {
                Condition::HasMark(name) | Condition::LacksMark(name) => mark(&path, name, marks)?,
                Condition::HasItem(name) => has(&path, "item", name)?,
                Condition::DoorOpen(name) | Condition::DoorClosed(name) => has(&path, "door", name)?,
                Condition::Within(name) => has(&path, "area", name)?,
            }
        }
        count(format!("{path}.then"), trigger.actions.len(), limits::ACTIONS_MAX)?;
        if trigger.actions.is_empty() {
            return Err(Invalid::at(format!("{path}.then"), Problem::Empty));
        }
        for (i, action) in trigger.actions.iter().enumerate() {
            let path = format!("{path}.then[{i}]");
            match action {
                Action::Show(name) => has(&path, "text", name)?,
                Action::Open(name) | Action::Close(name) => has(&path, "door", name)?,
                Action::Give(name) | Action::Take(name) => has(&path, "item", name)?,
                Action::Remove(name) => mark(&path, name, marks)?,
                Action::Grant(_) | Action::Teleport(_) => {}
            }
        }
        Ok(())
    }

    fn check_block(&self, path: &str, block: BlockId) -> Verdict {
        if block.builtin().is_some() || self.block(block).is_some() {
            return Ok(());
        }
        Err(Invalid::at(path, Problem::UnknownBlock(format!("number {}", block.0))))
    }
}

fn check_area(path: &str, area: &Area) -> Verdict {
    let fits = area.size.iter().all(|edge| (1..=limits::EDGE_MAX).contains(edge));
    if fits { Ok(()) } else { Err(Invalid::at(path, Problem::BadBox { max: limits::EDGE_MAX })) }
}

fn known(path: &str, kind: &'static str, name: &Name, there: bool) -> Verdict {
    if there { Ok(()) } else { Err(Invalid::at(path, Problem::Unknown { kind, name: name.to_string() })) }
}

fn mark(path: &str, name: &Name, marks: &BTreeSet<&Name>) -> Verdict {
    if marks.contains(name) { Ok(()) } else { Err(Invalid::at(path, Problem::NeverGranted(name.to_string()))) }
}

fn count(path: impl Into<String>, count: usize, max: usize) -> Verdict {
    if count <= max { Ok(()) } else { Err(Invalid::at(path, Problem::TooMany { count, max })) }
}

fn range<T: Into<i128>>(path: impl Into<String>, value: T, from: T, to: T) -> Verdict {
    let (value, from, to) = (value.into(), from.into(), to.into());
    if (from..=to).contains(&value) { Ok(()) } else { Err(Invalid::at(path, Problem::OutOfRange { value, from, to })) }
}

/// A title: one line, not empty.
fn line(path: impl Into<String>, text: &str, max: usize) -> Verdict {
    let path = path.into();
    match text {
        "" => Err(Invalid::at(path, Problem::Empty)),
        text if text.contains('\n') => Err(Invalid::at(path, Problem::ControlCharacter)),
        text => prose(path, text, max),
    }
}

/// A text for people; may have line breaks.
fn prose(path: impl Into<String>, text: &str, max: usize) -> Verdict {
    if text.len() > max {
        return Err(Invalid::at(path, Problem::TooLong { bytes: text.len(), max }));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Invalid::at(path, Problem::ControlCharacter));
    }
    Ok(())
}
