//! A whole location at a glance: how it is kept, and one hash for everything that stands there.

use anyhow::{Context as _, Result};
use bitdust_types::B256;
use bitdust_world::{LocationPos, location::Place as Kept, place::LOCATION_CHUNKS};

use super::Worlds;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The newest version; 0 if there is none.
    pub sequence: u64,
    /// Chunks that differ from the generator's in that version, or that edits touch since.
    pub built_chunks: u32,
    /// Edits since that version.
    pub edits: u64,
    /// Those of them that suppliers lack.
    pub unsaved_edits: u64,
    /// The hashes of all chunks with their edits, one after the other.
    pub hashes: Vec<u8>,
}

impl Worlds {
    /// Looks at all of a location. What is built is fetched, what isn't is made.
    pub async fn survey(&self, world: B256, pos: LocationPos) -> Result<Survey> {
        let known = self.world(world).await?;
        let place = self.place(world, pos).await?;
        let Some(place) = place else {
            let hashes = tokio::task::spawn_blocking(move || {
                pos.chunks().flat_map(|chunk| known.generator.chunk(chunk).hash().0).collect()
            });
            return Ok(Survey { hashes: hashes.await.context("a worker stopped")?, ..Survey::default() });
        };
        let mut survey = Survey::default();
        let manifest = {
            let state = place.state();
            survey.edits = state.graph.log().len() as u64;
            survey.unsaved_edits = state.unsaved().count() as u64;
            state.manifest.clone()
        };
        survey.sequence = manifest.as_ref().map_or(0, |manifest| manifest.version().sequence);
        for index in 0..LOCATION_CHUNKS as u16 {
            let entry = manifest.as_ref().map(|manifest| *manifest.chunk(index));
            let is_edited = place.state().edits(index);
            survey.built_chunks += u32::from(is_edited || entry.is_some_and(|entry| entry.place != Kept::Generated));
            let hash = match entry {
                Some(entry) if !is_edited => entry.hash,
                _ => {
                    let mut chunk = self.base(&place, manifest.as_deref(), pos.chunk(index)).await?;
                    let place = place.clone();
                    tokio::task::spawn_blocking(move || {
                        place.state().graph.apply_to(index, &mut chunk);
                        chunk.hash()
                    })
                    .await
                    .context("a worker stopped")?
                }
            };
            survey.hashes.extend(hash.0);
        }
        Ok(survey)
    }
}
