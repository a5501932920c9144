//! Rectangles as triangles: what a graphics card is fed with.

use super::{Face, Plant, Quad};
use crate::BlockId;

/// How much light a corner with ambient occlusion 0 to 3 gets.
const LIGHT: [f32; 4] = [0.5, 0.7, 0.85, 1.0];

/// Vertices and the triangles between them, counterclockwise for who looks at the front.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triangles {
    /// In voxels from the chunk's lowest corner.
    pub positions: Vec<[f32; 3]>,
    /// Of length 1.
    pub normals: Vec<[f32; 3]>,
    /// In voxels along u and v of the face, so that a texture repeats with every voxel.
    pub uvs: Vec<[f32; 2]>,
    /// Red, green, blue (linear) and alpha, darkened by ambient occlusion.
    pub colours: Vec<[f32; 4]>,
    /// Three for each triangle.
    pub indices: Vec<u32>,
}

impl Triangles {
    /// Adds rectangles, painted by block and face. `scale` is that of their mesh.
    pub fn add_quads(&mut self, quads: &[Quad], scale: u8, paint: impl Fn(BlockId, Face) -> [f32; 4]) {
        self.reserve(quads.len());
        for quad in quads {
            let first = self.positions.len() as u32;
            let [red, green, blue, alpha] = paint(quad.block, quad.face);
            let [width, height] = [quad.width, quad.height].map(|cells| f32::from(cells) * f32::from(scale));
            self.positions.extend(quad.positions(scale));
            self.normals.extend([quad.face.normal().map(f32::from); 4]);
            self.uvs.extend([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]]);
            self.colours.extend([0, 1, 2, 3].map(|corner| {
                let light = LIGHT[usize::from(quad.light(corner))];
                [red * light, green * light, blue * light, alpha]
            }));
            self.indices.extend(quad.triangles().map(|corner| first + corner));
        }
    }

    /// Adds plants, painted by block: both planes, to be drawn from both sides. Their normals point up, so that they
    /// are lit like the ground they stand on.
    pub fn add_plants(&mut self, plants: &[Plant], paint: impl Fn(BlockId) -> [f32; 4]) {
        self.reserve(2 * plants.len());
        for plant in plants {
            for plane in plant.positions() {
                let first = self.positions.len() as u32;
                self.positions.extend(plane);
                self.normals.extend([[0.0, 1.0, 0.0]; 4]);
                self.uvs.extend([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]);
                self.colours.extend([paint(plant.block); 4]);
                self.indices.extend([0, 1, 2, 0, 2, 3].map(|corner| first + corner));
            }
        }
    }

    fn reserve(&mut self, quads: usize) {
        self.positions.reserve(4 * quads);
        self.normals.reserve(4 * quads);
        self.uvs.reserve(4 * quads);
        self.colours.reserve(4 * quads);
        self.indices.reserve(6 * quads);
    }
}
