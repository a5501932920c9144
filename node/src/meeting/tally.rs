//! What meeting others cost since the node's start, and who misbehaved.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bitdust_rpc::types::{meet::MeetStats, world::Blamed};

/// Players named at most: a page of them tells enough.
const BLAMED_MAX: usize = 64;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// Counts of one node.
#[derive(Debug, Default)]
pub struct Tally {
    pub(super) sent_bytes: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) sent_poses: AtomicU64,
    pub(super) skipped_poses: AtomicU64,
    pub(super) received_messages: AtomicU64,
    blamed: Mutex<BTreeMap<String, String>>,
}

impl Tally {
    /// A player did what nobody should.
    pub(super) fn blame(&self, player: String, reason: &str) {
        let mut blamed = self.blamed.lock().unwrap_or_else(PoisonError::into_inner);
        if blamed.len() < BLAMED_MAX || blamed.contains_key(&player) {
            blamed.insert(player, reason.chars().take(REASON_CHARS_MAX).collect());
        }
    }

    /// All of it, with so many lines and worlds.
    pub(super) fn stats(&self, lines: u64, worlds: u64) -> MeetStats {
        let blamed = self.blamed.lock().unwrap_or_else(PoisonError::into_inner);
        let blamed = blamed.iter().map(|(who, why)| Blamed { holder: who.clone(), reason: why.clone() }).collect();
        MeetStats {
            sent_bytes: self.sent_bytes.load(Relaxed),
            received_bytes: self.received_bytes.load(Relaxed),
            sent_poses: self.sent_poses.load(Relaxed),
            skipped_poses: self.skipped_poses.load(Relaxed),
            received_messages: self.received_messages.load(Relaxed),
            lines,
            worlds,
            blamed,
        }
    }
}
