//! Whole swarms over loopback: real sockets, real handshakes, free ports.
//!
//! Nothing here asserts how long something takes. Each wait has one generous deadline, after which the test fails and
//! says what it was waiting for.

mod bans;
mod discovery;
mod gossip;
mod limits;
mod nodes;
mod places;
mod records;
mod relays;
mod streams;
