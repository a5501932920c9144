//! What blocks there are in this world, how they behave and look: those that every world has, and the creator's own.

use bitdust_world::{
    BlockId,
    block::{self, BUILTIN, ID_END, Kind},
    content::{Content, Face, ModelBox, TEXTURE_EDGE, Texture},
    mesh::{self, Kinds},
};

use super::sky::{Srgb, linear, srgb};

/// All blocks of a world.
pub struct Palette {
    looks: Vec<Option<Look>>,
    kinds: Kinds,
    pictures: Vec<Texture>,
}

/// Pictures kept at most, as layers of one image: what every device has, by Vulkan's table of required limits. Faces beyond
/// show their mean colour.
pub const PICTURES_MAX: usize = 256;

/// A block as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// For people.
    pub name: String,
    /// How it behaves.
    pub kind: Kind,
    /// Its upper face.
    pub top: Srgb,
    /// Its other faces.
    pub side: Srgb,
    /// The pictures of its upper face and of the others, among [`Palette::pictures`].
    pub pictures: [Option<u16>; 2],
    /// Its shape, if it is made of boxes.
    pub model: Vec<Part>,
}

/// A box of a model, in metres from its voxel's lowest corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The corner with the lowest coordinates.
    pub from: [f32; 3],
    /// The opposite one.
    pub to: [f32; 3],
    /// That of the block's faces if `None`.
    pub colour: Option<Srgb>,
}

impl Part {
    fn new(part: &ModelBox) -> Self {
        let metres = |corner: [u8; 3]| corner.map(|at| f32::from(at) / f32::from(TEXTURE_EDGE));
        Part { from: metres(part.from), to: metres(part.to), colour: part.colour }
    }

    /// Its faces, the corners of each counterclockwise for who looks at it.
    pub fn faces(&self) -> [(mesh::Face, [[f32; 3]; 4]); 6] {
        mesh::Face::ALL.map(|face| {
            let normal = face.normal();
            let axis = normal.iter().position(|part| *part != 0).unwrap_or(0);
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            let ends = [self.from, self.to];
            let ahead = normal[axis] > 0;
            // From axis to u to v turns right-handed: counterclockwise for who looks against the axis.
            let around = if ahead { [(0, 0), (1, 0), (1, 1), (0, 1)] } else { [(0, 0), (0, 1), (1, 1), (1, 0)] };
            let corners = around.map(|(along_u, along_v): (usize, usize)| {
                let mut corner = ends[usize::from(ahead)];
                (corner[u], corner[v]) = (ends[along_u][u], ends[along_v][v]);
                corner
            });
            (face, corners)
        })
    }
}

/// For blocks nobody knows: a colour that nobody uses.
const UNKNOWN: Srgb = [203, 89, 188];

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
                Some(Look {
                    name: block.name.to_owned(),
                    kind: block.kind,
                    top: block.top,
                    side: block.side,
                    pictures: [None; 2],
                    model: vec![],
                })
            })
            .collect();
        let mut pictures = vec![];
        for own in content.blocks.iter().filter(|own| own.id.0 < ID_END) {
            let place = usize::from(own.id.0);
            if looks.len() <= place {
                looks.resize(place + 1, None);
            }
            let (top, side) = (colour(&own.top), colour(&own.side));
            let own_pictures = [&own.top, &own.side].map(|face| picture(face, own.kind, &mut pictures));
            let model = own.model.iter().map(Part::new).collect();
            let (name, kind) = (own.name.clone(), own.kind);
            looks[place] = Some(Look { name, kind, top, side, pictures: own_pictures, model });
        }
        let mut palette = Palette { looks, kinds: Kinds::default(), pictures };
        // Boxes hide no neighbour and are drawn voxel by voxel, as plants are.
        palette.kinds = Kinds::new(|id| if palette.model(id).is_empty() { content.kind(id) } else { Kind::Plant });
        palette
    }

    /// The boxes that it is made of; none if it is what its kind looks like.
    pub fn model(&self, id: BlockId) -> &[Part] {
        self.look(id).map_or(&[], |look| &look.model)
    }

    /// The picture on its upper face, or on the others: its place among [`Palette::pictures`].
    pub fn picture(&self, id: BlockId, upper: bool) -> Option<u16> {
        self.look(id)?.pictures[usize::from(!upper)]
    }

    /// All pictures of this world, each once.
    pub fn pictures(&self) -> &[Texture] {
        &self.pictures
    }

    /// How it looks, if anybody knows it.
    pub fn look(&self, id: BlockId) -> Option<&Look> {
        self.looks.get(usize::from(id.0))?.as_ref()
    }

    /// How it behaves.
    pub fn kind(&self, id: BlockId) -> Kind {
        self.look(id).map_or_else(|| id.kind(), |look| look.kind)
    }

    /// The colour of its upper face, or of the others.
    pub fn colour(&self, id: BlockId, upper: bool) -> Srgb {
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

/// The place of a face's picture, which is taken in if there is room. What can't be seen through has no holes: there it shows
/// the mean of the rest.
fn picture(face: &Face, kind: Kind, pictures: &mut Vec<Texture>) -> Option<u16> {
    let Face::Texture(texture) = face else { return None };
    let mut own = texture.clone();
    if kind.is_opaque() {
        let mean = colour(face);
        for pixel in own.0.chunks_exact_mut(4) {
            if pixel[3] < 128 {
                pixel[..3].copy_from_slice(&mean);
            }
            pixel[3] = u8::MAX;
        }
    }
    let known = pictures.iter().position(|known| *known == own);
    let place = known.unwrap_or(pictures.len());
    if place >= PICTURES_MAX {
        return None;
    }
    if known.is_none() {
        pictures.push(own);
    }
    u16::try_from(place).ok()
}

/// One colour for a face: of a picture, the mean of what isn't seen through.
fn colour(face: &Face) -> Srgb {
    let texture = match face {
        Face::Colour(colour) => return *colour,
        Face::Texture(texture) => texture,
    };
    let solid = texture.0.chunks_exact(4).filter(|pixel| pixel[3] >= 128);
    let (mut sum, mut count) = ([0.0; 3], 0.0f32);
    for pixel in solid {
        let [r, g, b] = linear([pixel[0], pixel[1], pixel[2]]);
        sum = [sum[0] + r, sum[1] + g, sum[2] + b];
        count += 1.0;
    }
    if count > 0.0 { srgb(sum.map(|part| part / count)) } else { UNKNOWN }
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
        assert_eq!((palette.colour(id, true), palette.colour(id, false)), ([255, 255, 0], [255, 0, 0]));
        assert!(palette.placeable().any(|placeable| placeable == id));
    }
}
