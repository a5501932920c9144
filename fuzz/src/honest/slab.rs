//! Encoded slabs with everything that the manifests keep of them.

use std::sync::LazyLock;

use bitdust_market::codec::{EncodedSlab, Encoder, RepairRoot, SealKey, SealedSlab, SlabShape, Workers};
use bitdust_types::{Layout, Root, SlabId, layout::UNIT_PLAIN_BYTES};

use super::noise;

const UNIT: usize = UNIT_PLAIN_BYTES as usize;
const SLAB: SlabId = SlabId([5; 32]);

/// A slab before and after.
pub struct Slab {
    /// What went in.
    pub plain: Vec<u8>,
    /// What came out.
    pub encoded: EncodedSlab,
    roots: Vec<Root>,
    key: SealKey,
}

impl Slab {
    fn new(k: u8, n: u8, len: usize) -> Self {
        let layout = Layout::new(k, n).expect("k <= n");
        let shape = SlabShape::new(layout, len as u64).expect("below a slab's most");
        let plain = noise(len, len as u64 + 1);
        let key = SealKey::new([7; 32], [9; 19]);
        let encoded = Encoder::new(Workers::one()).encode(shape, SLAB, &key, &RepairRoot::new([3; 32]), &plain);
        let roots = encoded.roots();
        Slab { plain, encoded, roots, key }
    }

    /// As its owner describes it.
    pub fn sealed(&self) -> SealedSlab<'_> {
        SealedSlab::new(self.encoded.shape, SLAB, &self.key, &self.encoded.mask, &self.roots).expect("n roots")
    }
}

/// Nothing, a byte, a short row, a unit, just more, a short last row; with one data shard and several.
pub static SLABS: LazyLock<[Slab; 6]> = LazyLock::new(|| {
    [
        Slab::new(2, 4, 0),
        Slab::new(1, 3, 1),
        Slab::new(3, 5, 20_000),
        Slab::new(2, 3, UNIT),
        Slab::new(2, 4, UNIT + 1),
        Slab::new(3, 6, 4 * UNIT + 777),
    ]
});
