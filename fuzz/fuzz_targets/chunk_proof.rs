//! One chunk of a blob with its path.

#![no_main]

use bitdust_fuzz::{edits, honest::slot::SLOT};
use bitdust_proof::{ChunkProof, blob};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let honest = input.choose(&SLOT.blobs)?;
    let offset = input.int_in_range(0..=honest.len() - 1)?;
    let proof = honest.chunk(offset);
    let claimed = edits::number(offset, input)?;
    let bytes = edits::foreign(&borsh::to_vec(&proof).expect("in memory"), input)?;
    let Ok(mut foreign) = borsh::from_slice::<ChunkProof>(&bytes) else { return Ok(()) };
    // Whole steps too many or too few, which edits of bytes hardly ever make.
    match input.int_in_range(0..=7)? {
        0 => foreign.path.push(input.arbitrary()?),
        1 => drop(foreign.path.pop()),
        2 => foreign.path.insert(0, input.arbitrary()?),
        3 => foreign.path.reverse(),
        4 => foreign.bytes.push(input.arbitrary()?),
        _ => {}
    }
    if blob::verify_chunk(honest.root(), honest.len(), claimed, &foreign).is_ok() {
        assert!(foreign == honest.chunk(claimed), "another proof passes at {claimed}");
    }
    // A length that comes with a made-up root.
    let _ = blob::verify_chunk(honest.root(), edits::number(honest.len(), input)?, claimed, &foreign);
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
