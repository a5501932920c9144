//! In which places the player is to be found, and what is still to be told the network about it.
//!
//! The crowd says what it wants to be true at once; the network takes seconds to be told. So this is a set of wishes against a
//! set of what was told: however fast a player jumps about, at most [`AT_ONCE`] questions are under way, each key is worked on
//! by one of them at a time, and what was wished and unwished meanwhile costs nothing.

use std::collections::BTreeSet;

use bitdust_types::B256;

/// Announcements and searches under way at once. A player is in 8 places at most.
pub const AT_ONCE: usize = 4;

/// Something to ask of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Tell that this machine is to be found there.
    Announce(B256),
    /// Tell it no longer.
    Unannounce(B256),
    /// Ask who is to be found there.
    Find(B256),
}

impl Task {
    fn key(self) -> B256 {
        match self {
            Task::Announce(key) | Task::Unannounce(key) | Task::Find(key) => key,
        }
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Table {
    wanted: BTreeSet<B256>,
    told: BTreeSet<B256>,
    sought: BTreeSet<B256>,
    under_way: BTreeSet<B256>,
}

impl Table {
    /// The player is to be found there.
    pub fn announce(&mut self, key: B256) {
        self.wanted.insert(key);
    }

    /// The player is not to be found there.
    pub fn unannounce(&mut self, key: B256) {
        self.wanted.remove(&key);
        self.sought.remove(&key);
    }

    /// It is asked who is there. A question that waits already is asked once.
    pub fn find(&mut self, key: B256) {
        self.sought.insert(key);
    }

    /// What to begin now, if anything; [`Table::done`] is owed for it.
    pub fn begin(&mut self) -> Option<Task> {
        if self.under_way.len() >= AT_ONCE {
            return None;
        }
        let free = |key: &&B256| !self.under_way.contains(*key);
        let gone = self.told.difference(&self.wanted).find(free).map(|key| Task::Unannounce(*key));
        let sought = || self.sought.iter().find(free).map(|key| Task::Find(*key));
        let new = || self.wanted.difference(&self.told).find(free).map(|key| Task::Announce(*key));
        let task = gone.or_else(sought).or_else(new)?;
        let key = task.key();
        self.under_way.insert(key);
        let _ = match task {
            Task::Announce(_) => self.told.insert(key),
            Task::Unannounce(_) => self.told.remove(&key),
            Task::Find(_) => self.sought.remove(&key),
        };
        Some(task)
    }

    /// A task has ended; what failed is done again.
    pub fn done(&mut self, task: Task, succeeded: bool) {
        self.under_way.remove(&task.key());
        if !succeeded && matches!(task, Task::Announce(_)) {
            self.told.remove(&task.key());
        }
    }

    /// Everything that was told, to be taken back.
    pub fn into_told(self) -> BTreeSet<B256> {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> B256 {
        B256::repeat_byte(byte)
    }

    fn begun(table: &mut Table) -> Vec<Task> {
        std::iter::from_fn(|| table.begin()).collect()
    }

    #[test]
    fn a_jump_back_and_forth_costs_nothing_and_each_key_is_worked_on_once() {
        let mut table = Table::default();
        table.announce(key(1));
        table.find(key(1));
        table.announce(key(2));
        assert_eq!(begun(&mut table), [Task::Find(key(1)), Task::Announce(key(2))]);
        table.unannounce(key(2));
        table.announce(key(3));
        table.unannounce(key(3));
        assert_eq!(begun(&mut table), [], "key 2 is being announced, key 3 is unwished");
        table.done(Task::Announce(key(2)), true);
        table.done(Task::Find(key(1)), true);
        assert_eq!(begun(&mut table), [Task::Unannounce(key(2)), Task::Announce(key(1))]);
        assert_eq!(table.into_told(), [key(1)].into());
    }

    #[test]
    fn few_are_under_way_and_what_failed_is_tried_again() {
        let mut table = Table::default();
        (0..20).for_each(|byte| table.announce(key(byte)));
        let first = begun(&mut table);
        assert_eq!(first.len(), AT_ONCE);
        table.done(first[0], false);
        assert_eq!(begun(&mut table), [first[0]]);
        (0..20).for_each(|byte| table.unannounce(key(byte)));
        first.into_iter().for_each(|task| table.done(task, true));
        assert_eq!(begun(&mut table).len(), AT_ONCE, "what was told is taken back");
    }
}
