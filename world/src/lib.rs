//! What is at this place?
//!
//! Terrain is a bit-exact function of a seed and a position; what people made of it is a *location*, a block of chunks kept
//! in the storage market with the edits that were made to it. This crate generates, packs, merges, plans and meshes; it is
//! told the time, handed its randomness, and does no IO, so that one simulator can run a hundred players from one seed.
//!
//! From the bottom up: [`place`] (coordinates), [`block`] (what a voxel can be), [`chunk`] (32³ of them), [`mod@gen`] (the
//! terrain), [`pack`] (bytes of a chunk), [`location`] (what the market keeps of a place), [`edits`] (who changed what, merged
//! without a server), [`content`] (what a world's creator publishes), [`stream`] (what to fetch next), [`meeting`] (who talks to
//! whom), [`body`] (how a player moves), [`mesh`] (what it looks like).
//!
//! **Invariant:** no floats, no `HashMap` iteration and no clock where two machines must agree: generation, packing,
//! merging, hashes.
//! **Invariant:** nothing here draws; `world/viewer` does, and is the only crate that knows bevy.

pub mod place;

pub mod block;
pub mod chunk;

pub mod r#gen;

pub mod edits;
pub mod location;
pub mod pack;

pub mod content;
pub mod script;

pub mod body;
pub mod meeting;
pub mod mesh;
pub mod stream;

pub use block::BlockId;
pub use chunk::Chunk;
pub use place::{ChunkPos, LocationPos, VoxelPos};
