//! Chunks that edits changed, made once for all who ask: the version's chunk with the edits on top, packed.
//!
//! **Invariant:** what is handed out was made of the version and the edits that the caller names.

use std::{collections::HashMap, sync::Arc};

use bitdust_rpc::places::{Frame, Source};
use bitdust_types::Root;
use bitdust_world::{Chunk, ChunkPos, pack};

use super::found::Found;

/// Packed bytes kept: 16,000 chunks of 2 KiB.
const BYTES_MAX: usize = 32 << 20;

/// A chunk with its edits.
pub struct Made {
    /// The version.
    pub sequence: u64,
    /// The edits ([`bitdust_world::edits::Graph::chunk_mark`]).
    pub mark: Root,
    /// What it hashes to.
    pub hash: Root,
    /// Who had the version's chunk.
    pub source: Source,
    /// Its bytes.
    pub packed: Vec<u8>,
}

impl Made {
    /// Makes a chunk of an open location; of the generator's if it isn't given. `None` if no edit touches it any more. Heavy.
    pub fn new(found: &Found, pos: ChunkPos, base: Option<(Chunk, Source)>) -> Option<Self> {
        let Found::Open(open) = found else { return None };
        let (mut chunk, source) = base.unwrap_or_else(|| (open.place.world().generator.chunk(pos), Source::Generator));
        let mark = {
            let state = open.place.state();
            state.graph.apply_to(pos.index(), &mut chunk);
            state.graph.chunk_mark(pos.index())?
        };
        let packed = pack::pack(&chunk);
        Some(Made { sequence: open.sequence(), mark, hash: chunk.hash(), source, packed })
    }

    /// As it is sent to somebody who has a chunk with the hash `have`.
    pub fn frame(&self, pos: ChunkPos, have: Option<Root>, source: Source) -> Frame {
        if have == Some(self.hash) {
            return Frame::Same { pos };
        }
        Frame::Chunk { pos, hash: self.hash, sequence: self.sequence, source, packed: self.packed.clone() }
    }
}

/// Those made last.
#[derive(Default)]
pub struct Kept {
    chunks: HashMap<ChunkPos, (Arc<Made>, u64)>,
    clock: u64,
    bytes: usize,
}

impl Kept {
    /// A chunk of this version with these edits.
    pub fn get(&mut self, pos: &ChunkPos, sequence: u64, mark: Root) -> Option<Arc<Made>> {
        self.clock += 1;
        let (made, used) = self.chunks.get_mut(pos)?;
        *used = self.clock;
        ((made.sequence, made.mark) == (sequence, mark)).then(|| made.clone())
    }

    /// Keeps a chunk in place of what was made of it before.
    pub fn put(&mut self, pos: ChunkPos, made: Arc<Made>) {
        self.clock += 1;
        self.bytes += made.packed.len();
        if let Some((before, _)) = self.chunks.insert(pos, (made, self.clock)) {
            self.bytes -= before.packed.len();
        }
        if self.bytes > BYTES_MAX {
            self.trim();
        }
    }

    /// Drops the half that was unused for longest.
    fn trim(&mut self) {
        let mut uses: Vec<u64> = self.chunks.values().map(|(_, used)| *used).collect();
        uses.sort_unstable();
        let middle = uses[uses.len() / 2];
        let bytes = &mut self.bytes;
        self.chunks.retain(|_, (made, used)| {
            let stays = *used >= middle;
            *bytes -= if stays { 0 } else { made.packed.len() };
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(sequence: u64, mark: u8, bytes: usize) -> Arc<Made> {
        let (hash, source) = (Root([9; 32]), Source::Generator);
        Arc::new(Made { sequence, mark: Root([mark; 32]), hash, source, packed: vec![0; bytes] })
    }

    #[test]
    fn other_edits_or_versions_are_not_found_and_memory_is_bounded() {
        let mut kept = Kept::default();
        let pos = |x| ChunkPos::new(x, 0, 0);
        kept.put(pos(0), made(1, 7, 100));
        assert!(kept.get(&pos(0), 1, Root([7; 32])).is_some());
        assert!(kept.get(&pos(0), 2, Root([7; 32])).is_none() && kept.get(&pos(0), 1, Root([8; 32])).is_none());
        kept.put(pos(0), made(1, 8, 200));
        assert_eq!(kept.bytes, 200);
        for x in 1..2000 {
            kept.put(pos(x), made(1, 1, 60 << 10));
            assert!(kept.get(&pos(0), 1, Root([8; 32])).is_some(), "what is used stays");
            assert!(kept.bytes <= BYTES_MAX);
        }
        assert!(kept.get(&pos(1), 1, Root([1; 32])).is_none() && kept.get(&pos(1999), 1, Root([1; 32])).is_some());
    }
}
