//! Where the bytes of a slab lie in its shards.
//!
//! A slab's ciphertext is a row of *units* of 64 KiB (the last may be shorter). Unit `u` lies in data shard `u mod k` at
//! offset `⌊u / k⌋ × 64 KiB`, so that reading one unit asks one supplier for one range. Every shard of a slab has the
//! same length; what the ciphertext leaves open at the end is zero.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Ciphertext bytes of a full unit.
pub const UNIT_BYTES: u64 = 64 * 1024;
/// Bytes of the authentication tag (Poly1305) at the end of each unit.
pub const TAG_BYTES: u64 = 16;
/// Plaintext bytes of a full unit.
pub const UNIT_PLAIN_BYTES: u64 = UNIT_BYTES - TAG_BYTES;
/// Units in a full slab: 640 × 64 KiB = 40 MiB of ciphertext.
pub const SLAB_UNITS: u64 = 640;
/// Ciphertext bytes of a full slab.
pub const SLAB_BYTES: u64 = SLAB_UNITS * UNIT_BYTES;
/// Plaintext bytes of a full slab.
pub const SLAB_PLAIN_BYTES: u64 = SLAB_UNITS * UNIT_PLAIN_BYTES;

/// An erasure code: any `k` of `n` shards give the data back.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Layout {
    k: u8,
    n: u8,
}

/// Why `k` and `n` make no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{k} of {n} is no layout: 1 <= k <= n <= {max} is needed, k data shards among n in all", max = Layout::N_MAX)]
pub struct InvalidLayout {
    /// Data shards asked for.
    pub k: u8,
    /// Shards in all asked for.
    pub n: u8,
}

impl Layout {
    /// Most slots of a dataset. GF(2^8) allows 255 shards; settling and ending touch all slots in one transaction, and
    /// 64 × about 60,000 gas stay well below a block's limit.
    pub const N_MAX: u8 = 64;

    /// `k` data shards among `n` in all.
    pub fn new(k: u8, n: u8) -> Result<Self, InvalidLayout> {
        if k == 0 || k > n || n > Self::N_MAX {
            return Err(InvalidLayout { k, n });
        }
        Ok(Layout { k, n })
    }

    /// Data shards: as many as are needed to rebuild.
    pub const fn k(self) -> u8 {
        self.k
    }

    /// Shards in all.
    pub const fn n(self) -> u8 {
        self.n
    }

    /// Length of every shard of a slab with this many ciphertext bytes.
    ///
    /// It is the extent of shard 0, which holds the first unit of each row and so is never shorter than another.
    pub fn shard_bytes(self, ciphertext_bytes: u64) -> u64 {
        let units = unit_count(ciphertext_bytes);
        if units == 0 {
            return 0;
        }
        let last_unit = units - 1;
        let rows_before = last_unit / u64::from(self.k);
        let last_row_first = rows_before * u64::from(self.k);
        // The last row's first unit is full unless it is itself the last unit.
        let first_bytes =
            if last_row_first == last_unit { ciphertext_bytes - last_unit * UNIT_BYTES } else { UNIT_BYTES };
        rows_before * UNIT_BYTES + first_bytes
    }

    /// Data shard and offset in it of a unit.
    pub fn unit_position(self, unit: u64) -> (u8, u64) {
        // The remainder is below k, which is a u8.
        let shard = (unit % u64::from(self.k)) as u8;
        (shard, unit / u64::from(self.k) * UNIT_BYTES)
    }
}

/// Units that so many ciphertext bytes fill.
pub const fn unit_count(ciphertext_bytes: u64) -> u64 {
    ciphertext_bytes.div_ceil(UNIT_BYTES)
}

/// Ciphertext bytes of a slab with so many plaintext bytes. An empty slab has no unit at all.
pub const fn ciphertext_bytes(plain_bytes: u64) -> u64 {
    plain_bytes + plain_bytes.div_ceil(UNIT_PLAIN_BYTES) * TAG_BYTES
}

/// Ciphertext bytes of one unit of a slab with so many ciphertext bytes; 0 if there is no such unit.
pub const fn unit_bytes(ciphertext_bytes: u64, unit: u64) -> u64 {
    let rest = ciphertext_bytes.saturating_sub(unit * UNIT_BYTES);
    if rest < UNIT_BYTES { rest } else { UNIT_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_fits_its_shard_and_no_byte_is_wasted_on_a_whole_row() {
        for (k, n) in [(1, 1), (1, 3), (4, 8), (10, 30)] {
            let layout = Layout::new(k, n).unwrap();
            for plain in [0, 1, 65519, 65520, 65521, 4 * 65520, 4 * 65520 + 1, 11 * 65520 + 7, SLAB_PLAIN_BYTES] {
                let ciphertext = ciphertext_bytes(plain);
                let shard = layout.shard_bytes(ciphertext);
                let mut extent = 0;
                for unit in 0..unit_count(ciphertext) {
                    let (index, offset) = layout.unit_position(unit);
                    assert!(index < k);
                    extent = extent.max(offset + unit_bytes(ciphertext, unit));
                }
                assert_eq!(extent, shard, "{k} of {n}, {plain} plain bytes");
            }
        }
    }

    #[test]
    fn impossible_codes_are_refused() {
        for (k, n) in [(0, 0), (0, 4), (5, 4), (1, 65), (255, 255)] {
            assert!(Layout::new(k, n).is_err(), "{k} of {n}");
        }
    }

    #[test]
    fn a_full_slab_is_forty_mebibytes() {
        assert_eq!(ciphertext_bytes(SLAB_PLAIN_BYTES), 40 << 20);
        assert_eq!(Layout::new(10, 30).unwrap().shard_bytes(SLAB_BYTES), 4 << 20);
    }
}
