//! A whole slab forward: plain bytes in, `n` masked shards with their outboards out.
//!
//! Two passes over the rows (a row is one unit of each data shard), each row by one thread:
//! 1. seal every unit of the row from the plain bytes into its place, and hash it while it is in cache;
//! 2. with `K_r` known: for each 16 KiB of the row, code, mask and hash all shards.
//!
//! Memory: the shards themselves, n / k × 40 MiB for a full slab (80 MiB at 4 of 8, 120 MiB at 10 of 30), reused through
//! [`Encoder::recycle`]; besides, 32 bytes for every 16 KiB.

use std::iter;

use bitdust_proof::{ChainingValue, Outboard, blob};
use bitdust_types::{
    Root, SlabId,
    layout::{UNIT_BYTES, UNIT_PLAIN_BYTES},
};

use super::{
    MaskKey, RepairRoot, SealKey, SlabShape, Work, Workers, erasure::Code, mask::Mask, seal::Sealer, work::Tally,
};

/// Bytes of each shard that the second pass takes at a time: one group of the outboard, 480 KiB for 30 shards.
pub(super) const COLUMN_BYTES: usize = blob::GROUP_BYTES as usize;
/// Groups in a full unit.
const UNIT_GROUPS: usize = (UNIT_BYTES / blob::GROUP_BYTES) as usize;
const UNIT: usize = UNIT_BYTES as usize;

/// One masked shard, ready for its supplier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedShard {
    /// The masked bytes.
    pub bytes: Vec<u8>,
    /// Their tree, with the root.
    pub outboard: Outboard,
}

impl EncodedShard {
    /// The shard's root.
    pub fn root(&self) -> Root {
        self.outboard.root()
    }
}

/// An encoded slab.
#[derive(Debug)]
pub struct EncodedSlab {
    /// Its lengths.
    pub shape: SlabShape,
    /// BLAKE3 of the ciphertext, from which `K_r` is derived: kept in both manifests.
    pub ciphertext: Root,
    /// `K_r`.
    pub mask: MaskKey,
    /// All `n` shards in order.
    pub shards: Vec<EncodedShard>,
    /// What was done.
    pub work: Work,
}

impl EncodedSlab {
    /// The shards' roots in order.
    pub fn roots(&self) -> Vec<Root> {
        self.shards.iter().map(EncodedShard::root).collect()
    }
}

/// Encodes slab after slab, reusing the shards' memory as far as it is given back.
#[derive(Debug)]
pub struct Encoder {
    workers: Workers,
    /// Memory of shards that were sent; at most one slab's.
    spare: Vec<Vec<u8>>,
}

impl Encoder {
    /// With so many threads.
    pub fn new(workers: Workers) -> Self {
        Encoder { workers, spare: Vec::new() }
    }

