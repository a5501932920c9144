//! Reading everything back from time to time, since rot is silent until someone asks.

use bitdust_market::supplier::blob_store::{BlobError, BlobStore};
use bitdust_types::Root;

use super::Volumes;

/// Blobs listed per step.
const PAGE: usize = 64;

/// What a stretch of scrubbing found.
#[derive(Debug, Default)]
pub struct Scrubbed {
    /// Where to go on; `None` when the last blob was reached.
    pub next: Option<Root>,
    /// Blobs read.
    pub blobs: u64,
    /// Bytes read.
    pub bytes: u64,
    /// A [`BlobError::Rot`] or [`BlobError::Disk`] for each blob that is damaged.
    pub damaged: Vec<BlobError>,
}

impl Volumes {
    /// Verifies blobs in order of their roots behind `after`, until at least `budget_bytes` are read.
    pub fn scrub(&self, after: Option<Root>, budget_bytes: u64) -> Result<Scrubbed, BlobError> {
        let mut done = Scrubbed { next: after, ..Scrubbed::default() };
        loop {
            let page = self.page(done.next, PAGE)?;
            if page.is_empty() {
                done.next = None;
                return Ok(done);
            }
            for (root, len) in page {
                match self.verify(root) {
                    // Deleted since the page was read.
                    Ok(()) | Err(BlobError::Missing(_)) => {}
                    Err(damage) => {
                        tracing::error!(%root, %damage, "a blob is damaged");
                        done.damaged.push(damage);
                    }
                }
                done.blobs += 1;
                done.bytes += len;
                done.next = Some(root);
                if done.bytes >= budget_bytes {
                    return Ok(done);
                }
            }
        }
    }
}
