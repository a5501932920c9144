//! A supplier's proof, as validators read and judge it.

#![no_main]

use bitdust_fuzz::{edits, honest::slot::SLOT};
use bitdust_proof::{SupplierProof, verify_answer};
use bitdust_types::SlotRoot;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

/// Samples: the ends of the slot, neighbours on both sides of a blob's end, the middle.
const OFFSETS: [u64; 6] = [0, 1, 1024, 1025, 40_000, 109_818];

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let honest = SupplierProof { answers: OFFSETS.map(|offset| SLOT.answer(offset)).to_vec() };
    let bytes = edits::foreign(&honest.encode(), input)?;
    let Ok(proof) = SupplierProof::decode(&bytes) else { return Ok(()) };
    assert!(proof.encode() == bytes, "a proof has one encoding");
    let (root, total) = (SLOT.tree.root(), SLOT.tree.total());
    for (answer, (offset, honest)) in proof.answers.iter().zip(OFFSETS.iter().zip(&honest.answers).cycle()) {
        if verify_answer(root, total, *offset, answer).is_ok() {
            assert!(answer == honest, "an answer passes at {offset} that is not the one");
        }
        // Slots that other people made up.
        let _ = verify_answer(SlotRoot([0; 32]), u64::MAX, u64::MAX - 1, answer);
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
