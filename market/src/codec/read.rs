//! A range of a slab: which bytes of which shards to fetch, and what to do with them.
//!
//! If all is well a small read is one range of one data shard. If that supplier does not answer, the same range of any `k`
//! shards gives it too, since a unit is combined from the bytes at its own offset only: the degraded read.
//!
//! Order of work: [`ReadPlan::new`], fetch each of [`ReadPlan::pieces`] (or [`ReadPlan::column`] from `k` shards),
//! [`MaskedSlab::verify_piece`](super::MaskedSlab::verify_piece) as they arrive, [`SealedSlab::read`]. A piece that has not
//! been verified can't be read: the type says so.
//!
//! Of a *public* slab, whose key is no secret, a part of one unit can be read without the rest ([`ReadPlan::part`]): the tag
//! would need the whole unit, but the range's own tree already proves that these are the bytes that the owner committed to.

use std::ops::Range;

use bitdust_types::layout::{UNIT_BYTES, UNIT_PLAIN_BYTES};

use super::{
    Invalid, MaskKey, SealedSlab, SlabShape, Work,
    erasure::{Code, combine},
    mask::Mask,
    seal::Sealer,
};

/// A part of a shard to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The shard.
    pub shard: u8,
    /// The bytes of it.
    pub range: Range<u64>,
}

/// A part of a shard that has been held against the shard's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPiece {
    pub(super) shard: u8,
    pub(super) range: Range<u64>,
    pub(super) bytes: Vec<u8>,
}

impl VerifiedPiece {
    /// The shard.
    pub fn shard(&self) -> u8 {
        self.shard
    }

    /// The bytes of it.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    fn get(&self, range: &Range<u64>) -> Option<&[u8]> {
        let start = range.start.checked_sub(self.range.start)?;
        self.bytes.get(start as usize..(range.end.checked_sub(self.range.start)?) as usize)
    }
}

/// What to fetch for a range of a slab's plain bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPlan {
    shape: SlabShape,
    plain: Range<u64>,
    pieces: Vec<Piece>,
    /// Exactly these bytes of one unit, without its tag.
    is_part: bool,
}

impl ReadPlan {
    /// For the plain bytes `plain`, not empty and inside the slab.
    pub fn new(shape: SlabShape, plain: Range<u64>) -> Result<Self, Invalid> {
        check_range(shape, &plain)?;
        let mut pieces: Vec<Piece> = Vec::new();
        for unit in units_of(&plain) {
            let place = place(shape, unit);
            // Units of one shard follow each other without a gap, so each shard is asked once.
            match pieces.iter_mut().find(|piece| piece.shard == place.shard) {
                Some(piece) => piece.range.end = place.range.end,
                None => pieces.push(place),
            }
        }
        Ok(ReadPlan { shape, plain, pieces, is_part: false })
    }

    /// For the plain bytes `plain` of a public slab, and no others, if they lie in one unit; as [`ReadPlan::new`] if they
    /// don't.
    pub fn part(shape: SlabShape, plain: Range<u64>) -> Result<Self, Invalid> {
        check_range(shape, &plain)?;
        let unit = plain.start / UNIT_PLAIN_BYTES;
        let whole = shape.unit_plain(unit);
        if plain.end > whole.end {
            return ReadPlan::new(shape, plain);
        }
        let Piece { shard, range } = place(shape, unit);
        let start = range.start + (plain.start - whole.start);
        let pieces = vec![Piece { shard, range: start..start + (plain.end - plain.start) }];
        Ok(ReadPlan { shape, plain, pieces, is_part: true })
    }

    /// What to fetch if all is well: one range from each data shard concerned.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The plain bytes asked for.
    pub fn plain(&self) -> Range<u64> {
        self.plain.clone()
    }

    /// The range which, fetched from any `k` shards, replaces all pieces.
    pub fn column(&self) -> Range<u64> {
        let start = self.pieces.iter().map(|piece| piece.range.start).min().unwrap_or(0);
        let end = self.pieces.iter().map(|piece| piece.range.end).max().unwrap_or(0);
        start..end
    }
}

fn check_range(shape: SlabShape, plain: &Range<u64>) -> Result<(), Invalid> {
    if plain.start >= plain.end || plain.end > shape.plain_bytes() {
        return Err(Invalid::Range { start: plain.start, end: plain.end, len: shape.plain_bytes() });
    }
    Ok(())
}

