//! Where chunks came from, and who sent wrong ones.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bitdust_rpc::{
    places::Source,
    types::world::{Blamed, SourceCounts, WorldStats},
};

/// Holders named at most: a page of them tells enough.
const BLAMED_MAX: usize = 64;

/// Counts since the node's start.
#[derive(Default)]
pub struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    chunks: SourceCounts,
    bytes: SourceCounts,
    wire_bytes: u64,
    given_bytes: u64,
    failed: u64,
    blamed: BTreeMap<String, String>,
}

impl Tally {
    /// A chunk was delivered.
    pub fn delivered(&self, source: Source, packed_bytes: u64) {
        self.change(|counts| {
            *of(&mut counts.chunks, source) += 1;
            *of(&mut counts.bytes, source) += packed_bytes;
        });
    }

    /// A chunk could not be had.
    pub fn failed(&self) {
        self.change(|counts| counts.failed += 1);
    }

    /// Bytes came over the network.
    pub fn received(&self, bytes: u64) {
        self.change(|counts| counts.wire_bytes += bytes);
    }

    /// Another player was given a chunk.
    pub fn gave(&self, bytes: u64) {
        self.change(|counts| counts.given_bytes += bytes);
    }

    /// A holder sent something else than it should.
    pub fn blame(&self, holder: String, reason: String) {
        self.change(|counts| {
            if counts.blamed.len() < BLAMED_MAX || counts.blamed.contains_key(&holder) {
                counts.blamed.insert(holder, reason);
            }
        });
    }

    /// All of it.
    pub fn stats(&self) -> WorldStats {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let blamed = |(holder, reason): (&String, &String)| Blamed { holder: holder.clone(), reason: reason.clone() };
        WorldStats {
            chunks: counts.chunks,
            bytes: counts.bytes,
            wire_bytes: counts.wire_bytes,
            given_bytes: counts.given_bytes,
            failed: counts.failed,
            blamed: counts.blamed.iter().map(blamed).collect(),
            ..WorldStats::default()
        }
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn of(counts: &mut SourceCounts, source: Source) -> &mut u64 {
    match source {
        Source::Supplier(_) => &mut counts.supplier,
        Source::Player => &mut counts.player,
        Source::Cache => &mut counts.cache,
        Source::Generator => &mut counts.generator,
        Source::Rebuilt => &mut counts.rebuilt,
    }
}
