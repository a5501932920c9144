//! Who waits for which chunk: the requests under way in one world, as their callers made them.
//!
//! Several requests may want one chunk; it is fetched once and answered to all. A request that has all its answers ends, and
//! so does one whose caller hung up.
//!
//! **Invariant:** each chunk of a request is answered by one last frame, exactly.

use std::collections::{HashMap, HashSet};

use bitdust_rpc::places::{CHUNKS_MAX, Frame, WantedChunk};
use bitdust_types::Root;
use bitdust_world::{ChunkPos, LocationPos, stream::WANTS_MAX};
use tokio::sync::mpsc;

/// Frames that wait for one caller: a last one for every chunk and a stand-in before it, so that nobody ever waits for a
/// caller. At 60 KiB a chunk the last ones are at most 30 MiB, at 2 KiB (what most take) 1 MiB.
pub const FRAMES_WAITING: usize = 2 * CHUNKS_MAX;
/// Chunks that are waited for at once, over all requests.
const WAITING_MAX: usize = WANTS_MAX;
/// Nobody foresees more: who names a later deadline has no hurry, and is told after a minute and a half that a chunk can't be had.
const DEADLINE_MS_MAX: u32 = 60_000;
/// So long after a chunk's deadline its callers are told that it can't be had.
const PATIENCE_MS: u64 = 30_000;

struct Request {
    frames: mpsc::Sender<Frame>,
    left: usize,
}

struct Waiting {
    request: u64,
    have: Option<Root>,
    due_ms: u64,
}

/// See the module's head.
#[derive(Default)]
pub struct Requests {
    open: HashMap<u64, Request>,
    waiting: HashMap<ChunkPos, Vec<Waiting>>,
    count: usize,
    last: u64,
}

impl Requests {
    /// Whether so many more chunks can be waited for.
    pub fn has_room(&self, chunks: usize) -> bool {
        self.count + chunks <= WAITING_MAX
    }

    /// Takes a request in. Answers the chunks for which nobody waited, or nobody so soon.
    pub fn add(&mut self, now_ms: u64, wanted: &[WantedChunk], frames: mpsc::Sender<Frame>) -> Vec<WantedChunk> {
        self.last += 1;
        let mut news = Vec::new();
        for chunk in wanted {
            let due_ms = now_ms + u64::from(chunk.deadline_ms.min(DEADLINE_MS_MAX));
            let waiting = self.waiting.entry(chunk.pos).or_default();
            if waiting.iter().all(|other| other.due_ms > due_ms) {
                news.push(*chunk);
            }
            waiting.push(Waiting { request: self.last, have: chunk.have, due_ms });
        }
        self.count += wanted.len();
        self.open.insert(self.last, Request { frames, left: wanted.len() });
        news
    }

    /// Gives a chunk's last frame to all who wait for it, made for what each of them has. Answers to how many.
    pub fn answer(&mut self, pos: ChunkPos, mut frame: impl FnMut(Option<Root>) -> Frame) -> usize {
        let waiting = self.waiting.remove(&pos).unwrap_or_default();
        self.count -= waiting.len();
        for one in &waiting {
            let Some(request) = self.open.get_mut(&one.request) else { continue };
            // It has room for all its frames, unless its caller is gone.
            let _ = request.frames.try_send(frame(one.have));
            request.left -= 1;
            if request.left == 0 {
                self.open.remove(&one.request);
            }
        }
        waiting.len()
    }

    /// Tells all who wait for a chunk to show generated terrain meanwhile.
    pub fn stand_in(&self, pos: ChunkPos) {
        for one in self.waiting.get(&pos).into_iter().flatten() {
            if let Some(request) = self.open.get(&one.request) {
                let _ = request.frames.try_send(Frame::StandIn { pos });
            }
        }
    }

    /// Whether somebody waits for a chunk.
    pub fn is_wanted(&self, pos: &ChunkPos) -> bool {
        self.waiting.contains_key(pos)
    }

