//! What a voxel can be: ids, and the blocks that every world has.
//!
//! Ids below [`FIRST_CUSTOM`] are these, the same everywhere and never renumbered: stored chunks name them. A world's creator
//! adds others as content.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One kind of block.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct BlockId(pub u16);

/// Ids from here on belong to a world's content.
pub const FIRST_CUSTOM: u16 = 1024;
/// Ids end here: 14 bits for each of a chunk's 32,768 voxels are 56 KiB, so that any chunk fits a packet of 60 KiB.
pub const ID_END: u16 = 1 << 14;

/// What a block does to bodies and to light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing at all.
    Air,
    /// A full cube that hides what is behind it.
    Cube,
    /// A full cube that shows what is behind it.
    Glass,
    /// A full cube, dense enough to stand on and drawn as if it hid what is behind it.
    Leaves,
    /// Swimmers pass, light too.
    Liquid,
    /// Two crossed planes; bodies pass.
    Plant,
}

impl Kind {
    /// Whether a body is stopped by it.
    pub const fn is_solid(self) -> bool {
        matches!(self, Kind::Cube | Kind::Glass | Kind::Leaves)
    }

    /// Whether it hides the face of a block behind it.
    pub const fn is_opaque(self) -> bool {
        matches!(self, Kind::Cube | Kind::Leaves)
    }
}

/// A block's name, behaviour and colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// For people.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Red, green and blue (sRGB) of its upper face.
    pub top: [u8; 3],
    /// Of its other faces.
    pub side: [u8; 3],
}

impl BlockId {
    /// Nothing.
    pub const AIR: BlockId = BlockId(0);

    /// The block, if every world has it.
    pub fn builtin(self) -> Option<&'static Block> {
        BUILTIN.get(usize::from(self.0))
    }

    /// How it behaves; a creator's own blocks, of which this crate's table knows nothing, are full cubes unless the world's
    /// content says otherwise.
    pub fn kind(self) -> Kind {
        self.builtin().map_or(Kind::Cube, |block| block.kind)
    }

    /// Whether it is air.
    pub const fn is_air(self) -> bool {
        self.0 == 0
    }
}

const fn block(name: &'static str, kind: Kind, top: u32, side: u32) -> Block {
    Block { name, kind, top: rgb(top), side: rgb(side) }
}

const fn rgb(hex: u32) -> [u8; 3] {
    [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8]
}

