//! Which chunks live here, and which of them are to be meshed next.
//!
//! A chunk is *wanted*, *arrives*, is *meshed*, and is *evicted*; it may arrive again as a newer version, and it may change
//! under the player's hands. A mesh depends on the 26 chunks around it (faces and ambient occlusion), so a chunk waits until
//! those of its neighbours that are wanted too have arrived, and is meshed again when one of them changes.
//!
//! It starts no task and touches no screen: the pipeline around it (`scene/chunks.rs`) does what it says and reports back.
//!
//! **Invariant:** only what is wanted is kept, so memory is bounded by the view distance whatever a source sends.
//! **Invariant:** an older version never replaces a newer one.

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use bitdust_world::{BlockId, ChunkPos, VoxelPos};

use super::packed::PackedChunk;
use crate::source::Label;

/// The chunk itself and the 26 around it, in the order `x` fastest, then `z`, then `y`, from the lowest corner on.
pub type Neighbourhood = [Option<Arc<PackedChunk>>; 27];

/// How a chunk is seen from where the player is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aspect {
    /// Whether it is to be drawn; those around the edge of the view are kept for their voxels only.
    pub drawn: bool,
    /// With which level of detail: voxels of 2^level metres.
    pub level: u8,
    /// Lower ones are meshed first.
    pub rank: u32,
}

/// A mesh to be made.
#[derive(Clone, Debug)]
pub struct Job {
    /// Of which chunk.
    pub pos: ChunkPos,
    /// Which level of detail.
    pub level: u8,
    /// To be given back when the mesh is finished.
    pub ticket: u64,
    /// What it is made from.
    pub around: Neighbourhood,
}

/// What is to be done after the wants changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be asked for, each with its deadline.
    pub request: Vec<(ChunkPos, u64)>,
    /// No longer needed: neither the answer to a request nor what is drawn.
    pub drop: Vec<ChunkPos>,
}

/// Numbers for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Chunks wanted.
    pub wanted: usize,
    /// Of these, asked for and not there yet.
    pub in_flight: usize,
    /// Chunks that should be drawn and whose voxels aren't there.
    pub holes: usize,
    /// Chunks whose voxels are there and whose mesh isn't, or is out of date.
    pub unmeshed: usize,
    /// Meshes being made.
    pub building: usize,
    /// Bytes of voxels kept.
    pub voxel_bytes: usize,
}

#[derive(Debug, Default)]
struct Slot {
    aspect: Aspect,
    chunk: Option<Arc<PackedChunk>>,
    label: Option<Label>,
    sequence: u64,
    /// The ticket of the mesh being made.
    building: Option<u64>,
    /// The level of detail of the mesh that is shown.
    shown: Option<u8>,
}

/// Which chunks live here.
#[derive(Debug, Default)]
pub struct Residency {
    slots: HashMap<ChunkPos, Slot>,
    /// What a mesh is missing for, or has changed under.
    dirty: BTreeSet<ChunkPos>,
    tickets: u64,
}

impl Residency {
    /// Takes a new plan: the chunks that are wanted and not held, each with its deadline, and those that may be forgotten.
    /// Requests that no longer stand in the plan are dropped too.
    pub fn plan(&mut self, wants: &[(ChunkPos, u64)], forgotten: &[ChunkPos]) -> Plan {
        let mut plan = Plan { drop: forgotten.to_vec(), ..Plan::default() };
        plan.drop.retain(|pos| self.slots.remove(pos).is_some());
        let asked: HashSet<ChunkPos> = wants.iter().map(|(pos, _)| *pos).collect();
        self.slots.retain(|pos, slot| {
            let stays = slot.chunk.is_some() || asked.contains(pos);
            if !stays {
                plan.drop.push(*pos);
            }
            stays
        });
        plan.drop.sort();
        for pos in &plan.drop {
            self.dirty.remove(pos);
        }
        for (pos, deadline_ms) in wants {
            if let Entry::Vacant(place) = self.slots.entry(*pos) {
                place.insert(Slot::default());
                plan.request.push((*pos, *deadline_ms));
            }
        }
        plan
    }

