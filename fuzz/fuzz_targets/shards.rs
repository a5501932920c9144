//! Whole shards from strangers: decoding a slab, and making lost shards again.

#![no_main]

use bitdust_fuzz::{edits, honest::slab::SLABS};
use bitdust_market::codec::Workers;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let slab = input.choose(&SLABS[..])?;
    let n = slab.encoded.shape.layout().n();
    let mut held: Vec<(u8, Vec<u8>)> = Vec::new();
    for _ in 0..input.int_in_range(0..=n)? {
        let honest = &slab.encoded.shards[usize::from(input.int_in_range(0..=n - 1)?)];
        let bytes = if input.ratio(1, 4)? { edits::foreign(&honest.bytes, input)? } else { honest.bytes.clone() };
        held.push((input.int_in_range(0..=n)?, bytes));
    }
    let shards: Vec<(u8, &[u8])> = held.iter().map(|(index, bytes)| (*index, &bytes[..])).collect();
    let sealed = slab.sealed();
    let mut plain = vec![0xaa; slab.plain.len()];
    match sealed.decode(&shards, Workers::one(), &mut plain) {
        Ok(_) => assert!(plain == slab.plain, "other bytes come out"),
        Err(_) => assert!(plain.iter().all(|byte| *byte == 0), "bytes of a wrong shard are seen"),
    }
    let wanted = [input.int_in_range(0..=n)?];
    if let Ok(rebuilt) = sealed.masked().rebuild(&shards, &wanted, Workers::one()) {
        assert!(rebuilt[0] == slab.encoded.shards[usize::from(wanted[0])], "another shard is made");
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
