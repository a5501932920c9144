//! How each block behaves, looked up by id.

use crate::{BlockId, block::Kind};

/// What a block is to the mesher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Air,
    Opaque,
    Glass,
    Liquid,
    Plant,
}

/// A table of all ids, so that looking one up takes no branch.
#[derive(Clone)]
pub struct Kinds(Box<[Class; 1 << 16]>);

impl Kinds {
    /// From what is known of each block.
    pub fn new(kind: impl Fn(BlockId) -> Kind) -> Self {
        let mut table = Box::new([Class::Air; 1 << 16]);
        for (id, class) in (0..=u16::MAX).zip(table.iter_mut()) {
            *class = match kind(BlockId(id)) {
                Kind::Air => Class::Air,
                Kind::Cube | Kind::Leaves => Class::Opaque,
                Kind::Glass => Class::Glass,
                Kind::Liquid => Class::Liquid,
                Kind::Plant => Class::Plant,
            };
        }
        Kinds(table)
    }

    pub(super) fn class(&self, block: BlockId) -> Class {
        self.0[usize::from(block.0)]
    }
}

impl Default for Kinds {
    /// The blocks that every world has; a creator's own are full cubes.
    fn default() -> Self {
        Kinds::new(BlockId::kind)
    }
}
