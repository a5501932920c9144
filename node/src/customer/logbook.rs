//! The upload journal: what an upload must remember, on disk before it matters.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, anyhow};
use bitdust_market::customer::{Record, Uploads};
use bitdust_store::{disk::RealDisk, journal::Journal};

/// The journal is rewritten when it is longer than this, and twice as long as when it was last rewritten.
const COMPACT_BYTES: u64 = 1 << 20;

struct Inner {
    uploads: Uploads,
    journal: Journal,
    compacted_bytes: u64,
}

/// The journal and what follows from it. Clones share it.
#[derive(Clone)]
pub struct Logbook {
    inner: Arc<Mutex<Inner>>,
}

impl Logbook {
    /// Reads the journal in `dir`, which is created if it is missing.
    pub fn open(dir: &Path) -> Result<Self> {
        let disk = RealDisk::new(dir).with_context(|| format!("opening the journal's directory {}", dir.display()))?;
        let (mut journal, raw) = Journal::open(Arc::new(disk), Path::new("uploads.journal"))?;
        let mut uploads = Uploads::default();
        for bytes in &raw {
            let record = Record::decode(bytes).with_context(|| {
                format!("the upload journal in {} was written by another version; move it away", dir.display())
            })?;
            uploads.apply(&record);
        }
        let compacted = records(&uploads)?;
        if compacted.len() < raw.len() {
            journal.compact(&compacted)?;
        }
        let compacted_bytes = journal.bytes();
        Ok(Logbook { inner: Arc::new(Mutex::new(Inner { uploads, journal, compacted_bytes })) })
    }

    /// Looks at what is remembered.
    pub fn look<T>(&self, see: impl FnOnce(&Uploads) -> T) -> T {
        see(&self.inner.lock().unwrap_or_else(PoisonError::into_inner).uploads)
    }

    /// Decides on what is remembered; the record that comes of it, if any, is durable on return.
    pub async fn decide<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Uploads) -> (T, Option<Record>) + Send + 'static,
    ) -> Result<T> {
        self.blocking(move |inner| {
            let (answer, record) = decide(&mut inner.uploads);
            if let Some(record) = record {
                inner.journal.append(&record.encode()?)?;
                inner.journal.sync()?;
            }
            Ok(answer)
        })
        .await
    }

    /// Remembers a record; durable on return if `sync`, else with the next synced one.
    pub async fn write(&self, record: Record, sync: bool) -> Result<()> {
        self.blocking(move |inner| {
            inner.journal.append(&record.encode()?)?;
            inner.uploads.apply(&record);
            if sync {
                inner.journal.sync()?;
            }
            let bytes = inner.journal.bytes();
            if matches!(record, Record::Final { .. }) && bytes > COMPACT_BYTES.max(2 * inner.compacted_bytes) {
                inner.journal.compact(&records(&inner.uploads)?)?;
                inner.compacted_bytes = inner.journal.bytes();
            }
            Ok(())
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut inner.lock().unwrap_or_else(PoisonError::into_inner)));
        done.await
            .map_err(|error| anyhow!("the journal's worker stopped: {error}"))?
            .context("writing the upload journal")
    }
}

fn records(uploads: &Uploads) -> Result<Vec<Vec<u8>>> {
    let encoded: std::io::Result<Vec<Vec<u8>>> = uploads.records().iter().map(Record::encode).collect();
    Ok(encoded?)
}