/// Stone. What the ground is made of.
pub const STONE: BlockId = BlockId(1);
/// Deep stone. Stone far below the surface.
pub const DEEP_STONE: BlockId = BlockId(2);
/// Dirt.
pub const DIRT: BlockId = BlockId(3);
/// Grass. Dirt with grass on top.
pub const GRASS: BlockId = BlockId(4);
/// Dry grass. The ground of savannas.
pub const DRY_GRASS: BlockId = BlockId(5);
/// Snow.
pub const SNOW: BlockId = BlockId(6);
/// Ice. Frozen water.
pub const ICE: BlockId = BlockId(7);
/// Sand.
pub const SAND: BlockId = BlockId(8);
/// Red sand.
pub const RED_SAND: BlockId = BlockId(9);
/// Sandstone.
pub const SANDSTONE: BlockId = BlockId(10);
/// Clay.
pub const CLAY: BlockId = BlockId(11);
/// Gravel.
pub const GRAVEL: BlockId = BlockId(12);
/// Mud. The ground of swamps.
pub const MUD: BlockId = BlockId(13);
/// Granite.
pub const GRANITE: BlockId = BlockId(14);
/// Basalt.
pub const BASALT: BlockId = BlockId(15);
/// Limestone.
pub const LIMESTONE: BlockId = BlockId(16);
/// Bedrock.
pub const BEDROCK: BlockId = BlockId(17);
/// Water. Lets light and swimmers through.
pub const WATER: BlockId = BlockId(18);
/// Lava.
pub const LAVA: BlockId = BlockId(19);
/// Coal ore.
pub const COAL_ORE: BlockId = BlockId(20);
/// Iron ore.
pub const IRON_ORE: BlockId = BlockId(21);
/// Copper ore.
pub const COPPER_ORE: BlockId = BlockId(22);
/// Gold ore.
pub const GOLD_ORE: BlockId = BlockId(23);
/// Crystal ore.
pub const CRYSTAL_ORE: BlockId = BlockId(24);
/// Oak log.
pub const OAK_LOG: BlockId = BlockId(25);
/// Oak leaves.
pub const OAK_LEAVES: BlockId = BlockId(26);
/// Birch log.
pub const BIRCH_LOG: BlockId = BlockId(27);
/// Birch leaves.
pub const BIRCH_LEAVES: BlockId = BlockId(28);
/// Spruce log.
pub const SPRUCE_LOG: BlockId = BlockId(29);
/// Spruce leaves.
pub const SPRUCE_LEAVES: BlockId = BlockId(30);
/// Jungle log.
pub const JUNGLE_LOG: BlockId = BlockId(31);
/// Jungle leaves.
pub const JUNGLE_LEAVES: BlockId = BlockId(32);
/// Acacia log.
pub const ACACIA_LOG: BlockId = BlockId(33);
/// Acacia leaves.
pub const ACACIA_LEAVES: BlockId = BlockId(34);
/// Palm log.
pub const PALM_LOG: BlockId = BlockId(35);
/// Palm leaves.
pub const PALM_LEAVES: BlockId = BlockId(36);
/// Cactus.
pub const CACTUS: BlockId = BlockId(37);
/// Tall grass.
pub const TALL_GRASS: BlockId = BlockId(38);
/// Fern.
pub const FERN: BlockId = BlockId(39);
/// Dead bush.
pub const DEAD_BUSH: BlockId = BlockId(40);
/// Poppy.
pub const FLOWER_RED: BlockId = BlockId(41);
/// Marigold.
pub const FLOWER_YELLOW: BlockId = BlockId(42);
/// Cornflower.
pub const FLOWER_BLUE: BlockId = BlockId(43);
/// Daisy.
pub const FLOWER_WHITE: BlockId = BlockId(44);
/// Mushroom.
pub const MUSHROOM: BlockId = BlockId(45);
/// Reed.
pub const REED: BlockId = BlockId(46);
/// Water lily.
pub const LILY: BlockId = BlockId(47);
/// Wheat. A village's field.
pub const WHEAT: BlockId = BlockId(48);
/// Farmland.
pub const FARMLAND: BlockId = BlockId(49);
/// Planks.
pub const PLANKS: BlockId = BlockId(50);
/// Dark planks.
pub const DARK_PLANKS: BlockId = BlockId(51);
/// Cobblestone.
pub const COBBLE: BlockId = BlockId(52);
/// Stone brick.
pub const STONE_BRICK: BlockId = BlockId(53);
/// Brick.
pub const BRICK: BlockId = BlockId(54);
/// Plaster.
pub const PLASTER: BlockId = BlockId(55);
/// Thatch.
pub const THATCH: BlockId = BlockId(56);
/// Roof tile.
pub const ROOF_TILE: BlockId = BlockId(57);
/// Glass.
pub const GLASS: BlockId = BlockId(58);
/// Gravel road. Roads between villages.
pub const ROAD: BlockId = BlockId(59);
/// Fence.
pub const FENCE: BlockId = BlockId(60);
/// Lantern. Shines.
pub const LANTERN: BlockId = BlockId(61);
/// Door. Open to walk through; a creator's doors are content.
pub const DOOR: BlockId = BlockId(62);
/// Sign. What it says is content.
pub const SIGN: BlockId = BlockId(63);
/// White block.
pub const WHITE_BLOCK: BlockId = BlockId(64);
/// Black block.
pub const BLACK_BLOCK: BlockId = BlockId(65);
/// Red block.
pub const RED_BLOCK: BlockId = BlockId(66);
/// Orange block.
pub const ORANGE_BLOCK: BlockId = BlockId(67);
/// Yellow block.
pub const YELLOW_BLOCK: BlockId = BlockId(68);
/// Green block.
pub const GREEN_BLOCK: BlockId = BlockId(69);
/// Blue block.
pub const BLUE_BLOCK: BlockId = BlockId(70);
/// Purple block.
pub const PURPLE_BLOCK: BlockId = BlockId(71);

