//! What blocks there are in this world, how they behave and look: those that every world has, and the creator's own.

use bitdust_world::{
    BlockId,
    block::{self, BUILTIN, ID_END, Kind},
    content::{Content, Face},
    mesh::Kinds,
};

use super::sky::{Rgb, linear};

/// All blocks of a world.
pub struct Palette {
    looks: Vec<Option<Look>>,
    kinds: Kinds,
}

/// A block as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// For people.
    pub name: String,
    /// How it behaves.
    pub kind: Kind,
    /// Its upper face, in linear light.
    pub top: Rgb,
    /// Its other faces.
    pub side: Rgb,
}

/// For blocks nobody knows: a colour that nobody uses.
const UNKNOWN: Rgb = [0.6, 0.1, 0.5];

impl Default for Palette {
    /// The blocks that every world has.
    fn default() -> Self {
        Palette::new(&Content::default())
    }
}

impl Palette {
    /// The blocks that every world has, and those of its content.
    pub fn new(content: &Content) -> Self {
        let mut looks: Vec<Option<Look>> = BUILTIN
            .iter()
            .map(|block| {
                let (top, side) = (linear(block.top), linear(block.side));
                Some(Look { name: block.name.to_owned(), kind: block.kind, top, side })
            })
            .collect();
        for own in content.blocks.iter().filter(|own| own.id.0 < ID_END) {
            let place = usize::from(own.id.0);
            if looks.len() <= place {
                looks.resize(place + 1, None);
            }
            let (top, side) = (colour(&own.top), colour(&own.side));
            looks[place] = Some(Look { name: own.name.clone(), kind: own.kind, top, side });
        }
        Palette { looks, kinds: Kinds::new(|id| content.kind(id)) }
    }

    /// How it looks, if anybody knows it.
    pub fn look(&self, id: BlockId) -> Option<&Look> {
        self.looks.get(usize::from(id.0))?.as_ref()
    }

    /// How it behaves.
    pub fn kind(&self, id: BlockId) -> Kind {
        self.look(id).map_or_else(|| id.kind(), |look| look.kind)
    }

    /// The colour of its upper face, or of the others, in linear light.
    pub fn colour(&self, id: BlockId, upper: bool) -> Rgb {
        self.look(id).map_or(UNKNOWN, |look| if upper { look.top } else { look.side })
    }

    /// Its name for people.
    pub fn name(&self, id: BlockId) -> String {
        self.look(id).map_or_else(|| format!("block {}", id.0), |look| look.name.clone())
    }

    /// The block with this name, as people write it.
    pub fn by_name(&self, name: &str) -> Option<BlockId> {
        let name = name.trim().replace('_', " ");
        let place =
            self.looks.iter().position(|look| look.as_ref().is_some_and(|look| look.name.eq_ignore_ascii_case(&name)));
        place.map(|place| BlockId(place as u16))
    }

    /// What can be placed, by id: everything but air and what only the generator may put down.
    pub fn placeable(&self) -> impl Iterator<Item = BlockId> {
        let known = self.looks.iter().enumerate().filter(|(_, look)| look.is_some());
        known.map(|(id, _)| BlockId(id as u16)).filter(|id| !matches!(*id, BlockId::AIR | block::BEDROCK | block::LAVA))
    }

    /// For meshing.
    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }
}

impl std::fmt::Debug for Palette {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Palette").field("looks", &self.looks.len()).finish_non_exhaustive()
    }
}

/// One colour for a face: of a picture, the mean of what isn't seen through.
fn colour(face: &Face) -> Rgb {
    let texture = match face {
        Face::Colour(colour) => return linear(*colour),
        Face::Texture(texture) => texture,
    };
    let solid = texture.0.chunks_exact(4).filter(|pixel| pixel[3] >= 128);
    let (mut sum, mut count) = ([0.0; 3], 0.0f32);
    for pixel in solid {
        let [r, g, b] = linear([pixel[0], pixel[1], pixel[2]]);
        sum = [sum[0] + r, sum[1] + g, sum[2] + b];
        count += 1.0;
    }
    if count > 0.0 { sum.map(|part| part / count) } else { UNKNOWN }
}

#[cfg(test)]
mod tests {
    use bitdust_world::content::{BlockType, Texture};

    use super::*;

    #[test]
    fn names_lead_to_blocks_and_back() {
        let palette = Palette::default();
        for id in palette.placeable() {
            assert_eq!(palette.by_name(&palette.name(id)), Some(id));
        }
        assert_eq!(palette.by_name("Stone_Brick"), Some(block::STONE_BRICK));
        assert_eq!((palette.by_name("cheese"), palette.name(BlockId(4000))), (None, "block 4000".into()));
        assert!(palette.placeable().all(|id| !id.is_air() && id != block::BEDROCK));
    }

    #[test]
    fn a_creators_block_behaves_and_looks_as_it_says() {
        let id = BlockId(block::FIRST_CUSTOM + 3);
        // Half red, half seen through.
        let mut pixels = Box::new([0; 16 * 16 * 4]);
        pixels.chunks_exact_mut(8).for_each(|pair| pair[..4].copy_from_slice(&[255, 0, 0, 255]));
        let own = BlockType {
            id,
            name: "cheese".into(),
            kind: Kind::Glass,
            top: Face::Colour([255, 255, 0]),
            side: Face::Texture(Texture(pixels)),
            model: vec![],
        };
        let palette = Palette::new(&Content { blocks: vec![own], ..Content::default() });
        assert_eq!((palette.by_name("cheese"), palette.kind(id)), (Some(id), Kind::Glass));
        assert_eq!((palette.colour(id, true), palette.colour(id, false)), ([1.0, 1.0, 0.0], [1.0, 0.0, 0.0]));
        assert!(palette.placeable().any(|placeable| placeable == id));
    }
}
