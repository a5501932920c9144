//! A packed chunk from a supplier or a player: bombs, lies about palettes, frames after frames.

#![no_main]

use std::sync::LazyLock;

use bitdust_fuzz::{edits, honest::chunks::CHUNKS, memory};
use bitdust_world::{block::ID_END, pack};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

/// The longest bomb, before it is compressed.
const BOMB_BYTES_MAX: usize = 8 << 20;
/// A chunk is 64 KiB of ids; the unpacker's own space was taken before.
const CHUNK_BYTES: usize = 65 << 10;
/// zstd at the chunks' level.
const LEVEL: i32 = 1;

static PACKED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let packed = CHUNKS.iter().map(pack::pack).collect();
    pack::unpack(&[0, 0, 0]).expect("a chunk of air");
    packed
});

fn foreign(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let honest = input.choose(&PACKED)?;
    // Kinds 2 and 3 are zstd, whose frames hardly survive an edit: most are edited below it.
    if honest[0] < 2 || input.ratio(1, 4)? {
        return edits::foreign(honest, input);
    }
    let content = if input.ratio(1, 64)? {
        vec![input.arbitrary()?; input.int_in_range(0..=BOMB_BYTES_MAX)?]
    } else {
        edits::foreign(&zstd::bulk::decompress(&honest[1..], 1 << 20).expect("an honest frame"), input)?
    };
    let kind = if input.ratio(1, 8)? { input.int_in_range(0..=4)? } else { honest[0] };
    let frame = zstd::bulk::compress(&content, LEVEL).expect("memory suffices");
    Ok([&[kind][..], &frame].concat())
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let bytes = foreign(input)?;
    let Ok(chunk) = memory::within(CHUNK_BYTES, || pack::unpack(&bytes)) else { return Ok(()) };
    let voxels = chunk.as_mixed().map_or(&[][..], |voxels| voxels);
    assert!(voxels.iter().all(|block| block.0 < ID_END), "a block that no world can have");
    let again = pack::pack(&chunk);
    assert!(again.len() <= pack::PACKED_BYTES_MAX, "a chunk of {} bytes", again.len());
    assert!(pack::unpack(&again).as_ref() == Ok(&chunk), "another chunk comes back");
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
