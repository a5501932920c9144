//! The blocks at hand: nine in the hotbar.
//!
//! Building costs nothing, so there are no amounts: a slot is a choice.

use bitdust_world::{
    BlockId,
    block::{self, Kind},
};

/// Slots of the hotbar.
pub const SLOTS: usize = 9;

/// The hotbar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hotbar {
    slots: [BlockId; SLOTS],
    selected: usize,
}

impl Default for Hotbar {
    fn default() -> Self {
        Hotbar {
            slots: [
                block::STONE,
                block::COBBLE,
                block::DIRT,
                block::GRASS,
                block::PLANKS,
                block::OAK_LOG,
                block::GLASS,
                block::BRICK,
                block::LANTERN,
            ],
            selected: 0,
        }
    }
}

impl Hotbar {
    /// The blocks, from left to right.
    pub fn slots(&self) -> &[BlockId; SLOTS] {
        &self.slots
    }

    /// The slot in hand, from 0.
    pub const fn selected(&self) -> usize {
        self.selected
    }

    /// The block in hand.
    pub fn block(&self) -> BlockId {
        self.slots[self.selected]
    }

    /// Takes a slot in hand; beyond the last one nothing happens.
    pub fn select(&mut self, slot: usize) {
        if slot < SLOTS {
            self.selected = slot;
        }
    }

    /// So many slots to the right, around the end.
    pub fn scroll(&mut self, by: i32) {
        self.selected = (self.selected as i32 + by).rem_euclid(SLOTS as i32) as usize;
    }

    /// Takes a block in hand: its slot if it has one, otherwise the slot in hand becomes it.
    pub fn take(&mut self, block: BlockId) {
        match self.slots.iter().position(|slot| *slot == block) {
            Some(slot) => self.selected = slot,
            None => self.slots[self.selected] = block,
        }
    }
}

/// Whether somebody can put a block where this one is.
pub fn is_replaceable(kind: Kind) -> bool {
    matches!(kind, Kind::Air | Kind::Liquid | Kind::Plant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_goes_round_and_keys_beyond_the_bar_do_nothing() {
        let mut bar = Hotbar::default();
        bar.scroll(-1);
        assert_eq!(bar.selected(), SLOTS - 1);
        bar.scroll(2);
        assert_eq!(bar.selected(), 1);
        bar.select(99);
        assert_eq!(bar.selected(), 1);
        bar.select(4);
        assert_eq!(bar.block(), block::PLANKS);
    }

    #[test]
    fn taking_a_block_never_doubles_it() {
        let mut bar = Hotbar::default();
        bar.take(block::GLASS);
        assert_eq!((bar.selected(), bar.block()), (6, block::GLASS));
        bar.take(block::PURPLE_BLOCK);
        assert_eq!((bar.selected(), bar.block()), (6, block::PURPLE_BLOCK));
        assert!(!bar.slots().contains(&block::GLASS));
    }
}
