//! A location as it was found: nobody's, or open, with its version and the way to its frames.

use std::sync::Arc;

use anyhow::Result;
use bitdust_types::{Address, B256, Height, Root};
use bitdust_world::{
    LocationPos,
    location::{Invalid, Manifest, Place as Lies, chunks_file},
    place::LOCATION_CHUNKS,
    stream::{Expected, Kept, Located},
};

use crate::{
    customer::ranges::Ranges,
    worlds::{
        Unsound, Worlds,
        place::{Named, Place},
    },
};

/// What was found.
pub enum Found {
    /// Nobody has claimed it.
    Unclaimed,
    /// Somebody's.
    Open(Open),
}

/// A claimed location.
pub struct Open {
    /// With its edits, which go on.
    pub place: Arc<Place>,
    /// The version that this is about; none before the first.
    pub manifest: Option<Arc<Manifest>>,
    /// The frames of that version, if it has any.
    ranges: Option<Ranges>,
    chunks: Vec<Expected>,
}

impl Found {
    /// Looks a location up: on the ledger, and at its suppliers what isn't known yet.
    pub async fn look(worlds: &Worlds, world: B256, pos: LocationPos) -> Result<Self> {
        let Some(place) = worlds.place(world, pos).await? else { return Ok(Found::Unclaimed) };
        let manifest = place.state().manifest.clone();
        let Some(known) = &manifest else {
            return Ok(Found::Open(Open { place, manifest, ranges: None, chunks: Vec::new() }));
        };
        let sequence = known.version().sequence;
        let file = place.file(&chunks_file(sequence, &known.hash()));
        let files = worlds.customer.manifest(place.dataset()).await?;
        let mut ranges = match files.file(&file).map(|found| found.bytes) {
            Some(bytes) if bytes > 0 && bytes == known.frames_bytes() => {
                Some(worlds.customer.ranges(place.dataset(), &file).await?)
            }
            _ => None,
        };
        let slots: Result<Vec<Option<u16>>> = (0u16..LOCATION_CHUNKS as u16)
            .map(|index| match (&ranges, known.frame_range(index)) {
                (Some(ranges), Some(range)) => ranges.slot(&range).map(Some),
                _ => Ok(None),
            })
            .collect();
        let slots = slots.unwrap_or_else(|error| {
            tracing::warn!(%pos, "version {sequence} can't be read as a writer of its dataset laid it out: {error:#}");
            ranges = None;
            vec![None; LOCATION_CHUNKS]
        });
        let expected = |(entry, slot): (&bitdust_world::location::ChunkEntry, Option<u16>)| {
            let kept = match entry.place {
                // Frames that a writer destroyed: this disk or other players may have them, of suppliers there is none to ask.
                Lies::Frame { .. } => Kept::Slot(slot.unwrap_or(0)),
                Lies::Generated => Kept::Generated,
            };
            Expected { hash: entry.hash, kept }
        };
        let chunks = known.chunks().iter().zip(slots).map(expected).collect();
        Ok(Found::Open(Open { place, manifest, ranges, chunks }))
    }

    /// What the scheduler is told.
    pub fn located(&self, players: Vec<Address>) -> Result<Located> {
        let Found::Open(open) = self else { return Ok(Located::unclaimed()) };
        let Some(manifest) = &open.manifest else { return Ok(Located::unclaimed()) };
        // Without frames nobody is asked for anything.
        let (needed, slots) = match &open.ranges {
            Some(ranges) => {
                let (needed, slots) = ranges.layout().unwrap_or((1, 1));
                (needed, ranges.holders(slots))
            }
            None => (1, vec![None]),
        };
        Ok(Located::new(manifest.version().sequence, open.chunks.clone(), needed, slots, players)?)
    }

    /// Whether the ledger, and what else this node has read meanwhile, agree with it.
    pub fn is_current(&self, worlds: &Worlds, world: B256, pos: LocationPos) -> Result<bool> {
        let claim = worlds.claim(world, pos)?;
        Ok(match (self, claim) {
            (Found::Unclaimed, None) => true,
            (Found::Open(open), Some(claim)) => {
                let is_same = (open.place.owner(), open.place.dataset()) == (claim.owner, claim.dataset);
                is_same
                    && worlds.touch(&open.place)
                    && open.is_newest_read()
                    && open.place.is_as_of(Named::of(&claim), worlds.revision(claim.dataset)?)
            }
            _ => false,
        })
    }

    /// What a chunk must be, if it isn't the generator's.
    pub fn framed(&self, index: u16) -> Option<Root> {
        let Found::Open(open) = self else { return None };
        let expected = open.chunks.get(usize::from(index))?;
        matches!(expected.kept, Kept::Slot(_)).then_some(expected.hash)
    }

    /// What the generator must make of a chunk, as the manifest says.
    pub fn generated(&self, index: u16) -> Root {
        let Found::Open(open) = self else { return Root::default() };
        open.chunks.get(usize::from(index)).map(|expected| expected.hash).unwrap_or_default()
    }
}

impl Open {
    /// Whether the place hasn't been put on another version since.
    pub fn is_newest_read(&self) -> bool {
        let state = self.place.state();
        state.manifest.as_ref().map(|now| now.version().sequence)
            == self.manifest.as_ref().map(|it| it.version().sequence)
    }

    /// The version's number; 0 if there is none.
    pub fn sequence(&self) -> u64 {
        self.manifest.as_ref().map_or(0, |manifest| manifest.version().sequence)
    }

    /// Chunks of the version that have frames.
    pub fn framed(&self) -> usize {
        self.chunks.iter().filter(|expected| matches!(expected.kept, Kept::Slot(_))).count()
    }

    /// The version and its frames, if it has any.
    pub fn frames(&self) -> Option<(&Manifest, &Ranges)> {
        Some((self.manifest.as_deref()?, self.ranges.as_ref()?))
    }
}

/// Whether a location can't be shown because of what its owner stored, and not because somebody can't be reached: asking
/// again is in vain until the owner stores something else.
pub fn is_unsound(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<Invalid>()
            || cause.is::<bitdust_world::edits::Invalid>()
            || cause.is::<bitdust_world::edits::FoldError>()
            || cause.is::<bitdust_world::stream::Invalid>()
            || cause.is::<Unsound>()
    })
}

/// A location that was found, with what is needed to know whether it still is like that.
pub struct Known {
    /// What was found.
    pub found: Arc<Found>,
    /// The newest block that was seen to agree with it.
    pub checked: Height,
    /// The ledger has something newer.
    pub is_outdated: bool,
    /// When it was used last, on the driver's clock.
    pub used_ms: u64,
}
