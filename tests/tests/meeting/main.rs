//! Players who meet: over real swarms without a chain, behind a relay, and as the nodes of two people.

mod bots;
mod crowd;
mod hidden;
mod nodes;
mod strangers;
