//! Which bytes a supplier must show in an epoch: a pure function of the epoch's seed, so that everybody draws the same.

use bitdust_types::{Address, B256};

/// `count` byte offsets below `total`, uniform and independent, with repetition; none if `total` is 0.
///
/// The offsets come out of BLAKE3 over `"BitDust sample 1" ‖ seed ‖ supplier ‖ epoch` (8 bytes, big endian), read as an
/// endless stream: 16 bytes (big endian) for each offset, taken modulo `total`. With 128 bits for at most 64 the most
/// favoured offset is drawn at most 1 + 2^-64 times as often as another.
pub fn offsets(seed: B256, supplier: Address, epoch: u64, total: u64, count: usize) -> Vec<u64> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"BitDust sample 1").update(seed.as_slice()).update(supplier.as_slice()).update(&epoch.to_be_bytes());
    draw_from(&hasher, total, count)
}

/// The same inside one slot that is on probation: offsets below its `bytes`, drawn apart from all others. `leaf` is the
/// slot's leaf in the supplier's tree (4 bytes, big endian, behind the epoch); the stream begins with `"BitDust sample 2"`.
pub fn offsets_on_probation(
    seed: B256,
    supplier: Address,
    epoch: u64,
    leaf: u32,
    bytes: u64,
    count: usize,
) -> Vec<u64> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"BitDust sample 2").update(seed.as_slice()).update(supplier.as_slice());
    hasher.update(&epoch.to_be_bytes()).update(&leaf.to_be_bytes());
    draw_from(&hasher, bytes, count)
}

fn draw_from(hasher: &blake3::Hasher, total: u64, count: usize) -> Vec<u64> {
    if total == 0 {
        return Vec::new();
    }
    let mut stream = hasher.finalize_xof();
    let mut word = [0; 16];
    (0..count)
        .map(|_| {
            stream.fill(&mut word);
            // The remainder is below `total`, which is a u64.
            (u128::from_be_bytes(word) % u128::from(total)) as u64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u8, supplier: u8, epoch: u64, total: u64, count: usize) -> Vec<u64> {
        offsets(B256::repeat_byte(seed), Address::repeat_byte(supplier), epoch, total, count)
    }

    #[test]
    fn all_lie_below_the_total_and_nothing_is_drawn_from_nothing() {
        assert!(draw(1, 2, 3, 0, 32).is_empty());
        for total in [1, 2, 3, 1000, u64::MAX] {
            let drawn = draw(1, 2, 3, total, 32);
            assert_eq!(drawn.len(), 32);
            assert!(drawn.iter().all(|offset| *offset < total), "total {total}");
        }
    }

    #[test]
    fn seed_supplier_epoch_each_change_the_draw_and_a_longer_draw_begins_like_a_shorter() {
        let total = 1 << 40;
        let base = draw(1, 2, 3, total, 32);
        assert_ne!(base, draw(9, 2, 3, total, 32));
        assert_ne!(base, draw(1, 9, 3, total, 32));
        assert_ne!(base, draw(1, 2, 9, total, 32));
        assert_eq!(base, draw(1, 2, 3, total, 40)[..32]);
    }

    #[test]
    fn slots_on_probation_draw_apart_from_the_whole_and_from_each_other() {
        let (seed, supplier, total) = (B256::repeat_byte(1), Address::repeat_byte(2), 1 << 40);
        let inside = |leaf, bytes| offsets_on_probation(seed, supplier, 3, leaf, bytes, 32);
        assert_ne!(inside(1, total), offsets(seed, supplier, 3, total, 32));
        assert_ne!(inside(1, total), inside(2, total));
        assert!(inside(1, 0).is_empty());
        assert!(inside(1, 7).iter().all(|offset| *offset < 7));
    }

    #[test]
    fn offsets_are_spread_evenly() {
        // 64,000 draws into 64 cells: 1000 expected, standard deviation 31.4; 6 of them bound all cells.
        let mut cells = [0i32; 64];
        for offset in draw(7, 7, 7, 64 * 3, 64_000) {
            cells[(offset / 3) as usize] += 1;
        }
        assert!(cells.iter().all(|n| (n - 1000).abs() < 190), "{cells:?}");
    }

    #[test]
    fn the_published_vector_stays() {
        assert_eq!(draw(0x11, 0x22, 5, 1_000_000_007, 4), VECTOR);
        let (seed, supplier) = (B256::repeat_byte(0x11), Address::repeat_byte(0x22));
        assert_eq!(offsets_on_probation(seed, supplier, 5, 9, 1_000_000_007, 4), VECTOR_ON_PROBATION);
    }

    /// Recorded when the format was fixed; a change here is a change of the network's rules.
    const VECTOR: [u64; 4] = [608_293_613, 331_886_685, 435_947_134, 686_336_254];
    const VECTOR_ON_PROBATION: [u64; 4] = [469_547_782, 96_717_238, 606_174_462, 420_467_433];
}
