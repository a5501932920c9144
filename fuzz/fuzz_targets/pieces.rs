//! Parts of shards from strangers: verifying them and reading a range of a slab.

#![no_main]

use bitdust_fuzz::{edits, honest::slab::SLABS};
use bitdust_market::codec::{ReadPlan, VerifiedPiece};
use bitdust_proof::blob;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

/// Requests for one read: its own shards and a few for those that don't answer.
const PIECES_MAX: u8 = 8;

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let slab = input.choose(&SLABS[1..])?;
    let sealed = slab.sealed();
    let (shape, n) = (slab.encoded.shape, slab.encoded.shape.layout().n());
    let len = shape.plain_bytes();
    let start = edits::number(input.int_in_range(0..=len - 1)?, input)?;
    let end = edits::number(input.int_in_range(0..=len)?, input)?;
    let Ok(plan) = ReadPlan::new(shape, start..end) else { return Ok(()) };
    let mut verified: Vec<VerifiedPiece> = Vec::new();
    for _ in 0..input.int_in_range(0..=PIECES_MAX)? {
        let own = input.choose(plan.pieces())?;
        let shard = if input.arbitrary()? { own.shard } else { input.int_in_range(0..=n - 1)? };
        let range = if input.arbitrary()? { own.range.clone() } else { plan.column() };
        let honest = &slab.encoded.shards[usize::from(shard)];
        let encoded = blob::encode_range(&honest.outboard, shape.shard_bytes(), range.clone(), |at, buffer| {
            buffer.copy_from_slice(&honest.bytes[at as usize..at as usize + buffer.len()]);
            Ok(())
        })
        .expect("honest bytes");
        let bytes = if input.ratio(1, 4)? { edits::foreign(&encoded, input)? } else { encoded };
        let claimed = edits::number(range.start, input)?..edits::number(range.end, input)?;
        let shard = if input.ratio(1, 8)? { input.arbitrary()? } else { shard };
        verified.extend(sealed.masked().verify_piece(shard, claimed, &bytes).ok());
    }
    if let Ok((read, _)) = sealed.read(&plan, &verified) {
        assert!(read == slab.plain[start as usize..end as usize], "other bytes come out");
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
