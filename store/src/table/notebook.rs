//! The supplier's slot book in a table: opaque notes that the market's logic writes.

use std::sync::Arc;

use bitdust_market::supplier::blob_store::{BlobError, Note, NoteList, Notebook};

use super::{Batch, Table};

/// Notes read per step.
const PAGE: usize = 4096;

/// A table as the market's [`Notebook`]. Clones are handles to the same table.
#[derive(Clone)]
pub struct SlotBook {
    table: Arc<dyn Table>,
}

impl SlotBook {
    /// The notes in `table`, which nobody else writes.
    pub fn new(table: Arc<dyn Table>) -> Self {
        SlotBook { table }
    }
}

impl Notebook for SlotBook {
    fn notes(&self) -> Result<NoteList, BlobError> {
        let mut notes = NoteList::new();
        loop {
            let after = notes.last().map(|(key, _)| key.as_slice());
            let page = self.table.page(&[], after, PAGE)?;
            if page.is_empty() {
                return Ok(notes);
            }
            notes.extend(page);
        }
    }

    fn apply(&self, notes: Vec<Note>) -> Result<(), BlobError> {
        let mut batch = Batch::new();
        for note in notes {
            match note.value {
                Some(value) => batch.put(note.key, value),
                None => batch.delete(note.key),
            }
        }
        Ok(self.table.apply(batch)?)
    }
}
