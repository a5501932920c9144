//! Lost shards made again from any `k`, without the key that opens them.
//!
//! Whoever holds `K_r` (the owner, a scrubber) unmasks `k` shards, combines, and masks anew. Since the mask depends on the
//! shard's index and not on its supplier, the result is right if and only if it has the root that the owner committed to.

use bitdust_proof::{ChainingValue, Outboard, blob};
use bitdust_types::{Root, layout::UNIT_BYTES};

use super::{
    EncodedShard, Invalid, MaskKey, SlabShape, VerifiedPiece, Workers,
    encode::{COLUMN_BYTES, value_rows},
    erasure::{Code, combine},
    mask::Mask,
};

/// A slab as the repair manifest describes it: enough to check and to rebuild shards.
#[derive(Clone, Copy, Debug)]
pub struct MaskedSlab<'a> {
    pub(super) shape: SlabShape,
    pub(super) mask: &'a MaskKey,
    pub(super) roots: &'a [Root],
}

/// `k` shards chosen to work from, none of them checked yet.
pub(super) struct Sources<'a> {
    pub(super) indices: Vec<u8>,
    pub(super) shards: Vec<&'a [u8]>,
    /// The values of their groups, filled in as the rows are visited.
    pub(super) values: Vec<Vec<ChainingValue>>,
}

impl<'a> MaskedSlab<'a> {
    /// `roots` are those of all `n` shards.
    pub fn new(shape: SlabShape, mask: &'a MaskKey, roots: &'a [Root]) -> Result<Self, Invalid> {
        if roots.len() != shape.n() {
            return Err(Invalid::RootCount { got: roots.len(), want: shape.layout().n() });
        }
        Ok(MaskedSlab { shape, mask, roots })
    }

    /// Holds a part of a shard, as a supplier sent it (`bitdust_proof::blob::encode_range`), against the shard's root.
    pub fn verify_piece(
        &self,
        shard: u8,
        range: std::ops::Range<u64>,
        encoded: &[u8],
    ) -> Result<VerifiedPiece, Invalid> {
        let root =
            *self.roots.get(usize::from(shard)).ok_or(Invalid::Index { index: shard, n: self.shape.layout().n() })?;
        let bytes = blob::decode_range(root, self.shape.shard_bytes(), range.clone(), encoded)
            .map_err(|reason| Invalid::Piece { index: shard, reason })?;
        Ok(VerifiedPiece { shard, range, bytes })
    }

    /// Makes the shards `wanted` from any `k` of `shards` (index and bytes).
    ///
    /// # Errors
    /// [`Invalid::Roots`] names every source used that is not what it should be; try again without them.
    pub fn rebuild(
        &self,
        shards: &[(u8, &[u8])],
        wanted: &[u8],
        workers: Workers,
    ) -> Result<Vec<EncodedShard>, Invalid> {
        let n = self.shape.layout().n();
        if let Some(index) = wanted.iter().find(|index| **index >= n) {
            return Err(Invalid::Index { index: *index, n });
        }
        let mut sources = self.sources(shards)?;
        let shard_bytes = self.shape.shard_bytes() as usize;
        let mut rebuilt: Vec<Vec<u8>> = vec![vec![0; shard_bytes]; wanted.len()];
        let mut values: Vec<Vec<ChainingValue>> = vec![self.no_values(); wanted.len()];
        let recovery = Code::new(self.shape.layout()).recovery(&sources.indices, wanted);
        let mut outs: Vec<_> = rebuilt.iter_mut().map(|shard| shard.chunks_mut(UNIT_BYTES as usize)).collect();
        let mut out_values = value_rows(&mut values);
        let rows: Vec<_> = source_rows(&sources.shards, &mut sources.values)
            .map(|row| {
                let outs: Vec<&mut [u8]> = outs.iter_mut().filter_map(Iterator::next).collect();
                (row, outs, out_values.next().unwrap_or_default())
            })
            .collect();
        let indices = sources.indices.clone();
        let state = || {
            let buffers = |count| vec![vec![0; COLUMN_BYTES]; count];
            let masks = (Mask::all(self.mask, &indices), Mask::all(self.mask, wanted));
            (masks, buffers(self.shape.k()), buffers(wanted.len()))
        };
        workers.run(rows, state, |(masks, unmasked, combined), (mut row, mut outs, mut out_values)| {
            for (group, start) in (0..row.bytes).step_by(COLUMN_BYTES).enumerate() {
                let column = start..(start + COLUMN_BYTES).min(row.bytes);
                row.unmask(shard_bytes as u64, column.clone(), &mut masks.0, unmasked);
                let inputs: Vec<&[u8]> = unmasked.iter().map(|input| &input[..column.len()]).collect();
                combine(&recovery, &inputs, combined);
                let offset = row.offset + start as u64;
                for (i, out) in outs.iter_mut().enumerate() {
                    let bytes = &mut out[column.clone()];
                    masks.1[i].apply_into(offset, &combined[i][..column.len()], bytes);
                    blob::group_values(shard_bytes as u64, offset, bytes, &mut out_values[i][group..=group]);
                }
            }
        });
        drop(out_values);
        self.check_roots(&sources)?;
        let made = wanted.iter().zip(rebuilt.into_iter().zip(values)).map(|(index, (bytes, values))| {
            let outboard = Outboard::from_groups(shard_bytes as u64, &values);
            if outboard.root() != self.roots[usize::from(*index)] {
                return Err(Invalid::Rebuilt { index: *index });
            }
            Ok(EncodedShard { bytes, outboard })
        });
        made.collect()
    }

