//! Whole validators in one process, over real sockets on loopback, with a ledger that keeps its blocks in memory.
//!
//! Nothing here asserts how fast anything is. Waits have a deadline so generous that only a halt can exceed it.

mod chain;
mod group;
mod log;

mod agreement;
mod crashes;
mod faults;
mod forgery;
