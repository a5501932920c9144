//! The Market over a map in memory.

mod errors;
mod laws;
mod model;
mod proofs;
mod rules;
mod wire;
mod world;
