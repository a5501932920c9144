//! Content: what a creator adds to terrain. Parts refer to each other by [`Name`].

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};

use super::{
    bounded, limits,
    name::Name,
    shapes::{Area, BlockType, Structure},
};
use crate::{VoxelPos, block::BlockId, block::Kind};

/// What a world contains beyond terrain and edits.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Content {
    /// The world's own blocks by rising id.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::BLOCKS_MAX }>")]
    pub blocks: Vec<BlockType>,
    /// Things to carry.
    #[borsh(deserialize_with = "bounded::map::<_, _, _, { limits::ITEMS_MAX }>")]
    pub items: BTreeMap<Name, Item>,
    /// Things to read.
    #[borsh(deserialize_with = "bounded::map::<_, _, _, { limits::TEXTS_MAX }>")]
    pub texts: BTreeMap<Name, Text>,
    /// Voxels that show a text when they are used.
    #[borsh(deserialize_with = "bounded::map::<_, _, _, { limits::SIGNS_MAX }>")]
    pub signs: BTreeMap<VoxelPos, Name>,
    /// Voxels that are one block or another.
    #[borsh(deserialize_with = "bounded::map::<_, _, _, { limits::DOORS_MAX }>")]
    pub doors: BTreeMap<Name, Door>,
    /// Boxes that triggers speak of.
    #[borsh(deserialize_with = "bounded::map::<_, _, _, { limits::AREAS_MAX }>")]
    pub areas: BTreeMap<Name, Area>,
    /// What happens when, in the order in which they are tried.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::TRIGGERS_MAX }>")]
    pub triggers: Vec<Trigger>,
    /// What there is to achieve.
    #[borsh(deserialize_with = "bounded::map::<_, _, _, { limits::QUESTS_MAX }>")]
    pub quests: BTreeMap<Name, Quest>,
    /// What the creator's places are built of; for whoever claims them to put there.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::STRUCTURES_MAX }>")]
    pub structures: Vec<Structure>,
}

/// A thing to carry.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Item {
    /// What the inventory shows.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::TITLE_BYTES_MAX }>")]
    pub title: String,
    /// What it is.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::DESCRIPTION_BYTES_MAX }>")]
    pub description: String,
    /// Its colour in the inventory.
    pub colour: [u8; 3],
    /// The block that it is drawn as.
    pub block: Option<BlockId>,
}

/// A page to read.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Text {
    /// Its heading; may be empty.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::TITLE_BYTES_MAX }>")]
    pub title: String,
    /// What it says; may have line breaks.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::BODY_BYTES_MAX }>")]
    pub body: String,
}

/// Voxels that are one block or another, for each player on its own.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Door {
    /// Which.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::DOOR_VOXELS_MAX }>")]
    pub voxels: Vec<VoxelPos>,
    /// What they are while it is open.
    pub open: BlockId,
    /// What they are while it is closed.
    pub closed: BlockId,
    /// What newcomers find.
    pub initially_open: bool,
}

impl Door {
    /// What its voxels are.
    pub fn block(&self, open: bool) -> BlockId {
        if open { self.open } else { self.closed }
    }
}

/// What happens when.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Trigger {
    /// Different from every other trigger's.
    pub name: Name,
    /// What makes it try.
    pub on: When,
    /// All of which must hold, or it does nothing.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::CONDITIONS_MAX }>")]
    pub conditions: Vec<Condition>,
    /// What it does, in order.
    #[borsh(deserialize_with = "bounded::list::<_, _, { limits::ACTIONS_MAX }>")]
    pub actions: Vec<Action>,
    /// Whether it never fires again for the same player.
    pub once: bool,
}

/// What makes a trigger try.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum When {
    /// The player comes into an area from outside of it.
    Enter(Name),
    /// The player uses a voxel within reach.
    Use(VoxelPos),
    /// The player gets a mark that it didn't have.
    Mark(Name),
}

/// What must hold for a trigger to fire.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Condition {
    /// The player has a mark.
    HasMark(Name),
    /// The player hasn't got a mark.
    LacksMark(Name),
    /// The player carries an item.
    HasItem(Name),
    /// A door is open.
    DoorOpen(Name),
    /// A door is closed.
    DoorClosed(Name),
    /// The player is within an area.
    Within(Name),
}

/// What a trigger does.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Shows a text.
    Show(Name),
    /// Opens a door.
    Open(Name),
    /// Closes a door.
    Close(Name),
    /// Gives a mark.
    Grant(Name),
    /// Takes a mark away.
    Remove(Name),
    /// Puts the player elsewhere, its feet into this voxel.
    Teleport(VoxelPos),
    /// Gives one item.
    Give(Name),
    /// Takes one item, if the player has one.
    Take(Name),
}

/// What there is to achieve.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Quest {
    /// What the journal shows.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::TITLE_BYTES_MAX }>")]
    pub title: String,
    /// How to begin.
    #[borsh(deserialize_with = "bounded::text::<_, { limits::DESCRIPTION_BYTES_MAX }>")]
    pub description: String,
    /// The mark that ends it.
    pub done: Name,
}

impl Content {
    /// The same with every position moved by `anchor`: a quest is written around the origin and placed in a world.
    pub fn placed_at(mut self, anchor: VoxelPos) -> Self {
        let moved = |pos: VoxelPos| pos.offset(anchor.x, anchor.y, anchor.z);
        self.signs = self.signs.into_iter().map(|(pos, text)| (moved(pos), text)).collect();
        self.doors.values_mut().flat_map(|door| &mut door.voxels).for_each(|pos| *pos = moved(*pos));
        self.areas.values_mut().for_each(|area| area.from = moved(area.from));
        self.structures.iter_mut().for_each(|structure| structure.area.from = moved(structure.area.from));
        for trigger in &mut self.triggers {
            if let When::Use(pos) = &mut trigger.on {
                *pos = moved(*pos);
            }
            for action in &mut trigger.actions {
                if let Action::Teleport(pos) = action {
                    *pos = moved(*pos);
                }
            }
        }
        self
    }

    /// What the structures put where, doors as newcomers find them.
    pub fn voxels(&self) -> BTreeMap<VoxelPos, BlockId> {
        let built = self.structures.iter().flat_map(|structure| structure.voxels().map(|pos| (pos, structure.block)));
        let doors = self.doors.values().flat_map(|door| {
            let block = door.block(door.initially_open);
            door.voxels.iter().map(move |pos| (*pos, block))
        });
        built.chain(doors).collect()
    }

    /// The world's own block with this id.
    pub fn block(&self, id: BlockId) -> Option<&BlockType> {
        self.blocks.binary_search_by_key(&id, |block| block.id).ok().map(|index| &self.blocks[index])
    }

    /// How a block behaves in this world.
    pub fn kind(&self, id: BlockId) -> Kind {
        self.block(id).map_or_else(|| id.kind(), |block| block.kind)
    }

    /// The block with this name, the world's own before those that every world has.
    pub fn block_named(&self, name: &str) -> Option<BlockId> {
        self.blocks.iter().find(|block| block.name == name).map(|block| block.id).or_else(|| builtin_named(name))
    }

    /// All marks that a trigger can give.
    pub fn marks(&self) -> BTreeSet<&Name> {
        let actions = self.triggers.iter().flat_map(|trigger| &trigger.actions);
        actions.filter_map(|action| if let Action::Grant(mark) = action { Some(mark) } else { None }).collect()
    }
}

/// The block that every world has under this name.
pub(super) fn builtin_named(name: &str) -> Option<BlockId> {
    let index = crate::block::BUILTIN.iter().position(|block| block.name == name)?;
    u16::try_from(index).ok().map(BlockId)
}
