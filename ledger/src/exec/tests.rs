//! Blocks: what they do, what is refused, and that no coin is ever made or lost.

mod blocks;
mod coins;
mod contracts;
mod evm_code;
mod supplier;
mod tampered;
mod views;
mod worlds;
