//! Holding the bytes of a record against its checksums. Everything that reads a volume reads through here.

use std::io;

use bitdust_proof::blob::BlobHasher;
use bitdust_types::Root;

use super::record::{self, FOOTER_BYTES, Footer, GROUP_BYTES, HEADER_BYTES, Header, Place};
use crate::disk::File;

/// Bytes read at once: groups share a system call.
pub(super) const STEP_BYTES: u64 = 16 * GROUP_BYTES;

/// Why bytes could not be had, with the place in the file.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes are not those that were written, or the file is short.
    Rot(u64),
    /// The system can't read them.
    Disk(u64, io::Error),
}

/// Reads whole groups of the blob from its byte `at` on.
pub(super) fn groups(file: &dyn File, place: &Place, at: u64, bytes: &mut [u8]) -> Result<(), Fault> {
    let mut sums = vec![0; 4 * record::groups(bytes.len() as u64) as usize];
    fill(file, place.sums_at() + 4 * (at / GROUP_BYTES), &mut sums)?;
    fill(file, place.data_at() + at, bytes)?;
    let mut group_at = place.data_at() + at;
    for (group, sum) in bytes.chunks(GROUP_BYTES as usize).zip(sums.chunks(4)) {
        if crc32fast::hash(group).to_le_bytes() != *sum {
            return Err(Fault::Rot(group_at));
        }
        group_at += group.len() as u64;
    }
    Ok(())
}

/// Reads the blob from its first byte to its last, in steps of whole groups.
pub(super) fn blob<E: From<Fault>>(
    file: &dyn File,
    place: &Place,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut step = vec![0; STEP_BYTES.min(place.len) as usize];
    let mut at = 0;
    while at < place.len {
        let bytes = &mut step[..STEP_BYTES.min(place.len - at) as usize];
        groups(file, place, at, bytes)?;
        take(bytes)?;
        at += bytes.len() as u64;
    }
    Ok(())
}

/// Reads the blob's outboard.
pub(super) fn outboard(file: &dyn File, place: &Place) -> Result<Vec<u8>, Fault> {
    let sums = 4 * record::groups(place.len) as usize;
    let mut tables = vec![0; sums + place.outboard_len as usize];
    fill(file, place.sums_at(), &mut tables)?;
    if crc32fast::hash(&tables) != place.tables_crc {
        return Err(Fault::Rot(place.sums_at()));
    }
    tables.drain(..sums);
    Ok(tables)
}

/// The header at `offset`, if a good one is there.
pub(super) fn header(file: &dyn File, volume: u32, offset: u64) -> Result<Option<Header>, Fault> {
    let mut bytes = [0; HEADER_BYTES as usize];
    fill(file, offset, &mut bytes)?;
    Ok(Header::decode(&bytes, volume, offset))
}

/// The footer that belongs to a header, if a good one is there.
pub(super) fn footer(file: &dyn File, header: &Header) -> Result<Option<Footer>, Fault> {
    let mut bytes = [0; FOOTER_BYTES as usize];
    fill(file, header.offset + header.region - FOOTER_BYTES, &mut bytes)?;
    Ok(Footer::decode(&bytes, header))
}

/// Reads a whole record: header, footer, tables, every group, and the root.
pub(super) fn whole(file: &dyn File, root: Root, place: &Place) -> Result<(), Fault> {
    let header = header(file, place.volume, place.offset)?.ok_or(Fault::Rot(place.offset))?;
    if footer(file, &header)? != Some(Footer { root, place: *place }) {
        return Err(Fault::Rot(place.footer_at()));
    }
    outboard(file, place)?;
    let mut hasher = BlobHasher::new();
    blob(file, place, |bytes| {
        hasher.update(bytes);
        Ok::<(), Fault>(())
    })?;
    if hasher.finish().0 == root { Ok(()) } else { Err(Fault::Rot(place.data_at())) }
}

fn fill(file: &dyn File, at: u64, buf: &mut [u8]) -> Result<(), Fault> {
    file.read_at(at, buf).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Fault::Rot(at),
        _ => Fault::Disk(at, error),
    })
}