    /// Chooses `k` of the shards given, data shards first since they need no combining, after checking all their lengths.
    pub(super) fn sources<'s>(&self, shards: &[(u8, &'s [u8])]) -> Result<Sources<'s>, Invalid> {
        let (k, n) = (self.shape.k(), self.shape.layout().n());
        let want = self.shape.shard_bytes();
        let mut sorted = shards.to_vec();
        sorted.sort_by_key(|(index, _)| *index);
        for (i, (index, bytes)) in sorted.iter().enumerate() {
            if *index >= n {
                return Err(Invalid::Index { index: *index, n });
            }
            if i > 0 && sorted[i - 1].0 == *index {
                return Err(Invalid::Twice { index: *index });
            }
            if bytes.len() as u64 != want {
                return Err(Invalid::Length { index: *index, got: bytes.len() as u64, want });
            }
        }
        if sorted.len() < k {
            return Err(Invalid::TooFew { have: sorted.len(), need: k });
        }
        let (indices, shards) = sorted.into_iter().take(k).unzip();
        Ok(Sources { indices, shards, values: vec![self.no_values(); k] })
    }

    /// Group values of one shard before any is known; an empty shard has one group, which is never visited.
    fn no_values(&self) -> Vec<ChainingValue> {
        vec![blob::root(&[]).0; self.shape.shard_bytes().div_ceil(blob::GROUP_BYTES).max(1) as usize]
    }

    /// Holds all sources, whose groups have been hashed, against their roots.
    pub(super) fn check_roots(&self, sources: &Sources<'_>) -> Result<(), Invalid> {
        let bad = |(index, values): (&u8, &Vec<ChainingValue>)| {
            let root = Outboard::from_groups(self.shape.shard_bytes(), values).root();
            (root != self.roots[usize::from(*index)]).then_some(*index)
        };
        let indices: Vec<u8> = sources.indices.iter().zip(&sources.values).filter_map(bad).collect();
        if indices.is_empty() { Ok(()) } else { Err(Invalid::Roots { indices }) }
    }
}

/// One row of the sources: 64 KiB of each, and where their group values go.
pub(super) struct SourceRow<'a> {
    pub(super) offset: u64,
    pub(super) bytes: usize,
    pieces: Vec<&'a [u8]>,
    values: Vec<&'a mut [ChainingValue]>,
}

impl SourceRow<'_> {
    /// Unmasks a part of every source (from a group's start) into `out`, one buffer per source, filled from its start; and
    /// hashes it. Source after source: long runs are what the processor fetches ahead of its use.
    pub(super) fn unmask(
        &mut self,
        shard_bytes: u64,
        part: std::ops::Range<usize>,
        masks: &mut [Mask],
        out: &mut [Vec<u8>],
    ) {
        for (((piece, values), mask), out) in self.pieces.iter().zip(&mut self.values).zip(masks).zip(out) {
            for start in part.clone().step_by(COLUMN_BYTES) {
                let masked = &piece[start..(start + COLUMN_BYTES).min(part.end)];
                let offset = self.offset + start as u64;
                let group = start / COLUMN_BYTES;
                let into = start - part.start;
                mask.apply_into(offset, masked, &mut out[into..into + masked.len()]);
                blob::group_values(shard_bytes, offset, masked, &mut values[group..=group]);
            }
        }
    }
}

/// The rows of the sources in order.
pub(super) fn source_rows<'a>(
    shards: &[&'a [u8]],
    values: &'a mut [Vec<ChainingValue>],
) -> impl Iterator<Item = SourceRow<'a>> {
    let mut columns: Vec<_> = shards.iter().map(|shard| shard.chunks(UNIT_BYTES as usize)).collect();
    value_rows(values).enumerate().map_while(move |(row, values)| {
        let pieces: Vec<&[u8]> = columns.iter_mut().map(Iterator::next).collect::<Option<_>>()?;
        Some(SourceRow { offset: row as u64 * UNIT_BYTES, bytes: pieces.first()?.len(), pieces, values })
    })
}
