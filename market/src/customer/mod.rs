//! The customer's decisions: how files become slabs, who keeps them, what is still to be sent, and whom to ask.
//!
//! - [`packer`]: files into slabs of plain bytes.
//! - [`placement`]: which supplier gets which slot.
//! - [`upload`]: what a crash must not forget, and what needn't be sent again.
//! - [`revision`]: from a change of the manifest to each slot's next list.
//! - [`download`]: which shards to ask whom for, and when to ask somebody else.
//! - [`uplink`]: how many shards to send at once.
//!
//! No IO, no clock: the shell in `bitdust-node` reads, sends and waits.

pub mod download;
pub mod packer;
pub mod placement;
pub mod revision;
pub mod uplink;
pub mod upload;

pub use download::{Fetch, Latencies, Need, Progress, windows};
pub use packer::{ContentHasher, PackedFile, PackedSlab, Packer, Piece};
pub use placement::{Candidate, Failures, Placement, Policy, Unplaced};
pub use revision::{Revision, SlotTarget, difference};
pub use uplink::Uplink;
pub use upload::{PlannedSlab, Record, SlabProgress, Uploads};
