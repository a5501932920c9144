//! A range of a blob with what verifies it, as a reader gets it from a supplier.

#![no_main]

use bitdust_fuzz::{edits, honest::slot::SLOT};
use bitdust_proof::blob;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let honest = input.choose(&SLOT.blobs)?;
    let start = input.int_in_range(0..=honest.len() - 1)?;
    let end = input.int_in_range(start + 1..=honest.len())?;
    let encoded = blob::encode_range(&honest.outboard, honest.len(), start..end, |at, buffer| honest.read(at, buffer))
        .expect("honest bytes");
    let bytes = edits::foreign(&encoded, input)?;
    if let Ok(read) = blob::decode_range(honest.root(), honest.len(), start..end, &bytes) {
        assert!(read == honest.bytes[start as usize..end as usize], "other bytes pass as {start}..{end}");
        assert!(bytes == encoded, "a range has one encoding");
    }
    // What a stranger says of a blob that nobody has seen.
    let len = edits::number(honest.len(), input)?;
    let (start, end) = (edits::number(start, input)?, edits::number(end, input)?);
    let _ = blob::encoded_range_bytes_max(len, &(start..end));
    let _ = blob::decode_range(honest.root(), len, start..end, &bytes);
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
