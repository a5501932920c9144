//! One fetch that the scheduler decided on, carried out: a chunk from the disk, a player, a supplier, or k of them.
//!
//! Nothing is decided here: what fails is reported, and the scheduler asks somebody else.
//!
//! **Invariant:** what is reported to have arrived hashes to what the manifest says.

use std::{ops::Range, sync::Arc};

use bitdust_rpc::places::Source as Label;
use bitdust_types::{Address, Root};
use bitdust_world::{
    Chunk, ChunkPos, pack,
    stream::{Answer, Source},
};

use super::found::{Found, Open};
use crate::{
    customer::ranges::{Got, Missed, Ranges},
    worlds::Worlds,
};

/// What is to be fetched.
pub struct Errand {
    /// The chunk's location.
    pub found: Arc<Found>,
    /// Which chunk.
    pub chunk: ChunkPos,
    /// What it must hash to.
    pub hash: Root,
    /// From whom.
    pub source: Source,
}

impl Errand {
    /// Notes that the chunk is on this disk.
    fn note(&self, worlds: &Worlds) {
        if let Found::Open(open) = &*self.found {
            worlds.sharing.note(open.place.world().id, open.place.pos(), &[self.hash], open.framed());
        }
    }
}

/// A chunk that has arrived.
pub struct Arrived {
    /// Its voxels.
    pub chunk: Chunk,
    /// What it hashes to.
    pub hash: Root,
    /// Its bytes as they are kept.
    pub packed: Vec<u8>,
    /// Who had it.
    pub label: Label,
}

/// What came of it.
pub enum Outcome {
    /// It is there.
    Arrived(Arrived),
    /// It isn't, and the scheduler is told so.
    Not(Answer),
    /// Its owner stored something else than the manifest says: nobody else will have it either.
    Unsound(String),
}

impl Outcome {
    pub const fn has_arrived(&self) -> bool {
        matches!(self, Outcome::Arrived(_))
    }

    /// What the scheduler is told; nothing about a chunk that nobody can have.
    pub fn answer(&self) -> Option<Answer> {
        match self {
            Outcome::Arrived(arrived) => Some(Answer::Chunk { bytes: arrived.packed.len() as u32 }),
            Outcome::Not(answer) => Some(*answer),
            Outcome::Unsound(_) => None,
        }
    }
}

/// Carries an errand out. `answered` is told of each holder of several that has sent its part.
pub async fn fetch(worlds: &Worlds, errand: &Errand, answered: impl FnMut(Address)) -> Outcome {
    let failed = Outcome::Not(Answer::Failed { by: None });
    let Found::Open(open) = &*errand.found else { return failed };
    match &errand.source {
        Source::Cache => return from_cache(worlds, errand).await,
        Source::Player(player) => return worlds.sharing.fetch(worlds, open, errand, *player).await,
        Source::Supplier { .. } | Source::Column { .. } => {}
    }
    let Some((manifest, ranges)) = open.frames() else { return failed };
    let Some(range) = manifest.frame_range(errand.chunk.index()) else { return failed };
    let got = match &errand.source {
        Source::Cache | Source::Player(_) => return failed,
        Source::Supplier { holder, .. } => ranges.from_slot(&range, *holder).await,
        Source::Column { needed, holders } => column(ranges, &range, *needed, holders, answered).await,
    };
    let got = match got {
        Ok(got) => got,
        Err(missed) => return missing(worlds, open, errand, missed),
    };
    worlds.tally.received(got.wire_bytes);
    let label = match &errand.source {
        Source::Supplier { holder, .. } => Label::supplier(*holder),
        _ => Label::Rebuilt,
    };
    match check(worlds, errand, got.bytes.to_vec()).await {
        Ok((chunk, packed)) => {
            keep(worlds, errand, &packed).await;
            Outcome::Arrived(Arrived { chunk, hash: errand.hash, packed, label })
        }
        // Every byte was held against the shard's root: if the chunk is wrong, its owner stored it wrong.
        Err(reason) => Outcome::Unsound(format!(
            "chunk {}, as {} stored it in version {}: {reason}",
            errand.chunk,
            open.place.owner(),
            open.sequence()
        )),
    }
}

async fn column(
    ranges: &Ranges,
    range: &Range<u64>,
    needed: u16,
    holders: &[(u16, Address)],
    answered: impl FnMut(Address),
) -> Result<Got, Missed> {
    ranges.from_column(range, needed, holders, answered).await
}

fn missing(worlds: &Worlds, open: &Open, errand: &Errand, missed: Missed) -> Outcome {
    match missed {
        Missed::Layout(error) => Outcome::Unsound(format!("chunk {} of {}: {error:#}", errand.chunk, open.place.pos())),
        Missed::Failed { by, reason } => {
            tracing::debug!(chunk = %errand.chunk, holder = %by, reason, "a holder failed");
            Outcome::Not(Answer::Failed { by: Some(by) })
        }
        Missed::Wrong { by, reason } => {
            worlds.tally.blame(by.to_string(), reason);
            Outcome::Not(Answer::Wrong { by: Some(by) })
        }
    }
}

async fn from_cache(worlds: &Worlds, errand: &Errand) -> Outcome {
    let (cache, hash) = (worlds.cache.clone(), errand.hash);
    let Some(packed) = worlds.workers.run(move || cache.get(hash)).await.flatten() else {
        return Outcome::Not(Answer::Absent);
    };
    match check(worlds, errand, packed).await {
        Ok((chunk, packed)) => {
            errand.note(worlds);
            Outcome::Arrived(Arrived { chunk, hash, packed, label: Label::Cache })
        }
        Err(reason) => {
            tracing::warn!(chunk = %errand.chunk, reason, "a chunk in the cache is damaged; fetching it anew");
            worlds.cache.forget(hash);
            Outcome::Not(Answer::Absent)
        }
    }
}

/// Unpacks bytes and holds them against the hash.
pub async fn check(worlds: &Worlds, errand: &Errand, packed: Vec<u8>) -> Result<(Chunk, Vec<u8>), String> {
    let wanted = errand.hash;
    let checked = worlds.workers.run(move || {
        let chunk = pack::unpack(&packed).map_err(|error| error.to_string())?;
        match chunk.hash() {
            found if found == wanted => Ok((chunk, packed)),
            found => Err(format!("it hashes to {found}, and should to {wanted}")),
        }
    });
    checked.await.unwrap_or_else(|| Err("a worker stopped".to_owned()))
}

/// Keeps a chunk that was checked.
pub async fn keep(worlds: &Worlds, errand: &Errand, packed: &[u8]) {
    let (cache, hash, packed) = (worlds.cache.clone(), errand.hash, packed.to_vec());
    worlds.workers.run(move || cache.put(hash, &packed)).await;
    errand.note(worlds);
}
