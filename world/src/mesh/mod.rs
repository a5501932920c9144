//! What does a chunk look like?
//!
//! A [`Mesher`] turns a chunk and what surrounds it (a [`Neighbourhood`]) into rectangles: neighbouring faces of one
//! block are merged as long as they look alike, ambient occlusion included ("greedy meshing", M. Lysenko, 0fps.net,
//! 2012). Which faces are seen is decided for whole rows of voxels at once, as bits of a word. Chunks far away are
//! meshed from cells of 2, 4 or 8 voxels an edge, what lies beyond them from a lattice of heights ([`FarMesh`]).
//!
//! | block | face is drawn if the next block is | |
//! |---|---|---|
//! | cube, leaves | not opaque | darkened in corners |
//! | glass | neither opaque nor glass | |
//! | liquid | neither opaque nor liquid | its surface lies 1/8 m lower, unless something opaque lies on it |
//! | plant | | two crossed planes |
//!
//! Rectangles name blocks, not colours: what a block looks like is for [`Triangles`] and whoever paints.
//!
//! **Invariant:** equal neighbourhoods give equal rectangles in equal order, on any machine: [`ChunkMesh::hash`] is
//! recorded for 1,000 chunks. Floats appear only after that, in [`Triangles`] and [`FarMesh`].

mod chunk_mesh;
mod coarse;
mod far;
mod kinds;
mod merge;
mod neighbourhood;
mod occlusion;
mod planes;
mod triangles;

mod mesher;
#[cfg(test)]
mod tests;

pub use chunk_mesh::{ChunkMesh, Face, Plant, Quad};
pub use coarse::{Coarse, downsample};
pub use far::FarMesh;
pub use kinds::Kinds;
pub use mesher::Mesher;
pub use neighbourhood::{Around, EDGE_MAX, Neighbourhood, around};
pub use triangles::Triangles;
