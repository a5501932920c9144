//! Edits of this node's account: signed operations, one for each location that they touch.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result, bail};
use bitdust_types::{Address, B256};
use bitdust_world::{
    BlockId, LocationPos, VoxelPos,
    block::ID_END,
    edits::{Body, Checked, Inserted, Secp256k1, limits::VOXELS_PER_OP_MAX, voxel},
};

use super::{Worlds, journal::Entry, place::Place};

/// Locations that one call may touch: a structure of 768 m.
const LOCATIONS_MAX: usize = 27;

impl Worlds {
    /// Changes voxels. All of them are seen here at once, or none.
    pub async fn edit(&self, world: B256, edits: &[(VoxelPos, BlockId)]) -> Result<Vec<B256>> {
        let mut by_location: BTreeMap<LocationPos, BTreeMap<u32, BlockId>> = BTreeMap::new();
        for (pos, block) in edits {
            if block.0 >= ID_END {
                bail!("block {} at {pos}: ids end at {ID_END}", block.0);
            }
            by_location.entry(pos.chunk().location()).or_default().insert(voxel::number(*pos), *block);
        }
        if by_location.is_empty() {
            bail!("there is nothing to change");
        }
        if by_location.len() > LOCATIONS_MAX {
            bail!("{} locations at once are too many: at most {LOCATIONS_MAX}", by_location.len());
        }
        self.info(world)?;
        let mut places = Vec::new();
        for (pos, writes) in by_location {
            let place = self.place(world, pos).await?;
            let place = place.with_context(|| {
                format!("location {pos} is nobody's, and only what is claimed can be changed: claim it first")
            })?;
            place.check_right(self.account(), &writes)?;
            places.push((place, writes));
        }
        let mut operations = Vec::new();
        for (place, writes) in places {
            let writes: Vec<(u32, BlockId)> = writes.into_iter().collect();
            let parts = writes.chunks(VOXELS_PER_OP_MAX).map(|part| Body::Place(part.to_vec()));
            operations.extend(self.make(&place, parts).await?);
        }
        Ok(operations)
    }

    /// Signs edits of a location, writes them down, and says them. Answers their names; they are durable by then.
    pub(super) async fn make(&self, place: &Arc<Place>, bodies: impl Iterator<Item = Body>) -> Result<Vec<B256>> {
        let mut made = Vec::new();
        // What can't be signed any more leaves what was signed before as it is.
        let mut refused = None;
        for body in bodies {
            match self.sign(place, body) {
                Ok(entry) => made.push(entry),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let (journal, world, pos, entries) = (self.journal.clone(), place.world().id, place.pos(), made.clone());
        let written = tokio::task::spawn_blocking(move || journal.enter(world, pos, &entries)).await?;
        written
            .with_context(|| format!("edits of location {pos} are seen here, but would be lost if this node ended"))?;
        let mut names = Vec::new();
        for (hash, op) in made {
            names.push(B256::new(hash.0));
            self.say(place, op).await;
        }
        refused.map_or(Ok(names), Err)
    }

    /// Signs an edit and puts it into the graph.
    fn sign(&self, place: &Arc<Place>, body: Body) -> Result<Entry> {
        let mut state = place.state();
        let statement = state.graph.draft(self.account(), body)?;
        let op = statement.sign(self.sender.signing_key())?.check(&Secp256k1)?;
        let (hash, bytes) = (op.hash(), bytes_of(&op));
        match state.graph.insert(op)? {
            Inserted::Applied | Inserted::Known => Ok((hash, bytes)),
            Inserted::Dropped(why) => bail!("everybody would drop this edit of location {}: {why:?}", place.pos()),
            Inserted::Pending(_) => bail!("the edit follows others that this node doesn't have; try again"),
            Inserted::TooOld | Inserted::Full => {
                bail!("location {} takes no more edits until its owner makes a new version of it", place.pos())
            }
        }
    }
}

impl Place {
    /// Whether an account may write these voxels, before anything is signed.
    fn check_right(&self, author: Address, writes: &BTreeMap<u32, BlockId>) -> Result<()> {
        let some: Vec<(u32, BlockId)> = writes.iter().take(1).map(|(at, block)| (*at, *block)).collect();
        let drafted = self.state().graph.draft(author, Body::Place(some));
        drafted.map(drop).with_context(|| format!("location {} of '{}'", self.pos(), self.world().def.name))
    }
}

impl super::place::State {
    /// Whether edits touch a chunk.
    pub(super) fn edits(&self, index: u16) -> bool {
        self.graph.edits_chunk(index)
    }
}

/// An edit as it travels.
pub fn bytes_of(op: &Checked) -> Vec<u8> {
    op.op().encode()
}
