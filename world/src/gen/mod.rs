//! The terrain: what stands at a place before anybody builds there.
//!
//! `(seed, parameters, chunk position) → chunk`, bit for bit the same on every CPU. Whole numbers only ([`fixed`]);
//! chance comes from hashes of positions ([`hash`]), so that no place depends on the order in which places are visited.
//!
//! From the bottom up: [`noise`], [`climate`], [`terrain`] (continents, ranges, hills), [`rivers`] (what drains where),
//! [`land`] (an area of all that), [`biome`], [`villages`] and their roads, [`ground`] (all of this together, and what
//! it consists of), [`column`] (what all chunks above each other share), then what fills chunks: [`caves`], [`ores`],
//! [`trees`] with their [`species`], [`plants`]. Beside that stand [`far`] views and where players [`spawn`].
//!
//! **Invariant:** no pass writes outside its own chunk. Whatever crosses borders is a function of position that each
//! chunk evaluates for itself.
//! **Invariant:** coordinates wrap at the ends of `i64`; the land closes there without a seam, and repeats itself
//! nowhere.

mod params;

mod fixed;
mod hash;
mod memo;
mod noise;

mod climate;
mod land;
mod rivers;
mod terrain;

mod biome;
mod ground;

mod villages;

mod canvas;
mod caves;
mod column;
mod ores;
mod plants;
mod species;
mod trees;

mod far;
mod spawn;

#[cfg(test)]
mod tests;

pub use biome::Biome;
pub use column::Column;
pub use far::{FAR_LEVEL_MOST, FAR_POINTS, FarCell, FarPatch};
pub use params::{Invalid, Params};
pub use villages::Village;

use crate::{
    block::{self, BlockId},
    chunk::{Chunk, index_of},
    place::{CHUNK_VOXELS, ChunkPos, VoxelPos},
};

/// Which rules the terrain follows. A change of any chunk of any seed is a new version.
pub const GENERATOR_VERSION: u32 = 1;

/// The farthest that [`Generator::villages_near`] looks, in metres: 32 × 32 cells.
pub const VILLAGES_WITHIN_MOST: i64 = 16 * 1024;

/// Makes a world's terrain. It may be shared by threads; what it remembers changes nothing but its speed.
pub struct Generator {
    params: Params,
    ground: ground::Ground,
    caves: caves::Caves,
    ores: ores::Ores,
    trees: u64,
    plants: u64,
}

/// What a walker stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surface {
    /// The highest voxel of ground, caves that open here left aside.
    pub height: i64,
    /// The highest voxel of the sea, river or lake above it.
    pub water: Option<i64>,
    /// What kind of country it is.
    pub biome: Biome,
    /// The block at `height`.
    pub top: BlockId,
}

impl Generator {
    /// The terrain of a world.
    ///
    /// # Errors
    /// If a parameter is out of its bounds.
    pub fn new(seed: u64, params: Params) -> Result<Self, Invalid> {
        params.check()?;
        Ok(Generator {
            params,
            ground: ground::Ground::new(seed, &params),
            caves: caves::Caves::new(seed, &params),
            ores: ores::Ores::new(seed, &params),
            trees: hash::derive(seed, 80),
            plants: hash::derive(seed, 81),
        })
    }

    /// The chunk at a position.
    pub fn chunk(&self, pos: ChunkPos) -> Chunk {
        self.chunk_in(&self.column(pos.x, pos.z), pos.y)
    }

    /// What the chunks above each other at (cx, cz), in chunks, have in common.
    pub fn column(&self, cx: i64, cz: i64) -> Column {
        Column::new(self, cx, cz)
    }

