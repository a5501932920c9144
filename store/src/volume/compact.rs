//! Rewriting a volume that is mostly dead space.
//!
//! Deleted blobs leave holes, so this is for file systems that can't punch them and for regions that a crash orphaned in
//! the middle of a file. A record is read with its checks, written to the active volume, synced, and re-indexed on the
//! condition that it still lies where it was read: a blob deleted meanwhile stays deleted.

use bitdust_market::supplier::blob_store::{BlobError, BlobWriter};
use bitdust_types::Root;

use super::{
    Inner, Volumes, check, index,
    record::Place,
    write::{self, Writer},
};
use crate::error::Error;

/// Less dead space than this part of a full volume isn't worth moving anything.
const DEAD_PART_MIN: u64 = 16;
/// Bytes moved between two syncs.
const BATCH_BYTES: u64 = 64 * 1024 * 1024;

/// What a compaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The volume file that was rewritten.
    pub volume: u32,
    /// Blobs moved out of it.
    pub moved: u64,
    /// Blobs that couldn't be moved because they are damaged; the file stays for their sake.
    pub damaged: Vec<Root>,
}

impl Volumes {
    /// Rewrites one volume file of which less than half is alive, if there is one. Takes as long as copying it.
    pub fn compact_one(&self) -> Result<Option<Compacted>, BlobError> {
        let inner = &self.inner;
        let Some(volume) = inner.mostly_dead()? else {
            return Ok(None);
        };
        let mut done = Compacted { volume, moved: 0, damaged: Vec::new() };
        let mut moving = Vec::new();
        let mut moving_bytes = 0;
        for (root, place) in inner.records_of(volume)? {
            match self.copy(root, &place) {
                Ok(Some(finished)) => moving.push((root, place, finished)),
                Ok(None) => {}
                Err(BlobError::Rot { place, offset, .. }) => {
                    tracing::error!(%root, file = place, offset, "a damaged blob can't be moved");
                    done.damaged.push(root);
                }
                Err(other) => return Err(other),
            }
            moving_bytes += place.region;
            if moving_bytes >= BATCH_BYTES {
                done.moved += inner.settle_moves(std::mem::take(&mut moving))?;
                moving_bytes = 0;
            }
        }
        done.moved += inner.settle_moves(moving)?;
        if !done.damaged.is_empty()
            && let Some(volume) = inner.space().volumes.get_mut(&volume)
        {
            // Not again and again: what is left in it can't be moved.
            volume.closed = true;
        }
        inner.remove_empty();
        Ok(Some(done))
    }

    /// Copies a record to the active volume. `None` if it was deleted meanwhile.
    fn copy(&self, root: Root, place: &Place) -> Result<Option<write::Finished>, BlobError> {
        let inner = &self.inner;
        let copied = (|| {
            let file = inner.file_of(root, place)?;
            let fault = |fault| inner.fault(root, place, fault);
            let outboard = check::outboard(&*file, place).map_err(fault)?;
            let mut writer = Writer::new(inner, inner.reserve_for_move(place.len)?);
            check::blob(&*file, place, |bytes| writer.write(bytes).map_err(Stop::Write)).map_err(
                |stop| match stop {
                    Stop::Read(why) => fault(why),
                    Stop::Write(why) => why,
                },
            )?;
            writer.close(root, &outboard)
        })();
        match copied {
            Err(BlobError::Rot { .. }) if inner.find(root)? != Some(*place) => Ok(None),
            other => other.map(Some),
        }
    }
}

/// Which side of a copy failed.
enum Stop {
    Read(check::Fault),
    Write(BlobError),
}

impl From<check::Fault> for Stop {
    fn from(fault: check::Fault) -> Self {
        Stop::Read(fault)
    }
}

impl Inner {
    /// A volume with more dead bytes than live ones.
    fn mostly_dead(&self) -> Result<Option<u32>, Error> {
        let mut space = self.space();
        let idle = |volume: &super::space::Volume| volume.pending == 0 && !volume.closed;
        let candidates: Vec<(u32, u64)> = space
            .volumes
            .iter()
            .filter(|(number, volume)| idle(volume) && !space.is_active(**number))
            .map(|(number, volume)| (*number, volume.live_region_bytes))
            .collect();
        for (number, live) in candidates {
            let file = space.file(&*self.disk, &self.dir, number)?;
            let taken = file.allocated().map_err(|error| Error::io("measure", &self.path(number), error))?;
            if taken > live.saturating_mul(2).saturating_add(self.options.volume_bytes / DEAD_PART_MIN) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    fn records_of(&self, volume: u32) -> Result<Vec<(Root, Place)>, Error> {
        let mut records = Vec::new();
        index::each(&*self.index, |root, place| {
            if place.volume == volume {
                records.push((root, place));
            }
        })?;
        Ok(records)
    }

    fn settle_moves(&self, moving: Vec<(Root, Place, write::Finished)>) -> Result<u64, BlobError> {
        let from: std::collections::BTreeMap<Root, Place> =
            moving.iter().map(|(root, place, _)| (*root, *place)).collect();
        let finished: Vec<_> = moving.into_iter().map(|(_, _, finished)| finished).collect();
        let count = finished.len() as u64;
        write::sync_volumes(self, &finished)?;
        let _commit = self.commit_lock();
        write::enter(self, finished, |root, present| present.is_some() && present == from.get(&root))?;
        Ok(count)
    }
}
