//! What honest parties send: a slot with its answers, a slab with its shards, one message of each kind, a manifest.

pub mod dataset;
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