    /// A chunk of a column.
    pub fn chunk_in(&self, column: &Column, cy: i64) -> Chunk {
        let origin = ChunkPos::new(column.x, cy, column.z).origin();
        let floor = i64::from(self.params.floor);
        if origin.y > i64::from(column.highest) {
            return Chunk::uniform(BlockId::AIR);
        }
        if origin.y + 31 < floor {
            return Chunk::uniform(block::BEDROCK);
        }
        // Between the floor and the highest tree, heights fit into few bits.
        let bottom = origin.y as i32;
        let mut chunk = Chunk::default();
        let voxels = chunk.make_mixed();
        column.layers.fill(voxels, bottom);
        band(column, bottom, voxels);
        self.ores.strew(origin, voxels);
        self.caves.carve(column, origin, voxels);
        self.bedrock(origin, voxels);
        freeze_and_plant(column, bottom, voxels);
        column.furnish(voxels, bottom);
        chunk
    }

    /// What a walker stands on at (x, z).
    pub fn surface(&self, x: i64, z: i64) -> Surface {
        let site = self.ground.area(x, z, 1, 1).0[0];
        Surface { height: site.height, water: site.water, biome: site.biome, top: site.top }
    }

    /// A patch of far terrain.
    pub fn far(&self, cell: FarCell) -> FarPatch {
        far::patch(self, cell)
    }

    /// The voxel that a new player's feet are in: dry, and in walking distance of a village if the world has any near
    /// its origin.
    pub fn spawn(&self) -> VoxelPos {
        spawn::spawn(self)
    }

    /// The villages whose squares lie within `radius` metres (at most [`VILLAGES_WITHIN_MOST`] count) east, west, north
    /// and south of (x, z).
    pub fn villages_near(&self, x: i64, z: i64, radius: i64) -> Vec<Village> {
        self.ground.villages.near(&self.ground.land, x, z, radius.clamp(0, VILLAGES_WITHIN_MOST))
    }

    fn bedrock(&self, origin: VoxelPos, voxels: &mut [BlockId; CHUNK_VOXELS]) {
        let floor = i64::from(self.params.floor);
        for y in 0..32 {
            let above = origin.y + y - floor;
            if above >= 4 {
                break;
            }
            for at in 0..32 * 32 {
                let (x, z) = (origin.x.wrapping_add(at & 31), origin.z.wrapping_add(at >> 5));
                if above <= (hash::hash2(self.plants, x, z) & 3) as i64 {
                    voxels[(y * 1024 + at) as usize] = block::BEDROCK;
                }
            }
        }
    }
}

/// Lays bands of rock, the same height everywhere, through mesas.
fn band(column: &Column, bottom: i32, voxels: &mut [BlockId; CHUNK_VOXELS]) {
    const BANDS: [BlockId; 16] = [
        block::RED_SAND,
        block::SANDSTONE,
        block::GRANITE,
        block::GRANITE,
        block::RED_SAND,
        block::RED_SAND,
        block::LIMESTONE,
        block::GRANITE,
        block::SANDSTONE,
        block::RED_SAND,
        block::GRANITE,
        block::BRICK,
        block::SANDSTONE,
        block::SANDSTONE,
        block::RED_SAND,
        block::GRANITE,
    ];
    let layers = &column.layers;
    if !layers.bounds.has_bands {
        return;
    }
    for at in (0..column::AREA).filter(|at| layers.banded[*at]) {
        for y in bottom.max(1)..(bottom + 32).min(i32::from(layers.bare[at]) + 1) {
            voxels[(y - bottom) as usize * column::AREA + at] = BANDS[(y & 15) as usize];
        }
    }
}

/// Puts what stands on the ground, and ice on cold water.
fn freeze_and_plant(column: &Column, bottom: i32, voxels: &mut [BlockId; CHUNK_VOXELS]) {
    let layers = &column.layers;
    if bottom + 31 < layers.bounds.surface.into() {
        return;
    }
    for at in 0..column::AREA {
        let surface = i32::from(layers.height[at].max(layers.water[at]));
        let (x, z) = ((at & 31) as u8, (at >> 5) as u8);
        let inside = bottom..bottom + 32;
        if layers.frozen[at] && inside.contains(&surface) {
            voxels[index_of(x, (surface - bottom) as u8, z)] = block::ICE;
        }
        if !layers.plant[at].is_air() && inside.contains(&(surface + 1)) {
            voxels[index_of(x, (surface + 1 - bottom) as u8, z)] = layers.plant[at];
        }
    }
}
