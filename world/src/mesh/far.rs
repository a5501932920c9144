//! Terrain too far away for chunks: a lattice of heights as a mesh.
//!
//! Patches of different fineness don't meet exactly; each has a *skirt*, a wall that hangs down from its rim and hides
//! the gaps (T. Ulrich, "Rendering massive terrains using chunked level of detail control", 2002).

/// A patch of far terrain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FarMesh {
    /// In metres: x and z from the patch's corner, y from sea level.
    pub positions: Vec<[f32; 3]>,
    /// Of length 1.
    pub normals: Vec<[f32; 3]>,
    /// Red, green and blue, as they were given.
    pub colours: Vec<[u8; 3]>,
    /// Three for each triangle, counterclockwise for who looks from above or from outside.
    pub indices: Vec<u32>,
}

impl FarMesh {
    /// From the heights and colours of `n × n` points, `x` fastest, `spacing` metres apart, with a skirt so many metres
    /// deep.
    ///
    /// # Panics
    /// If `n` is below 2, or there are not `n × n` heights and colours.
    pub fn from_lattice(heights: &[i32], colours: &[[u8; 3]], n: usize, spacing: u32, skirt: u32) -> Self {
        assert!(n >= 2 && heights.len() == n * n && colours.len() == n * n, "n × n points, at least 2 × 2");
        let mut mesh = FarMesh::default();
        let step = spacing as f32;
        let height = |x: usize, z: usize| heights[z * n + x] as f32;
        for z in 0..n {
            for x in 0..n {
                mesh.positions.push([x as f32 * step, height(x, z), z as f32 * step]);
                mesh.normals.push(normal(height, n, x, z, step));
                mesh.colours.push(colours[z * n + x]);
            }
        }
        for z in 0..n - 1 {
            for x in 0..n - 1 {
                let [a, b, c, d] = [(x, z), (x + 1, z), (x + 1, z + 1), (x, z + 1)].map(|(x, z)| (z * n + x) as u32);
                // The edge that runs along the slope, not across it, keeps ridges and valleys straight.
                let steep = |from: u32, to: u32| heights[from as usize].abs_diff(heights[to as usize]);
                mesh.indices.extend(if steep(a, c) <= steep(b, d) { [a, c, b, a, d, c] } else { [a, d, b, b, d, c] });
            }
        }
        if skirt > 0 {
            let last = n - 1;
            mesh.hang(0..n, skirt);
            mesh.hang((0..n).map(|z| z * n + last), skirt);
            mesh.hang((0..n).rev().map(|x| last * n + x), skirt);
            mesh.hang((0..n).rev().map(|z| z * n), skirt);
        }
        mesh
    }

    /// A wall that hangs from points of the rim, which run clockwise for who looks from above.
    fn hang(&mut self, rim: impl Iterator<Item = usize>, skirt: u32) {
        let mut before: Option<[u32; 2]> = None;
        for top in rim {
            let [x, y, z] = self.positions[top];
            let foot = self.positions.len() as u32;
            self.positions.push([x, y - skirt as f32, z]);
            self.normals.push(self.normals[top]);
            self.colours.push(self.colours[top]);
            let top = top as u32;
            if let Some([last_top, last_foot]) = before {
                self.indices.extend([last_top, top, foot, last_top, foot, last_foot]);
            }
            before = Some([top, foot]);
        }
    }
}

/// By the differences between a point's neighbours, or the point itself at the rim.
fn normal(height: impl Fn(usize, usize) -> f32, n: usize, x: usize, z: usize, step: f32) -> [f32; 3] {
    let (west, east) = (x.saturating_sub(1), (x + 1).min(n - 1));
    let (north, south) = (z.saturating_sub(1), (z + 1).min(n - 1));
    let slope_x = (height(east, z) - height(west, z)) / ((east - west) as f32 * step);
    let slope_z = (height(x, south) - height(x, north)) / ((south - north) as f32 * step);
    let length = (slope_x * slope_x + 1.0 + slope_z * slope_z).sqrt();
    [-slope_x / length, 1.0 / length, -slope_z / length]
}
