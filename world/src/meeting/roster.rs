//! Who is said to be around: hearsay, good enough to decide whom to connect to.

use std::collections::BTreeMap;

use super::{
    limits::{HEARSAY_MS, ROSTER_MAX},
    peer::Peer,
};
use crate::ChunkPos;

/// What is known of one player.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Where it was; nothing is known of those that only the network's table names.
    pub chunk: Option<ChunkPos>,
    /// When that was.
    pub at_ms: u64,
}

/// Players that somebody spoke of.
#[derive(Default)]
pub(super) struct Roster(BTreeMap<Peer, Known>);

impl Roster {
    pub fn iter(&self) -> impl Iterator<Item = (&Peer, &Known)> {
        self.0.iter()
    }

    /// Takes newer knowledge. A full roster keeps the nearest to `own`, so that a liar can't fill it with the far away.
    pub fn learn(&mut self, peer: Peer, known: Known, own: ChunkPos) {
        if let Some(old) = self.0.get_mut(&peer) {
            if known.chunk.is_some() && (old.chunk.is_none() || known.at_ms > old.at_ms) {
                *old = known;
            }
            return;
        }
        self.0.insert(peer, known);
        if self.0.len() > ROSTER_MAX {
            let furthest =
                self.0.iter().max_by_key(|(_, known)| distance(known.chunk, own)).map(|(peer, _)| peer.clone());
            furthest.and_then(|peer| self.0.remove(&peer));
        }
    }

    pub fn forget(&mut self, peer: &Peer) {
        self.0.remove(peer);
    }

    /// Drops what is too old.
    pub fn age(&mut self, now_ms: u64) {
        self.0.retain(|_, known| now_ms.saturating_sub(known.at_ms) < HEARSAY_MS);
    }
}

/// How far a chunk is, by its furthest coordinate; the unknown is further than all.
fn distance(chunk: Option<ChunkPos>, own: ChunkPos) -> u64 {
    chunk.map_or(u64::MAX, |chunk| chunk.since(own).map(i64::unsigned_abs).into_iter().max().unwrap_or(0))
}
