//! A whole slab back: any `k` masked shards in, plain bytes out.
//!
//! One pass, each row by one thread: unmask and hash 64 KiB of each source into scratch (the sources stay untouched),
//! combine the units of absent data shards, open every unit into its place. Only then, with all groups hashed, are the
//! roots compared. If one is wrong the output is wiped and the shards are named; so bytes of a wrong shard have been
//! computed with, which harms nothing, but never seen.
//!
//! Memory beside the shards and the output: 2 × k × 64 KiB for each thread.

use bitdust_types::{
    Root, SlabId,
    layout::{UNIT_BYTES, UNIT_PLAIN_BYTES},
};

use super::{
    Invalid, MaskKey, MaskedSlab, SealKey, SlabShape, Work, Workers,
    erasure::{Code, combine},
    mask::Mask,
    rebuild::{SourceRow, source_rows},
    seal::Sealer,
    work::Tally,
};

/// A slab as the owner manifest describes it: enough to read it.
#[derive(Clone, Copy, Debug)]
pub struct SealedSlab<'a> {
    pub(super) masked: MaskedSlab<'a>,
    pub(super) slab: SlabId,
    pub(super) key: &'a SealKey,
}

/// What one thread keeps between rows.
struct Scratch {
    masks: Vec<Mask>,
    /// The unmasked units of the sources.
    units: Vec<Vec<u8>>,
    /// The units of the absent data shards.
    combined: Vec<Vec<u8>>,
}

/// One row's task.
struct Row<'a> {
    first_unit: u64,
    source: SourceRow<'a>,
    plain: &'a mut [u8],
    /// The first unit of the row that does not open.
    forged: &'a mut Option<u64>,
}

impl<'a> SealedSlab<'a> {
    /// `roots` are those of all `n` shards.
    pub fn new(
        shape: SlabShape,
        slab: SlabId,
        key: &'a SealKey,
        mask: &'a MaskKey,
        roots: &'a [Root],
    ) -> Result<Self, Invalid> {
        Ok(SealedSlab { masked: MaskedSlab::new(shape, mask, roots)?, slab, key })
    }

    /// What a scrubber would see of it.
    pub fn masked(&self) -> MaskedSlab<'a> {
        self.masked
    }

    /// Its lengths.
    pub fn shape(&self) -> SlabShape {
        self.masked.shape
    }

    /// Decodes the whole slab from any `k` of `shards` (index and bytes) into `plain`.
    ///
    /// # Errors
    /// `plain` holds zeros after any of them. [`Invalid::Roots`] names every source used that is not what it should be; try
    /// again without them.
    ///
    /// # Panics
    /// If `plain` is not as long as the shape says: both are the caller's own.
    pub fn decode(&self, shards: &[(u8, &[u8])], workers: Workers, plain: &mut [u8]) -> Result<Work, Invalid> {
        let shape = self.masked.shape;
        assert_eq!(plain.len() as u64, shape.plain_bytes(), "the output is as long as the slab");
        let result = self.decode_unchecked(shards, workers, plain);
        if result.is_err() {
            plain.fill(0);
        }
        result
    }

    fn decode_unchecked(&self, shards: &[(u8, &[u8])], workers: Workers, plain: &mut [u8]) -> Result<Work, Invalid> {
        let shape = self.masked.shape;
        let k = shape.k();
        let mut sources = self.masked.sources(shards)?;
        let indices = sources.indices.clone();
        let absent: Vec<u8> = (0..shape.layout().k()).filter(|index| !indices.contains(index)).collect();
        let recovery = Code::new(shape.layout()).recovery(&indices, &absent);
        let sealer = Sealer::new(self.key, self.slab, shape.units());
        let tally = Tally::default();
        let mut forged: Vec<Option<u64>> = vec![None; shape.rows() as usize];
        let rows: Vec<Row<'_>> = source_rows(&sources.shards, &mut sources.values)
            .zip(plain.chunks_mut(k * UNIT_PLAIN_BYTES as usize))
            .zip(&mut forged)
            .enumerate()
            .map(|(row, ((source, plain), forged))| Row { first_unit: (row * k) as u64, source, plain, forged })
            .collect();
        let state = || Scratch {
            masks: Mask::all(self.masked.mask, &indices),
            units: vec![vec![0; UNIT_BYTES as usize]; k],
            combined: vec![vec![0; UNIT_BYTES as usize]; absent.len()],
        };
        workers.run(rows, state, |scratch, row| {
            tally.add(decode_row(shape, &sealer, &indices, &absent, &recovery, scratch, row));
        });
        self.masked.check_roots(&sources)?;
        match forged.into_iter().flatten().next() {
            Some(unit) => Err(Invalid::Seal { slab: self.slab, unit }),
            None => Ok(tally.total()),
        }
    }
}

fn decode_row(
    shape: SlabShape,
    sealer: &Sealer,
    indices: &[u8],
    absent: &[u8],
    recovery: &[Vec<u8>],
    scratch: &mut Scratch,
    mut row: Row<'_>,
) -> Work {
    let row_bytes = row.source.bytes;
    row.source.unmask(shape.shard_bytes(), 0..row_bytes, &mut scratch.masks, &mut scratch.units);
    // The last row may have fewer units than data shards. `absent` is in rising order.
    let units = row.plain.len().div_ceil(UNIT_PLAIN_BYTES as usize);
    let lost = absent.iter().filter(|index| usize::from(**index) < units).count();
    let inputs: Vec<&[u8]> = scratch.units.iter().map(|input| &input[..row_bytes]).collect();
    combine(&recovery[..lost], &inputs, &mut scratch.combined[..lost]);
    let through = (shape.k() * row_bytes) as u64;
    let coded = (lost * row_bytes) as u64;
    let mut work = Work { coded, masked: through, hashed: through, ..Work::default() };
    for (data, plain) in row.plain.chunks_mut(UNIT_PLAIN_BYTES as usize).enumerate() {
        let unit = row.first_unit + data as u64;
        let from = |list: &[u8]| list.iter().position(|index| usize::from(*index) == data);
        let whole = match from(absent) {
            Some(lost) => &scratch.combined[lost],
            None => &scratch.units[from(indices).expect("a data shard is absent or a source")],
        };
        let sealed = &whole[..shape.unit_bytes(unit) as usize];
        if sealer.open(unit, sealed, plain).is_err() && row.forged.is_none() {
            *row.forged = Some(unit);
        }
        work.sealed += plain.len() as u64;
    }
    work
}