/// The blocks that every world has, by id.
pub const BUILTIN: [Block; 72] = [
    block("air", Kind::Air, 0x000000, 0x000000),
    block("stone", Kind::Cube, 0x7d7f82, 0x74767a),
    block("deep stone", Kind::Cube, 0x4b4d55, 0x464850),
    block("dirt", Kind::Cube, 0x7a5b3c, 0x745638),
    block("grass", Kind::Cube, 0x5f9a3d, 0x6d6a3c),
    block("dry grass", Kind::Cube, 0xa8a04c, 0x80693c),
    block("snow", Kind::Cube, 0xf0f4f8, 0xe4eaf0),
    block("ice", Kind::Cube, 0xa8cdea, 0x9cc2e2),
    block("sand", Kind::Cube, 0xdcc98c, 0xd2be80),
    block("red sand", Kind::Cube, 0xc07a45, 0xb4703e),
    block("sandstone", Kind::Cube, 0xcbb67c, 0xc0aa70),
    block("clay", Kind::Cube, 0x9aa4b0, 0x929ca8),
    block("gravel", Kind::Cube, 0x8e8883, 0x86807b),
    block("mud", Kind::Cube, 0x5a4a3a, 0x544536),
    block("granite", Kind::Cube, 0x9c7465, 0x94705f),
    block("basalt", Kind::Cube, 0x3d3c41, 0x37363b),
    block("limestone", Kind::Cube, 0xc5c2b0, 0xbcb8a6),
    block("bedrock", Kind::Cube, 0x2a2a2c, 0x262628),
    block("water", Kind::Liquid, 0x2f62b0, 0x2f62b0),
    block("lava", Kind::Liquid, 0xe0601a, 0xe0601a),
    block("coal ore", Kind::Cube, 0x4a4a4c, 0x4a4a4c),
    block("iron ore", Kind::Cube, 0xa58a78, 0xa58a78),
    block("copper ore", Kind::Cube, 0xa86a4a, 0xa86a4a),
    block("gold ore", Kind::Cube, 0xc4a94a, 0xc4a94a),
    block("crystal ore", Kind::Cube, 0x76b6c8, 0x76b6c8),
    block("oak log", Kind::Cube, 0xa0814f, 0x6b5130),
    block("oak leaves", Kind::Leaves, 0x3f7a2c, 0x3a722a),
    block("birch log", Kind::Cube, 0xc9b98c, 0xd8d6cc),
    block("birch leaves", Kind::Leaves, 0x6a9c3e, 0x62943a),
    block("spruce log", Kind::Cube, 0x7a5f3d, 0x4c3822),
    block("spruce leaves", Kind::Leaves, 0x2b5536, 0x284f32),
    block("jungle log", Kind::Cube, 0x94714a, 0x5d4a2e),
    block("jungle leaves", Kind::Leaves, 0x2f8a26, 0x2b8022),
    block("acacia log", Kind::Cube, 0xa5683c, 0x6e625a),
    block("acacia leaves", Kind::Leaves, 0x7c9438, 0x748c34),
    block("palm log", Kind::Cube, 0xb5935e, 0x94784c),
    block("palm leaves", Kind::Leaves, 0x4f9a3a, 0x4a9236),
    block("cactus", Kind::Cube, 0x5d8a3c, 0x4f7a34),
    block("tall grass", Kind::Plant, 0x6aa544, 0x6aa544),
    block("fern", Kind::Plant, 0x4a8a3a, 0x4a8a3a),
    block("dead bush", Kind::Plant, 0x8a6c40, 0x8a6c40),
    block("poppy", Kind::Plant, 0xc8322c, 0xc8322c),
    block("marigold", Kind::Plant, 0xe6c42e, 0xe6c42e),
    block("cornflower", Kind::Plant, 0x4a62c8, 0x4a62c8),
    block("daisy", Kind::Plant, 0xeeeeee, 0xeeeeee),
    block("mushroom", Kind::Plant, 0xb09070, 0xb09070),
    block("reed", Kind::Plant, 0x8aa858, 0x8aa858),
    block("water lily", Kind::Plant, 0x3c8a40, 0x3c8a40),
    block("wheat", Kind::Plant, 0xd0b850, 0xd0b850),
    block("farmland", Kind::Cube, 0x5c4028, 0x6a4c30),
    block("planks", Kind::Cube, 0xb08c56, 0xa88450),
    block("dark planks", Kind::Cube, 0x5e432a, 0x583e26),
    block("cobblestone", Kind::Cube, 0x868686, 0x7e7e7e),
    block("stone brick", Kind::Cube, 0x8c8c90, 0x84848a),
    block("brick", Kind::Cube, 0x9a4e3e, 0x94483a),
    block("plaster", Kind::Cube, 0xe2d8c4, 0xdcd0ba),
    block("thatch", Kind::Cube, 0xc2a04a, 0xb69644),
    block("roof tile", Kind::Cube, 0x8a3c2e, 0x823829),
    block("glass", Kind::Glass, 0xc4dce4, 0xc4dce4),
    block("gravel road", Kind::Cube, 0x9c8c70, 0x8c7c62),
    block("fence", Kind::Cube, 0x90703f, 0x8a6a3c),
    block("lantern", Kind::Cube, 0xffdc8a, 0xffd070),
    block("door", Kind::Glass, 0x7c5a30, 0x7c5a30),
    block("sign", Kind::Plant, 0xa88450, 0xa88450),
    block("white block", Kind::Cube, 0xeeeeee, 0xe6e6e6),
    block("black block", Kind::Cube, 0x222224, 0x1e1e20),
    block("red block", Kind::Cube, 0xb8322c, 0xb02e28),
    block("orange block", Kind::Cube, 0xdc7c28, 0xd47624),
    block("yellow block", Kind::Cube, 0xe6cc3c, 0xdec438),
    block("green block", Kind::Cube, 0x4c9a3c, 0x469238),
    block("blue block", Kind::Cube, 0x3450b4, 0x304aac),
    block("purple block", Kind::Cube, 0x8044a8, 0x783ea0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_blocks_apart() {
        let names: std::collections::BTreeSet<_> = BUILTIN.iter().map(|block| block.name).collect();
        assert_eq!(names.len(), BUILTIN.len());
        assert_eq!(PURPLE_BLOCK.builtin().map(|block| block.name), Some("purple block"));
        assert!(BUILTIN.len() < usize::from(FIRST_CUSTOM));
    }
}
