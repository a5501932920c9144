//! What honest parties send: a slot with its answers, a slab with its shards, one message of each kind, a manifest; of worlds a
//! definition with a quest, a place that two people built at, chunks, and players who meet.

pub mod chunks;
pub mod crowd;
pub mod dataset;
pub mod quest;
pub mod site;
pub mod slab;
pub mod slot;
pub mod talk;

/// Bytes without a pattern behind which a wrong offset could hide (xorshift64, Marsaglia 2003).
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}