    /// Whether everybody who waits for a chunk has it with this hash.
    pub fn all_have(&self, pos: &ChunkPos, hash: Root) -> bool {
        self.waiting.get(pos).is_some_and(|waiting| waiting.iter().all(|one| one.have == Some(hash)))
    }

    /// The soonest time at which somebody needs a chunk.
    pub fn due_ms(&self, pos: &ChunkPos) -> Option<u64> {
        self.waiting.get(pos)?.iter().map(|one| one.due_ms).min()
    }

    /// Chunks of a location that somebody waits for.
    pub fn of_location(&self, location: LocationPos) -> Vec<ChunkPos> {
        self.waiting.keys().filter(|pos| pos.location() == location).copied().collect()
    }

    /// Ends the requests whose callers hung up. Answers the chunks that nobody waits for any more.
    pub fn hang_up(&mut self) -> Vec<ChunkPos> {
        let before = self.open.len();
        self.open.retain(|_, request| !request.frames.is_closed());
        if self.open.len() == before {
            return Vec::new();
        }
        let mut left = Vec::new();
        let (open, count) = (&self.open, &mut self.count);
        self.waiting.retain(|pos, waiting| {
            let all = waiting.len();
            waiting.retain(|one| open.contains_key(&one.request));
            *count -= all - waiting.len();
            if waiting.is_empty() {
                left.push(*pos);
            }
            !waiting.is_empty()
        });
        left
    }

    /// Chunks whose callers have waited long enough.
    pub fn overdue(&self, now_ms: u64) -> HashSet<ChunkPos> {
        let is_over = |one: &Waiting| one.due_ms + PATIENCE_MS < now_ms;
        self.waiting.iter().filter(|(_, waiting)| waiting.iter().any(is_over)).map(|(pos, _)| *pos).collect()
    }

    /// Whether nobody waits for anything.
    pub fn is_idle(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(x: i64, deadline_ms: u32) -> WantedChunk {
        WantedChunk { pos: ChunkPos::new(x, 0, 0), have: None, deadline_ms }
    }

    #[test]
    fn a_chunk_that_two_want_is_asked_for_once_and_answered_to_both() {
        let mut requests = Requests::default();
        let (first, mut firsts) = mpsc::channel(FRAMES_WAITING);
        let (second, mut seconds) = mpsc::channel(FRAMES_WAITING);
        assert_eq!(requests.add(0, &[wanted(1, 500), wanted(2, 500)], first).len(), 2);
        // Later than the first needs it: nothing new. Sooner: that is news.
        assert_eq!(requests.add(0, &[wanted(1, 900), wanted(2, 100)], second), [wanted(2, 100)]);
        assert_eq!(requests.due_ms(&ChunkPos::new(2, 0, 0)), Some(100));
        let pos = ChunkPos::new(1, 0, 0);
        requests.stand_in(pos);
        assert_eq!(requests.answer(pos, |_| Frame::Same { pos }), 2);
        assert_eq!(requests.answer(pos, |_| Frame::Same { pos }), 0);
        for frames in [&mut firsts, &mut seconds] {
            assert_eq!(frames.try_recv().unwrap(), Frame::StandIn { pos });
            assert_eq!(frames.try_recv().unwrap(), Frame::Same { pos });
        }
        drop(firsts);
        assert_eq!(requests.hang_up(), [], "the second one still waits for the other chunk");
        drop(seconds);
        assert_eq!(requests.hang_up(), [ChunkPos::new(2, 0, 0)]);
        assert!(requests.is_idle() && requests.count == 0);
    }

    #[test]
    fn nobody_waits_for_ever_and_there_is_room_for_so_many() {
        let mut requests = Requests::default();
        let (frames, _kept) = mpsc::channel(FRAMES_WAITING);
        requests.add(1_000, &[wanted(1, 0), wanted(2, 60_000)], frames);
        assert!(requests.overdue(1_000 + PATIENCE_MS).is_empty());
        assert_eq!(requests.overdue(1_001 + PATIENCE_MS), HashSet::from([ChunkPos::new(1, 0, 0)]));
        assert!(requests.has_room(WAITING_MAX - 2) && !requests.has_room(WAITING_MAX - 1));
    }
}