    /// Gives a shard's memory back for the next slab.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < usize::from(bitdust_types::Layout::N_MAX) {
            self.spare.push(bytes);
        }
    }

    /// Encodes one slab. `key` is used for this slab alone.
    ///
    /// # Panics
    /// If `plain` is not as long as `shape` says: both are the caller's own.
    pub fn encode(
        &mut self,
        shape: SlabShape,
        slab: SlabId,
        key: &SealKey,
        repair_root: &RepairRoot,
        plain: &[u8],
    ) -> EncodedSlab {
        assert_eq!(plain.len() as u64, shape.plain_bytes(), "the shape is that of these bytes");
        let mut shards: Vec<Vec<u8>> = iter::repeat_with(|| self.buffer(shape)).take(shape.n()).collect();
        let tally = Tally::default();
        let ciphertext = self.seal_rows(shape, &Sealer::new(key, slab, shape.units()), plain, &mut shards, &tally);
        let mask = MaskKey::derive(repair_root, slab, shape, ciphertext);
        let outboards = self.code_rows(shape, &mask, &mut shards, &tally);
        let shards = shards.into_iter().zip(outboards).map(|(bytes, outboard)| EncodedShard { bytes, outboard });
        EncodedSlab { shape, ciphertext, mask, shards: shards.collect(), work: tally.total() }
    }

    /// Memory for one shard. What a former slab left in it is overwritten: padding by the first pass, all else anyway.
    fn buffer(&mut self, shape: SlabShape) -> Vec<u8> {
        let len = shape.shard_bytes() as usize;
        match self.spare.pop() {
            Some(mut bytes) => {
                bytes.resize(len, 0);
                bytes
            }
            None => vec![0; len],
        }
    }

    /// The first pass. Returns the hash of the ciphertext.
    fn seal_rows(
        &self,
        shape: SlabShape,
        sealer: &Sealer,
        plain: &[u8],
        shards: &mut [Vec<u8>],
        tally: &Tally,
    ) -> Root {
        let ciphertext_bytes = shape.ciphertext_bytes();
        if ciphertext_bytes == 0 {
            return blob::root(&[]);
        }
        let k = shape.k();
        let mut values: Vec<ChainingValue> = vec![[0; 32]; ciphertext_bytes.div_ceil(blob::GROUP_BYTES) as usize];
        let rows: Vec<_> = rows_mut(&mut shards[..k])
            .zip(plain.chunks(k * UNIT_PLAIN_BYTES as usize))
            .zip(values.chunks_mut(k * UNIT_GROUPS))
            .enumerate()
            .collect();
        self.workers.run(
            rows,
            || (),
            |(), (row, ((pieces, plain), values))| {
                let mut units = plain.chunks(UNIT_PLAIN_BYTES as usize).zip(values.chunks_mut(UNIT_GROUPS));
                let mut work = Work::default();
                for (i, piece) in pieces.into_iter().enumerate() {
                    let unit = (row * k + i) as u64;
                    let sealed_bytes = match units.next() {
                        Some((plain, values)) => {
                            let sealed = &mut piece[..shape.unit_bytes(unit) as usize];
                            sealer.seal(unit, plain, sealed);
                            blob::group_values(ciphertext_bytes, unit * UNIT_BYTES, sealed, values);
                            work.sealed += plain.len() as u64;
                            work.hashed += sealed.len() as u64;
                            sealed.len()
                        }
                        None => 0,
                    };
                    piece[sealed_bytes..].fill(0);
                }
                tally.add(work);
            },
        );
        Outboard::from_groups(ciphertext_bytes, &values).root()
    }

    /// The second pass. Returns the trees of the masked shards.
    fn code_rows(&self, shape: SlabShape, key: &MaskKey, shards: &mut [Vec<u8>], tally: &Tally) -> Vec<Outboard> {
        let shard_bytes = shape.shard_bytes();
        let empty = blob::root(&[]).0;
        let groups = shard_bytes.div_ceil(blob::GROUP_BYTES).max(1) as usize;
        // An empty shard has one group, which no row visits.
        let mut values: Vec<Vec<ChainingValue>> = vec![vec![empty; groups]; shape.n()];
        let code = Code::new(shape.layout());
        let indices: Vec<u8> = (0..shape.layout().n()).collect();
        let rows: Vec<_> = rows_mut(shards).zip(value_rows(&mut values)).enumerate().collect();
        let state = || (Mask::all(key, &indices), vec![vec![0; COLUMN_BYTES]; shape.n() - shape.k()]);
        self.workers.run(rows, state, |(masks, parity), (row, (mut pieces, mut values))| {
            let row_bytes = pieces[0].len();
            for (group, start) in (0..row_bytes).step_by(COLUMN_BYTES).enumerate() {
                let column = start..(start + COLUMN_BYTES).min(row_bytes);
                let offset = row as u64 * UNIT_BYTES + start as u64;
                let data: Vec<&[u8]> = pieces[..shape.k()].iter().map(|piece| &piece[column.clone()]).collect();
                data.iter().for_each(|piece| fetch(piece));
                code.encode(&data, parity);
                for (index, (piece, values)) in pieces.iter_mut().zip(&mut values).enumerate() {
                    let bytes = &mut piece[column.clone()];
                    match index.checked_sub(shape.k()) {
                        None => masks[index].apply(offset, bytes),
                        Some(extra) => masks[index].apply_into(offset, &parity[extra][..bytes.len()], bytes),
                    }
                    blob::group_values(shard_bytes, offset, bytes, &mut values[group..=group]);
                }
            }
            let all = (shape.n() * row_bytes) as u64;
            let coded = ((shape.n() - shape.k()) * row_bytes) as u64;
            tally.add(Work { coded, masked: all, hashed: all, ..Work::default() });
        });
        values.iter().map(|values| Outboard::from_groups(shard_bytes, values)).collect()
    }
}

/// Brings `bytes` into cache. The code reads its inputs crosswise in small blocks and would wait for memory at each; one
/// byte of every line, in order, lets the processor fetch many lines at once.
fn fetch(bytes: &[u8]) {
    std::hint::black_box(bytes.iter().step_by(64).fold(0, |sum, byte| sum ^ byte));
}

/// The rows of equally long shards: the same 64 KiB of each.
fn rows_mut(shards: &mut [Vec<u8>]) -> impl Iterator<Item = Vec<&mut [u8]>> {
    let mut columns: Vec<_> = shards.iter_mut().map(|shard| shard.chunks_mut(UNIT)).collect();
    iter::from_fn(move || columns.iter_mut().map(Iterator::next).collect())
}

/// The places of each row's group values, as [`rows_mut`] orders the bytes.
pub(super) fn value_rows(values: &mut [Vec<ChainingValue>]) -> impl Iterator<Item = Vec<&mut [ChainingValue]>> {
    let mut columns: Vec<_> = values.iter_mut().map(|values| values.chunks_mut(UNIT_GROUPS)).collect();
    iter::from_fn(move || columns.iter_mut().map(Iterator::next).collect())
}