/// The units that a range of a slab's plain bytes, not empty, lies in.
pub fn units_of(plain: &Range<u64>) -> Range<u64> {
    plain.start / UNIT_PLAIN_BYTES..plain.end.div_ceil(UNIT_PLAIN_BYTES)
}

fn place(shape: SlabShape, unit: u64) -> Piece {
    let (shard, offset) = shape.layout().unit_position(unit);
    Piece { shard, range: offset..offset + shape.unit_bytes(unit) }
}

impl SealedSlab<'_> {
    /// The plain bytes that `plan` is for. Each unit is taken from the piece of its own shard if that is there, else
    /// combined from `k` others that cover its range.
    pub fn read(&self, plan: &ReadPlan, pieces: &[VerifiedPiece]) -> Result<(Vec<u8>, Work), Invalid> {
        let shape = self.masked.shape;
        assert_eq!(plan.shape, shape, "the plan is for this slab");
        let sealer = Sealer::new(self.key, self.slab, shape.units());
        let mut out = vec![0; (plan.plain.end - plan.plain.start) as usize];
        if let ([place], true) = (&plan.pieces[..], plan.is_part) {
            let unit = plan.plain.start / UNIT_PLAIN_BYTES;
            let mut work = Work { sealed: out.len() as u64, ..Work::default() };
            unmask_unit(shape, self.masked.mask, unit, place, pieces, &mut out, &mut work)?;
            sealer.decipher(self.key, unit, plan.plain.start - shape.unit_plain(unit).start, &mut out);
            return Ok((out, work));
        }
        let mut sealed = vec![0; UNIT_BYTES as usize];
        let mut partial = vec![0; UNIT_PLAIN_BYTES as usize];
        let mut work = Work::default();
        for unit in units_of(&plan.plain) {
            let place = place(shape, unit);
            let sealed = &mut sealed[..(place.range.end - place.range.start) as usize];
            unmask_unit(shape, self.masked.mask, unit, &place, pieces, sealed, &mut work)?;
            let forged = |_| Invalid::Seal { slab: self.slab, unit };
            let whole = shape.unit_plain(unit);
            let wanted = whole.start.max(plan.plain.start)..whole.end.min(plan.plain.end);
            let out = &mut out[(wanted.start - plan.plain.start) as usize..(wanted.end - plan.plain.start) as usize];
            if wanted == whole {
                sealer.open(unit, sealed, out).map_err(forged)?;
            } else {
                let partial = &mut partial[..(whole.end - whole.start) as usize];
                sealer.open(unit, sealed, partial).map_err(forged)?;
                let from = (wanted.start - whole.start) as usize;
                out.copy_from_slice(&partial[from..from + out.len()]);
                work.copied += out.len() as u64;
            }
            work.sealed += whole.end - whole.start;
        }
        Ok((out, work))
    }
}

/// Puts the sealed bytes of a unit into `sealed`.
fn unmask_unit(
    shape: SlabShape,
    key: &MaskKey,
    unit: u64,
    place: &Piece,
    pieces: &[VerifiedPiece],
    sealed: &mut [u8],
    work: &mut Work,
) -> Result<(), Invalid> {
    let offset = place.range.start;
    let own = pieces.iter().filter(|piece| piece.shard == place.shard).find_map(|piece| piece.get(&place.range));
    if let Some(masked) = own {
        Mask::new(key, place.shard).apply_into(offset, masked, sealed);
        work.masked += sealed.len() as u64;
        return Ok(());
    }
    let mut sources: Vec<(u8, &[u8])> = Vec::with_capacity(shape.k());
    for piece in pieces {
        if let Some(masked) = piece.get(&place.range)
            && sources.len() < shape.k()
            && sources.iter().all(|(index, _)| *index != piece.shard)
        {
            sources.push((piece.shard, masked));
        }
    }
    if sources.len() < shape.k() {
        return Err(Invalid::Uncovered { unit, k: shape.layout().k() });
    }
    let indices: Vec<u8> = sources.iter().map(|(index, _)| *index).collect();
    let unmasked: Vec<Vec<u8>> = sources
        .iter()
        .map(|(index, masked)| {
            let mut out = vec![0; masked.len()];
            Mask::new(key, *index).apply_into(offset, masked, &mut out);
            work.masked += masked.len() as u64;
            out
        })
        .collect();
    let inputs: Vec<&[u8]> = unmasked.iter().map(Vec::as_slice).collect();
    work.coded += sealed.len() as u64;
    combine(&Code::new(shape.layout()).recovery(&indices, &[place.shard]), &inputs, &mut [sealed]);
    Ok(())
}
