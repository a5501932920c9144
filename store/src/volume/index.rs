//! What the volumes keep in their table.
//!
//! | key | value |
//! |---|---|
//! | `b` root | the blob's [`Place`] |
//! | `v` volume | the volume's *mark*: the end of the last record that was ever indexed in it |
//!
//! The mark tells opening where the unknown begins. Without it a deleted record at the end of a file, whose hole a power
//! cut undid, would look like one that was never indexed, and come back from the dead.

use std::path::PathBuf;

use bitdust_types::Root;

use super::record::Place;
use crate::{
    error::Error,
    table::{Batch, Table},
};

const BLOB: &[u8] = b"b";
const MARK: &[u8] = b"v";
/// Entries looked at per step.
const PAGE: usize = 4096;

pub(super) fn find(table: &dyn Table, root: Root) -> Result<Option<Place>, Error> {
    table.get(&blob_key(root))?.map(|value| decode(&value)).transpose()
}

/// Up to `limit` blobs behind `after`, in order of their roots.
pub(super) fn page(table: &dyn Table, after: Option<Root>, limit: usize) -> Result<Vec<(Root, Place)>, Error> {
    let after = after.map(blob_key);
    let entries = table.page(BLOB, after.as_deref(), limit)?;
    entries.iter().map(|(key, value)| Ok((Root(decode_key(key)?), decode(value)?))).collect()
}

/// Shows every blob to `take`.
pub(super) fn each(table: &dyn Table, mut take: impl FnMut(Root, Place)) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = page(table, after, PAGE)?;
        match page.last() {
            Some((root, _)) => after = Some(*root),
            None => return Ok(()),
        }
        page.into_iter().for_each(|(root, place)| take(root, place));
    }
}

/// Every volume's mark.
pub(super) fn marks(table: &dyn Table) -> Result<Vec<(u32, u64)>, Error> {
    let mut marks = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = table.page(MARK, after.as_deref(), PAGE)?;
        for (key, value) in &page {
            marks.push((u32::from_be_bytes(decode_key(key)?), decode(value)?));
        }
        match page.into_iter().next_back() {
            Some((key, _)) => after = Some(key),
            None => return Ok(marks),
        }
    }
}

pub(super) fn put(batch: &mut Batch, root: Root, place: &Place) {
    batch.put(blob_key(root), encode(place));
}

pub(super) fn delete(batch: &mut Batch, root: Root) {
    batch.delete(blob_key(root));
}

pub(super) fn put_mark(batch: &mut Batch, volume: u32, end: u64) {
    batch.put(mark_key(volume), encode(&end));
}

pub(super) fn delete_mark(batch: &mut Batch, volume: u32) {
    batch.delete(mark_key(volume));
}

fn blob_key(root: Root) -> Vec<u8> {
    [BLOB, root.as_bytes()].concat()
}

fn mark_key(volume: u32) -> Vec<u8> {
    [MARK, &volume.to_be_bytes()].concat()
}

fn encode<T: borsh::BorshSerialize>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory can't fail")
}

fn decode<T: borsh::BorshDeserialize>(value: &[u8]) -> Result<T, Error> {
    borsh::from_slice(value).map_err(|error| damaged(&error.to_string()))
}

/// What stands behind the key's first byte.
fn decode_key<const N: usize>(key: &[u8]) -> Result<[u8; N], Error> {
    let rest = key.get(1..).and_then(|rest| rest.try_into().ok());
    rest.ok_or_else(|| damaged(&format!("a key has {} bytes", key.len())))
}

fn damaged(what: &str) -> Error {
    let what = format!("{what}; move the index away to have it rebuilt from the volumes");
    Error::Foreign { place: PathBuf::from("the volumes' index"), what }
}
