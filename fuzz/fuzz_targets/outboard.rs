//! A blob's tree as it comes back from a disk that may have rotted.

#![no_main]

use bitdust_fuzz::{edits, honest::slot::SLOT};
use bitdust_proof::{Outboard, blob};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let honest = input.choose(&SLOT.blobs)?;
    let offset = edits::number(input.int_in_range(0..=honest.len() - 1)?, input)?;
    let len = edits::number(honest.len(), input)?;
    let bytes = edits::foreign(honest.outboard.as_bytes(), input)?;
    let Ok(outboard) = Outboard::from_bytes(honest.root(), len, bytes) else { return Ok(()) };
    let read = |at: u64, buffer: &mut [u8]| {
        // Past the end of the honest bytes the disk gives zeros.
        for (place, byte) in buffer.iter_mut().zip(at..) {
            *place = usize::try_from(byte).ok().and_then(|byte| honest.bytes.get(byte)).copied().unwrap_or(0);
        }
        Ok(())
    };
    if let Ok(proof) = blob::prove_chunk(&outboard, len, offset, read)
        && len == honest.len()
    {
        assert!(proof == honest.chunk(offset), "a rotten tree proves something else");
    }
    let end = offset.saturating_add(20_000).min(len);
    if let Ok(encoded) = blob::encode_range(&outboard, len, offset..end, read)
        && len == honest.len()
    {
        assert!(
            blob::decode_range(honest.root(), len, offset..end, &encoded).is_ok(),
            "a rotten tree is sent to a reader"
        );
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
