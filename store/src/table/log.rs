//! A table kept whole in memory and on disk as a log of its batches, one frame each.

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Batch, Entry, Table};
use crate::{disk::Disk, error::Error, frames::Frames};

const KIND: [u8; 8] = *b"BDtabl01";
/// Below this a rewrite saves too little to be worth two syncs.
const REWRITE_BYTES_MIN: u64 = 1024 * 1024;
/// Changes in one frame of a rewritten log.
const REWRITE_CHANGES: usize = 4096;

type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A table on a log file.
#[derive(Debug)]
pub struct LogTable {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    frames: Frames,
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    live_bytes: u64,
}

impl LogTable {
    /// Opens the table, creating the file if it is missing.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, Error> {
        let (frames, payloads) = Frames::open(disk, path, KIND)?;
        let mut state = State { frames, map: BTreeMap::new(), live_bytes: 0 };
        for payload in payloads {
            let changes: Changes = borsh::from_slice(&payload).map_err(|error| Error::Foreign {
                place: path.to_owned(),
                what: format!("a batch can't be decoded ({error}); it was written by another version"),
            })?;
            state.remember(changes);
        }
        Ok(LogTable { state: Mutex::new(state) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, changes: Changes) {
        for (key, value) in changes {
            let key_len = key.len();
            let (old, added) = match value {
                Some(value) => {
                    let added = key_len + value.len();
                    (self.map.insert(key, value), added)
                }
                None => (self.map.remove(&key), 0),
            };
            self.live_bytes += added as u64;
            self.live_bytes -= old.map_or(0, |old| key_len + old.len()) as u64;
        }
    }

    /// Rewrites a log that is mostly history. A failure only costs space, so it is logged.
    fn shrink(&mut self) {
        if self.frames.bytes() < REWRITE_BYTES_MIN.max(4 * self.live_bytes) {
            return;
        }
        let entries: Vec<_> = self.map.iter().map(|(key, value)| (key, Some(value))).collect();
        let payloads: Result<Vec<_>, _> = entries.chunks(REWRITE_CHANGES).map(borsh::to_vec).collect();
        let done = payloads
            .map_err(|error| error.to_string())
            .and_then(|payloads| self.frames.rewrite(&payloads).map_err(|error| error.to_string()));
        if let Err(error) = done {
            tracing::warn!(error, "a log table could not be rewritten; it keeps growing");
        }
    }
}

impl Table for LogTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.lock().map.get(key).cloned())
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut state = self.lock();
        let payload = borsh::to_vec(&batch.changes).expect("writing to memory can't fail");
        state.frames.append(&payload)?;
        state.frames.sync()?;
        state.remember(batch.changes);
        state.shrink();
        Ok(())
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, Error> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let state = self.lock();
        let range = state.map.range::<[u8], _>((from, Bound::Unbounded));
        let inside = range.take_while(|(key, _)| key.starts_with(prefix));
        Ok(inside.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