    /// Looks at everything anew, from where the player is now.
    pub fn look(&mut self, aspect_of: impl Fn(ChunkPos) -> Aspect) {
        let mut changed = vec![];
        for (pos, slot) in &mut self.slots {
            let aspect = aspect_of(*pos);
            if slot.aspect.level != aspect.level && slot.shown.is_some() {
                changed.push(*pos);
            }
            slot.aspect = aspect;
            if slot.aspect.drawn && slot.chunk.is_some() && slot.shown != Some(slot.aspect.level) {
                self.dirty.insert(*pos);
            }
        }
        for pos in changed {
            self.soil(neighbours(pos));
        }
    }

    /// Whether the chunk's voxels are here.
    pub fn holds(&self, pos: ChunkPos) -> bool {
        self.slots.get(&pos).is_some_and(|slot| slot.chunk.is_some())
    }

    /// A chunk arrived. Whether it was taken: nobody may want it, or know a newer version.
    pub fn arrived(&mut self, pos: ChunkPos, chunk: PackedChunk, label: Label, sequence: u64) -> bool {
        let Some(slot) = self.slots.get_mut(&pos) else { return false };
        if slot.chunk.is_some() && sequence < slot.sequence {
            return false;
        }
        let changed = slot.chunk.as_deref() != Some(&chunk);
        (slot.label, slot.sequence) = (Some(label), sequence);
        if changed {
            slot.chunk = Some(Arc::new(chunk));
            self.soil(neighbours(pos));
        }
        true
    }

    /// Puts a block into a chunk that is here, before anybody else agrees. What was there.
    pub fn set(&mut self, at: VoxelPos, block: BlockId) -> Option<BlockId> {
        let ([x, y, z], pos) = (at.within(), at.chunk());
        let chunk = self.slots.get_mut(&pos)?.chunk.as_mut()?;
        let old = chunk.get(x, y, z);
        if old != block {
            Arc::make_mut(chunk).set(x, y, z, block);
            // A voxel at the edge is seen by the chunks on its other side.
            let reach = [x, y, z].map(|part| {
                if part == 0 {
                    -1..=0
                } else if part == 31 {
                    0..=1
                } else {
                    0..=0i64
                }
            });
            let mut touched = vec![];
            for dy in reach[1].clone() {
                for dz in reach[2].clone() {
                    touched.extend(reach[0].clone().map(|dx| wrap(pos.offset(dx, dy, dz))));
                }
            }
            self.soil(touched);
        }
        Some(old)
    }

    /// The block there, if its chunk is here.
    pub fn block(&self, at: VoxelPos) -> Option<BlockId> {
        let [x, y, z] = at.within();
        Some(self.slots.get(&at.chunk())?.chunk.as_ref()?.get(x, y, z))
    }

    /// Takes up to `max` meshes to be made, most urgent first. Each must be reported back to [`Residency::finished`].
    pub fn jobs(&mut self, max: usize) -> Vec<Job> {
        if max == 0 || self.dirty.is_empty() {
            return vec![];
        }
        let mut ready: Vec<(u32, ChunkPos)> = self
            .dirty
            .iter()
            .filter_map(|pos| {
                let slot = self.slots.get(pos)?;
                let waits = slot.building.is_some() || slot.chunk.is_none() || !slot.aspect.drawn;
                // A change to what is seen already is the player's own doing, and the most urgent of all.
                let urgency =
                    if slot.shown == Some(slot.aspect.level) { 0 } else { slot.aspect.rank.saturating_add(1) };
                (!waits && self.surrounded(*pos)).then_some((urgency, *pos))
            })
            .collect();
        ready.sort();
        ready.truncate(max);
        ready.into_iter().filter_map(|(_, pos)| self.job(pos)).collect()
    }

