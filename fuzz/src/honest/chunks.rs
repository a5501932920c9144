//! Chunks of every form that is packed: ground and air, a cellar of one block, rubble, and what nothing shorter is found for.

use std::sync::LazyLock;

use bitdust_world::{
    BlockId, Chunk,
    r#gen::{Generator, Params},
};

use super::noise;

/// They, the ones with the ground in them first.
pub static CHUNKS: LazyLock<Vec<Chunk>> = LazyLock::new(|| {
    let generator = Generator::new(1, Params::default()).expect("the default parameters are within bounds");
    let middle = generator.spawn().chunk();
    let mut chunks: Vec<Chunk> = (-2..=1).rev().map(|dy| generator.chunk(middle.offset(0, dy, 0))).collect();
    chunks.sort_by_key(|chunk| chunk.as_uniform().is_some());
    // Few kinds of blocks without order, more kinds than a palette has, and all of them.
    chunks.extend([7, 700, 1 << 14].map(rubble));
    chunks.push(Chunk::uniform(BlockId(1)));
    chunks
});

fn rubble(kinds: u16) -> Chunk {
    let mut chunk = Chunk::default();
    let voxels = chunk.make_mixed();
    let random = noise(2 * voxels.len(), kinds.into());
    for (block, pair) in voxels.iter_mut().zip(random.as_chunks::<2>().0) {
        *block = BlockId(u16::from_le_bytes(*pair) % kinds);
    }
    chunk
}
