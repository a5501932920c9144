//! Players who meet: over real swarms without a chain, behind a relay, and as the nodes of two people.

mod bots;
mod crowd;
mod nodes;
mod strangers;