    /// A mesh is finished. Whether it should be shown: its chunk may be gone since.
    pub fn finished(&mut self, pos: ChunkPos, ticket: u64, level: u8) -> bool {
        match self.slots.get_mut(&pos) {
            Some(slot) if slot.building == Some(ticket) => {
                slot.building = None;
                slot.shown = Some(level);
                if slot.aspect.level != level {
                    self.dirty.insert(pos);
                }
                true
            }
            _ => false,
        }
    }

    /// Whether everything that should be drawn is drawn as it should be.
    pub fn is_complete(&self) -> bool {
        let count = self.count();
        !self.slots.is_empty() && count.in_flight == 0 && count.unmeshed == 0
    }

    /// Whether the chunk is drawn now.
    pub fn is_shown(&self, pos: ChunkPos) -> bool {
        self.slots.get(&pos).is_some_and(|slot| slot.shown.is_some())
    }

    /// Whether the chunk is wanted and hasn't been drawn yet.
    pub fn is_awaited(&self, pos: ChunkPos) -> bool {
        self.slots.get(&pos).is_some_and(|slot| slot.aspect.drawn && slot.shown.is_none())
    }

    /// Numbers for people.
    pub fn count(&self) -> Count {
        let mut count = Count { wanted: self.slots.len(), ..Count::default() };
        for slot in self.slots.values() {
            let (there, drawn) = (slot.chunk.is_some(), slot.aspect.drawn);
            count.in_flight += usize::from(!there);
            count.holes += usize::from(!there && drawn);
            count.unmeshed += usize::from(there && drawn && slot.shown != Some(slot.aspect.level));
            count.building += usize::from(slot.building.is_some());
            count.voxel_bytes += slot.chunk.as_ref().map_or(0, |chunk| chunk.bytes());
        }
        count
    }

    /// Who had the chunk that is here.
    pub fn label(&self, pos: ChunkPos) -> Option<Label> {
        self.slots.get(&pos).filter(|slot| slot.chunk.is_some())?.label
    }

    /// How many of the chunks here came from where.
    pub fn by_label(&self) -> [(Label, usize); 4] {
        let here = |label| self.slots.values().filter(|slot| slot.chunk.is_some() && slot.label == Some(label)).count();
        Label::ALL.map(|label| (label, here(label)))
    }

    fn soil(&mut self, chunks: impl IntoIterator<Item = ChunkPos>) {
        self.dirty.extend(chunks.into_iter().filter(|pos| self.slots.contains_key(pos)));
    }

    fn surrounded(&self, pos: ChunkPos) -> bool {
        neighbours(pos).all(|next| self.slots.get(&next).is_none_or(|slot| slot.chunk.is_some()))
    }

    fn job(&mut self, pos: ChunkPos) -> Option<Job> {
        let level = self.slots.get(&pos)?.aspect.level;
        let mut around: Neighbourhood = Default::default();
        for (place, next) in around.iter_mut().zip(neighbours(pos)) {
            // Beside a chunk of another level all faces are drawn, or there would be cracks.
            let fits = self.slots.get(&next).filter(|slot| slot.aspect.level == level);
            *place = fits.and_then(|slot| slot.chunk.clone());
        }
        self.dirty.remove(&pos);
        self.tickets += 1;
        let slot = self.slots.get_mut(&pos)?;
        slot.building = Some(self.tickets);
        Some(Job { pos, level: slot.aspect.level, ticket: self.tickets, around })
    }
}

/// The 27 chunks of a neighbourhood in its order.
fn neighbours(pos: ChunkPos) -> impl Iterator<Item = ChunkPos> {
    (0..27i64).map(move |i| wrap(pos.offset(i % 3 - 1, i / 9 - 1, i / 3 % 3 - 1)))
}

/// Chunks wrap around where voxels do.
fn wrap(pos: ChunkPos) -> ChunkPos {
    pos.origin().chunk()
}

#[cfg(test)]
#[path = "residency_tests.rs"]
mod tests;
