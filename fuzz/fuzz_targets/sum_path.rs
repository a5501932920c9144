//! A blob's path in a slot's sum tree.

#![no_main]

use bitdust_fuzz::{edits, honest::slot::SLOT};
use bitdust_proof::{SumPath, sum};
use bitdust_types::{Root, SlotRoot};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let (root, total) = (SLOT.tree.root(), SLOT.tree.total());
    let honest_offset = input.int_in_range(0..=total - 1)?;
    let (index, inside, path) = SLOT.tree.prove(honest_offset).expect("inside the slot");
    let leaf = (SLOT.blobs[index].root(), SLOT.blobs[index].len());
    let offset = edits::number(honest_offset, input)?;
    let claimed_total = edits::number(total, input)?;
    let claimed = (if input.ratio(1, 8)? { Root(input.arbitrary()?) } else { leaf.0 }, edits::number(leaf.1, input)?);
    let bytes = edits::foreign(&borsh::to_vec(&path).expect("in memory"), input)?;
    let Ok(foreign) = borsh::from_slice::<SumPath>(&bytes) else { return Ok(()) };
    if let Ok(found) = sum::verify(root, claimed_total, offset, &claimed, &foreign) {
        assert_eq!(claimed_total, total, "the total is hashed");
        assert!(claimed == leaf && foreign == path, "another blob or path passes at {offset}");
        assert_eq!(found + honest_offset, inside + offset, "the blob begins elsewhere");
    }
    // A root made up to fit: sums near 2^64 must not wrap.
    let _ = sum::verify(SlotRoot(claimed.0.0), u64::MAX, offset, &claimed, &foreign);
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
