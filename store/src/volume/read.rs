//! Reading blobs: only bytes that match their checksums leave, and a mismatch is named by file, byte and root.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use bitdust_market::supplier::blob_store::BlobError;
use bitdust_types::Root;

use super::{
    Inner,
    check::{self, Fault, STEP_BYTES},
    record::{GROUP_BYTES, Place},
};
use crate::{disk::File, error::Error};

impl Inner {
    /// Runs `read` on the blob's place. If bytes were freed meanwhile and the blob has moved or gone, what was read may
    /// be a hole: then it looks again.
    pub(super) fn read<T>(
        &self,
        root: Root,
        mut read: impl FnMut(&Place) -> Result<T, BlobError>,
    ) -> Result<T, BlobError> {
        loop {
            let frees = self.frees.load(Ordering::SeqCst);
            let place = self.find(root)?.ok_or(BlobError::Missing(root))?;
            let result = read(&place);
            if self.frees.load(Ordering::SeqCst) == frees || self.find(root)? == Some(place) {
                return result;
            }
        }
    }

    /// Fills `buf` from the blob's byte `offset` on.
    pub(super) fn read_data(&self, root: Root, place: &Place, offset: u64, buf: &mut [u8]) -> Result<(), BlobError> {
        let want = buf.len() as u64;
        let end = offset.checked_add(want).filter(|end| *end <= place.len);
        let Some(end) = end else {
            return Err(BlobError::OutOfRange { root, len: place.len, offset, want });
        };
        let file = self.file_of(root, place)?;
        let last = place.len.min(end.next_multiple_of(GROUP_BYTES));
        let mut at = offset - offset % GROUP_BYTES;
        let mut step = vec![0; STEP_BYTES.min(last.saturating_sub(at)) as usize];
        while at < end {
            let step_end = last.min(at + STEP_BYTES);
            let bytes = &mut step[..(step_end - at) as usize];
            check::groups(&*file, place, at, bytes).map_err(|fault| self.fault(root, place, fault))?;
            let (from, to) = (at.max(offset), step_end.min(end));
            buf[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
            at = step_end;
        }
        Ok(())
    }

    /// The blob's outboard.
    pub(super) fn read_outboard(&self, root: Root, place: &Place) -> Result<Vec<u8>, BlobError> {
        let file = self.file_of(root, place)?;
        check::outboard(&*file, place).map_err(|fault| self.fault(root, place, fault))
    }

    /// Holds a whole record against its checksums, its footer and its root.
    pub(super) fn verify_record(&self, root: Root, place: &Place) -> Result<(), BlobError> {
        let file = self.file_of(root, place)?;
        check::whole(&*file, root, place).map_err(|fault| self.fault(root, place, fault))
    }

    pub(super) fn file_of(&self, root: Root, place: &Place) -> Result<Arc<dyn File>, BlobError> {
        let opened = self.space().file(&*self.disk, &self.dir, place.volume);
        opened.map_err(|error| match error {
            Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                self.fault(root, place, Fault::Rot(place.offset))
            }
            other => other.into(),
        })
    }

    /// Names a fault for whoever must act on it.
    pub(super) fn fault(&self, root: Root, place: &Place, fault: Fault) -> BlobError {
        let path = self.path(place.volume);
        match fault {
            Fault::Rot(offset) => BlobError::Rot { root, place: path.display().to_string(), offset },
            Fault::Disk(at, error) => {
                BlobError::Disk(format!("can't read blob {root} from {}, byte {at}: {error}", path.display()))
            }
        }
    }
}
